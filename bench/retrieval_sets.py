"""The sets on which retrieval is measured, each as queries, candidates and what is right; built from a folder.

FOLDER holds git directories (bare or not) or clones of the public repositories of `REPOSITORIES`, at any path that
ends in `<owner>+<name>/repo` or `<owner>+<name>`, and `heldout.parquet` as `python -m training FOLDER mine` writes
it. What is measured on them lives in `retrieval`.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from training.masking import mask
from training.mine import without_docstring

REPOSITORIES = {
    "THUDM/CodeGeeX": "2838420b7b4492cf3d16bce5320e26e65960c9e2",
    "Jun-jie-Huang/CoCLR": "14ebcacf9e9bc3e7109102632bc63047876f27d2",
    "guilhermeivo/dataset-poj-104": "28790c701b1d595ad61665c95752581a751da1f0",
    "exercism/python": "9eb657d4507d91efef99f484e7f2a1f4074911b5",
    "exercism/java": "d8e92d5ba47a37afb6f10f1d9e1117b72c1656d5",
    "exercism/go": "ae1477abfeeb9fbeaf971caee220e91f9e4df790",
    "exercism/javascript": "295540983b6323edcfd457b3163ad6c63608f2da",
    "exercism/rust": "afe248a156c147bed54f08ed52d88e50d17b0e7b",
    "exercism/c": "219e653795c90431eb02aed73965c8dcb89fe9ed",
    "exercism/cpp": "7d2e8e45f0530227ea05ad094dcb076a3edcc11a",
}
SEED = 11
N_QUERIES, N_CANDIDATES = 1_000, 1_000
LANGUAGES = {
    "py": ["python"],
    "go": ["go"],
    "java": ["java"],
    "js/ts": ["javascript", "typescript"],
    "rust": ["rust"],
    "c/c++": ["c", "cpp"],
}
HUMANEVAL = {"python": "python", "java": "java", "go": "go", "js": "javascript", "rust": "rust", "cpp": "cpp"}
EXAMPLES = {
    "python": r"\.meta/example\.py$", "java": r"\.meta/src/reference/java/.*\.java$", "go": r"\.meta/example\.go$",
    "javascript": r"\.meta/proof\.ci\.js$", "rust": r"\.meta/example\.rs$", "c": r"\.meta/example\.[ch]$",
    "cpp": r"\.meta/example\.(cpp|h)$",
}  # fmt: skip
_EXAMPLES = re.compile(r">>>|\n\s*(?:Examples?|For example|e\.g\.)\b", re.I)
N_PROBLEMS, N_PROGRAMS = 24, 50


@dataclass(frozen=True)
class Task:
    """One search: `right` are places in `candidates`; with `is_same_list` a query does not find itself."""

    name: str
    queries: list[str]
    candidates: list[str]
    right: list[set[int]]
    is_text: bool
    metric: str = "MRR@10"
    is_same_list: bool = False


Row = tuple[str, Callable[[Path], list[Task]]]


def rows() -> list[Row]:
    """The table's columns: a name, and the tasks whose figures are averaged."""
    text = [(f"docstring→{name}", _docstrings(names, "plain")) for name, names in LANGUAGES.items()]
    masked = ("docstring→py, local names masked", _docstrings(["python"], "local"))
    fully = ("docstring→py, all names masked", _docstrings(["python"], "all"))
    return [
        text[0],
        masked,
        fully,
        *text[1:],
        ("HumanEval-X text→code", humaneval_text),
        ("HumanEval-X code→code", lambda folder: humaneval_code(folder, "plain")),
        ("HumanEval-X code→code, local names masked", lambda folder: humaneval_code(folder, "local")),
        ("HumanEval-X code→code, all names masked", lambda folder: humaneval_code(folder, "all")),
        ("exercism code→code", exercism),
        ("poj104", poj104),
        ("CoSQA", cosqa),
    ]


def _docstrings(languages: list[str], names: str) -> Callable[[Path], list[Task]]:
    def tasks(folder: Path) -> list[Task]:
        held = heldout(folder, languages)
        n_queries = min(held["text"].count(), N_QUERIES)
        code = [_masked(*row, names) for row in held.select("code", "language", "name").iter_rows()]
        queries = held["text"].to_list()[:n_queries]
        return [Task("", queries, code, [{n} for n in range(len(queries))], is_text=True)]

    return tasks


def heldout(folder: Path, languages: list[str]) -> pl.DataFrame:
    """Functions of packages kept out of training, no text or code twice: documented ones first, in a seeded order."""
    frame = pl.read_parquet(folder / "heldout.parquet").filter(pl.col("language").is_in(languages))
    frame = frame.unique("code", maintain_order=True).sample(fraction=1, shuffle=True, seed=SEED)
    documented = frame.filter(pl.col("text").is_not_null()).unique("text", maintain_order=True)
    return pl.concat([documented, frame.filter(pl.col("text").is_null())]).head(N_CANDIDATES)


def _masked(code: str, language: str, name: str, names: str) -> str:
    if names == "plain":
        return code
    return mask(code, language, name, "all" if names == "all" else "local")


