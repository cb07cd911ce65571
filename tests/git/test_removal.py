"""Removing a repository forgets what only it held, and nothing that another one holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemma.errors import NotFoundError
from stemma.git import registry
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository

MINE, SHARED = "def mine(a):\n    return a + 1\n", "def shared(a, b):\n    return a * b\n"


@pytest.fixture
def two(ingestion: Ingestion, tmp_path: Path) -> dict[str, GitRepository]:
    """Two repositories: each has a file of its own, and one is in both. What hangs on them is made by hand."""
    made = {name: GitRepository(tmp_path / name) for name in ("left", "right")}
    for name, repository in made.items():
        repository.commit("One", {f"{name}.py": f"# {name}\n{MINE}", "both.py": SHARED})
        ingestion(repository.path)
    contents = {
        "left": made["left"].blob("left.py"),
        "right": made["right"].blob("right.py"),
        "both": made["left"].blob("both.py"),
    }
    # left and right hold the same pattern `common` besides their own
    patterns = {"left": ("only_left", "common"), "right": ("only_right", "common"), "both": ("shared",)}
    for pattern in ("only_left", "only_right", "common", "shared"):
        ingestion.db.execute(
            "INSERT INTO stemma.patterns VALUES ($1, 'python', 'function', 'f', 'f()', NULL, 'code', 1, 9, '{}', '{}', "
            "false, 1, 1, NULL, '', '1')",
            [pattern],
        )
        ingestion.db.execute("INSERT INTO stemma.embeddings VALUES ($1, 'lexical', 384, now())", [pattern])
    for content, ids in patterns.items():
        ingestion.db.execute(
            "INSERT INTO stemma.blobs VALUES ($1, '1', 'python', 9, 2, 'parsed', NULL, 0, 1, 0.1, '{}')",
            [contents[content]],
        )
        for ordinal, pattern in enumerate(ids):
            ingestion.db.execute(
                "INSERT INTO stemma.snippets VALUES ($1, '1', $2::int, NULL, 'function', 'f', 'f', 0, 1, 2, 0, 9, "
                "'f()', NULL, false, false, 'exact', $3, 2, 9)",
                [contents[content], ordinal, pattern],
            )
    return made


def test_only_what_nobody_else_holds_is_forgotten(ingestion: Ingestion, two: dict[str, GitRepository]) -> None:
    removal = registry.remove(ingestion.db, ingestion.settings, "left")

    assert (removal.n_commits, removal.n_blobs, removal.n_snippets, removal.n_patterns) == (1, 1, 2, 1)
    assert ingestion.rows("SELECT blob_oid FROM stemma.blobs ORDER BY 1") == [
        (oid,) for oid in sorted([two["right"].blob("right.py"), two["right"].blob("both.py")])
    ]
    for table in ("patterns", "embeddings"):
        remaining = ingestion.rows(f"SELECT pattern_id FROM stemma.{table} ORDER BY 1")
        assert remaining == [("common",), ("only_right",), ("shared",)]
    assert ingestion.rows("SELECT name FROM stemma.repositories") == [("right",)]
    assert len(ingestion.files()) == 2 and len(ingestion.changes()) == 2

    registry.remove(ingestion.db, ingestion.settings, "right")
    for table in ["repositories", "commits", "file_changes", "files", "blobs", "snippets", "patterns", "embeddings"]:
        assert ingestion.rows(f"SELECT count(*) FROM stemma.{table}") == [(0,)], table


def test_every_table_that_names_a_repository_forgets_it(ingestion: Ingestion, two: dict[str, GitRepository]) -> None:
    repo_id = ingestion.find("left").repo_id
    ingestion.db.execute(
        "INSERT INTO stemma.lineage_events (event_id, occurred_at, repo_id, node_id, event_type, sha, detail) "
        "VALUES ('e', now(), $1, 'n', 'introduced', 's', '{}')",
        [repo_id],
    )
    ingestion.db.execute("INSERT INTO stemma.lineage_progress (repo_id, step) VALUES ($1, 'occurrences')", [repo_id])
    ingestion.db.execute(
        "INSERT INTO stemma.agent_edits (edit_id, event_id, occurred_at, received_at, agent, repo_id, path, n_tokens, "
        "n_added, tokens, added, read_by, written_at) "
        "VALUES ('d', 'e', now(), now(), 'codex', $1, 'pkg/a.py', 0, 0, '{}', '{}', '1', now())",
        [repo_id],
    )
    registry.remove(ingestion.db, ingestion.settings, "left")
    edits = ingestion.rows("SELECT repo_id, path FROM stemma.agent_edits")
    assert edits == [(None, f"{two['left'].path}/pkg/a.py")]  # the agent's own, found again by its path
    tables = ingestion.rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'stemma' AND column_name = 'repo_id'"
    )
    assert len(tables) >= 8
    for (table,) in tables:
        assert ingestion.rows(f"SELECT count(*) FROM stemma.{table} WHERE repo_id = '{repo_id}'") == [(0,)], table


def test_a_repository_registered_by_path_is_not_touched_and_a_clone_goes(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    ingestion(repository.path.as_uri())
    clone = ingestion.find(repository.path.as_uri()).path
    for place in (str(repository.path), repository.path.as_uri()):
        registry.remove(ingestion.db, ingestion.settings, place)
    assert repository.git("status", "--porcelain") == ""
    assert not clone.exists() and list(clone.parent.iterdir()) == []
    with pytest.raises(NotFoundError):
        registry.remove(ingestion.db, ingestion.settings, "sample")
