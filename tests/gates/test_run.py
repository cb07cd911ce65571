"""How gates are run together: order, fail-fast, time, crashes, and what they come to."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stemma.gate_settings import CoverageSettings, GatesSettings, PerformanceSettings
from stemma.gates.answers import Answer, Asked, Finding, GateResult, answered
from stemma.gates.child import _outcome, end_tree
from stemma.gates.coverage import COVERAGE
from stemma.gates.known import NAMES, about, gate_named, settings_of
from stemma.gates.run import Outcome, run_gates
from tests.gates.conftest import ASKS
from tests.repositories import GitRepository

BAD = "TN:\nSF:pkg/maths.py\nDA:1,0\nend_of_record\n"
GOOD = BAD.replace("DA:1,0", "DA:1,1")


def statuses(outcome: Outcome) -> dict[str, str]:
    return {result.gate: result.status for result in outcome.results}


def sentence_of(outcome: Outcome, gate: str) -> str:
    return next(result.sentence for result in outcome.results if result.gate == gate)


@pytest.mark.parametrize(
    ("told", "answer", "status"),
    [
        ({}, Answer(True, "Fine."), "passed"),
        ({}, Answer(True, "Fine.", reservation="But old."), "warning"),
        ({}, Answer(False, "Bad."), "failed"),
        ({"blocking": False}, Answer(False, "Bad."), "warning"),
        ({}, Answer(None, "Nothing there."), "skipped"),
        ({"required": True}, Answer(None, "Nothing there."), "error"),
    ],
)
def test_an_answer_becomes_a_status(told: dict[str, Any], answer: Answer, status: str) -> None:
    result = answered(about("coverage"), CoverageSettings(**told), answer, 0.1)
    assert result.status == status
    assert result.stops is (result.is_blocking and status in ("failed", "error"))


def test_a_failure_that_does_not_block_goes_on_and_says_so(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": BAD})
    outcome = run_gates(ask(coverage={"blocking": False}), ["coverage"])
    assert statuses(outcome) == {"coverage": "warning"}
    assert sentence_of(outcome, "coverage").endswith("It does not block.")
    assert outcome.is_passed
    assert outcome.sentence == "Passed: 0 of 1 gates passed. Goes on with a warning about coverage."


def test_findings_travel_from_the_gates_process(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": BAD})
    (result,) = run_gates(ask(), ["coverage"]).results
    assert (result.score, result.threshold, result.n_findings) == (0.0, 80.0, 1)
    assert result.findings[0].path == "pkg/maths.py"
    assert 0 < result.seconds < 60


def test_a_gate_that_is_switched_off_is_skipped(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": BAD})
    outcome = run_gates(ask(coverage={"enabled": False}), ["coverage"])
    assert statuses(outcome) == {"coverage": "skipped"}
    assert sentence_of(outcome, "coverage") == "It is switched off."


@pytest.mark.parametrize("parallel", [True, False])
def test_fail_fast_skips_what_comes_after_a_blocking_failure(
    checkout: GitRepository, ask: ASKS, parallel: bool
) -> None:
    checkout.write({"lcov.info": BAD})
    asked = ask(fail_fast=True, parallel=parallel, performance={"order": 2, "required": True, "blocking": True})
    outcome = run_gates(asked, ["performance", "coverage"])
    assert statuses(outcome) == {"coverage": "failed", "performance": "skipped"}
    assert sentence_of(outcome, "performance") == "Not judged, because coverage stopped the run (fail_fast)."
    assert outcome.sentence == "Stopped: coverage failed."


def test_without_fail_fast_every_gate_is_judged_and_the_lower_order_first(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": BAD})
    asked = ask(coverage={"order": 2}, performance={"order": 1, "required": True, "blocking": True})
    outcome = run_gates(asked, ["coverage", "performance"])
    assert statuses(outcome) == {"coverage": "failed", "performance": "error"}
    assert outcome.sentence == "Stopped: coverage failed and performance had an error."


def test_a_failure_that_does_not_block_is_no_reason_to_fail_fast(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": BAD})
    asked = ask(fail_fast=True, coverage={"blocking": False}, performance={"order": 2})
    assert statuses(run_gates(asked, ["coverage", "performance"])) == {"coverage": "warning", "performance": "skipped"}


def children() -> set[int]:
    """All that descend from this process, but Python's own keeper of semaphores, which ends with it."""
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if "resource_tracker" not in " ".join(child.cmdline())}