@cache
def humaneval(folder: Path) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Descriptions, function names and, by language, solutions: declaration and body, no documentation."""
    texts, names, solutions = [], [], {}
    for track, language in HUMANEVAL.items():
        path = f"codegeex/benchmark/humaneval-x/{track}/data/humaneval_{track}.jsonl.gz"
        items = [json.loads(line) for line in gzip.decompress(_show(folder, "THUDM/CodeGeeX", path)).splitlines()]
        solutions[language] = []
        for item in items:
            declaration = item["declaration"].strip("\n")
            if language == "python":
                declaration = declaration[declaration.rfind("def ") :]
                found = re.search(r"(\"\"\"|''')([\s\S]*?)\1\s*$", item["prompt"])
                description = re.split(_EXAMPLES, found[2] if found else "")[0]
                texts.append(" ".join(description.split()))
                names.append(re.findall(r"def (\w+)", declaration)[-1])
            solutions[language].append(f"{declaration}\n{item['canonical_solution'].rstrip()}")
    return texts, names, solutions


def _distractors(folder: Path, language: str) -> list[tuple[str, str, str]]:
    """Functions of held-out packages that stand among the solutions: those of the row of that language."""
    languages = next(names for names in LANGUAGES.values() if language in names)
    return list(heldout(folder, languages).select("code", "language", "name").iter_rows())


def humaneval_text(folder: Path) -> list[Task]:
    texts, _, solutions = humaneval(folder)
    return [
        Task(
            language,
            texts,
            codes + [row[0] for row in _distractors(folder, language)],
            [{n} for n in range(len(texts))],
            True,
        )
        for language, codes in solutions.items()
    ]


def humaneval_code(folder: Path, names: str) -> list[Task]:
    _, own, solutions = humaneval(folder)
    masked = {
        language: [_masked(code, language, name, names) for code, name in zip(codes, own, strict=True)]
        for language, codes in solutions.items()
    }
    others = {language: [_masked(*row, names) for row in _distractors(folder, language)] for language in solutions}
    return [
        Task(f"{a}→{b}", masked[a], masked[b] + others[b], [{n} for n in range(len(own))], False)
        for a in masked
        for b in masked
        if a != b
    ]


def exercism(folder: Path) -> list[Task]:
    """Query: one language's solution; candidates: every other language's, the same exercise's being right."""
    solutions: list[tuple[str, str, str]] = []
    for track, pattern in EXAMPLES.items():
        found: dict[str, list[str]] = defaultdict(list)
        repository = f"exercism/{track}"
        for path in _paths(folder, repository):
            if path.startswith("exercises/practice/") and re.search(pattern, path):
                found[path.split("/")[2]].append(path)
        contents = _show_all(folder, repository, [path for paths in found.values() for path in paths])
        solutions += [
            (track, name, "\n".join(contents[path] for path in paths)) for name, paths in sorted(found.items())
        ]
    tasks = []
    for track in EXAMPLES:
        others = [(name, code) for other, name, code in solutions if other != track]
        places: dict[str, set[int]] = defaultdict(set)
        for place, (name, _) in enumerate(others):
            places[name].add(place)
        mine = [(name, code) for own, name, code in solutions if own == track and name in places]
        tasks.append(Task(track, [c for _, c in mine], [c for _, c in others], [places[n] for n, _ in mine], False))
    return tasks


def poj104(folder: Path) -> list[Task]:
    """MAP@R over programs of all problems, some of each."""
    by_problem: dict[str, list[str]] = defaultdict(list)
    for path in _paths(folder, "guilhermeivo/dataset-poj-104"):
        if re.match(r"codexglue/\d+/\d+\.cpp$", path):
            by_problem[path.split("/")[1]].append(path)
    chosen = []
    for problem in sorted(by_problem, key=int)[-N_PROBLEMS:]:
        chosen += random.Random(SEED).sample(sorted(by_problem[problem]), N_PROGRAMS)
    contents = _show_all(folder, "guilhermeivo/dataset-poj-104", chosen)
    codes = [contents[path] for path in chosen]
    right = [set(range(n - n % N_PROGRAMS, n - n % N_PROGRAMS + N_PROGRAMS)) - {n} for n in range(len(codes))]
    return [Task("", codes, codes, right, False, "MAP@R", is_same_list=True)]


def cosqa(folder: Path) -> list[Task]:
    queries = json.loads(_show(folder, "Jun-jie-Huang/CoCLR", "data/search/cosqa-retrieval-dev-500.json"))
    codes = json.loads(_show(folder, "Jun-jie-Huang/CoCLR", "data/search/code_idx_map.txt"))
    ordered = [_bare(code) for code, _ in sorted(codes.items(), key=lambda item: item[1])]
    return [Task("", [q["doc"] for q in queries], ordered, [{q["retrieval_idx"]} for q in queries], True)]


def _bare(code: str) -> str:
    found = re.search(r"(\"\"\"|''')([\s\S]*?)\1", code)
    return without_docstring(code, found[2]) if found and found[2].strip() else code


def _repository(folder: Path, name: str) -> Path:
    flat = name.replace("/", "+")
    for place in (folder / flat / "repo", folder / flat / ".git", folder / flat):
        if (place / "HEAD").exists():
            return place
    raise SystemExit(f"{folder / flat} is missing: clone https://github.com/{name} there.")


def _git(folder: Path, name: str, *command: str, given: bytes | None = None) -> bytes:
    git = ["git", f"--git-dir={_repository(folder, name)}", *command]
    return subprocess.run(git, input=given, capture_output=True, check=True).stdout


def _paths(folder: Path, name: str) -> list[str]:
    return _git(folder, name, "ls-tree", "-r", "--name-only", REPOSITORIES[name]).decode().splitlines()


def _show(folder: Path, name: str, path: str) -> bytes:
    return _git(folder, name, "show", f"{REPOSITORIES[name]}:{path}")


def _show_all(folder: Path, name: str, paths: list[str]) -> dict[str, str]:
    out = _git(
        folder, name, "cat-file", "--batch", given="".join(f"{REPOSITORIES[name]}:{path}\n" for path in paths).encode()
    )
    contents, place = {}, 0
    for path in paths:
        head, place = out[place : out.index(b"\n", place)], out.index(b"\n", place) + 1
        size = int(head.split()[-1])
        contents[path] = out[place : place + size].decode("utf-8", "replace")
        place += size + 1
    return contents
