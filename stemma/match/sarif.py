"""Clones as SARIF 2.1.0 (OASIS, 2020), the form in which code hosts and editors take the findings of an analysis.

How clones are found lives in `clones`; what every log has, in `stemma.sarif`; what is printed for people and as plain
JSON, in `stemma.cli.clones`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from stemma import sarif
from stemma.match.clones import SEMANTIC, TYPE_1, TYPE_2, TYPE_3, Clones

FINGERPRINT = "stemmaCloneClass/v1"
RELATED = 100
"""Places told beside a finding's own; hosts refuse files with more than a few hundred."""

_RULES = {
    TYPE_1: ("ExactClone", "Same code", "The same tokens stand in several places; only layout and comments differ."),
    TYPE_2: ("RenamedClone", "Same code, renamed", "The same code stands in several places under other names or with "
             "other literals."),
    TYPE_3: ("EditedClone", "Copied and edited code", "Code stands in several places with some statements changed, "
             "added or left out."),
    SEMANTIC: ("SemanticClone", "Code that does the same", "Code in several places seems to do the same in other "
               "words."),
}  # fmt: skip
_HELP = "Keep one of them and call it from the other places, or leave them apart where they must be free to differ."


def to_sarif(clones: Clones) -> dict[str, Any]:
    """The log: one result for each clone class, at its first new member, its other members beside it.

    Paths are relative to the checkout. `partialFingerprints` stay while the code of a class does, wherever it moves.
    Files that were not read whole are notifications of the invocation.
    """
    members = {key: rows for (key,), rows in clones.members.partition_by("class_id", as_dict=True).items()}
    rules = list(_RULES)
    return sarif.log(
        [_rule(name) for name in rules],
        [
            _result(row, members[row["class_id"]], rules.index(row["clone_type"]))
            for row in clones.classes.iter_rows(named=True)
        ],
        [
            sarif.notification(f"Not read whole: {row['reason']}.", path=row["path"])
            for row in clones.problems.to_dicts()
        ],
    )


def _rule(clone_type: str) -> dict[str, Any]:
    name, short, full = _RULES[clone_type]
    level = "note" if clone_type == SEMANTIC else "warning"
    return sarif.rule(f"stemma/{clone_type}", name, f"{short}.", full, help_text=_HELP, level=level)


def _result(row: dict[str, Any], members: pl.DataFrame, rule: int) -> dict[str, Any]:
    ordered = members.sort(pl.col("is_new"), descending=True, maintain_order=True).to_dicts()
    own, others = ordered[0], ordered[1:]
    # Two numbered links at most: the message is one line, and all places are beside it.
    told = ", ".join(f"[{_where(place)}]({number})" for number, place in enumerate(others[:2], 1))
    more = f" and {len(others) - 2} more" if len(others) > 2 else ""
    alike = "" if row["similarity"] is None else f", {row['similarity']:.0%} alike"
    text = f"`{sarif.plain(own['qualified_name'])}` is a {row['clone_type']} clone{alike}: see {told}{more}."
    return {
        "ruleId": f"stemma/{row['clone_type']}",
        "ruleIndex": rule,
        "level": "note" if row["clone_type"] == SEMANTIC else "warning",
        "message": {"text": text},
        "locations": [_location(own)],
        "relatedLocations": [
            {"id": number, **_location(place), "message": {"text": f"Copy: {sarif.plain(place['qualified_name'])}"}}
            for number, place in enumerate(others[:RELATED], 1)
        ],
        "partialFingerprints": {FINGERPRINT: row["class_id"]},
        "properties": {
            "similarity": row["similarity"],
            "members": row["n_members"],
            "tokens": row["n_tokens"],
            "duplicatedLines": row["n_duplicated_lines"],
        },
    }


def _location(place: dict[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(place["kind"], "type")
    return {
        "physicalLocation": sarif.place(place["path"], place["start_line"], place["end_line"]),
        "logicalLocations": [{"fullyQualifiedName": place["qualified_name"], "kind": kind}],
    }


_KINDS = {"function": "function", "method": "member", "constructor": "member", "closure": "function"}


def _where(place: dict[str, Any]) -> str:
    return sarif.plain(f"{place['path']}:{place['start_line']}")
