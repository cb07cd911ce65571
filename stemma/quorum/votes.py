"""Which patterns want whose vote, and the votes written. How a batch is asked lives in `ask`, what votes come to in
`verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import polars as pl

from stemma.config import Settings, worker_count
from stemma.progress import phase
from stemma.quorum.ask import NO_ANSWER, ask
from stemma.quorum.members import open_members
from stemma.quorum.members.base import BATCH, Member, MemberMissingError
from stemma.quorum.process import Limits
from stemma.store.postgres import Database

_BATCH_SIZE = 1_000  # Bandit takes 0.4 s to start and 2 s for these; more would only wait longer for a kill
_WHOLE_CHARACTERS = 100_000  # `patterns.code` is cut off there: of a longer definition nobody has seen the end

_MISSING = "missing"

_IN_SCOPE = "p.n_live > 0 AND NOT p.is_trivial"
# octet_length first: it is known without reading the text, and nearly always enough.
_IS_WHOLE = f"(octet_length(p.code) < {_WHOLE_CHARACTERS} OR length(p.code) < {_WHOLE_CHARACTERS})"
_READABLE = f"p.language = ANY(string_to_array($3, ',')) AND {_IS_WHOLE}"
_HAS_VOTE = """EXISTS (
    SELECT FROM stemma.votes v
    WHERE v.pattern_id = p.pattern_id AND v.member = $1 AND v.member_version = $2"""

_ABSTAIN_UNASKED = f"""
WITH written AS (
INSERT INTO stemma.votes (pattern_id, member, member_version, vote, reason, findings, voted_at)
SELECT p.pattern_id, $1, $2, 'abstain',
    CASE
        WHEN $2 = '{_MISSING}' THEN 'missing: ' || $1 || ' is not installed'
        WHEN NOT {_IS_WHOLE} THEN 'not applicable: longer than {_WHOLE_CHARACTERS} characters'
        ELSE 'not applicable: ' || $1 || ' does not read ' || p.language
    END,
    '[]'::jsonb, now()
FROM stemma.patterns p
WHERE {_IN_SCOPE} AND NOT ({_READABLE}) AND NOT {_HAS_VOTE})
ON CONFLICT DO NOTHING
RETURNING 1
)
SELECT count(*) AS n FROM written
"""

_WANTED = f"""
FROM stemma.patterns p
WHERE {_IN_SCOPE} AND {_READABLE} AND p.pattern_id > $4
    AND NOT {_HAS_VOTE} AND NOT (v.vote = 'abstain' AND v.reason LIKE '{NO_ANSWER}%'))
"""
_COUNT_WANTED = f"SELECT count(*) AS n {_WANTED}"
_NEXT_WANTED = f"SELECT {', '.join(f'p.{column}' for column in BATCH)} {_WANTED} ORDER BY p.pattern_id LIMIT $5::bigint"


def update_votes(db: Database, settings: Settings, members: Sequence[Member] | None = None) -> dict[str, int]:
    """Have every member vote on the live, non-trivial patterns its current version has not voted on.

    Votes are written batch by batch, so a killed run loses at most the batches in flight. A pattern whose member
    crashed or timed out is asked about again, once a run; if nothing changes, nothing is written.

    Args:
        members: who votes; by default all that have a seat.

    Returns:
        n_votes written; patterns asked about, summed over members; of these, without_answer.
    """
    total = {"n_votes": 0, "asked": 0, "without_answer": 0}
    for member in open_members() if members is None else members:
        for name, count in _update_member(db, settings, member).items():
            total[name] += count
    return total


def current_version(member: Member) -> str:
    """The member's version, or `missing`: when its tool comes back, the version differs and it votes anew."""
    try:
        return member.version()
    except MemberMissingError:
        return _MISSING


def _update_member(db: Database, settings: Settings, member: Member) -> dict[str, int]:
    version = current_version(member)
    languages = "" if version == _MISSING else ",".join(sorted(member.languages))
    key = (member.name, version, languages)
    counts = {"n_votes": int(db.read(_ABSTAIN_UNASKED, key).item()), "asked": 0, "without_answer": 0}
    total = int(db.read(_COUNT_WANTED, (*key, "")).item())
    if not total:
        return counts
    limits = Limits(settings.member_timeout_s)
    with phase("vote", repository=member.name, total=total, unit="patterns") as progress:
        for votes in _answers(member, _batches(db, key), limits, worker_count(settings)):
            signed = votes.with_columns(member=pl.lit(member.name), member_version=pl.lit(version))
            counts["n_votes"] += _write(db, signed)
            counts["asked"] += len(votes)
            counts["without_answer"] += votes.filter(pl.col("reason").str.starts_with(NO_ANSWER)).height
            progress.advance(len(votes))
    return counts


def _batches(db: Database, key: tuple[str, str, str]) -> Iterator[pl.DataFrame]:
    last = ""
    while len(batch := db.read(_NEXT_WANTED, (*key, last, _BATCH_SIZE), BATCH)):
        last = batch["pattern_id"][-1]
        yield batch


def _answers(member: Member, batches: Iterator[pl.DataFrame], limits: Limits, workers: int) -> Iterator[pl.DataFrame]:
    """Votes of each batch as it is done; the members are processes of their own, so threads are enough to wait."""
    with ThreadPoolExecutor(workers, thread_name_prefix=f"quorum-{member.name}") as pool:
        running: set[Future[pl.DataFrame]] = set()
        for batch in batches:
            running.add(pool.submit(ask, member, batch, limits))
            if len(running) > workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in running)


# A pattern may have gone since it was read; a vote that says the same as the one it replaces is no news; in order of
# key, two runs at once wait for each other and do not deadlock.
_WRITE = """
WITH written AS (
INSERT INTO stemma.votes AS old (pattern_id, member, member_version, vote, reason, findings, voted_at)
SELECT n.pattern_id, n.member, n.member_version, n.vote, n.reason, n.findings::jsonb, now()
FROM {staged} n JOIN stemma.patterns p USING (pattern_id)
ORDER BY n.pattern_id
ON CONFLICT (pattern_id, member, member_version) DO UPDATE
SET vote = excluded.vote, reason = excluded.reason, findings = excluded.findings, voted_at = excluded.voted_at
WHERE (old.vote, old.reason, old.findings) IS DISTINCT FROM (excluded.vote, excluded.reason, excluded.findings)
RETURNING 1
)
SELECT count(*) AS n FROM written
"""


def _write(db: Database, votes: pl.DataFrame) -> int:
    with db.transaction() as transaction, transaction.staged("new_votes", votes) as staged:
        return int(transaction.read(_WRITE.format(staged=staged)).item())
