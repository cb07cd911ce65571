"""Our rules for Semgrep, as data: one file `<language>-<family>.yaml` each, and what reads them. What a rule's findings
do to a vote lives in `stemma.quorum.members.packs`.

To add a rule: write it, with `metadata` `severity`, `fails` and `why`, and with `examples`: `bad` code in which it must
find something, and `good` code in which it must not. To add a language: write its file. They are Semgrep's files but
for two things: a list within a list of patterns is spliced into it, so that an anchor can stand for several, and a bare
text in one is a `pattern`. What stands under other keys than `rules` is there for anchors only. Packs whose name does
not begin with a language add to those that do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from stemma.ids import content_id
from stemma.languages import LANGUAGES

Severity = Literal["low", "medium", "high"]


@dataclass(frozen=True)
class Rule:
    """One rule: what Semgrep is told of it, and what a finding means."""

    name: str
    semgrep: Mapping[str, Any]
    severity: Severity
    fails: bool
    doubts: bool
    why: str
    only_where: str | None = None
    """Regular expression without which a file need not be asked about: what Semgrep's own filter cannot tell."""
    outside_tests: bool = False
    """Whether it is only a doubt where it stands among tests, as a key or a certificate made up for one does."""


@dataclass(frozen=True)
class Packs:
    """All rules of one family, by name; `languages` are those that have a pack of their own."""

    rules: Mapping[str, Rule]
    languages: frozenset[str]
    digest: str


@cache
def read_packs(family: str) -> Packs:
    """The packs of one family.

    Raises:
        ValueError: a rule lacks what it must say, or two have one name. A pack is part of the release: this is a bug.
    """
    rules: dict[str, Rule] = {}
    languages: set[str] = set()
    texts: list[str] = []
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(f"-{family}.yaml"):
            continue
        texts.append(file.read_text(encoding="utf-8"))
        language = file.name.partition("-")[0]
        for stated in yaml.load(texts[-1], yaml.CSafeLoader)["rules"]:
            rule = _rule(stated, file.name)
            languages |= LANGUAGES.keys() & rule.semgrep["languages"] if language in LANGUAGES else set()
            if rule.name in rules:
                raise ValueError(f"{file.name}: two rules are called {rule.name}")
            rules[rule.name] = rule
    return Packs(rules, frozenset(languages), content_id(*texts))


@cache
def flows() -> frozenset[str]:
    """Names of the rules of security that follow data: what cleans it on its way may stand where they do not look."""
    rules = read_packs("security").rules.values()
    return frozenset(rule.name for rule in rules if rule.semgrep.get("mode") == "taint")


_LISTS = frozenset(
    ("patterns", "pattern-either", "pattern-sources", "pattern-sinks", "pattern-sanitizers", "pattern-propagators")
)


def _spliced(value: Any, key: str = "") -> Any:
    """A value as Semgrep knows it, without our two abbreviations."""
    if isinstance(value, dict):
        return {inner: _spliced(item, inner) for inner, item in value.items()}
    if key not in _LISTS or not isinstance(value, list):
        return value
    flat: list[Any] = []
    for item in value:
        flat += _spliced(item, key) if isinstance(item, list) else [_spliced(item)]
    return [{"pattern": item} if isinstance(item, str) else item for item in flat]


def _rule(stated: Mapping[str, Any], file: str) -> Rule:
    try:
        name, metadata = str(stated["id"]), stated["metadata"]
        told = {key: _spliced(value, key) for key, value in stated.items() if key != "metadata"}
        return Rule(
            name=name,
            semgrep={"severity": "WARNING", "message": name} | told,
            severity=metadata["severity"],
            fails=bool(metadata["fails"]),
            doubts=bool(metadata.get("doubts", False)),
            why=" ".join(str(metadata["why"]).split()),
            only_where=metadata.get("only_where"),
            outside_tests=bool(metadata.get("outside_tests", False)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: the rule {stated.get('id')!r} does not say its {error}") from error
