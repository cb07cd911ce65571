"""Child processes that must not outlive the one that started them.

Batches of work over a pool of processes live in `engine`; analysers of the quorum have their own, narrower runner.
"""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends, however it ends (Linux; see prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
