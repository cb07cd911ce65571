"""`origins` and `origin_spans`: every version of every element given to who wrote it, in the order of the commits.

What agents wrote is read in `edits`, what others say in `statements`; how the two are held against a version's tokens
is told in `matching`, `acceptance` and `labels`; which versions must be read at all, in `scope`.

Versions of which no evidence can tell (older than every edit, in a commit nothing is said of, come from none that is
known) are `unknown` without being read. All others are read in the order of commits, because labels are carried from
version to version.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from stemma.attribution import labels, scope
from stemma.attribution.acceptance import CONFIDENCE, Credit, credit
from stemma.attribution.labels import AGENT, LabelArray, Source, Sources, Statement, Version
from stemma.attribution.matching import REACH, SKEW, EditIndex, Pieces, Times
from stemma.attribution.tokens import mask_of
from stemma.attribution.versions import Batch, Reader
from stemma.config import Settings
from stemma.git.repository import Repository
from stemma.languages import EXTRACTOR_VERSION
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import origin_spans, origins, polars_schema

RULES = "2"  # raise it when other rows would come of the same evidence
VERSION = f"{EXTRACTOR_VERSION}/{RULES}"
VERSIONS_PER_BATCH, MOST_PER_BATCH = 2_000, 50_000


@dataclass(frozen=True)
class OriginCounts:
    """Rows written or changed, by what they say, and runs of tokens whose author is known."""

    n_read: int = 0
    n_origins: int = 0
    n_spans: int = 0


def update_origins(db: Database, settings: Settings, repo: Repository) -> OriginCounts:
    """Bring the repository's origins to where its lineage, the edits and the statements are.

    All of it is one transaction: a killed run leaves what was there before, and of two at once the second waits and
    finds nothing left to do.

    Raises:
        SourceError: the repository is gone.
        StoreError: Postgres refuses.
    """
    n_origins = n_spans = 0
    with phase("origins", repository=repo.name, unit="versions") as told, db.transaction() as transaction:
        before = scope.lock(transaction, repo.repo_id, VERSION)
        wanted, seen = scope.choose(transaction, repo.repo_id, before)
        told.total = wanted.height
        reader = Reader(repo, settings.max_file_bytes)
        for rows in _batches(wanted):
            batch = reader.read(transaction, rows)
            sources = Sources()
            _decide(transaction, repo.repo_id, batch, sources)
            written = _write(transaction, repo.repo_id, batch, sources)
            n_origins, n_spans = n_origins + written[0], n_spans + written[1]
            told.advance(rows.height)
        n_origins += scope.fill_unknown(transaction, repo.repo_id, VERSION)
        scope.note(transaction, repo.repo_id, VERSION, seen)
    return OriginCounts(wanted.height, n_origins, n_spans)


def _batches(wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Some thousands of versions in order; those of one commit together, unless it has more than anyone looks through.

    Where an edit stands is decided between all the definitions of a commit: of a moved folder the right one came late,
    and another, alike, had been taken for it.
    """
    ends = wanted["position"].rle().struct.field("len").cum_sum().to_list()
    first = 0
    for end, following in pairwise([*ends, None]):
        if end - first >= VERSIONS_PER_BATCH or following is None or following - first > MOST_PER_BATCH:
            yield from wanted[first:end].iter_slices(MOST_PER_BATCH)
            first = end


def _decide(transaction: Transaction, repo_id: str, batch: Batch, sources: Sources) -> None:
    """Label the tokens of every version of a batch, parents before children."""
    labels_of = _known_labels(transaction, batch, sources)
    brought = _brought(transaction, batch)
    said = _statements(transaction, repo_id, batch)
    names = batch.about.select("sha", "path").iter_rows()
    for number, (version, (sha, path)) in enumerate(zip(batch.versions, names, strict=True)):
        labels.begin(version, labels_of)
        brought.give(number, version, sources)
        labels.state(version, [*said.get((sha, path), ()), *said.get((sha, None), ())], sources)
        labels_of[version.node_id] = version.labels


class _Brought:
    """What edits brought to the versions of a batch."""

    def __init__(self, starts: np.ndarray[Any, Any], found: Credit, edits: pl.DataFrame) -> None:
        self._starts, self._credit, self._edits = starts, found, edits
        pairs = found.matched_by.iter_rows()
        self._matched_by = {(version, edit): matched_by for version, edit, matched_by in pairs}

    def give(self, number: int, version: Version, sources: Sources) -> None:
        credited = self._credit.edit[self._starts[number] : self._starts[number + 1]]
        for edit in np.unique(credited[credited >= 0]).tolist():
            matched_by = self._matched_by[number, edit]
            who = self._edits.row(edit, named=True)
            source = Source(AGENT, matched_by, CONFIDENCE[matched_by], version.node_id, *(who[name] for name in _WHO))
            version.give(credited == edit, sources.number(source), source)


_WHO = ("agent", "model", "session_id", "event_id")
_EDITS = f"""
SELECT a.edit_id, a.event_id, a.occurred_at AS called_at, a.agent, a.model, a.session_id, a.path, a.qualified_name,
       a.exact_hash, a.token_hash, a.pattern_id, a.n_added, a.tokens, a.added
FROM ({scope.RELEVANT}) AS a
WHERE a.occurred_at BETWEEN $1 AND $2 ORDER BY a.occurred_at, a.edit_id
"""


