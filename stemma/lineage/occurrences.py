"""Where each snippet content stood, from which commit to which: file changes joined with the snippets of both sides.

How one version became the next is told in `history`; what a file holds is found by `stemma.extract`.

A row is made when an element's text changes, trailing space and documentation included, not when its file does. A
content that could not be read (status `skipped`) says nothing about its definitions: they are neither ended nor begun
there, and the next readable content of the path decides, so a change behind an unreadable one is dated at the first
commit that shows it. The category is the one the path had when the row began.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage import chain
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import occurrences, polars_schema

STEP = "occurrences"
ROWS_PER_BATCH = 200_000
TEXT = ["exact_hash", "loose_hash", "doc_hash"]  # as lineage tells versions apart: each version is one occurrence
ELEMENT = ["path", "qualified_name", "kind", "duplicate_index"]


@dataclass(frozen=True)
class OccurrenceCounts:
    """Rows begun, ended and retired (their commits are gone); commits that wait for a content to be extracted."""

    n_begun: int = 0
    n_ended: int = 0
    n_retired: int = 0
    n_waiting: int = 0


def update_occurrences(db: Database, repo_id: str) -> OccurrenceCounts:
    """Bring the repository's occurrences to the head of its first-parent chain.

    Each batch of commits is one transaction that also moves the position, so a killed run goes on where it stopped.
    After a rewritten history the rows of commits that are gone are retired first.
    """
    name = chain.repository_name(db, repo_id)
    n_retired = _retire(db, repo_id)
    pending, last, n_waiting = _pending(db, repo_id)
    n_begun = n_ended = 0
    if last is not None:
        with phase(STEP, repository=name, total=int(pending["n_rows"].sum()), unit="definitions") as told:
            for upto in chain.batch_ends(pending, ROWS_PER_BATCH, last):
                begun, ended, n_read = _advance(db, repo_id, upto)
                n_begun, n_ended = n_begun + begun, n_ended + ended
                told.advance(n_read)
    return OccurrenceCounts(n_begun, n_ended, n_retired, n_waiting)


def _retire(db: Database, repo_id: str) -> int:
    with db.transaction() as transaction:
        at = chain.lock(transaction, repo_id, STEP)
        if at.index < 0 or (at.version == EXTRACTOR_VERSION and chain.stands(transaction, repo_id, at)):
            return 0
        kept = _last_standing(transaction, repo_id) if at.version == EXTRACTOR_VERSION else -1
        n_retired = chain.delete(
            transaction, "DELETE FROM stemma.occurrences WHERE repo_id = $1 AND valid_from > $2::int", [repo_id, kept]
        )
        transaction.execute(
            "UPDATE stemma.occurrences SET valid_to = NULL, valid_to_sha = NULL "
            "WHERE repo_id = $1 AND valid_to > $2::int",
            [repo_id, kept],
        )
        chain.move(transaction, repo_id, STEP, EXTRACTOR_VERSION, kept)
    return n_retired


def _last_standing(transaction: Transaction, repo_id: str) -> int:
    found = transaction.read(
        "SELECT coalesce(max(o.valid_from), -1) AS index FROM stemma.occurrences o JOIN stemma.commits c "
        "ON c.repo_id = o.repo_id AND c.sha = o.valid_from_sha AND c.first_parent_index = o.valid_from "
        "WHERE o.repo_id = $1",
        [repo_id],
    )
    return int(found["index"].item())


def _pending(db: Database, repo_id: str) -> tuple[pl.DataFrame, int | None, int]:
    """Rows per commit still to be read, the position to end at (None: nothing to do), and commits that must wait."""
    with db.transaction() as transaction:
        at = chain.position(transaction, repo_id, STEP)
        head = chain.head_index(transaction, repo_id)
        commits = transaction.read(
            "SELECT c.first_parent_index AS index, sum(1 + coalesce(b.n_snippets, 0))::bigint AS n_rows, "
            "       bool_or(c.new_blob IS NOT NULL AND b.blob_oid IS NULL) AS is_unread "
            "FROM stemma.file_changes c "
            "LEFT JOIN stemma.blobs b ON b.blob_oid = c.new_blob AND b.extractor_version = $3 "
            "WHERE c.repo_id = $1 AND c.first_parent_index > $2::int GROUP BY 1 ORDER BY 1",
            [repo_id, at.index, EXTRACTOR_VERSION],
        )
    unread = commits.filter("is_unread")["index"].to_list()
    last = unread[0] - 1 if unread else head
    ready = commits.filter(pl.col("index") <= last)
    return ready, last if last > at.index else None, head - last


def _advance(db: Database, repo_id: str, upto: int) -> tuple[int, int, int]:
    with db.transaction() as transaction:
        at = chain.lock(transaction, repo_id, STEP)
        is_void = at.index >= 0 and at.version != EXTRACTOR_VERSION  # marked since to start over: the next call does
        if at.index >= upto or is_void:  # another process was here
            return 0, 0, 0
        span = (repo_id, at.index, upto)
        changes = _read_changes(transaction, span)
        definitions = transaction.read(_DEFINITIONS, [*span, EXTRACTOR_VERSION])
        live = transaction.read(_LIVE, [*span, EXTRACTOR_VERSION])
        begun, ended = intervals(changes, definitions, live)
        transaction.insert(occurrences, begun.with_columns(repo_id=pl.lit(repo_id)))
        _end(transaction, repo_id, ended)
        chain.move(transaction, repo_id, STEP, EXTRACTOR_VERSION, upto)
    return begun.height, ended.height, changes.height + definitions.height


def _read_changes(transaction: Transaction, span: tuple[str, int, int]) -> pl.DataFrame:
    return transaction.read(
        "SELECT c.path, c.first_parent_index AS index, c.sha, c.language, c.category, c.new_blob AS blob_oid "
        "FROM stemma.file_changes c "
        "LEFT JOIN stemma.blobs b ON b.blob_oid = c.new_blob AND b.extractor_version = $4 "
        "WHERE c.repo_id = $1 AND c.first_parent_index > $2::int AND c.first_parent_index <= $3::int "
        "AND (c.new_blob IS NULL OR b.status <> 'skipped')",
        [*span, EXTRACTOR_VERSION],
    )


_DEFINITIONS = (
    "SELECT s.blob_oid, s.ordinal, s.qualified_name, s.kind, s.duplicate_index, s.exact_hash, s.pattern_id, "
    "s.loose_hash, s.doc_hash FROM stemma.snippets s WHERE s.extractor_version = $4 AND s.blob_oid IN ("
    "  SELECT c.new_blob FROM stemma.file_changes c"
    "  WHERE c.repo_id = $1 AND c.first_parent_index > $2::int AND c.first_parent_index <= $3::int)"
)

_LIVE = (
    "SELECT o.path, o.qualified_name, o.kind, o.duplicate_index, o.exact_hash, o.valid_from, s.loose_hash, s.doc_hash "
    "FROM stemma.occurrences o JOIN stemma.snippets s ON s.blob_oid = o.blob_oid AND s.extractor_version = $4 "
    "  AND s.ordinal = o.ordinal WHERE o.repo_id = $1 AND o.valid_to IS NULL AND o.path IN ("
    "  SELECT c.path FROM stemma.file_changes c"
    "  WHERE c.repo_id = $1 AND c.first_parent_index > $2::int AND c.first_parent_index <= $3::int)"
)


def intervals(
    changes: pl.DataFrame, definitions: pl.DataFrame, live: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Occurrences that begin in a span of commits (all columns but repo_id), and live ones that end in it.

    Args:
        changes: path, index, sha, language, category, blob_oid (null: deleted) of readable changes.
        definitions: snippets of those contents.
        live: occurrences of the touched paths that stood before the span.
    """
    # The states of a path are numbered: 0 before the span, then one per change. An element that keeps its text from
    # one state to the next is one occurrence, so occurrences are the runs of equal text in consecutive states.
    states = changes.sort("path", "index").with_columns(state=pl.int_range(1, pl.len() + 1).over("path"))
    texts = pl.concat(
        [live.with_columns(state=pl.lit(0, pl.Int64)), states.join(definitions, on="blob_oid")], how="diagonal_relaxed"
    ).sort(*ELEMENT, "state")
    follows = pl.all_horizontal(
        *(pl.col(name).eq_missing(pl.col(name).shift()) for name in [*ELEMENT, *TEXT]),
        pl.col("state") == pl.col("state").shift() + 1,
    ).fill_null(False)
    runs = (
        texts.with_columns(run=(~follows).cum_sum())
        .group_by("run")
        .agg(pl.exclude("state").first(), first=pl.col("state").first(), after=pl.col("state").last() + 1)
        .drop("run")
    )
    ends = states.select("path", "state", valid_to="index", valid_to_sha="sha")
    runs = runs.join(ends, left_on=["path", "after"], right_on=["path", "state"], how="left")
    ended = runs.filter((pl.col("first") == 0) & pl.col("valid_to").is_not_null())
    begun = runs.filter(pl.col("first") > 0).with_columns(valid_from="index", valid_from_sha="sha")
    columns = [name for name in polars_schema(occurrences) if name != "repo_id"]
    return begun.select(columns).sort("valid_from", *ELEMENT), ended.select(
        *ELEMENT, "valid_from", "valid_to", "valid_to_sha"
    )


def _end(transaction: Transaction, repo_id: str, ended: pl.DataFrame) -> None:
    if ended.is_empty():
        return
    with transaction.staged("ended_occurrences", ended) as name:
        transaction.execute(
            f"UPDATE stemma.occurrences o SET valid_to = e.valid_to, valid_to_sha = e.valid_to_sha FROM {name} e "
            "WHERE o.repo_id = $1 AND o.path = e.path AND o.qualified_name = e.qualified_name AND o.kind = e.kind "
            "AND o.duplicate_index = e.duplicate_index AND o.valid_from = e.valid_from",
            [repo_id],
        )
