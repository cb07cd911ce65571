"""What votes come to, as data: how many it takes, who must have judged, who may forbid, and which error is allowed.

How the rule is applied lives in `verdicts`; what a vote is worth is learned, in `calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

from stemma.ids import content_id

AUTO_APPLY_TARGET = 0.01
"""Of what may be taken over without anybody's look, at most this share may be unfit."""

BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Where one band of probability ends and the next begins: within a band a new calibration is no news."""


@dataclass(frozen=True)
class Rule:
    """The rule of a verdict.

    A verdict needs votes of `min_families`, as members of one family share their blindness, and one of each of
    `needed_families`: who measures shape or style cannot say whether code is safe. Without them, and between the
    thresholds, a tie included, it is for a person. To accept it takes a pass of one of `evidence.USE` as well: that no
    rule fires says little of code that nobody has used, for rules see only what somebody foresaw.
    """

    target_error: float = 0.05
    needs_use: bool = True
    min_families: int = 3
    needed_families: tuple[str, ...] = ("security",)
    # They vote, and make no quorum: an LLM judge is one voice among those that measured, and alone it is none.
    companion_families: tuple[str, ...] = ("judges",)
    # (family, severity): a failing vote with such a finding rejects, whatever the others say, where labels show that
    # its rule keeps the target. A secret is a finding of the security family, and high.
    vetoes: tuple[tuple[str, str], ...] = (("parse", "high"), ("security", "high"))
    # Members whose rules are believed so where no label speaks of them, and which share of them is taken to be wrong.
    # Not those that follow data (`packs.flows`): of these one finding in five was wrong on a set not held against them.
    presumed: tuple[tuple[str, float], ...] = (("parse", 0.0), ("secrets", 0.0), ("pack security", 0.02))
    # Of these a veto falls where a member of a needed family has read the text whole: grammars lag behind languages.
    refutable: tuple[str, ...] = ("parse",)

    @property
    def version(self) -> str:
        return content_id(repr(self), repr(BANDS))[:8]


RULE = Rule()
