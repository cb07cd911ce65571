"""A disk that is full is named, loses nothing that was committed, and is worked on again once there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import StoreError
from stemma.store import embedded
from stemma.store.postgres import Database
from tests.conftest import open_folder


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 20 MB of its own."""
    with open_folder() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "stemma-test", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a disk of one's own needs the right to mount")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_nothing_committed_is_lost(small_disk: Path) -> None:
    settings = Settings(data_dir=small_disk / "data")
    with pytest.raises(StoreError, match=r"no space left on its disk. Free some"), embedded.serve(settings):
        pass
    assert not embedded.status(settings).is_created
    assert list((settings.data_dir / "postgres").iterdir()) == []

    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    with embedded.serve(settings) as url, Database(url) as database:
        database.execute("CREATE TABLE kept AS SELECT 7 AS n")
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - 8_000_000))
        rows = "CREATE TABLE too_much AS SELECT repeat(md5(i::text), 100) AS t FROM generate_series(1, 1000000) AS i"
        with pytest.raises(StoreError, match=r"No space left|went away"):
            database.execute(rows)
    ballast.unlink()

    with embedded.serve(settings) as url, Database(url) as database:
        found = database.read("SELECT n, to_regclass('too_much') IS NULL AS is_gone FROM kept")
        assert found.rows() == [(7, True)]
        assert isinstance(found, pl.DataFrame)
