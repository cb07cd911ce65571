"""The `stemma` command as a user calls it: a process of its own, on data of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stemma.store.postgres import Database

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Called:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What was wrong and what to do next, on one line."""
        return " ".join(self.err.split())


class Stemma:
    """Calls `stemma` with settings of its own."""

    def __init__(self, **environment: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("STEMMA_")}
        self.environment = kept | {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb", **environment}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "stemma", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> Called:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=240)
        assert "Traceback" not in err, err
        return Called(process.returncode, out, err)


@pytest.fixture
def stemma(database: Database, tmp_path: Path) -> Stemma:
    """The command on an empty database and a data folder of the test's own."""
    return Stemma(STEMMA_DATABASE_URL=database.url, STEMMA_DATA_DIR=str(tmp_path / "data"))
