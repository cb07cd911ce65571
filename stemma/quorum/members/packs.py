"""Semgrep with our own rules, which are data: `stemma/quorum/packs/<language>-<family>.yaml`. A member for each family.

A pack is a Semgrep rule file. What a rule means for a vote is said in its metadata: `severity` (low, medium, high),
`fails` (whether it is held against the text), `doubts` (whether it only means that silence is no clean bill), `why`,
which is what a reader is told, `cwe`, `only_where`, without which in a file the rule is not asked about it, and
`outside_tests`, by which what stands among tests is a doubt and no failure. How packs are read lives in
`stemma.quorum.packs`, how Semgrep is asked in `stemma.quorum.members.engine`; aliases and computed names, which no rule
follows, are doubted in `stemma.quorum.members.doubts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import polars as pl

from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.members.base import FILES, FINDINGS, Family, MemberMissingError, version_of, votes_from
from stemma.quorum.members.doubts import digest as doubts_digest
from stemma.quorum.members.doubts import doubted
from stemma.quorum.members.engine import ENGINE, RULE_TIMEOUT_S, ask_of_paths, ask_where_found, engine
from stemma.quorum.members.settled import SETTLED_VERSION, with_settled
from stemma.quorum.members.slices import SLICES_VERSION, without_slices
from stemma.quorum.members.tests import TEST_PATH
from stemma.quorum.packs import Rule, read_packs
from stemma.quorum.process import Limits, NoAnswerError

_MAX_BYTES = 1_000_000  # Semgrep's own default; 7 MB of Python made it take 4.3 GB
_UNREADABLE = "not applicable: Semgrep cannot parse "
_FOLLOWED = "followed"


class Packs:
    """One family's rules, of every language that has a pack of it."""

    is_lasting = True

    def __init__(self, family: Literal["security", "correctness"]) -> None:
        self._family: Literal["security", "correctness"] = family

    @property
    def name(self) -> str:
        return f"pack {self._family}"

    @property
    def family(self) -> Family:
        return self._family

    @property
    def languages(self) -> frozenset[str]:
        return read_packs(self._family).languages

    def version(self) -> str:
        return engine_version(read_packs(self._family).digest, doubts_digest() if self._family == "security" else None)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread, unsure = apply_rules(
            read_packs(self._family).rules, batch, folder, limits, follows_slices=self._family == "security"
        )
        if self._family == "security":
            unsure = doubted(batch, folder) | unsure
        return votes_from(batch, findings, unread=unread, unsure=unsure)


def apply_rules(
    rules: Mapping[str, Rule],
    batch: pl.DataFrame,
    folder: Path,
    limits: Limits,
    *,
    tells_paths: bool = False,
    follows_slices: bool = False,
) -> tuple[pl.DataFrame, dict[str, str], dict[int, str]]:
    """What rules find in the files of a batch: the arguments of `votes_from`.

    Args:
        tells_paths: have `paths` of a rule go by the files' names in their repositories. Otherwise no name is told.
        follows_slices: have Python's slices written so that data flow goes through them.

    Raises:
        NoAnswerError: nothing usable came back, or the engine cannot read a rule.
    """
    files = batch.select("file", "language", "path").unique("file", maintain_order=True)
    too_long = [file for file in files["file"] if (folder / FILES / file).stat().st_size > _MAX_BYTES]
    asked = files.filter(~pl.col("file").is_in(too_long))
    place = pl.col("path") if tells_paths else pl.lit(f"{FILES}/") + pl.col("file")
    asked = asked.with_columns(place=pl.lit("/") + place, read=pl.lit(f"{FILES}/") + pl.col("file"))
    if follows_slices:
        asked = asked.with_columns(read=pl.Series(_followed(asked, folder), dtype=pl.String))
    languages = set(asked["language"])
    of_these = [rule for rule in rules.values() if languages.intersection(rule.semgrep["languages"])]
    ask = ask_of_paths if tells_paths else ask_where_found
    answer = ask(of_these, asked, folder, limits)
    outside = batch.filter(~pl.col("path").str.contains(f"(?i){TEST_PATH}"))["file"]
    findings, doubts = _findings(answer, rules, in_tests=set(batch["file"]) - set(outside))
    unread = dict.fromkeys(too_long, f"not applicable: in a file of more than {_MAX_BYTES // 1000} kB")
    lost = _lost(answer, asked["file"].to_list(), rules)
    return findings, unread, _doubts(batch, doubts) | _unread(batch, lost)


def check_rules(rules: Mapping[str, Rule], folder: Path, limits: Limits) -> None:
    """Have the engine read rules, and no files.

    Raises:
        NoAnswerError: it cannot read one of them.
    """
    no_files = pl.DataFrame(schema=dict.fromkeys(("file", "read", "place", "language"), pl.String))
    _lost(ask_of_paths(rules.values(), no_files, folder, limits), [], rules)


