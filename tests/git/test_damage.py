"""Missing and corrupt objects are named, and all the rest is read; once mended, all of it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.errors import SourceError
from stemma.git.objects import read_blobs
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository


def loose(repository: GitRepository, oid: str) -> Path:
    return repository.path / ".git" / "objects" / oid[:2] / oid[2:]


@pytest.fixture
def five(repository: GitRepository) -> GitRepository:
    """Five commits: a file in a folder, changed each time, and a file beside it changed by the fourth."""
    for number in range(5):
        repository.commit(
            f"Number {number}", {"pkg/a.py": f"x = {number}\n", **({"b.py": "y\n"} if number == 3 else {})}
        )
    return repository


def status(ingestion: Ingestion) -> tuple[str, str]:
    (row,) = ingestion.rows("SELECT status, coalesce(status_reason, '') FROM stemma.repositories")
    return str(row[0]), str(row[1])


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: (path.chmod(0o644), path.write_bytes(b"nonsense"))])
def test_a_commit_whose_tree_is_unreadable_is_left_out(
    ingestion: Ingestion, five: GitRepository, spoil: Callable[[Path], object]
) -> None:
    lost = five.git("rev-parse", "HEAD~2")
    tree = loose(five, five.git("rev-parse", "HEAD~2^{tree}"))
    kept = tree.read_bytes()
    spoil(tree)

    ingestion(five.path)

    before_it, after_it = five.blob("pkg/a.py", "HEAD~3"), five.blob("pkg/a.py", "HEAD~1")
    assert len(ingestion.chain()) == 5
    assert [row for row in ingestion.changes() if row[0] in (2, 3)] == [
        (3, "b.py", None, five.blob("b.py")),
        (3, "pkg/a.py", before_it, after_it),
    ]
    assert status(ingestion)[0] == "broken" and lost in status(ingestion)[1]
    before = ingestion.state()
    ingestion(five.path)
    assert ingestion.state() == before  # the damage is known

    tree.unlink(missing_ok=True)
    tree.write_bytes(kept)
    ingestion(five.path)
    assert [row[0] for row in ingestion.changes()] == [0, 1, 2, 3, 3, 4]
    assert status(ingestion) == ("ok", "")


def test_a_folder_that_is_missing_from_two_commits_is_found_again_behind_them(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"pkg/a.py": "x = 1\n"})
    repository.commit("Two", {"pkg/a.py": "x = 2\n"})
    gone = repository.git("rev-parse", "HEAD:pkg")
    repository.commit("Three", {"b.py": "y = 1\n"})
    repository.commit("Four", {"pkg/a.py": "x = 4\n"})
    loose(repository, gone).unlink()

    ingestion(repository.path)

    first = repository.blob("pkg/a.py", "HEAD~3")
    assert ingestion.changes() == [
        (0, "pkg/a.py", None, first),
        (3, "b.py", None, repository.blob("b.py")),
        (3, "pkg/a.py", first, repository.blob("pkg/a.py")),
    ]
    assert status(ingestion)[0] == "broken"


def test_a_folder_missing_from_the_commit_that_is_compared_with_begins_anew(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"a.py": "x = 1\n", "pkg/a.py": "x = 1\n"})
    gone = repository.git("rev-parse", "HEAD:pkg")
    repository.commit("Two", {"a.py": "x = 2\n"})
    repository.commit("Three", {"pkg/a.py": "x = 3\n"})
    ingestion(repository.path)
    repository.commit("Four", {"pkg/a.py": None, "b.py": "y = 1\n"})
    loose(repository, gone).unlink()
    ingestion.db.execute("UPDATE stemma.repositories SET extractor_version = 'old'")

    ingestion(repository.path)

    # the first two lack the folder, so the third is the first to be read, with all it holds
    assert [(index, path, old) for index, path, old, _ in ingestion.changes()] == [
        (2, "a.py", None),
        (2, "pkg/a.py", None),
        (3, "b.py", None),
        (3, "pkg/a.py", repository.blob("pkg/a.py", "HEAD~1")),
    ]


def test_history_ends_at_a_missing_commit(ingestion: Ingestion, five: GitRepository) -> None:
    lost = five.git("rev-parse", "HEAD~3")
    last = five.git("rev-parse", "HEAD~2")
    loose(five, lost).unlink()

    ingestion(five.path)

    assert ingestion.chain() == [last, five.git("rev-parse", "HEAD~1"), five.head()]
    assert ingestion.changes()[0] == (0, "pkg/a.py", None, five.blob("pkg/a.py", last))
    assert ingestion.rows("SELECT sha, parents FROM stemma.commits WHERE is_shallow_boundary") == [(last, [lost])]
    assert status(ingestion) == (
        "broken",
        f"1 objects are missing or corrupt ({lost}); what hangs on them is left out.",
    )


def test_a_missing_head_commit_is_an_error_that_says_what_to_do(ingestion: Ingestion, five: GitRepository) -> None:
    head = five.head()
    loose(five, head).unlink()
    with pytest.raises(SourceError, match=f"HEAD of .* is {head}, which cannot be read. Run `git fsck`"):
        ingestion(five.path)
    assert status(ingestion)[0] == "broken"


def test_contents_that_cannot_be_had_come_with_a_reason(ingestion: Ingestion, repository: GitRepository) -> None:
    texts = {f"f{number}.py": f"x = {number}\n" for number in range(6)}
    repository.commit("One", {**texts, "big.py": "x" * 1000})
    ingestion(repository.path)
    oids = [repository.blob(name) for name in texts]
    for oid in oids[1:4]:
        loose(repository, oid).chmod(0o644)
    loose(repository, oids[1]).unlink()
    loose(repository, oids[2]).write_bytes(b"nonsense")
    loose(repository, oids[3]).write_bytes(loose(repository, oids[4]).read_bytes())  # a valid object, but another
    tree, big = repository.git("rev-parse", "HEAD^{tree}"), repository.blob("big.py")

    reasons: dict[str, str] = {}
    repo = ingestion.find(repository.path)
    read = dict(read_blobs(repo, [*oids, tree, big, "0" * 40], max_bytes=100, reasons=reasons))

    assert read == {
        **dict.fromkeys((oids[1], oids[2], oids[3], tree, big, "0" * 40)),
        **{oids[number]: f"x = {number}\n".encode() for number in (0, 4, 5)},
    }
    assert reasons.pop(oids[2]) in ("missing", "corrupt")  # git itself does not tell them apart here
    assert reasons == {
        oids[1]: "missing",
        oids[3]: "corrupt",
        tree: "not_a_file",
        big: "too_large",
        "0" * 40: "missing",
    }


def test_a_repository_that_goes_away_while_it_is_read_is_an_error(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    repo, oid = ingestion.find(repository.path), repository.blob("a.py")
    repository.path.rename(repository.path.with_name("elsewhere"))
    with pytest.raises(SourceError, match="is gone"):
        list(read_blobs(repo, [oid]))
