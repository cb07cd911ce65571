"""Each file read by Stemma and by the other readers, their definitions paired, and those left over given a reason.

The other readers live in `oracles`, the rules in `reasons`; files and results in `__main__`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.definitions.oracles import Tag, read_with_ast, read_with_ctags
from bench.definitions.reasons import Case, reason
from stemma.extract.extractor import Extracted, File, Limits, extract
from stemma.extract.grammars import load
from stemma.extract.source import prepare
from stemma.languages import LANGUAGES, grammar_of, language_of
from stemma.match.kinds import group_of

LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=20)
EXAMPLES = 8
FILES_PER_BATCH = 500
HEAD_LINES = 12
"""Attributes and modifiers may stand on so many lines before a definition's name."""


@dataclass
class Comparison:
    """What one reader found in the files of one language, and what became of it."""

    reader: str
    language: str
    files: int = 0
    files_not_read: int = 0
    """By the other reader."""
    found: int = 0
    by_both: int = 0
    by_stemma: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        return self.reasons.get("unexplained", 0)


@dataclass(frozen=True)
class Read:
    """One file as Stemma reads it."""

    path: Path
    content: bytes
    extracted: Extracted

    @property
    def definitions(self) -> list[dict[str, Any]]:
        columns = self.extracted.snippets
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def compare(language: str, paths: Sequence[Path], readers: Sequence[str]) -> list[Comparison]:
    """All files of one language, read by Stemma and each reader."""
    comparisons = [Comparison(reader, language) for reader in readers]
    for start in range(0, len(paths), FILES_PER_BATCH):
        batch = paths[start : start + FILES_PER_BATCH]
        tags = {"ctags": read_with_ctags(language, batch) if "ctags" in readers else {}}
        for path in batch:
            read = _read(path)
            for comparison in comparisons:
                theirs = read_with_ast(path) if comparison.reader == "ast" else tags["ctags"].get(path, [])
                _pair(comparison, read, theirs)
    return comparisons


def _read(path: Path) -> Read:
    content = path.read_bytes()
    grammar = grammar_of(path.name)
    assert grammar is not None
    return Read(path, content, extract([File("0" * 40, grammar, content, len(content))], LIMITS))


def _pair(comparison: Comparison, read: Read, theirs: list[Tag] | None) -> None:
    comparison.files += 1
    if theirs is None:
        comparison.files_not_read += 1
        return
    ours = read.definitions
    comparison.found += len(theirs)
    comparison.by_stemma += len(ours)
    left, spare = _left(theirs, ours)
    comparison.by_both += len(theirs) - len(left)
    for case in _cases(left, read, spare) if left else ():
        why = reason(case)
        comparison.reasons[why] = comparison.reasons.get(why, 0) + 1
        shown = comparison.examples.setdefault(why, [])
        if len(shown) < EXAMPLES:
            shown.append(f"{read.path}:{case.tag.line} {case.tag.kind} {case.tag.name}")


def _left(theirs: list[Tag], ours: list[dict[str, Any]]) -> tuple[list[tuple[Tag, bool]], list[dict[str, Any]]]:
    """Those with no definition of the same group and name around their line, and the definitions that none had.

    Each definition is used once, the innermost first. With a definition left over goes whether one of its name and
    line was found.
    """
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in ours:
        by_name[group_of(row["kind"]), _key(row["name"])].append(row)
    starts = {row["start_line"] for row in ours}
    left: list[tuple[Tag, bool]] = []
    paired: set[tuple[int, str]] = set()
    for tag in sorted(theirs, key=lambda tag: tag.line not in starts):
        candidates = by_name[tag.group, _key(tag.name)]
        around = [row for row in candidates if row["start_line"] <= tag.line <= row["end_line"]]
        if around:
            candidates.remove(max(around, key=lambda row: row["start_line"]))
            paired.add((tag.line, tag.name))
        else:
            left.append((tag, (tag.line, tag.name) in paired))
    return left, [row for rows in by_name.values() for row in rows]


def _key(name: str) -> str:
    """The last part of a name without blanks and quotes: readers write `operator <<` and `A::b` each their way."""
    name = name.replace(" ", "").strip("\"'`")
    for mark in ("::", "."):
        name = name.rpartition(mark)[2] or name
    return name


def _cases(left: list[tuple[Tag, bool]], read: Read, spare: list[dict[str, Any]]) -> list[Case]:
    language = read.extracted.blobs["language"][0]
    name = grammar_of(read.path.name) if language == language_of(read.path.name) else min(LANGUAGES[language].grammars)
    assert name is not None
    grammar = load(name)
    skipped = read.extracted.blobs["reason"][0] if read.extracted.blobs["status"][0] == "skipped" else None
    source = prepare(read.content, LIMITS.max_file_bytes)
    root = grammar.parse(source.text, lambda: False).root_node if skipped is None else None
    lines = source.text.decode("utf-8", "replace").split("\n")
    heads: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in spare:
        head = range(row["start_line"], min(row["start_line"] + HEAD_LINES, row["end_line"] + 1))
        named = next((line for line in head if row["name"] in lines[line - 1]), row["start_line"])
        heads[named].append((row["name"], group_of(row["kind"])))
    return [Case(tag, grammar, source.text, root, skipped, heads, is_twice) for tag, is_twice in left]