def engine_version(*rules: object) -> str:
    """A member's version, from Semgrep's, how it is asked and the rules.

    Raises:
        MemberMissingError: it is not installed.
    """
    try:
        tool = version("semgrep")
    except PackageNotFoundError as error:
        raise MemberMissingError("semgrep is not installed") from error
    engine()
    asked = (ENGINE, RULE_TIMEOUT_S, _MAX_BYTES)
    return version_of("semgrep", tool, *rules, SLICES_VERSION, SETTLED_VERSION, TEST_PATH, *asked)


def _followed(files: pl.DataFrame, folder: Path) -> list[str]:
    """Where each file is to be read: Python with slices in another folder, for other members read the first."""
    (folder / _FOLLOWED).mkdir(exist_ok=True)
    places = []
    for file, language, place in files.select("file", "language", "read").iter_rows():
        source = (folder / FILES / file).read_bytes() if language == "python" else b""
        followed = without_slices(with_settled(source))
        if followed != source:
            (folder / _FOLLOWED / file).write_bytes(followed)
        places.append(place if followed == source else f"{_FOLLOWED}/{file}")
    return places


_DOUBTS = pl.Schema({"file": pl.String, "line": pl.Int32, "end_line": pl.Int32, "reason": pl.String})


def _findings(
    answer: Mapping[str, Any], rules: Mapping[str, Rule], in_tests: set[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was found (schema `FINDINGS`), and where silence is no clean bill."""
    found, doubts = [], []
    try:
        for item in answer["results"]:
            rule = rules[item["check_id"]]
            file = Path(item["path"]).name
            lines = int(item["start"]["line"]), int(item["end"]["line"])
            is_excused = rule.outside_tests and file in in_tests
            found.append((file, rule.name, rule.severity, *lines, rule.why, rule.fails and not is_excused))
            if rule.doubts or is_excused:
                doubts.append((file, *lines, f"cannot vouch: {rule.why}"))
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return pl.DataFrame(found, FINDINGS, orient="row"), pl.DataFrame(doubts, _DOUBTS, orient="row")


def _lost(answer: Mapping[str, Any], asked: list[str], rules: Mapping[str, Rule]) -> pl.DataFrame:
    """Lines that the engine did not judge, and why: it could not read them, ran out of time, or left a file out.

    Raises:
        NoAnswerError: it could not read a rule, or says something that is about no file.
    """
    lost: list[tuple[str, int, int | None, str]] = []
    try:
        scanned = {Path(path).name for path in answer["scanned"]}
        lost += [(file, 1, None, f"{NO_ANSWER}its file was left out") for file in asked if file not in scanned]
        for error in answer["errors"]:
            kind = error["error_type"]
            if isinstance(kind, list) and kind[0] == "PartialParsing":
                spans = ((Path(span["path"]).name, span["start"]["line"], span["end"]["line"]) for span in kind[1])
                lost += [(*span, f"{_UNREADABLE}a part of it") for span in spans]
                continue
            path, rule = error.get("location", {}).get("path"), error.get("rule_id")
            file = Path(path).name if path else ""
            if file not in asked:
                raise NoAnswerError(f"it cannot read {rule or 'its rules'}: {kind}")
            lost.append((file, 1, None, _trouble(str(kind), rule if rule in rules else None)))
    except (KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return pl.DataFrame(lost, _DOUBTS, orient="row")


def _trouble(kind: str, rule: str | None) -> str:
    """Why a file was not judged. What another run may mend is no answer; what cannot be parsed stays so."""
    if "syntax" in kind.lower() or "pars" in kind.lower():
        return f"{_UNREADABLE}the file it stands in"
    return f"{NO_ANSWER}Semgrep met {kind!r} in its file" + (f" by {rule}" if rule else "")


def _doubts(batch: pl.DataFrame, doubts: pl.DataFrame) -> dict[int, str]:
    """The first reason why each text's silence is no clean bill, by unit: of what lies inside it."""
    inside = (pl.col("line") >= pl.col("start_line")) & (pl.col("end_line_right") <= pl.col("end_line"))
    return _by_unit(batch, doubts, inside)


def _unread(batch: pl.DataFrame, lost: pl.DataFrame) -> dict[int, str]:
    """The first reason why each text was not judged, by unit: of what it shares a line with."""
    touches = (pl.col("line") <= pl.col("end_line")) & (
        pl.col("end_line_right").is_null() | (pl.col("end_line_right") >= pl.col("start_line"))
    )
    return _by_unit(batch, lost, touches)


def _by_unit(batch: pl.DataFrame, places: pl.DataFrame, is_of: pl.Expr) -> dict[int, str]:
    touched = batch.join(places, on="file").filter(is_of).sort("unit", "line").unique("unit", maintain_order=True)
    return dict(touched.select("unit", "reason").iter_rows())
