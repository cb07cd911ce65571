"""One batch put to one member, until every pattern in it has a vote or a reason why not.

Which batches there are, and where the votes go, lives in `votes`.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from math import ceil, log2
from pathlib import Path

import polars as pl

from stemma.quorum.members.base import BATCH, VOTES, Member
from stemma.quorum.process import Limits, NoAnswerError

# An abstention that begins so is nobody's judgement: the member is asked again, once, in every later run.
NO_ANSWER = "no answer: "

_TIME_SHARE = 3.0  # seconds spent on one batch, its halves included, in units of the time-out


def ask(member: Member, batch: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Votes (schema `VOTES`) of a member on a batch, one row for every pattern of it.

    When the batch gets no answer it is asked in halves, so that one snippet which crashes or stalls the member cannot
    silence it about the others; first the member must answer for an empty definition, or it is the member that is
    broken. Tries and time are bounded: what is still without an answer abstains with the last reason.
    """
    try:
        return _judge(member, batch, limits)
    except NoAnswerError as error:
        reason = str(error)
    deadline = time.monotonic() + _TIME_SHARE * limits.timeout_s
    if len(batch) == 1 or not _is_well(member, limits):
        return _abstentions(batch, reason)
    tries = 4 * ceil(log2(len(batch))) + 8
    answers: list[pl.DataFrame] = []
    waiting = deque(_halves(batch))
    while waiting:
        part = waiting.popleft()
        if tries > 0 and time.monotonic() < deadline:
            tries -= 1
            try:
                answers.append(_judge(member, part, limits.scaled(len(part) / len(batch))))
                continue
            except NoAnswerError as error:
                reason = str(error)
            if len(part) > 1:
                waiting.extendleft(reversed(_halves(part)))  # depth first: the culprit is cornered soonest
                continue
        answers.append(_abstentions(part, reason))
    return pl.concat(answers)


def _judge(member: Member, batch: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """The member's votes, checked: a vote for each pattern asked about and for no other, and only words we know.

    Raises:
        NoAnswerError: the member gave none, or these are no votes.
    """
    with tempfile.TemporaryDirectory(prefix="stemma-quorum-", ignore_cleanup_errors=True) as folder:
        votes = member.judge(batch, Path(folder), limits)
    if votes.schema != VOTES or not votes["vote"].is_in(["pass", "fail", "abstain"]).all():
        raise NoAnswerError("its answer cannot be read: not a vote")
    if len(votes) != len(batch) or not votes["pattern_id"].sort().equals(batch["pattern_id"].sort()):
        raise NoAnswerError("its answer cannot be read: it is about other patterns than were asked")
    return votes


def _is_well(member: Member, limits: Limits) -> bool:
    empty = {"pattern_id": "0", "language": min(member.languages), "kind": "function", "name": "", "code": ""}
    try:
        _judge(member, pl.DataFrame([empty], schema=BATCH), limits.scaled(0.0))
    except NoAnswerError:
        return False
    return True


def _halves(batch: pl.DataFrame) -> list[pl.DataFrame]:
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]


def _abstentions(batch: pl.DataFrame, reason: str) -> pl.DataFrame:
    return batch.select(
        "pattern_id",
        vote=pl.lit("abstain"),
        reason=pl.lit(NO_ANSWER + reason),
        findings=pl.lit("[]"),
    )
