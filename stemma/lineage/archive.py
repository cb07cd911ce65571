"""Events of lineage older than a set age, folded month by month into one archive partition a year of the same table.

They are written by the room's other modules. Months and archives as such are made by `stemma.store.partitions` and by
the SQL function `stemma.archive_year`, which does all of one year in one transaction, or nothing.

Archives are partitions and not files beside the database, because then every query, function, model and foreign tool
finds them without knowing that they exist, and a transaction moves them whole. What it buys: fifteen years of history
are 15 archives and a few months, where each query planned over 180 partitions before; an archive is written once, in
the order of repositories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from stemma.errors import BusyError, StoreError
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import lineage_events

STEP = "archive"
WAIT = "10s"  # for those who read and write the events; then another time will do
_IN_THE_WAY = ("55P03", "40P01")  # lock_not_available, deadlock_detected

UNEVEN = """
SELECT archive AS place, 'holds another number of events than was counted before' AS problem
FROM stemma.event_archives WHERE n_before <> n_after
UNION ALL
SELECT last.archive, 'is no longer a partition of the events'
FROM (SELECT DISTINCT ON (since) archive FROM stemma.event_archives ORDER BY since, archived_at DESC) last
WHERE last.archive NOT IN (SELECT name FROM stemma.event_partitions('lineage_events'))
UNION ALL
SELECT event_id, 'stands more than once' FROM stemma.lineage_events GROUP BY event_id HAVING count(*) > 1
"""
"""Where counts were not conserved across archives, and how: no row when all is well."""

_PARTITIONS = """
SELECT p.name AS partition, p.since, p.upto AS until, p.is_archive, coalesce(e.n, 0) AS n_events
FROM stemma.event_partitions('lineage_events') p
LEFT JOIN (SELECT tableoid AS place, count(*) AS n FROM stemma.lineage_events GROUP BY 1) e
    ON e.place = to_regclass('stemma.' || quote_ident(p.name))
ORDER BY p.since NULLS LAST
"""
_COLD_YEARS = """
SELECT extract(year FROM since AT TIME ZONE 'UTC')::int AS year, count(*) AS n_months
FROM stemma.event_partitions('lineage_events') WHERE NOT is_archive AND upto <= $1::timestamptz GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class ArchiveCounts:
    """Months folded, and archives that were made or extended for them."""

    n_months: int = 0
    n_archives: int = 0


def archive_events(db: Database, after_days: int, *, now: datetime | None = None) -> ArchiveCounts:
    """Fold every month whose last event is more than `after_days` old into the archive of its year.

    Each year is one transaction, so a kill loses nothing and the next call goes on; of two at once the second finds
    the work of the first done. Events that come later, however old, go straight into an archive that covers them, or
    into months that the next call folds. Dates that no commit of git can have (before April 2005, or far ahead) stay
    where they are, in the default partition, just as well found.

    Raises:
        BusyError: somebody reads or writes the events for so long that years are left for the next call.
    """
    until = cold_until(after_days, now)
    n_months = n_archives = 0
    years = db.read(_COLD_YEARS, [until])
    with phase(STEP, total=int(years["n_months"].sum()), unit="months") as told:
        for year, n_cold in years.iter_rows():
            n_folded = _archive_year(db, year, until)
            n_months, n_archives = n_months + (n_cold if n_folded else 0), n_archives + (n_folded > 0)
            told.advance(n_cold)
    return ArchiveCounts(n_months, n_archives)


def cold_until(after_days: int, now: datetime | None = None) -> datetime:
    """The first instant of the first month that is not, or not wholly, older than `after_days`."""
    last = (now or datetime.now(UTC)) - timedelta(days=after_days)
    return last.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def planned(db: Database, after_days: int, *, now: datetime | None = None) -> pl.DataFrame:
    """What `archive_events` would fold: partition, since, until, n_events, oldest first."""
    is_cold = ~pl.col("is_archive") & (pl.col("until") <= cold_until(after_days, now))
    return partitions(db).filter(is_cold).drop("is_archive")


def partitions(db: Database) -> pl.DataFrame:
    """Where the events are: partition, since and until (null: dates of no month), is_archive, n_events."""
    return db.read(_PARTITIONS)


def uneven(db: Database) -> pl.DataFrame:
    """Where counts were not conserved across archives (place, problem); no row when all is well."""
    return db.read(UNEVEN)


def _archive_year(db: Database, year: int, until: datetime) -> int:
    try:
        with db.transaction() as transaction:
            return _fold(transaction, year, until)
    except StoreError as error:
        if getattr(error.__cause__, "sqlstate", None) not in _IN_THE_WAY:
            raise
        raise BusyError(
            f"Somebody works with the events of lineage, so those of {year} and after are not archived yet.",
            "Run `stemma archive` again when they are done.",
        ) from error


def _fold(transaction: Transaction, year: int, until: datetime) -> int:
    transaction.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
    query = "SELECT stemma.archive_year($1, $2::int, $3::timestamptz) AS n_folded"
    return int(transaction.read(query, [lineage_events.name, year, until])["n_folded"].item())
