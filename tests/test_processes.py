"""A group of processes ends with whoever had it started, also where the command leaves some behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

# A shell in the background has interrupts ignored, so the second `sleep` outlives the command, which ends at once.
LEAVES_ONE_BEHIND = "trap 'exit 0' INT; sleep 300 & echo $!; sleep 300"
STARTER = """
import os, subprocess, sys
group = [sys.executable, "-m", "stemma.processes", str(os.getpid())]
sys.exit(subprocess.Popen([*group, *sys.argv[1:]], start_new_session=True).wait())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_group_ends_with_the_one_that_had_it_started(number: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTER, "sh", "-c", LEAVES_ONE_BEHIND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        left_behind = psutil.Process(int(starter.stdout.readline()))
        group = [left_behind, *psutil.Process(starter.pid).children(recursive=True)]
        assert len(group) >= 4
        starter.send_signal(number)
        assert psutil.wait_procs(group, timeout=30)[1] == []


def test_a_command_that_ends_by_itself_tells_how() -> None:
    group = [sys.executable, "-m", "stemma.processes", str(os.getpid())]
    ended = subprocess.run([*group, "sh", "-c", "exit 7"], start_new_session=True, check=False)
    assert ended.returncode == 7


def test_a_group_whose_starter_is_gone_is_not_started() -> None:
    command = [sys.executable, "-m", "stemma.processes", "1", "echo", "started"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")
