"""Compliance: an organisation's own rules, which it writes as Semgrep's YAML and names in the setting
`compliance_packs`. Without a pack there is no such member; how one is written is told in docs/compliance.md, with
`examples/onex` as the worked example.

How Semgrep is asked lives in `packs`, beside our own rules.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml  # type: ignore[import-untyped]

from stemma.errors import ConfigError
from stemma.ids import content_id
from stemma.languages import LANGUAGES
from stemma.quorum.members.base import Family, MemberMissingError, Severity, votes_from
from stemma.quorum.members.packs import apply_rules, check_rules, engine_version
from stemma.quorum.packs import Rule
from stemma.quorum.process import Limits, NoAnswerError

_SETTING = "compliance_packs"
_MAX_PACK_BYTES = 1_000_000
_READ_WITHIN = Limits(timeout_s=60)

# Semgrep's words for how grave a finding is, and its other names for the languages that we read.
_SEVERITIES: dict[str, Severity] = {
    "CRITICAL": "high",
    "ERROR": "high",
    "HIGH": "high",
    "WARNING": "medium",
    "MEDIUM": "medium",
    "LOW": "low",
    "INFO": "low",
}
_OTHER_NAMES = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "ts": "typescript",
    "golang": "go",
    "rs": "rust",
    "c++": "cpp",
    "c#": "csharp",
    "rb": "ruby",
    "kt": "kotlin",
}


class Compliance:
    """The organisation's rules, of whatever languages they name."""

    name = "compliance"
    family: Family = "compliance"
    is_lasting = True

    def __init__(self, packs: Sequence[Path]) -> None:
        """Read the packs.

        Raises:
            ConfigError: one of them cannot be used; names the file, what is wrong with it and what to do.
        """
        self._rules = read_rules(tuple(packs))
        self._digest = content_id(*(repr(rule) for rule in self._rules.values()))

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(language for rule in self._rules.values() for language in rule.semgrep["languages"])

    def version(self) -> str:
        return engine_version(self._digest)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread, unsure = apply_rules(self._rules, batch, folder, limits, tells_paths=True)
        return votes_from(batch, findings, unread=unread, unsure=unsure)


@cache
def read_rules(packs: tuple[Path, ...]) -> Mapping[str, Rule]:
    """The rules of all packs, by name, as Semgrep has read them too.

    Raises:
        ConfigError: a file is missing or is no pack, two rules have one name, or Semgrep cannot read a rule.
    """
    rules: dict[str, Rule] = {}
    places: dict[str, Path] = {}
    for file in _files(packs):
        for rule in _rules(file):
            if rule.name in rules:
                raise _unusable(file, f"its rule '{rule.name}' is one of {places[rule.name]} too", "Rename one of them")
            rules[rule.name], places[rule.name] = rule, file
    if _trouble(rules) is not None:
        for name, rule in rules.items():
            if (trouble := _trouble({name: rule})) is not None:
                raise _unusable(places[name], f"Semgrep cannot read its rule '{name}' ({trouble})", "Mend the rule")
    return rules


def _files(packs: tuple[Path, ...]) -> Iterator[Path]:
    for pack in packs:
        if pack.is_dir():
            inside = sorted(file for file in pack.rglob("*") if file.suffix in {".yaml", ".yml"} and file.is_file())
            if not inside:
                raise _unusable(pack, "the folder holds no .yaml file", "Name a folder of rules")
            yield from inside
        elif pack.is_file():
            yield pack
        else:
            raise _unusable(pack, "there is no such file or folder", "Name one that exists")


def _rules(file: Path) -> list[Rule]:
    try:
        if file.stat().st_size > _MAX_PACK_BYTES:
            raise _unusable(file, f"it is larger than {_MAX_PACK_BYTES:,} bytes", "Split it")
        told = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(file, f"it is not YAML ({' '.join(str(error).split())[:200]})", "Mend the file") from error
    stated = told.get("rules") if isinstance(told, dict) else None
    if not isinstance(stated, list) or not stated:
        raise _unusable(file, "it has no list of 'rules'", "Write them as Semgrep's rule syntax says")
    return [_rule(file, number, each) for number, each in enumerate(stated, 1)]


def _rule(file: Path, number: int, stated: Any) -> Rule:
    if not isinstance(stated, dict) or not isinstance(stated.get("id"), str):
        raise _unusable(file, f"its rule number {number} has no 'id'", "Give it one")
    name, metadata = stated["id"], stated.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    languages = _languages(file, name, stated.get("languages"))
    said = str(stated.get("severity", "WARNING")).upper()
    severity = metadata.get("severity", _SEVERITIES.get(said))
    if severity not in ("low", "medium", "high"):
        raise _unusable(file, f"its rule '{name}' has the severity {said!r}", f"Use one of {', '.join(_SEVERITIES)}")
    why = metadata.get("why", stated.get("message"))
    if not isinstance(why, str) or not why.strip():
        raise _unusable(file, f"its rule '{name}' has no 'message'", "Say there what the rule asks for, and why")
    told = {key: value for key, value in stated.items() if key != "metadata"}
    return Rule(
        name=name,
        semgrep=told | {"languages": languages, "severity": "WARNING", "message": name},
        severity=severity,
        fails=bool(metadata.get("fails", said != "INFO")),
        doubts=bool(metadata.get("doubts", False)),
        why=" ".join(why.split()),
    )


def _languages(file: Path, name: str, stated: Any) -> list[str]:
    named = [str(each).lower() for each in stated] if isinstance(stated, list) else []
    known = [_OTHER_NAMES.get(each, each) for each in named]
    unknown = [each for each in known if each not in LANGUAGES]
    if not known or unknown:
        problem = f"names the language {unknown[0]!r}" if unknown else "names no 'languages'"
        raise _unusable(file, f"its rule '{name}' {problem}", f"Use some of {', '.join(LANGUAGES)}")
    return known


def _trouble(rules: Mapping[str, Rule]) -> str | None:
    """Why Semgrep cannot use rules; None if it can, or is not there to be asked, which the vote then says."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            check_rules(rules, Path(folder), _READ_WITHIN)
        except MemberMissingError:
            return None
        except NoAnswerError as error:
            return str(error)
    return None


def _unusable(place: Path, problem: str, step: str) -> ConfigError:
    return ConfigError(
        f"The compliance pack {place} cannot be used: {problem}.", f"{step}, or take it out of '{_SETTING}'."
    )
