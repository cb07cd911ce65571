"""Old events become archives of their years: every query still finds them, and none is lost, doubled or moved twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from stemma.errors import BusyError, StoreError
from stemma.lineage import archive
from stemma.lineage.archive import ArchiveCounts, archive_events, cold_until, partitions, uneven
from stemma.store import migrations
from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database
from stemma.tables import lineage_events, polars_schema

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)  # 90 days before it is 2024-03-17: February is the last cold month


def events(*dates: str, repo: str = "r", mark: str = "") -> pl.DataFrame:
    """One event for each date, in an order that is not theirs."""
    rows = [
        {
            "event_id": f"{mark}{date}",
            "occurred_at": datetime.fromisoformat(date).replace(tzinfo=UTC),
            "repo_id": repo,
            "node_id": f"node of {date}",
            "event_type": "introduced",
            "sha": date,
            "detail": '{"from": "ä\\u0001"}',
        }
        for date in dates
    ]
    return pl.DataFrame(rows, schema=polars_schema(lineage_events))


def write(database: Database, frame: pl.DataFrame) -> None:
    with database.transaction() as transaction:
        ensure_months(transaction, lineage_events, frame)
        transaction.insert(lineage_events, frame)


def stored(database: Database) -> list[tuple[object, ...]]:
    return database.read("SELECT * FROM stemma.lineage_events ORDER BY event_id").rows()


def places(database: Database) -> dict[str, int]:
    """Partition (less the table's name) -> events, of those that hold any or cover a time."""
    frame = partitions(database).with_columns(pl.col("partition").str.strip_prefix("lineage_events_"))
    return dict(frame.select("partition", "n_events").iter_rows())


FIRST = ("2022-01-01", "2022-12-31 23:59:59.999999", "2023-05-05", "2024-01-31", "2024-02-29 23:59:59", "2024-03-01")


def test_cold_months_become_one_archive_a_year_and_lose_nothing(database: Database) -> None:
    write(database, events(*FIRST))
    before = stored(database)
    assert len(places(database)) == 6 + 1

    assert archive_events(database, 90, now=NOW) == ArchiveCounts(n_months=5, n_archives=3)

    assert places(database) == {"y2022": 2, "y2023": 1, "y2024m01to02": 2, "y2024m03": 1, "default": 0}
    assert stored(database) == before
    assert uneven(database).is_empty()


def test_archiving_twice_is_archiving_once(database: Database) -> None:
    write(database, events(*FIRST))
    archive_events(database, 90, now=NOW)
    before, standing = stored(database), places(database)
    assert archive_events(database, 90, now=NOW) == ArchiveCounts()
    assert (stored(database), places(database)) == (before, standing)


def test_an_archive_grows_with_its_year_until_it_is_whole(database: Database) -> None:
    write(database, events(*FIRST, "2024-12-31 23:00:00"))
    for now in (NOW, datetime(2024, 7, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)):
        archive_events(database, 90, now=now)
    assert places(database) == {"y2022": 2, "y2023": 1, "y2024": 4, "default": 0}
    counted = database.read(
        "SELECT archive, n_partitions, n_before, n_after FROM stemma.event_archives ORDER BY since, until"
    )
    assert counted.rows() == [
        ("lineage_events_y2022", 2, 2, 2),
        ("lineage_events_y2023", 1, 1, 1),
        ("lineage_events_y2024m01to02", 2, 2, 2),
        ("lineage_events_y2024m01to03", 2, 3, 3),
        ("lineage_events_y2024", 2, 4, 4),
    ]


def test_events_that_come_late_go_straight_into_their_archive(database: Database) -> None:
    write(database, events(*FIRST))
    archive_events(database, 90, now=NOW)

    late = events("2022-07-01", "2024-01-01", "2021-08-08", mark="late ")
    write(database, late)

    standing = places(database)
    assert standing["y2022"] == 3 and standing["y2024m01to02"] == 3 and standing["y2021m08"] == 1
    assert archive_events(database, 90, now=NOW) == ArchiveCounts(1, 1)
    assert places(database)["y2021"] == 1
    assert {row[0] for row in stored(database)} == {*FIRST, *late["event_id"]}
    write_again = "INSERT INTO stemma.lineage_events SELECT * FROM stemma.lineage_events ON CONFLICT DO NOTHING"
    assert database.execute(write_again) == 0  # the same event is the same row, wherever it lies
    assert uneven(database).is_empty()


def test_events_that_wait_in_the_default_partition_are_archived_with_their_year(database: Database) -> None:
    waiting = events("2022-03-03", "1970-01-01", "2090-01-01", mark="waiting ")
    database.insert(lineage_events, waiting)
    write(database, events("2022-01-01"))
    before = stored(database)

    archive_events(database, 90, now=NOW)

    assert places(database) == {"y2022": 2, "default": 2}  # no commit is of 1970, nor of 2090
    assert stored(database) == before


def test_the_age_decides_and_a_month_is_archived_whole_or_not_at_all(database: Database) -> None:
    assert cold_until(90, NOW) == datetime(2024, 3, 1, tzinfo=UTC)
    assert cold_until(0, datetime(2024, 1, 1, tzinfo=UTC)) == datetime(2024, 1, 1, tzinfo=UTC)
    write(database, events(*FIRST))
    archive_events(database, 0, now=NOW)
    standing = {"y2022": 2, "y2023": 1, "y2024m01to05": 3, "default": 0}
    assert places(database) == standing
    archive_events(database, 900, now=NOW)  # a greater age gives nothing back
    assert places(database) == standing


def test_an_archive_is_indexed_as_its_table_is(database: Database) -> None:
    write(database, events(*FIRST))
    archive_events(database, 90, now=NOW)
    query = "SELECT count(*) AS n FROM pg_indexes WHERE tablename = $1"
    counts = [database.read(query, [f"lineage_events_{part}"])["n"].item() for part in ("default", "y2022", "y2024m03")]
    assert counts[0] == counts[1] == counts[2] > 2


def test_removing_events_removes_them_from_archives_too(database: Database) -> None:
    write(database, pl.concat([events(*FIRST), events(*FIRST, repo="other", mark="other ")]))
    archive_events(database, 90, now=NOW)
    database.execute("DELETE FROM stemma.lineage_events WHERE repo_id = $1", ["other"])
    assert sum(places(database).values()) == len(FIRST)
    assert uneven(database).is_empty()  # what is retired is not lost


def test_two_archivings_and_a_writer_at_once_lose_and_double_nothing(database: Database) -> None:
    first = events(*FIRST)
    write(database, first)
    later = [events(f"20{year}-{month:02}-15", mark="later ") for year in (20, 21, 22, 23) for month in range(1, 13)]

    def write_all() -> None:
        for frame in later:
            write(database, frame)

    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(write_all), *(pool.submit(_archive_patiently, database) for _ in range(2))]
        for work in works:
            work.result()
    archive_events(database, 90, now=NOW)

    assert [row[0] for row in stored(database)] == sorted(pl.concat([first, *later])["event_id"])
    assert set(places(database)) == {"y2020", "y2021", "y2022", "y2023", "y2024m01to02", "y2024m03", "default"}
    assert uneven(database).is_empty()


