"""Authorship logs of git-ai, read and written: the text of a note under `refs/notes/ai`.

The format is the Git AI Standard v3.0.0 (git-ai-project/git-ai, specs/git_ai_standard_v3.0.0.md): a section of files
and line ranges, a line `---`, and JSON about the sessions, prompts and people the keys of the first section stand for.
Which repository the notes are of, and what is made of them, is told in `statements` and `export`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemma.errors import SourceError

REF = "refs/notes/ai"
SCHEMA_VERSION = "authorship/3.0.0"
_DIVIDER = "---"
_MAX_LINE = 2**31 - 1
MAX_LINES = 200_000
_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")

Lines = tuple[int, int]


class NoteError(SourceError):
    """A note that does not keep to the format."""


@dataclass(frozen=True)
class Entry:
    """One attestation: whose key, and the lines (first and last, inclusive) it stands for."""

    key: str
    lines: tuple[Lines, ...]

    @property
    def is_human(self) -> bool:
        return self.key.startswith("h_")


@dataclass(frozen=True)
class Note:
    """An authorship log: the entries of each file, later ones winning, and the metadata as it stands in the note."""

    files: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def record(self, key: str) -> dict[str, Any]:
        """What the metadata says of a key; empty where it says nothing, as after a cherry-pick from elsewhere."""
        name, section = key.partition("::")[0], "prompts"
        if key.startswith("s_"):
            section = "sessions"
        elif key.startswith("h_"):
            section = "humans"
        return _object(_object(self.metadata.get(section)).get(name))


def read_note(text: str) -> Note:
    """The note of a text.

    Raises:
        NoteError: it has no divider, a line of no known form in the first section, or metadata that is no JSON object.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if _DIVIDER not in lines:
        raise NoteError("The note has no line '---'.", "It is not of git-ai; leave it out.")
    at = lines.index(_DIVIDER)
    files = _read_files(lines[:at])
    try:
        metadata = json.loads("\n".join(lines[at + 1 :]))
    except (ValueError, RecursionError) as error:
        raise NoteError(f"The note's metadata is not JSON: {error}.", "Rewrite the note.") from error
    if not isinstance(metadata, dict):
        raise NoteError("The note's metadata is not an object.", "Rewrite the note.")
    return Note(files, metadata)


def _read_files(lines: list[str]) -> dict[str, tuple[Entry, ...]]:
    files: dict[str, list[Entry]] = {}
    path = None
    for line in map(str.rstrip, lines):
        if not line:
            continue
        if not line.startswith("  "):
            path = line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line
            continue
        key, _, ranges = line.strip().partition(" ")
        if path is None or not ranges:
            raise NoteError(f"The note's line {line[:80]!r} is of no known form.", "Rewrite the note.")
        files.setdefault(path, []).append(Entry(key, tuple(_read_ranges(ranges))))
    return {path: tuple(entries) for path, entries in files.items()}


def _read_ranges(text: str) -> Iterator[Lines]:
    for part in filter(None, text.split(",")):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise NoteError(f"The note's lines {part[:40]!r} are no range.", "Rewrite the note.")
        first = int(found[1])
        last = int(found[2]) if found[2] else first
        if 0 < first <= last:
            yield min(first, _MAX_LINE), min(last, _MAX_LINE)


def write_note(note: Note) -> str:
    """The text of a note, as git-ai writes it: ranges ascending, metadata indented by two, no empty optional maps."""
    lines = []
    for path, entries in note.files.items():
        if not entries or "\n" in path:
            continue
        lines.append(f'"{path}"' if re.search(r"\s", path) else path)
        lines += [f"  {entry.key} {','.join(map(_written, sorted(entry.lines)))}" for entry in entries]
    kept = {name: value for name, value in note.metadata.items() if value or name not in ("humans", "sessions")}
    return "\n".join([*lines, _DIVIDER, json.dumps(kept, indent=2, ensure_ascii=False)])


def _written(lines: Lines) -> str:
    first, last = lines
    return str(first) if first == last else f"{first}-{last}"


def attested(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Lines]]:
    """The lines each entry stands for, each line once: of entries that overlap the later one wins.

    Lines beyond `MAX_LINES` are left out: no file that long is read, but a note may say anything.
    """
    most = min(max((last for entry in entries for _, last in entry.lines), default=0), MAX_LINES)
    following = list(range(most + 2))  # the nearest line, from each on, that nobody has yet
    for entry in reversed(entries):
        for first, last in entry.lines:
            begin = line = _free(following, min(first, most + 1))
            while line <= min(last, most):
                following[line] = line + 1
                is_next_taken = _free(following, line + 1) != line + 1
                if is_next_taken or line + 1 > min(last, most):
                    yield entry, (begin, line)
                    begin = _free(following, line + 1)
                line = _free(following, line + 1)


def _free(following: list[int], line: int) -> int:
    found = line
    while following[found] != found:
        found = following[found]
    while following[line] != found:  # shorten the way for the next one
        following[line], line = found, following[line]
    return found


def session_key(tool: str, session_id: str) -> str:
    """Key of a session: `s_` and 14 hex digits of SHA-256 over tool and session."""
    return "s_" + hashlib.sha256(f"{tool}:{session_id}".encode()).hexdigest()[:14]


def trace_key(call: str) -> str:
    """Key of one call within a session; git-ai draws it by lot, here it is made of the call's own id."""
    return "t_" + hashlib.sha256(call.encode()).hexdigest()[:14]


def human_key(author: str) -> str:
    """Key of a person: `h_` and 14 hex digits of SHA-256 over `Name <address>`."""
    return "h_" + hashlib.sha256(author.encode()).hexdigest()[:14]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
