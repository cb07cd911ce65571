"""Families in the tables: brought in line with the matches, only rows that differ are written.

Which patterns make a family is said in `grouping`, which id it bears in `family_ids`; how pairs came to match, in
`matches`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from stemma.match.family_ids import SUCCESSORS, name_families
from stemma.match.grouping import group
from stemma.store.postgres import Database, Transaction
from stemma.tables import families, family_members, polars_schema

LIVE = """
SELECT pattern_id, language, name, n_live FROM stemma.patterns WHERE n_live > 0 AND NOT is_trivial ORDER BY pattern_id
"""
# By row number: two ids of 32 characters for each of five million matches would be most of the memory.
MATCHED = """
SELECT a.row AS a, b.row AS b, m.score, m.clone_type FROM stemma.matches AS m
JOIN {live} AS a ON a.pattern_id = m.pattern_a JOIN {live} AS b ON b.pattern_id = m.pattern_b
"""
REPOSITORIES = """
SELECT m.family_id, count(DISTINCT o.repo_id)::int AS n_repositories
FROM {} AS m JOIN stemma.occurrences AS o USING (pattern_id)
WHERE o.valid_to IS NULL AND o.category = 'source' GROUP BY m.family_id
"""


def update_families(db: Database) -> dict[str, int]:
    """Bring families in line with the matches between live, non-trivial patterns. All of it is one transaction.

    Returns:
        n_written: families inserted or changed; n_deleted: families gone; n_moved: members that came or went;
        families: how many there are.
    """
    with db.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('stemma.families'))")
        live = transaction.read(LIVE).with_row_index("row")
        with transaction.staged("live", live.select("row", "pattern_id")) as name:
            matched = transaction.read(MATCHED.format(live=name))
        members, facts = group(live.drop("row"), matched)
        old = transaction.read(
            "SELECT family_id, pattern_id, joined_at, similarity FROM stemma.family_members",
            schema=polars_schema(family_members),
        )
        named = name_families(members, old, transaction.read(SUCCESSORS))
        members = members.join(named, on="component")
        came = members.join(old, on=["family_id", "pattern_id"], how="anti")
        went = old.join(members, on=["family_id", "pattern_id"], how="anti")
        changed = pl.concat([came["family_id"], went["family_id"]]).unique()
        known = transaction.read("SELECT * FROM stemma.families", schema=polars_schema(families))
        rows = _family_rows(transaction, facts.join(named, on="component"), members, known, changed)
        n_written = transaction.insert(
            families, rows.join(known, on=rows.columns, how="anti", nulls_equal=True), "update"
        )
        n_deleted = _write_members(transaction, rows, members, old, went)
    return {
        "n_written": n_written,
        "n_deleted": n_deleted,
        "n_moved": len(came) + len(went),
        "families": len(rows),
    }


def _family_rows(
    transaction: Transaction, facts: pl.DataFrame, members: pl.DataFrame, known: pl.DataFrame, changed: pl.Series
) -> pl.DataFrame:
    """Rows of `families`; one that is known keeps its `created_at`, and while its members are the same `updated_at`."""
    with transaction.staged("grouped", members.select("family_id", "pattern_id")) as grouped:
        spread = transaction.read(REPOSITORIES.format(grouped))
    times = known.select("family_id", "created_at", "updated_at")
    now = pl.lit(datetime.now(UTC))
    is_changed = pl.col("family_id").is_in(changed.implode()) | pl.col("updated_at").is_null()
    return (
        facts.join(spread, on="family_id", how="left")
        .join(times, on="family_id", how="left")
        .with_columns(
            pl.col("n_repositories").fill_null(0),
            created_at=pl.col("created_at").fill_null(now),
            updated_at=pl.when(is_changed).then(now).otherwise(pl.col("updated_at")),
        )
        .select(pl.col(name).cast(kind) for name, kind in polars_schema(families).items())
    )


def _write_members(
    transaction: Transaction, rows: pl.DataFrame, members: pl.DataFrame, old: pl.DataFrame, went: pl.DataFrame
) -> int:
    """Move members, note how near they are now, and delete the families that are gone; returns how many those were."""
    if not went.is_empty():
        with transaction.staged("went", went) as name:
            transaction.execute(
                f"DELETE FROM stemma.family_members AS m USING {name} AS w "
                "WHERE (m.family_id, m.pattern_id) = (w.family_id, w.pattern_id)"
            )
    is_known = pl.col("joined_at").is_not_null()
    is_same = pl.col("similarity").eq_missing(pl.col("similarity_before"))
    differing = (
        members.join(old, on=["family_id", "pattern_id"], how="left", suffix="_before")
        .filter(~(is_known & is_same))
        .with_columns(pl.col("joined_at").fill_null(pl.lit(datetime.now(UTC))))
    )
    transaction.insert(family_members, differing.select(polars_schema(family_members).names()), "update")
    with transaction.staged("kept", rows.select("family_id")) as name:
        return transaction.execute(
            f"DELETE FROM stemma.families WHERE NOT EXISTS "
            f"(SELECT FROM {name} AS k WHERE k.family_id = families.family_id)"
        )
