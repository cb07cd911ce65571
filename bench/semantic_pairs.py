"""Functions of two languages of which some do the same: pairs of real packages as they come, and solutions of one task.

Natural pairs are a sample of the functions of released packages, each with the likest of another language. A person
read some of each stratum by this rule: two do the same where one could be called for the other if the languages
allowed it. Planted pairs are public solutions of one task, each with the likest among the solutions in other languages
and the packages' functions. What is learned from both is said in `semantic`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.clones.functions import extracted, runs_only
from bench.clones.reading import real_patterns
from bench.clones.sets import files_at, kept, repository
from bench.retrieval_sets import EXAMPLES, REPOSITORIES, humaneval
from stemma.languages import EXTRACTOR_VERSION
from stemma.match.kinds import RUNS, group_of, sides_of
from stemma.match.scores import jaccard, sets_of

LEETCODE = "kamyu104/LeetCode-Solutions", "a42318b19416b86d301d01db278172da59490a69"
QUIXBUGS = "jkoppel/QuixBugs", "4257f44b0ff1181dedaedee6a447e133219fcebf"
LEAST_TOKENS = 20
SAMPLED = 92
"""Of 256: a natural function is asked for where its pattern's first byte is below."""
NEAREST, BLOCK = 30, 400
COLUMNS = ["pattern_id", "language", "kind", "name", "package", "n_tokens", "sub_tokens", "docstring", "code"]
PLANTED = ["set", "problem", "task"]
Solutions = tuple[str, str, dict[str, bytes], Callable[[str], str]]
"""Name of the set, language, files, and the problem that a file solves."""


def natural(folder: Path) -> pl.DataFrame:
    """Functions of the packages of `bench.clones.released` and of those the embedder was not trained on."""
    held = folder / "heldout.parquet"
    key = f"{EXTRACTOR_VERSION} {hashlib.sha256(held.read_bytes()).hexdigest()} {real_patterns(folder).height}"
    return kept(folder, "languages", key, lambda: _natural(folder, pl.read_parquet(held)))


def _natural(folder: Path, held: pl.DataFrame) -> pl.DataFrame:
    parts = [real_patterns(folder).select(COLUMNS)]
    for (language,), rows in held.partition_by("language", as_dict=True).items():
        texts = {f"{at:06d}": code.encode("utf-8", "replace") for at, code in enumerate(rows["code"])}
        packages = pl.DataFrame({"blob_oid": list(texts), "package": rows["package"]})
        parts.append(_functions(texts, str(language)).join(packages, on="blob_oid").select(COLUMNS))
    return _usable(pl.concat(parts, how="vertical_relaxed").sort("language", "pattern_id", "package"))


def planted(folder: Path) -> pl.DataFrame:
    """Functions of public solutions; a `task` is one function of a `problem`, as its name tells."""
    parts = []
    for name, language, texts, problem_of in _solutions(folder):
        found = _functions(texts, language)
        told = pl.DataFrame(
            {
                "problem": [problem_of(path) for path in found["blob_oid"]],
                "task": [re.sub(r"[^a-z0-9]", "", text.lower()) for text in found["name"]],
            }
        )
        parts.append(found.hstack(told).with_columns(set=pl.lit(name), package=pl.lit(name)))
    return _usable(pl.concat([part.select(*COLUMNS, *PLANTED) for part in parts], how="vertical_relaxed"))


def _solutions(folder: Path) -> Iterator[Solutions]:
    place = repository(folder, *LEETCODE)
    for language, inside, suffix in (("python", "Python", ".py"), ("cpp", "C++", ".cpp")):
        yield "LeetCode-Solutions", language, files_at(place, LEETCODE[1], suffix, inside), _stem
    place = repository(folder, *QUIXBUGS)
    for language, suffix in (("python", ".py"), ("java", ".java")):
        texts = files_at(place, QUIXBUGS[1], suffix, f"correct_{language}_programs")
        yield "QuixBugs", language, {path: text for path, text in texts.items() if "_test" not in path}, _stem
    for track, pattern in EXAMPLES.items():
        name = f"exercism/{track}"
        texts = files_at(repository(folder, name, REPOSITORIES[name]), REPOSITORIES[name], "", "exercises/practice")
        examples = {path: text for path, text in texts.items() if re.search(pattern, path) and path[-2:] != ".h"}
        yield "exercism", track, examples, lambda path: path.split("/")[2]
    for language, codes in humaneval(folder)[2].items():
        yield "HumanEval-X", language, {f"{at:03d}": code.encode() for at, code in enumerate(codes)}, str


def _stem(path: str) -> str:
    return Path(path).stem.lower()


def _functions(texts: dict[str, bytes], language: str) -> pl.DataFrame:
    """The functions that are not trivial, each with the file that it was first met in (`blob_oid`)."""
    snippets, patterns = extracted(texts, language)
    first = runs_only(snippets).select("pattern_id", "blob_oid").unique("pattern_id", keep="first", maintain_order=True)
    named = first.join(patterns.filter(~pl.col("is_trivial")), on="pattern_id", maintain_order="left")
    return named.with_columns(language=pl.lit(language))


def _usable(functions: pl.DataFrame) -> pl.DataFrame:
    is_run = pl.Series([group_of(kind) == RUNS for kind in functions["kind"]], dtype=pl.Boolean)
    kept = functions.filter(is_run & (functions["n_tokens"] >= LEAST_TOKENS))
    return kept.unique(["pattern_id", "language"], keep="first", maintain_order=True)


def is_sampled(functions: pl.DataFrame) -> NDArray[np.bool_]:
    """Which natural functions are asked for: by their ids, so that more packages change nothing of the others."""
    return np.array([int(text[:2], 16) < SAMPLED for text in functions["pattern_id"]], np.bool_)


def likest(functions: pl.DataFrame, vectors: NDArray[np.float32], asked: NDArray[np.int64]) -> pl.DataFrame:
    """For each asked row the row of another language with the largest sum of cosine and share of common words.

    A solution of the same problem under another name is not looked at: nobody knows whether it does the same.
    """
    sides = sides_of(functions["language"])
    words = sets_of(functions["sub_tokens"])
    has_problem = "problem" in functions.columns
    problem, task = (functions[name].to_numpy() for name in PLANTED[1:]) if has_problem else (None, None)
    found = []
    for start in range(0, len(asked), BLOCK):
        rows = asked[start : start + BLOCK]
        cosines = vectors[rows] @ vectors.T
        cosines[sides[rows][:, None] == sides[None]] = -1
        near = np.argpartition(-cosines, NEAREST, axis=1)[:, :NEAREST]
        a, b = np.repeat(rows, NEAREST), near.ravel()
        cosine = np.take_along_axis(cosines, near, axis=1).ravel()
        part = {"a": a, "b": b, "cosine": cosine.clip(0), "lexical": np.nan_to_num(jaccard(words, a, b))}
        pairs = pl.DataFrame(part).filter(pl.Series(cosine > 0))
        if problem is not None and task is not None:
            one, other = pairs["a"].to_numpy(), pairs["b"].to_numpy()
            is_open = (problem[one] == problem[other]) & (problem[one] != None) & (task[one] != task[other])  # noqa: E711
            pairs = pairs.filter(pl.Series(~is_open))
        likeness = pl.col("cosine") + pl.col("lexical")
        found.append(pairs.sort(likeness, descending=True).unique("a", keep="first", maintain_order=True))
    return pl.concat(found).sort("a")
