"""Nothing that a user can set or call is undocumented, and nothing documented is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from stemma.cli import app
from stemma.config import Settings
from stemma.errors import StemmaError

README = (Path(__file__).parent.parent / "README.md").read_text()


def commands() -> list[str]:
    found = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found += [f"{name} {sub}" for sub in command.commands] if hasattr(command, "commands") else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"| `stemma {command}" in README


def test_the_readme_names_no_command_that_is_gone() -> None:
    named = re.findall(r"^\| `stemma ([a-z-]+(?: [a-z]+)?)", README, re.MULTILINE)
    assert sorted(named) == sorted(commands())


@pytest.mark.parametrize("setting", list(Settings.model_fields))
def test_every_setting_is_in_the_readme(setting: str) -> None:
    assert f"| `{setting}` | `STEMMA_{setting.upper()}` |" in README


def test_the_readme_names_no_setting_that_is_gone() -> None:
    named = re.findall(r"^\| `\w+` \| `STEMMA_(\w+)` \|", README, re.MULTILINE)
    assert sorted(name.lower() for name in named) == sorted(Settings.model_fields)


def test_every_exit_code_is_in_the_readme() -> None:
    line = next(line for line in README.splitlines() if "Exit codes:" in line)
    for error in [StemmaError, *StemmaError.__subclasses__()]:
        assert f" {error.exit_code} " in line
