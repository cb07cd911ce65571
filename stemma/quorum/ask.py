"""One batch put to one member, until every text in it has a vote or a reason why not.

Which batches there are lives in `poll`; where the votes go, in `votes`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from math import ceil, log2
from pathlib import Path

import polars as pl

from stemma.languages import LANGUAGES
from stemma.quorum.members.base import BATCH, FILES, TOLD_FINDINGS, VOTES, Member
from stemma.quorum.process import Limits, NoAnswerError

# An abstention that begins so is nobody's judgement: the member is asked again, once, in every later run.
NO_ANSWER = "no answer: "

ANSWERS = pl.Schema([*VOTES.items(), ("seconds", pl.Float64())])

_TIME_SHARE = 3.0  # seconds spent on one batch, its halves included, in units of the time-out


def ask(member: Member, batch: pl.DataFrame, files: Path, limits: Limits) -> pl.DataFrame:
    """Votes of a member on a batch, one row (schema `ANSWERS`) for every text of it, with its share of the seconds.

    When the batch gets no answer it is asked in halves, so that one text which crashes or stalls the member cannot
    silence it about the others; first the member must answer for an empty definition, or it is the member that is
    broken. Tries and time are bounded: what is still without an answer abstains with the last reason.

    Args:
        files: folder of the whole files that the batch names; a member gets links to those of its texts.
    """
    began = time.monotonic()
    answer = _ask(member, batch, files, limits)
    seconds = (time.monotonic() - began) / max(1, len(batch))
    return answer.with_columns(seconds=pl.lit(seconds)).cast(dict(ANSWERS))  # type: ignore[arg-type]


def _ask(member: Member, batch: pl.DataFrame, files: Path, limits: Limits) -> pl.DataFrame:
    try:
        return _judge(member, batch, files, limits)
    except NoAnswerError as error:
        reason = str(error)
    deadline = time.monotonic() + _TIME_SHARE * limits.timeout_s
    if len(batch) == 1 or not _is_well(member, limits):
        return abstentions(batch, NO_ANSWER + reason)
    tries = 4 * ceil(log2(len(batch))) + 8
    answers: list[pl.DataFrame] = []
    waiting = deque(_halves(batch))
    while waiting:
        part = waiting.popleft()
        if tries > 0 and time.monotonic() < deadline:
            tries -= 1
            try:
                answers.append(_judge(member, part, files, limits.scaled(len(part) / len(batch))))
                continue
            except NoAnswerError as error:
                reason = str(error)
            if len(part) > 1:
                waiting.extendleft(reversed(_halves(part)))  # depth first: the culprit is cornered soonest
                continue
        answers.append(abstentions(part, NO_ANSWER + reason))
    return pl.concat(answers)


def _judge(member: Member, batch: pl.DataFrame, files: Path, limits: Limits) -> pl.DataFrame:
    """The member's votes, checked: a vote for each text asked about and for no other, and only words we know.

    Raises:
        NoAnswerError: the member gave none, or these are no votes.
    """
    with tempfile.TemporaryDirectory(prefix="stemma-quorum-", ignore_cleanup_errors=True) as name:
        folder = Path(name, FILES)
        folder.mkdir()
        if member.is_lasting:
            for file in batch["file"].unique():
                os.link(files / file, folder / file)
        try:
            votes = member.judge(batch, folder.parent, limits)
            if problem := _problem(votes, batch):
                raise NoAnswerError(f"its answer cannot be read: {problem}")
        except pl.exceptions.PolarsError as error:  # columns or values that are not those of its version
            raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    # U+0000 cannot be stored, and as an escape is refused by jsonb.
    return votes.with_columns(
        pl.col("reason").str.replace_all("\0", "\ufffd", literal=True),
        pl.col("findings").str.replace_all("\\u0000", "\\ufffd", literal=True),
    )


def _problem(votes: pl.DataFrame, batch: pl.DataFrame) -> str | None:
    if votes.schema != VOTES or not votes["vote"].is_in(["pass", "fail", "abstain"]).all():
        return "not a vote"
    if not votes["unit"].sort().equals(batch["unit"].sort()):
        return "it is about other texts than were asked"
    if not votes["probability"].is_between(0, 1).all():
        return "a probability outside of 0-1"
    if votes["findings"].str.json_decode(TOLD_FINDINGS).has_nulls():
        return "findings that are none"
    return None


def _is_well(member: Member, limits: Limits) -> bool:
    language = min(member.languages)
    empty = {
        **{name: "" for name, kind in BATCH.items() if kind == pl.String},
        **{"unit": 0, "language": language, "kind": "function", "start_line": 1, "end_line": 1},
        "file": f"f0{file_suffix(language)}",
    }
    with tempfile.TemporaryDirectory(prefix="stemma-quorum-") as files:
        Path(files, str(empty["file"])).touch()
        try:
            _judge(member, pl.DataFrame([empty], schema=BATCH), Path(files), limits.scaled(0.0))
        except NoAnswerError:
            return False
    return True


def file_suffix(language: str, path: str = "") -> str:
    """How the name of a file ends for the members: as in its repository, where that is an ending of its language."""
    suffixes = LANGUAGES[language].suffixes
    own = path[path.rfind(".") :].lower() if "." in path else ""
    return own if own in suffixes else next(iter(suffixes))


def _halves(batch: pl.DataFrame) -> list[pl.DataFrame]:
    """By files, as long as there are several: half of a file's texts still need the whole file."""
    batch = batch.sort("file", maintain_order=True)
    middle = len(batch) // 2
    if batch["file"].n_unique() > 1:
        edges = (batch["file"] != batch["file"].shift()).arg_true().to_list()
        middle = min(edges, key=lambda edge: abs(edge - middle))
    return [batch[:middle], batch[middle:]]


def abstentions(batch: pl.DataFrame, reason: str) -> pl.DataFrame:
    """A vote (schema `VOTES`) that is none on each text, for one reason."""
    empty = {"probability": None, "reason": reason, "findings": "[]", "cost": None}
    return batch.select(
        "unit", vote=pl.lit("abstain"), **{name: pl.lit(value, VOTES[name]) for name, value in empty.items()}
    ).select(VOTES.names())
