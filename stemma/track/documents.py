"""One line of a spool read as a JSON document, and what of it may be stored: no secrets, no prompts.

What the document says, as an event of an agent, is read in `events`; how secrets are found, in `stemma.secrets`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from stemma.errors import StemmaError
from stemma.secrets import redact

_PROMPT_EVENTS = frozenset({"UserPromptSubmit", "UserPromptExpansion"})
_PROMPTED_TOOLS = frozenset({"Task", "Agent"})  # one tool: Claude Code has renamed it
WITHHELD_PROMPT = "[withheld: prompts are not stored]"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)


class EventError(StemmaError):
    """A line that is not an event; its `problem` never quotes the line."""


@dataclass(frozen=True)
class Document:
    """A line read as JSON: the object, its text, that of all but its time, and whether it holds a NUL character."""

    fields: dict[str, Any]
    text: str
    timeless_text: str
    has_nul: bool


@dataclass(frozen=True)
class Cleaned:
    """A document as it may be stored: fields, canonical text, and how many secrets were removed."""

    fields: dict[str, Any]
    text: str
    n_redactions: int


def read_document(line: bytes) -> Document:
    """The JSON object of a line.

    Raises:
        EventError: not UTF-8, not JSON, not an object, nested too deeply, or a number no database can hold.
    """
    try:
        fields = from_json(line, allow_inf_nan=False)
    except ValueError as error:
        fields = _with_lone_surrogates(line, error)
    if not isinstance(fields, dict):
        raise EventError(f"The line is a JSON {_kind(fields)}, not an object.")
    timeless = {key: value for key, value in fields.items() if key != "occurred_at"}
    text = timeless_text = canonical(timeless)
    if len(timeless) < len(fields):  # written before the rest, so that the rest is written once
        text = f'{{"occurred_at":{canonical(fields["occurred_at"])},{timeless_text[1:]}'
    return Document(fields, text, timeless_text, has_nul="\\u0000" in text)


def canonical(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, characters as they are.

    Raises:
        EventError: a number is too large.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError as error:
        raise EventError("A number in it is too large.") from error


def _with_lone_surrogates(line: bytes, error: ValueError) -> Any:
    """JavaScript cuts strings between the halves of a surrogate pair; the half becomes U+FFFD."""
    try:
        text = line.decode()
    except UnicodeDecodeError as decoding:
        raise EventError(f"It is not UTF-8: byte {decoding.start} cannot be decoded.") from error
    if "\\ud" not in text.lower():
        raise EventError(f"It is not JSON: {error}.") from error
    try:
        whole = _LONE_SURROGATE.sub("\ufffd", json.dumps(json.loads(text), ensure_ascii=False))
        return from_json(whole.encode(), allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise EventError(f"It is not JSON: {error}.") from error


def _kind(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(value)]


def clean(document: Document, *, may_hold_secrets: bool) -> Cleaned:
    """The document without secrets and prompts. `may_hold_secrets` False skips the search for secrets."""
    fields, text, n_redactions = document.fields, document.text, 0
    if may_hold_secrets or document.has_nul:
        fields, n_redactions = redact(fields, text)
        text = canonical(fields)
    without_prompts = _without_prompts(fields)
    if without_prompts is not fields:
        fields = without_prompts
        text = canonical(fields)
    return Cleaned(fields, text, n_redactions)


def _without_prompts(fields: dict[str, Any]) -> dict[str, Any]:
    """A hook's fields without what a person, or an agent to another, was told to do; the same object if none is."""
    if "prompt" in fields and str(fields.get("hook_event_name")) in _PROMPT_EVENTS:
        fields = fields | {"prompt": WITHHELD_PROMPT}
    if "hook_event_name" in fields and str(fields.get("tool_name")) in _PROMPTED_TOOLS:
        for name in ("tool_input", "tool_response"):  # the response repeats the prompt it answers
            part = fields.get(name)
            if isinstance(part, dict) and "prompt" in part:
                fields = fields | {name: part | {"prompt": WITHHELD_PROMPT}}
    return fields
