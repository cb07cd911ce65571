"""Another program, run within bounds: time, memory, output, an empty home, no inherited environment, no network where
the kernel lets us take it away. What the programs are and what their output means lives in `members`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

REASON_CHARACTERS = 300

# Runs in the child before the program: limits that `preexec_fn` could not set safely, as the caller has threads.
# The alarm survives exec and ends a child whose parent was killed. 0x40000000 is CLONE_NEWNET, an empty network, which
# needs 0x10000000, CLONE_NEWUSER, unless one is root (who would lose the right to read a user's own files by it); where
# the kernel forbids it (a container without user namespaces) the other bounds stay.
_LAUNCHER = """
import ctypes, os, resource, signal, sys
seconds, memory, output = map(int, sys.argv[1:4])
signal.alarm(seconds)
for kind, limit in (("AS", memory), ("FSIZE", output), ("CPU", 2 * seconds), ("CORE", 0)):
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + kind), (limit, limit))
    except (AttributeError, ValueError, OSError):
        pass
try:
    ctypes.CDLL(None).unshare(0x40000000 if os.geteuid() == 0 else 0x50000000)
except (AttributeError, OSError):
    pass
os.execv(sys.argv[4], sys.argv[4:])
"""


class NoAnswerError(Exception):
    """A program gave nothing that can be used; the message says why, and never quotes more than a line of it."""


@dataclass(frozen=True)
class Limits:
    """What one child process may use."""

    timeout_s: float
    memory_bytes: int = 4 << 30  # address space: the analysers' runtimes reserve far more than they touch
    output_bytes: int = 64 << 20

    def scaled(self, share: float) -> Limits:
        """The same with a share of the time, but at least two seconds, which is what starting a member may take."""
        return replace(self, timeout_s=max(2.0, self.timeout_s * share))


def run_bounded(
    argv: Sequence[str], folder: Path, limits: Limits, *, env: Mapping[str, str] | None = None, ok: Sequence[int] = (0,)
) -> bytes:
    """Run a program in `folder` and return what it wrote to its standard output.

    Output goes to a file there, so that a program which prints without end meets the size limit and not our memory.

    Args:
        argv: absolute path of the program, and its arguments.
        ok: exit codes that mean it did its work.

    Raises:
        NoAnswerError: it cannot be started, ran out of a bound, or ended with another code.
    """
    out, err = folder / "stdout", folder / "stderr"
    bounds = [str(int(limits.timeout_s) + 1), str(limits.memory_bytes), str(limits.output_bytes)]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *bounds, *argv],
            cwd=folder,
            env=_environment(folder) | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            code = process.wait(limits.timeout_s)
        except subprocess.TimeoutExpired:
            raise NoAnswerError(f"timed out after {limits.timeout_s:.0f} s") from None
        finally:
            _end(process)
    if code == -signal.SIGALRM:
        raise NoAnswerError(f"timed out after {limits.timeout_s:.0f} s")
    if code not in ok:
        raise NoAnswerError(f"crashed with {_name(code)}{_last_line(err, folder)}")
    return out.read_bytes()


def _environment(folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RAYON_NUM_THREADS": "1",  # several children run at once already
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the child's session, its own children included."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _name(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _last_line(path: Path, folder: Path) -> str:
    """What the program said last, without the name of the folder, which is another in every run."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode("utf-8", "replace").replace("\0", "\ufffd").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    said = said.replace(str(folder), ".")
    return f": {said[:REASON_CHARACTERS]}" if said else ""
