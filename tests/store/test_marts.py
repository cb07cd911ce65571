"""The analysts' file: built whole or not at all, asked while it is rebuilt, and shut against everything else."""

from __future__ import annotations

import datetime as dt
import fcntl
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import psycopg
import pytest

from stemma.config import Settings
from stemma.errors import ConfigError, NotFoundError, StoreError
from stemma.store import marts
from stemma.store.postgres import Database
from stemma.tables import runs
from tests.conftest import fresh_database

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def fill(database: Database) -> None:
    """Two marts with every type that has its own way of crossing over."""
    for statement in (
        "CREATE SCHEMA stemma_marts",
        "CREATE TABLE stemma_marts.families (family_id text, n_places bigint, score real, share numeric(6, 3), "
        "names text[], detail jsonb, seen_at timestamptz, seen_on date, is_live boolean)",
        "INSERT INTO stemma_marts.families VALUES ('f1', 3, 0.5, 0.125, '{a,b}', '{\"k\": [1]}', "
        "'2026-01-01 12:00:00+02', '2026-01-01', true), ('f2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "COMMENT ON TABLE stemma_marts.families IS 'One row per family; it''s grouped.'",
        "COMMENT ON COLUMN stemma_marts.families.n_places IS 'Live places'",
        'CREATE TABLE stemma_marts."odd ""name" AS SELECT 1 AS "a ""column"',
        "CREATE TABLE stemma_marts.families__dbt_backup AS SELECT 1 AS left_by_dbt",
        "CREATE TABLE stemma.not_a_mart AS SELECT 1 AS x",
    ):
        database.execute(statement)


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


def build_in_a_process(database: Database, settings: Settings, body: str) -> subprocess.Popen[str]:
    """A program of its own that may call build(); it says 'ready' before anything else."""
    program = f"""
        import os, resource, sys, time
        from pathlib import Path
        from stemma.config import Settings
        from stemma.store.marts import build_marts
        from stemma.store.postgres import Database
        from stemma.errors import StemmaError
        build = lambda: build_marts(Database({database.url!r}), Settings(data_dir=Path({str(settings.data_dir)!r})))
        print("ready", flush=True)
    """
    source = textwrap.dedent(program) + textwrap.dedent(body)
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def leftovers(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.data_dir.iterdir() if path.name.startswith(marts.FILE + "."))


def test_every_mart_crosses_over_with_its_types(filled: Database, settings: Settings) -> None:
    counts = marts.build_marts(filled, settings)
    assert (counts["n_tables"], counts["n_rows"]) == (2, 3)
    assert counts["n_bytes"] == marts.path(settings).stat().st_size
    rows = marts.query(settings, "select * from families order by family_id").to_dicts()
    assert rows[0] == {
        "family_id": "f1",
        "n_places": 3,
        "score": 0.5,
        "share": 0.125,
        "names": ["a", "b"],
        "detail": '{"k": [1]}',
        "seen_at": dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC),
        "seen_on": dt.date(2026, 1, 1),
        "is_live": True,
    }
    assert set(rows[1].values()) == {"f2", None}
    assert marts.query(settings, 'select "a ""column" from "odd ""name"').item() == 1


