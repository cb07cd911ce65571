"""What a history may hold against all custom is read or named, and nothing is left half-written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemma.errors import SourceError
from stemma.git import commit_rows, ingest
from stemma.git.objects import read_blobs
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a" * 16 + "\nsize 12345\n"


def rows(ingestion: Ingestion) -> list[tuple[object, ...]]:
    return ingestion.rows(
        "SELECT 'commit' AS path, sha, parents::text AS old, first_parent_index, '' AS new FROM stemma.commits "
        "UNION ALL SELECT path, sha, old_blob, first_parent_index, new_blob FROM stemma.file_changes ORDER BY 1, 2"
    )


def test_replace_refs_and_grafts_change_no_row_and_no_content(
    ingestion: Ingestion, make_repository: Callable[[str], GitRepository]
) -> None:
    told: list[list[tuple[object, ...]]] = []
    for name in ("as_it_is", "replaced"):
        repository = make_repository(name)
        one = repository.commit("One", {"a.py": "x = 1\n", "pkg/b.py": "y = 1\n"})
        two = repository.commit("Two", {"a.py": "x = 2\n"})
        three = repository.commit("Three", {"pkg/b.py": "y = 3\n"})
        if name == "replaced":
            blob = repository.blob("a.py")
            other = repository.git("hash-object", "-w", "--stdin", stdin=b"evil = 1\n")
            tree = repository.git("mktree", stdin=f"100644 blob {other}\tz.py\n".encode())
            orphan = repository.git("commit-tree", tree, "-m", "Elsewhere")
            repository.git("replace", blob, other)
            repository.git("replace", repository.git("rev-parse", "HEAD:pkg"), tree)
            repository.git("replace", two, orphan)
            (repository.path / ".git" / "info").mkdir(exist_ok=True)
            (repository.path / ".git" / "info" / "grafts").write_text(f"{three} {one}\n")
            assert repository.git("cat-file", "-p", blob) == "evil = 1"  # git itself believes it
        ingestion(repository.path)
        told.append(rows(ingestion))
        read = dict(
            read_blobs(ingestion.find(repository.path), [repository.git("hash-object", "--stdin", stdin=b"x = 2\n")])
        )
        assert list(read.values()) == [b"x = 2\n"]
        ingestion.db.execute("DELETE FROM stemma.repositories")
    assert told[0] == told[1]


def test_a_file_that_turns_into_anything_else_is_removed_and_comes_back(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    inner = GitRepository(tmp_path / "inner")
    inner.commit("Inner", {"inside.py": "i = 1\n"})
    repository.commit("File", {"a.py": "x = 1\n", "pkg/b.py": "y = 1\n"})
    (repository.path / "a.py").unlink()
    (repository.path / "a.py").symlink_to("/etc/passwd")
    repository.commit("Link")
    (repository.path / "a.py").unlink()
    repository.git("rm", "-q", "--cached", "a.py")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{inner.head()},a.py")
    repository.git("commit", "-q", "-m", "Submodule")
    repository.git("rm", "-q", "--cached", "a.py")
    repository.commit("Pointer", {"a.py": POINTER})
    repository.commit("Folder", {"a.py": None, "a.py/c.py": "z = 1\n"})
    repository.commit("Nothing", {"a.py/c.py": None})

    ingestion(repository.path)

    assert [(path, old is None, new is None) for _, path, old, new in ingestion.changes()] == [
        ("a.py", True, False),
        ("pkg/b.py", True, False),
        ("a.py", False, True),  # a link is no file; nor is a submodule, to which it turns without a change
        ("a.py", True, False),
        ("a.py", False, True),
        ("a.py/c.py", True, False),
        ("a.py/c.py", False, True),
    ]
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("ok",)]


def test_a_content_of_two_hundred_megabytes_is_listed_and_never_read(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(200_000_000)  # takes no room on the disk, nor in the repository
    oid = repository.git("-c", "core.compression=1", "hash-object", "-w", str(large))
    small = repository.git("hash-object", "-w", "--stdin", stdin=b"x = 1\n")
    names = (".gitattributes", ".stemmaignore", "large.py")
    entries = "".join(f"100644 blob {oid}\t{name}\n" for name in names) + f"100644 blob {small}\tsmall.py\n"
    tree = repository.git("mktree", stdin=entries.encode())
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", tree, "-m", "Large"))

    began = time.monotonic()
    ingestion(repository.path)
    reasons: dict[str, str] = {}
    read = dict(read_blobs(ingestion.find(repository.path), [oid, small], reasons=reasons))

    assert read == {oid: None, small: b"x = 1\n"} and reasons == {oid: "too_large"}
    assert ingestion.files()["large.py"] == (oid, 200_000_000, "python", "source")
    assert {path for _, path, *_ in ingestion.changes()} == {"large.py", "small.py"}
    assert time.monotonic() - began < 20


def test_ten_thousand_files_in_one_commit_are_ten_thousand_rows(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    blobs = (
        repository.git("hash-object", "-w", "--stdin", stdin=b"x = 1\n"),
        repository.git("hash-object", "-w", "--stdin", stdin=b"x = 2\n"),
    )
    parent: tuple[str, ...] = ()
    for blob in blobs:
        entries = "".join(f"100644 blob {blob}\tf{number}.py\n" for number in range(10_000))
        tree = repository.git("mktree", stdin=entries.encode())
        parent = ("-p", repository.git("commit-tree", tree, *parent, "-m", "Many"))
    repository.git("update-ref", "refs/heads/main", parent[1])

    assert ingestion(repository.path) == {"n_commits": 2, "n_file_changes": 20_000, "n_files": 10_000, "n_retired": 0}
    assert set(ingestion(repository.path).values()) == {0}


def test_paths_that_differ_by_case_alone_are_different_paths(ingestion: Ingestion, repository: GitRepository) -> None:
    blobs = [repository.git("hash-object", "-w", "--stdin", stdin=text) for text in (b"x = 1\n", b"x = 2\n")]
    entries = [f"100644 blob {blobs[0]}\tA.py\n", f"100644 blob {blobs[1]}\ta.py\n"]
    folders = [repository.git("mktree", stdin=entry.encode()) for entry in entries]
    both = "".join([*entries, f"040000 tree {folders[0]}\tLib\n", f"040000 tree {folders[1]}\tlib\n"])
    first = repository.git("commit-tree", repository.git("mktree", stdin=both.encode()), "-m", "Both")
    kept = repository.git("mktree", stdin=(entries[1] + f"040000 tree {folders[0]}\tLib\n").encode())
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", kept, "-p", first, "-m", "One"))

    ingestion(repository.path)

    assert ingestion.changes() == [
        (0, "A.py", None, blobs[0]),
        (0, "Lib/A.py", None, blobs[0]),
        (0, "a.py", None, blobs[1]),
        (0, "lib/a.py", None, blobs[1]),
        (1, "A.py", blobs[0], None),
        (1, "lib/a.py", blobs[1], None),
    ]
    assert {path: row[0] for path, row in ingestion.files().items()} == {"a.py": blobs[1], "Lib/A.py": blobs[0]}


def test_author_dates_of_1970_and_2090_are_kept_and_order_nothing(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    dates = ["2090-06-01T00:00:00+1400", "1970-01-01T00:00:00+0000", "2090-06-01T00:00:00-1200"]
    shas = [
        repository.commit(date, {"a.py": date}, environment={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
        for date in dates
    ]
    ingestion(repository.path)
    told = ingestion.rows(
        "SELECT sha, to_char(authored_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24') FROM stemma.commits ORDER BY position"
    )
    assert told == [(shas[0], "2090-05-31 10"), (shas[1], "1970-01-01 00"), (shas[2], "2090-06-01 12")]


# --- a repository that is rewritten while it is read -----------------------------------------------------------


@pytest.fixture
def moving(repository: GitRepository) -> GitRepository:
    for number in range(4):
        repository.commit(f"Old {number}", {"a.py": f"x = {number}\n", "pkg/b.py": f"y = {number}\n"})
    return repository


def rewrite(repository: GitRepository) -> str:
    """Another history in the place of the old one, of which nothing is left on disk."""
    repository.git("checkout", "-q", "--orphan", "other")
    head = repository.commit("New", {"a.py": "new = 1\n"})
    repository.git("branch", "-q", "-D", "main")
    repository.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    repository.git("gc", "-q", "--prune=now")
    return head


@pytest.mark.parametrize(
    "step", ["places", "write_commits", "write_changes", "write_files", "rule_texts", "known_files", "retire_commits"]
)
def test_a_repository_rewritten_at_any_moment_is_read_as_it_is_then(
    ingestion: Ingestion, moving: GitRepository, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ingestion(moving.path)
    moving.commit("Newer", {"a.py": "x = 9\n"})
    done = getattr(ingest, step)
    heads: list[str] = []

    def rewritten(*arguments: Any, **options: Any) -> Any:
        if not heads:
            heads.append(rewrite(moving))
        return done(*arguments, **options)

    moving.git("commit", "-q", "--amend", "-m", "So that the chain is cut back")
    moving.git("reset", "-q", "--hard", "HEAD~2")
    moving.commit("Other", {"a.py": "x = 10\n"})
    monkeypatch.setattr(ingest, step, rewritten)
    ingestion(moving.path)
    monkeypatch.undo()
    settled = rows(ingestion)
    ingestion(moving.path)  # what was read whole before it was rewritten is brought to what is there now
    assert ingestion.chain() == heads
    assert [path for path, *_ in rows(ingestion) if path != "commit"] == ["a.py", "pkg/b.py"]
    if settled != rows(ingestion):
        assert step == "write_files"  # all of the old history was read by then
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("ok",)]


def test_a_repository_that_never_rests_is_named_and_its_rows_stay(
    ingestion: Ingestion, moving: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingestion(moving.path)
    before = [row for row in ingestion.state() if row[0] != "repositories"]
    moving.commit("Newer", {"a.py": "x = 9\n"})
    done, turns = commit_rows.write_commits, iter(range(100))

    def rewritten(*arguments: Any, **options: Any) -> Any:
        moving.git("checkout", "-q", "--orphan", f"turn-{next(turns)}")
        moving.commit("Turned", {"a.py": f"x = '{next(turns)}'\n"})
        for branch in moving.git("for-each-ref", "--format=%(refname)", "refs/heads").split():
            if branch != moving.git("symbolic-ref", "HEAD"):
                moving.git("update-ref", "-d", branch)
        moving.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
        moving.git("gc", "-q", "--prune=now")
        return done(*arguments, **options)

    monkeypatch.setattr(ingest, "write_commits", rewritten)
    with pytest.raises(SourceError, match="was rewritten while it was read"):
        ingestion(moving.path)
    assert [row for row in ingestion.state() if row[0] != "repositories"] == before
    assert next(turns) == 2 * (ingest.READ_AGAIN + 1)


def test_a_repository_whose_objects_vanish_is_named_and_its_rows_stay(
    ingestion: Ingestion, moving: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingestion(moving.path)
    before = [row for row in ingestion.state() if row[0] != "repositories"]
    moving.commit("Newer", {"a.py": "x = 9\n"})
    done = commit_rows.places

    def vanished(*arguments: Any, **options: Any) -> Any:
        shutil.rmtree(moving.path / ".git" / "objects")
        (moving.path / ".git" / "objects").mkdir()
        return done(*arguments, **options)

    monkeypatch.setattr(ingest, "places", vanished)
    with pytest.raises(SourceError):
        ingestion(moving.path)
    assert [row for row in ingestion.state() if row[0] != "repositories"] == before
