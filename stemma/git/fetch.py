"""Where a repository stands now: a path is looked at, a URL is cloned or fetched into the data folder.

What is then read from it lives in `ingest`; which repositories there are, in `registry`.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stemma.config import Settings
from stemma.errors import SourceError, StoreError
from stemma.git import command, folders, history
from stemma.git.repository import BROKEN, EMPTY, FOLDER, GIT, LEFT_OUT, NO_COMMIT, NO_FILE, OK, UNREACHABLE, Repository
from stemma.git.standing import rows_changed, storable
from stemma.git.store import open_store
from stemma.ids import content_id
from stemma.progress import Phase, phase
from stemma.store.postgres import Database

ANSWER_TIMEOUT_S = 120.0
# The remote's HEAD, and nothing else, comes into the clone: under one name, whatever its branch is called today.
HEAD_REF = "refs/heads/head"
BRANCH = "stemma.branch"  # in the clone's own configuration: what that branch is called there
NOTES = "refs/notes/ai*"  # git-ai's, where there are any; a pattern, because a ref by name must be there


@dataclass(frozen=True)
class HeadState:
    """How a repository was found: its commit (of a folder None), its status, and whether the row had to change."""

    status: str
    status_reason: str | None
    head: str | None
    is_shallow: bool
    n_rows: int

    @property
    def counts(self) -> dict[str, int]:
        return {"n_rows": self.n_rows}


class UnreachableError(SourceError):
    """A URL that does not answer as a git repository, or a path that is gone."""


def refresh(db: Database, settings: Settings, repo: Repository) -> HeadState:
    """Look at the repository, by fetching it where it is a URL, and write its status.

    Raises:
        SourceError: it cannot be read; its row says `unreachable` or `broken`, and the same sentence.
    """
    repo = replace(repo, data_dir=settings.data_dir)
    try:
        with phase("fetch", repository=repo.name, unit="objects") as told:
            if repo.is_remote:
                _fetch(repo, told)
            state = _folder_state(repo) if repo.kind == FOLDER else _git_state(repo)
    except SourceError as error:
        status = UNREACHABLE if isinstance(error, UnreachableError) else BROKEN
        _write(db, repo, status, error.problem, repo.is_shallow)
        raise
    was_partial = repo.status == BROKEN and (repo.status_reason or "").endswith(LEFT_OUT)
    if state.status == OK and was_partial and state.head in (None, repo.head_sha):  # what was damaged in it still is
        state = replace(state, status=BROKEN, status_reason=repo.status_reason)
    return replace(state, n_rows=_write(db, repo, state.status, state.status_reason, state.is_shallow))


def head_state(db: Database, settings: Settings, repo: Repository) -> str:
    """A digest of what an ingestion would read, without reading it: changes whenever there is something new.

    Raises:
        SourceError: the repository cannot be reached or read.
    """
    repo = replace(repo, data_dir=settings.data_dir)
    if repo.is_remote:
        return content_id("remote", _remote_head(repo)[0])
    _refuse_if_gone(repo)
    if repo.kind == FOLDER:
        return folders.digest(repo)
    store = open_store(repo.git_dir)
    return content_id(GIT, history.head_commit(store) or "", *store.shallow_commits())


def check_reachable(repo: Repository, credential: str | None) -> None:
    """Ask a URL for its HEAD, and keep the credential it was given with if that works.

    Raises:
        SourceError: it does not answer as a git repository.
    """
    if credential is None:
        _remote_head(repo)
        return
    former = repo.credentials.read_text() if repo.credentials.exists() else None
    _keep_credential(repo, credential)
    try:
        _remote_head(repo)
    except SourceError:
        if former is None:
            repo.credentials.unlink(missing_ok=True)
        else:
            _keep_credential(repo, former)
        raise


def discard(repo: Repository) -> None:
    """Delete what the data folder holds of the repository. What was registered by path stays as it is."""
    if repo.is_remote and repo.path.parent.exists():
        with _alone(repo) as lock:
            shutil.rmtree(repo.path, ignore_errors=True)
            lock.unlink(missing_ok=True)
    for kept in (repo.manifest, repo.credentials):
        kept.unlink(missing_ok=True)


def _git_state(repo: Repository) -> HeadState:
    _refuse_if_gone(repo)
    store = open_store(repo.git_dir)
    head, shallow = history.head_commit(store), store.shallow_commits()
    return HeadState(OK if head else EMPTY, None if head else NO_COMMIT, head, bool(shallow), 0)


def _folder_state(repo: Repository) -> HeadState:
    _refuse_if_gone(repo)
    found = folders.scan(repo)
    if found.reason:
        return HeadState(BROKEN, found.reason, None, False, 0)
    is_empty = found.states.is_empty()
    return HeadState(EMPTY if is_empty else OK, NO_FILE if is_empty else None, None, False, 0)


def _refuse_if_gone(repo: Repository) -> None:
    if not repo.path.exists():
        raise UnreachableError(f"{repo.location} does not exist any more.", f"Bring it back, or remove {repo.name}.")


def _write(db: Database, repo: Repository, status: str, reason: str | None, is_shallow: bool) -> int:
    with db.transaction() as transaction:
        return rows_changed(
            transaction,
            "UPDATE stemma.repositories SET status = $2, status_reason = $3, is_shallow = $4 "
            "WHERE repo_id = $1 AND (status, status_reason, is_shallow) IS DISTINCT FROM ($2, $3, $4)",
            [repo.repo_id, status, storable(reason), is_shallow],
        )


def _remote_head(repo: Repository) -> tuple[str, str]:
    """The commit of the remote's HEAD and the branch it names; empty where there is none."""
    answer = _over_network(repo, None, "ls-remote", "--symref", *_upload_pack(repo), "--", repo.location, "HEAD")
    told = [line.partition("\t")[0] for line in _successful(repo, answer).output.splitlines()]
    named = [line.removeprefix("ref: refs/heads/") for line in told if line.startswith("ref: refs/heads/")]
    commits = [line for line in told if not line.startswith("ref: ")]
    return commits[0] if commits else "", named[0] if named else ""


