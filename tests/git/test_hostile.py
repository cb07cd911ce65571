"""Nothing in a repository can run a program, reach the network, or change what git says of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stemma.git import command, history
from stemma.git.history import Damage
from stemma.git.store import open_store
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a mark when it is run."""
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat >/dev/null\nexit 0\n")
    script.chmod(0o755)
    return script


def sprung(trap: Path) -> bool:
    return trap.with_name("sprung").exists()


def test_no_configuration_of_a_repository_runs_a_program(
    ingestion: Ingestion, repository: GitRepository, trap: Path
) -> None:
    repository.commit("One", {"a.py": "x = 1\n", ".gitattributes": "*.py diff=trap filter=trap\n"})
    repository.commit("Two", {"a.py": "x = 2\n"})
    names = (
        "core.fsmonitor core.sshCommand core.pager core.editor core.gitProxy core.askPass core.alternateRefsCommand "
        "diff.external diff.trap.textconv diff.trap.command filter.trap.clean filter.trap.smudge filter.trap.process "
        "gpg.program credential.helper uploadpack.packObjectsHook alias.rev-list alias.diff-tree pager.rev-list "
        "interactive.diffFilter sequence.editor"
    )
    for name in names.split():
        repository.git("config", name, f"!{trap}" if name.startswith(("alias", "credential")) else str(trap))
    repository.git("config", "core.hooksPath", str(trap.parent / "hooks"))
    for hook in ("post-checkout", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc", "post-index-change"):
        target = trap.parent / "hooks" / hook
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(trap)
    repository.git("config", "log.showSignature", "true")
    trap.with_name("sprung").unlink(missing_ok=True)  # setting the trap may spring it

    ingestion(repository.path)

    assert len(ingestion.chain()) == 2
    assert not sprung(trap)


def test_a_partial_clone_is_never_completed_from_its_remote(
    ingestion: Ingestion, repository: GitRepository, trap: Path, tmp_path: Path
) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    repository.commit("Two", {"a.py": "x = 2\n"})
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    repository.git("clone", "-q", "--bare", "--filter=blob:none", repository.path.as_uri(), str(clone))
    repository.git("-C", str(clone), "config", "remote.origin.url", f"ext::{trap}")
    repository.git("-C", str(clone), "config", "remote.origin.uploadpack", str(trap))
    repository.git("-C", str(clone), "config", "protocol.ext.allow", "always")

    ingestion(clone)

    assert not sprung(trap)
    assert len(ingestion.changes()) == 2
    assert ingestion.files()["a.py"] == (repository.blob("a.py"), None, "python", "source")  # its size is not known


def test_replace_objects_and_grafts_change_nothing(repository: GitRepository) -> None:
    one = repository.commit("One", {"a.py": "x = 1\n"})
    two = repository.commit("Two", {"a.py": "x = 2\n"})
    git_dir = repository.path / ".git"
    repository.git("replace", two, one)
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "grafts").write_text(f"{two}\n")

    assert history.first_parent_chain(open_store(git_dir), two, Damage()) == [one, two]


def test_an_inherited_environment_does_not_point_git_elsewhere(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = repository.commit("One", {"a.py": "x = 1\n"})
    other = GitRepository(tmp_path / "other")
    other.commit("Other", {"b.py": "y = 1\n"})
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other.path / ".git"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='true'")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))

    ingestion(repository.path)

    assert ingestion.chain() == [head]
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_repository_that_another_user_owns_is_read(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 65534, 65534)
    ingestion(repository.path)
    assert len(ingestion.chain()) == 1


def test_reading_leaves_a_repository_as_it_was(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    (repository.path / "a.py").write_text("x = 2\n")

    def states() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in repository.path.rglob("*")}

    before = states()
    ingestion(repository.path)
    assert states() == before


def test_commits_with_absurd_dates_and_bytes_are_stored(ingestion: Ingestion, repository: GitRepository) -> None:
    tree = repository.git("mktree")
    parent, shas = "", []
    for date in ("0", "3786912000", "99999999999999", "99999999999999999999", "-5", "soon"):
        raw = f"tree {tree}\n{parent}author \xe9ric <e@x> {date} +0000\ncommitter C <c@x> {date} +9999\n\n".encode(
            "latin-1"
        )
        sha = repository.git(
            "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw + b"caf\xe9 \x01\n\nbody\0end\n"
        )
        parent, shas = f"parent {sha}\n", [*shas, sha]
    repository.git("update-ref", "refs/heads/main", shas[-1])

    ingestion(repository.path)

    assert ingestion.rows("SELECT extract(year FROM committed_at AT TIME ZONE 'UTC')::int, author_name, subject "
                          "FROM stemma.commits ORDER BY first_parent_index") == [
        (year, "\N{REPLACEMENT CHARACTER}ric", "caf\N{REPLACEMENT CHARACTER} \x01")
        for year in (1970, 2090, 9999, 9999, 1970, 1970)
    ]  # fmt: skip


def test_a_path_that_looks_like_a_change_or_an_option_is_a_path(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    zeros, ones = "0" * 40, "1" * 40
    names = ["-x.py", f":100644 100644 {zeros} {ones} M", "a\tb.py", "line\nbreak.py", 'quo"te.py', "back\\slash.py"]
    repository.commit("One", dict.fromkeys(names, "x = 1\n"))

    ingestion(repository.path)

    assert set(ingestion.files()) == set(names)
    assert {path for _, path, *_ in ingestion.changes()} == set(names) - {names[1]}


def test_a_path_that_is_not_utf_8_is_escaped_and_no_two_share_a_text(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    for name in (b"caf\xe9.py", b"caf\\xe9.py", "café.py".encode()):
        (Path(os.fsdecode(os.path.join(os.fsencode(repository.path), name)))).write_bytes(b"x = 1\n")  # noqa: PTH118
    repository.commit("One")

    ingestion(repository.path)

    assert set(ingestion.files()) == {"caf\\xe9.py", "caf\\x5cxe9.py", "café.py"}
    assert {path for _, path, *_ in ingestion.changes()} == set(ingestion.files())


def test_a_path_too_long_for_an_index_is_left_out(ingestion: Ingestion, repository: GitRepository) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x = 1\n")
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\ta.py\n100644 blob {blob}\t{'b' * 5000}.py\n".encode())
    commit = repository.git("commit-tree", tree, "-m", "Long")
    repository.git("update-ref", "refs/heads/main", commit)

    ingestion(repository.path)

    assert set(ingestion.files()) == {"a.py"}
    assert len(ingestion.changes()) == 1


def test_a_tree_with_one_name_twice_is_read(ingestion: Ingestion, repository: GitRepository) -> None:
    blobs = [repository.git("hash-object", "-w", "--stdin", stdin=text) for text in (b"x = 1\n", b"x = 2\n")]
    entries = b"".join(b"100644 a.py\0" + bytes.fromhex(blob) for blob in blobs)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=entries)
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", tree, "-m", "Twice"))

    ingestion(repository.path)

    assert set(ingestion.files()) == {"a.py"}


def test_credentials_are_taken_out_of_every_message() -> None:
    told = command.without_credentials("fatal: unable to access 'https://me:s3cret@example.org/x.git/': no")
    assert told == "fatal: unable to access 'https://example.org/x.git/': no"
