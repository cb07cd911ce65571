"""Copies and forks: which new element came of which other, in its own repository or in another one.

Which source is chosen is decided in `copy_sources`, which copies with edits there are in `near_copies`; here is what is
looked at again, read for it and written of it. What became of one element inside its repository is `history`.

An edge leads from the birth of the copy to the version it was copied from, and an event (`copied`, `forked`) stands
beside it. `evidence`: matched_by (text, tokens or pattern: equal texts, token sequences, normal forms; match: alike
today; commit: the same commit in both), direction (dates, vendored, position or undecided), candidates (how many held
it before), and the category of either end where it is not source. Repositories that share commits share the history of
these: the one with the smallest id holds it, the births of the others are `forked_from` its births, and copies of that
code lead to it alone.

All rests on what is traced, so that any order of runs gives the same rows. Looked at again are the patterns of commits
that came since, and all of a repository whose commits were rewritten or whose edges went with their sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage import copy_rows, near_copies
from stemma.lineage.copy_sources import UNDECIDED, VERSIONS, between, inside
from stemma.lineage.copy_tables import IS_BIRTH, IS_COPY, stage_commits, stage_lent
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import copy_progress

RULES = "1"  # raise it when other rows would come of the same lineage
VERSION = f"{EXTRACTOR_VERSION}/{RULES}"
VERSIONS_PER_SLICE = 100_000


@dataclass(frozen=True)
class CopyCounts:
    """Edges written, and edges taken back because what they rested on is gone or another source was found."""

    n_edges: int = 0
    n_retired: int = 0


def update_copies(db: Database) -> CopyCounts:
    """Bring the copies and forks of all repositories to where lineage and matches are.

    One transaction: killed at any point, it leaves what was there. Of two at once, the second finds nothing to do.
    """
    with db.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('stemma'), hashtext('copies'))")
        repositories = transaction.read(_REPOSITORIES, [VERSION])
        counts = _look_again(transaction, repositories)
        _note(transaction, repositories)
    return counts


def count_copies(db: Database) -> int:
    """How many edges of copies and forks there are."""
    return int(db.read(f"SELECT count(*) AS n FROM stemma.lineage_edges WHERE {IS_COPY}")["n"].item())


# A repository is read anew where its traced commits are not those of the last time with some added, and where edges
# went meanwhile: they go with the versions they led to (a source's history was rewritten, its repository removed).
_REPOSITORIES = f"""
WITH traced AS (
    SELECT c.repo_id, max(c.position) AS position,
           md5(string_agg(concat_ws(' ', c.sha, c.traced_by, c.is_shallow_boundary), ',' ORDER BY c.position))
               AS commits_digest,
           md5(string_agg(concat_ws(' ', c.sha, c.traced_by, c.is_shallow_boundary), ',' ORDER BY c.position)
               FILTER (WHERE c.position <= p.position)) AS digest_then
    FROM stemma.commits c LEFT JOIN stemma.copy_progress p USING (repo_id)
    WHERE c.traced_by IS NOT NULL GROUP BY c.repo_id
), edges AS (
    SELECT repo_id, count(*)::int AS n FROM stemma.lineage_edges WHERE {IS_COPY} GROUP BY repo_id
), compared AS (
    SELECT r.repo_id, coalesce(t.position, -1) AS position, coalesce(t.commits_digest, '') AS commits_digest,
           p.position AS position_then,
           coalesce(p.version = $1 AND p.n_edges = coalesce(e.n, 0)
                    AND coalesce(t.digest_then, '') = p.commits_digest, false) AS is_continued
    FROM stemma.repositories r LEFT JOIN traced t USING (repo_id) LEFT JOIN edges e USING (repo_id)
    LEFT JOIN stemma.copy_progress p USING (repo_id)
)
SELECT repo_id, position, commits_digest, NOT is_continued AS is_anew,
       NOT is_continued OR position > position_then AS is_changed,
       CASE WHEN is_continued THEN position_then ELSE -1 END AS since
