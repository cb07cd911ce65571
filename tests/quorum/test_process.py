"""What a child process may not do to us. What members make of it is claimed in `test_ask`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stemma.quorum.process import Limits, NoAnswerError, run_bounded


def run(folder: Path, program: str, limits: Limits | None = None) -> bytes:
    return run_bounded([sys.executable, "-I", "-c", program], folder, limits or Limits(timeout_s=20))


def test_what_it_prints_comes_back(tmp_path: Path) -> None:
    assert run(tmp_path, "print('pass')") == b"pass\n"


def test_it_inherits_no_environment_and_has_an_empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    program = "import os; print(os.environ.get('SECRET_TOKEN'), os.listdir(os.path.expanduser('~')), os.getcwd())"
    assert run(tmp_path, program).decode().split() == ["None", "[]", str(tmp_path)]


def test_one_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    child = ["sleep", f"9{os.getpid()}"]
    program = f"import subprocess, time; subprocess.Popen({child}); time.sleep(100)"
    began = time.monotonic()
    with pytest.raises(NoAnswerError, match="timed out after 1 s"):
        run(tmp_path, program, Limits(timeout_s=1))
    assert time.monotonic() - began < 10
    time.sleep(0.2)
    assert not [p for p in psutil.process_iter(["cmdline", "status"]) if p.info["cmdline"] == child]


def test_one_that_crashes_says_its_signal(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="crashed with SIGSEGV"):
        run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")


def test_one_that_fails_says_its_last_line_without_our_folder(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match=r"^crashed with exit code 1: boom in \./x \ufffd$"):
        run(tmp_path, "import os, sys; sys.exit('boom in ' + os.getcwd() + '/x \\0')")


def test_one_that_prints_without_end_meets_the_limit(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="crashed"):
        run(tmp_path, "while True: print('x' * 100_000)", Limits(timeout_s=20, output_bytes=1 << 20))
    assert (tmp_path / "stdout").stat().st_size <= 1 << 20


def test_one_that_eats_memory_meets_the_limit(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="MemoryError"):
        run(tmp_path, "x = bytearray(1 << 30)", Limits(timeout_s=20, memory_bytes=512 << 20))


def test_a_program_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="FileNotFoundError"):
        run_bounded([os.fspath(tmp_path / "nothing")], tmp_path, Limits(timeout_s=20))


def test_it_has_no_network_where_the_kernel_can_take_it_away(tmp_path: Path) -> None:
    flag = "0x40000000 if os.geteuid() == 0 else 0x50000000"
    probe = f"import ctypes, os, sys; sys.exit(-ctypes.CDLL(None).unshare({flag}))"
    if subprocess.run([sys.executable, "-c", probe], check=False).returncode:
        pytest.skip("this kernel gives no namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(NoAnswerError, match="unreachable"):
            run(tmp_path, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
