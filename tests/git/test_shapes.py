"""Repositories of every shape git knows are read: bare, worktrees, submodules, links, LFS, SHA-256."""

from __future__ import annotations

from pathlib import Path

from stemma.git.objects import read_blobs
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a" * 16 + "\nsize 12345\n"


def test_a_bare_repository_is_read(ingestion: Ingestion, repository: GitRepository, tmp_path: Path) -> None:
    head = repository.commit("One", {"a.py": "x = 1\n"})
    bare = tmp_path / "bare.git"
    repository.git("clone", "-q", "--bare", str(repository.path), str(bare))
    ingestion(bare)
    assert ingestion.chain() == [head]
    assert ingestion.find("bare").kind == "git"


def test_a_linked_worktree_is_read_at_its_own_head(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    one = repository.commit("One", {"a.py": "x = 1\n"})
    repository.commit("Two", {"a.py": "x = 2\n"})
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "-q", "--detach", str(linked), one)
    ingestion(linked)
    assert ingestion.chain() == [one]


def test_a_repository_that_borrows_objects_is_read(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    head = repository.commit("One", {"a.py": "x = 1\n"})
    borrower = tmp_path / "borrower"
    repository.git("clone", "-q", "--shared", str(repository.path), str(borrower))
    ingestion(borrower)
    assert ingestion.chain() == [head]
    assert list(read_blobs(ingestion.find(borrower), [repository.blob("a.py")])) == [
        (repository.blob("a.py"), b"x = 1\n")
    ]


def test_a_sha_256_repository_is_read(ingestion: Ingestion, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "long", object_format="sha256")
    repository.commit("One", {"a.py": "x = 1\n"})
    head = repository.commit("Two", {"a.py": "x = 2\n"})
    ingestion(repository.path)
    assert len(head) == 64 and ingestion.chain()[-1] == head
    old, new = repository.blob("a.py", "HEAD~1"), repository.blob("a.py")
    assert ingestion.changes() == [(0, "a.py", None, old), (1, "a.py", old, new)]
    assert dict(read_blobs(ingestion.find(repository.path), [old, new])) == {old: b"x = 1\n", new: b"x = 2\n"}


def test_submodules_links_and_pointers_are_named_and_not_followed(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    inner = GitRepository(tmp_path / "inner")
    inner.commit("Inner", {"inside.py": "i = 1\n"})
    repository.commit("One", {"a.py": "x = 1\n", "big.bin": POINTER, "model.py": POINTER, "logo.png": b"\x89PNG\0"})
    (repository.path / "etc.py").symlink_to("/etc/passwd")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    repository.commit("Two")

    ingestion(repository.path)

    categories = {path: (language, category) for path, (_, _, language, category) in ingestion.files().items()}
    assert categories == {
        ".gitmodules": (None, "other"),
        "a.py": ("python", "source"),
        "big.bin": (None, "lfs"),
        "etc.py": (None, "symlink"),
        "logo.png": (None, "binary"),
        "model.py": ("python", "lfs"),
        "sub": (None, "submodule"),
    }
    assert ingestion.files()["sub"][:2] == (inner.head(), None)
    assert {path for _, path, *_ in ingestion.changes()} == {"a.py", "model.py"}


def test_a_file_keeps_being_a_pointer_without_being_read_again(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"model.py": POINTER})
    ingestion(repository.path)
    repository.commit("Two", {"a.py": "x = 1\n"})
    assert ingestion(repository.path)["n_files"] == 1
    assert ingestion.files()["model.py"][3] == "lfs"


def test_vendored_generated_and_minified_files_are_told_apart(ingestion: Ingestion, repository: GitRepository) -> None:
    names = ["a.py", "vendor/b.py", "pkg/c_pb2.py", "web/d.min.js", "docs/e.py", "made/f.py", "vendor/g.min.js"]
    attributes = "docs/* linguist-generated=true\nmade/** linguist-vendored\nvendor/b.py -linguist-vendored\n"
    repository.commit("One", {**dict.fromkeys(names, "x = 1\n"), ".gitattributes": attributes})
    ingestion(repository.path)
    assert {path: row[3] for path, row in ingestion.files().items() if row[2]} == {
        "a.py": "source",
        "vendor/b.py": "vendored",
        "pkg/c_pb2.py": "generated",
        "web/d.min.js": "minified",
        "docs/e.py": "generated",
        "made/f.py": "vendored",
        "vendor/g.min.js": "vendored",
    }
    assert ingestion.rows("SELECT path, category FROM stemma.file_changes WHERE path = 'docs/e.py'") == [
        ("docs/e.py", "generated")
    ]
