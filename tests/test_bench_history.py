"""The benchmark of whole histories measures what it says: the parts of a chain, each phase, and git's own answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import history
from bench.history import Reading, Result, markdown, measure
from bench.watch import Cost
from tests.repositories import GitRepository


def reading(commits: int, cpu_s: float) -> Reading:
    counts = {"commits": commits, "new_commits": 3, "blobs": 50, "functions_at_head": 40, "functions_ever": 80}
    phases = {"git": 1.0, "extraction": 2.0, "occurrences": 3.0, "lineage": 4.0}
    half = dict.fromkeys(phases, cpu_s / 8)
    return Reading(Cost(peak_mib=100.0), phases, half, half, counts, [])


def test_the_figures_are_those_of_the_whole_history_and_of_git() -> None:
    result = Result("one", "abc", reading(1000, 2.0), git_log={"a.py:f": 4.0, "a.py:g": 6.0})
    result.increments["1 on top"] = reading(1003, 0.5)
    found = result.figures()
    assert found["commits per second"] == 1000 / 10
    assert found["contents per second of extraction"] == 50 / 2
    assert found["CPU ms per function at the head"] == pytest.approx(50)
    assert found["CPU ms per function that ever was"] == pytest.approx(25)
    assert found["git log -L, times what Stemma takes"] == pytest.approx(5 / 0.05)
    assert (found["1 on top, commits read"], found["1 on top, CPU seconds"]) == (3, 0.5)

    other = Result("two", "def", reading(4000, 8.0))
    told = markdown({"at": "now", "cores": 2, "load": [0.0]}, [result, other])
    assert "Across repositories, CPU seconds by commits: 1,000: 2 s, 4,000: 8 s; exponent 1.00." in told
    assert "| lineage: CPU seconds first / 100 / 1 on top | 0.5 / – / 0.125 | 2 / – / – |" in told


def test_a_place_is_a_repository_or_a_folder_of_them(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "plain")
    repository.commit("One", {"a.py": "x = 1\n"})
    for name in ("some/first.git", "some/owner+name/repo"):
        repository.git("clone", "-q", "--bare", str(repository.path), str(tmp_path / name))
    named = list(history._repositories([repository.path, tmp_path / "some"]))
    assert named == [
        (repository.path, "plain"),
        (tmp_path / "some" / "first.git", "first"),
        (tmp_path / "some" / "owner+name" / "repo", "owner+name"),
    ]


def test_a_history_is_read_up_to_its_increments_and_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = GitRepository(tmp_path / "sample")
    for number in range(9):
        repository.commit(f"Number {number}", {"a.py": f"def grown(x):\n    return x + {number}\n"})
    repository.branch("side")
    repository.commit("Side", {"b.py": "def beside(y):\n    return y * 2\n"})
    repository.switch("main")
    repository.merge("side")
    monkeypatch.setattr(history, "INCREMENTS", (2, 1))

    result = measure(repository.path, "sample", sample=2, with_curve=False)

    assert result.head == repository.head()
    assert result.first.counts["commits"] == 7 and result.first.counts["functions_at_head"] == 1
    assert [(name, found.counts["new_commits"]) for name, found in result.increments.items()] == [
        ("2 on top", 2),
        ("1 on top", 2),  # the merge, and the side it brings
    ]
    last = result.increments["1 on top"]
    assert (
        set(last.wall_s) == set(last.cpu_s) == set(last.server_cpu_s) == {"git", "extraction", "occurrences", "lineage"}
    )
    assert last.counts["commits"] == 11 and last.counts["functions_at_head"] == 2
    assert set(result.git_log) == {"a.py:grown", "b.py:beside"} and result.not_timed == []


def test_a_function_that_git_does_not_find_is_named(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "sample")
    repository.commit("One", {"a.py": "def f(x):\n    return x\n\n\ndef $odd(x):\n    return x\n"})
    drawn = [["a.py", "f"], ["a.py", "$odd"], ["a.py", "nowhere"]]
    result = Result("one", "abc", reading(1, 1.0))
    history._time_git_log(result, repository.path, drawn, 3)
    assert set(result.git_log) == {"a.py:f", "a.py:$odd"}
    assert len(result.not_timed) == 1 and result.not_timed[0].startswith("a.py:nowhere: ")
