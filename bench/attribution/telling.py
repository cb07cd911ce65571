"""Edits as the hooks of four agents tell them, into a spool. What is written, and when, is decided in `scenarios`.

The forms are those of each agent's own documentation of its hooks (see `stemma.attribution.tool_calls`); agents other
than Claude Code come in the envelope that Stemma documents for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass
class Teller:
    """Writes events to a file, each agent's in its own form, one agent and session after another."""

    file: Path
    sessions: dict[str, str] = field(default_factory=dict)
    """Session of each sample by name, as the truth to hold answers to."""
    n_calls: int = 0

    def tell(self, root: Path, path: str, texts: tuple[str, str], at_line: int, at: datetime) -> str:
        """One insertion before a line of a file by the agent whose turn it is; returns its session."""
        forms: list[Callable[[Path, str | None, str, int], Event]] = [
            _write,
            _edit,
            _edit_alone,
            _patch,
            _cursor,
            _gemini,
        ]
        form = forms[self.n_calls % len(forms)]
        session = f"session-{self.n_calls % 7}"
        event = form(root / path, *texts, at_line)
        event = _stamped(event, session, f"call-{self.n_calls:05}", str(root), at)
        with self.file.open("a") as lines:
            lines.write(json.dumps(event) + "\n")
        self.n_calls += 1
        return session


def _stamped(event: Event, session: str, call: str, cwd: str, at: datetime) -> Event:
    if "agent" in event:
        return {
            **event,
            "session_id": session,
            "correlation_id": call,
            "cwd": cwd,
            "occurred_at": at.isoformat(),
            "event_id": f"{session} {call}",
        }
    return {**event, "session_id": session, "tool_use_id": call, "cwd": cwd, "occurred_at": at.isoformat()}


def _claude(tool: str, given: Event, response: Event) -> Event:
    return {"hook_event_name": "PostToolUse", "tool_name": tool, "tool_input": given, "tool_response": response}


def _write(path: Path, before: str | None, after: str, at: int) -> Event:
    kind = "create" if before is None else "update"
    response = {"type": kind, "filePath": str(path), "originalFile": before}
    return _claude("Write", {"file_path": str(path), "content": after}, response)


def _edit(path: Path, before: str | None, after: str, at: int) -> Event:
    old, new = replaced(before or "", after, at)
    given = {"file_path": str(path), "old_string": old, "new_string": new}
    return _claude("Edit", given, {"filePath": str(path), "originalFile": before})


def _edit_alone(path: Path, before: str | None, after: str, at: int) -> Event:
    """An Edit whose response does not say what the file was."""
    old, new = replaced(before or "", after, at)
    return _claude("Edit", {"file_path": str(path), "old_string": old, "new_string": new}, {"success": True})


def _patch(path: Path, before: str | None, after: str, at: int) -> Event:
    old, new = replaced(before or "", after, at)
    hunk = _hunk(old.splitlines(), new.splitlines())
    text = f"*** Begin Patch\n*** Update File: {path}\n@@\n{hunk}\n*** End Patch\n"
    payload = {"tool_name": "apply_patch", "tool_input": {"command": text}}
    return {"agent": "codex", "event_type": "PostToolUse", "tool_name": "apply_patch", "payload": payload}


def _hunk(old: list[str], new: list[str]) -> str:
    begin = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - begin
    same = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    middle = [f"-{line}" for line in old[begin : len(old) - same]] + [
        f"+{line}" for line in new[begin : len(new) - same]
    ]
    tail = [f" {line}" for line in old[len(old) - same :]]
    return "\n".join([*(f" {line}" for line in old[:begin]), *middle, *tail])


def _cursor(path: Path, before: str | None, after: str, at: int) -> Event:
    old, new = replaced(before or "", after, at)
    payload = {
        "hook_event_name": "afterFileEdit",
        "model": "gpt-5",
        "file_path": str(path),
        "edits": [{"old_string": old, "new_string": new}],
    }
    return {"agent": "cursor", "event_type": "afterFileEdit", "payload": payload}


def _gemini(path: Path, before: str | None, after: str, at: int) -> Event:
    old, new = replaced(before or "", after, at)
    payload = {"tool_name": "replace", "tool_input": {"file_path": str(path), "old_string": old, "new_string": new}}
    return {"agent": "gemini-cli", "event_type": "AfterTool", "tool_name": "replace", "payload": payload}


def replaced(before: str, after: str, at: int) -> tuple[str, str]:
    """What stood there and what took its place: the lines put in before line `at`, and lines around them.

    An agent names as many as make the place unique.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    first, same = at, len(old) - at
    for around in range(1, len(old) + 2):
        begin, end = max(first - around, 0), max(same - around, 0)
        text = "".join(old[begin : len(old) - end])
        if text and before.count(text) == 1:
            return text, "".join(new[begin : len(new) - end])
    return before, after