def _archive_patiently(database: Database) -> None:
    for _ in range(6):
        try:
            archive_events(database, 90, now=NOW)
        except BusyError:
            continue


def test_a_reader_sees_all_events_at_any_moment(database: Database) -> None:
    write(database, events(*FIRST))
    seen, is_done = set(), threading.Event()

    def read() -> None:
        while not is_done.is_set():
            seen.add(database.read("SELECT count(*) AS n FROM stemma.lineage_events")["n"].item())

    reader = threading.Thread(target=read)
    reader.start()
    archive_events(database, 90, now=NOW)
    is_done.set()
    reader.join()
    assert seen == {len(FIRST)}


def test_whoever_holds_the_events_too_long_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(database, events(*FIRST))
    monkeypatch.setattr(archive, "WAIT", "200ms")
    with database.transaction() as transaction:
        transaction.read("SELECT count(*) AS n FROM stemma.lineage_events")
        with pytest.raises(BusyError, match="those of 2022 and after are not archived yet"):
            archive_events(database, 90, now=NOW)
    assert len(places(database)) == 6 + 1
    assert archive_events(database, 90, now=NOW).n_months == 5


def test_an_archiving_that_is_killed_between_two_years_is_finished_by_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(database, events(*FIRST))
    before, fold = stored(database), archive._fold

    def killed(transaction: object, year: int, until: datetime) -> int:
        n_folded = fold(transaction, year, until)  # type: ignore[arg-type]
        if year == 2023:
            raise KeyboardInterrupt  # all of 2023 is folded, and not yet committed
        return n_folded

    monkeypatch.setattr(archive, "_fold", killed)
    with pytest.raises(KeyboardInterrupt):
        archive_events(database, 90, now=NOW)
    assert set(places(database)) == {"y2022", "y2023m05", "y2024m01", "y2024m02", "y2024m03", "default"}
    assert stored(database) == before

    monkeypatch.undo()
    archive_events(database, 90, now=NOW)
    assert set(places(database)) == {"y2022", "y2023", "y2024m01to02", "y2024m03", "default"}
    assert stored(database) == before


