"""mypy over the files of one batch, run as `python -m stemma.quorum.members.mypy_child FOLDER CODES`.

It reads `batch.jsonl` and writes `errors.jsonl`, `known.jsonl` and `unread.jsonl`, whose columns `mypy` (the member)
declares and judges. mypy's own command line would obey `# mypy:` comments, stop at the first file it cannot parse, and
not tell how much of a text it understood. Nothing is imported, and no plugin, configuration or installed package read.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mypy import build
from mypy.errors import CompileError
from mypy.modulefinder import BuildSource
from mypy.options import Options
from mypy.stats import TYPE_ANY, TYPE_IMPRECISE, TYPE_PRECISE, TYPE_UNANALYZED, StatisticsVisitor

# A file is a module at the bottom of packages that do not exist: its name means nothing, and `from ... import x` has
# somewhere to look and finds nothing. A file that climbs higher is left out.
_DEPTH = 8
_PACKAGE = "stemma_judged." * _DEPTH

# The judged code's own pleas are not heard, but remembered: an error in such a line is neither told as a failure nor
# passed over. The text keeps its lines and columns.
_PLEA = re.compile(r"#[ \t]*(?:type:[ \t]*ignore|mypy:|(?:ty|pyright|pytype|pyre)[:-][ \t]*(?:ignore|disable|fixme))")
_ERROR = re.compile(r"(?P<file>[^:\s]+\.py):(?P<line>\d+): error: (?P<message>.*?)(?:  \[(?P<code>[a-z0-9-]+)\])?$")
_NOTE = re.compile(r"[^:\s]+\.py:\d+: note: (?P<message>(?:Left|Right|Both left and right) operands? .*)$")
_MODULE = re.compile(re.escape(_PACKAGE) + r"m_\w+\.?")
_NAMED = re.compile(r'"(?:type\[)?(\w+)')
_PLAIN_DECORATORS = frozenset({"dataclass", "final", "runtime_checkable", "total_ordering", "unique"})


@dataclass(frozen=True)
class _Source:
    """One file of the batch: its name and text, and what only its text tells of errors in it."""

    file: str
    text: str
    classes: frozenset[str]
    """Classes it defines."""
    decorated: frozenset[str]
    """Those that a decorator may have changed: mypy takes an unknown one to do nothing."""
    declared: frozenset[int]
    """Lines of functions that declare a type."""
    excused: frozenset[int]
    """Lines that ask for silence."""


# What mypy's `--any-exprs-report` calls the lines: known whole, or in part; something in it is Any, or not looked at.
_KNOWN, _UNKNOWN = (TYPE_PRECISE, TYPE_IMPRECISE), (TYPE_ANY, TYPE_UNANALYZED)


def main(folder: str, codes: Sequence[str]) -> None:
    with Path("batch.jsonl").open("rb") as lines:
        texts = [json.loads(line) for line in lines]
    sources, unread = _read(Path(folder), sorted({text["file"] for text in texts}))
    result, errors = _build(sources, unread)
    told = (_error(sources, line) for line in _with_notes(errors))
    _write("errors.jsonl", (row for row in told if row and row["code"] in codes))
    _write("known.jsonl", _known(texts, sources, result))
    _write("unread.jsonl", ({"file": file, "reason": reason} for file, reason in unread.items()))


def _read(folder: Path, files: Sequence[str]) -> tuple[dict[str, _Source], dict[str, str]]:
    sources: dict[str, _Source] = {}
    unread: dict[str, str] = {}
    for file in files:
        text = (folder / file).read_bytes().decode("utf-8-sig", "replace")
        try:
            sources[file] = _source(file, text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unread[file] = f"not applicable: its file does not parse ({type(error).__name__})"
    return sources, unread


def _source(file: str, text: str) -> _Source:
    """Raises what `compile` does: one file that mypy cannot parse would end its whole run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, file, "exec", dont_inherit=True)  # finds what `ast.parse` does not, as a `return` outside
        tree = ast.parse(text)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if any(isinstance(node, ast.ImportFrom) and node.level > _DEPTH for node in ast.walk(tree)):
        raise ValueError("a relative import that climbs too high")
    return _Source(
        file,
        _PLEA.sub(lambda plea: plea[0].replace(":", ";"), text),
        frozenset(node.name for node in classes),
        frozenset(node.name for node in classes if not all(map(_is_plain, node.decorator_list))),
        frozenset(node.lineno for node in functions if _declares(node)),
        frozenset(text.count("\n", 0, plea.start()) + 1 for plea in _PLEA.finditer(text)),
    )


