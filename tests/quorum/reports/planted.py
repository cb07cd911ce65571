"""A small world of judged texts, made by hand, whose report can be worked out on paper.

shop stands at commit c2 (branch of a real checkout, where a test makes one), and has seven texts in scope: three are
accepted, two rejected, one is for review, one was never judged. tools shares one rejected text with it, and has one
more of its own. A trivial text, a vendored one and one that is only history must not count. Five texts have labels.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.store.postgres import Database
from stemma.tables import metadata

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOSTILE = "a|b`</script><img src=x onerror=alert(1)>\u202e=cmd()"
SHOP, TOOLS = "5" * 32, "7" * 32
HEAD = "c" * 40


def ident(name: str) -> str:
    """Ids as they are, told apart by a name."""
    return name.encode().hex().ljust(32, "0")[:32]


def plant(database: Database, *, with_sitting: bool = True, location: str = "/srv/shop", head: str = HEAD) -> None:
    """Fill the tables; in the order of their foreign keys."""
    rows = _rows(location, head)
    if not with_sitting:
        del rows["sittings"], rows["sitting_members"], rows["labels"]
    with database.transaction() as transaction:
        for table, its_rows in rows.items():
            frame = pl.DataFrame(its_rows, infer_schema_length=None)
            transaction.insert(metadata.tables[f"stemma.{table}"], frame)


# name: language, outcome, decision, probability, n_pass, n_fail
TEXTS: dict[str, tuple[str, str | None, str | None, float | None, int, int]] = {
    "add": ("python", "accept", "auto_apply", 0.97, 3, 0),
    "sub": ("python", "accept", "auto_apply", 0.95, 3, 0),
    "mul": ("go", "accept", "suggest", 0.91, 3, 0),
    "wipe": ("python", "reject", "refuse", 0.02, 1, 2),
    "hash": ("go", "reject", "refuse", 0.08, 1, 2),
    "guess": ("python", "needs_review", "review", None, 1, 0),
    "fresh": ("python", None, None, None, 0, 0),
    "only": ("python", "needs_review", "review", 0.55, 2, 1),
}
_PLACES = [
    ("add", SHOP, "shop/add.py", "source"),
    ("sub", SHOP, "shop/sub.py", "source"),
    ("mul", SHOP, "shop/mul.go", "source"),
    ("wipe", SHOP, "shop/wipe.py", "source"),
    ("wipe", TOOLS, "copy of wipe.py", "source"),
    ("hash", SHOP, "shop/hash.go", "source"),
    ("guess", SHOP, f"shop/{HOSTILE}.py", "source"),
    ("fresh", SHOP, "shop/fresh.py", "source"),
    ("only", TOOLS, "only.py", "source"),
    ("getter", SHOP, "shop/getter.py", "source"),
    ("lent", SHOP, "vendor/lent.py", "vendored"),
]
WIPE = [
    {"rule": "wipes-a-disk", "severity": "high", "line": 3, "message": f"rm -rf /  {HOSTILE}"},
    {"rule": "shell", "severity": "medium", "line": 99, "message": "shell=True"},
]
# member, text, vote, reason, findings, seconds
_VOTES: list[tuple[str, str, str, str | None, list[dict[str, Any]], float | None]] = [
    *(("parse", name, "pass", None, [], 0.25) for name in ("add", "sub", "mul", "wipe", "hash", "guess", "only")),
    *(("ruff", name, "pass", None, [], 0.5) for name in ("add", "sub", "only")),
    ("ruff", "wipe", "fail", None, [{"rule": "S605", "severity": "low", "line": 2, "message": "=os.system"}], 0.5),
    ("ruff", "guess", "abstain", "no answer: it took too long", [], 0.5),
    *(("ruff", name, "abstain", "it reads no go", [], None) for name in ("mul", "hash")),
    *(("pack", name, "pass", None, [], None) for name in ("add", "sub", "mul")),
    ("pack", "wipe", "fail", None, WIPE, None),
    ("pack", "hash", "fail", None, [{"rule": "md5", "severity": "medium", "line": 1, "message": "weak"}], None),
    ("pack", "only", "fail", None, [{"rule": "md5", "severity": "low", "line": 1, "message": "weak"}], None),
]


def _rows(location: str, head: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "repositories": [_repository("shop", SHOP, location, head), _repository("tools", TOOLS, "/tools", "d" * 40)],
        "commits": [_commit(SHOP, head), _commit(TOOLS, "d" * 40)],
        "files": [_file(repo, path, category) for _, repo, path, category in _PLACES],
        "snippets": [_snippet(name, path) for name, _, path, _ in _PLACES],
        "patterns": [_pattern(name) for name in (*TEXTS, "getter", "lent")],
        "votes": [_vote(*vote[:-1], seconds=vote[-1]) for vote in _VOTES] + [_former_vote()],
        "verdicts": [_verdict(name) for name in TEXTS if TEXTS[name][1]] + [_former()],
        "labels": [
            *(_label(name, is_fit=True) for name in ("add", "sub", "hash")),
            *(_label(name, is_fit=False) for name in ("mul", "wipe")),
            # A file says otherwise, and a person goes before it.
            _label("add", is_fit=False) | {"source": "file", "labelled_by": "f", "label_id": ident("other")},
        ],
        "sittings": [_sitting()],
        "sitting_members": [_seat("parse", "structure"), _seat("ruff", "correctness"), _seat("pack", "security")],
    }  # fmt: skip


def _repository(name: str, repo_id: str, location: str, head: str) -> dict[str, Any]:
    row = {"repo_id": repo_id, "name": name, "kind": "git", "location": location, "tags": [], "team": None}
    state = {"added_at": NOW, "head_sha": head, "ingested_at": NOW, "extractor_version": EXTRACTOR_VERSION}
    return row | state | {"is_shallow": False, "status": "ok", "status_reason": None}


def _commit(repo_id: str, sha: str) -> dict[str, Any]:
    row = {"repo_id": repo_id, "sha": sha, "kind": "commit", "parents": [], "first_parent_index": 0}
    when = {"authored_at": NOW, "committed_at": NOW - dt.timedelta(days=1), "author_name": "A", "author_email": "a@b.c"}
    return row | when | {"subject": "s", "is_shallow_boundary": False, "position": 0, "trailers": []}


def _file(repo_id: str, path: str, category: str) -> dict[str, Any]:
    language = "go" if path.endswith(".go") else "python"
    row = {"repo_id": repo_id, "path": path, "blob_oid": ident(path), "n_bytes": 10}
    return row | {"language": language, "category": category}


def _snippet(name: str, path: str) -> dict[str, Any]:
    row = {"blob_oid": ident(path), "extractor_version": EXTRACTOR_VERSION, "ordinal": 0, "parent_ordinal": None}
    named = {"kind": "function", "name": name, "qualified_name": f"Shop.{name}", "duplicate_index": 0}
    span = {"start_line": 10, "end_line": 20, "start_byte": 0, "end_byte": 9, "n_lines": 11, "n_tokens": 60}
    ids = {"exact_hash": ident(f"text of {name}"), "pattern_id": ident(name)}
    told = {"signature": "f()", "docstring": None, "doc_hash": None, "loose_hash": None}
    return row | named | span | ids | told | {"is_deprecated": False, "is_test": False}


def _pattern(name: str) -> dict[str, Any]:
    row = {"pattern_id": ident(name), "language": TEXTS.get(name, ("python",))[0], "kind": "function", "name": name}
    told = {"signature": "f()", "docstring": None, "code": "x", "n_lines": 11, "n_tokens": 60}
    facts = {"shingles": [1], "sub_tokens": ["f"], "is_trivial": name == "getter", "n_live": 1, "n_repositories": 1}
    return row | told | facts | {"trivial_reason": None, "structure": "s", "extractor_version": EXTRACTOR_VERSION}


def _vote(
    member: str,
    name: str,
    vote: str,
    reason: str | None,
    findings: list[dict[str, Any]],
    *,
    seconds: float | None,
    version: str = "1",
) -> dict[str, Any]:
    row = {"pattern_id": ident(name), "exact_hash": ident(f"text of {name}"), "member": member}
    said = {"member_version": version, "vote": vote, "probability": None, "reason": reason}
    return row | said | {"findings": json.dumps(findings), "seconds": seconds, "cost": None, "voted_at": NOW}


def _former_vote() -> dict[str, Any]:
    """Of a version that has no seat any more."""
    return _vote("ruff", "add", "fail", None, [], seconds=9.0, version="0") | {"voted_at": NOW - dt.timedelta(days=9)}


def _verdict(name: str) -> dict[str, Any]:
    _, outcome, decision, probability, n_pass, n_fail = TEXTS[name]
    row = {"pattern_id": ident(name), "exact_hash": ident(f"text of {name}"), "decided_at": NOW, "outcome": outcome}
    said = {"probability": probability, "decision": decision, "agreement": None, "n_pass": n_pass, "n_fail": n_fail}
    told = {"n_abstain": 0, "n_families": 3, "reason": f"Decided on {name}.", "changed": None}
    return row | said | told | {"rule_version": "rule 1", "votes_digest": "d"}


def _former() -> dict[str, Any]:
    """A verdict that is no longer in force."""
    return _verdict("add") | {"outcome": "reject", "probability": 0.1, "decided_at": NOW - dt.timedelta(days=9)}


def _label(name: str, *, is_fit: bool) -> dict[str, Any]:
    row = {"label_id": ident(f"label {name}"), "pattern_id": ident(name), "exact_hash": ident(f"text of {name}")}
    return row | {"is_fit": is_fit, "source": "review", "labelled_by": "Ada", "reason": None, "labelled_at": NOW}


def _sitting() -> dict[str, Any]:
    row = {"sitting_id": "s" * 32, "sat_at": NOW, "rule_version": "rule 1", "n_texts": 8, "n_decided": 7, "n_accept": 3}
    said = {"n_reject": 2, "n_needs_review": 2, "n_changed": 1, "alpha": 0.5, "n_labelled": 5}
    return row | said | {"calibration_error": 0.25}


def _seat(member: str, family: str) -> dict[str, Any]:
    row = {"sitting_id": "s" * 32, "member": member, "member_version": "1", "family": family, "n_pass": 5, "n_fail": 1}
    cells = {"n_true_pass": 2, "n_false_pass": 1, "n_true_fail": 1, "n_false_fail": 0}
    said = {"n_abstain": 1, "n_no_answer": 0, "sensitivity": 0.75, "specificity": 0.9, "calibration_error": None}
    return row | cells | said | {"marginal_worth": 0.125, "n_decisive": 1, "seconds": 1.0, "cost": None}
