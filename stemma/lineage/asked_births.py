"""Where an element that is new in its file may have come from: the other files that its commit changed.

Which of their definitions it was is decided by the trace; the walk through one file's history lives in `asked_walk`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stemma.git.path_history import TreeChange
from stemma.languages import family_of, grammar_of
from stemma.lineage.asked_contents import Contents, Found

MAX_READ = 4_000
"""Files of one commit whose texts are looked at."""
FEW = 16
"""So many other files are all parsed."""
PER_KIND = 4
MIN_LINE = 8  # characters: shorter lines (braces, `else {`) are everywhere
MIN_SHARE = 0.2


@dataclass(frozen=True)
class Birth:
    """A definition that a commit brought into a file, and all that the commit changed, the file itself included."""

    path: str
    text: bytes
    found: Found
    changes: list[TreeChange]


def suspects(contents: Contents, birth: Birth) -> list[TreeChange]:
    """The changes that may hold its origin, or another that claims it: few enough to be parsed.

    All, where they are few. Else files that left the same content, the same file name, or fewer of its name than they
    had; then those whose old text shares most lines with the new file,
    or with the definition itself and has lost them; and added files that also have them.
    """
    own = next(change for change in birth.changes if change.path == birth.path)
    family = family_of(birth.path)
    others = [change for change in birth.changes if change.path != birth.path and family_of(change.path) == family]
    gone = [change for change in others if change.new_blob is None]
    same = [change for change in gone if change.old_blob == own.new_blob]
    if own.old_blob is None and same:
        return _named_first(same, birth.path)[:PER_KIND]
    others = _named_first(others, birth.path)[:MAX_READ]
    if len(others) <= FEW:
        return others
    contents.read([blob for change in others for blob in (change.old_blob, change.new_blob) if blob])
    lines = _lines(birth.text[birth.found.start_byte : birth.found.end_byte])
    whole = _lines(birth.text)
    lost = {change: _lost(contents, change, lines) for change in others if change.old_blob}
    kept = {change: _shared(contents, change.old_blob, whole) for change in gone}
    rivals = {change: _shared(contents, change.new_blob, lines) for change in others if change.old_blob is None}
    named = _named(birth)
    bearing = [change for change in others if _loses(contents, change, named)]
    chosen = _named_first(gone, birth.path, only=True)[:PER_KIND] + bearing[:PER_KIND]
    for shares in (kept if own.old_blob is None else {}, lost, rivals):
        best = sorted(shares, key=lambda change: (-shares[change], change.path))[:PER_KIND]
        chosen += [change for change in best if shares[change] >= MIN_SHARE]
    return list(dict.fromkeys(chosen))


def taken_out(contents: Contents, birth: Birth, changes: list[TreeChange]) -> list[TreeChange]:
    """Of the changes of the commit before, those that may have taken out what came back with this birth."""
    family = family_of(birth.path)
    older = [change for change in changes if change.old_blob and family_of(change.path) == family]
    older = _named_first(older, birth.path)[:MAX_READ]
    gone = [change for change in older if change.new_blob is None]
    named = _named(birth)
    if len(gone) > FEW:
        gone = [change for change in gone if _loses(contents, change, named)][:FEW]
    return gone or [change for change in older if _loses(contents, change, named)][:PER_KIND]


def heirs(contents: Contents, text: bytes, changes: list[TreeChange]) -> list[TreeChange]:
    """Of these changes those that may have taken in a definition that a commit took out of another file."""
    if len(changes) <= FEW:
        return changes
    newer = [change for change in changes if change.new_blob][:MAX_READ]
    contents.read([blob for change in newer for blob in (change.old_blob, change.new_blob) if blob])
    lines = _lines(text)
    gained = {
        change: _lost(contents, TreeChange(change.path, change.new_blob, change.old_blob), lines) for change in newer
    }
    best = sorted(newer, key=lambda change: (-gained[change], change.path))[:PER_KIND]
    return [change for change in best if gained[change] >= MIN_SHARE]


def _named(birth: Birth) -> re.Pattern[bytes]:
    return re.compile(rb"\b%s\b\s*\(" % re.escape(birth.found.name.encode()))


def is_readable(path: str) -> bool:
    """Whether the path is of a language that is read."""
    return grammar_of(path) is not None


def _named_first(changes: list[TreeChange], path: str, *, only: bool = False) -> list[TreeChange]:
    name = _name(path)
    named = [change for change in changes if _name(change.path) == name]
    return named if only else [*named, *(change for change in changes if _name(change.path) != name)]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _lines(text: bytes) -> set[bytes]:
    return {line for raw in text.splitlines() if len(line := raw.strip()) >= MIN_LINE}


def _shared(contents: Contents, blob: str | None, lines: set[bytes]) -> float:
    text = contents.text(blob) if blob else None
    return len(lines & _lines(text)) / len(lines) if text and lines else 0.0


def _loses(contents: Contents, change: TreeChange, named: re.Pattern[bytes]) -> bool:
    """Whether the name is called or declared more often in the old text than in the new one."""
    counts = [
        len(named.findall(contents.text(blob) or b"")) if blob else 0 for blob in (change.old_blob, change.new_blob)
    ]
    return counts[0] > counts[1]


def _lost(contents: Contents, change: TreeChange, lines: set[bytes]) -> float:
    """Share of the lines that the old text had and the new one has no more."""
    old = contents.text(change.old_blob) if change.old_blob else None
    new = contents.text(change.new_blob) if change.new_blob else None
    left = lines - _lines(new or b"")
    return len(left & _lines(old or b"")) / len(lines) if lines else 0.0
