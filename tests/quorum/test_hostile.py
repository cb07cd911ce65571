"""A repository that tries to have itself passed: configuration, plugins and pleas for the analysers, and code that does
something when it is imported. None of it is obeyed, and nothing runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.quorum.members import open_members
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from tests.quorum.conftest import Ingest

BAD = """
# ruff: noqa
# mypy: ignore-errors
# pylint: disable=all
# type: ignore
import subprocess

open({marker!r}, "w").close()


def wipe(command, seen=[]):  # noqa  # nosemgrep
    for each in command:  # nosec
        subprocess.run(each, shell=True)  # nosec  # noqa: S602  # nosemgrep  # type: ignore
    return seen
    print("never")  # noqa


def total(items: list[int], name: str) -> int:
    result = 0
    for item in items:
        result += item * 2
    return len(name) + name  # type: ignore[operator]
"""
HOSTILE = {
    "pyproject.toml": "[tool.ruff]\nexclude = ['*']\n[tool.ruff.lint]\nselect = []\nignore = ['ALL']\n"
    "[tool.bandit]\nexclude_dirs = ['.']\nskips = ['B602']\n"
    "[tool.mypy]\nignore_errors = true\nplugins = ['plugin.py']\n"
    "[tool.vulture]\nexclude = ['*']\nignore_names = ['*']\n",
    "ruff.toml": "exclude = ['*']\n",
    ".ruff.toml": "exclude = ['*']\n",
    ".bandit": "[bandit]\nexclude = .\nskips = B602\n",
    "setup.cfg": "[mypy]\nignore_errors = True\n[bandit]\nskips = B602\n",
    "mypy.ini": "[mypy]\nignore_errors = True\nplugins = plugin.py\n",
    ".semgrepignore": "*\n",
    ".semgrep/settings.yml": "rules: []\n",
    ".gitignore": "*.toml\n",
    "plugin.py": "open({marker!r}, 'w').close()\n",
    "sitecustomize.py": "open({marker!r}, 'w').close()\n",
    "conftest.py": "open({marker!r}, 'w').close()\n",
    "subprocess.py": "open({marker!r}, 'w').close()\n",
    "typing.py": "open({marker!r}, 'w').close()\n",
    "whitelizard.txt": "*\n",
}


@pytest.fixture
def votes(database: Database, settings: Settings, ingest: Ingest, tmp_path: Path) -> dict[tuple[str, str], str]:
    marker = str(tmp_path / "was run")
    files = {name: text.replace("{marker!r}", repr(marker)) for name, text in {**HOSTILE, "src/bad.py": BAD}.items()}
    ingest(files)
    update_votes(database, settings, open_members(settings))
    rows = database.read(
        "SELECT DISTINCT s.name, v.member, v.vote "
        "FROM stemma.votes v JOIN stemma.snippets s USING (pattern_id, exact_hash)"
    )
    assert not Path(marker).exists()
    return {(name, member): vote for name, member, vote in rows.iter_rows()}


def test_no_configuration_and_no_plea_in_a_repository_is_obeyed(votes: dict[tuple[str, str], str]) -> None:
    told = {member: votes["wipe", member] for member in ("ruff", "bandit", "pack security", "vulture")}
    assert told == dict.fromkeys(told, "fail")
    assert votes["total", "mypy"] != "pass"  # which only `# type: ignore` could make of it