FROM compared
"""

_AFFECTED = """
CREATE TEMPORARY TABLE affected ON COMMIT DROP AS
SELECT a.pattern_id, count(*)::int AS n_versions
FROM (
    SELECT DISTINCT n.pattern_id FROM {looked_at} l
    JOIN stemma.commits c ON c.repo_id = l.repo_id AND c.position > l.since AND c.traced_by IS NOT NULL
    JOIN stemma.lineage_nodes n ON n.repo_id = c.repo_id AND n.sha = c.sha
    JOIN stemma.patterns p ON p.pattern_id = n.pattern_id AND NOT p.is_trivial
) AS a JOIN stemma.lineage_nodes n USING (pattern_id)
GROUP BY a.pattern_id
"""


def _look_again(transaction: Transaction, repositories: pl.DataFrame) -> CopyCounts:
    n_retired = _retire_whole(transaction, repositories.filter("is_anew")) + near_copies.retire_broken(transaction)
    if not (repositories["is_changed"].any() or n_retired or near_copies.has_new_matches(transaction)):
        return CopyCounts()
    changed = repositories.filter("is_changed").select("repo_id", "since")
    with transaction.staged("looked_at", changed) as looked_at:
        transaction.execute(_AFFECTED.format(looked_at=looked_at))
    stage_commits(transaction, datetime.now(UTC))
    n_edges, n_gone = _equal_copies(transaction)
    near = near_copies.find(transaction)
    return CopyCounts(n_edges + near.n_edges, n_retired + n_gone + near.n_retired)


def _retire_whole(transaction: Transaction, repositories: pl.DataFrame) -> int:
    if repositories.is_empty():
        return 0
    with transaction.staged("anew", repositories.select("repo_id")) as anew:
        own = f"repo_id IN (SELECT repo_id FROM {anew})"
        # The events of edges that went with their sources are still there.
        transaction.execute(
            f"DELETE FROM stemma.lineage_events WHERE {own} AND event_type = ANY (ARRAY['copied', 'forked'])"
        )
        gone = f"WITH gone AS (DELETE FROM stemma.lineage_edges WHERE {IS_COPY} AND {own} RETURNING 1)"
        return int(transaction.read(f"{gone} SELECT count(*) AS n FROM gone")["n"].item())


def _equal_copies(transaction: Transaction) -> tuple[int, int]:
    """Forks and copies inside repositories first: what came of a vendored file by copying is lent too."""
    n_edges = n_retired = 0
    slices = _slices(transaction)
    taken = []
    with phase("copies", total=2 * len(slices), unit="slices") as told:
        for wanted in slices:
            versions = _versions(transaction, wanted, is_lent="false", joins="")
            found = pl.concat([_forks(versions), _rows(versions, inside(versions), "copied_from")])
            taken.append(found["child_id"])
            n_retired += _retire(transaction, versions, found, is_inside=True)
            n_edges += copy_rows.write(transaction, found)
            told.advance(1)
        stage_lent(transaction)
        for wanted, own in zip(slices, taken, strict=True):
            joins = "LEFT JOIN pg_temp.lent ON lent.node_id = n.node_id"
            versions = _versions(transaction, wanted, is_lent="lent.node_id IS NOT NULL", joins=joins)
            found = _rows(versions, between(versions, own), "copied_from")
            n_retired += _retire(transaction, versions, found, is_inside=False)
            n_edges += copy_rows.write(transaction, found)
            told.advance(1)
    return n_edges, n_retired


def _slices(transaction: Transaction) -> list[pl.DataFrame]:
    """The affected patterns of two versions or more, so many at a time that their versions fit."""
    affected = transaction.read("SELECT * FROM pg_temp.affected WHERE n_versions > 1 ORDER BY pattern_id")
    number = affected["n_versions"].cum_sum() // VERSIONS_PER_SLICE
    return affected.select("pattern_id", number=number).partition_by("number", include_key=False)


_VERSIONS = """
SELECT n.node_id, n.repo_id, n.pattern_id, n.exact_hash, t.token_hash, n.first_parent_index AS index,
       o.valid_to AS until, d.position, d.seen_at, d.earliest_at, d.latest_at, {is_birth} AS is_birth,
       held.node_id IS NOT NULL AS is_shared, {is_lent} AS is_lent, coalesce(f.category, 'source') AS category,
       held.node_id AS held_id, n.sha, n.path, n.qualified_name, n.occurred_at
