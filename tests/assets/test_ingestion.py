"""What the assets of ingestion leave behind beside their rows."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from assets.ingestion import history
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from tests.repositories import GitRepository


def test_once_a_history_is_read_the_planner_knows_its_repository(database: Database, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "one")
    repository.commit("First", {"a.py": "def one():\n    return 1\n"})
    settings = Settings(data_dir=tmp_path / "data", database_url=database.url, workers=1)
    registry.register(database, settings, str(repository.path), name="one")
    database.execute("ANALYZE stemma.repositories")  # as it stands: without an extractor's version
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("repository", ["one"])
        resources = {"database": database, "settings": settings}
        assert dg.materialize([history], resources=resources, instance=instance, partition_key="one").success
    known = database.read(
        "SELECT null_frac::float8 AS n FROM pg_stats WHERE schemaname = 'stemma' AND tablename = 'repositories' "
        "AND attname = 'extractor_version'"
    )
    assert known.item() == 0
