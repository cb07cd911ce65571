"""A small checkout with a module and its report files, and what a gate is asked about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemma.config import Settings
from stemma.gate_settings import GatesSettings
from stemma.gates.answers import Asked
from stemma.git.worktree import lines_since, read_worktree
from tests.repositories import GitRepository

# Eight statements: 1 def, 2 if, 3 return, 4 return, 7 def, 8 total, 9 return; line 12 is a call.
MODULE = """\
def sign(x):
    if x < 0:
        return "-"
    return "+"


def double(x):
    total = x + x
    return total


print(sign(1))
"""
ASKS = Callable[..., Asked]


@pytest.fixture
def checkout(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "checkout")
    repository.commit("First", {"pkg/maths.py": MODULE, ".gitignore": ".coverage\n*.json\n*.xml\n*.info\n"})
    return repository


@pytest.fixture
def ask(checkout: GitRepository, tmp_path: Path) -> ASKS:
    """What gates are asked about the checkout as it stands, with these settings."""

    def make(
        since: str | None = None, *, accepts_slower: bool = False, packs: tuple[Path, ...] = (), **gates: Any
    ) -> Asked:
        settings = Settings(data_dir=tmp_path / "data", workers=2, compliance_packs=packs, gates=GatesSettings(**gates))
        tree = read_worktree(checkout.path)
        new_lines = None if since is None else lines_since(tree, since)
        return Asked(tree, settings, new_lines, accepts_slower)

    return make