FROM {wanted} w
JOIN stemma.lineage_nodes n USING (pattern_id)
JOIN pg_temp.dated d ON d.repo_id = n.repo_id AND d.sha = n.sha
LEFT JOIN stemma.snippet_texts t ON t.exact_hash = n.exact_hash AND t.language = n.language
LEFT JOIN stemma.file_changes f ON f.repo_id = n.repo_id AND f.sha = n.sha AND f.path = n.path
LEFT JOIN stemma.occurrences o ON o.repo_id = n.repo_id AND o.path = n.path AND o.qualified_name = n.qualified_name
    AND o.kind = n.kind AND o.duplicate_index = n.duplicate_index AND o.valid_from = n.first_parent_index
LEFT JOIN pg_temp.shared s ON s.repo_id = n.repo_id AND s.sha = n.sha
LEFT JOIN stemma.lineage_nodes held ON held.repo_id = s.holder_id AND held.sha = s.sha AND held.path = n.path
    AND held.qualified_name = n.qualified_name AND held.kind = n.kind AND held.duplicate_index = n.duplicate_index
{joins}
"""


def _versions(transaction: Transaction, wanted: pl.DataFrame, *, is_lent: str, joins: str) -> pl.DataFrame:
    with transaction.staged("wanted", wanted) as name:
        query = _VERSIONS.format(wanted=name, is_birth=IS_BIRTH, is_lent=is_lent, joins=joins)
        return transaction.read(query).with_columns(pl.col(column).cast(kind) for column, kind in VERSIONS.items())


def _forks(versions: pl.DataFrame) -> pl.DataFrame:
    births = versions.filter("is_birth", "is_shared")
    pairs = births.select(
        child_id="node_id",
        parent_id="held_id",
        matched_by=pl.lit("commit"),
        direction=pl.lit(UNDECIDED),
        candidates=pl.lit(1, pl.Int64),
    )
    return _rows(versions, pairs, "forked_from")


def _rows(versions: pl.DataFrame, found: pl.DataFrame, edge_type: str) -> pl.DataFrame:
    return copy_rows.with_ends(found, versions).with_columns(
        edge_type=pl.lit(edge_type),
        weight=pl.lit(1.0, pl.Float32),
        confidence=copy_rows.confidence(),
        evidence=copy_rows.evidence(),
    )


def _retire(transaction: Transaction, versions: pl.DataFrame, found: pl.DataFrame, *, is_inside: bool) -> int:
    """Take back the edges of these births that were not found again. What only a match bears stands until another
    source is found for it: whether it still holds is looked after in `near_copies`."""
    births = versions.filter("is_birth").select("node_id")
    ids = found.select("child_id", edge_id=copy_rows.edge_ids(found))
    kinds = (
        "e.edge_type = 'forked_from' OR parent.repo_id = e.repo_id"
        if is_inside
        else "e.edge_type = 'copied_from' AND parent.repo_id <> e.repo_id"
    )
    with transaction.staged("births", births) as born, transaction.staged("found", ids) as kept:
        return copy_rows.delete(
            transaction,
            f"SELECT e.edge_id, e.child_id FROM {born} b JOIN stemma.lineage_edges e ON e.child_id = b.node_id "
            f"JOIN stemma.lineage_nodes parent ON parent.node_id = e.parent_id LEFT JOIN {kept} k USING (child_id) "
            f"WHERE e.{IS_COPY} AND (k.edge_id <> e.edge_id "
            f"OR k.edge_id IS NULL AND ({kinds}) AND e.evidence ->> 'matched_by' <> 'match')",
        )


def _note(transaction: Transaction, repositories: pl.DataFrame) -> None:
    counted = transaction.read(
        f"SELECT repo_id, count(*)::int AS n_edges FROM stemma.lineage_edges WHERE {IS_COPY} GROUP BY repo_id"
    )
    newest = transaction.read("SELECT coalesce(max(matched_at), to_timestamp(0)) AS newest FROM stemma.matches")
    rows = repositories.join(counted, on="repo_id", how="left").select(
        "repo_id",
        "position",
        "commits_digest",
        pl.col("n_edges").fill_null(0),
        version=pl.lit(VERSION),
        looked_at=pl.lit(newest["newest"].item()),
    )
    transaction.insert(copy_progress, rows, "update")
