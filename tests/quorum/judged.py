"""Whole files put to one member, as the platform puts them: cut into texts by the extractor, named by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from stemma.extract import extractor
from stemma.ids import content_id
from stemma.languages import LANGUAGES
from stemma.quorum.members.base import BATCH, FILES, VOTES, Member
from stemma.quorum.process import Limits

LIMITS = Limits(timeout_s=60)


class Judged(NamedTuple):
    vote: str
    reason: str | None
    findings: list[dict[str, Any]]

    @property
    def rules(self) -> list[str]:
        return [finding["rule"] for finding in self.findings]


def judged(member: Member, folder: Path, files: Mapping[str, str]) -> dict[str, Judged]:
    """The member's vote on every definition of the files, by qualified name."""
    batch = batch_of(files)
    (folder / FILES).mkdir(parents=True)
    for path, file in batch.select("path", "file").unique().iter_rows():
        (folder / FILES / file).write_text(files[path])
    votes = member.judge(batch, folder, LIMITS)
    assert votes.schema == VOTES
    assert votes["unit"].sort().to_list() == batch["unit"].to_list()
    rows = batch.select("unit", "qualified_name").join(votes, on="unit").iter_rows(named=True)
    return {row["qualified_name"]: Judged(row["vote"], row["reason"], json.loads(row["findings"])) for row in rows}


def batch_of(files: Mapping[str, str]) -> pl.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for path, text in files.items():
        suffix = Path(path).suffix
        language = next(language for language in LANGUAGES.values() if suffix in language.suffixes)
        oid = content_id(text)
        source = extractor.File(oid, language.suffixes[suffix], text.encode())
        found = extractor.extract([source], extractor.Limits(1 << 20, 10)).snippets
        lines = text.split("\n")
        columns = ("pattern_id", "exact_hash", "kind", "name", "qualified_name", "start_line", "end_line")
        for pattern_id, exact_hash, kind, name, qualified_name, start, end in zip(
            *(found[column] for column in columns), strict=True
        ):
            place = (path, f"f{oid}{suffix}", start, end, "\n".join(lines[start - 1 : end]))
            rows.append((len(rows), pattern_id, exact_hash, language.name, kind, name, qualified_name, *place))
    return pl.DataFrame(rows, schema=BATCH, orient="row")
