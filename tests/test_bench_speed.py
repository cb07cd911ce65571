"""The speed benchmark measures what it says: whole trees, nested samples, all processes, and a slope."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.speed import Run, exponent
from bench.trees import as_clone, change, packages, read_tree
from bench.watch import Cost, watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"one-1.0/a.py": "x = 1\n" * 100, "one-1.0/b.py": "y = 2\n" * 100, "two-2.0/c.go": "package c\n"}
    others = {"one-1.0/notes.txt": "no code", "two-2.0/.gitignore": "*.go\n"}
    for path, text in (files | others).items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    return tmp_path / "tree"


def test_a_tree_is_its_source_files_whatever_is_ignored_in_it(folder: Path, tmp_path: Path) -> None:
    tree = read_tree(folder)
    assert tree.paths == ["one-1.0/a.py", "one-1.0/b.py", "two-2.0/c.go"]
    assert (tree.n_bytes, tree.languages) == (1_210, {"python": 2, "go": 1})
    assert packages(tree) == {"one-1.0": 2, "two-2.0": 1}
    clone = as_clone(tree, tmp_path / "clone")
    listed = subprocess.run(["git", "-C", clone, "ls-files"], capture_output=True, text=True, check=True).stdout
    assert listed.splitlines() == tree.paths
    assert not (folder / ".git").exists()


def test_of_one_seed_a_smaller_sample_is_part_of_a_larger_one(folder: Path) -> None:
    tree = read_tree(folder)
    one, two = tree.sample(1 / 3), tree.sample(2 / 3)
    assert (len(one.paths), len(two.paths)) == (1, 2)
    assert set(one.paths) < set(two.paths)


def test_a_change_is_one_commit_of_functions_of_their_own(folder: Path, tmp_path: Path) -> None:
    tree = read_tree(folder)
    clone = as_clone(tree, tmp_path / "clone")
    assert change(clone, tree.paths, 10) == ["one-1.0/a.py", "one-1.0/b.py"]
    count = subprocess.run(
        ["git", "-C", clone, "rev-list", "--count", "HEAD"], capture_output=True, text=True, check=True
    )
    assert count.stdout.strip() == "2"
    added = [(clone / path).read_text()[600:] for path in ("one-1.0/a.py", "one-1.0/b.py")]
    assert added[0] != added[1]


def test_the_exponent_is_the_slope_of_the_logarithms() -> None:
    assert exponent([1, 2, 4, 8], [3, 6, 12, 24]) == pytest.approx(1)
    assert exponent([1, 2, 4], [1, 4, 16]) == pytest.approx(2)


def test_the_cost_of_a_command_is_that_of_all_its_processes() -> None:
    child = "x = bytearray(200 << 20); import time; time.sleep(1.5)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    cost, done = watch([sys.executable, "-c", program])
    assert done.returncode == 0
    assert cost.wall_s > 1.5
    assert cost.cpu_s > 0
    assert 200 < cost.peak_of_one_mib <= cost.peak_mib < 400


def test_families_are_fresh_before_votes_are_cast() -> None:
    run = Run(Cost(wall_s=100), {}, {"extraction": 50, "votes": 20, "dbt": 5, "marts": 1}, {}, {})
    assert run.until_families_s == 74
