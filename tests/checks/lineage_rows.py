"""Rows of lineage, authorship and lives that meet their contracts, and what spoils each."""

from __future__ import annotations

import datetime as dt

FIRST_DAY, LAST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 3, tzinfo=dt.UTC)
NODE, OTHER_NODE, HEAD, TEXT = "1" * 32, "2" * 32, "b" * 40, "c" * 32


def _edit(edit_id: str, text: str | None) -> dict[str, object]:
    """One of eight tokens, of which five were brought: a definition, or a piece."""
    definition = {"exact_hash": text, "token_hash": text, "pattern_id": text, "kind": text and "function"}
    return definition | {
        "edit_id": edit_id,
        "event_id": "e",
        "occurred_at": FIRST_DAY,
        "received_at": LAST_DAY,
        "agent": "claude-code",
        "path": "a.py",
        "language": "python",
        "qualified_name": text and "f",
        "n_tokens": 8,
        "n_added": 5,
        "tokens": [4, 5, 6, 7, 8, 0, 9, 3, 2],
        "added": [0, 3, 6, 8],
        "read_by": "1",
        "written_at": LAST_DAY,
    }


def _origin(node_id: str, origin: str, n_agent: int | None, **who: object) -> dict[str, object]:
    read = {"n_tokens": 8, "agent_share": (n_agent or 0) / 8, "confidence": 0.9} if n_agent is not None else {}
    row = {"node_id": node_id, "repo_id": "r", "origin": origin, "n_agent": n_agent or 0, "n_human": 0}
    return row | {"evidence": "[]", "decided_by": "1", "n_tokens": None, "agent_share": None} | read | who


def _life(life_id: str, unit: str, origin: str, days: float | None) -> dict[str, object]:
    row = {"life_id": life_id, "repo_id": "r", "unit": unit, "node_id": NODE, "origin": origin, "n": 1}
    end = {"ended_at": LAST_DAY, "ended_sha": HEAD} if days is not None else {"ended_at": None, "ended_sha": None}
    return row | end | {"began_at": FIRST_DAY, "is_ended": days is not None, "days": days}


ROWS: dict[str, list[dict[str, object]]] = {
    "agent_edits": [_edit("5" * 32, TEXT), _edit("6" * 32, None)],
    "origins": [
        _origin(NODE, "agent", 8, agent="claude-code", matched_by="exact"),
        _origin(OTHER_NODE, "unknown", None, agent=None, matched_by=None),
    ],
    "lives": [_life("7" * 32, "snippet", "unknown", 2.0), _life("8" * 32, "line", "agent", None)],
}

