"""When code first appeared, as far as the dates of its commit can be believed.

Which of two equal pieces of code is the copy is decided from this in `copy_sources`.

An author's date is whatever a clock or a script said. It is not believed when it lies before 1980 or after tomorrow,
when it is later than the committer's, or when it is earlier than what the commit's parents were given: code cannot
have come before what it was built on. Then the commit has a span in which it came, between what its parents were given
and its committer's date. `seen_at` never decreases from parent to child, so that whatever is directed by it and, inside
a repository, by position has no cycle.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

SKEW = dt.timedelta(hours=1)  # clocks of two machines, and time zones set wrong by one

_FIRST = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)  # RCS, the oldest whose dates git took over, is of 1982
_SECOND = 1_000_000
NEVER, ALWAYS = -(2**62), 2**62

SCHEMA = pl.Schema(
    {
        "sha": pl.String(),
        "position": pl.Int32(),
        "seen_at": pl.Int64(),
        "earliest_at": pl.Int64(),
        "latest_at": pl.Int64(),
    }
)


def first_seen(commits: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Per commit (columns sha, position, parents, authored_at, committed_at, is_birth_known) when its code first
    appeared: `seen_at`, and the span `earliest_at` to `latest_at` in which it did, in microseconds since 1970.

    The span is one moment where the author's date is believed; it is open to the past where births are not known (a
    boundary of a shallow history, the first look at a folder).
    """
    first, last = _micros(_FIRST), _micros(now + dt.timedelta(days=1))
    skew = int(SKEW.total_seconds()) * _SECOND
    seen: dict[str, int] = {}
    rows = []
    ordered = commits.sort("position").select(
        "sha",
        "position",
        "parents",
        pl.col("authored_at").dt.epoch("us"),
        pl.col("committed_at").dt.epoch("us"),
        "is_birth_known",
    )
    for sha, position, parents, authored, committed, is_birth_known in ordered.iter_rows():
        floor = max((seen[parent] for parent in parents if parent in seen), default=NEVER)
        is_committed = first <= committed <= last
        is_authored = first <= authored <= last and (authored <= committed + skew or not is_committed)
        if is_authored and authored >= floor - skew:
            at = earliest = latest = max(authored, floor)
        else:
            at = max(floor, committed) if is_committed else floor
            earliest = min(authored, floor) if is_authored else floor
            latest = at if is_committed else ALWAYS
        seen[sha] = at
        rows.append((sha, position, at, earliest if is_birth_known else NEVER, latest))
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _micros(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * _SECOND
