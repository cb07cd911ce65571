"""`stemma up` brings up the Dagster UI with the code location loaded, and takes everything down with it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from stemma.store.postgres import Database
from tests.cli.conftest import Stemma

LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int) -> str:
    answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": LOCATIONS}, timeout=60)
    return answer.text


def wait_until_loaded(port: int, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            if "__typename" in (text := ask(port)):
                return text
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError("the UI never answered")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_up_serves_the_code_location_and_leaves_nothing_behind(stemma: Stemma, number: signal.Signals) -> None:
    port = free_port()
    process = stemma.start("up", "--port", str(port))
    try:
        assert '"RepositoryLocation"' in wait_until_loaded(port, process)
        below = psutil.Process(process.pid).children(recursive=True)
        assert below
    finally:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert psutil.wait_procs(below, timeout=60)[1] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_named(stemma: Stemma, database: Database, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        called = stemma("up", "--port", str(taken.getsockname()[1]))
    assert called.code == 6
    assert "--port" in called.sentence