def _fetch(repo: Repository, told: Phase) -> None:
    """Bring the clone to the remote's HEAD; at first it is made aside and renamed, so there is never half a clone."""
    with _alone(repo):
        _, branch = _remote_head(repo)
        if repo.path.exists():
            _pull(repo, repo.path, branch, told)
            return
        for left_over in repo.path.parent.glob(f".{repo.repo_id}.*"):  # of a process that was killed: we hold the lock
            shutil.rmtree(left_over, ignore_errors=True)
        aside = repo.path.with_name(f".{repo.repo_id}.{os.getpid()}")
        try:
            made = command.run(None, "init", "-q", "--bare", "--template=", str(aside), folder=repo.path.parent)
            if made.code != 0:
                raise StoreError(f"{aside} cannot be made: {made.message}.", "Check the data folder's mode and space.")
            command.run(aside, "symbolic-ref", "HEAD", HEAD_REF)
            _pull(repo, aside, branch, told)
            aside.rename(repo.path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _pull(repo: Repository, git_dir: Path, branch: str, told: Phase) -> None:
    for stale in git_dir.rglob("*.lock"):  # of a process that was killed: we hold the only lock that counts
        stale.unlink(missing_ok=True)
    options = ("--progress", "--no-tags", "--force", "--update-head-ok", "--no-write-fetch-head")
    refs = ("--", repo.location, f"+HEAD:{HEAD_REF}", f"+{NOTES}:{NOTES}")

    def received(done: int, total: int) -> None:
        told.total = total
        told.advance(done - told.done)

    answer = _over_network(repo, git_dir, "fetch", *options, *_upload_pack(repo), *refs, on_progress=received)
    if answer.code != 0 and "couldn't find remote ref HEAD" in answer.message:  # it has no commit, or no longer
        command.run(git_dir, "update-ref", "-d", HEAD_REF)
        return
    _successful(repo, answer)
    command.run(git_dir, "config", "--", BRANCH, branch)  # empty where its HEAD names none


def _upload_pack(repo: Repository) -> tuple[str, ...]:
    # On this machine the other end is a git of ours, which would refuse a repository that another user owns.
    return ("--upload-pack=git -c safe.directory=* upload-pack",) if repo.location.startswith("file:") else ()


def _over_network(
    repo: Repository, git_dir: Path | None, *arguments: str, on_progress: Callable[[int, int], None] | None = None
) -> command.Answer:
    timeout_s = None if on_progress else ANSWER_TIMEOUT_S
    config = []
    if repo.credentials.exists():  # ours alone, and only to be read: git would erase a token that was once refused
        read = f"git credential-store --file={shlex.quote(str(repo.credentials))} get"
        config = [("credential.helper", ""), ("credential.helper", f"!f() {{ {read}; }}; f")]
    return command.run(git_dir, *arguments, network=True, config=config, timeout_s=timeout_s, on_progress=on_progress)


def _successful(repo: Repository, answer: command.Answer) -> command.Answer:
    if answer.code == 0:
        return answer
    if "No space left" in answer.message:
        raise StoreError(f"{repo.location} cannot be cloned: {answer.message}.", "Free some disk space.")
    raise UnreachableError(
        f"{repo.location} cannot be reached as a git repository: {answer.message}.",
        "Check the URL, the network and your access (ssh key, or https://user:token@host/...).",
    )


def _keep_credential(repo: Repository, credential: str) -> None:
    _private_folder(repo)
    aside = Path(f"{repo.credentials}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(credential.strip() + "\n")
    aside.replace(repo.credentials)


@contextmanager
def _alone(repo: Repository) -> Iterator[Path]:
    """One process at a time in a clone; another one waits. Yields the lock's file."""
    _private_folder(repo)
    path = Path(f"{repo.path}.lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _private_folder(repo: Repository) -> None:
    try:
        repo.credentials.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{repo.credentials.parent} cannot be made: {error.strerror}.", "Check data_dir.") from error
