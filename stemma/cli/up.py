"""`stemma up`: Postgres, the Dagster UI and its daemon, started and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from stemma import runs
from stemma.cli import show
from stemma.cli.platform import environment, project_dir
from stemma.config import load_settings
from stemma.errors import BusyError, StemmaError
from stemma.store import open_database
from stemma.store.postgres import Database

READY_TIMEOUT_S = 90


def up(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the Dagster UI.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address it listens on; anything but loopback is open to others.")
    ] = "127.0.0.1",
) -> None:
    """Start Postgres, the Dagster UI and its daemon together. Ctrl-C stops all of them."""
    settings = load_settings()
    _require_free(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell in the background had Ctrl-C ignored
        signal.signal(number, signal.default_int_handler)
    log = settings.data_dir / "logs" / "dagster.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open_database(settings) as database, _only_one(database):
        variables = environment(settings, database)
        _end_killed_runs(database, variables)
        dagster = _start(host, port, variables, log)
        try:
            _wait_until_ready(host, port, dagster, log)
            show.console.print(f"Dagster UI: http://{host}:{port}  (log: {log}; Ctrl-C stops everything)", markup=False)
            dagster.wait()
            _require_alive(dagster, log)
        except KeyboardInterrupt:
            show.console.print("Stopping.")
        finally:
            _stop(dagster)


@contextmanager
def _only_one(database: Database) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(database.lock("up"))
        except BusyError as error:
            raise BusyError("`stemma up` runs on these stores already.", "Use that one, or stop it first.") from error
        yield


def _end_killed_runs(database: Database, variables: dict[str, str]) -> None:
    with suppress(BusyError), runs.hold_lock(database):  # busy: then something does run
        runs.bury_killed(database)
        subprocess.run([sys.executable, "-m", "orchestration.tidy"], cwd=project_dir(), env=variables, check=True)


def _start(host: str, port: int, variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """`dagster dev`: the UI and the daemon over one code server, where two commands would each load the code apart."""
    workspace = str(project_dir() / "workspace.yaml")
    group = (sys.executable, "-m", "stemma.processes", str(os.getpid()))
    with log.open("ab") as output:
        # A session of its own: Ctrl-C reaches only us, and it is stopped with all that it started.
        return subprocess.Popen(
            [*group, sys.executable, "-m", "dagster", "dev", "-h", host, "-p", str(port), "-w", workspace],
            cwd=project_dir(),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"Port {port} of {host} cannot be used: {error.strerror}.", "Choose another: stemma up --port N"
            ) from error


def _wait_until_ready(host: str, port: int, dagster: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        _require_alive(dagster, log)
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.2)
    raise StemmaError(f"The Dagster UI did not answer within {READY_TIMEOUT_S} s.", f"Its log: {log}")


def _require_alive(dagster: subprocess.Popen[bytes], log: Path) -> None:
    if dagster.poll() is not None:
        raise StemmaError(f"Dagster ended by itself (exit status {dagster.returncode}).", f"Its log: {log}")


def _stop(dagster: subprocess.Popen[bytes]) -> None:
    """Interrupt Dagster and all that it started; what has not ended in time is killed (`processes.run_group`)."""
    dagster.send_signal(signal.SIGINT)
    dagster.wait()
