"""Claims about the forms in which agents tell of what they wrote; payloads are as their hooks send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stemma.attribution.tool_calls import Change, changes, model_of


def read(event: dict[str, Any], file_path: str | None = None, *, is_success: bool | None = True) -> list[Change]:
    return changes(json.dumps(event), file_path, is_success=is_success)


def hook(tool: str, given: Any, response: Any = None, event: str = "PostToolUse") -> dict[str, Any]:
    return {"hook_event_name": event, "tool_name": tool, "tool_input": given, "tool_response": response}


PATCH = """*** Begin Patch
*** Add File: src/new.py
+def f():
+    return 1
*** Update File: src/old.py
*** Move to: src/moved.py
@@ def g():
     a = 1
-    return a
+    return a + 1
@@
-x = 1
+x = 2
*** Delete File: src/gone.py
*** End Patch
"""
PATCHED = [
    Change("src/new.py", before="", after="def f():\n    return 1\n"),
    Change("src/moved.py", pieces=(("    a = 1\n    return a", "    a = 1\n    return a + 1"), ("x = 1", "x = 2"))),
]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        # Claude Code
        (
            hook("Write", {"file_path": "/a.py", "content": "x = 1\n"}, {"type": "create", "originalFile": None}),
            [Change("/a.py", before="", after="x = 1\n")],
        ),
        (
            hook("Write", {"file_path": "/a.py", "content": "x = 1\n"}, {"type": "update", "originalFile": "y\n"}),
            [Change("/a.py", before="y\n", after="x = 1\n")],
        ),
        (
            hook("Write", {"file_path": "/a.py", "content": "x = 1\n"}, {"success": True}),
            [Change("/a.py", after="x = 1\n")],
        ),
        (
            hook(
                "Edit",
                {"file_path": "/a.py", "old_string": "1", "new_string": "2"},
                {"originalFile": "x = 1\ny = 1\n"},
            ),
            [Change("/a.py", before="x = 1\ny = 1\n", after="x = 2\ny = 1\n")],
        ),
        (
            hook(
                "Edit",
                {"file_path": "/a.py", "old_string": "1", "new_string": "2", "replace_all": True},
                {"originalFile": "x = 1\ny = 1\n"},
            ),
            [Change("/a.py", before="x = 1\ny = 1\n", after="x = 2\ny = 2\n")],
        ),
        (
            hook("Edit", {"file_path": "/a.py", "old_string": "gone", "new_string": "2"}, {"originalFile": "x = 1\n"}),
            [Change("/a.py", pieces=(("gone", "2"),))],
        ),
        (
            hook("MultiEdit", {"file_path": "/a.py", "edits": [{"old_string": "a", "new_string": "b"}] * 2}),
            [Change("/a.py", pieces=(("a", "b"), ("a", "b")))],
        ),
        (
            hook("NotebookEdit", {"notebook_path": "/a.ipynb", "new_source": "x = 1"}),
            [Change("/a.ipynb", pieces=(("", "x = 1"),))],
        ),
        # Codex
        (hook("apply_patch", {"command": PATCH}), PATCHED),
        (hook("apply_patch", {"input": PATCH}), PATCHED),
        (hook("shell", {"command": ["apply_patch", PATCH]}), PATCHED),
        ({"agent": "codex", "event_type": "PostToolUse", "payload": hook("apply_patch", PATCH)}, PATCHED),
        # Cursor
        (
            {
                "agent": "cursor",
                "event_type": "afterFileEdit",
                "payload": {
                    "hook_event_name": "afterFileEdit",
                    "conversation_id": "c",
                    "file_path": "/p/a.ts",
                    "edits": [{"old_string": "a", "new_string": "b"}],
                    "workspace_roots": ["/p"],
                },
            },
            [Change("/p/a.ts", pieces=(("a", "b"),))],
        ),
        (
            {"agent": "cursor", "event_type": "postToolUse", "payload": hook("ApplyPatch", {"patch": PATCH})},
            PATCHED,
        ),
        # Gemini CLI
        (
            {
                "agent": "gemini-cli",
                "event_type": "AfterTool",
                "payload": hook("write_file", {"file_path": "/a.go", "content": "package a\n"}, event="AfterTool"),
            },
            [Change("/a.go", after="package a\n")],
        ),
        (
            {
                "agent": "gemini-cli",
                "event_type": "AfterTool",
                "payload": hook("replace", {"file_path": "/a.go", "old_string": "a", "new_string": "b"}),
            },
            [Change("/a.go", pieces=(("a", "b"),))],
        ),
        # Others
        (
            {"agent": "own", "event_type": "edit", "payload": {"path": "a.py", "old_str": "a", "new_str": "b"}},
            [Change("a.py", pieces=(("a", "b"),))],
        ),
        (
            {
                "agent": "own",
                "event_type": "edit",
                "payload": {"diff": "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
            },
            [Change("x.py", pieces=(("a\nb", "a\nc"),))],
        ),
    ],
)
def test_each_agent_s_form_tells_the_file_and_what_took_the_place_of_what(
    event: dict[str, Any], found: list[Change]
) -> None:
    assert read(event) == found


WRITE = {"file_path": "/a.py", "content": "x = 1\n"}


@pytest.mark.parametrize("event", ["PreToolUse", "preToolUse", "BeforeTool", "PermissionRequest"])
def test_a_call_that_is_still_to_be_made_brought_nothing(event: str) -> None:
    assert read(hook("Write", WRITE, event=event)) == []
    assert read({"agent": "own", "event_type": event, "payload": hook("Write", WRITE, event=event)}) == []


def test_a_call_that_failed_brought_nothing() -> None:
    assert read(hook("Write", WRITE), is_success=False) == []
    assert read(hook("Write", WRITE), is_success=None) == [Change("/a.py", after="x = 1\n")]


@pytest.mark.parametrize("tool", ["Read", "read_file", "Grep", "WebFetch", "view"])
def test_a_tool_that_only_reads_wrote_nothing(tool: str) -> None:
    assert read(hook(tool, WRITE)) == []


def test_an_event_without_a_path_takes_the_file_of_its_envelope_or_tells_nothing() -> None:
    event = {"agent": "own", "event_type": "edit", "payload": {"new_string": "b"}}
    assert read(event) == []
    assert read(event, "a.py") == [Change("a.py", pieces=(("", "b"),))]


@pytest.mark.parametrize("payload", ["{}", '{"payload": 3}', '{"tool_input": "x", "edits": [1, null]}', "[]", '"x"'])
def test_an_event_of_any_form_is_read_or_left(payload: str) -> None:
    assert changes(payload, "a.py", is_success=None) == []


@pytest.mark.parametrize(
    ("event", "model"),
    [
        ({"model": "opus"}, "opus"),
        ({"model": {"id": "opus"}}, "opus"),
        ({"payload": {"model": "gpt"}}, "gpt"),
        ({"payload": {"model": ""}}, None),
        ({}, None),
    ],
)
def test_the_model_is_the_one_the_event_names(event: dict[str, Any], model: str | None) -> None:
    assert model_of(json.dumps(event)) == model
