"""A plain folder is a history of snapshots: each run that finds it changed adds one, and no run that does not."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemma.errors import SourceError
from stemma.git import fetch, folders, ingest
from stemma.git.objects import read_blobs
from stemma.git.repository import Repository
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository


def oid(text: str) -> str:
    return hashlib.sha1(f"blob {len(text.encode())}\0{text}".encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "package"
    write(place, {"a.py": "x = 1\n", "sub/b.py": "y = 1\n", "README": "hello\n"})
    return place


def write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def test_ids_are_those_git_would_give(ingestion: Ingestion, folder: Path, repository: GitRepository) -> None:
    repository.commit("Same", {"a.py": "x = 1\n"})
    ingestion(folder)
    assert ingestion.find(folder).kind == "folder"
    assert ingestion.files() == {
        "README": (oid("hello\n"), 6, None, "other"),
        "a.py": (repository.blob("a.py"), 6, "python", "source"),
        "sub/b.py": (oid("y = 1\n"), 6, "python", "source"),
    }
    assert ingestion.changes() == [(0, "a.py", None, oid("x = 1\n")), (0, "sub/b.py", None, oid("y = 1\n"))]
    assert ingestion.rows("SELECT kind, parents, author_name, subject FROM stemma.commits") == [
        ("snapshot", [], None, "Snapshot of 3 files")
    ]


def test_a_second_run_writes_nothing_and_a_changed_file_is_a_snapshot(ingestion: Ingestion, folder: Path) -> None:
    ingestion(folder)
    before, head = ingestion.state(), fetch.head_state(ingestion.db, ingestion.settings, ingestion.find(folder))
    assert set(ingestion(folder).values()) == {0}
    assert ingestion.state() == before
    assert fetch.head_state(ingestion.db, ingestion.settings, ingestion.find(folder)) == head

    write(folder, {"a.py": "x = 2\n", "c.go": "package c\n"})
    (folder / "sub" / "b.py").unlink()

    assert fetch.head_state(ingestion.db, ingestion.settings, ingestion.find(folder)) != head
    assert ingestion(folder) == {"n_commits": 1, "n_file_changes": 3, "n_files": 3, "n_retired": 0}
    assert ingestion.changes()[2:] == [
        (1, "a.py", oid("x = 1\n"), oid("x = 2\n")),
        (1, "c.go", None, oid("package c\n")),
        (1, "sub/b.py", oid("y = 1\n"), None),
    ]
    first, second = ingestion.chain()
    assert ingestion.rows("SELECT parents FROM stemma.commits WHERE first_parent_index = 1") == [([first],)]
    assert ingestion.rows("SELECT head_sha FROM stemma.repositories") == [(second,)]


def test_a_folder_that_returns_to_an_old_state_is_a_new_snapshot(ingestion: Ingestion, folder: Path) -> None:
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        write(folder, {"a.py": text})
        ingestion(folder)
    assert len(set(ingestion.chain())) == 3


def test_a_file_rewritten_with_the_same_size_and_time_is_noticed(ingestion: Ingestion, folder: Path) -> None:
    ingestion(folder)
    times = (folder / "a.py").stat()
    write(folder, {"a.py": "x = 7\n"})  # as long as before
    os.utime(folder / "a.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    ingestion(folder)
    assert ingestion.files()["a.py"][0] == oid("x = 7\n")


def test_only_what_changed_is_read_again(ingestion: Ingestion, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "RACY_NS", 0)
    time.sleep(0.02)
    ingestion(folder)
    write(folder, {"a.py": "x = 22\n"})
    read = noted_reads(monkeypatch)
    ingestion(folder)
    assert read == ["a.py"]


def noted_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    content = folders._content

    def noted(repo: Repository, path: str, mode: str, max_bytes: int) -> bytes:
        read.append(path)
        return content(repo, path, mode, max_bytes)

    monkeypatch.setattr(folders, "_content", noted)
    return read


def test_a_file_that_was_young_when_it_was_read_is_read_again(
    ingestion: Ingestion, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingestion(folder)  # written within the clock's grain of being read: its times prove nothing
    read = noted_reads(monkeypatch)
    assert set(ingestion(folder).values()) == {0}
    assert read == ["README", "a.py", "sub/b.py"]


def test_ignore_lists_nest_and_the_deeper_and_later_one_wins(ingestion: Ingestion, folder: Path) -> None:
    write(folder, {
        ".gitignore": "*.log\nbuild/\n!keep.log\n/top.py\n",
        "sub/.gitignore": "!b.log\n",
        "sub/.stemmaignore": "b.py\n",
        "x.log": "", "keep.log": "", "sub/b.log": "", "build/out.py": "", "sub/build/out.py": "", "top.py": "",
        "sub/top.py": "", "__pycache__/a.cpython-311.pyc": "", ".git-like/c.py": "", ".hg/store.py": "",
    })  # fmt: skip
    ingestion(folder)
    assert set(ingestion.files()) == {
        ".gitignore", ".git-like/c.py", "README", "a.py", "keep.log", "sub/.gitignore", "sub/.stemmaignore",
        "sub/b.log", "sub/top.py",
    }  # fmt: skip


def test_links_are_named_and_not_followed(ingestion: Ingestion, folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"secret.py": "s = 1\n"})
    (folder / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.py")
    ingestion(folder)
    target = str(tmp_path / "outside" / "secret.py")
    assert ingestion.files()["link.py"] == (oid(target), len(target), None, "symlink")
    assert {"linked", "loop"} <= set(ingestion.files())
    assert "pipe.py" not in ingestion.files() and "linked/secret.py" not in ingestion.files()
    assert {path for _, path, *_ in ingestion.changes()} == {"a.py", "sub/b.py"}


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Modes of files count, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_is_named_and_stays_as_it_was_last_seen(
    ingestion: Ingestion, folder: Path, request: pytest.FixtureRequest
) -> None:
    ingestion(folder)
    write(folder, {"a.py": "x = 2\n"})
    (folder / "sub").chmod(0)
    (folder / "README").chmod(0)
    for above in (folder, *folder.parents[:4]):
        above.chmod(0o755)
    (repo := ingestion.find(folder)).manifest.parent.chmod(0o777)
    repo.manifest.unlink()
    request.getfixturevalue("unprivileged")

    counts = ingest.ingest_history(ingestion.db, ingestion.settings, repo)

    assert counts["n_file_changes"] == 1
    assert set(ingestion.files()) == {"README", "a.py", "sub/b.py"}
    assert ingestion.rows("SELECT status, status_reason FROM stemma.repositories") == [
        ("broken", "2 files or folders cannot be read (README, sub) and are left out.")
    ]


def test_a_file_beyond_the_limit_is_listed_and_not_read(ingestion: Ingestion, folder: Path) -> None:
    ingestion.settings = ingestion.settings.model_copy(update={"max_file_bytes": 100})
    write(folder, {"big.py": "x" * 101})
    ingestion(folder)
    big, n_bytes, language, category = ingestion.files()["big.py"]
    assert str(big).startswith("unread-") and (n_bytes, language, category) == (101, "python", "source")
    reasons: dict[str, str] = {}
    assert list(read_blobs(ingestion.find(folder), [str(big)], max_bytes=100, reasons=reasons)) == [(big, None)]
    assert reasons == {big: "too_large"}


def test_contents_are_read_by_id_and_an_old_one_is_gone(ingestion: Ingestion, folder: Path) -> None:
    ingestion(folder)
    repo, old, kept = ingestion.find(folder), oid("x = 1\n"), oid("y = 1\n")
    assert dict(read_blobs(repo, [old, kept])) == {old: b"x = 1\n", kept: b"y = 1\n"}
    repo.manifest.unlink()  # only a cache
    assert dict(read_blobs(repo, [kept])) == {kept: b"y = 1\n"}
    write(folder, {"a.py": "x = 2\n"})
    reasons: dict[str, str] = {}
    assert dict(read_blobs(repo, [old, kept], reasons=reasons)) == {old: None, kept: b"y = 1\n"}
    assert reasons == {old: "changed"}
    (folder / "sub" / "b.py").rename(folder / "moved.py")
    (folder / "sub" / "b.py").symlink_to(folder / "moved.py")  # its text is the same, but it is not the file any more
    assert dict(read_blobs(repo, [kept])) == {kept: None}


def test_an_empty_folder_is_empty_and_a_missing_one_unreachable(ingestion: Ingestion, tmp_path: Path) -> None:
    place = tmp_path / "nothing"
    place.mkdir()
    ingestion(place)
    assert ingestion.rows("SELECT status, head_sha FROM stemma.repositories") == [("empty", None)]
    assert ingestion.chain() == []
    place.rmdir()
    with pytest.raises(SourceError, match="does not exist any more"):
        fetch.refresh(ingestion.db, ingestion.settings, ingestion.find(place))
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("unreachable",)]


def test_a_name_that_is_not_utf_8_is_read(ingestion: Ingestion, folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.py"))).write_text("x = 3\n")
    ingestion(folder)
    assert ingestion.files()["caf\\xe9.py"][0] == oid("x = 3\n")
    assert dict(read_blobs(ingestion.find(folder), [oid("x = 3\n")])) == {oid("x = 3\n"): b"x = 3\n"}


def test_the_data_folder_inside_a_folder_is_not_read(ingestion: Ingestion, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n", "data/repositories/b.py": "y = 1\n"})
    ingestion(tmp_path)
    assert "a.py" in ingestion.files() and not any(path.startswith("data/") for path in ingestion.files())
