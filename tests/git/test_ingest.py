"""A repository's history becomes rows: the new is added, the rewritten replaced, the rest not touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stemma.errors import NotFoundError, SourceError
from stemma.git import ingest, registry
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository


def test_every_commit_and_every_change_of_a_known_language_is_a_row(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    first = repository.commit("First\n\nBody", {"a.py": "x = 1\n", "notes.txt": "hello\n"})
    old = repository.blob("a.py")
    second = repository.commit("Second", {"a.py": "x = 2\n", "b/c.go": "package b\n"})
    new, added = repository.blob("a.py"), repository.blob("b/c.go")
    third = repository.commit("Third", {"a.py": None})

    counts = ingestion(repository.path)

    assert counts == {"n_commits": 3, "n_file_changes": 4, "n_files": 2, "n_retired": 0}
    assert ingestion.chain() == [first, second, third]
    assert ingestion.changes() == [
        (0, "a.py", None, old),
        (1, "a.py", old, new),
        (1, "b/c.go", None, added),
        (2, "a.py", new, None),
    ]
    assert ingestion.files() == {
        "b/c.go": (added, 10, "go", "source"),
        "notes.txt": (repository.blob("notes.txt"), 6, None, "other"),
    }
    assert ingestion.rows("SELECT subject, author_name, author_email, authored_at, parents, kind FROM stemma.commits "
                          "WHERE first_parent_index = 1") == [
        ("Second", "Ada Author", "ada@example.org", datetime(2024, 1, 2, 12, tzinfo=UTC), [first], "commit")
    ]  # fmt: skip
    assert ingestion.rows("SELECT head_sha, status, status_reason, is_shallow FROM stemma.repositories") == [
        (third, "ok", None, False)
    ]


def test_a_second_run_writes_nothing(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    repository.commit("Two", {"a.py": "x = 2\n"})
    ingestion(repository.path)
    before = ingestion.state()

    assert set(ingestion(repository.path).values()) == {0}
    assert ingestion.state() == before


def test_a_new_commit_costs_its_own_diff(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {f"m{number}.py": f"x = {number}\n" for number in range(20)})
    ingestion(repository.path)
    before = ingestion.state()
    repository.commit("Two", {"m3.py": "x = 33\n"})

    assert ingestion(repository.path) == {"n_commits": 1, "n_file_changes": 1, "n_files": 1, "n_retired": 0}
    untouched = set(before) & set(ingestion.state())
    assert len(before) - len(untouched) == 2  # the repository's own row, and the file's


def test_a_merge_is_one_step_of_the_chain_and_its_side_is_off_it(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    base = repository.commit("Base", {"a.py": "x = 1\n"})
    repository.branch("side")
    side = repository.commit("Side", {"side.py": "s = 1\n"})
    repository.switch("main")
    main = repository.commit("Main", {"main.py": "m = 1\n"})
    merge = repository.merge("side")

    ingestion(repository.path)

    assert ingestion.chain() == [base, main, merge]
    assert ingestion.rows("SELECT sha FROM stemma.commits WHERE first_parent_index IS NULL") == [(side,)]
    blob = repository.blob("side.py")
    assert ingestion.changes()[1:] == [
        (1, "main.py", None, repository.blob("main.py")),
        (2, "side.py", None, blob),  # against its first parent alone
        (None, "side.py", None, blob),
    ]
    assert ingestion.rows("SELECT parents FROM stemma.commits WHERE first_parent_index = 2") == [([main, side],)]


def test_a_rewritten_history_retires_exactly_what_differs(ingestion: Ingestion, repository: GitRepository) -> None:
    one = repository.commit("One", {"a.py": "x = 1\n"})
    two = repository.commit("Two", {"a.py": "x = 2\n"})
    repository.commit("Three", {"gone.py": "g = 1\n"})
    repository.commit("Four", {"a.py": "x = 4\n"})
    ingestion(repository.path)
    kept = {row for row in ingestion.state() if row[0] == "file_changes" and str(row[2])[:40] in (one, two)}
    repository.git("reset", "-q", "--hard", two)
    new = repository.commit("Instead", {"b.py": "y = 1\n"})

    counts = ingestion(repository.path)

    assert counts == {"n_commits": 3, "n_file_changes": 1, "n_files": 3, "n_retired": 2}
    assert ingestion.chain() == [one, two, new]
    assert [(index, path) for index, path, *_ in ingestion.changes()] == [(0, "a.py"), (1, "a.py"), (2, "b.py")]
    assert kept <= set(ingestion.state())
    assert ingestion.rows("SELECT count(*) FROM stemma.commits") == [(3,)]
    assert set(ingestion.files()) == {"a.py", "b.py"}


def test_a_merge_that_makes_the_old_head_a_second_parent_moves_the_chain(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    base = repository.commit("Base", {"a.py": "x = 1\n"})
    mine = repository.commit("Mine", {"m.py": "m = 1\n"})
    ingestion(repository.path)
    repository.branch("theirs", base)
    theirs = repository.commit("Theirs", {"t.py": "t = 1\n"})
    merge = repository.merge("main")

    ingestion(repository.path)

    assert ingestion.chain() == [base, theirs, merge]
    assert ingestion.rows("SELECT sha FROM stemma.commits WHERE first_parent_index IS NULL") == [(mine,)]
    assert [(index, path) for index, path, *_ in ingestion.changes()] == [
        (0, "a.py"), (1, "t.py"), (2, "m.py"), (None, "m.py")
    ]  # fmt: skip


def test_an_earlier_head_is_a_shorter_chain(ingestion: Ingestion, repository: GitRepository) -> None:
    one = repository.commit("One", {"a.py": "x = 1\n"})
    repository.commit("Two", {"a.py": "x = 2\n"})
    ingestion(repository.path)
    repository.git("checkout", "-q", "--detach", one)

    ingestion(repository.path)

    assert ingestion.chain() == [one]
    assert len(ingestion.changes()) == 1


def test_a_repository_without_commits_is_empty_and_not_an_error(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    assert set(ingestion(repository.path).values()) == {0}
    assert ingestion.rows("SELECT status, head_sha FROM stemma.repositories") == [("empty", None)]

    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("ok",)]

    repository.git("checkout", "-q", "--orphan", "unborn")
    ingestion(repository.path)
    assert ingestion.rows("SELECT status, head_sha FROM stemma.repositories") == [("empty", None)]
    assert ingestion.chain() == [] and ingestion.changes() == [] and ingestion.files() == {}


def test_unshallowing_shifts_every_position(ingestion: Ingestion, repository: GitRepository, tmp_path: Path) -> None:
    one = repository.commit("One", {"a.py": "x = 1\n"})
    two = repository.commit("Two", {"a.py": "x = 2\n"})
    three = repository.commit("Three", {"b.py": "y = 1\n"})
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=2", repository.path.as_uri(), str(clone))

    ingestion(clone)

    assert ingestion.chain() == [two, three]
    assert ingestion.rows("SELECT sha, parents FROM stemma.commits WHERE is_shallow_boundary") == [(two, [one])]
    assert ingestion.rows("SELECT is_shallow FROM stemma.repositories") == [(True,)]
    before = ingestion.state()
    ingestion(clone)
    assert ingestion.state() == before

    repository.git("-C", str(clone), "fetch", "-q", "--unshallow")
    ingestion(clone)

    assert ingestion.chain() == [one, two, three]
    assert ingestion.rows("SELECT count(*) FROM stemma.commits WHERE is_shallow_boundary") == [(0,)]
    assert [(index, path) for index, path, *_ in ingestion.changes()] == [(0, "a.py"), (1, "a.py"), (2, "b.py")]
    assert ingestion.rows("SELECT is_shallow FROM stemma.repositories") == [(False,)]


def test_a_shallow_history_that_is_deepened_or_cut_again_is_followed(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    shas = [repository.commit(f"Number {number}", {"a.py": f"x = {number}\n"}) for number in range(4)]
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=1", repository.path.as_uri(), str(clone))
    for depth in (1, 3, 2):
        repository.git("-C", str(clone), "fetch", "-q", f"--depth={depth}")
        ingestion(clone)
        assert ingestion.chain() == shas[-depth:]
        assert ingestion.rows("SELECT sha FROM stemma.commits WHERE is_shallow_boundary") == [(shas[-depth],)]
        assert [index for index, *_ in ingestion.changes()] == list(range(depth))
        assert ingestion.changes()[0][2] is None


def test_a_side_branch_that_is_unshallowed_is_filled_in(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    root = repository.commit("Root", {"a.py": "x = 1\n"})
    repository.branch("side")
    repository.commit("Side 1", {"s.py": "s = 1\n"})
    tip = repository.commit("Side 2", {"s.py": "s = 2\n"})
    repository.switch("main")
    merge = repository.merge("side")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=2", repository.path.as_uri(), str(clone))
    ingestion(clone)
    assert ingestion.chain() == [root, merge]
    assert ingestion.rows("SELECT sha FROM stemma.commits WHERE is_shallow_boundary") == [(tip,)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "write_files", _killed)
        ingestion(clone)  # finds itself current, though git lists the root as cut off

    repository.git("-C", str(clone), "fetch", "-q", "--unshallow")

    assert ingestion(clone)["n_file_changes"] == 2  # of the first commit of the side, and now of the second
    assert [(path, old is None) for _, path, old, _ in ingestion.changes()][2:] == [("s.py", True), ("s.py", False)]
    assert ingestion.rows("SELECT is_shallow_boundary, count(*) FROM stemma.commits GROUP BY 1") == [(False, 4)]


def test_a_file_that_becomes_a_link_is_removed_and_one_that_was_is_added(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    (repository.path / "a.py").unlink()
    (repository.path / "a.py").symlink_to("b.py")
    repository.commit("Two")

    ingestion(repository.path)

    old = repository.blob("a.py", "HEAD~1")
    assert ingestion.changes()[-1] == (1, "a.py", old, None)
    assert ingestion.files()["a.py"][2:] == (None, "symlink")


def test_ignored_files_stay_out_and_a_changed_list_is_applied_to_all_of_history(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"keep.py": "x = 1\n", "skip/s.py": "s = 1\n", "skip/deep/t.py": "t = 1\n"})
    ingestion(repository.path)
    ingestion.db.execute(
        "INSERT INTO stemma.lineage_progress (repo_id, step, version) SELECT repo_id, 'occurrences', '1' "
        "FROM stemma.repositories"
    )
    repository.commit("Two", {".stemmaignore": "skip/\n"})

    ingestion(repository.path)

    assert [path for _, path, *_ in ingestion.changes()] == ["keep.py"]
    assert set(ingestion.files()) == {"keep.py", ".stemmaignore"}
    # whoever had read those commits must begin anew, though their ids are the same
    assert ingestion.rows("SELECT version FROM stemma.lineage_progress") == [(None,)]


def test_a_new_extractor_judges_every_file_again(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    ingestion.db.execute("UPDATE stemma.repositories SET extractor_version = 'old'")
    ingestion.db.execute("DELETE FROM stemma.file_changes")

    assert ingestion(repository.path)["n_file_changes"] == 1


def test_a_killed_ingestion_leaves_nothing_behind(
    ingestion: Ingestion, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    monkeypatch.setattr(ingest, "write_files", _killed)
    with pytest.raises(KeyboardInterrupt):
        ingestion(repository.path)
    assert ingestion.chain() == [] and ingestion.changes() == []

    monkeypatch.undo()
    assert ingestion(repository.path)["n_commits"] == 1


def _killed(*_: object) -> int:
    raise KeyboardInterrupt


def test_two_at_once_write_every_row_once(ingestion: Ingestion, repository: GitRepository) -> None:
    for number in range(5):
        repository.commit(f"Number {number}", {"a.py": f"x = {number}\n"})
    repo = ingestion.find(registry.register(ingestion.db, ingestion.settings, str(repository.path)))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: ingest.ingest_history(ingestion.db, ingestion.settings, repo), range(2)))
    assert sorted(counts["n_commits"] for counts in both) == [0, 5]
    assert len(ingestion.changes()) == 5


def test_a_repository_that_was_removed_meanwhile_is_named(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    stale = ingestion.find(repository.path)
    registry.remove(ingestion.db, ingestion.settings, stale.name)
    with pytest.raises(NotFoundError, match="no longer registered"):
        ingest.ingest_history(ingestion.db, ingestion.settings, stale)


def test_a_repository_that_disappeared_is_unreachable(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    repo = ingestion.find(repository.path)
    repository.path.rename(repository.path.with_name("elsewhere"))
    with pytest.raises(SourceError, match="does not exist any more"):
        ingest.ingest_history(ingestion.db, ingestion.settings, repo)
    assert len(ingestion.chain()) == 1