def test_a_process_that_is_killed_while_it_archives_leaves_every_event(database: Database) -> None:
    many = [f"{2010 + n % 10}-{1 + n % 12:02}-01 00:{n // 60 % 60:02}:{n % 60:02}" for n in range(3000)]
    write(database, events(*dict.fromkeys(many)))
    before = stored(database)
    for delay_s in (0.05, 0.2):
        child = multiprocessing.get_context("spawn").Process(target=archive_for_ever, args=(database.url,))
        child.start()
        child.join(2 + delay_s)  # it takes about two seconds to start
        assert child.pid is not None
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert stored(database) == before
    archive_events(database, 90, now=NOW)
    assert stored(database) == before and len(places(database)) == 10 + 1


def archive_for_ever(url: str) -> None:
    with Database(url) as database:
        archive_events(database, 90, now=NOW)


def test_counts_that_are_not_conserved_are_told(database: Database) -> None:
    write(database, events(*FIRST))
    archive_events(database, 90, now=NOW)
    database.execute("UPDATE stemma.event_archives SET n_after = n_after - 1 WHERE archive = 'lineage_events_y2022'")
    database.execute("ALTER TABLE stemma.lineage_events DETACH PARTITION stemma.lineage_events_y2023")
    again = events("2024-03-01").with_columns(occurred_at=pl.col("occurred_at") + timedelta(days=1))
    database.insert(lineage_events, again)
    assert set(uneven(database).rows()) == {
        ("lineage_events_y2022", "holds another number of events than was counted before"),
        ("lineage_events_y2023", "is no longer a partition of the events"),
        ("2024-03-01", "stands more than once"),
    }


def test_an_archiving_that_fails_at_its_last_step_leaves_all_as_it_was(database: Database) -> None:
    write(database, events(*FIRST))
    before, standing = stored(database), places(database)
    database.execute("ALTER TABLE stemma.event_archives ADD CONSTRAINT never CHECK (n_after < 0)")
    with pytest.raises(StoreError):
        archive_events(database, 90, now=NOW)
    assert (stored(database), places(database)) == (before, standing)


def test_a_database_of_before_archives_gets_its_months_back(database: Database) -> None:
    write(database, events(*FIRST))
    archive_events(database, 90, now=NOW)
    before = stored(database)
    migrations.downgrade(database, "0007")
    names = database.read("SELECT DISTINCT tableoid::regclass::text AS place FROM stemma.lineage_events")["place"]
    assert stored(database) == before and set(names.str.slice(-8)) == {
        f"y{month}" for month in ("2022m01", "2022m12", "2023m05", "2024m01", "2024m02", "2024m03")
    }
    migrations.migrate(database)
    archive_events(database, 90, now=NOW)
    assert stored(database) == before
