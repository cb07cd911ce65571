"""The smallest store that meets every contract: one repository, two commits, one pair of copies, one rename."""

from __future__ import annotations

import datetime as dt

import polars as pl

from stemma.store.postgres import Database
from stemma.tables import metadata
from tests.checks import lineage_rows

DAYS = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3)]
FIRST, HEAD = "a" * 40, "b" * 40
BLOB = "e" * 40
F, G = "c" * 32, "d" * 32  # two patterns


def plant(database: Database) -> None:
    with database.transaction() as transaction:
        for table, rows in ROWS.items():
            transaction.insert(metadata.tables[f"stemma.{table}"], pl.DataFrame(rows, infer_schema_length=None))


def _commit(sha: str, index: int) -> dict[str, object]:
    row = {"repo_id": "r", "sha": sha, "kind": "commit", "parents": [FIRST] if index else [], "subject": "s"}
    when = {"authored_at": DAYS[index], "committed_at": DAYS[index], "first_parent_index": index}
    author = {"author_name": "A", "author_email": "a@b.c", "is_shallow_boundary": False}
    return row | when | author | {"position": index, "trailers": []}


def _definition(name: str, pattern: str) -> dict[str, object]:
    return {
        "qualified_name": name,
        "kind": "function",
        "duplicate_index": 0,
        "exact_hash": pattern,
        "pattern_id": pattern,
    }


def _snippet(name: str, pattern: str, ordinal: int) -> dict[str, object]:
    row = {"blob_oid": BLOB, "extractor_version": "1", "ordinal": ordinal, "parent_ordinal": None, "name": name}
    span = {"start_line": 1, "end_line": 3, "start_byte": 0, "end_byte": 30, "n_lines": 3, "n_tokens": 9}
    return (
        row
        | span
        | {"signature": "s", "docstring": "d", "is_deprecated": False, "is_test": False}
        | _definition(name, pattern)
    )


def _occurrence(name: str, pattern: str, start: int, end: int | None) -> dict[str, object]:
    shas = [FIRST, HEAD]
    span = {
        "valid_from": start,
        "valid_to": end,
        "valid_from_sha": shas[start],
        "valid_to_sha": None if end is None else shas[end],
    }
    row = {"repo_id": "r", "path": "a.py", "language": "python", "category": "source", "blob_oid": BLOB, "ordinal": 0}
    return row | span | _definition(name, pattern)


def _pattern(pattern_id: str) -> dict[str, object]:
    row = {
        "pattern_id": pattern_id,
        "language": "python",
        "kind": "function",
        "name": "f",
        "signature": "s",
        "code": "c",
    }
    return row | {
        "n_lines": 3,
        "n_tokens": 9,
        "shingles": [1],
        "sub_tokens": ["f"],
        "is_trivial": False,
        "trivial_reason": None,
        "structure": "(",
        "extractor_version": "1",
        "n_live": 2,
        "n_repositories": 1,
    }


def _node(node_id: str, name: str, pattern: str, sha: str, index: int) -> dict[str, object]:
    row = {"node_id": node_id, "repo_id": "r", "path": "a.py", "language": "python", "sha": sha}
    place = {"blob_oid": BLOB, "ordinal": 0, "first_parent_index": index}
    when = {"occurred_at": DAYS[index], "authored_at": DAYS[index]}
    return row | place | when | _definition(name, pattern)


def _edge(edge_id: str, kind: str) -> dict[str, object]:
    ends = {"child_id": "2" * 32, "parent_id": "1" * 32}
    return {
        "edge_id": edge_id,
        "repo_id": "r",
        "edge_type": kind,
        "weight": 0.5,
        "confidence": 1.0,
        "evidence": "{}",
    } | ends


def _repository() -> dict[str, object]:
    row = {
        "repo_id": "r",
        "name": "alpha",
        "kind": "git",
        "location": "/alpha",
        "tags": [],
        "added_at": DAYS[0],
        "status": "ok",
    }
    return row | {"head_sha": HEAD, "ingested_at": DAYS[2], "extractor_version": "1", "is_shallow": False}


