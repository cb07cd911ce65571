"""A checkout as it stands: which files it has, and which of their lines are new since a revision."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.errors import ConfigError, NotFoundError
from stemma.git.worktree import EVERY_LINE, lines_since, read_worktree
from tests.repositories import GitRepository


def paths(place: Path) -> dict[str, str]:
    return dict(read_worktree(place).files.select("path", "category").iter_rows())


def since(place: Path, revision: str) -> list[tuple[str, int, int]]:
    return sorted(lines_since(read_worktree(place), revision).iter_rows())


@pytest.fixture
def repository(make_repository: Callable[[str], GitRepository]) -> GitRepository:
    return make_repository("project")


def test_tracked_and_untracked_files_are_read_and_ignored_ones_are_not(repository: GitRepository) -> None:
    repository.commit(files={"a.py": "1\n", "b.txt": "2\n", ".gitignore": "out/\n", ".stemmaignore": "left.py\n"})
    repository.write(
        {"new.go": "3\n", "out/built.py": "4\n", "left.py": "5\n", "vendor/v.js": "6\n", "a_pb2.py": "7\n"}
    )
    assert paths(repository.path) == {
        "a.py": "source", "new.go": "source", "vendor/v.js": "vendored", "a_pb2.py": "generated"
    }  # fmt: skip


def test_a_deleted_file_a_link_and_a_submodule_are_left_out(
    repository: GitRepository, make_repository: Callable[[str], GitRepository]
) -> None:
    inner = make_repository("inner")
    inner.commit(files={"i.py": "1\n"})
    repository.commit(files={"gone.py": "1\n", "a.py": "2\n"})
    repository.git("-c", "protocol.file.allow=always", "submodule", "-q", "add", str(inner.path), "sub.py")
    (repository.path / "gone.py").unlink()
    (repository.path / "link.py").symlink_to("a.py")
    assert list(paths(repository.path)) == ["a.py"]


def test_a_part_of_a_checkout_keeps_the_rules_of_the_whole(repository: GitRepository) -> None:
    repository.commit(files={"a.py": "1\n", "deep/er/b.py": "2\n", "deep/c.py": "3\n", ".stemmaignore": "c.py\n"})
    assert list(paths(repository.path / "deep")) == ["deep/er/b.py"]
    assert list(paths(repository.path / "deep" / "er" / "b.py")) == ["deep/er/b.py"]


def test_a_plain_folder_is_read_by_its_own_ignore_lists(tmp_path: Path) -> None:
    for name, text in {"a.py": "1", "b/c.go": "2", "b/d.py": "3", ".gitignore": "d.py"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(paths(tmp_path)) == ["a.py", "b/c.go"]
    with pytest.raises(ConfigError, match="no git checkout"):
        since(tmp_path, "HEAD")


def test_a_folder_that_git_ignores_is_read_where_it_is_asked_for(repository: GitRepository) -> None:
    repository.commit(files={"a.py": "1\n", ".gitignore": "out/\n"})
    repository.write({"out/b.py": "2\n"})
    assert list(paths(repository.path / "out")) == ["b.py"]


def test_a_place_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        read_worktree(tmp_path / "nowhere")


def test_changed_added_and_untracked_lines_are_new_and_moved_ones_are_not(repository: GitRepository) -> None:
    ten = "".join(f"line {number}\n" for number in range(1, 11))
    repository.commit(files={"a.py": ten, "b.py": ten.replace("line", "row")})
    first = repository.head()
    repository.commit(
        files={"a.py": ten.replace("line 3\n", "three\n").replace("line 9\n", "line 9\nmore\nand more\n")}
    )
    repository.move("b.py", "moved.py")
    repository.write({"c.py": "new\n", "a.py": (repository.path / "a.py").read_text() + "uncommitted\n"})
    assert since(repository.path, first) == [
        ("a.py", 3, 3), ("a.py", 10, 11), ("a.py", 13, 13), ("c.py", 1, EVERY_LINE)
    ]  # fmt: skip


def test_what_the_other_side_changed_meanwhile_is_not_new_here(repository: GitRepository) -> None:
    repository.commit(files={"a.py": "1\n2\n3\n"})
    repository.branch("work")
    repository.commit(files={"b.py": "mine\n"})
    repository.switch("main")
    repository.commit(files={"a.py": "3\n"})
    repository.switch("work")
    assert since(repository.path, "main") == [("b.py", 1, 1)]


def test_lines_that_look_like_headers_and_odd_names_do_not_confuse_the_reading(repository: GitRepository) -> None:
    repository.commit(files={"a b\t\N{SNOWMAN}.py": "x\n", "z.py": "-- a\n"})
    first = repository.head()
    repository.commit(
        files={"a b\t\N{SNOWMAN}.py": "++ b/other.py\n@@ -1 +1,900 @@\n", "z.py": "++ b/z\nlast without end"}
    )
    assert since(repository.path, first) == [("a b\t\N{SNOWMAN}.py", 1, 2), ("z.py", 1, 2)]


def test_a_name_that_is_not_utf_8_is_written_as_elsewhere(repository: GitRepository) -> None:
    repository.commit(files={"a.py": "1\n"})
    with open(bytes(repository.path) + b"/caf\xe9.py", "wb") as file:  # noqa: PTH123 - bytes, not a Path
        file.write(b"1\n")
    assert list(paths(repository.path)) == ["a.py", "caf\\xe9.py"]
    assert since(repository.path, "HEAD") == [("caf\\xe9.py", 1, EVERY_LINE)]


def test_a_filter_of_the_repository_is_not_run(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit(files={"a.py": "1\n", ".gitattributes": "*.py filter=mine diff=mine\n"})
    for key in ("filter.mine.clean", "filter.mine.process", "diff.mine.textconv", "diff.mine.command", "diff.external"):
        repository.git("config", key, f"touch {tmp_path}/ran; cat")
    repository.git("config", "filter.mine.required", "true")
    repository.write({"a.py": "2\n"})
    assert since(repository.path, "HEAD") == [("a.py", 1, 1)]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("revision", ["no-such", "--output=/tmp/x", "HEAD; touch x", ""])
def test_a_revision_that_is_none_is_refused(repository: GitRepository, revision: str) -> None:
    repository.commit(files={"a.py": "1\n"})
    with pytest.raises(ConfigError, match="There is no revision"):
        since(repository.path, revision)


def test_a_shallow_clone_that_lacks_the_revision_says_how_to_fetch_it(
    repository: GitRepository, tmp_path: Path
) -> None:
    first = repository.commit(files={"a.py": "1\n"})
    repository.commit(files={"a.py": "2\n"})
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", repository.path.as_uri(), shallow], check=True)
    with pytest.raises(ConfigError, match="shallow clone") as told:
        since(shallow, first)
    assert "--unshallow" in told.value.hint
