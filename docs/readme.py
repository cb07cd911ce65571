"""The README's commands: found, run, and their output written back (`make docs`) or compared in shape (the tests).

A fenced `console` block holds a command after `$ ` and what it prints. Nothing else belongs here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
WIDTH = 120
_BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+|\b[0-9a-f]{6,}\b|[-+]?\d[\d,.:]*")


@dataclass(frozen=True)
class Block:
    """One command of the README and the output it shows."""

    command: str
    output: str


def blocks(text: str) -> list[Block]:
    return [Block(match["command"], match["output"]) for match in _BLOCK.finditer(text)]


def run(command: str, environment: dict[str, str] | None = None) -> str:
    """What the command prints, run by a shell in the project's folder, which is shown as `~/stemma`.

    Raises:
        RuntimeError: it failed; with all that it printed.
    """
    variables = {**os.environ, **(environment or {}), "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # a make inside `make docs` would speak of its folder
        variables.pop(name, None)
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    lines = done.stdout.replace(str(ROOT), "~/stemma").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def shape(output: str) -> Any:
    """What stays the same when the data changes: a table's columns, JSON's keys, other lines without their figures."""
    try:
        return _keys(json.loads(output))
    except json.JSONDecodeError:
        pass
    lines = output.splitlines()
    headers = [_header(lines[i + 1]) for i, line in enumerate(lines[:-1]) if line.lstrip().startswith("┏")]
    framed = "┏┃┡│└├╇━"
    text = {
        _VARIABLE.sub("#", line).split("#")[0].strip()
        for line in lines
        if line.strip() and line.strip()[0] not in framed
    }
    return {"headers": headers, "lines": text}


def _header(line: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in line.strip().strip("┃").split("┃"))


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_keys(value[0])] if value else []
    return None


def fill(text: str, environment: dict[str, str] | None = None) -> str:
    """The README with every block's output as it is now."""

    def replace(match: re.Match[str]) -> str:
        return f"```console\n$ {match['command']}\n{run(match['command'], environment)}```"

    return _BLOCK.sub(replace, text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="stemma-readme-") as folder:
        Path(folder).chmod(0o755)  # under root, Postgres runs as another user
        README.write_text(fill(README.read_text(), {"STEMMA_DATA_DIR": f"{folder}/data"}))