def _is_plain(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in _PLAIN_DECORATORS


def _declares(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a function that mypy looks into."""
    taken = node.args
    every = (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg)
    return node.returns is not None or any(one is not None and one.annotation is not None for one in every)


def _build(sources: dict[str, _Source], unread: dict[str, str]) -> tuple[Any, list[str]]:
    """mypy's result. A file that it gives up at is left out, and the others are read again."""
    while sources:
        try:
            result = build.build([_as_module(source) for source in sources.values()], _options())
            return result, result.errors
        except CompileError as error:
            culprits = {found["file"] for line in error.messages if (found := _ERROR.match(line))} & sources.keys()
            if not culprits:
                raise
            for file in culprits:
                unread[file] = "not applicable: mypy gives up at its file"
                del sources[file]
    return None, []


def _as_module(source: _Source) -> BuildSource:
    return BuildSource(source.file, f"{_PACKAGE}m_{source.file.partition('.')[0]}", source.text)


def _options() -> Options:
    options = Options()
    options.python_version = sys.version_info[:2]
    options.python_executable = None  # no installed package is looked at
    options.platform = "linux"
    options.ignore_missing_imports = True
    options.follow_imports = "silent"
    options.incremental = False
    options.cache_dir = os.devnull
    options.export_types = options.preserve_asts = True
    return options


def _with_notes(lines: Sequence[str]) -> Iterator[str]:
    """The lines, a note that an operand is a union joined to the error before it, which only tells one part."""
    for line, after in pairwise([*lines, ""]):
        error, note = _ERROR.match(line), _NOTE.match(after)
        if error and note:
            yield f"{line[: error.end('message')]} ({note['message']}){line[error.end('message') :]}"
        elif not _NOTE.match(line):
            yield line


def _error(sources: dict[str, _Source], line: str) -> dict[str, Any] | None:
    found = _ERROR.match(line)
    source = sources.get(found["file"]) if found else None
    if found is None or source is None:
        return None
    named = set(_NAMED.findall(found["message"]))
    return {
        "file": source.file,
        "code": found["code"],
        "line": int(found["line"]),
        "message": _MODULE.sub("", found["message"]),
        "is_own": bool(named & source.classes),
        "is_decorated": bool(named & source.decorated),
        "is_excused": int(found["line"]) in source.excused,
    }


def _known(texts: list[dict[str, Any]], sources: dict[str, _Source], result: Any) -> Iterator[dict[str, Any]]:
    """Of the lines of each text in which something has a type, how many mypy knows whole: its own measure."""
    precision = {file: _precision(source, result) for file, source in sources.items()}
    for text in texts:
        if (kinds := precision.get(text["file"])) is None:
            continue
        lines = range(text["start_line"], text["end_line"] + 1)
        told = [kind for line in lines if (kind := kinds.get(line)) in (*_KNOWN, *_UNKNOWN)]
        yield {
            "unit": text["unit"],
            "is_declared": not sources[text["file"]].declared.isdisjoint(lines),
            "n_known": sum(kind in _KNOWN for kind in told),
            "n_checked": len(told),
        }


def _precision(source: _Source, result: Any) -> dict[int, int]:
    tree = result.files[_as_module(source).module]
    visitor = StatisticsVisitor(
        inferred=True,
        filename=source.file,
        modules=result.files,
        typemap=result.types,
        all_nodes=True,
        visit_untyped_defs=False,
    )
    tree.accept(visitor)
    return dict(visitor.line_map)


def _write(name: str, rows: Iterator[dict[str, Any]]) -> None:
    with Path(name).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
