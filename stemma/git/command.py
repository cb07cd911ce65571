"""How git is run: on repositories nobody vouches for, so that nothing in them can run a program or reach the network.

Reading objects goes one step further, in `store`; what is asked over the network, in `fetch`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stemma.errors import SourceError
from stemma.git.paths import shown

PROTOCOLS = ("https", "ssh", "git", "file")

# Command scope wins over whatever the repository's own configuration says.
_CONFIG = {
    "safe.directory": "*",  # we only read, and nothing below can make reading run anything
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.askPass": "",
    "core.quotePath": "true",  # every line of output is then ASCII, one record a line, whatever a path holds
    "core.commitGraph": "false",  # a stale or forged graph could lie about parents
    "core.pager": "cat",
    "diff.external": "",
    "gc.autoDetach": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
    "log.mailmap": "false",
    "advice.graftFileDeprecated": "false",
}
_NETWORK_CONFIG = {
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # always a pack, whose progress git tells
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "init.templateDir": "",
    "transfer.bundleURI": "false",
}
# What a person may have set to reach their own server; everything else beginning with GIT_ is dropped.
_KEPT_FOR_NETWORK = {
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
}
PROGRESS_INTERVAL_S = 0.2
_RECEIVED = re.compile(rb"Receiving objects: +\d+% \((\d+)/(\d+)\)")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Answer:
    """What one git command said; `message` is its last complaint, without credentials."""

    code: int
    output: str
    message: str


def environment(*, network: bool = False, config: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """The environment git runs in: nothing inherited that points it elsewhere; no network unless `network`."""
    settings = [*_CONFIG.items(), *(_NETWORK_CONFIG.items() if network else ()), *config]
    kept = _KEPT_FOR_NETWORK if network else set()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in kept}
    variables.pop("SSH_ASKPASS", None)
    variables.pop("LANGUAGE", None)
    variables |= {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS) if network else "none",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for position, (name, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{position}": name, f"GIT_CONFIG_VALUE_{position}": value}
    if not network:  # a person's own configuration is needed to reach a server (proxy, keys), and only then
        variables |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return variables


def run(
    git_dir: Path | None,
    *arguments: str,
    network: bool = False,
    config: Sequence[tuple[str, str]] = (),
    folder: Path | None = None,
    timeout_s: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Answer:
    """Run one git command to its end, on `git_dir`, or in `folder` to let git find the repository.

    Args:
        on_progress: called now and then with the objects received and to receive, of a command given `--progress`.

    Raises:
        SourceError: git is not installed, or took longer than `timeout_s`.
    """
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as output:
        variables = environment(network=network, config=config)
        process = start(git_dir, arguments, variables, folder, (subprocess.DEVNULL, output, complaints))
        try:
            code = _wait(process, timeout_s, complaints, on_progress)
        except subprocess.TimeoutExpired as error:
            raise SourceError(
                f"git {arguments[0]} gave no answer within {timeout_s:.0f} s.", "Check that the server can be reached."
            ) from error
        finally:
            stop(process)
        output.seek(0)
        return Answer(code, os.fsdecode(output.read()), complaint(complaints))


def start(
    git_dir: Path | None,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    folder: Path | None,
    streams: tuple[int | IO[bytes], int | IO[bytes], IO[bytes]],
) -> subprocess.Popen[bytes]:
    """Start git; `streams` are its standard input, output and error.

    Raises:
        SourceError: there is no git, or no folder to run it in.
    """
    stdin, stdout, stderr = streams
    where = [f"--git-dir={git_dir}"] if git_dir else []
    try:
        return subprocess.Popen(
            ["git", *where, *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=folder or "/",
            env=variables,
            start_new_session=True,  # no terminal: ssh cannot stop to ask, and the whole group can be ended
        )
    except FileNotFoundError as error:
        if folder and not folder.exists():
            raise SourceError(f"{shown(folder)} does not exist.", "Check the path.") from error
        raise SourceError("git is not installed.", "Install git (on Debian: apt-get install git).") from error
    except PermissionError as error:
        raise SourceError(
            f"{shown(folder or git_dir or Path())} may not be entered: permission denied.", "Mend its mode."
        ) from error


def _wait(
    process: subprocess.Popen[bytes],
    timeout_s: float | None,
    complaints: IO[bytes],
    on_progress: Callable[[int, int], None] | None,
) -> int:
    if on_progress is None:
        return process.wait(timeout_s)
    while True:
        try:
            return process.wait(PROGRESS_INTERVAL_S)
        except subprocess.TimeoutExpired:
            if received := _RECEIVED.findall(_tail(complaints, 500)):
                on_progress(*map(int, received[-1]))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all it started, where it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def complaint(complaints: IO[bytes]) -> str:
    """The line of standard error that says most: the first `fatal:`, else the last one; credentials removed."""
    said = _tail(complaints, 64 * 1024).decode("utf-8", "replace").splitlines()
    lines = [line.strip() for line in said if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal:")]
    chosen = (fatal or lines[-1:] or [""])[0].removeprefix("fatal:").removeprefix("error:").strip()
    return without_credentials(chosen)


def _tail(file: IO[bytes], n_bytes: int) -> bytes:
    # Read where git does not stand: the two share one position in the file.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), n_bytes, max(0, size - n_bytes))


def without_credentials(text: str) -> str:
    """The text with `user:password@` taken out of every URL in it."""
    return _USERINFO.sub("", text)
