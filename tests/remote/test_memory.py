"""The durable memory of outside answers: bounded, shared, and never in the way."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from stemma.errors import StoreError
from stemma.remote import Memory

MIB = 1 << 20


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Memory(tmp_path / "m.sqlite", MIB)
    first.put("space", {"a": b"1", "b": b"2"})
    first.close()
    again = Memory(tmp_path / "m.sqlite", MIB)
    assert again.get(["b", "c", "a"]) == {"a": b"1", "b": b"2"}


def test_a_space_is_forgotten_with_its_identity_and_no_other(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.sqlite", MIB)
    memory.put("one", {"a": b"1"})
    memory.put("two", {"b": b"2"})
    assert memory.note_identity("one", b"x") == b"x"
    assert memory.note_identity("one", b"y") == b"x"
    assert memory.forget("one") == 1
    assert memory.get(["a", "b"]) == {"b": b"2"}
    assert memory.identity("one") is None


def test_the_file_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.sqlite", MIB)
    for number in range(300):
        memory.put("space", {f"{number}": bytes(10_000)})
    kept = memory.get([str(number) for number in range(300)])
    assert 50 < len(kept) < 110
    assert "299" in kept
    assert "0" not in kept
    memory.close()
    assert memory.path.stat().st_size < 1.5 * MIB


def test_an_answer_larger_than_the_bound_is_not_kept(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.sqlite", MIB)
    memory.put("space", {"a": bytes(2 * MIB)})
    assert memory.get(["a"]) == {}


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "m.sqlite"
    path.write_bytes(b"this is not a database, whatever its name" * 100)
    memory = Memory(path, MIB)
    memory.put("space", {"a": b"1"})
    assert memory.get(["a"]) == {"a": b"1"}
    assert "set aside" in caplog.text
    assert len(list(tmp_path.glob("m.sqlite.broken-*"))) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be"):
        Memory(tmp_path / "file" / "m.sqlite", MIB).get(["a"])


def _put(path: Path, worker: int) -> None:
    memory = Memory(path, 64 * MIB)
    for number in range(50):
        memory.put("space", {f"{worker} {number}": b"x" * 100, f"both {number}": b"y"})
        memory.note_identity("space", str(worker).encode())


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put, args=(path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    keys = [f"{worker} {number}" for worker in range(2) for number in range(50)]
    assert len(Memory(path, 64 * MIB).get(keys)) == 100


def test_a_file_in_use_by_a_writer_is_waited_for(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.sqlite", MIB)
    memory.put("space", {"a": b"1"})
    other = sqlite3.connect(memory.path, timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert memory.get(["a"]) == {"a": b"1"}  # readers do not wait for a writer
    other.execute("COMMIT")
    other.close()
