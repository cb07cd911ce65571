"""The embedded Postgres starts, survives every kill, lets nobody else in, and ends with its last user."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from stemma.config import Settings
from stemma.errors import StoreError
from stemma.store import binaries, embedded, open_database
from stemma.store.binaries import account
from stemma.store.cluster import free_port
from tests.conftest import open_folder

# A command in a process of its own: opens the store, says so, and works until it is told to end or killed.
COMMAND = """
import sys
from pathlib import Path
from stemma.config import Settings
from stemma.store import embedded
with embedded.serve(Settings(data_dir=Path(sys.argv[1]))) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Settings]:
    """A data folder whose cluster was made once, for all tests that leave it whole."""
    with open_folder() as folder:
        settings = Settings(data_dir=folder / "data")
        with embedded.serve(settings):
            pass
        yield settings


def is_running(settings: Settings) -> bool:
    return embedded.status(settings).is_running


def write(url: str, n: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
        connection.execute("INSERT INTO written VALUES (%s)", [n])


def written(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT n FROM written ORDER BY n").fetchall()
        connection.execute("DROP TABLE written")
    return [row[0] for row in rows]


def command(settings: Settings) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(settings.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_it_runs_for_its_user_and_not_after(shared: Settings) -> None:
    assert not is_running(shared)
    with embedded.serve(shared):
        assert is_running(shared)
    assert not is_running(shared)


def test_what_was_written_is_there_the_next_time(shared: Settings) -> None:
    with embedded.serve(shared) as url:
        write(url, 1)
    with embedded.serve(shared) as url:
        assert written(url) == [1]


def test_it_does_not_run_as_root(shared: Settings) -> None:
    with embedded.serve(shared):
        pid = embedded.status(shared).pid
        uid = Path(f"/proc/{pid}").stat().st_uid
    assert uid != 0
    assert embedded.status(shared).user == account().name


def test_it_listens_on_loopback_only_and_has_no_socket_file(shared: Settings) -> None:
    with embedded.serve(shared) as url, psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
            [["listen_addresses", "unix_socket_directories", "fsync", "data_checksums", "TimeZone", "jit"]],
        ).fetchall()
    assert dict(rows) == {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "on",
        "data_checksums": "on",
        "TimeZone": "UTC",
        "jit": "off",
    }


def test_nobody_gets_in_without_the_password(shared: Settings) -> None:
    with embedded.serve(shared) as url:
        place = sa.make_url(url).translate_connect_args(username="user", database="dbname")
        for password in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(**place | {"password": password})


def test_the_password_is_in_a_file_of_its_owner_alone_and_on_no_command_line(shared: Settings) -> None:
    with embedded.serve(shared) as url:
        password = str(sa.make_url(url).password)
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert password.encode() not in process.read_bytes()
            except OSError:
                continue
    assert len(password) >= 32
    assert stat.S_IMODE((shared.data_dir / embedded.PASSWORD_FILE).stat().st_mode) == 0o600
    assert password not in embedded.status(shared).log.read_text()


def test_the_port_is_remembered_and_given_up_when_it_is_taken(shared: Settings) -> None:
    with embedded.serve(shared) as url:
        first = sa.make_url(url).port
    with embedded.serve(shared) as url:
        assert sa.make_url(url).port == first
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first))
        other.listen()
        with embedded.serve(shared) as url:
            assert sa.make_url(url).port != first
            write(url, 1)
            assert written(url) == [1]


def test_the_last_user_stops_it_and_no_earlier_one(shared: Settings) -> None:
    process, url = command(shared)
    with embedded.serve(shared) as own:
        assert own == url
    assert is_running(shared)
    process.communicate("\n")
    assert process.returncode == 0
    assert not is_running(shared)


def test_two_at_once_share_one_server(shared: Settings) -> None:
    urls, meeting = [], threading.Barrier(4)

    def use() -> None:
        meeting.wait()
        with embedded.serve(shared) as url:
            urls.append(url)
            meeting.wait()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(urls)) == 1
    assert len(urls) == 4
    assert not is_running(shared)


def kill_server(settings: Settings) -> None:
    pid = embedded.status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/cwd").exists():
        time.sleep(0.01)


def test_a_killed_server_comes_back_with_all_that_was_committed(shared: Settings) -> None:
    with embedded.serve(shared) as first:
        write(first, 1)
        kill_server(shared)
        assert not is_running(shared)
        with embedded.serve(shared) as second:
            write(second, 2)
            assert written(second) == [1, 2]
    assert not is_running(shared)


def test_a_busy_backend_of_a_killed_server_does_not_block_the_next(shared: Settings) -> None:
    with embedded.serve(shared) as first:
        busy = psycopg.connect(first)
        # A loop without a wait does not look whether its postmaster lives.
        loop = "DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$"
        worker = threading.Thread(target=ignoring_errors, args=(busy.execute, loop))
        worker.start()
        time.sleep(0.2)
        kill_server(shared)
        assert Path(f"/proc/{busy.info.backend_pid}").exists()
        with embedded.serve(shared) as second:
            write(second, 1)
            assert written(second) == [1]
        worker.join()


def ignoring_errors(call: Callable[[str], object], argument: str) -> None:
    with suppress(psycopg.Error):
        call(argument)


def test_a_killed_command_leaves_a_server_that_the_next_takes_over_and_stops(shared: Settings) -> None:
    process, url = command(shared)
    write(url, 1)
    process.kill()
    process.wait()
    assert is_running(shared)
    with embedded.serve(shared) as own:
        assert own == url
        assert written(own) == [1]
    assert not is_running(shared)