ROWS: dict[str, list[dict[str, object]]] = {
    "repositories": [_repository()],
    "commits": [_commit(FIRST, 0), _commit(HEAD, 1)],
    "files": [
        {"repo_id": "r", "path": "a.py", "blob_oid": BLOB, "n_bytes": 30, "language": "python", "category": "source"}
    ],
    "blobs": [
        {
            "blob_oid": BLOB,
            "extractor_version": "1",
            "language": "python",
            "n_bytes": 30,
            "n_lines": 6,
            "status": "parsed",
        }
        | {"n_errors": 0, "n_snippets": 2, "parse_ms": 1.0, "imports": []}
    ],
    "snippets": [_snippet("f", F, 0), _snippet("g", G, 1)],
    "occurrences": [_occurrence("f", F, 0, 1), _occurrence("f", G, 1, None), _occurrence("g", G, 0, None)],
    "patterns": [_pattern(F), _pattern(G)],
    "matches": [
        {"pattern_a": F, "pattern_b": G, "clone_type": "type-3", "score": 0.75, "structural": 0.5, "lexical": 1.0}
        | {"candidate_source": "both", "matcher_version": "1", "matched_at": DAYS[2]}
        | {"fingerprint": 0.5, "probability": 0.9, "confidence": 0.7, "note": "no vectors"}
    ],
    "families": [
        {"family_id": F, "language": "python", "medoid_pattern_id": F, "name": "f", "n_patterns": 2, "n_occurrences": 4}
        | {"n_repositories": 1, "mean_score": 0.75, "created_at": DAYS[1], "updated_at": DAYS[2], "cohesion": 0.75}
    ],
    "family_members": [
        {"family_id": F, "pattern_id": pattern, "joined_at": DAYS[1], "similarity": near}
        for pattern, near in ((F, None), (G, 0.75))
    ],
    "votes": [
        {"pattern_id": F, "exact_hash": F, "member": member, "member_version": "1", "vote": vote, "reason": reason}
        | {"findings": "[]", "probability": likely, "seconds": 0.1, "cost": 0.01, "voted_at": DAYS[2]}
        for member, vote, reason, likely in (
            ("m", "pass", None, 0.9),
            ("n", "fail", None, None),
            ("o", "abstain", "?", None),
        )
    ],
    "verdicts": [
        {"pattern_id": F, "exact_hash": F, "decided_at": DAYS[2], "outcome": "needs_review", "probability": 0.5}
        | {"decision": "review", "agreement": 0.5, "n_pass": 1, "n_fail": 1, "n_abstain": 1, "n_families": 2}
        | {"reason": "a tie", "changed": "n fails it", "rule_version": "1", "votes_digest": "m=pass; n=fail"}
    ],
    "labels": [
        {"label_id": F, "pattern_id": F, "exact_hash": F, "is_fit": True, "source": "review", "labelled_by": "Ada"}
        | {"reason": "read it", "labelled_at": DAYS[2]}
    ],
    "judge_requests": [
        {"request_id": F, "asked_at": DAYS[2], "judge": "j", "pattern_id": F, "exact_hash": F, "n_characters": 30}
        | {"reserved_tokens": 90, "reserved_cost": 0.1, "input_tokens": 50, "output_tokens": 5, "cost": 0.01}
    ],
    "sittings": [
        {"sitting_id": F, "sat_at": DAYS[2], "rule_version": "1", "n_texts": 1, "n_decided": 1, "n_accept": 0}
        | {"n_reject": 0, "n_needs_review": 1, "n_changed": 0, "alpha": 0.0, "n_labelled": 1, "calibration_error": 0.1}
    ],
    "sitting_members": [
        {"sitting_id": F, "member": "m", "member_version": "1", "family": "security", "n_pass": 1, "n_fail": 0}
        | {"n_abstain": 0, "n_no_answer": 0, "n_true_pass": 1, "n_false_pass": 0, "n_true_fail": 0, "n_false_fail": 0}
        | {"sensitivity": 0.9, "specificity": 0.9, "calibration_error": 0.1, "marginal_worth": -0.1, "n_decisive": 0}
        | {"seconds": 0.1, "cost": 0.01}
    ],
    "lineage_nodes": [_node("1" * 32, "e", F, FIRST, 0), _node("2" * 32, "f", G, HEAD, 1)],
    "lineage_edges": [_edge("3" * 32, "modified_from"), _edge("4" * 32, "renamed_from")],
    # In the default partition: whichever month it is, none has been made for it.
    "lineage_events": [
        {"event_id": "9" * 32, "occurred_at": DAYS[1], "repo_id": "r", "node_id": "2" * 32, "event_type": "renamed"}
        | {"sha": HEAD, "detail": "{}"}
    ],
    **lineage_rows.ROWS,
}
