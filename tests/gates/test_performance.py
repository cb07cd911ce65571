"""The performance gate: what is slower, what is noise, and what earlier runs are remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from stemma.config import Settings
from stemma.gates.answers import Answer, CannotTellError
from stemma.gates.benchmarks import BenchmarkRun, Measured
from stemma.gates.history import KEPT, alone, history_file, read_history, recorded_now, write_history
from stemma.gates.performance import PerformanceGate, compare
from tests.gates.conftest import ASKS
from tests.repositories import GitRepository


@pytest.fixture(autouse=True)
def _no_memory_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for a process that is the gate's own."""
    monkeypatch.setattr("stemma.gates.performance.bound_memory", lambda: None)


def hyperfine(**medians: float) -> str:
    """Five runs each, at the median and 0.1 % around it."""
    return json.dumps(
        {
            "results": [
                {"command": name, "median": median, "times": [median * part for part in (0.999, 1, 1, 1, 1.001)]}
                for name, median in medians.items()
            ]
        }
    )


def pytest_benchmark(median: float, *, cpu: str = "Example 9000", iqr: float = 0.001, rounds: int = 100) -> str:
    stats = {"median": median, "iqr": iqr, "rounds": rounds, "data": []}
    machine = {"node": "a-container", "python_version": "3.11.7", "cpu": {"brand_raw": cpu, "count": 2}}
    return json.dumps({"machine_info": machine, "benchmarks": [{"fullname": "tests/t.py::test_sort", "stats": stats}]})


@pytest.fixture
def answer(checkout: GitRepository, ask: ASKS) -> Any:
    """What the gate answers to a benchmark file of this content."""

    def given(content: str, *, accepts_slower: bool = False, **told: object) -> Answer:
        checkout.write({"benchmark.json": content})
        return PerformanceGate().ask(ask(accepts_slower=accepts_slower, performance=told))

    return given


def test_without_a_benchmark_file_there_is_nothing_to_judge_by(ask: ASKS) -> None:
    assert PerformanceGate().ask(ask()).is_met is None


def test_the_first_run_is_recorded_and_says_so(answer: Any, checkout: GitRepository) -> None:
    found = answer(hyperfine(sort=1.0))
    assert found.is_met is None
    assert found.sentence.startswith("It is the first run: 1 benchmark of benchmark.json recorded")
    assert checkout.git("status", "--porcelain") == ""  # and not in the checkout


def test_what_is_slower_by_more_than_the_margin_is_found(answer: Any) -> None:
    answer(hyperfine(sort=1.0, parse=0.002))
    found = answer(hyperfine(sort=1.11, parse=0.002))
    assert (found.is_met, found.score) == (False, 1.11)
    (finding,) = found.findings
    assert finding.message == "sort took 1.11 s, 1.11 × the run before (1 s)."


def test_the_margin_itself_is_allowed(answer: Any) -> None:
    answer(hyperfine(sort=1.0))
    assert answer(hyperfine(sort=1.1)).is_met is True
    assert answer(hyperfine(sort=1.2), threshold=1.25).is_met is True


def test_the_same_file_again_is_held_against_what_was_before_it(answer: Any) -> None:
    answer(hyperfine(sort=1.0))
    assert answer(hyperfine(sort=1.0)).sentence.startswith("It is the first run")
    first, again = answer(hyperfine(sort=1.5)), answer(hyperfine(sort=1.5))
    assert first == again
    assert first.score == 1.5


def test_a_slow_run_does_not_become_the_measure(answer: Any) -> None:
    answer(hyperfine(sort=1.0))
    answer(hyperfine(sort=1.5))
    assert answer(hyperfine(sort=1.51)).is_met is False


def test_a_slow_run_that_was_accepted_becomes_the_measure(answer: Any) -> None:
    answer(hyperfine(sort=1.0))
    answer(hyperfine(sort=1.5))
    assert answer(hyperfine(sort=1.5), accepts_slower=True).is_met is False
    assert answer(hyperfine(sort=1.52)).is_met is True
    assert answer(hyperfine(sort=1.7)).is_met is False


def test_runs_on_another_machine_are_no_measure(answer: Any) -> None:
    answer(pytest_benchmark(1.0))
    assert answer(pytest_benchmark(2.0, cpu="Slow 1")).is_met is None
    assert answer(pytest_benchmark(2.0)).is_met is False


def test_a_benchmark_that_disappeared_is_not_passed_over(answer: Any) -> None:
    answer(hyperfine(sort=1.0, parse=2.0))
    found = answer(hyperfine(sort=1.0))
    assert found.is_met is True
    assert found.reservation == "This run lacks 1 benchmark of the run before, as parse."