def test_a_gate_that_takes_too_long_is_ended_with_all_it_started(
    checkout: GitRepository, ask: ASKS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    checkout.write({"lcov.info": GOOD, "hyperfine.json": '{"results": [{"command": "a", "median": 1}]}'})
    history = tmp_path / "history.jsonl"
    os.mkfifo(history.with_name(".history.jsonl.lock"))  # whoever opens it to write waits for a reader
    before = children()
    started_at = time.monotonic()
    asked = ask(performance={"timeout_s": 3, "history": history, "blocking": True})
    outcome = run_gates(asked, ["coverage", "performance"])
    assert time.monotonic() - started_at < 20
    assert statuses(outcome) == {"coverage": "passed", "performance": "error"}
    assert sentence_of(outcome, "performance") == "It took longer than its 3 s and was ended."
    assert not outcome.is_passed
    assert children() <= before
    assert [path for path in scratch.iterdir() if path.name.startswith("stemma-")] == []


def test_what_was_not_judged_when_the_time_of_all_was_over_is_an_error(
    checkout: GitRepository, ask: ASKS, tmp_path: Path
) -> None:
    checkout.write({"lcov.info": GOOD, "hyperfine.json": '{"results": [{"command": "a", "median": 1}]}'})
    history = tmp_path / "history.jsonl"
    os.mkfifo(history.with_name(".history.jsonl.lock"))
    asked = ask(timeout_s=3, performance={"history": history}, coverage={"order": 2})
    outcome = run_gates(asked, ["coverage", "performance"])
    assert statuses(outcome) == {"coverage": "error", "performance": "error"}
    assert sentence_of(outcome, "coverage") == "All gates together may take 3 s, which were over."
    assert outcome.sentence.startswith("Stopped: coverage had an error.")


def test_a_gate_that_needs_more_memory_than_it_may_use_has_an_error(ask: ASKS, monkeypatch: pytest.MonkeyPatch) -> None:
    def devour(_: Asked) -> Answer:
        raise MemoryError

    monkeypatch.setattr(COVERAGE, "ask", devour)
    assert _outcome("coverage", ask()) == {"error": "It needed more memory than it may use."}


def test_a_process_that_reads_reports_cannot_take_all_memory() -> None:
    script = "from stemma.gates.reports import bound_memory as b; b(); bytearray(8 << 30)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith("MemoryError\n")


def test_a_gate_that_is_broken_has_an_error_that_says_where(ask: ASKS, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_: Asked) -> Answer:
        raise KeyError("x")

    monkeypatch.setattr(COVERAGE, "ask", break_down)
    assert _outcome("coverage", ask())["error"].startswith("Unforeseen KeyError in break_down (line ")


# A process that moves to a session of its own, twice, as analysers do, and ignores what may be ignored.
NEST = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
depth = int(sys.argv[1])
if depth:
    subprocess.Popen([sys.executable, __file__, str(depth - 1)], start_new_session=True)
else:
    open(sys.argv[0] + ".up", "w").close()
time.sleep(600)
"""


def test_ending_a_process_ends_those_in_sessions_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "nest.py"
    script.write_text(NEST)
    root = subprocess.Popen([sys.executable, str(script), "2"], start_new_session=True)
    while not Path(f"{script}.up").exists():
        time.sleep(0.05)
    tree = [psutil.Process(root.pid), *psutil.Process(root.pid).children(recursive=True)]
    assert len(tree) == 3
    end_tree(root.pid)
    root.wait(10)
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_every_gate_has_settings_and_a_unit(ask: ASKS) -> None:
    assert set(NAMES) == {"compliance", "coverage", "quality", "performance", "security"}
    for name in NAMES:
        assert about(name).name == name
        assert about(name).unit
        assert callable(gate_named(name).ask)
        assert settings_of(name, ask().settings).enabled


def test_who_waits_for_gates_does_not_load_them() -> None:
    """Their imports took seconds, in which no time was kept."""
    script = "import stemma.gates.run, sys; print('scipy' in sys.modules, 'stemma.gates.judged' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "False False\n"


def test_every_setting_of_the_gates_says_what_it_is() -> None:
    models = [GatesSettings, *(type(getattr(GatesSettings(), name)) for name in NAMES)]
    missing = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description or not field.description.endswith(".")
    ]
    assert missing == []


def test_a_result_as_a_document_names_its_findings_and_hides_their_keys() -> None:
    finding = Finding("coverage/untested", "low", "a.py", 3, "No test runs it.", "k")
    result = answered(about("coverage"), CoverageSettings(), Answer(False, "Bad.", 1.0, (finding,)), 0.1)
    assert isinstance(result, GateResult)
    assert result.as_document()["findings"] == [
        {"rule": "coverage/untested", "severity": "low", "path": "a.py", "line": 3, "message": "No test runs it."}
    ]
    assert replace(result, status="warning").stops is False


def test_performance_warns_and_does_not_block_unless_told_to() -> None:
    assert PerformanceSettings().blocking is False
