"""Patches that agents send in place of edits: the `apply_patch` envelope of Codex, and unified diffs.

What becomes of the pieces is told in `edits`; other forms of a tool call are read in `tool_calls`. Nothing is applied:
of each hunk the text before and the text after it are taken, context lines in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BEGIN, END = "*** Begin Patch", "*** End Patch"
_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+)")
_MOVE = re.compile(r"\*\*\* Move to: (.+)")
_HEADER = re.compile(r"(---|\+\+\+) (?:[ab]/)?([^\t\n]+)")
_HUNK = re.compile(r"@@ -\d")


@dataclass
class FilePatch:
    """What a patch does to one file: the whole text where it adds one, else a text before and after for each hunk."""

    path: str
    added: str | None = None
    hunks: list[tuple[str, str]] = field(default_factory=list)


def is_patch(text: str) -> bool:
    return BEGIN in text or bool(re.search(r"^@@ -\d", text, re.MULTILINE) and re.search(r"^\+\+\+ ", text, re.M))


def read_patch(text: str) -> list[FilePatch]:
    """The files of a patch; what is not of either form is left out."""
    lines = text.splitlines()
    return list(_envelope(lines) if BEGIN in text else _unified(lines))


def _envelope(lines: list[str]) -> Iterator[FilePatch]:
    """https://github.com/openai/codex: Add lines begin with +; of an Update, hunks are parted by @@."""
    current: FilePatch | None = None
    body: list[str] = []
    is_added = False
    for line in [*lines, END]:
        found = _FILE.match(line)
        if found or line.startswith(END):
            if current:
                yield _finished(current, body, is_added=is_added)
            current = FilePatch(found[2].strip()) if found else None
            is_added, body = bool(found and found[1] == "Add"), []
            if line.startswith(END):
                return
        elif current and (moved := _MOVE.match(line)):
            current.path = moved[1].strip()
        elif current:
            body.append(line)


def _unified(lines: list[str]) -> Iterator[FilePatch]:
    current: FilePatch | None = None
    body: list[str] = []
    path = old = ""
    for at, line in enumerate(lines):
        header = _HEADER.match(line)
        is_header = header and (lines[at + 1 : at + 2] or [""])[0].startswith("+++ " if header[1] == "---" else "@@")
        if header and is_header and header[1] == "---":
            old = header[2].strip()
        elif header and is_header:
            if current:
                yield _finished(current, body, is_added=False)
            path = header[2].strip()
            current, body = FilePatch(path if path != "/dev/null" else old), []
        elif current and (line.startswith((" ", "+", "-", "@@")) or not line):
            body.append(line)
    if current:
        yield _finished(current, body, is_added=False)


def _finished(patch: FilePatch, body: list[str], *, is_added: bool) -> FilePatch:
    if is_added:
        patch.added = "".join(f"{line[1:]}\n" for line in body if line.startswith("+"))
        return patch
    before: list[str] = []
    after: list[str] = []
    for line in [*body, "@@"]:
        if line.startswith("@@"):
            if before or after:
                patch.hunks.append(("\n".join(before), "\n".join(after)))
            before, after = [], []
        elif line.startswith("-"):
            before.append(line[1:])
        elif line.startswith("+"):
            after.append(line[1:])
        else:
            before.append(line[1:])
            after.append(line[1:])
    return patch
