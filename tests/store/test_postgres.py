"""Columns come out as they went in, refusals are one sentence without secrets, connections are looked after."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from stemma import store
from stemma.config import Settings
from stemma.errors import BusyError, ConfigError, StoreError
from stemma.store import open_database
from stemma.store.postgres import Database
from stemma.tables import patterns, polars_schema, repositories, votes

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def repository(name: str, **changes: object) -> pl.DataFrame:
    row = {"repo_id": name, "name": name, "kind": "git", "location": "/", "tags": ["a", "b"], "added_at": NOW}
    return pl.DataFrame([row | {"is_shallow": False} | changes])


def sessions(database: Database) -> int:
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
    return int(database.read(query)["n"].item())


def test_a_row_comes_back_as_it_went_in(database: Database) -> None:
    row = {"pattern_id": "p", "language": "python", "kind": "function", "name": "é\\N\t\n", "signature": "def f()"}
    row |= {"docstring": None, "code": "x" * 100_000, "n_lines": 1, "n_tokens": 2**31 - 1, "shingles": [-(2**31), 5]}
    row |= {"sub_tokens": [], "is_trivial": True, "n_live": 0, "n_repositories": 0}
    row |= {"trivial_reason": "tiny", "structure": "()", "extractor_version": "1"}
    frame = pl.DataFrame([row], schema=polars_schema(patterns))
    assert database.insert(patterns, frame) == 1
    assert database.read("SELECT * FROM stemma.patterns").rows(named=True) == [row]


def test_json_and_numeric_are_read_as_plain_text(database: Database) -> None:
    found = database.read("""SELECT '{"a": [1, null]}'::jsonb AS a, NULL::jsonb AS b, 1.50::numeric AS c""")
    assert found.schema == {"a": pl.String, "b": pl.String, "c": pl.String}
    assert found.row(0) == ('{"a": [1, null]}', None, "1.50")
    empty = database.read("SELECT '{}'::jsonb AS a WHERE false")
    assert (empty.schema, empty.height) == ({"a": pl.String}, 0)


def test_json_goes_in_as_text(database: Database) -> None:
    database.execute(
        "INSERT INTO stemma.patterns SELECT 'p', 'python', 'function', 'f', '', null, '', 1, 1, '{}', '{}', false, 1, "
        "1, null, '', '1'"
    )
    vote = {"pattern_id": "p", "exact_hash": "x", "member": "ruff", "member_version": "1", "vote": "fail"}
    database.insert(votes, pl.DataFrame([vote | {"voted_at": NOW, "findings": '[{"line": 3}]'}]))
    assert database.read("SELECT findings -> 0 -> 'line' AS n FROM stemma.votes")["n"].item() == "3"


def test_what_exists_is_an_error_is_left_or_is_updated_as_asked(database: Database) -> None:
    database.insert(repositories, repository("a"))
    with pytest.raises(StoreError, match='violates unique constraint "repositories_pkey"'):
        database.insert(repositories, repository("a"))
    assert database.insert(repositories, repository("a", kind="folder"), "nothing") == 0
    assert database.insert(repositories, repository("a"), "update") == 0
    assert database.insert(repositories, repository("a", kind="folder"), "update") == 1
    assert database.read("SELECT kind FROM stemma.repositories")["kind"].to_list() == ["folder"]


def test_nothing_of_a_failed_transaction_stays(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:
        transaction.insert(repositories, repository("a"))
        raise ZeroDivisionError
    assert database.read("SELECT count(*) AS n FROM stemma.repositories")["n"].item() == 0


def test_a_failed_statement_is_not_hidden_by_the_staged_table(database: Database) -> None:
    with (
        pytest.raises(StoreError, match="division by zero"),
        database.transaction() as transaction,
        transaction.staged("numbers", pl.DataFrame({"n": [1]})) as name,
    ):
        transaction.read(f"SELECT 1 / (n - 1) AS x FROM {name}")


def test_temporary_tables_do_not_outlive_their_transaction(database: Database) -> None:
    for _ in range(2):
        with database.transaction() as transaction:
            transaction.execute("CREATE TEMP TABLE mine (n int)")


def test_a_connection_is_used_again(database: Database) -> None:
    pids = {database.read("SELECT pg_backend_pid() AS pid")["pid"].item() for _ in range(3)}
    assert len(pids) == 1
    with database.transaction(), database.transaction(), database.transaction():
        pass
    assert sessions(database) == 3
    database.close()
    assert sessions(database) == 1


def test_a_kept_connection_that_died_is_replaced(database: Database) -> None:
    pid = database.read("SELECT pg_backend_pid() AS pid")["pid"].item()
    with psycopg.connect(database.url) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert database.read("SELECT pg_backend_pid() AS pid")["pid"].item() != pid


def test_a_connection_that_dies_inside_a_transaction_is_named(database: Database) -> None:
    with pytest.raises(StoreError, match=r"terminating connection|went away"), database.transaction() as transaction:
        pid = transaction.read("SELECT pg_backend_pid() AS pid")["pid"].item()
        with psycopg.connect(database.url) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        transaction.read("SELECT 1 AS n")
    assert database.read("SELECT 1 AS n")["n"].item() == 1


def test_threads_do_not_disturb_each_other(database: Database) -> None:
    def work(number: int) -> None:
        for _ in range(10):
            found.append(database.read("SELECT $1::int AS n", [number])["n"].item() == number)

    found: list[bool] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 60
    assert sessions(database) <= 5


def test_a_forked_child_opens_connections_of_its_own(database: Database) -> None:
    pid = database.read("SELECT pg_backend_pid() AS pid")["pid"].item()
    context = multiprocessing.get_context("fork")
    told, teller = context.Pipe(duplex=False)
    worker = context.Process(target=_tell_backend, args=(database, teller))
    worker.start()
    assert told.poll(60)
    assert told.recv() != pid
    worker.kill()  # what a forked worker does at its end with threads it has not is not ours to wait for
    worker.join()
    child = os.fork()
    if child == 0:
        os._exit(0 if _backend_of(database) != pid else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert database.read("SELECT pg_backend_pid() AS pid")["pid"].item() == pid


def _tell_backend(database: Database, teller: Connection) -> None:
    teller.send(_backend_of(database))


def _backend_of(database: Database) -> int:
    return int(database.read("SELECT pg_backend_pid() AS pid")["pid"].item())


def test_a_database_can_be_sent_to_another_process_and_shows_no_password() -> None:
    database = Database("postgresql://someone:hidden@example.org:5433/store")
    assert pickle.loads(pickle.dumps(database)).url == database.url
    assert repr(database) == "Database(example.org:5433/store)"


def test_a_lock_keeps_a_second_holder_out_until_it_is_let_go(database: Database) -> None:
    with database.lock("run"):
        with database.lock("another"):
            pass
        with (
            pytest.raises(BusyError, match=rf"^run is held by process {os.getpid()}, since"),
            database.lock("run"),
        ):
            pass
    with database.lock("run"):
        pass


def test_a_killed_holder_lets_go(database: Database) -> None:
    code = "import sys; from stemma.store.postgres import Database\n"
    code += "with Database(sys.argv[1]).lock('run'):\n    print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=f"process {holder.pid}"), database.lock("run"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    for _ in range(200):  # the server notices within milliseconds, not at once
        try:
            with database.lock("run"):
                return
        except BusyError:
            threading.Event().wait(0.02)
    pytest.fail("the lock was never let go")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"port": 1}, r"^Nothing listens at [\w.]+:1/"),
        ({"host": "nowhere.invalid"}, r"^The host of nowhere.invalid:\d+/\w+ is unknown"),
        ({"database": "nowhere"}, r"database \"nowhere\" does not exist. Create that database"),
        ({"username": "nobody_known", "password": "hidden-word"}, r"lets nobody in: .*nobody_known"),
    ],
)
def test_an_unreachable_database_is_named(server_url: str, change: dict[str, object], sentence: str) -> None:
    url = sa.make_url(server_url).set(**{"password": "hidden-word"} | change)  # type: ignore[arg-type]
    if "database" in change:
        url = sa.make_url(server_url).set(**change)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=sentence) as caught:
        Database(url.render_as_string(hide_password=False)).read("SELECT 1")
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["hidden-word", "mysql://a:hidden-word@b/c", "postgresql://a:hidden-word@b:port/c"])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="STEMMA_DATABASE_URL") as caught:
        Database(url)
    assert "hidden-word" not in str(caught.value)


def test_a_refusal_shows_neither_the_row_nor_the_statement(database: Database) -> None:
    statement = "INSERT INTO stemma.repositories (repo_id, location) VALUES ('hidden-word', 'hidden-word')"
    with pytest.raises(StoreError, match='null value in column "name" of relation "repositories"') as caught:
        database.execute(statement)
    assert "hidden-word" not in str(caught.value)


def test_a_full_disk_and_a_deadlock_say_what_to_do(database: Database) -> None:
    for state, step in (("53100", "Free some space"), ("40P01", "Another process worked on the same rows")):
        with pytest.raises(StoreError, match=step):
            database.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")


def test_opening_brings_an_empty_database_to_head(empty_database: Database, settings: Settings) -> None:
    secret = type(settings.database_url)(empty_database.url)  # type: ignore[misc,call-arg]
    with open_database(settings.model_copy(update={"database_url": secret})) as database:
        assert database.read("SELECT count(*) AS n FROM stemma.repositories")["n"].item() == 0


def test_an_old_postgres_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "OLDEST_POSTGRES", 99)
    with pytest.raises(StoreError, match=r"is Postgres \d+.*, and Stemma needs 99 or newer"), open_database(settings):
        pass
