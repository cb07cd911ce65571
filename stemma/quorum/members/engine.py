"""How Semgrep's engine is asked: each rule about the files in which it can find something, and what takes long only
about those in which something shorter found that it may. What rules and their findings mean lives in `packs`.
"""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from stemma.ids import content_id
from stemma.quorum.members.base import FILES, MemberMissingError
from stemma.quorum.packs import Rule
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# The engine without Semgrep's command line: it starts in 0.1 s, not 3, reads no settings, no project file and no
# ignore file, sends nothing, and looks at exactly the files it is told. `nosemgrep` it only remarks, and we are deaf.
ENGINE = ("-j", "1", "-json_nodots", "-fast")
RULE_TIMEOUT_S = 15  # on one file: a rule that takes 0.5 s took 5 on a machine with four times the work it has cores

# Of a rule, patterns with a name that the file has not are left out: `...` before a statement cost 7 s in a file that
# had no such statement. It finds nothing less by it, and so it is in no version, where a rule looks inside no
# metavariable: there only the text of what the metavariable holds would count as the file.
_FILTER = "-filter_irrelevant_patterns"
_LOOK_INSIDE = "metavariable-pattern"
# A nursery of a million words in place of a quarter: a fifth less of the processor's time went to collecting garbage.
_MEMORY = {"OCAMLRUNPARAM": "s=1M"}
_RULES, _TARGETS = "rules.json", "targets.json"
_ASKED = "asked"  # of a rule: a folder in the names of the files that it is asked about
_PROBE = "probe"
_FORMULAS = frozenset(("pattern", "patterns", "pattern-either", "pattern-regex"))
_WHERE = _FORMULAS | {"pattern-inside"}
_METAVARIABLE = re.compile(r"\$(?:\.\.\.)?([A-Z_][A-Z_0-9]*)")
_PLAIN = re.compile(r"[A-Za-z0-9_|()?]+")  # of an expression: reads the same in Python as in the engine

Answer = dict[str, list[Any]]
"""`results` and `errors` as the engine tells them, and the paths that it `scanned`."""


@dataclass(frozen=True)
class _Question:
    """A rule as the engine knows it, and the names of the files that it is asked about."""

    rule: Mapping[str, Any]
    files: frozenset[str]


def ask_of_paths(rules: Iterable[Rule], files: pl.DataFrame, folder: Path, limits: Limits) -> Answer:
    """What rules find in files (`file`, `read`, `place`, `language`), `paths` of a rule being about their places.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    return _run([rule.semgrep for rule in rules], files, folder, limits)


def ask_where_found(rules: Sequence[Rule], files: pl.DataFrame, folder: Path, limits: Limits) -> Answer:
    """The same of rules without `paths`, for a third of the time and less: following data through a file is most of
    it, and in most files what a rule warns of does not occur. So these rules are asked in a second run, about the files
    in which the first found their sinks. A file in which no rule can find anything counts as scanned.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    began = time.monotonic()
    questions = _questions(rules, files, folder, limits)
    probes, probe_of = _probes(questions)
    first = [question for question in questions if question.rule["id"] not in probe_of]
    answer = _ask(first + probes, files, folder, limits, _FILTER)
    reached = _reached(answer, {probe.rule["id"] for probe in probes})
    second = [
        replace(question, files=question.files & reached[probe_of[question.rule["id"]]])
        for question in questions
        if question.rule["id"] in probe_of
    ]
    left_s = max(2.0, limits.timeout_s - (time.monotonic() - began))
    more = _ask([each for each in second if each.files], files, folder, replace(limits, timeout_s=left_s))
    scanned = set(more["scanned"])
    return {
        "results": answer["results"] + more["results"],
        "errors": answer["errors"] + more["errors"],
        "scanned": [path for path in answer["scanned"] if path in scanned],
    }


def engine() -> str:
    """Where it is.

    Raises:
        MemberMissingError: it is not installed.
    """
    package = find_spec("semgrep")
    found = Path(package.origin or "").parent / "bin" / "semgrep-core" if package else None
    if found is None or not found.is_file():
        raise MemberMissingError("semgrep is not installed, or without its engine")
    return str(found)