def _brought(transaction: Transaction, batch: Batch) -> _Brought:
    about = batch.about
    first, last = about["authored_at"].min(), about["occurred_at"].max()
    assert isinstance(first, dt.datetime) and isinstance(last, dt.datetime)
    edits = transaction.read(_EDITS, [_shift(first, -REACH), _shift(last, SKEW)])
    versions = _pieces([version.tokens.hashes for version in batch.versions], [it.is_open for it in batch.versions])
    texts = [np.array(tokens, np.int32) for tokens in edits["tokens"].to_list()]
    marks = [mask_of(runs, len(text)) for runs, text in zip(edits["added"].to_list(), texts, strict=True)]
    written = _pieces(texts, marks)
    called = _times(edits["called_at"])
    index = EditIndex(written, Times(called, called))
    runs = index.runs(versions, Times(_times(about["occurred_at"]), _times(about["authored_at"])))
    found = credit(versions, written, runs, about_versions=about, about=_with_placed(transaction, edits, batch))
    return _Brought(versions.starts, found, edits)


def _with_placed(transaction: Transaction, edits: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """Whether each edit was found before, a definition under its own name, in a version that is not of this batch."""
    these = pl.DataFrame({"node_id": [version.node_id for version in batch.versions]}, schema={"node_id": pl.String})
    asked = edits.select("edit_id", "event_id", "qualified_name")
    with transaction.staged("asked_edits", asked) as name, transaction.staged("these_versions", these) as versions:
        placed = transaction.read(_PLACED.format(asked=name, versions=versions)).with_columns(is_placed=pl.lit(True))
    joined = edits.join(placed, on="edit_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("is_placed").fill_null(False))


_PLACED = """
SELECT DISTINCT a.edit_id FROM {asked} a
JOIN stemma.origin_spans s ON s.event_id = a.event_id AND s.born_id = s.node_id
JOIN stemma.lineage_nodes n ON n.node_id = s.node_id
WHERE s.node_id NOT IN (SELECT node_id FROM {versions})
  AND (a.qualified_name IS NULL OR n.qualified_name = a.qualified_name
       OR right(n.qualified_name, length(a.qualified_name) + 1) = '.' || a.qualified_name)
"""


def _pieces(texts: Sequence[np.ndarray[Any, Any]], marks: Sequence[np.ndarray[Any, Any]]) -> Pieces:
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)]).astype(np.int64)
    tokens = np.concatenate([np.zeros(0, np.int32), *texts])
    return Pieces(tokens, starts, np.concatenate([np.zeros(0, np.bool_), *marks]))


def _times(column: pl.Series) -> np.ndarray[Any, Any]:
    return column.dt.epoch("us").to_numpy().astype(np.int64)


def _shift(at: dt.datetime, by: dt.timedelta) -> dt.datetime:
    return scope.moved(at, by, at)


_STATED = """
SELECT a.sha, a.path, a.source, a.origin, a.start_line, a.end_line, a.agent, a.model, a.session_id
FROM stemma.attributions a WHERE a.repo_id = $1 AND a.sha IN (SELECT sha FROM {commits}) ORDER BY a.attribution_id
"""


def _statements(transaction: Transaction, repo_id: str, batch: Batch) -> dict[tuple[str, str | None], list[Statement]]:
    """By commit and path; those on a whole commit have no path."""
    with transaction.staged("stated_commits", batch.about.select("sha").unique()) as commits:
        rows = transaction.read(_STATED.format(commits=commits), [repo_id])
    found: dict[tuple[str, str | None], list[Statement]] = {}
    for sha, path, *rest in rows.iter_rows():
        found.setdefault((sha, path), []).append(Statement(*rest))
    return found


def _known_labels(transaction: Transaction, batch: Batch, sources: Sources) -> dict[str, LabelArray]:
    """Labels of the parents that were decided before this batch."""
    wanted = pl.DataFrame({"node_id": sorted(batch.parent_ids)}, schema={"node_id": pl.String})
    with transaction.staged("label_parents", wanted) as parents:
        rows = transaction.read(f"SELECT s.* FROM stemma.origin_spans s JOIN {parents} USING (node_id)")
    found: dict[str, LabelArray] = {}
    ends = rows.group_by("node_id").agg(end=(pl.col("first_token") + pl.col("n_tokens")).max())
    for node_id, end in ends.iter_rows():
        found[node_id] = np.full(end, -1, np.int32)
    for row in rows.iter_rows(named=True):
        number = sources.number(Source(**{name: row[name] for name in Source._fields}))
        found[row["node_id"]][row["first_token"] : row["first_token"] + row["n_tokens"]] = number
    return found


def _write(transaction: Transaction, repo_id: str, batch: Batch, sources: Sources) -> tuple[int, int]:
    """Origins that changed, and all spans of the batch."""
    summaries = [labels.summary(version, sources) for version in batch.versions]
    decided = pl.DataFrame(summaries, schema={name: kind for name, kind in _ORIGINS.items() if name not in _COMMON})
    spans = [row for version in batch.versions for row in labels.spans(version, sources)]
    found = pl.DataFrame(spans, schema={name: kind for name, kind in _SPANS.items() if name not in _COMMON})
    with transaction.staged("decided_versions", decided.select("node_id")) as done:
        transaction.execute(f"DELETE FROM stemma.origin_spans s USING {done} d WHERE s.node_id = d.node_id")
    repo = pl.lit(repo_id)
    n_origins = transaction.insert(origins, decided.with_columns(repo_id=repo, decided_by=pl.lit(VERSION)), "update")
    return n_origins, transaction.insert(origin_spans, found.with_columns(repo_id=repo))


_ORIGINS, _SPANS = polars_schema(origins), polars_schema(origin_spans)
_COMMON = ("repo_id", "decided_by")
