"""A small world, made by hand, whose marts can be worked out on paper. What is expected of it stands in the tests.

alpha, beta and gamma were ingested, delta could not be reached. parse stands in all three (family f1, two texts);
save and store match (f2, alpha and beta); run stands twice in alpha (f3) and is rejected. Three more texts are
rejected that must not count: gone and a former text of parse are only history, lent stands in a vendored file. beta
wrote fetch and fixed it a day later; alpha has the copy that it took, by an agent's hand, on the day of the fix.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from stemma.store.postgres import Database
from stemma.tables import metadata

DAYS = [dt.datetime(2026, 1, day, 12, tzinfo=dt.UTC) for day in range(1, 8)]
VERSION = "1"


def plant(database: Database) -> None:
    """Fill the tables; in the order of their foreign keys."""
    with database.transaction() as transaction:
        for table, rows in _rows().items():
            transaction.insert(metadata.tables[f"stemma.{table}"], pl.DataFrame(rows, infer_schema_length=None))


def _repository(name: str, **values: Any) -> dict[str, Any]:
    row = {"repo_id": name[0], "name": name, "kind": "git", "location": f"/{name}", "tags": ["demo"], "team": None}
    state = {"added_at": DAYS[0], "head_sha": f"{name[0]}2", "ingested_at": DAYS[3], "extractor_version": VERSION}
    return row | state | {"is_shallow": False, "status": "ok", "status_reason": None} | values


def _commit(repo_id: str, index: int) -> dict[str, Any]:
    parents = [f"{repo_id}{index - 1}"] if index else []
    row = {"repo_id": repo_id, "sha": f"{repo_id}{index}", "kind": "commit", "parents": parents}
    when = {"authored_at": DAYS[index], "committed_at": DAYS[index], "first_parent_index": index}
    subject = "Fix a crash in fetch" if (repo_id, index) == ("b", 1) else "s"
    author = {"author_name": "A", "author_email": "a@b.c", "subject": subject, "is_shallow_boundary": False}
    return row | when | author | {"position": index, "trailers": []}


def _file(repo_id: str, path: str, language: str | None = "python", category: str = "source") -> dict[str, Any]:
    blob = f"blob of {repo_id}/{path}"
    return {
        "repo_id": repo_id,
        "path": path,
        "blob_oid": blob,
        "n_bytes": 10,
        "language": language,
        "category": category,
    }


def _blob(repo_id: str, path: str, status: str = "parsed", reason: str | None = None) -> dict[str, Any]:
    row = {"blob_oid": f"blob of {repo_id}/{path}", "extractor_version": VERSION, "language": "python", "n_bytes": 10}
    return row | {
        "n_lines": 9,
        "status": status,
        "reason": reason,
        "n_errors": 0,
        "n_snippets": 1,
        "parse_ms": 1.0,
        "imports": [],
    }


def _place(
    where: tuple[str, str],
    name: str,
    pattern: str,
    text: str,
    *,
    valid: tuple[int, int | None] = (0, None),
    category: str = "source",
) -> dict[str, Any]:
    repo_id, path = where
    start, end = valid
    row = {"repo_id": repo_id, "path": path, "qualified_name": name, "kind": "function", "duplicate_index": 0}
    span = {"valid_from": start, "valid_to": end, "valid_from_sha": f"{repo_id}{start}"}
    content = {"blob_oid": f"blob of {repo_id}/{path}", "ordinal": 0, "exact_hash": text, "pattern_id": pattern}
    ended = {"valid_to_sha": None if end is None else f"{repo_id}{end}"}
    return row | span | ended | {"language": "python", "category": category} | content


def _snippet(place: dict[str, Any], ordinal: int, start_line: int) -> dict[str, Any]:
    names = ("blob_oid", "qualified_name", "kind", "duplicate_index", "exact_hash", "pattern_id")
    row = {name: place[name] for name in names} | {
        "extractor_version": VERSION,
        "ordinal": ordinal,
        "parent_ordinal": None,
    }
    lines = {
        "start_line": start_line,
        "end_line": start_line + 2,
        "start_byte": 0,
        "end_byte": 9,
        "n_lines": 3,
        "n_tokens": 9,
    }
    return row | lines | {"name": place["qualified_name"], "signature": "s", "is_deprecated": False, "is_test": False}


def _pattern(pattern_id: str, *, is_trivial: bool = False) -> dict[str, Any]:
    row = {"pattern_id": pattern_id, "language": "python", "kind": "function", "name": pattern_id, "signature": "s"}
    size = {"code": "c", "n_lines": 3, "n_tokens": 9, "shingles": [1], "sub_tokens": ["a"], "is_trivial": is_trivial}
    size |= {"trivial_reason": "tiny" if is_trivial else None, "structure": "(", "extractor_version": VERSION}
    return row | size | {"n_live": 0, "n_repositories": 0}


def _family(family_id: str, medoid: str, n_patterns: int, mean_score: float | None = None) -> dict[str, Any]:
    row = {"family_id": family_id, "language": "python", "medoid_pattern_id": medoid, "name": medoid}
    counts = {"n_patterns": n_patterns, "n_occurrences": 2, "n_repositories": 1, "mean_score": mean_score}
    return row | counts | {"cohesion": mean_score, "created_at": DAYS[3], "updated_at": DAYS[3]}


def _verdict(text: tuple[str, str], day: int, outcome: str, n_pass: int, n_fail: int) -> dict[str, Any]:
    cast = n_pass + n_fail
    row = {"pattern_id": text[0], "exact_hash": text[1], "decided_at": DAYS[day], "outcome": outcome}
    decision = {"accept": "suggest", "reject": "refuse", "needs_review": "review"}[outcome]
    figures = {"probability": n_pass / cast if cast else None, "agreement": 1.0 if cast else None, "decision": decision}
    votes = {"n_pass": n_pass, "n_fail": n_fail, "n_abstain": 1, "n_families": cast}
    return row | figures | votes | {"reason": f"{n_fail} against", "rule_version": "1", "votes_digest": "d"}


def _vote(text: tuple[str, str], member: str, vote: str) -> dict[str, Any]:
    reason = "not applicable" if vote == "abstain" else None
    row = {"pattern_id": text[0], "exact_hash": text[1], "member": member, "member_version": "1", "vote": vote}
    return row | {"reason": reason, "findings": "[]", "seconds": 0.5, "voted_at": DAYS[4]}


def _label(text: tuple[str, str], *, is_fit: bool) -> dict[str, Any]:
    row = {"label_id": f"{text} {is_fit}", "pattern_id": text[0], "exact_hash": text[1], "is_fit": is_fit}
    return row | {"source": "review", "labelled_by": "ann", "labelled_at": DAYS[5]}


def _seat(member: str, family: str, **figures: Any) -> dict[str, Any]:
    counts = ("n_pass", "n_fail", "n_abstain", "n_no_answer", "n_true_pass", "n_false_pass", "n_true_fail")
    row = {"sitting_id": "s", "member": member, "member_version": "1", "family": family, "n_false_fail": 0}
    return row | dict.fromkeys(counts, 0) | figures


def _node(
    node_id: str, name: str, index: int, text: str, *, where: str = "a/a.py", pattern: str = "parse"
) -> dict[str, Any]:
    repo_id, path = where.split("/")
    row = {"node_id": node_id, "repo_id": repo_id, "path": path, "kind": "function", "qualified_name": name}
    content = {"duplicate_index": 0, "language": "python", "exact_hash": text, "pattern_id": pattern}
    place = {"blob_oid": f"blob of {where}", "ordinal": 0, "sha": f"{repo_id}{index}", "first_parent_index": index}
    return row | content | place | {"occurred_at": DAYS[index], "authored_at": DAYS[index]}


def _edge(edge_id: str, child: str, parent: str, kind: str) -> dict[str, Any]:
    row = {"edge_id": edge_id, "repo_id": "b" if child == "m2" else "a", "child_id": child, "parent_id": parent}
    evidence = '{"matched_by": "text", "direction": "dates", "candidates": 1}' if kind == "copied_from" else "{}"
    return row | {"edge_type": kind, "weight": 0.5, "confidence": 1.0, "evidence": evidence}


def _event(node_id: str, kind: str, index: int) -> dict[str, Any]:
    row = {"event_id": f"{node_id} {kind}", "occurred_at": DAYS[index], "repo_id": "a", "node_id": node_id}
    return row | {"event_type": kind, "sha": f"a{index}", "detail": "{}"}


def _life(
    life_id: str, origin: str, days: float, *, is_ended: bool, unit: str = "snippet", n: int = 1
) -> dict[str, Any]:
    who = {"agent": "claude-code", "model": "m"} if origin == "agent" else {"agent": None, "model": None}
    row = {"life_id": life_id, "repo_id": "a", "unit": unit, "node_id": "n1", "origin": origin, "n": n} | who
    if is_ended:
        dates = {"began_at": DAYS[0], "ended_at": DAYS[0] + dt.timedelta(days=days), "days": days}
    else:  # it stands at the head of repository a, which is its third commit
        dates = {"began_at": DAYS[2] - dt.timedelta(days=days), "ended_at": None, "days": None}
    return row | {"is_ended": is_ended} | dates


def _agent_event(minute: int, tool: str | None, is_success: bool | None) -> dict[str, Any]:
    at = DAYS[0] + dt.timedelta(minutes=minute)
    row = {"event_id": f"event {minute}", "occurred_at": at, "received_at": at, "agent": "claude-code"}
    call = {"event_type": "PostToolUse", "session_id": "s", "tool_name": tool, "is_success": is_success}
    return row | call | {"payload": "{}", "n_redactions": 0, "source_file": "f"}


def _rows() -> dict[str, list[dict[str, Any]]]:
    live = [
        _place(("a", "a.py"), "parse", "parse", "x", valid=(2, None)),
        _place(("b", "b.py"), "parse", "parse", "x"),
        _place(("g", "g.py"), "parse", "parse", "y"),
        _place(("a", "s.py"), "save", "save", "s"),
        _place(("b", "s.py"), "store", "store", "t"),
        _place(("a", "r1.py"), "run", "run", "r"),
        _place(("a", "r2.py"), "run", "run", "r"),
        _place(("g", "t.py"), "tiny", "tiny", "i"),
        _place(("a", "net.py"), "fetch", "fetch", "f1", valid=(1, None)),
        _place(("b", "lib.py"), "fetch", "fetch fixed", "f2", valid=(1, None)),
    ]
    other = [
        _place(("a", "a.py"), "load", "parse", "v", valid=(0, 1)),
        _place(("a", "a.py"), "load", "parse", "w", valid=(1, 2)),
        _place(("b", "b.py"), "gone", "gone", "q", valid=(0, 1)),
        _place(("b", "lib.py"), "fetch", "fetch", "f1", valid=(0, 1)),
        _place(("b", "vendor/l.py"), "lent", "lent", "l", category="vendored"),
    ]
    python_files = [(place["repo_id"], place["path"]) for place in live]
    return {
        "repositories": [
            *(_repository(name) for name in ("alpha", "beta", "gamma")),
            _repository("delta", head_sha=None, ingested_at=None, status="unreachable", status_reason="no such host"),
        ],
        "commits": [
            _commit("a", 0),
            _commit("a", 1),
            _commit("a", 2),
            _commit("b", 0),
            _commit("b", 1),
            _commit("g", 0),
        ],
        "files": [
            *(_file(*where) for where in python_files),
            _file("b", "vendor/l.py", category="vendored"),
            _file("a", "README.md", language=None),
            _file("a", "large.py"),
        ],
        "blobs": [
            *(_blob(*where) for where in python_files if where != ("a", "r2.py")),
            _blob("a", "r2.py", "partial", "syntax_error"),
            _blob("a", "large.py", "skipped", "too_large"),
        ],
        "snippets": [_snippet(place, 0, 4) for place in live],
        "occurrences": live + other,
        "patterns": [
            *(_pattern(name) for name in ("parse", "save", "store", "run", "gone", "lent", "fetch", "fetch fixed")),
            _pattern("tiny", is_trivial=True),
        ],
        "matches": [
            {"pattern_a": "save", "pattern_b": "store", "clone_type": "type-3", "score": 0.75, "structural": 0.75}
            | {"candidate_source": "fingerprint", "matcher_version": "1", "matched_at": DAYS[3]}
            | {"confidence": 1.0}
        ],
        "families": [_family("f1", "parse", 1), _family("f2", "save", 2, 0.75), _family("f3", "run", 1)],
        "family_members": [
            {"family_id": family, "pattern_id": pattern, "joined_at": DAYS[3]}
            for family, pattern in (("f1", "parse"), ("f2", "save"), ("f2", "store"), ("f3", "run"))
        ],
        "votes": [
            _vote(("parse", "x"), "ruff", "pass"),
            _vote(("parse", "y"), "ruff", "fail"),
            _vote(("run", "r"), "ruff", "fail"),
            _vote(("parse", "x"), "mypy", "pass"),
            _vote(("run", "r"), "mypy", "pass"),
            _vote(("save", "s"), "bandit", "abstain"),
        ],
        "verdicts": [
            _verdict(("parse", "x"), 4, "accept", 2, 0),
            _verdict(("parse", "w"), 4, "reject", 0, 2),
            _verdict(("save", "s"), 4, "needs_review", 0, 0),
            _verdict(("run", "r"), 4, "accept", 2, 0),
            _verdict(("run", "r"), 5, "reject", 0, 2),
            _verdict(("gone", "q"), 4, "reject", 0, 2),
            _verdict(("lent", "l"), 4, "reject", 0, 2),
        ],
        "labels": [_label(("parse", "x"), is_fit=True), _label(("run", "r"), is_fit=False)],
        "sittings": [
            {"sitting_id": "s", "sat_at": DAYS[5], "rule_version": "1", "n_texts": 3, "n_decided": 1, "n_accept": 1}
            | {"n_reject": 1, "n_needs_review": 1, "n_changed": 1, "alpha": 0.5, "n_labelled": 2}
        ],
        "sitting_members": [
            _seat("ruff", "correctness", n_true_pass=1, n_true_fail=1, marginal_worth=0.25, n_decisive=1),
            _seat("mypy", "correctness", n_true_pass=1, n_false_pass=1),
        ],
        "lineage_nodes": [
            *(_node("n1", "load", 0, "v"), _node("n2", "load", 1, "w"), _node("n3", "parse", 2, "x")),
            _node("m1", "fetch", 0, "f1", where="b/lib.py", pattern="fetch"),
            _node("m2", "fetch", 1, "f2", where="b/lib.py", pattern="fetch fixed"),
            _node("k1", "fetch", 1, "f1", where="a/net.py", pattern="fetch"),
        ],
        "lineage_edges": [
            _edge("e1", "n2", "n1", "modified_from"),
            _edge("e2", "n3", "n2", "modified_from"),
            _edge("e3", "n3", "n2", "renamed_from"),
            _edge("e4", "m2", "m1", "modified_from"),
            _edge("e5", "k1", "m1", "copied_from"),
        ],
        "lineage_events": [
            *(_event("n1", "introduced", 0), _event("n2", "body_changed", 1), _event("n3", "renamed", 2)),
            *(_event("m1", "introduced", 0), _event("m2", "body_changed", 1)),
            *(_event("k1", "introduced", 1), _event("k1", "copied", 1)),
        ],
        "origins": [
            {"node_id": node_id, "repo_id": repo_id, "origin": origin, "n_agent": 0, "n_human": 0, "evidence": "{}"}
            | {"decided_by": "1", "agent": "claude-code" if origin == "agent" else None}
            for node_id, repo_id, origin in (("n1", "a", "human"), ("k1", "a", "agent"))
        ],
        "lives": [
            _life("l1", "human", 10, is_ended=True),
            _life("l2", "human", 45, is_ended=False),
            _life("l3", "agent", 31.5, is_ended=True),
            _life("l4", "agent", 100, is_ended=False),
            _life("l5", "agent", 20, is_ended=True, unit="line", n=3),
            _life("l6", "agent", 95, is_ended=False, unit="line", n=1),
        ],
        "agent_events": [_agent_event(0, "Write", True), _agent_event(1, "Bash", False), _agent_event(2, "Bash", None)],
        "runs": [{"run_id": "r", "started_at": DAYS[3], "ended_at": DAYS[4], "status": "succeeded"}],
        "gate_results": [
            {
                "run_id": "r",
                "asset": "blobs",
                "gate": "g",
                "is_passed": True,
                "is_blocking": True,
                "evaluated_at": DAYS[4],
            }
        ],
        "run_phases": [{"run_id": "r", "phase": "snippets", "seconds": 4.0, "cpu_seconds": 5.0, "n_rows": 100}],
    }