_SET, _REGEX = "expect_column_values_to_be_in_set", "expect_column_values_to_match_regex"
_BETWEEN, _LENGTH = "expect_column_values_to_be_between", "expect_column_value_lengths_to_be_between"
_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
_ONE = f"WHERE node_id = '{NODE}'"
# table, what spoils it, the expectation (type or claim) and the columns that must say so
BAD = [
    ("lineage_nodes", f"node_id = 'x' {_ONE}", _REGEX, "node_id"),
    ("lineage_nodes", "path = ''", _LENGTH, "path"),
    ("lineage_nodes", "kind = 'Function'", _REGEX, "kind"),
    ("lineage_nodes", "qualified_name = ''", _LENGTH, "qualified_name"),
    ("lineage_nodes", "duplicate_index = -1", _BETWEEN, "duplicate_index"),
    ("lineage_nodes", "language = 'klingon'", _SET, "language"),
    ("lineage_nodes", "exact_hash = 'x'", _REGEX, "exact_hash"),
    ("lineage_nodes", "pattern_id = 'x'", _REGEX, "pattern_id"),
    ("lineage_nodes", "blob_oid = 'x'", _REGEX, "blob_oid"),
    ("lineage_nodes", "ordinal = -1", _BETWEEN, "ordinal"),
    ("lineage_nodes", "sha = 'HEAD'", _REGEX, "sha"),
    ("lineage_nodes", "first_parent_index = -1", _BETWEEN, "first_parent_index"),
    ("lineage_events", "event_id = 'x'", _REGEX, "event_id"),
    ("lineage_events", "node_id = 'x'", _REGEX, "node_id"),
    ("lineage_events", "event_type = 'lost'", _SET, "event_type"),
    ("lineage_events", "sha = 'HEAD'", _REGEX, "sha"),
    ("lineage_events", "detail = '[]'", "detail is an object", "table"),
    ("agent_edits", "edit_id = 'x' WHERE kind IS NULL", _REGEX, "edit_id"),
    ("agent_edits", "event_id = ''", _LENGTH, "event_id"),
    ("agent_edits", "agent = ''", _LENGTH, "agent"),
    ("agent_edits", "path = ''", _LENGTH, "path"),
    ("agent_edits", "language = 'klingon'", _SET, "language"),
    ("agent_edits", "kind = 'Function'", _REGEX, "kind"),
    ("agent_edits", "qualified_name = ''", _LENGTH, "qualified_name"),
    ("agent_edits", "exact_hash = 'x'", _REGEX, "exact_hash"),
    ("agent_edits", "token_hash = 'x'", _REGEX, "token_hash"),
    ("agent_edits", "pattern_id = 'x'", _REGEX, "pattern_id"),
    ("agent_edits", "n_added = -1", _BETWEEN, "n_added"),
    ("agent_edits", "n_tokens = 4", _PAIR, "n_tokens, n_added"),
    ("agent_edits", "read_by = ''", _LENGTH, "read_by"),
    (
        "agent_edits",
        "token_hash = NULL",
        "a definition has kind, name, text, tokens and normal form, a piece has none of them",
        "table",
    ),
    ("agent_edits", "added = '{{0,3}}'", "the runs of what was brought are as long as it", "table"),
    ("agent_edits", "added = '{{5,10}}'", "they end where the tokens do", "table"),
    ("origins", "origin = 'perhaps'", _SET, "origin"),
    ("origins", "matched_by = 'guess'", _SET, "matched_by"),
    ("origins", "agent_share = 1.5", _BETWEEN, "agent_share"),
    ("origins", "n_tokens = -1", _BETWEEN, "n_tokens"),
    ("origins", "n_agent = -1", _BETWEEN, "n_agent"),
    ("origins", "n_human = -1", _BETWEEN, "n_human"),
    ("origins", "confidence = 2", _BETWEEN, "confidence"),
    ("origins", "decided_by = ''", _LENGTH, "decided_by"),
    ("origins", "evidence = '{{}}'", "evidence is a list", "table"),
    ("origins", "n_human = 1", "no more tokens have an author than there are", "table"),
    ("origins", f"n_agent = 7 {_ONE}", "what is an agent's is all its own", "table"),
    ("origins", f"origin = 'human' {_ONE}", "what is a person's is all their own", "table"),
    ("origins", f"origin = 'unknown' {_ONE}", "of what is unknown an agent wrote nothing that is known", "table"),
    ("origins", "matched_by = NULL", "nobody is named without evidence", "table"),
    ("lives", "life_id = 'x' WHERE unit = 'line'", _REGEX, "life_id"),
    ("lives", "unit = 'file'", _SET, "unit"),
    ("lives", "origin = 'perhaps'", _SET, "origin"),
    ("lives", "n = 0", _BETWEEN, "n"),
    ("lives", "days = -1", _BETWEEN, "days"),
    ("lives", "ended_sha = 'HEAD'", _REGEX, "ended_sha"),
    ("lives", "days = NULL", "what ended has a date, a commit and an age", "table"),
    ("lives", "is_ended = false", "what stands has none", "table"),
    ("lives", "n = 2", "a snippet is one", "table"),
    ("lives", "origin = 'unknown'", "a line's author is known", "table"),
]
