"""Bad input ends in one clear sentence with what to do next, in its own exit code, and in stores left as they were."""

from __future__ import annotations

import signal
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from stemma import runs
from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.repositories import GitRepository

USAGE, SOURCE, STORE, BUSY, NOT_FOUND = 2, 3, 4, 6, 7


def test_a_missing_path_is_named(stemma: Stemma, tmp_path: Path) -> None:
    called = stemma("repo", "add", str(tmp_path / "nowhere"))
    assert called.code == SOURCE
    assert "nowhere" in called.sentence
    assert "Next:" in called.sentence


def test_a_file_is_not_a_repository(stemma: Stemma, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a repository")
    called = stemma("repo", "add", str(tmp_path / "notes.txt"))
    assert called.code == SOURCE
    assert "notes.txt" in called.sentence
    assert stemma("repo", "list", "--json").json == []


def test_an_unreachable_url_is_named(stemma: Stemma) -> None:
    called = stemma("repo", "add", "http://127.0.0.1:9/nobody/home.git")
    assert called.code == SOURCE
    assert "127.0.0.1:9" in called.sentence


def test_without_a_repository_a_run_says_how_to_add_one(stemma: Stemma) -> None:
    called = stemma("run")
    assert called.code == NOT_FOUND
    assert "stemma repo add" in called.sentence


def test_before_the_first_run_sql_says_what_to_run(stemma: Stemma) -> None:
    called = stemma("sql", "SELECT 1")
    assert called.code == NOT_FOUND
    assert "stemma run" in called.sentence


def test_a_repository_nobody_knows_is_named(stemma: Stemma) -> None:
    assert stemma("repo", "remove", "ghost").code == NOT_FOUND
    assert stemma("families", "--repo", "ghost").code == NOT_FOUND


def test_a_postgres_that_is_down_is_named(tmp_path: Path) -> None:
    down = Stemma(STEMMA_DATABASE_URL="postgresql://stemma:hush@127.0.0.1:9/stemma", STEMMA_DATA_DIR=str(tmp_path))
    called = down("status")
    assert called.code == STORE
    assert "127.0.0.1" in called.sentence
    assert "hush" not in called.sentence


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    called = Stemma(STEMMA_WORKERS="many", STEMMA_DATA_DIR=str(tmp_path))("status")
    assert called.code == USAGE
    assert "STEMMA_WORKERS" in called.sentence


def test_a_settings_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "stemma.toml").write_text("workers = = 3")
    called = Stemma(STEMMA_CONFIG_FILE=str(tmp_path / "stemma.toml"))("status")
    assert called.code == USAGE
    assert "stemma.toml" in called.sentence


def test_a_second_run_at_once_is_told_to_wait(stemma: Stemma, database: Database, tmp_path: Path) -> None:
    stemma("repo", "add", str(GitRepository(tmp_path / "one").path))
    with database.lock("run"):
        called = stemma("run")
    assert called.code == BUSY
    assert "Another run" in called.sentence


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_lets_the_next_one_go_on(stemma: Stemma, database: Database, tmp_path: Path, number: int) -> None:
    repository = GitRepository(tmp_path / "one")
    repository.commit("First", {"a.py": "def first(values):\n    return [value for value in values if value]\n"})
    stemma("repo", "add", str(repository.path))
    process = stemma.start("run")
    wait_for(database, "SELECT count(*) FROM stemma.commits")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    with database.lock("run"):  # free, although its holder was killed
        pass
    after = stemma("run", "--json")
    assert after.code == 0
    assert after.json["counts"]["commits"] == 1
    assert after.json["gates"].get("failed", 0) == 0


def wait_for(database: Database, query: str) -> int:
    """The number, once it is not zero."""
    deadline = time.monotonic() + 120
    while not (n := int(database.read(query).item())):
        assert time.monotonic() < deadline, f"never: {query}"
        time.sleep(0.1)
    return n


def test_a_qdrant_that_is_down_is_named(stemma: Stemma, tmp_path: Path) -> None:
    stemma("repo", "add", str(GitRepository(tmp_path / "one").path))
    stemma.environment["STEMMA_QDRANT_URL"] = "http://127.0.0.1:9"
    called = stemma("run")
    assert called.code == STORE
    assert "127.0.0.1:9" in called.sentence


def test_a_reader_that_has_had_enough_is_no_failure(stemma: Stemma) -> None:
    process = stemma.start("status", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0


def test_a_killed_run_is_not_said_to_run(stemma: Stemma, database: Database) -> None:
    runs.begin(database, "killed long ago")
    stemma("status")
    assert database.read("SELECT status FROM stemma.runs").item() == "killed"


def test_the_command_tells_its_version(stemma: Stemma) -> None:
    called = stemma("--version")
    assert called.code == 0
    assert called.out.strip() == f"stemma {version('codestemma')}"
