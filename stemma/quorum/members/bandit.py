"""Bandit: Python that is dangerous to run. The one member that can vouch for safety, and it says where it cannot.

Which of its findings forbid a pattern outright is decided in `stemma.quorum.rule`.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import (
    DOES_NOT_PARSE,
    FILES,
    FINDINGS,
    Family,
    MemberMissingError,
    Severity,
    inside,
    version_of,
    votes_from,
)
from stemma.quorum.members.doubts import digest as doubts_digest
from stemma.quorum.members.doubts import doubted
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# Imports are not the definition's (B4xx, and ours stand above it); asserts are for tests (B101).
_SKIPPED = ("B101", *(f"B{number}" for number in (*range(401, 410), 411, 412, 413, 415)))

# Bandit grades a command given to a shell by how it was put together, and calls `subprocess.run("rm -rf /",
# shell=True)` LOW, "seems safe", since the text is constant. It does not read the command, so nor may its grade count.
# A weak hash (B324) it calls HIGH, and cannot tell a digest that guards a secret from one that names a cache entry:
# three of 5,000 definitions of installed packages have one, two for names and one as HTTP's digest scheme demands.
# `extractall` (B202) it finds in any name that ends so, `safe_extractall` included, and FTP (B321) in what is there to
# speak FTP: all 5 vetoes by these on 13,258 functions of well-kept packages were such. A pack reads the call itself.
# Jinja without autoescape (B701) is right for what is no HTML, or whose writer is trusted: of 3, 1 was a weakness.
_GRADES: dict[str, Severity] = {
    **dict.fromkeys(("B602", "B605", "B609"), "high"),
    **dict.fromkeys(("B202", "B321", "B324", "B604", "B701"), "medium"),
}

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
# `shell = os.system` or `o = os` around the text: what has such a name in it, Bandit follows no more than the above.
_MODULES = r"(?:os|posix|shutil|subprocess|pty|builtins|ctypes|importlib|runpy|pickle|marshal|sys[ \t]*\.[ \t]*modules)"
_ALIASED = "|".join(
    (
        rf"{_MODULES}[ \t]*(?:$|[;#,)])|(?:eval|exec|compile|__import__|getattr|globals|vars)[ \t]*(?:$|[;#,)])",
        rf"{_MODULES}[ \t]*\.[ \t]*(?:system|popen\w*|exec\w*|\w*spawn\w*|startfile|Popen|run|call|check_\w+)",
        rf"{_MODULES}[ \t]*\.[ \t]*(?:get\w*output|rmtree|loads?|eval|compile|CDLL|import_module|run_\w+|__\w+__)",
        rf"{_MODULES}[ \t]*\[|(?:getattr|vars)[ \t]*\([ \t]*{_MODULES}|__import__[ \t]*\(|globals[ \t]*\(",
    )
)
_ALIAS = re.compile(rf"^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t(]*(?:{_ALIASED})", re.MULTILINE)
_BLIND_REASON = "cannot vouch: it starts a process, loads code or removes a tree in a way Bandit does not follow"

_FAILING_SEVERITY = frozenset({"medium", "high"})
_FAILING_CONFIDENCE = frozenset({"MEDIUM", "HIGH"})  # LOW: B113 (no time-out), B105-B107 by the name of a variable
_SEVERITIES: dict[str, Severity] = {"LOW": "low", "MEDIUM": "medium", "HIGH": "high", "UNDEFINED": "low"}


class Bandit:
    name = "bandit"
    family: Family = "security"
    languages = frozenset({"python"})
    is_lasting = True

    def version(self) -> str:
        try:
            tool = version("bandit")
        except PackageNotFoundError as error:
            raise MemberMissingError("bandit is not installed") from error
        python = sys.version_info[:2]  # it parses with the Python it runs on
        return version_of(
            "bandit", tool, _SKIPPED, _GRADES, _STARTS_A_PROCESS, _BLIND_SPOTS, _ALIAS.pattern, doubts_digest(), python
        )

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        # No -c and no --ini: it reads no configuration. #nosec is the judged code's own plea, and is not heard.
        options = ("-q", "-r", "-f", "json", "-n", "1", "--ignore-nosec", "-s", ",".join(_SKIPPED), FILES)
        answer = run_bounded([sys.executable, "-P", "-s", "-m", "bandit", *options], folder, limits, ok=(0, 1))
        findings, unread = _parse(answer)
        starts = inside(batch, findings.filter(pl.col("rule").is_in(_STARTS_A_PROCESS)))["unit"]
        unsure = dict.fromkeys([*starts, *_blind(batch, folder / FILES)], _BLIND_REASON)
        return votes_from(batch, findings, unread=unread, unsure=doubted(batch, folder) | unsure)


def _blind(batch: pl.DataFrame, files: Path) -> pl.Series:
    """Units whose text names what Bandit cannot follow, itself or by a name that its file gives to such a thing."""
    # As Python reads it: compatibility letters are the plain ones, and a backslash at a line's end joins two lines.
    text = pl.col("code").str.normalize("NFKC").str.replace_all(r"\\\r?\n", " ")
    names = {file: _aliases(files / file) for file in batch["file"].unique()}
    texts = batch.select("unit", "file", text=text)
    aliased = [
        unit
        for unit, file, code in texts.iter_rows()
        if (alias := names[file]) is not None and alias.search(code) is not None
    ]
    return texts.filter(pl.col("text").str.contains(_BLIND_SPOTS) | pl.col("unit").is_in(aliased))["unit"]


def _aliases(path: Path) -> re.Pattern[str] | None:
    """The names to which a file assigns a module or function that Bandit knows by its own name only."""
    content = unicodedata.normalize("NFKC", path.read_text(encoding="utf-8", errors="replace"))
    names = sorted(set(_ALIAS.findall(content)))
    return re.compile(rf"\b(?:{'|'.join(names)})\b") if names else None


def _parse(answer: bytes) -> tuple[pl.DataFrame, dict[str, str]]:
    """Findings, and why a file could not be read."""
    try:
        report = json.loads(answer)
        rows = [_row(item) for item in report["results"]]
        unread = {Path(error["filename"]).name: f"{DOES_NOT_PARSE} ({error['reason']})" for error in report["errors"]}
        return pl.DataFrame(rows, schema=FINDINGS, orient="row"), unread
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _row(item: dict[str, Any]) -> tuple[str, str, Severity, int, int, str, bool]:
    rule = str(item["test_id"])
    severity = _GRADES.get(rule) or _SEVERITIES[item["issue_severity"]]
    line = int(item["line_number"])
    end_line = max(line, *map(int, item["line_range"]))
    is_failing = rule in _GRADES or (severity in _FAILING_SEVERITY and item["issue_confidence"] in _FAILING_CONFIDENCE)
    return Path(item["filename"]).name, rule, severity, line, end_line, str(item["issue_text"]), is_failing
