"""Families: live patterns that hang together by matches, and single patterns that stand in several places.

First form: connected components, which chain; a method with stated cohesion will take the place of `_group`.
How pairs came to match is said in `matches`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from stemma.config import Settings
from stemma.ids import content_id
from stemma.match.components import bounded_components
from stemma.store.postgres import Database, Transaction
from stemma.tables import families, family_members, polars_schema

LARGEST = 100
STEP = 0.05
FIRM = 0.9

LIVE = """
SELECT pattern_id, language, name, n_live, n_repositories FROM stemma.patterns
WHERE n_live > 0 AND NOT is_trivial ORDER BY pattern_id
"""
LIVE_MATCHES = """
SELECT m.pattern_a, m.pattern_b, m.score FROM stemma.matches AS m
JOIN stemma.patterns AS a ON a.pattern_id = m.pattern_a AND a.n_live > 0 AND NOT a.is_trivial
JOIN stemma.patterns AS b ON b.pattern_id = m.pattern_b AND b.n_live > 0 AND NOT b.is_trivial
WHERE m.score >= $1 ORDER BY m.pattern_a, m.pattern_b
"""
REPOSITORIES = """
SELECT m.family_id, count(DISTINCT o.repo_id)::int AS n_repositories
FROM {} AS m JOIN stemma.occurrences AS o USING (pattern_id)
WHERE o.valid_to IS NULL AND o.category = 'source' GROUP BY m.family_id
"""


def update_families(db: Database, settings: Settings) -> dict[str, int]:
    """Bring families in line with the matches of `settings.match_threshold` or more between live, non-trivial patterns.

    A family is a connected component of matches, or one pattern with two or more live places. Components chain unlike
    patterns together, so one of more than `LARGEST` patterns is cut: its weakest matches are left out, step by step,
    until its parts are small enough or only matches of `FIRM` or more are left, which mark near copies.

    Ids stay put: a component takes over the id of the family with which it shares most members, one to one, the larger
    share first; a new family's id is the hash of its first members. Only rows that differ are written.

    Returns:
        n_written: families inserted or changed; n_deleted: families gone; n_moved: members that came or went;
        families: how many there are.
    """
    with db.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('stemma.families'))")
        live = transaction.read(LIVE)
        members, facts = _group(live, transaction.read(LIVE_MATCHES, [settings.match_threshold]))
        old = transaction.read("SELECT family_id, pattern_id FROM stemma.family_members")
        named = _names(members, old)
        members = members.join(named, on="component").select("component", "family_id", "pattern_id")
        came = members.join(old, on=["family_id", "pattern_id"], how="anti")
        went = old.join(members, on=["family_id", "pattern_id"], how="anti")
        changed = pl.concat([came["family_id"], went["family_id"]]).unique()
        rows = _family_rows(transaction, facts.join(named, on="component"), members, changed)
        n_written = transaction.insert(families, rows, "update")
        n_deleted = _write_members(transaction, rows, came, went)
    return {
        "n_written": n_written,
        "n_deleted": n_deleted,
        "n_moved": len(came) + len(went),
        "families": len(rows),
    }


def _group(live: pl.DataFrame, matched: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Members (component, pattern_id) and facts (one row a component: language, medoid, name, sizes, mean score)."""
    n = len(live)
    row_of = live.select("pattern_id").with_row_index("row")
    ends = matched.join(row_of.rename({"row": "a"}), left_on="pattern_a", right_on="pattern_id", maintain_order="left")
    ends = ends.join(row_of.rename({"row": "b"}), left_on="pattern_b", right_on="pattern_id", maintain_order="left")
    a, b = (ends[name].cast(pl.Int64).to_numpy() for name in ("a", "b"))
    score = ends["score"].to_numpy()
    root = bounded_components(n, a, b, score, largest=LARGEST, step=STEP, firm=FIRM)
    inside = root[a] == root[b]
    a, b, score = a[inside], b[inside], score[inside].astype(np.float64)
    n_edges = np.bincount(root[a], minlength=n)
    mean = np.divide(np.bincount(root[a], score, n), n_edges, out=np.full(n, np.nan), where=n_edges > 0)
    nodes = live.with_columns(
        component=pl.Series(root),
        closeness=pl.Series(np.bincount(a, score, n) + np.bincount(b, score, n)),
        mean_score=pl.Series(mean[root]).fill_nan(None),
    ).filter((pl.len().over("component") > 1) | (pl.col("n_live") > 1))
    facts = (
        nodes.sort("component", "closeness", "n_live", "pattern_id", descending=[False, True, True, False])
        .group_by("component", maintain_order=True)
        .agg(
            pl.col("language", "name", "mean_score").first(),
            medoid_pattern_id=pl.col("pattern_id").first(),
            n_patterns=pl.len(),
            n_occurrences=pl.col("n_live").sum(),
        )
    )
    return nodes.select("component", "pattern_id"), facts