def test_a_pid_file_that_names_another_program_is_not_believed(shared: Settings) -> None:
    """As after a crash, when the pid was given to something else of the same user."""
    other = subprocess.Popen(["/bin/sleep", "60"], user=account().uid, group=account().gid)
    pid_file = embedded.status(shared).folder / "postmaster.pid"
    try:
        lines = [str(other.pid), str(pid_file.parent), "1700000000", "5432", "", "127.0.0.1", "0 0", "ready"]
        pid_file.write_text("\n".join(lines) + "\n")
        assert not is_running(shared)
        with embedded.serve(shared) as url:
            write(url, 1)
            assert written(url) == [1]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_cluster_left_half_made_is_made_anew() -> None:
    with open_folder() as folder:
        settings = Settings(data_dir=folder)
        starter = subprocess.Popen([sys.executable, "-c", COMMAND, str(folder)], stdin=subprocess.PIPE)
        while not list(folder.glob("postgres/initdb-*/cluster/base")):
            time.sleep(0.002)
        starter.kill()
        starter.wait()
        assert not embedded.status(settings).is_created
        with embedded.serve(settings) as url:
            write(url, 1)
            assert written(url) == [1]
        assert sorted(path.name for path in (folder / "postgres").iterdir()) == ["cluster", "server.log"]


@pytest.fixture
def shut(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that only its owner may enter, as /root is, and must stay so."""
    if os.geteuid() != 0:
        pytest.skip("only root runs Postgres as another user")
    with open_folder() as folder, open_folder() as elsewhere:
        monkeypatch.setattr(embedded, "ELSEWHERE", elsewhere / "stemma")
        folder.chmod(0o700)
        yield folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_root_shuts_others_out_the_cluster_lies_elsewhere(shut: Path) -> None:
    settings = Settings(data_dir=shut / "data")
    with embedded.serve(settings) as url:
        write(url, 1)
    found = embedded.status(settings)
    assert found.folder.is_relative_to(embedded.ELSEWHERE)
    assert found.why_elsewhere == f"user {found.user}, whom Postgres runs as, may not enter {settings.data_dir}"
    with embedded.serve(settings) as url:
        assert written(url) == [1]


def test_a_removed_data_folder_takes_no_part_in_the_next_one(shut: Path) -> None:
    settings = Settings(data_dir=shut / "data")
    with embedded.serve(settings) as url:
        write(url, 1)
    shutil.rmtree(settings.data_dir)
    with embedded.serve(settings) as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('written')").fetchone()
    assert row == (None,)
    home = embedded.status(settings).folder.parent
    assert len(list(home.parent.glob(f"{home.name}.removed-*"))) == 1


def test_binaries_that_cannot_be_reached_are_copied(shut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = binaries.find_install().parent
    (shut / wheel.name).symlink_to(wheel)
    (shut / f"{wheel.name}.libs").symlink_to(wheel.with_name(f"{wheel.name}.libs"))
    monkeypatch.setattr(binaries, "find_install", lambda: shut / wheel.name / binaries.INSTALL)
    with open_folder() as folder:
        settings = Settings(data_dir=folder)
        with embedded.serve(settings) as url:
            write(url, 1)
            pid = embedded.status(settings).pid
            assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(folder / "postgres")
        with embedded.serve(settings) as url:
            assert written(url) == [1]


def test_root_runs_the_cluster_of_an_ordinary_user_as_that_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs Postgres as another user")
    with open_folder() as folder:
        settings = Settings(data_dir=folder)
        with embedded.serve(settings) as url:
            write(url, 1)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 12345, 12345)
        with embedded.serve(settings) as url:
            assert written(url) == [1]
            assert Path(f"/proc/{embedded.status(settings).pid}").stat().st_uid == 12345
        assert {path.stat().st_uid for path in folder.rglob("*")} == {12345}


def test_a_lost_password_file_is_named(shared: Settings) -> None:
    path = shared.data_dir / embedded.PASSWORD_FILE
    kept = path.rename(path.with_suffix(".kept"))
    with pytest.raises(StoreError, match=f"{path} is missing"), embedded.serve(shared):
        pass
    kept.rename(path)
    assert not is_running(shared)


def test_a_changed_password_file_is_named_and_its_content_is_not(shared: Settings) -> None:
    path = shared.data_dir / embedded.PASSWORD_FILE
    right = path.read_text()
    path.write_text("not-the-password")
    opening = open_database(shared.model_copy(update={"database_url": None}))
    try:
        with pytest.raises(StoreError, match=f"The password in {path} is not that of") as caught, opening:
            pass
        assert "not-the-password" not in str(caught.value)
    finally:
        path.write_text(right)
    assert not is_running(shared)


def test_a_cluster_of_another_version_is_not_touched(shared: Settings) -> None:
    version = embedded.status(shared).folder / "PG_VERSION"
    right = version.read_text()
    version.write_text("17\n")
    try:
        with pytest.raises(StoreError, match="was made by Postgres 17"), embedded.serve(shared):
            pass
    finally:
        version.write_text(right)


def test_status_makes_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    found = embedded.status(settings)
    assert (found.is_created, found.is_running, found.port, found.pid) == (False, False, None, None)
    assert found.version.startswith("18.")
    assert not settings.data_dir.exists()


def test_a_taken_port_is_not_found_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert free_port(taken) != taken
