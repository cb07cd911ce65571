"""What may go too far without any table being wrong: the quorum's calibration, drift, outages, and what it rejects.

Each looks at the latest sitting, warns past its limit and stops nothing; where it cannot know it says so, and does not
warn. What must always hold is an invariant, in `invariants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stemma.quorum.scope import SOURCE_SNIPPETS, VERDICTS_IN_FORCE
from stemma.quorum.standing import MIN_LABELS, MIN_OF_EITHER
from stemma.store.postgres import Database

MOST_CALIBRATION_ERROR = 0.1
MOST_CHANGED = 0.05  # of the texts in scope, from one sitting to the next
MOST_NO_ANSWER = 0.05  # of the texts it was to vote on: those it abstained from knowingly are not among them
MOST_REJECTED = 0.1  # of the judged texts of one repository
N_SHOWN = 5


@dataclass(frozen=True)
class Seen:
    """What a watch saw: one sentence, and the figures it rests on."""

    is_alarming: bool
    sentence: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Watch:
    """`look` reads the tables and says what it saw."""

    name: str
    asset: str
    description: str
    look: Callable[[Database], Seen]


_NO_SITTING = Seen(False, "Unknown: the quorum has not sat yet.")
_LAST = "SELECT * FROM stemma.sittings ORDER BY sat_at DESC, sitting_id LIMIT 2"


def _calibration(database: Database) -> Seen:
    sittings = database.read(_LAST)
    if sittings.is_empty():
        return _NO_SITTING
    last = sittings.row(0, named=True)
    error, n_labelled = last["calibration_error"], last["n_labelled"]
    if error is None:
        needed = f"{MIN_LABELS} texts, of fit and unfit ones {MIN_OF_EITHER} each"
        sentence = f"Unknown: it takes labels on {needed}; {n_labelled:,} texts have one."
        return Seen(False, sentence, {"n_labelled": n_labelled})
    return Seen(
        error > MOST_CALIBRATION_ERROR,
        f"On {n_labelled:,} labelled texts probabilities are off by {error:.3f} on average; "
        f"{MOST_CALIBRATION_ERROR} is allowed.",
        {"calibration_error": error, "n_labelled": n_labelled},
    )


def _drift(database: Database) -> Seen:
    sittings = database.read(_LAST)
    if sittings.is_empty():
        return _NO_SITTING
    last = sittings.row(0, named=True)
    if sittings.height == 1:
        return Seen(False, "Unknown: the quorum has sat once.", {"n_texts": last["n_texts"]})
    share = last["n_changed"] / max(last["n_texts"], 1)
    is_new_rule = last["rule_version"] != sittings["rule_version"][1]
    rule = " They were decided by another rule, calibration or labels than before." if is_new_rule else ""
    return Seen(
        share > MOST_CHANGED,
        f"The last sitting changed the outcome of {last['n_changed']:,} of {last['n_texts']:,} texts ({share:.1%}); "
        f"{MOST_CHANGED:.0%} is allowed.{rule}",
        {"n_changed": last["n_changed"], "n_texts": last["n_texts"], "is_new_rule": is_new_rule},
    )


_SILENT = """
SELECT member, member_version, n_no_answer, n_pass + n_fail + n_no_answer AS n_asked
FROM stemma.sitting_members
WHERE sitting_id = (SELECT sitting_id FROM stemma.sittings ORDER BY sat_at DESC, sitting_id LIMIT 1)
ORDER BY n_no_answer DESC, member
"""


def _outage(database: Database) -> Seen:
    members = database.read(_SILENT)
    if members.is_empty():
        return _NO_SITTING
    silent = [row for row in members.to_dicts() if row["n_no_answer"] > MOST_NO_ANSWER * row["n_asked"]]
    if not silent:
        return Seen(False, "Every member answered at the last sitting.", {"n_members": members.height})
    told = ", ".join(f"{row['member']} ({row['n_no_answer']:,} of {row['n_asked']:,} texts)" for row in silent)
    return Seen(True, f"At the last sitting no answer came from {told}.", {"members": silent})


_REJECTED = f"""
WITH verdict AS ({VERDICTS_IN_FORCE}), judged AS (
    SELECT DISTINCT r.name, v.pattern_id, v.exact_hash, v.outcome
    FROM {SOURCE_SNIPPETS} JOIN verdict v ON v.pattern_id = s.pattern_id AND v.exact_hash = s.exact_hash
)
SELECT name AS repository, count(*) FILTER (WHERE outcome = 'reject') AS n_rejected, count(*) AS n_judged
FROM judged GROUP BY name
HAVING count(*) FILTER (WHERE outcome = 'reject') > {MOST_REJECTED} * count(*)
ORDER BY count(*) FILTER (WHERE outcome = 'reject')::float / count(*) DESC, name
"""


def _rejected(database: Database) -> Seen:
    repositories = database.read(_REJECTED)
    if repositories.is_empty():
        return Seen(False, f"In no repository more than {MOST_REJECTED:.0%} of the judged texts are rejected.")
    first = repositories.row(0, named=True)
    return Seen(
        True,
        f"In {repositories.height:,} repositories more than {MOST_REJECTED:.0%} of the judged texts are rejected, most "
        f"of all in {first['repository']} ({first['n_rejected']:,} of {first['n_judged']:,}).",
        {"n_repositories": repositories.height, "repositories": repositories.head(N_SHOWN).to_dicts()},
    )


WATCHES = (
    Watch(
        "probabilities_are_calibrated",
        "verdicts",
        "The expected calibration error of the verdicts on labelled texts keeps within its limit.",
        _calibration,
    ),
    Watch(
        "verdicts_do_not_drift",
        "verdicts",
        "From one sitting to the next few outcomes change.",
        _drift,
    ),
    Watch(
        "every_member_answers",
        "verdicts",
        "No member crashed, timed out or could not be understood on more than a few texts of the last sitting.",
        _outage,
    ),
    Watch(
        "repositories_carry_few_rejected_texts",
        "verdicts",
        "In no repository are more than a few of the judged texts at its head rejected.",
        _rejected,
    ),
)
