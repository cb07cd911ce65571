"""Claims about git-ai notes, Agent Trace records and trailers: what is read is what is written; bad ones are named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.attribution import agents
from stemma.attribution.agent_trace import read_records, write_record
from stemma.attribution.git_ai import Entry, Note, NoteError, attested, human_key, read_note, session_key, write_note

# As in the Git AI Standard v3.0.0, section 1.2.7, with a path that needs quotes.
NOTE = """src/main.rs
  s_c9883b05a2487d::t_9f8e7d6c5b4a32 1-10
  h_31dce776f88375 15-20,42
"src/my lib.rs"
  abcd1234abcd1234 1-50
---
{
  "schema_version": "authorship/3.0.0",
  "git_ai_version": "1.4.5",
  "base_commit_sha": "7734793b756b3921c88db5375a8c156e9532447b",
  "prompts": {
    "abcd1234abcd1234": {
      "agent_id": {
        "tool": "cursor",
        "id": "old_session_id",
        "model": "gpt-4"
      },
      "human_author": "Developer <dev@example.com>",
      "total_additions": 50,
      "total_deletions": 0,
      "accepted_lines": 50,
      "overriden_lines": 0
    }
  },
  "humans": {
    "h_31dce776f88375": {
      "author": "Developer <dev@example.com>"
    }
  },
  "sessions": {
    "s_c9883b05a2487d": {
      "agent_id": {
        "tool": "claude",
        "id": "conv_abc123",
        "model": "claude-sonnet-4-5-20250514"
      },
      "human_author": "dev@example.com"
    }
  }
}"""


def test_a_note_is_written_as_it_was_read() -> None:
    note = read_note(NOTE)
    assert write_note(note) == NOTE
    assert note.files["src/my lib.rs"] == (Entry("abcd1234abcd1234", ((1, 50),)),)
    assert note.record("s_c9883b05a2487d::t_9f8e7d6c5b4a32")["agent_id"]["id"] == "conv_abc123"
    assert note.record("h_31dce776f88375") == {"author": "Developer <dev@example.com>"}
    assert note.record("h_unknown") == {}


_KEYS = st.sampled_from(["s_0123456789abcd::t_0123456789abcd", "h_0123456789abcd", "0123456789abcdef"])
_RANGES = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 50)), min_size=1, max_size=5).map(
    lambda found: tuple(sorted({(first, first + more) for first, more in found}))
)
_PATHS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='"'), min_size=1).map(
    lambda name: f"{name} {name}"
)
_FILES = st.dictionaries(_PATHS, st.lists(st.builds(Entry, _KEYS, _RANGES), min_size=1, max_size=4).map(tuple))


@given(_FILES, st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_any_note_comes_back_as_it_was(files: dict[str, tuple[Entry, ...]], metadata: dict[str, str]) -> None:
    note = Note(files, dict(metadata))
    assert read_note(write_note(note)) == note


@given(st.lists(st.builds(Entry, _KEYS, _RANGES), max_size=6))
def test_each_line_is_attested_once_and_the_later_entry_wins(entries: list[Entry]) -> None:
    owner = {line: entry for entry in entries for first, last in entry.lines for line in range(first, last + 1)}
    found = [(line, entry) for entry, (first, last) in attested(entries) for line in range(first, last + 1)]
    assert len(found) == len(owner)
    assert dict(found) == owner


@pytest.mark.parametrize(
    "text",
    ["", "no divider", "src/a.py\n  key 1-2", "  key 1-2\n---\n{}", "a\n  key x\n---\n{}", "---\nnot json", "---\n[1]"],
)
def test_a_note_of_no_known_form_is_named_as_one(text: str) -> None:
    with pytest.raises(NoteError):
        read_note(text)


def test_keys_are_those_of_the_standard() -> None:
    # printf 'cursor:6ef2299e-a67f-432b-aa80-3d2fb4d28999' | sha256sum, and the same of the name with its address;
    # both stand in the standard's own examples, too.
    assert session_key("cursor", "6ef2299e-a67f-432b-aa80-3d2fb4d28999") == "s_866dabf162e96b"
    assert human_key("Alice Smith <alice@example.com>") == "h_31dce776f88375"


# The example of the specification, section 6.2, and the least record, appendix A.
RECORD = {
    "version": "0.1.0",
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "timestamp": "2026-01-23T14:30:00Z",
    "vcs": {"type": "git", "revision": "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0"},
    "tool": {"name": "cursor", "version": "2.4.0"},
    "files": [
        {
            "path": "src/utils/parser.ts",
            "conversations": [
                {
                    "url": "https://api.cursor.com/v1/conversations/12345",
                    "contributor": {"type": "ai", "model_id": "anthropic/claude-opus-4-5-20251101"},
                    "ranges": [{"start_line": 42, "end_line": 67, "content_hash": "murmur3:9f2e8a1b"}],
                    "related": [{"type": "session", "url": "https://api.cursor.com/v1/sessions/67890"}],
                }
            ],
        }
    ],
    "metadata": {"confidence": 0.95, "dev.cursor": {"workspace_id": "ws-abc123"}},
}
LEAST = {
    "version": "0.1.0",
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "timestamp": "2026-01-25T10:00:00Z",
    "files": [
        {
            "path": "src/app.ts",
            "conversations": [{"contributor": {"type": "ai"}, "ranges": [{"start_line": 1, "end_line": 50}]}],
        }
    ],
}


@pytest.mark.parametrize("record", [RECORD, LEAST, LEAST | {"vendor": {"x": 1}}])
def test_a_record_is_written_as_it_was_read(record: dict[str, object]) -> None:
    (read,) = read_records([json.dumps(record)])
    assert json.loads(write_record(read)) == record


def test_a_line_that_is_no_record_is_left_out() -> None:
    lines = ["", "nothing", "{}", "[1]", json.dumps(LEAST | {"files": 3}), json.dumps(LEAST)]
    assert len(list(read_records(lines))) == 1


@pytest.mark.parametrize(
    ("trailer", "found"),
    [
        ("Co-authored-by: Claude <noreply@anthropic.com>", ("claude-code", None)),
        ("Co-Authored-By: Claude Opus 4.5 <noreply@anthropic.com>", ("claude-code", "Claude Opus 4.5")),
        ("Co-authored-by: aider (gpt-4o) <aider@aider.chat>", ("aider", "gpt-4o")),
        ("Co-authored-by: Copilot <175728472+Copilot@users.noreply.github.com>", ("copilot", None)),
        ("Co-authored-by: Cursor Agent <cursoragent@cursor.com>", ("cursor", None)),
        ("Assisted-by: Claude:claude-opus-4-5", ("claude-code", "claude-opus-4-5")),
        ("Generated-with: [Claude Code](https://claude.com/claude-code)", ("claude-code", None)),
        ("Co-authored-by: Claude Monet <claude@giverny.example>", None),
        ("Signed-off-by: Claude <noreply@anthropic.com>", None),
        ("Reviewed-by: Copilot <copilot@github.com>", None),
        ("Generated-by: make", None),
        ("Assisted-by: Amphora Smith", None),
    ],
)
def test_a_trailer_names_an_agent_by_address_or_as_a_tool_and_never_a_person(
    trailer: str, found: tuple[str, str | None] | None
) -> None:
    assert agents.of_trailer(trailer) == found
