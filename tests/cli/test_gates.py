"""`stemma gates` as a pipeline calls it: exit codes, JSON, SARIF and what is printed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Stemma
from tests.repositories import GitRepository

LCOV = "TN:\nSF:a.py\nDA:1,{}\nend_of_record\n"


@pytest.fixture
def checkout(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "checkout")
    repository.commit("First", {"a.py": "x = 1\n", ".gitignore": "*.info\n", "lcov.info": LCOV.format(1)})
    return repository


@pytest.fixture
def gates(tmp_path: Path) -> Stemma:
    """The command without any database: it needs none."""
    return Stemma(STEMMA_DATA_DIR=str(tmp_path / "data"), STEMMA_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")


def test_what_passes_ends_with_0_and_says_so(gates: Stemma, checkout: GitRepository) -> None:
    called = gates("gates", str(checkout.path), "--gate", "coverage")
    assert called.code == 0
    assert "coverage  Tests ran 1 of 1 lines (100.0 %), says lcov.info." in called.out
    assert "Passed: 1 of 1 gates passed." in called.out
    assert "\x1b[" not in called.out  # NO_COLOR


def test_a_blocking_failure_ends_with_5_and_is_named(gates: Stemma, checkout: GitRepository) -> None:
    checkout.write({"lcov.info": LCOV.format(0)})
    called = gates("gates", str(checkout.path), "--gate", "coverage")
    assert called.code == 5
    assert called.sentence.startswith("Error: Stopped: coverage failed.")


def test_a_failure_that_only_warns_ends_with_0(gates: Stemma, checkout: GitRepository) -> None:
    checkout.write({"lcov.info": LCOV.format(0)})
    gates.environment["STEMMA_GATES__COVERAGE__BLOCKING"] = "false"
    called = gates("gates", str(checkout.path), "--gate", "coverage", "--json")
    assert called.code == 0
    assert called.json["is_passed"] is True
    assert called.json["sentence"].endswith("Goes on with a warning about coverage.")
    (gate,) = called.json["gates"]
    assert (gate["gate"], gate["status"], gate["score"], gate["threshold"]) == ("coverage", "warning", 0.0, 80.0)
    assert gate["findings"][0]["path"] == "a.py"


def test_the_nearest_stemma_toml_sets_the_gates(gates: Stemma, checkout: GitRepository, tmp_path: Path) -> None:
    checkout.write({"lcov.info": LCOV.format(0)})
    config = tmp_path / "stemma.toml"
    config.write_text("[gates.coverage]\nthreshold = 0\n")
    gates.environment["STEMMA_CONFIG_FILE"] = str(config)
    assert gates("gates", str(checkout.path), "--gate", "coverage").code == 0
    config.write_text("[gates.coverage]\nthreshold = 101\n")
    called = gates("gates", str(checkout.path), "--gate", "coverage")
    assert called.code == 2
    assert "'gates.coverage.threshold' cannot be used" in called.sentence
    config.write_text("[gates.coverages]\nthreshold = 1\n")
    assert gates("gates", str(checkout.path)).code == 2


def test_sarif_is_the_only_thing_on_standard_output(gates: Stemma, checkout: GitRepository) -> None:
    checkout.write({"lcov.info": LCOV.format(0)})
    called = gates("gates", str(checkout.path), "--gate", "coverage", "--sarif")
    assert called.code == 5
    assert json.loads(called.out)["runs"][0]["results"][0]["ruleId"] == "coverage/untested"


def test_wrong_usage_ends_with_a_sentence(gates: Stemma, checkout: GitRepository) -> None:
    assert gates("gates", str(checkout.path), "--gate", "taste").code == 2
    assert gates("gates", str(checkout.path), "--json", "--sarif").code == 2
    assert gates("gates", str(checkout.path / "nowhere")).code == 7
    called = gates("gates", str(checkout.path), "--gate", "coverage", "--new-since", "no-such-branch")
    assert called.code == 2
    assert "There is no revision 'no-such-branch'" in called.sentence


def test_a_pipeline_that_cancels_it_leaves_nothing_at_work(
    gates: Stemma, checkout: GitRepository, tmp_path: Path
) -> None:
    history = tmp_path / "history.jsonl"
    os.mkfifo(history.with_name(".history.jsonl.lock"))  # whoever opens it to write waits for a reader
    checkout.write({"hyperfine.json": '{"results": [{"command": "a", "median": 1}]}'})
    gates.environment["STEMMA_GATES__PERFORMANCE__HISTORY"] = str(history)
    process = gates.start("gates", str(checkout.path), "--gate", "performance")
    deadline = time.monotonic() + 30
    while not (tree := psutil.Process(process.pid).children(recursive=True)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tree
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert alive == []