def _run(
    rules: Sequence[Mapping[str, Any]], files: pl.DataFrame, folder: Path, limits: Limits, *further: str
) -> Answer:
    (folder / _RULES).write_text(json.dumps({"rules": rules}), encoding="utf-8")
    targets = [
        ["CodeTarget", {"path": {"fpath": read, "ppath": place}, "analyzer": of, "products": ["sast"]}]
        for read, place, of in files.select("read", "place", "language").iter_rows()
    ]
    (folder / _TARGETS).write_text(json.dumps(["Targets", targets]), encoding="utf-8")
    rule_timeout_s = min(RULE_TIMEOUT_S, limits.timeout_s / 4)
    bounds = ("-timeout", f"{rule_timeout_s:.1f}", "-max_memory", str(limits.memory_bytes * 9 // 10 >> 20))
    options = ("-rules", _RULES, "-targets", _TARGETS, *ENGINE, *further, *bounds)
    try:
        answer = json.loads(run_bounded([engine(), *options], folder, limits, env=_MEMORY))
        return {key: list(answer[key]) for key in ("results", "errors")} | {"scanned": list(answer["paths"]["scanned"])}
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _questions(rules: Sequence[Rule], files: pl.DataFrame, folder: Path, limits: Limits) -> list[_Question]:
    """The rules, each with the files of its languages in which its `only_where` is found and so are the names without
    which it can find nothing; none without files."""
    try:
        names = _needed(json.dumps({"rules": [rule.semgrep for rule in rules]}), limits)
    except NoAnswerError:  # then they are asked about all files; whether the engine is well, they will tell
        names = {}
    wanted = {rule.only_where: re.compile(rule.only_where.encode()) for rule in rules if rule.only_where}
    asked = defaultdict[str, set[str]](set)
    for file, language in files.select("file", "language").iter_rows():
        source = (folder / FILES / file).read_bytes()
        mentioned = {only_where for only_where, pattern in wanted.items() if pattern.search(source)}
        known: dict[str, bool] = {}
        for rule in rules:
            if language not in rule.semgrep["languages"] or (rule.only_where and rule.only_where not in mentioned):
                continue
            if _may_hold(names.get(rule.name), source, known):
                asked[rule.name].add(file)
    return [_Question(rule.semgrep, frozenset(asked[rule.name])) for rule in rules if rule.name in asked]


@cache
def _needed(rules: str, limits: Limits) -> dict[str, Any]:
    """The engine's own filters, by rule: what must be in a file for the rule to find something there.

    It searches for each name anew for every rule, which took a quarter of its time.
    """
    with TemporaryDirectory(prefix="stemma-quorum-") as folder:
        Path(folder, _RULES).write_text(rules, encoding="utf-8")
        told = run_bounded([engine(), "-prefilter_of_rules", _RULES], Path(folder), limits)
    try:
        return {item["rule_id"]: item["filter"] for item in json.loads(told)}
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _may_hold(formula: Any, source: bytes, known: dict[str, bool]) -> bool:
    """Whether a filter lets a file through. The engine looks again: what is not understood is let through."""
    match formula:
        case ["Some", inner]:
            return _may_hold(inner, source, known)
        case ["And", [*parts]]:
            return all(_may_hold(part, source, known) for part in parts)
        case ["Or", [*parts]]:
            return any(_may_hold(part, source, known) for part in parts)
        case ["Pred", ["Idents", [*names]]]:
            return all(_is_in(str(name), source, known) for name in names)
        case ["Pred", ["Regexp", str(regexp)]] if _PLAIN.fullmatch(regexp):
            if regexp not in known:
                known[regexp] = re.search(regexp.encode(), source) is not None
            return known[regexp]
    return True


def _is_in(name: str, source: bytes, known: dict[str, bool]) -> bool:
    if name not in known:
        known[name] = name.encode() in source
    return known[name]


def _probes(questions: Iterable[_Question]) -> tuple[list[_Question], dict[str, str]]:
    """Rules that find something wherever one of these can, and the name of its own by each that is not asked at once:
    because it follows data (its probe finds the sinks) or looks inside of metavariables. Where two would be the same,
    they are one."""
    probes: dict[str, _Question] = {}
    probe_of: dict[str, str] = {}
    for question in questions:
        rule = question.rule
        is_flow = rule.get("mode") == "taint"
        if not is_flow and _LOOK_INSIDE not in json.dumps(rule):
            continue
        parts = rule["pattern-sinks"] if is_flow else [rule]
        told = {key: rule[key] for key in ("languages", "options", "severity") if key in rule}
        told["pattern-either"] = [
            {"patterns": [{key: _weaker(part[key])} for key in sorted(_FORMULAS & part.keys())]} for part in parts
        ]
        name = f"{_PROBE}-{content_id(json.dumps(told, sort_keys=True))[:16]}"
        files = question.files | (probes[name].files if name in probes else frozenset())
        probes[name] = _Question({**told, "id": name, "message": name}, files)
        probe_of[rule["id"]] = name
    return list(probes.values()), probe_of


def _weaker(formula: Any) -> Any:
    """A formula that holds wherever this one does and looks inside no metavariable: nor do conditions stay that may be
    about what is bound there."""
    if isinstance(formula, list):
        bound = {name for inside in _insides(formula) for name in _METAVARIABLE.findall(json.dumps(inside))}
        return [_weaker(part) for part in formula if part.keys() <= _WHERE or _is_apart(json.dumps(part), bound)]
    return {key: _weaker(part) for key, part in formula.items()} if isinstance(formula, dict) else formula


def _is_apart(condition: str, bound: Collection[str]) -> bool:
    return _LOOK_INSIDE not in condition and not set(bound).intersection(_METAVARIABLE.findall(condition))


def _insides(formula: Any) -> Iterator[Any]:
    """What is looked for inside of metavariables."""
    if isinstance(formula, list):
        yield from (inside for part in formula for inside in _insides(part))
    elif isinstance(formula, dict):
        for key, part in formula.items():
            if key == _LOOK_INSIDE:
                yield {name: inside for name, inside in part.items() if name != "metavariable"}
            else:
                yield from _insides(part)


def _reached(answer: Answer, probes: Collection[str]) -> dict[str, set[str]]:
    """The files in which each probe found something or was lost, by probe; its words are taken out of the answer."""
    reached = defaultdict[str, set[str]](set)
    try:
        for item in answer["results"]:
            reached[item["check_id"]].add(Path(item["path"]).name)
        for error in answer["errors"]:
            if error.get("rule_id") in probes:
                reached[error["rule_id"]].add(Path(error["location"]["path"]).name)
    except (KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    answer["results"] = [item for item in answer["results"] if item["check_id"] not in probes]
    answer["errors"] = [error for error in answer["errors"] if error.get("rule_id") not in probes]
    return reached


def _ask(questions: Sequence[_Question], files: pl.DataFrame, folder: Path, limits: Limits, *further: str) -> Answer:
    """What the engine, in one run that parses a file once for all its rules, says to these questions.

    A file is named to it with a folder for each rule that is asked about it, and the rule is confined to that folder.
    """
    rules: list[Mapping[str, Any]] = []
    places = defaultdict[str, str](str)
    for number, question in enumerate(questions):
        rules.append({**question.rule, "paths": {"include": [f"**/{_ASKED}{number}/**"]}})
        for file in question.files:
            places[file] += f"/{_ASKED}{number}"
    is_asked = pl.col("file").is_in(list(places))
    answer: Answer = {"results": [], "errors": [], "scanned": []}
    if places:
        asked = files.filter(is_asked)
        named = [places[file] + place for file, place in asked.select("file", "place").iter_rows()]
        answer = _run(rules, asked.with_columns(place=pl.Series(named, dtype=pl.String)), folder, limits, *further)
    answer["scanned"] += files.filter(~is_asked)["read"].to_list()
    return answer
