"""What votes come to, as data: how many it takes, who may forbid, where the thresholds stand, and why.

How the rule is applied lives in `verdicts`; each member's weight is its own, in `members`.
"""

from __future__ import annotations

from dataclasses import dataclass

from stemma.ids import content_id


@dataclass(frozen=True)
class Rule:
    """The rule of a verdict. Scores are the weighted share of pass among the votes cast, 0-1.

    With the weights of the members that read Python (parse 0.25, ruff 1, bandit 1, lizard 0.5, vulture 0.5), a failing
    vote of any of them keeps a pattern from being accepted, and rejecting takes Ruff and Bandit together or a veto.
    A score between the thresholds, a tie included, is for a person. These are first values, not fitted ones:
    they become a target error once verdicts are calibrated on labels.
    """

    accept_at: float = 0.85
    reject_below: float = 0.5
    # Votes of one family share their blindness, so families make the quorum, not members.
    min_families: int = 2
    # Who measures shape or style cannot say whether code is safe to reuse: a decision needs a vote of one that can.
    needed_family: str = "security"
    # (member, severity): a failing vote with such a finding rejects, whatever the others say.
    vetoes: tuple[tuple[str, str], ...] = (("parse", "high"), ("bandit", "high"))

    @property
    def version(self) -> str:
        return content_id(repr(self))[:8]


RULE = Rule()
