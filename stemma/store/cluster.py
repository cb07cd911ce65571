"""One Postgres cluster on disk: made, started, stopped, and found alive or dead. Linux only: it reads /proc.

Which cluster, for whom and for how long lives in `embedded`; where its binaries come from, in `binaries`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stemma.errors import StoreError
from stemma.store.binaries import Account

ROLE = "stemma"
DATABASE = "stemma"
HOST = "127.0.0.1"
START_TIMEOUT_S = 300  # after a kill, recovery replays up to max_wal_size first
STOP_TIMEOUT_S = 60
_LOG_BYTES = 10_000_000
_FULL = re.compile(r"No space left|Check free disk space|wrote only \d+ of \d+ bytes")
_MIN_SHARED_MEMORY_BYTES = 256 * 1024 * 1024

# Written into postgresql.conf once, so that an owner may tune them. fsync and synchronous_commit stay on.
_SETTINGS = {
    "shared_buffers": "128MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "10s",  # a first run loads, then joins: the planner needs statistics within the run
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A role named like the schema would find `stemma` first; the same names must mean the same on any Postgres.
    "search_path": "public",
    # The log must not repeat statements or rows: analysed code and events may hold secrets.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True)
class Postmaster:
    """A living server process, as its pid file tells: `status` is starting, ready, stopping or standby."""

    pid: int
    port: int
    status: str


@dataclass(frozen=True)
class Cluster:
    """A cluster in `home`/cluster, run by `who` with the binaries in `install`."""

    home: Path
    install: Path
    who: Account

    @property
    def folder(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def create(self, password: str) -> None:
        """Make the cluster aside and rename it: one that a kill left half-made is never taken for whole."""
        for leftover in self.home.glob("initdb-*"):
            _end_all_in(leftover)  # an initdb outlives the killed command that began it
            shutil.rmtree(leftover)
        aside = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.home))
        try:
            self.who.own(aside)
            self._initdb(aside, password)
            (aside / "cluster").rename(self.folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _initdb(self, aside: Path, password: str) -> None:
        secret = aside / "password"  # a file, since a command line is everyone's to read
        secret.touch(mode=0o600)
        self.who.own(secret)
        secret.write_text(password)
        options = ["--pgdata=cluster", f"--username={ROLE}", "--pwfile=password", "--no-instructions"]
        options += ["--auth-local=reject", "--auth-host=scram-sha-256", "--data-checksums", "--encoding=UTF8"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [f"--set={name}={value}" for name, value in _SETTINGS.items()]
        # In files, so that an initdb that is killed leaves nothing in /dev/shm; starting chooses anew.
        options += ["--set=dynamic_shared_memory_type=mmap"]
        done = self.who.run([self.install / "bin" / "initdb", *options], folder=aside)
        if done.returncode:
            raise self._failure("A Postgres cluster cannot be made", done.stderr)
        secret.unlink()
        # In single-user mode, so that the cluster never stands there without its database.
        single = [str(self.install / "bin" / "postgres"), "--single", "-j", "-D", "cluster", "postgres"]
        done = self.who.run(single, folder=aside, stdin=f"CREATE DATABASE {DATABASE};\n\n")
        if done.returncode or "ERROR" in done.stderr or "FATAL" in done.stderr:
            raise self._failure("The first database cannot be made", done.stderr)

    def _failure(self, problem: str, said: str) -> StoreError:
        """The line that says why, out of what a program or the log said."""
        telling = re.findall(r"^.*?(?:FATAL|PANIC|ERROR|error):\s*(.+)$", said, re.MULTILINE)
        why = (telling or said.strip().splitlines() or ["it said nothing"])[-1].strip().rstrip(".")
        if _FULL.search(said):
            return StoreError(
                f"{problem} in {self.home}: no space left on its disk.", "Free some, then run the command again."
            )
        return StoreError(f"{problem} in {self.home}: {why}.", f"Look into {self.log}, or run `stemma doctor`.")

    def postmaster(self) -> Postmaster | None:
        """The living server of this cluster; None when there is none, whatever a pid file left behind may say."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None
        if not _works_in(self.folder.resolve(), pid):
            return None
        return Postmaster(pid, port, lines[7].strip() if len(lines) > 7 else "starting")

    def start(self, preferred_port: int | None) -> Postmaster:
        """The running server: the one that runs already, else a new one after the old one's remains are cleared.

        Raises:
            StoreError: it does not start; says why.
        """
        if (running := self._settled()) is not None:
            return running
        # A backend that is busy does not notice that its postmaster was killed, and blocks the next start.
        _end_all_in(self.folder)
        # Its pid may meanwhile be another program's, which Postgres would take for itself and refuse to start.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        if self.log.is_file() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        for port in (free_port(preferred_port), free_port(), free_port()):
            said = self._pg_ctl_start(port)
            if (running := self._settled()) is not None:
                return running
            if "Address already in use" not in said:
                break  # else another program took the port since it was found free
        raise self._failure("Postgres does not start", said)

    def _pg_ctl_start(self, port: int) -> str:
        """Start; returns what was logged and said."""
        options = {"port": port, "listen_addresses": HOST, "unix_socket_directories": "", **_shared_memory()}
        words = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        offset = self.log.stat().st_size if self.log.is_file() else 0
        # In `home` with relative names: pg_ctl hands them to a shell.
        command = ["start", "-s", "-w", "-t", str(START_TIMEOUT_S), "-D", "cluster", "-l", self.log.name, "-o", words]
        done = self.who.run([self.install / "bin" / "pg_ctl", *command], folder=self.home)
        if not self.log.is_file():
            return done.stderr
        with self.log.open(errors="replace") as log:
            log.seek(offset)
            return done.stderr + log.read()

    def _settled(self) -> Postmaster | None:
        """The server when it is neither coming up nor going down; None when there is none."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (found := self.postmaster()) is not None and found.status != "ready":
            if time.monotonic() > deadline:
                raise self._failure(f"Postgres (pid {found.pid}) is still {found.status}", "it does not say why")
            time.sleep(0.02)
        return found

    def stop(self) -> None:
        """Stop the server, if it runs, in fast mode: open transactions are rolled back, all else is written."""
        if self.postmaster() is None:
            return
        command = ["stop", "-s", "-w", "-m", "fast", "-t", str(STOP_TIMEOUT_S), "-D", "cluster"]
        done = self.who.run([self.install / "bin" / "pg_ctl", *command], folder=self.home)
        if done.returncode and self.postmaster() is not None:
            raise self._failure("Postgres does not stop", done.stderr)


def _works_in(folder: Path, pid: int) -> bool:
    """Whether a process is one of Postgres working in a folder or below: each works in that of its cluster."""
    try:
        is_there = Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
        return is_there and Path(f"/proc/{pid}/comm").read_text().startswith(("postgres", "initdb"))
    except OSError:  # gone meanwhile, or someone else's, and so not ours
        return False


def _end_all_in(folder: Path) -> None:
    folder = folder.resolve()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    for sign in (signal.SIGQUIT, signal.SIGKILL):
        for pid in (pid for pid in pids if _works_in(folder, pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + 5
        while (pids := [pid for pid in pids if _works_in(folder, pid)]) and time.monotonic() < deadline:
            time.sleep(0.02)


def free_port(preferred: int | None = None) -> int:
    """The preferred loopback port while nobody listens there, else one that is free now."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StoreError(f"No port is free on {HOST}.", "Close some programs, then run the command again.")


def _shared_memory() -> dict[str, str]:
    """Docker gives /dev/shm 64 MB, in which parallel queries fail; there, files do instead."""
    try:
        free = os.statvfs("/dev/shm")
        is_enough = free.f_bavail * free.f_frsize >= _MIN_SHARED_MEMORY_BYTES
    except OSError:
        is_enough = False
    return {"dynamic_shared_memory_type": "posix" if is_enough else "mmap"}
