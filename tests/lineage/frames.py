"""Histories as frames, without git or a store: commits with their files, and what the extractor reads in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from stemma.extract.extractor import Extracted, File, Limits, extract
from stemma.ids import content_id
from stemma.languages import grammar_of
from stemma.lineage.contents import FrameContents
from stemma.tables import patterns, polars_schema, snippet_texts, snippets

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A commit: numbers of its parents, first parent first, and all the files it holds."""

    parents: tuple[int, ...]
    files: Mapping[str, str]


def sha(number: int) -> str:
    return f"{number:040x}"


def commits(history: Sequence[Made], *, order: Sequence[int] | None = None) -> pl.DataFrame:
    """HEAD is the last one. `order`: numbers in a topological order, where it is not that of their numbers."""
    at = {number: position for position, number in enumerate(order or range(len(history)))}
    chain, number = [len(history) - 1], len(history) - 1
    while history[number].parents:
        number = history[number].parents[0]
        chain.append(number)
    places = {number: index for index, number in enumerate(reversed(chain))}
    dates = [EPOCH + timedelta(days=number) for number in range(len(history))]
    return pl.DataFrame(
        {
            "sha": [sha(number) for number in range(len(history))],
            "position": [at[number] for number in range(len(history))],
            "parents": [[sha(parent) for parent in made.parents] for made in history],
            "first_parent_index": [places.get(number) for number in range(len(history))],
            "committed_at": dates,
            "authored_at": dates,
            "is_shallow_boundary": [False] * len(history),
            "kind": ["commit"] * len(history),
        },
        schema_overrides={"parents": pl.List(pl.String), "first_parent_index": pl.Int32, "position": pl.Int32},
    )


def oid(path: str, text: str) -> str:
    return content_id(grammar_of(path) or "", text)


def changes(history: Sequence[Made]) -> pl.DataFrame:
    rows = []
    for number, made in enumerate(history):
        before = history[made.parents[0]].files if made.parents else {}
        for path in sorted(before.keys() | made.files.keys()):
            old, new = before.get(path), made.files.get(path)
            if old != new:
                rows.append((sha(number), path, old and oid(path, old), new and oid(path, new)))
    schema = dict.fromkeys(("sha", "path", "old_blob", "new_blob"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def contents(history: Sequence[Made]) -> FrameContents:
    """What the extractor finds in every content of the history."""
    texts = {oid(path, text): (path, text) for made in history for path, text in made.files.items()}
    files = [File(name, grammar_of(path) or "", text.encode()) for name, (path, text) in texts.items()]
    read: Extracted = extract(files, Limits(1 << 20, 30))
    found, said, forms = (
        pl.DataFrame(columns, schema={name: polars_schema(table)[name] for name in columns})
        for columns, table in ((read.snippets, snippets), (read.texts, snippet_texts), (read.patterns, patterns))
    )
    named = {name: read.blobs[name] for name in ("blob_oid", "language")}
    languages = pl.DataFrame(named, schema=dict.fromkeys(named, pl.String))
    definitions = (
        found.join(languages, on="blob_oid")
        .join(said, on=["exact_hash", "language"])
        .join(forms.select("pattern_id", "is_trivial", "shingles"), on="pattern_id")
    )
    partial = [
        blob for blob, status in zip(read.blobs["blob_oid"], read.blobs["status"], strict=True) if status == "partial"
    ]
    return FrameContents(definitions, partial=partial)
