"""Odd and damaged histories come through to lineage: what cannot be read is named; mended, all is as if never lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from tests.lineage.code import Row, everything, file, function, told
from tests.repositories import GitRepository

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a" * 16 + "\nsize 12345\n"
BringUp = Callable[[Path], str]

_ORPHANS = """
SELECT 'edge' AS kind, e.edge_id AS id FROM stemma.lineage_edges e
    LEFT JOIN stemma.lineage_nodes c ON c.node_id = e.child_id
    LEFT JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id
    WHERE c.node_id IS NULL OR p.node_id IS NULL
UNION ALL SELECT 'order', e.edge_id FROM stemma.lineage_edges e
    JOIN stemma.lineage_nodes c ON c.node_id = e.child_id JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id
    JOIN stemma.commits cc ON cc.repo_id = c.repo_id AND cc.sha = c.sha
    JOIN stemma.commits pc ON pc.repo_id = p.repo_id AND pc.sha = p.sha
    WHERE cc.position < pc.position AND e.edge_type NOT IN ('replaced_by', 'deprecated_by')
UNION ALL SELECT 'event', e.event_id FROM stemma.lineage_events e
    LEFT JOIN stemma.lineage_nodes n USING (node_id) WHERE n.node_id IS NULL
UNION ALL SELECT 'occurrence', o.path || o.qualified_name FROM stemma.occurrences o
    LEFT JOIN stemma.lineage_nodes n ON n.repo_id = o.repo_id AND n.path = o.path AND n.kind = o.kind
        AND n.qualified_name = o.qualified_name AND n.duplicate_index = o.duplicate_index
        AND n.first_parent_index = o.valid_from
    WHERE o.valid_to IS NULL AND n.node_id IS NULL
