"""A URL is cloned once, whole or not at all, and fetched after; its secret stands in one file and nowhere else."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stemma import progress
from stemma.errors import SourceError
from stemma.git import command, fetch, registry
from stemma.git.objects import read_blobs
from stemma.git.store import open_store
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository


@pytest.fixture
def url(repository: GitRepository) -> str:
    repository.commit("One", {"a.py": "x = 1\n"})
    return repository.path.as_uri()


def test_a_url_is_cloned_bare_and_read(ingestion: Ingestion, repository: GitRepository, url: str) -> None:
    assert ingestion(url)["n_commits"] == 1
    repo = ingestion.find(url)
    assert repo.path == ingestion.settings.data_dir / "repositories" / f"{repo.repo_id}.git"
    assert repo.path.is_dir() and not (repo.path / ".git").exists()
    assert [path.name for path in repo.path.parent.glob(".*")] == []
    assert dict(read_blobs(repo, [repository.blob("a.py")])) == {repository.blob("a.py"): b"x = 1\n"}


def test_a_clone_tells_how_many_objects_it_has(
    ingestion: Ingestion, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.sh"
    slow.write_text('#!/bin/sh\ngit upload-pack "$@" && sleep 1\n')
    slow.chmod(0o755)
    monkeypatch.setattr(fetch, "_upload_pack", lambda _: (f"--upload-pack={slow}",))
    told: list[tuple[int, int | None]] = []
    monkeypatch.setattr(progress.Phase, "advance", lambda self, n=1: told.append((n, self.total)))
    ingestion(url)
    assert (3, 3) in told  # a commit, its tree, its file


def test_new_and_rewritten_commits_are_fetched_also_under_another_branch(
    ingestion: Ingestion, repository: GitRepository, url: str
) -> None:
    one = repository.head()
    ingestion(url)
    seen = fetch.head_state(ingestion.db, ingestion.settings, ingestion.find(url))
    two = repository.commit("Two", {"a.py": "x = 2\n"})
    assert fetch.head_state(ingestion.db, ingestion.settings, ingestion.find(url)) != seen
    ingestion(url)
    assert ingestion.chain() == [one, two]
    repository.branch("trunk", one)
    three = repository.commit("Three", {"a.py": "x = 3\n"})
    repository.git("branch", "-D", "main")
    ingestion(url)
    assert ingestion.chain() == [one, three]
    before = ingestion.state()
    ingestion(url)
    assert ingestion.state() == before


def test_a_remote_without_commits_is_empty_until_it_has_one(ingestion: Ingestion, repository: GitRepository) -> None:
    url = repository.path.as_uri()
    ingestion(url)
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("empty",)]
    repository.commit("One", {"a.py": "x = 1\n"})
    assert ingestion(url)["n_commits"] == 1
    repository.git("checkout", "-q", "--orphan", "unborn")
    ingestion(url)
    assert ingestion.rows("SELECT status FROM stemma.repositories") == [("empty",)]


def test_an_unreachable_url_is_named_and_what_was_read_stays(
    ingestion: Ingestion, repository: GitRepository, url: str
) -> None:
    ingestion(url)
    repository.path.rename(repository.path.with_name("elsewhere"))
    with pytest.raises(SourceError, match="cannot be reached as a git repository"):
        fetch.refresh(ingestion.db, ingestion.settings, ingestion.find(url))
    (row,) = ingestion.rows("SELECT status, status_reason FROM stemma.repositories")
    assert row[0] == "unreachable" and "sample" in str(row[1])
    assert len(ingestion.chain()) == 1
    repository.path.with_name("elsewhere").rename(repository.path)
    ingestion(url)
    assert ingestion.rows("SELECT status, status_reason FROM stemma.repositories") == [("ok", None)]


def test_what_a_killed_clone_and_a_killed_fetch_left_behind_is_in_nobodys_way(
    ingestion: Ingestion, repository: GitRepository, url: str
) -> None:
    repo_id = registry.register(ingestion.db, ingestion.settings, url)
    repo = ingestion.find(repo_id)
    left = repo.path.with_name(f".{repo_id}.1")
    (left / "objects").mkdir(parents=True)
    ingestion(url)
    assert not left.exists()
    for lock in ("refs/heads/head.lock", "packed-refs.lock", "shallow.lock"):
        (repo.path / lock).touch()
    two = repository.commit("Two", {"a.py": "x = 2\n"})
    ingestion(url)
    assert ingestion.chain()[-1] == two


def test_two_at_once_make_one_clone(ingestion: Ingestion, url: str) -> None:
    repo = ingestion.find(registry.register(ingestion.db, ingestion.settings, url))
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda _: fetch.refresh(ingestion.db, ingestion.settings, repo), range(2)))
    assert {state.status for state in states} == {"ok"}
    assert open_store(repo.git_dir).shallow_commits() == []


def test_a_url_to_a_repository_that_another_user_owns_is_read(
    ingestion: Ingestion, repository: GitRepository, url: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 65534, 65534)
    assert ingestion(url)["n_commits"] == 1


def test_a_secret_stands_in_one_file_of_mode_0600_and_is_given_to_git_alone(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".gitconfig").write_text('[credential]\n\thelper = "!echo username=other; echo password=other; #"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    asked: list[tuple[str, ...]] = []
    given: list[str] = []

    def answer(git_dir: Path | None, *arguments: str, **options: object) -> command.Answer:
        asked.append(arguments)
        if options.get("network"):
            config = dict(options["config"])  # type: ignore[call-overload]
            variables = command.environment(network=True, config=options["config"])  # type: ignore[arg-type]
            filled = _fill(variables)
            given.append(filled)
            assert set(config) == {"credential.helper"}
        return command.Answer(0, f"{'1' * 40}\tHEAD\n", "")

    monkeypatch.setattr(command, "run", answer)
    repo_id = registry.register(ingestion.db, ingestion.settings, "https://me:s3%2Fcret@example.org/team/app.git")
    repo = ingestion.find(repo_id)

    assert "username=me\npassword=s3/cret" in given[0]
    assert "s3" not in str(asked)
    assert stat.S_IMODE(repo.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(repo.credentials.parent.stat().st_mode) == 0o700
    assert "s3" not in str(ingestion.rows("SELECT repositories::text FROM stemma.repositories"))
    assert repo.location == "https://example.org/team/app.git"
    assert repo == ingestion.find("https://example.org/team/app")

    monkeypatch.undo()
    registry.remove(ingestion.db, ingestion.settings, "app")
    assert not repo.credentials.exists()


def _fill(variables: dict[str, str]) -> str:
    """What git gets from the credential helper it is configured with."""
    import subprocess

    asked = b"protocol=https\nhost=example.org\n\n"
    done = subprocess.run(["git", "credential", "fill"], input=asked, capture_output=True, env=variables, check=True)
    subprocess.run(["git", "credential", "reject"], input=asked, capture_output=True, env=variables, check=True)
    return done.stdout.decode()


def test_a_secret_that_does_not_work_is_not_kept(ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = command.Answer(128, "", "Authentication failed for 'https://example.org/app.git/'")
    monkeypatch.setattr(command, "run", lambda *_, **__: refused)
    with pytest.raises(SourceError, match="Authentication failed"):
        registry.register(ingestion.db, ingestion.settings, "https://me:s3cret@example.org/app.git")
    assert list(ingestion.settings.data_dir.rglob("*.credentials")) == []
