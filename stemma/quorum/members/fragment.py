"""A definition cut out of its file, made readable on its own: how it is wrapped, and by how many lines it moves.

What is read from it lives in the members.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

# Modules that a Python definition names without importing them, since its file did: without these imports Ruff and
# Bandit cannot tell that `subprocess.run` is the standard library's. Whoever binds such a name himself shadows it.
# Only those it names are written: all of them would cost Bandit a tenth more time.
_MODULES = (
    *("asyncio", "contextlib", "contextvars", "ctypes", "dill", "flask", "ftplib", "functools", "hashlib", "httpx"),
    *("itertools", "jinja2", "jsonpickle", "logging", "mako", "marshal", "math", "os", "pandas", "paramiko", "pickle"),
    *(
        "pty",
        "random",
        "re",
        "requests",
        "shelve",
        "shutil",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tarfile",
        "telnetlib",
    ),
    *(
        "tempfile",
        "threading",
        "time",
        "torch",
        "urllib.request",
        "warnings",
        "xml.dom.minidom",
        "xml.etree.ElementTree",
    ),
    *("xml.sax", "yaml"),
)
PYTHON_LINES_BEFORE = 2

_HEADER = re.compile(r"^([ \t]*)(?:@|(?:async[ \t]+)?def\b|class\b)", re.MULTILINE)

# A method stands alone in some grammars and not in others: the first of these in which it parses whole is its form.
_CONTAINERS: dict[str, tuple[tuple[str, str], ...]] = {
    "javascript": (("class _ {", "}"), ("({", "})")),
    "typescript": (("class _ {", "}"), ("({", "})"), ("interface _ {", "}")),
    "java": (("class _ {", "}"), ("interface _ {", "}"), ("enum _ {", "}")),
    "rust": (("impl _ {", "}"), ("trait _ {", "}")),
    "cpp": (("struct _ {", "};"), ("struct _ {", " _;\n};")),
}

# What follows a definition in its file and is not part of it: C's `struct s { ... }` ends in a declarator or `;`.
_TAILS = {"c": " _;", "cpp": " _;"}


def python_module(code: str) -> str:
    """The definition as a module of its own, `PYTHON_LINES_BEFORE` lines longer; nothing of its text is changed.

    The first line of a decorated or commented method has lost the indentation that its second line still has. It gets
    it back, and a class around it: dedenting would change the text of multi-line strings.
    """
    indent = code[: len(code) - len(code.lstrip(" \t"))] or _lost_indentation(code)
    named = [module for module in _MODULES if f"{module}." in code]
    preamble = f"import {', '.join(named)}" if named else ""
    container = "class _:" if indent else ""
    missing = "" if code.startswith((" ", "\t")) else indent
    return f"{preamble}\n{container}\n{missing}{code}\n"


def _lost_indentation(code: str) -> str:
    if not code.startswith(("@", "#")):
        return ""
    first_line_end = code.find("\n") + 1
    header = _HEADER.search(code, first_line_end)
    return header[1] if header and first_line_end else ""


def write_python(batch: pl.DataFrame, folder: Path) -> Path:
    """One file a pattern, named by its id, in a new folder below `folder`."""
    sources = folder / "sources"
    sources.mkdir()
    for pattern_id, code in batch.select("pattern_id", "code").iter_rows():
        (sources / f"{pattern_id}.py").write_bytes(python_module(code).encode("utf-8", "replace"))
    return sources


def forms(language: str, code: str) -> list[tuple[str, int]]:
    """The definition as it is and inside each container of its language, with the lines that precede it."""
    if language == "python":
        return [(python_module(code), PYTHON_LINES_BEFORE)]
    alone = [(f"{code}\n", 0)]  # Go's grammar ends a type's definition at the line's end
    if tail := _TAILS.get(language):
        alone.append((f"{code}{tail}\n", 0))
    return alone + [(f"{opening}\n{code}\n{closing}\n", 1) for opening, closing in _CONTAINERS.get(language, ())]
