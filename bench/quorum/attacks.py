"""`python -m bench.quorum.attacks [--json FILE]`: what the quorum says of attacks, and of a harmless twin of each.

The attacks are ours, and data: `attacks/<language>.yaml`, each in a sync and an async form and behind an alias. What
counts is that none is accepted, and that no twin is rejected; that much is a test, in tests/quorum/test_attacks.py.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml  # type: ignore[import-untyped]

from stemma.config import Settings, load_settings
from stemma.quorum.given import Judged, judge_given

FOLDER = Path(__file__).parent / "attacks"
FORMS = ("sync", "async", "alias", "twin")
# The file of attacks each language takes, and its ending: what is written in JavaScript is TypeScript too.
LANGUAGES = {
    "python": ("python", ".py"),
    "javascript": ("javascript", ".js"),
    "typescript": ("javascript", ".ts"),
    "java": ("java", ".java"),
    "go": ("go", ".go"),
}


@dataclass(frozen=True)
class Attack:
    """One form of an attack in one language, or its twin."""

    language: str
    name: str
    form: str
    path: str
    code: str


def attacks(languages: Sequence[str] = tuple(LANGUAGES)) -> Iterator[Attack]:
    for language in languages:
        file, suffix = LANGUAGES[language]
        for number, told in enumerate(yaml.safe_load((FOLDER / f"{file}.yaml").read_text(encoding="utf-8"))):
            for form in FORMS:
                yield Attack(language, told["name"], form, f"{language}/{number}_{form}{suffix}", told[form])


def judged(found: Sequence[Attack], settings: Settings) -> pl.DataFrame:
    """language, name, form, verdict, and `said`, what the failing and abstaining members of security said: one row per
    attack. Of several definitions in one file the gravest verdict of a twin counts, and the mildest of an attack."""
    answer = judge_given([(attack.path, attack.code.encode()) for attack in found], settings)
    verdicts = _verdicts(answer)
    rows = []
    for attack in found:
        of_file = verdicts.filter(pl.col("path") == attack.path)
        order = ("reject", "needs_review", "accept") if attack.form == "twin" else ("accept", "needs_review", "reject")
        verdict = next((each for each in order if each in of_file["outcome"].to_list()), "none")
        rows.append(
            (attack.language, attack.name, attack.form, verdict, "; ".join(sorted(set(of_file["said"].drop_nulls()))))
        )
    return pl.DataFrame(rows, schema=["language", "name", "form", "verdict", "said"], orient="row")


def _verdicts(answer: Judged) -> pl.DataFrame:
    keys = ["pattern_id", "exact_hash"]
    security = answer.votes.join(answer.families, on=["member", "member_version"]).filter(
        (pl.col("family") == "security")
        & (pl.col("vote") != "pass")
        & ~pl.col("reason").fill_null("").str.starts_with("not applicable")
    )
    rules = pl.col("findings").str.extract_all(r'"rule": "[^"]+"').list.join(" ").str.replace_all(r'"rule": |"', "")
    said = security.select(*keys, said=pl.when(pl.col("vote") == "fail").then(rules).otherwise("reason"))
    said = said.group_by(keys).agg(pl.col("said").sort().str.join("; "))
    return answer.texts.join(answer.verdicts, on=keys).join(said, on=keys, how="left")


def main(argv: Sequence[str]) -> int:
    found = list(attacks())
    table = judged(found, load_settings())
    if "--json" in argv:
        Path(argv[argv.index("--json") + 1]).write_text(json.dumps(table.to_dicts(), indent=1) + "\n", encoding="utf-8")
    wide = table.pivot(on="form", index=["language", "name"], values="verdict", maintain_order=True)
    print(f"| language | attack | {' | '.join(FORMS)} |\n|---|---|{'---|' * len(FORMS)}")
    for row in wide.iter_rows():
        print("| " + " | ".join(row) + " |")
    is_twin = pl.col("form") == "twin"
    for what, rows in (("attacks", table.filter(~is_twin)), ("twins", table.filter(is_twin))):
        print(f"{what}: {dict(Counter(rows['verdict']))}")
    return int(table.filter(~is_twin)["verdict"].is_in(["accept", "none"]).any())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
