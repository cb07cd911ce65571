"""`stemma up`: Postgres, the Dagster UI and its daemon, started and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from stemma.cli import show
from stemma.cli.platform import environment, project_dir
from stemma.config import load_settings
from stemma.errors import BusyError, StemmaError
from stemma.processes import die_with_parent
from stemma.store import open_database

STOP_TIMEOUT_S = 20
READY_TIMEOUT_S = 90


def up(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address it listens on; anything but loopback is open to others.")
    ] = "127.0.0.1",
) -> None:
    """Start Postgres, the Dagster UI and its daemon together. Ctrl-C stops all of them."""
    settings = load_settings()
    _require_free(host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor's stop is a Ctrl-C
    with open_database(settings) as database:
        variables = environment(settings, database)
        workspace = str(project_dir() / "workspace.yaml")
        programs = {
            "webserver": ["dagster_webserver", "-h", host, "-p", str(port), "-w", workspace],
            "daemon": ["dagster._daemon", "run", "-w", workspace],
        }
        logs = settings.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, arguments in programs.items():
                running[name] = _start(name, arguments, variables, logs / f"{name}.log")
            _wait_until_ready(host, port, running, logs)
            show.console.print(
                f"Dagster UI: http://{host}:{port}  (logs in {logs}; Ctrl-C stops everything)", markup=False
            )
            _watch(running, logs)
        except KeyboardInterrupt:
            show.console.print("Stopping.")
        finally:
            _stop(running)


def _start(name: str, arguments: list[str], variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # A group of its own: Ctrl-C reaches only us, and we stop each with its children, in order.
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=project_dir(),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_stop_with_us,  # noqa: PLW1509  (this process has no other thread)
        )


def _stop_with_us() -> None:
    die_with_parent(signal.SIGINT)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"Port {port} of {host} cannot be used: {error.strerror}.", "Choose another: stemma up --port N"
            ) from error


def _wait_until_ready(host: str, port: int, running: dict[str, subprocess.Popen[bytes]], logs: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        _require_alive(running, logs)
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.2)
    raise StemmaError(
        f"The Dagster UI did not answer within {READY_TIMEOUT_S} s.", f"Its log: {logs / 'webserver.log'}"
    )


def _watch(running: dict[str, subprocess.Popen[bytes]], logs: Path) -> None:
    while True:
        _require_alive(running, logs)
        time.sleep(0.5)


def _require_alive(running: dict[str, subprocess.Popen[bytes]], logs: Path) -> None:
    for name, process in running.items():
        if process.poll() is not None:
            raise StemmaError(
                f"The {name} ended by itself (exit status {process.returncode}).", f"Its log: {logs / name}.log"
            )


def _stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    """Interrupt each process group, and kill what has not ended in time."""
    for process in running.values():
        _signal_group(process, signal.SIGINT)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for process in running.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        _signal_group(process, signal.SIGKILL)  # also what the process left behind in its group
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:

    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
