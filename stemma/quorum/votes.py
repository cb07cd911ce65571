"""Votes brought up to date: every text in scope is put to every member whose present version has not voted on it, and
what they say is written.

Which texts those are lives in `scope`, how they are put to the members in `poll`, what votes come to in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemma.config import Settings, worker_count
from stemma.progress import phase
from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member
from stemma.quorum.poll import Seat, answers, seats_of
from stemma.quorum.process import Limits
from stemma.quorum.scope import sheets, wanted_files
from stemma.store.postgres import Database

_ROWS = 20_000  # written at once


def update_votes(
    db: Database, settings: Settings, members: Sequence[Member] | None = None, texts: pl.DataFrame | None = None
) -> dict[str, int]:
    """Have every member vote on the texts in scope that its present version has not voted on; of a member whose votes
    do not last, on all of them.

    Votes are written as they come, so a killed run loses at most what is in flight. A text whose member crashed or
    timed out is asked about again, once a run; a vote that says what it said before is not written.

    Args:
        members: who votes; by default all that have a seat.
        texts: pattern_id and exact_hash of those they vote on; by default all in scope.

    Returns:
        n_votes written; texts asked about, summed over members; of these, without_answer.

    Raises:
        ConfigError: nobody has a seat.
    """
    seats = seats_of(open_members(settings, db) if members is None else members)
    counts = {"n_votes": 0, "asked": 0, "without_answer": 0}
    for is_lasting in (True, False):
        voting = [seat for seat in seats if seat.member.is_lasting == is_lasting]
        if voting:
            files = wanted_files(db, voting, texts)
            if len(files):
                _poll(db, settings, files, voting, counts)
    return counts


def update_former_votes(db: Database, settings: Settings, members: Sequence[Member], texts: pl.DataFrame) -> int:
    """Have members vote on texts wherever they stood, which no verdict is about; returns the votes written.

    Asked are those alone that judge a text by itself: what tests reach and how long code stood is told as of today.
    """
    seats = [seat for seat in seats_of(members) if seat.member.is_lasting]
    counts = {"n_votes": 0, "asked": 0, "without_answer": 0}
    files = wanted_files(db, seats, texts, former=True) if seats else pl.DataFrame()
    if len(files):
        _poll(db, settings, files, seats, counts)
    return counts["n_votes"]


def _poll(db: Database, settings: Settings, files: pl.DataFrame, seats: Sequence[Seat], counts: dict[str, int]) -> None:
    limits, waiting = Limits(settings.member_timeout_s), list[pl.DataFrame]()
    total = int(files["ordinal"].list.len().sum()) * len(seats)
    with phase("vote", total=total, unit="votes") as progress:
        for votes in answers(sheets(db, settings, files, seats), seats, limits, worker_count(settings)):
            counts["asked"] += votes["seconds"].count()
            counts["without_answer"] += votes.filter(pl.col("reason").str.starts_with(NO_ANSWER)).height
            waiting.append(votes)
            # What a member was asked has cost its time, and is written at once; mere abstentions are gathered.
            if votes["seconds"].count() or sum(map(len, waiting)) >= _ROWS:
                counts["n_votes"] += _write(db, pl.concat(waiting))
                waiting.clear()
            progress.advance(len(votes))
        if waiting:
            counts["n_votes"] += _write(db, pl.concat(waiting))


# A pattern may have gone since it was read; a vote that says the same as the one it replaces is no news; in order of
# key, two runs at once wait for each other and do not deadlock.
_WRITE = """
WITH written AS (
INSERT INTO stemma.votes AS old
    (pattern_id, exact_hash, member, member_version, vote, probability, reason, findings, seconds, cost, voted_at)
SELECT n.pattern_id, n.exact_hash, n.member, n.member_version, n.vote, n.probability, n.reason, n.findings::jsonb,
    n.seconds, n.cost, now()
FROM {staged} n JOIN stemma.patterns p USING (pattern_id)
ORDER BY n.pattern_id, n.exact_hash, n.member, n.member_version
ON CONFLICT (pattern_id, exact_hash, member, member_version) DO UPDATE
SET vote = excluded.vote, probability = excluded.probability, reason = excluded.reason, findings = excluded.findings,
    seconds = excluded.seconds, cost = excluded.cost, voted_at = excluded.voted_at
WHERE (old.vote, old.probability, old.reason, old.findings)
    IS DISTINCT FROM (excluded.vote, excluded.probability, excluded.reason, excluded.findings)
RETURNING 1
)
SELECT count(*) AS n FROM written
"""


def _write(db: Database, votes: pl.DataFrame) -> int:
    if votes.is_empty():
        return 0
    with db.transaction() as transaction, transaction.staged("new_votes", votes) as staged:
        return int(transaction.read(_WRITE.format(staged=staged)).item())
