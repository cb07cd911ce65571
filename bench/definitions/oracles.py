"""The definitions two other readers find: `ctags` (universal-ctags) in twelve languages, `ast` in Python.

Why Stemma has not found one is said in `reasons`. Universal Ctags 5.9 has no parser of Swift and none of Dart.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS, HOLDS = "runs", "holds"
ANONYMOUS = re.compile(r"^((__anon|[Aa]nonymous|anon(Function|Class))\w*|<lambda>|<anonymous>)$")

# Of each language: the name ctags has for it, and its kinds of what runs and of what holds others.
CTAGS = {
    "c": ("C", "function", "struct union enum"),
    "cpp": ("C++", "function", "class struct union enum"),
    "csharp": ("C#", "method", "class interface struct enum"),
    "go": ("Go", "func", "struct interface"),
    "java": ("Java", "method", "class interface enum annotation"),
    "javascript": ("JavaScript", "function generator method getter setter", "class"),
    "typescript": ("TypeScript", "function generator method", "class interface enum"),
    "kotlin": ("Kotlin", "method", "class interface object"),
    "php": ("PHP", "function", "class interface trait"),
    "python": ("Python", "function member", "class"),
    "ruby": ("Ruby", "method singletonMethod", "class module"),
    "rust": ("Rust", "function method", "struct enum interface implementation macro"),
}


@dataclass(frozen=True)
class Tag:
    """One definition another reader found: whether it runs or holds others, its name and the line it stands on."""

    group: str
    kind: str
    name: str
    line: int


def ctags_version() -> str:
    done = subprocess.run(["ctags", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.partition(",")[0]


def read_with_ctags(language: str, paths: Sequence[Path]) -> dict[Path, list[Tag]]:
    """Tags of each file; the file names are handed over in a file, so none is read by a shell or as an option."""
    name, runs, holds = CTAGS[language]
    groups = {**dict.fromkeys(runs.split(), RUNS), **dict.fromkeys(holds.split(), HOLDS)}
    tags: dict[Path, list[Tag]] = defaultdict(list)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.write("\n".join(map(str, paths)))
        listing.flush()
        command = ["ctags", "--options=NONE", "--output-format=json", "--fields=+nK", "--sort=no", "--extras=-r"]
        command += [f"--language-force={name}", "-f", "-", "-L", listing.name]
        done = subprocess.run(command, capture_output=True, check=True)
    for line in done.stdout.splitlines():
        found = json.loads(line.decode("utf-8", "replace"))
        if (group := groups.get(found.get("kind"))) is not None:
            tags[Path(found["path"])].append(Tag(group, found["kind"], found["name"], found["line"]))
    return tags


def read_with_ast(path: Path) -> list[Tag] | None:
    """Functions, methods and classes of a Python file, on the line of their `def`; None when it is not Python 3."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return list(_walk(tree))


def _walk(tree: ast.AST) -> Iterator[Tag]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Tag(RUNS, "function", node.name, node.lineno)
        elif isinstance(node, ast.ClassDef):
            yield Tag(HOLDS, "class", node.name, node.lineno)