def run_of(median: float, error: float | None = 0.0) -> BenchmarkRun:
    return BenchmarkRun(None, (Measured("sort", median, error),))


def history(medians: Sequence[float]) -> list[Any]:
    return [recorded_now(run_of(median)) for median in medians]


def test_noise_is_the_spread_between_runs_where_there_are_three() -> None:
    """Median 1.0; deviations 0.1, 0, 0.1: their median 0.1, times 1.4826. 1.3 is 0.3 above, less than three of them."""
    (comparison,) = compare(run_of(1.3), history([0.9, 1.0, 1.1]))
    assert comparison.noise_s == pytest.approx(0.14826)
    assert comparison.ratio == pytest.approx(1.3)
    assert comparison.is_slower(1.1) is False
    (comparison,) = compare(run_of(1.5), history([0.9, 1.0, 1.1]))
    assert comparison.is_slower(1.1) is True


def test_noise_of_one_earlier_run_is_what_it_said_itself(answer: Any) -> None:
    """The error of a median is 1.2533 × IQR / 1.349 / √rounds: 0.0929 for both runs, 0.1314 together."""
    answer(pytest_benchmark(1.0, iqr=0.2, rounds=4))
    found = answer(pytest_benchmark(1.45, iqr=0.2, rounds=4))
    assert found.is_met is False
    found = answer(pytest_benchmark(1.39, iqr=0.2, rounds=4))  # less than 0.3942 above 1.0
    assert found.is_met is True
    assert "the worst is at 1.39 ×, within its noise" in found.sentence


def test_of_a_benchmark_that_ran_once_the_noise_is_unknown_and_said_to_be(answer: Any) -> None:
    answer(pytest_benchmark(1.0, rounds=1))
    found = answer(pytest_benchmark(1.05, rounds=1))
    assert found.is_met is True
    assert found.reservation == "The noise of 1 benchmark is unknown, which ran but once."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "benchmark.json is no file of pytest-benchmark or hyperfine."),
        ("nonsense", "benchmark.json is not valid JSON: "),
        ("[" * 1_000_000, "benchmark.json is not valid JSON: "),
        ('{"results": []}', "benchmark.json holds no benchmark."),
        ('{"results": [{"median": 1}]}', "benchmark.json is no file of hyperfine: a result has no command."),
        ('{"results": [{"command": "a", "median": -1}]}', "benchmark.json gives the benchmark 'a' no median above 0."),
        ('{"results": [{"command": "a", "median": NaN}]}', "benchmark.json gives the benchmark 'a' no median above 0."),
        ('{"results": [{"command": "a", "median": "1"}]}', "benchmark.json gives the benchmark 'a' no median above 0."),
        ('{"results": [{"command": "a", "median": 1}, {"command": "a", "median": 1}]}',
         "benchmark.json tells of the benchmark 'a' twice."),
        ('{"benchmarks": [7]}', "benchmark.json is no file of pytest-benchmark: a benchmark has no name or stats."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(answer: Any, content: str, sentence: str) -> None:
    with pytest.raises(CannotTellError) as error:
        answer(content)
    assert str(error.value).startswith(sentence) and len(str(error.value)) < 300


def test_a_history_that_was_tampered_with_is_named_with_its_line(answer: Any, checkout: GitRepository) -> None:
    answer(hyperfine(sort=1.0), history=Path("medians.jsonl"))
    path = checkout.path / "medians.jsonl"
    path.write_text(path.read_text() + '{"run": 7}\n')
    with pytest.raises(CannotTellError, match=r"Line 2 of the history .*medians\.jsonl cannot be read; remove it\."):
        answer(hyperfine(sort=1.0), history=Path("medians.jsonl"))


def test_no_more_runs_are_kept_than_are_of_use(tmp_path: Path) -> None:
    path = tmp_path / "medians.jsonl"
    write_history(path, history([1.0] * (KEPT + 5)), recorded_now(run_of(2.0)))
    kept = read_history(path)
    assert len(kept) == KEPT
    assert kept[-1].run == run_of(2.0)


def _record(path: Path, median: float) -> None:
    with alone(path):
        before = read_history(path)
        time.sleep(0.05)  # long enough for another to come in between
        write_history(path, before, recorded_now(run_of(median)))


def test_two_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "medians.jsonl"
    context = get_context("fork")
    writers = [context.Process(target=_record, args=(path, number + 1.0)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {recorded.run.benchmarks[0].median_s for recorded in read_history(path)} == {n + 1.0 for n in range(8)}


def test_each_checkout_has_a_history_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert history_file(Path("/a"), settings) != history_file(Path("/b"), settings)
