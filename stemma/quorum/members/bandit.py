"""Bandit: Python that is dangerous to run. The one member that can vouch for safety, and it says where it cannot.

Which of its findings forbid a pattern outright is decided in `stemma.quorum.rule`.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import Family, Finding, MemberMissingError, Severity, version_of, votes_from
from stemma.quorum.members.fragment import PYTHON_LINES_BEFORE, write_python
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# Imports are not the definition's (B4xx, and ours stand above it); asserts are for tests (B101).
_SKIPPED = ("B101", *(f"B{number}" for number in (*range(401, 410), 411, 412, 413, 415)))

# Bandit grades a command given to a shell by how it was put together, and calls `subprocess.run("rm -rf /",
# shell=True)` LOW, "seems safe", since the text is constant. It does not read the command, so nor may its grade count.
# A weak hash (B324) it calls HIGH, and cannot tell a digest that guards a secret from one that names a cache entry:
# three of 5,000 definitions of installed packages have one, two for names and one as HTTP's digest scheme demands.
_GRADES: dict[str, Severity] = {"B602": "high", "B605": "high", "B609": "high", "B604": "medium", "B324": "medium"}

# A process is started, and what it does is not Bandit's to know: it neither fails nor vouches.
_STARTS_A_PROCESS = ("B603", "B606", "B607")

# Names by which code reaches a shell, an interpreter or a whole disk without Bandit following (an alias such as
# `f = os.system`, getattr, a bare `system` imported elsewhere). Where one stands, silence is not a clean bill.
_BLIND_SPOTS = "|".join(
    (
        r"\b(?:subprocess|Popen|popen\w*|pty|check_output|check_call|create_subprocess\w*|getoutput|getstatusoutput)\b",
        r"\bos\s*\.\s*(?:system|exec|spawn|posix_spawn|startfile|__dict__)|(?:^|[^.\w])(?:system|spawn[lv]p?e?)\s*\(",
        r"(?:^|[^.\w])(?:exec|exec[lv]p?e?|eval|compile|globals)\s*\(|\b(?:__import__|import_module|importlib)\b",
        r"\b(?:__builtins__|ctypes|cffi|rmtree|runpy)\b|\bsys\s*\.\s*modules\b|\bshell\s*=|\bimport\s+builtins\b",
        r"\bbuiltins\s*\.\s*(?:eval|exec|compile|__\w+__)\b|\b(?:pickle|marshal)\s*\.|\bfrom\s+(?:pickle|marshal)\b",
        r"\b(?:getattr|vars)\s*\(\s*(?:os|sys|subprocess|posix|shutil|builtins)\b",  # by a computed name
        r"=\s*(?:os|posix|shutil)\s*(?:$|[;\n#])|\bimport\s+(?:os|posix|shutil)\s+as\b",  # by another name
        r"\bfrom\s+(?:os|posix|shutil|pty)\s+import\b|\brm\s+-\w*[rf]|\bmkfs\b|\bdd\s+if=|\bof=/dev/",
        r"(?:^|[^.\w])(?:run|call)\s*\(\s*[\[\"']|[\"'](?:rm|dd|shred|sh|bash|system|popen)[\"']",  # without its module
    )
)
_BLIND_REASON = "cannot vouch: it starts a process, loads code or removes a tree in a way Bandit does not follow"

_FAILING_SEVERITY = frozenset({"medium", "high"})
_FAILING_CONFIDENCE = frozenset({"MEDIUM", "HIGH"})  # LOW: B113 (no time-out), B105-B107 by the name of a variable
_SEVERITIES: dict[str, Severity] = {"LOW": "low", "MEDIUM": "medium", "HIGH": "high", "UNDEFINED": "low"}


class Bandit:
    name = "bandit"
    family: Family = "security"
    languages = frozenset({"python"})
    weight = 1.0

    def version(self) -> str:
        try:
            tool = version("bandit")
        except PackageNotFoundError as error:
            raise MemberMissingError("bandit is not installed") from error
        python = sys.version_info[:2]  # it parses with the Python it runs on
        return version_of("bandit", tool, _SKIPPED, _GRADES, _STARTS_A_PROCESS, _BLIND_SPOTS, python)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        sources = write_python(batch, folder)
        # No -c and no --ini: it reads no configuration. #nosec is the judged code's own plea, and is not heard.
        options = ("-q", "-r", "-f", "json", "-n", "1", "--ignore-nosec", "-s", ",".join(_SKIPPED), sources.name)
        answer = run_bounded([sys.executable, "-P", "-s", "-m", "bandit", *options], folder, limits, ok=(0, 1))
        findings, failed, starts, unread = _parse(answer)
        return votes_from(batch, findings, failed, _blind(batch, failed) | starts | unread)


def _blind(batch: pl.DataFrame, failed: set[str]) -> dict[str, str]:
    """Patterns that Bandit did not fail but whose text names what it cannot follow."""
    # As Python reads it: compatibility letters are the plain ones, and a backslash at a line's end joins two lines.
    text = pl.col("code").str.normalize("NFKC").str.replace_all(r"\\\r?\n", " ")
    unsure = batch.filter(text.str.contains(_BLIND_SPOTS) & ~pl.col("pattern_id").is_in(list(failed)))
    return dict.fromkeys(unsure["pattern_id"].to_list(), _BLIND_REASON)


def _parse(answer: bytes) -> tuple[dict[str, list[Finding]], set[str], dict[str, str], dict[str, str]]:
    """Findings, failures, process starts and unread fragments, by pattern id."""
    findings: dict[str, list[Finding]] = {}
    failed: set[str] = set()
    starts: dict[str, str] = {}
    try:
        report = json.loads(answer)
        unread = {
            Path(error["filename"]).stem: f"not applicable: does not parse alone ({error['reason']})"
            for error in report["errors"]
        }
        for item in report["results"]:
            pattern_id, finding = Path(item["filename"]).stem, _finding(item)
            if finding["line"] <= 0:
                continue
            findings.setdefault(pattern_id, []).append(finding)
            if _fails(item, finding):
                failed.add(pattern_id)
            elif finding["rule"] in _STARTS_A_PROCESS:
                starts[pattern_id] = _BLIND_REASON
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return findings, failed, {key: why for key, why in starts.items() if key not in failed}, unread


def _finding(item: dict[str, Any]) -> Finding:
    rule = str(item["test_id"])
    severity = _GRADES.get(rule) or _SEVERITIES[item["issue_severity"]]
    line = int(item["line_number"]) - PYTHON_LINES_BEFORE
    return Finding(rule=rule, severity=severity, line=line, message=str(item["issue_text"]))


def _fails(item: dict[str, Any], finding: Finding) -> bool:
    if finding["rule"] in _GRADES:
        return True
    return finding["severity"] in _FAILING_SEVERITY and item["issue_confidence"] in _FAILING_CONFIDENCE
