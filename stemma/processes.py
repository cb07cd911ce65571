"""Child processes that must not outlive the one that started them.

Batches of work over a pool of processes live in `engine`; analysers of the quorum have their own, narrower runner.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

GROUP_STOP_TIMEOUT_S = 20

_PR_SET_PDEATHSIG = 1
_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends, however it ends (Linux; see prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def run_group(parent: int, command: Sequence[str]) -> int:
    """Run a command that starts others; they end with it, and with this process's parent, however that ends.

    This process must lead the process group that they are of. Interrupted, it interrupts the group, and what has not
    ended in `GROUP_STOP_TIMEOUT_S` is killed, itself included: what a command started lives on where the command was
    interrupted before it had taken note of it.

    Args:
        parent: the process that started this one.

    Returns:
        The command's exit status, where it ended by itself.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)  # heard when they are waited for, and never between two lines
    die_with_parent(signal.SIGINT)
    if os.getppid() != parent:  # it has ended already
        return 1
    child = subprocess.Popen(command, preexec_fn=_as_part_of_it)  # noqa: PLW1509  (this process has no other thread)
    while signal.sigwait(_HEARD) == signal.SIGCHLD:
        if child.poll() is not None:
            return child.returncode
    os.killpg(0, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GROUP_STOP_TIMEOUT_S)
    os.killpg(0, signal.SIGKILL)
    return 1


def _as_part_of_it() -> None:
    die_with_parent(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # also where a shell in the background had it ignored
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


if __name__ == "__main__":
    sys.exit(run_group(int(sys.argv[1]), sys.argv[2:]))