def test_comments_come_along(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    listed = marts.tables(settings)
    assert dict(listed.select("mart", "description").iter_rows())["families"] == "One row per family; it's grouped."
    assert dict(listed.select("mart", "n_rows").iter_rows())["families"] == 2
    column = "select comment from duckdb_columns() where table_name = 'families' and column_name = 'n_places'"
    assert marts.query(settings, column).item() == "Live places"


def test_the_file_says_which_run_made_it(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    assert marts.query(settings, "select run_id from _stemma").item() is None
    rows = [
        {"run_id": name, "started_at": DAY.replace(day=day), "status": "running"}
        for name, day in (("r2", 2), ("r1", 1))
    ]
    filled.insert(runs, pl.DataFrame(rows))
    marts.build_marts(filled, settings)
    (about,) = marts.query(settings, "select * from _stemma").to_dicts()
    assert (about["run_id"], about["n_tables"], about["n_rows"]) == ("r2", 2, 3)
    assert abs((dt.datetime.now(dt.UTC) - about["built_at"]).total_seconds()) < 60


def test_without_marts_in_postgres_nothing_is_built(database: Database, settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="stemma run"):
        marts.build_marts(database, settings)
    assert not marts.path(settings).exists()


def test_a_missing_file_says_what_to_run(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="stemma run"):
        marts.query(settings, "select 1")


def test_a_damaged_file_is_said_to_be_so(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    marts.path(settings).write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"cannot be read.*stemma run"):
        marts.query(settings, "select 1")


def test_a_reader_keeps_its_file_and_a_new_one_sees_the_new(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    with marts.open_marts(settings) as before:
        filled.execute("DELETE FROM stemma_marts.families")
        marts.build_marts(filled, settings)
        with marts.open_marts(settings) as after:
            assert before.execute("select count(*) from families").fetchall() == [(2,)]
            assert after.execute("select count(*) from families").fetchall() == [(0,)]


def test_all_marts_are_of_one_moment(filled: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while the first table is copied is in none of the later ones either."""
    copy_table = marts._copy_table

    def copy_while_another_writes(*arguments: Any) -> int:
        filled.execute("INSERT INTO stemma_marts.families (family_id) VALUES ('late')")
        filled.execute('INSERT INTO stemma_marts."odd ""name" VALUES (2)')
        return copy_table(*arguments)

    monkeypatch.setattr(marts, "_copy_table", copy_while_another_writes)
    assert marts.build_marts(filled, settings)["n_rows"] == 3


def test_the_file_can_be_asked_while_another_process_rebuilds_it(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    body = f"""
        database = Database({filled.url!r})
        for n in range(5):
            database.execute("INSERT INTO stemma_marts.families SELECT * FROM stemma_marts.families LIMIT 5")
            build()
    """
    process = build_in_a_process(filled, settings, body)
    seen = []
    while process.poll() is None:
        seen.append(marts.query(settings, "select count(*) from families").item())
    assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


def test_a_table_that_dbt_swaps_while_it_is_copied_is_never_empty(filled: Database, settings: Settings) -> None:
    """dbt renames a new table into place; by name, a snapshot older than that table would find no row in it."""
    swap = (
        "BEGIN; CREATE TABLE stemma_marts.families__dbt_tmp AS SELECT * FROM stemma_marts.families;"
        "ALTER TABLE stemma_marts.families RENAME TO families__old;"
        "ALTER TABLE stemma_marts.families__dbt_tmp RENAME TO families; DROP TABLE stemma_marts.families__old; COMMIT"
    )
    with ThreadPoolExecutor(1) as pool, psycopg.connect(filled.url, autocommit=True) as connection:
        swapping = pool.submit(lambda: [connection.execute(swap) for _ in range(25)])
        while not swapping.done():
            marts.build_marts(filled, settings)
            assert marts.query(settings, "select count(*) from families").item() == 2
        swapping.result()


def test_two_builds_at_once_both_end_well(filled: Database, settings: Settings) -> None:
    processes = [build_in_a_process(filled, settings, "build()") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert marts.query(settings, "select count(*) from families").item() == 2
    assert leftovers(settings) == ["marts.duckdb.lock"]


def test_a_build_waits_for_another_and_then_clears_what_killed_ones_left(filled: Database, settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    abandoned = settings.data_dir / "marts.duckdb.0123.building"
    abandoned.write_bytes(b"x")
    (settings.data_dir / "marts.duckdb.0123.building.wal").write_bytes(b"x")
    with (settings.data_dir / "marts.duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = build_in_a_process(filled, settings, "build()")
        time.sleep(0.5)
        assert process.poll() is None
        assert abandoned.exists()
    assert process.wait(60) == 0
    assert leftovers(settings) == ["marts.duckdb.lock"]


def test_a_killed_build_leaves_the_former_file(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    body = """
        from stemma.store import marts
        def die(*_, **__):
            print("half way", flush=True)
            time.sleep(60)
        marts._sign = die
        build()
    """
    process = build_in_a_process(filled, settings, body)
    assert process.stdout is not None
    assert process.stdout.readline() == "half way\n"
    process.kill()
    process.wait()
    assert len(leftovers(settings)) > 1
    assert marts.query(settings, "select count(*) from families").item() == 2
    marts.build_marts(filled, settings)
    assert leftovers(settings) == ["marts.duckdb.lock"]


def test_a_full_disk_leaves_the_former_file_and_says_so(filled: Database, settings: Settings) -> None:
    marts.build_marts(filled, settings)
    filled.execute(
        "CREATE TABLE stemma_marts.large AS SELECT md5(n::text) || md5((n * 7)::text) AS hash "
        "FROM generate_series(1, 100000) AS n"
    )
    body = """
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            build()
        except StemmaError as error:
            print(error.exit_code, error, flush=True)
    """
    process = build_in_a_process(filled, settings, body)
    told, errors = process.communicate(timeout=60)
    assert told.startswith("4 The marts cannot be written to"), errors
    assert "Free some space" in told
    assert leftovers(settings) == ["marts.duckdb.lock"]
    assert "large" not in set(marts.tables(settings)["mart"])


@pytest.fixture(scope="module")
def shut(server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose file is built once, and must stand alone in its folder after all that is asked of it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("shut"))
    with fresh_database(server_url, migrated_template) as database:
        fill(database)
        marts.build_marts(database, settings)
    yield settings
    assert sorted(path.name for path in settings.data_dir.iterdir()) == ["marts.duckdb", "marts.duckdb.lock"]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select content from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/*')",
        "explain analyze copy families to 'x.csv'",
        "copy families to 'x.csv'",
        "export database 'x'",
        "attach 'x.duckdb' as x",
        "attach ':memory:' as x",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "create table x as select 1",
        "create table memory.main.x as select 1",
        "drop table families",
        "delete from families",
        "pragma database_list",
        "call pragma_version()",
        "select 1; select 2",
        "selec 1",
        "select * from nothing",
        "select $1",
        "",
        " -- nothing",
    ],
)
def test_a_query_that_does_not_read_the_marts_is_refused_in_one_sentence(shut: Settings, sql: str) -> None:
    with pytest.raises(ConfigError) as refused:
        marts.query(shut, sql)
    assert refused.value.hint
    assert "\n" not in str(refused.value)
    assert marts.query(shut, "select count(*) from families").item() == 2


def test_the_connection_itself_cannot_write(shut: Settings) -> None:
    with marts.open_marts(shut) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("delete from families")


def test_an_unknown_table_is_answered_with_the_known_ones(shut: Settings) -> None:
    with pytest.raises(ConfigError, match=r"nothing.*The tables are: _stemma, families, odd"):
        marts.query(shut, "select * from nothing")


@pytest.mark.parametrize(
    "sql", ["from families", "show tables", "describe families", "explain select 1", "summarize families"]
)
def test_what_reads_is_allowed(shut: Settings, sql: str) -> None:
    assert marts.query(shut, sql).height > 0


def test_sums_are_plain_numbers(shut: Settings) -> None:
    frame = marts.query(shut, "select sum(n_places) as n, sum(0.25) as x, 2::hugeint ** 100 as large from families")
    assert dict(frame.schema) == {"n": pl.Int64(), "x": pl.Float64(), "large": pl.Float64()}
    assert frame.row(0) == (3, 0.5, 2.0**100)
    assert marts.query(shut, "select 170141183460469231731687303715884105727::hugeint as large").item() == 2.0**127


def test_every_column_of_a_join_has_a_name_of_its_own(shut: Settings) -> None:
    frame = marts.query(shut, "select * from families a join families b using (family_id) order by family_id")
    assert frame.columns[1] == "n_places" and frame.columns[9:11] == ["n_places_2", "score_2"]
    frame = marts.query(shut, "select 1 as a, 2 as a, 3 as a_2, 4 as A, interval 1 day as a")
    assert frame.rows() == [(1, 2, 3, 4, "1 day")]
    assert frame.columns == ["a", "a_3", "a_2", "A_4", "a_5"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("interval 3 day", "3 days"),
        ("[interval 1 day]", "[1 day]"),
        ("{'a': interval 1 day}", "{'a': 1 day}"),
        ("'101'::bit", "101"),
        ("union_value(n := 2)", "2"),
        ("123::bignum", "123"),
        ("'10:00:00+02'::timetz", "10:00:00+02"),
        ("'infinity'::date", "infinity"),
        ("'-infinity'::timestamp", "-infinity"),
        ("'infinity'::timestamptz", "infinity"),
        ("'12000-01-01'::date", "12000-01-01"),
    ],
)
def test_what_has_no_type_here_is_text(shut: Settings, expression: str, value: str) -> None:
    sql = f"select {expression} as v union all by name select null as v"
    assert marts.query(shut, sql).to_dicts() == [{"v": value}, {"v": None}]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'9999-12-31'::date", dt.date(9999, 12, 31)),
        ("'0001-01-01 00:00:00'::timestamp", dt.datetime(1, 1, 1)),
        ("'9999-12-31 23:59:59.999999'::timestamp", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
        ("'2026-01-01'::timestamp_ns", dt.datetime(2026, 1, 1)),
        ("'2026-01-01'::timestamp_s", dt.datetime(2026, 1, 1)),
        ("map{'a': [1]}", {"a": [1]}),
        ("[1, 2]::int[2]", [1, 2]),
        ("'infinity'::double", float("inf")),
    ],
)
def test_what_has_a_type_here_keeps_it(shut: Settings, expression: str, value: object) -> None:
    assert marts.query(shut, f"select {expression} as v").to_dicts() == [{"v": value}]


def test_a_folder_with_a_quote_in_its_name_can_be_asked(filled: Database, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "o'clock")
    marts.build_marts(filled, settings)
    assert marts.query(settings, "select count(*) from families").item() == 2
