"""Claims about the forms of events: which lines are events, what becomes a column, what makes an id."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.track.documents import WITHHELD_PROMPT, EventError, clean, read_document
from stemma.track.events import Event, read_event

# As in https://code.claude.com/docs/en/hooks, section PostToolUse input.
WRITE = {
    "session_id": "abc123",
    "transcript_path": "/home/bob/.claude/projects/p/00893aaf.jsonl",
    "cwd": "/home/bob/p",
    "permission_mode": "default",
    "hook_event_name": "PostToolUse",
    "tool_name": "Write",
    "tool_input": {"file_path": "/home/bob/p/a.py", "content": "x = 1\n"},
    "tool_response": {"filePath": "/home/bob/p/a.py", "success": True},
    "tool_use_id": "toolu_01ABC123",
    "duration_ms": 12,
}
FAILURE = {
    "session_id": "abc123",
    "transcript_path": "/home/bob/.claude/projects/p/00893aaf.jsonl",
    "cwd": "/home/bob/p",
    "hook_event_name": "PostToolUseFailure",
    "tool_name": "Bash",
    "tool_input": {"command": "npm test", "description": "Run test suite"},
    "tool_use_id": "toolu_01ABC124",
    "error": "Command exited with non-zero status code 1",
    "is_interrupt": False,
}
ENVELOPE = {
    "event_id": "e1",
    "occurred_at": "2026-11-20T12:00:00+02:00",
    "agent": "my-agent",
    "event_type": "edit",
    "session_id": "s1",
    "correlation_id": "c1",
    "tool_name": "patch",
    "cwd": "/p",
    "file_path": "a.py",
    "is_success": True,
    "payload": {"n": 1},
    "model": "m-1",
}


def read(fields: Any) -> Event:
    document = read_document(fields if isinstance(fields, bytes) else json.dumps(fields).encode())
    return read_event(document, clean(document, may_hold_secrets=True))


def test_a_written_file_is_an_event_of_claude_code() -> None:
    event = read(WRITE)
    assert event._replace(event_id="", payload="") == Event(
        event_id="",
        occurred_at=None,
        agent="claude-code",
        event_type="PostToolUse",
        session_id="abc123",
        correlation_id="toolu_01ABC123",
        tool_name="Write",
        is_success=True,
        cwd="/home/bob/p",
        file_path="/home/bob/p/a.py",
        payload="",
        n_redactions=0,
    )
    assert json.loads(event.payload) == WRITE


def test_a_failed_call_is_no_success_and_a_command_writes_no_known_file() -> None:
    event = read(FAILURE)
    assert (event.event_type, event.is_success, event.file_path) == ("PostToolUseFailure", False, None)
    assert json.loads(event.payload)["error"] == "Command exited with non-zero status code 1"


@pytest.mark.parametrize(
    ("tool_name", "tool_input", "file_path"),
    [
        ("Edit", {"file_path": "/a.py", "old_string": "a", "new_string": "b"}, "/a.py"),
        ("MultiEdit", {"file_path": "/a.py", "edits": [{"old_string": "a", "new_string": "b"}]}, "/a.py"),
        ("NotebookEdit", {"notebook_path": "/a.ipynb", "new_source": "x"}, "/a.ipynb"),
        ("Bash", {"command": "ls"}, None),
        ("mcp__memory__create", {"anything": [1]}, None),
    ],
)
def test_each_tool_says_its_file_where_it_has_one(tool_name: str, tool_input: Any, file_path: str | None) -> None:
    assert read(WRITE | {"tool_name": tool_name, "tool_input": tool_input}).file_path == file_path


@pytest.mark.parametrize(
    ("response", "is_success"),
    [
        ({"success": False}, False),
        ({"is_error": True}, False),
        ({"interrupted": True}, False),
        ({"stdout": ""}, True),
        (None, True),
    ],
)
def test_a_response_that_says_it_failed_is_no_success(response: Any, is_success: bool) -> None:
    assert read(WRITE | {"tool_response": response}).is_success is is_success


def test_an_event_that_is_no_tool_call_has_no_success() -> None:
    assert read({"session_id": "a", "hook_event_name": "Stop"}).is_success is None


def test_an_envelope_keeps_its_fields_and_those_it_does_not_know() -> None:
    event = read(ENVELOPE)
    assert event._replace(payload="") == Event(
        event_id="e1",
        occurred_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        agent="my-agent",
        event_type="edit",
        session_id="s1",
        correlation_id="c1",
        tool_name="patch",
        is_success=True,
        cwd="/p",
        file_path="a.py",
        payload="",
        n_redactions=0,
    )
    assert json.loads(event.payload) == ENVELOPE


def test_a_prompt_is_withheld() -> None:
    event = read({"session_id": "a", "hook_event_name": "UserPromptSubmit", "prompt": "my private thoughts"})
    assert json.loads(event.payload)["prompt"] == WITHHELD_PROMPT


@pytest.mark.parametrize("tool_name", ["Task", "Agent"])
@pytest.mark.parametrize("hook", ["PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure"])
def test_a_prompt_to_another_agent_is_withheld(tool_name: str, hook: str) -> None:
    tool_input = {"description": "Look it up", "prompt": "my private thoughts"}
    response = {"status": "completed", "prompt": "my private thoughts"}
    call = {"session_id": "a", "hook_event_name": hook, "tool_name": tool_name, "tool_use_id": "t"}
    event = read(call | {"tool_input": tool_input, "tool_response": response})
    assert "private" not in event.payload
    stored = json.loads(event.payload)
    assert stored["tool_input"] == tool_input | {"prompt": WITHHELD_PROMPT}
    assert stored["tool_response"] == response | {"prompt": WITHHELD_PROMPT}


def test_what_another_tool_calls_a_prompt_is_kept() -> None:
    event = read(WRITE | {"tool_name": "WebFetch", "tool_input": {"url": "https://example.org", "prompt": "its title"}})
    assert json.loads(event.payload)["tool_input"]["prompt"] == "its title"


def test_an_event_without_id_is_known_by_its_content_whatever_the_order_of_its_keys() -> None:
    assert read(WRITE).event_id == read(dict(reversed(WRITE.items()))).event_id
    assert read(WRITE).event_id != read(WRITE | {"cwd": "/elsewhere"}).event_id


def test_a_tool_call_is_the_same_event_whenever_the_hook_stamped_it() -> None:
    early, late = (read(WRITE | {"occurred_at": f"2026-11-20T12:00:0{second}Z"}) for second in (1, 2))
    assert early.event_id == late.event_id == read(WRITE).event_id
    assert early.occurred_at != late.occurred_at


def test_an_event_that_names_no_call_is_another_one_at_another_time() -> None:
    stop = {"session_id": "a", "hook_event_name": "Stop"}
    early, late = (read(stop | {"occurred_at": f"2026-11-20T12:00:0{second}Z"}) for second in (1, 2))
    assert early.event_id != late.event_id


def test_two_events_that_differ_only_in_a_secret_are_two() -> None:
    one, two = (read(ENVELOPE | {"event_id": None, "payload": {"password": word}}) for word in ("hunter1", "hunter2"))
    assert one.event_id != two.event_id
    assert one.payload == two.payload


def test_an_id_that_is_a_secret_is_stored_as_its_hash() -> None:
    ids = {read(ENVELOPE | {"event_id": "AKIA" + f"IOSFODNN7EXAMPL{n}"}).event_id for n in (1, 1, 2)}
    assert len(ids) == 2
    assert not any("AKIA" in event_id or "redacted" in event_id for event_id in ids)


def test_half_a_surrogate_pair_and_a_nul_become_the_replacement_character() -> None:
    assert json.loads(read(b'{"agent":"a","event_type":"b","payload":{"x":"\\ud83d!"}}').payload)["payload"] == {
        "x": "\ufffd!"
    }
    assert json.loads(read(b'{"agent":"a","event_type":"b","payload":{"x":"a\\u0000b"}}').payload)["payload"] == {
        "x": "a\ufffdb"
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not JSON"),
        (b'{"agent": "a", ', "not JSON"),
        (b'{"agent": "\xff"}', "not UTF-8"),
        (b'{"agent": "a\x00"}', "not JSON"),
        (b'{"agent": NaN}', "not JSON"),
        (b"[1]", "array, not an object"),
        (b"null", "null, not an object"),
        (b'"text"', "string, not an object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"agent":"a","event_type":"b","payload":{"n":1e999}}', "too large"),
        (b'{"agent":"a","event_type":"b","payload":{"n":' + b"9" * 5000 + b"}}", "not JSON"),
        (b"{}", "neither"),
        (b'{"event_type":"b","payload":{}}', "'agent'"),
        (b'{"agent":"a","payload":{}}', "'event_type'"),
        (b'{"agent":"a","event_type":"b"}', "'payload'"),
        (b'{"agent":"a","event_type":"b","payload":"text"}', "'payload'"),
        (b'{"agent":7,"event_type":"b","payload":{}}', "'agent'"),
        (b'{"agent":"","event_type":"b","payload":{}}', "'agent'"),
        (b'{"agent":"a","event_type":"b","payload":{},"event_id":7}', "'event_id'"),
        (b'{"agent":"a","event_type":"b","payload":{},"event_id":"' + b"x" * 501 + b'"}', "'event_id'"),
        (b'{"agent":"a","event_type":"b","payload":{},"is_success":"yes"}', "'is_success'"),
        (b'{"agent":"a","event_type":"b","payload":{},"occurred_at":1700000000}', "'occurred_at'"),
        (b'{"agent":"a","event_type":"b","payload":{},"occurred_at":"yesterday"}', "'occurred_at'"),
        (b'{"agent":"a","event_type":"b","payload":{},"occurred_at":"2026-11-20T12:00:00"}', "'occurred_at'"),
        (b'{"agent":"a","event_type":"b","payload":{},"occurred_at":"0001-01-01T00:00:00+14:00"}', "'occurred_at'"),
        (b'{"hook_event_name":"PostToolUse","tool_name":"Write","tool_input":{}}', "'session_id'"),
        (
            b'{"hook_event_name":"PostToolUse","session_id":"a","tool_name":"Write","tool_input":{}}',
            "'tool_input.file_path'",
        ),
        (
            b'{"hook_event_name":"PostToolUse","session_id":"a","tool_name":"Bash","tool_input":{"command":1}}',
            "'tool_input.command'",
        ),
        (b'{"hook_event_name":"PostToolUse","session_id":"a","tool_name":"Bash"}', "'tool_input'"),
        (b'{"hook_event_name":"afterFileEdit","session_id":"a"}', "not one of Claude Code's"),
        (b'{"hook_event_name":["Stop"],"session_id":"a","prompt":"x"}', "'hook_event_name'"),
    ],
)
def test_a_line_that_is_no_event_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(EventError) as failure:
        read(line)
    assert reason in failure.value.problem


def test_a_reason_never_quotes_what_it_is_about() -> None:
    secret = "hunter2-and-more"
    for line in (
        {"agent": [secret], "event_type": secret, "payload": secret},
        {"hook_event_name": secret, "session_id": "a"},
        {"agent": "a", "event_type": "b", "payload": {}, "occurred_at": secret},
    ):
        with pytest.raises(EventError) as failure:
            read(line)
        assert secret not in str(failure.value)


@given(
    st.binary()
    | st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_line_is_an_event_or_says_why_not(line: bytes) -> None:
    try:
        read(line)
    except EventError as error:
        assert error.problem
