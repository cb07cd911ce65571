"""A document of a spool read as an event: which forms there are, and which fields become columns.

How lines are found and stored lives in `spool`; how one is read and what is taken out of it, in `documents`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from stemma.ids import content_id
from stemma.track.documents import Cleaned, Document, EventError

# Postgres refuses an index entry over 2,704 bytes, and four bytes are the most a character takes.
Id = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
FilePath = Annotated[str, Field(max_length=4096)]


def _only_text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an ISO 8601 date and time in a string")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999") from error


Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_only_text), AfterValidator(_in_utc)]


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    event_id: Id | None = None
    occurred_at: Instant | None = None
    session_id: Id | None = None
    tool_name: Name | None = None
    cwd: FilePath | None = None


class Envelope(_Event):
    """The generic form, for any agent. Fields beside these are kept in the stored payload."""

    agent: Name
    event_type: Name
    correlation_id: Id | None = None
    file_path: FilePath | None = None
    is_success: bool | None = None
    payload: dict[str, Any]


# https://code.claude.com/docs/en/hooks (hook input). Other agents use `hook_event_name` too, with names of their own:
# an event that is not in this list is set aside, not taken for Claude Code's.
CLAUDE_CODE_EVENTS = frozenset(
    {
        *("Setup", "SessionStart", "SessionEnd", "UserPromptSubmit", "UserPromptExpansion", "Stop", "StopFailure"),
        *("PreToolUse", "PermissionRequest", "PermissionDenied", "PostToolUse", "PostToolUseFailure", "PostToolBatch"),
        *("SubagentStart", "SubagentStop", "TaskCreated", "TaskCompleted", "TeammateIdle", "Notification"),
        *("PreCompact", "PostCompact", "InstructionsLoaded", "ConfigChange", "CwdChanged", "FileChanged"),
        *("WorktreeCreate", "WorktreeRemove", "Elicitation", "ElicitationResult"),
    }
)
_TOOL_EVENTS = frozenset({"PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure"})


class ClaudeCodeHook(_Event):
    """What Claude Code hands to a hook. It says no time, so a hook command may add `occurred_at`."""

    session_id: Id
    hook_event_name: Name
    agent: Name = "claude-code"
    transcript_path: str | None = None
    tool_input: dict[str, Any] | None = None
    tool_response: Any = None
    tool_use_id: Id | None = None
    error: str | None = None
    is_interrupt: bool | None = None


class _ToolInput(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _FileInput(_ToolInput):
    file_path: FilePath


class _NotebookInput(_ToolInput):
    file_path: FilePath = Field(alias="notebook_path")


class _BashInput(_ToolInput):
    command: str


_TOOL_INPUTS: dict[str, type[_ToolInput]] = {
    "Write": _FileInput,
    "Edit": _FileInput,
    "MultiEdit": _FileInput,
    "NotebookEdit": _NotebookInput,
    "Bash": _BashInput,
}


class Event(NamedTuple):
    """The columns of `stemma.agent_events` that come from the event itself. `payload` is all of it, as JSON text."""

    event_id: str
    occurred_at: datetime | None
    agent: str
    event_type: str
    session_id: str | None
    correlation_id: str | None
    tool_name: str | None
    is_success: bool | None
    cwd: str | None
    file_path: str | None
    payload: str
    n_redactions: int


def read_event(document: Document, cleaned: Cleaned) -> Event:
    """The event of a JSON object, in the words of `cleaned`.

    Raises:
        EventError: neither a Claude Code hook nor an envelope, or a field of a wrong type.
    """
    if "hook_event_name" in cleaned.fields:
        return _from_hook(document, _validated(ClaudeCodeHook, cleaned.fields), cleaned)
    if "agent" in cleaned.fields or "event_type" in cleaned.fields:
        return _from_envelope(document, _validated(Envelope, cleaned.fields), cleaned)
    raise EventError(
        "It is neither a Claude Code hook (no 'hook_event_name') nor an envelope (no 'agent' and 'event_type')."
    )


def _from_envelope(document: Document, envelope: Envelope, cleaned: Cleaned) -> Event:
    return Event(
        event_id=_event_id(document, envelope.event_id),
        occurred_at=envelope.occurred_at,
        agent=envelope.agent,
        event_type=envelope.event_type,
        session_id=envelope.session_id,
        correlation_id=envelope.correlation_id,
        tool_name=envelope.tool_name,
        is_success=envelope.is_success,
        cwd=envelope.cwd,
        file_path=envelope.file_path,
        payload=cleaned.text,
        n_redactions=cleaned.n_redactions,
    )


def _from_hook(document: Document, hook: ClaudeCodeHook, cleaned: Cleaned) -> Event:
    if hook.hook_event_name not in CLAUDE_CODE_EVENTS:
        raise EventError("Its 'hook_event_name' is not one of Claude Code's; send it as an envelope.")
    if hook.hook_event_name in _TOOL_EVENTS and (hook.tool_name is None or hook.tool_input is None):
        raise EventError(f"A {hook.hook_event_name} event needs 'tool_name' and 'tool_input'.")
    return Event(
        event_id=_event_id(document, hook.event_id),
        occurred_at=hook.occurred_at,
        agent=hook.agent,
        event_type=hook.hook_event_name,
        session_id=hook.session_id,
        correlation_id=hook.tool_use_id,
        tool_name=hook.tool_name,
        is_success=_is_success(hook),
        cwd=hook.cwd,
        file_path=_file_path(hook),
        payload=cleaned.text,
        n_redactions=cleaned.n_redactions,
    )


def _event_id(document: Document, stored_id: str | None) -> str:
    """The id that was given, unless it held a secret; else the hash of the event as it came.

    A tool call names itself, so the time a hook command stamped on it does not make another event of it.
    """
    given = document.fields.get("event_id")
    if isinstance(given, str):
        return given if given == stored_id else content_id("event id", given)
    return content_id("event", document.text if document.fields.get("tool_use_id") is None else document.timeless_text)


def _is_success(hook: ClaudeCodeHook) -> bool | None:
    if hook.hook_event_name == "PostToolUseFailure":
        return False
    if hook.hook_event_name != "PostToolUse":
        return None
    response = hook.tool_response if isinstance(hook.tool_response, dict) else {}
    return not (
        response.get("success") is False or response.get("is_error") is True or response.get("interrupted") is True
    )


def _file_path(hook: ClaudeCodeHook) -> str | None:
    form = _TOOL_INPUTS.get(hook.tool_name or "")
    if form is None or hook.tool_input is None:
        return None
    tool_input = _validated(form, hook.tool_input, "tool_input.")
    return tool_input.file_path if isinstance(tool_input, _FileInput | _NotebookInput) else None


Form = TypeVar("Form", bound=BaseModel)


def _validated(form: type[Form], fields: dict[str, Any], prefix: str = "") -> Form:
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = prefix + ".".join(str(part) for part in first["loc"])
        raise EventError(f"Its field '{name}' cannot be used: {first['msg']}.") from None