def _names(members: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """The family id of every component: inherited where it shares members with an old family, else made."""
    shares = (
        members.join(old, on="pattern_id")
        .group_by("component", "family_id")
        .len()
        .sort("len", "family_id", "component", descending=[True, False, False])
        .select("component", "family_id")
    )
    inherited = [shares.clear()]
    while not shares.is_empty():  # the first row is always taken; a handful of rounds in practice
        best = shares.unique("component", keep="first", maintain_order=True)
        best = best.join(shares.unique("family_id", keep="first", maintain_order=True), on=shares.columns, how="semi")
        inherited.append(best)
        shares = shares.join(best, on="component", how="anti").join(best, on="family_id", how="anti")
    named = pl.concat(inherited)
    founded = (
        members.join(named, on="component", how="anti")
        .group_by("component")
        .agg(pl.col("pattern_id").sort())
        .sort("component")
    )
    taken = {*old["family_id"], *named["family_id"]}
    ids = [_new_id(founders, taken) for founders in founded["pattern_id"]]
    return pl.concat([named, founded.select("component", pl.Series("family_id", ids, pl.String))])


def _new_id(founders: pl.Series, taken: set[str]) -> str:
    """Hash of the founding members; counted on where a family that has moved on since still bears that id."""
    family_id = content_id(*founders)
    generation = 1
    while family_id in taken:
        generation += 1
        family_id = content_id(*founders, str(generation))
    return family_id


def _family_rows(
    transaction: Transaction, facts: pl.DataFrame, members: pl.DataFrame, changed: pl.Series
) -> pl.DataFrame:
    """Rows of `families`; a family whose members are the same keeps its `updated_at`."""
    with transaction.staged("grouped", members.select("family_id", "pattern_id")) as grouped:
        spread = transaction.read(REPOSITORIES.format(grouped))
    known = transaction.read("SELECT family_id, created_at, updated_at FROM stemma.families")
    now = pl.lit(datetime.now(UTC))
    is_changed = pl.col("family_id").is_in(changed.implode()) | pl.col("updated_at").is_null()
    return (
        facts.join(spread, on="family_id", how="left")
        .join(known, on="family_id", how="left")
        .with_columns(
            pl.col("n_repositories").fill_null(0),
            pl.col("mean_score").alias("cohesion"),
            created_at=pl.col("created_at").fill_null(now),
            updated_at=pl.when(is_changed).then(now).otherwise(pl.col("updated_at")),
        )
        .select(polars_schema(families).names())
    )


def _write_members(transaction: Transaction, rows: pl.DataFrame, came: pl.DataFrame, went: pl.DataFrame) -> int:
    """Move members and delete the families that are gone; returns how many families that were."""
    if not went.is_empty():
        with transaction.staged("went", went) as name:
            transaction.execute(
                f"DELETE FROM stemma.family_members AS m USING {name} AS w "
                "WHERE (m.family_id, m.pattern_id) = (w.family_id, w.pattern_id)"
            )
    came = came.select("family_id", "pattern_id", joined_at=pl.lit(datetime.now(UTC)))
    transaction.insert(family_members, came, "nothing")
    with transaction.staged("kept", rows.select("family_id")) as name:
        return transaction.execute(
            f"DELETE FROM stemma.families WHERE NOT EXISTS "
            f"(SELECT FROM {name} AS k WHERE k.family_id = families.family_id)"
        )