UNION ALL SELECT 'commit', sha FROM stemma.commits WHERE traced_by IS NULL
"""


def loose(repository: GitRepository, oid: str) -> Path:
    return repository.path / ".git" / "objects" / oid[:2] / oid[2:]


def dated(date: str) -> dict[str, str]:
    return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}


def odd(repository: GitRepository, inner: GitRepository) -> dict[str, str]:
    """A history of all that the plan names; returns ids of objects that are worth losing."""
    twice = file(function("same"), function("same", "longest"))
    repository.commit("Root", {"a.py": function("total"), "twice.py": twice}, environment=dated("2090-01-01T00:00:00Z"))
    (repository.path / "link.py").symlink_to("a.py")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    repository.commit("Odd", {"lfs.py": POINTER, "A.py": function("total", "retry"), "big.py": "x = 1\n" * 1_000_000})
    repository.branch("side")
    lost = repository.commit("Lost", {"side.py": function("beside", "parse")})
    repository.commit("Side", {"side.py": function("beside", "parse", extra="items = str(items)")})
    repository.switch("main")
    repository.commit("Change", {"pkg/b.py": function("within", "longest")}, environment=dated("1970-01-01T00:00:00Z"))
    tree = repository.git("rev-parse", "HEAD:pkg")
    repository.commit("Change again", {"pkg/b.py": function("within", "longest", extra="print(items)")})
    repository.merge("side")
    repository.git("checkout", "-q", "--orphan", "other")
    repository.git("rm", "-rfq", "--cached", ".")
    repository.git("clean", "-dfqx")
    repository.commit("Orphan", {"orphan.py": function("alone", "retry")}, environment=dated("1970-01-01T00:00:00Z"))
    repository.switch("main")
    repository.git("merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", "Both", "other")
    repository.commit("Last", {"a.py": function("total", extra="items = list(items)")})
    blob = repository.blob("a.py", "HEAD~1")
    repository.git("replace", blob, repository.blob("twice.py"))
    return {"commit": lost, "tree": tree}


def broken(database: Database) -> list[Row]:
    return database.read(_ORPHANS).rows()


def test_a_history_of_all_oddities_is_traced_and_what_is_missing_is_named(
    database: Database, settings: Settings, repository: GitRepository, bring_up: BringUp, tmp_path: Path
) -> None:
    inner = GitRepository(tmp_path / "inner")
    inner.commit("Inner", {"inside.py": function("inside")})
    objects = odd(repository, inner)
    kept = {oid: loose(repository, oid).read_bytes() for oid in objects.values()}
    for oid in kept:
        loose(repository, oid).unlink()

    bring_up(repository.path)

    ((status, reason),) = database.read("SELECT status, status_reason FROM stemma.repositories").rows()
    assert status == "broken" and objects["commit"] in reason
    assert broken(database) == []
    live = database.read("SELECT path || ':' || qualified_name AS place FROM stemma.occurrences WHERE valid_to IS NULL")
    assert set(live["place"]) == {
        "a.py:total", "A.py:total", "twice.py:same", "side.py:beside", "pkg/b.py:within", "orphan.py:alone"
    }  # fmt: skip
    reasons = database.read("SELECT reason FROM stemma.blobs WHERE status = 'skipped'")["reason"].to_list()
    assert reasons == ["too_large"]
    damaged = everything(database)
    bring_up(repository.path)
    assert everything(database) == damaged

    for oid, content in kept.items():
        loose(repository, oid).write_bytes(content)
    bring_up(repository.path)
    mended = everything(database)
    assert broken(database) == []
    registry.remove(database, settings, registry.find(database, str(repository.path), settings).name)
    bring_up(repository.path)
    assert everything(database) == mended


def test_ten_thousand_files_in_one_commit_and_their_move_are_traced_in_one_pass(
    database: Database, repository: GitRepository, bring_up: BringUp
) -> None:
    texts = [function(f"f{number}", body) for number, body in enumerate(["total", "longest", "parse", "retry"] * 250)]
    blobs = [repository.git("hash-object", "-w", "--stdin", stdin=text.encode()) for text in texts[:40]]
    entries = "".join(f"100644 blob {blobs[number % 40]}\tm{number:05}.py\n" for number in range(10_000))
    tree = repository.git("mktree", stdin=entries.encode())
    moved = repository.git("mktree", stdin=f"040000 tree {tree}\tpkg\n".encode())
    first = repository.git("commit-tree", tree, "-m", "All")
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", moved, "-p", first, "-m", "Moved"))

    began = time.process_time()
    repo_id = bring_up(repository.path)

    counted = "SELECT count(*) AS n FROM stemma.{} WHERE repo_id = $1"
    assert database.read(counted.format("lineage_nodes"), [repo_id])["n"].item() == 20_000
    assert broken(database) == []
    told = "SELECT event_type, count(*) AS n FROM stemma.lineage_events WHERE repo_id = $1 GROUP BY 1 ORDER BY 1"
    assert dict(database.read(told, [repo_id]).rows()) == {"file_renamed": 10_000, "introduced": 10_000}
    assert time.process_time() - began < 60


def test_what_stands_behind_an_error_of_syntax_is_as_it_was_until_the_file_is_whole_again(
    database: Database, repository: GitRepository, bring_up: BringUp
) -> None:
    broken = "def broken(items):\n    return {'one': [1\n"
    whole = broken.replace("[1", "[1]}")
    parts = function("one"), function("two", "parse"), function("three", "retry")
    repository.commit("first", {"a.py": file(parts[0], whole, *parts[1:])})
    repository.commit("second", {"a.py": file(parts[0], broken, *parts[1:])})
    repository.commit("third", {"a.py": file(parts[0], whole, parts[1])})
    repo_id = bring_up(repository.path)
    n_errors = database.read("SELECT count(*) FROM stemma.blobs WHERE status = 'partial'").item()
    found = [row for row in told(database, repo_id) if row[0] != "first"]
    assert n_errors == 1
    assert ("third", "removed", "a.py:three") in found
    assert {row[2] for row in found} <= {"a.py:broken", "a.py:three"}
