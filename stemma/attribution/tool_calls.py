"""One tool call of an agent read as the change it made: which file, its text before and after, or pieces of both.

Which calls there were is told by `stemma.track`; what becomes of the changes, in `edits`. The forms are those of

- Claude Code (`Write`, `Edit`, `MultiEdit`, `NotebookEdit`; https://code.claude.com/docs/en/hooks), whose response also
  holds the file as it was (`originalFile`),
- Codex (`apply_patch`, as input, patch or command), Cursor (`afterFileEdit` with `edits`; `Write`, `StrReplace`,
  `ApplyPatch`), Gemini CLI (`write_file`, `replace`), and tools that name the same things otherwise (`path`,
  `old_str`, `file_text`, ...). A form is known by its fields, not by the tool's name, so a tool under another name is
  read too; a call that has not yet been made (hooks before a tool) or that failed brought nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stemma.attribution.patches import is_patch, read_patch

Fields = Mapping[str, Any]

_BEFORE = re.compile(r"^(pre|before|permission)", re.IGNORECASE)
_READS = re.compile(r"read|view|grep|glob|fetch|list", re.IGNORECASE)
_WRITES = re.compile(r"write|edit|replace|patch|create|insert", re.IGNORECASE)
_INPUTS = ("tool_input", "toolInput", "tool_info", "input", "arguments", "args", "parameters")
_RESPONSES = ("tool_response", "toolResponse", "tool_output", "response", "result")
_PATHS = ("file_path", "filePath", "notebook_path", "path", "filename", "fsPath", "target_file")
_OLD = ("old_string", "old_str", "oldString", "oldText", "search")
_NEW = ("new_string", "new_str", "newString", "newText", "replace", "new_source", "insert_text")
_WHOLE = ("content", "contents", "file_text", "fileText")
_ALL = ("replace_all", "replaceAll", "allow_multiple")
MAX_PIECES = 1_000


@dataclass(frozen=True)
class Change:
    """What a call did to one file.

    `after` is the whole file where the call tells it, with `before` where that is known too; else `pieces` holds texts
    that took the place of others (of an insertion the other is empty).
    """

    path: str
    before: str | None = None
    after: str | None = None
    pieces: tuple[tuple[str, str], ...] = ()


def changes(payload: str, file_path: str | None, *, is_success: bool | None) -> list[Change]:
    """The changes of a stored event; none when it is no call that writes, came before the call, or failed.

    Args:
        payload: the event as JSON, an agent's own hook or an envelope around one.
        file_path: of the event, where it names one; used when the call itself does not.
    """
    if is_success is False:
        return []
    event = _object(json.loads(payload))
    inner = _object(event.get("payload"))
    body: dict[str, Any] = {**event, **inner} if inner else dict(event)
    if _is_no_write(body, inner):
        return []
    given = _first_object(body, _INPUTS)
    patches = [text for text in _texts(given or body) if is_patch(text)]
    if patches:
        return [change for text in patches for change in _of_patch(text)]
    call = {**body, **given}
    path = _text(given, _PATHS) or _text(body, _PATHS) or file_path
    if not path:
        return []
    before = _text(_first_object(body, _RESPONSES), ("originalFile", "original_file"))
    found = _of_fields(call, path, before, is_new=_is_new(body))
    return [found] if found else []


def _is_no_write(body: Fields, inner: Fields) -> bool:
    """Whether the call was still to be made, or is one that only reads."""
    hooks = (body.get("event_type"), body.get("hook_event_name"), inner.get("hook_event_name"))
    if any(isinstance(name, str) and _BEFORE.match(name) for name in hooks):
        return True
    named = " ".join(str(name) for name in (body.get("tool_name") or body.get("toolName"), *hooks) if name)
    return bool(_READS.search(named)) and not _WRITES.search(named)


def model_of(payload: str) -> str | None:
    """The model an event names, in itself or in what its envelope holds."""
    event = _object(json.loads(payload))
    for fields in (event, _object(event.get("payload"))):
        name = fields.get("model")
        if isinstance(name, Mapping):
            name = name.get("id") or name.get("name")
        if isinstance(name, str) and name:
            return name[:200]
    return None


def _of_patch(text: str) -> Iterator[Change]:
    for patch in read_patch(text)[:MAX_PIECES]:
        if patch.added is not None:
            yield Change(patch.path, before="", after=patch.added)
        elif patch.hunks:
            yield Change(patch.path, pieces=tuple(patch.hunks[:MAX_PIECES]))


def _of_fields(call: Fields, path: str, before: str | None, *, is_new: bool) -> Change | None:
    edits = call.get("edits") or call.get("replacements")
    listed = [edit for edit in edits if isinstance(edit, Mapping)] if isinstance(edits, list) else []
    for edit in listed or [call]:
        if _text(edit, _NEW) is None:
            break
    else:
        pieces = [(_text(edit, _OLD) or "", _text(edit, _NEW) or "") for edit in (listed or [call])][:MAX_PIECES]
        is_all = [any(edit.get(name) is True for name in _ALL) for edit in (listed or [call])]
        after = _applied(before, pieces, is_all) if before else None
        return Change(path, before, after) if after is not None else Change(path, pieces=tuple(pieces))
    whole = _text(call, _WHOLE)
    if whole is None:
        return None
    return Change(path, "" if is_new and before is None else before, whole)


def _applied(before: str, pieces: list[tuple[str, str]], is_all: list[bool]) -> str | None:
    """The file after its pieces were replaced; None where one of them does not stand in it."""
    text = before
    for (old, new), everywhere in zip(pieces, is_all, strict=True):
        if not old or old not in text:
            return None
        text = text.replace(old, new, -1 if everywhere else 1)
    return text


def _is_new(body: Fields) -> bool:
    response = _first_object(body, _RESPONSES)
    return response.get("type") == "create"


def _texts(value: Any) -> Iterator[str]:
    """Texts of an object and of lists in it: a patch is a field of its own, or one word of a command."""
    values = value.values() if isinstance(value, Mapping) else value
    for item in values:
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            yield from (word for word in item if isinstance(word, str))


def _text(fields: Fields, names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), str)), None)


def _first_object(fields: Fields, names: tuple[str, ...]) -> Fields:
    for name in names:
        value = fields.get(name)
        if isinstance(value, Mapping):
            return value
        if isinstance(value, str) and name in _INPUTS and is_patch(value):
            return {"patch": value}
    return {}


def _object(value: Any) -> Fields:
    return value if isinstance(value, Mapping) else {}
