"""Copies with edits between repositories: elements whose live versions match, joined where the later one was born.

That two live patterns match, and with what probability, is told by `stemma.match`; equal texts are joined in `copies`.

What matches today was written once: the edge leads from the birth of the element that came later to the version of the
other that stood then, and `weight` is how alike those two were. Below `LEAST` they were not yet alike, and there is no
edge: the two grew alike. `evidence` names the live versions (`alike`) and the matched patterns; an edge goes when these
no longer match, or no longer stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.lineage import copy_rows
from stemma.lineage.copy_sources import direction
from stemma.lineage.copy_tables import IS_BIRTH, IS_COPY
from stemma.lineage.graph import SAME_ELEMENT
from stemma.lineage.likeness import jaccard
from stemma.store.postgres import Transaction

LEAST = 0.3  # of their 5-token windows; chosen, not learned: what has less in common is as often written twice
PAIRS_PER_SLICE = 5_000

_TYPES = ", ".join(f"'{kind}'" for kind in SAME_ELEMENT)


@dataclass(frozen=True)
class NearCounts:
    """Edges written and taken back."""

    n_edges: int
    n_retired: int


def has_new_matches(transaction: Transaction) -> bool:
    """Whether there are matches that were not there at the last time."""
    found = transaction.read(
        "SELECT coalesce(max(matched_at) > (SELECT min(looked_at) FROM stemma.copy_progress), false) AS is_newer "
        "FROM stemma.matches"
    )
    return bool(found["is_newer"].item())


def retire_broken(transaction: Transaction) -> int:
    """Take back the edges whose two ends no longer match, or whose live versions no longer stand."""
    return copy_rows.delete(transaction, _BROKEN)


_STANDS = """
EXISTS (
    SELECT FROM stemma.lineage_nodes n JOIN stemma.occurrences o ON o.repo_id = n.repo_id AND o.path = n.path
        AND o.qualified_name = n.qualified_name AND o.kind = n.kind AND o.duplicate_index = n.duplicate_index
        AND o.valid_from = n.first_parent_index AND o.valid_to IS NULL
    WHERE n.node_id = e.evidence ->> '{live}'
)
"""
_BROKEN = f"""
SELECT e.edge_id, e.child_id FROM stemma.lineage_edges e
WHERE e.{IS_COPY} AND e.evidence ->> 'matched_by' = 'match' AND NOT (
    {_STANDS.format(live="child_live")} AND {_STANDS.format(live="parent_live")}
    AND (e.evidence ->> 'pattern_a' = e.evidence ->> 'pattern_b' OR EXISTS (
        SELECT FROM stemma.matches m
        WHERE m.pattern_a = e.evidence ->> 'pattern_a' AND m.pattern_b = e.evidence ->> 'pattern_b'
    ))
)
"""


def find(transaction: Transaction) -> NearCounts:
    """Write the edges of the elements whose live patterns are affected or newly matched, and take back their others.

    Reads the temporary tables `affected`, `dated`, `shared` and `lent`.
    """
    for statement in _TABLES:
        transaction.execute(statement)
    pairs = transaction.read(_PAIRS)
    found = _rows(transaction, pairs)
    with transaction.staged("near_found", found.select("child_id", edge_id=copy_rows.edge_ids(found))) as kept:
        n_retired = copy_rows.delete(
            transaction,
            "SELECT DISTINCT e.edge_id, e.child_id FROM pg_temp.near_elements t "
            f"JOIN stemma.lineage_edges e ON e.child_id = t.birth_id LEFT JOIN {kept} k USING (child_id) "
            f"WHERE t.is_asked AND e.{IS_COPY} AND e.evidence ->> 'matched_by' = 'match' "
            "AND k.edge_id IS DISTINCT FROM e.edge_id",
        )
    return NearCounts(copy_rows.write(transaction, found), n_retired)


def _temporary(name: str, query: str, index: str) -> tuple[str, ...]:
    return (
        f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}",
        f"CREATE INDEX ON {name} ({index})",
        f"ANALYZE {name}",
    )


_TABLES = (
    # Both ways round; a pattern that stands in several repositories is alike to itself.
    *_temporary(
        "near_matches",
        """
        WITH fresh AS (
            SELECT pattern_id FROM pg_temp.affected
            UNION SELECT unnest(ARRAY[pattern_a, pattern_b]) FROM stemma.matches
            WHERE matched_at > (SELECT min(looked_at) FROM stemma.copy_progress)
        ), asked AS (
            SELECT pattern_id FROM fresh
            UNION SELECT m.pattern_b FROM fresh f JOIN stemma.matches m ON m.pattern_a = f.pattern_id
            UNION SELECT m.pattern_a FROM fresh f JOIN stemma.matches m ON m.pattern_b = f.pattern_id
        )
        SELECT a.pattern_id, m.pattern_b AS other_id, coalesce(m.probability, m.score) AS sureness
        FROM asked a JOIN stemma.matches m ON m.pattern_a = a.pattern_id
        UNION ALL
        SELECT a.pattern_id, m.pattern_a, coalesce(m.probability, m.score)
        FROM asked a JOIN stemma.matches m ON m.pattern_b = a.pattern_id
        UNION ALL
        SELECT a.pattern_id, a.pattern_id, 1 FROM asked a
        JOIN stemma.patterns p USING (pattern_id) WHERE p.n_repositories > 1 AND NOT p.is_trivial
        """,
        "pattern_id",
    ),
    *_temporary(
        "near_live",
        """
        WITH standing AS (
            SELECT DISTINCT o.pattern_id, o.repo_id FROM stemma.occurrences o
            WHERE o.valid_to IS NULL AND o.pattern_id IN (SELECT other_id FROM near_matches)
        ), wanted AS (
            SELECT m.pattern_id, own.repo_id, true AS is_asked FROM near_matches m
            JOIN standing s ON s.pattern_id = m.other_id
            JOIN (
                SELECT DISTINCT pattern_id, repo_id FROM stemma.occurrences
                WHERE valid_to IS NULL AND pattern_id IN (SELECT pattern_id FROM near_matches)
            ) own ON own.pattern_id = m.pattern_id AND own.repo_id <> s.repo_id
            UNION
            SELECT s.pattern_id, s.repo_id, false FROM standing s
        ), once AS (SELECT pattern_id, repo_id, bool_or(is_asked) AS is_asked FROM wanted GROUP BY 1, 2)
        SELECT n.node_id AS live_id, n.repo_id, n.pattern_id, w.is_asked
        FROM once w JOIN stemma.occurrences o ON o.repo_id = w.repo_id AND o.pattern_id = w.pattern_id
        JOIN stemma.lineage_nodes n ON n.repo_id = o.repo_id AND n.path = o.path AND n.qualified_name = o.qualified_name
            AND n.kind = o.kind AND n.duplicate_index = o.duplicate_index AND n.first_parent_index = o.valid_from
        WHERE o.valid_to IS NULL
        """,
        "live_id",
    ),
    # All that the live element was before.
    *_temporary(
        "near_lives",
        f"""
        WITH RECURSIVE life AS (
            SELECT live_id, live_id AS node_id FROM near_live
            UNION
            SELECT l.live_id, e.parent_id FROM life l JOIN stemma.lineage_edges e ON e.child_id = l.node_id
            WHERE e.edge_type IN ({_TYPES}) AND e.evidence -> 'other_element' IS DISTINCT FROM 'true'
        )
        SELECT l.live_id, n.node_id, n.pattern_id, n.repo_id, d.position, d.seen_at, d.earliest_at, d.latest_at,
               t.node_id IS NOT NULL AS is_lent
        FROM life l JOIN stemma.lineage_nodes n USING (node_id)
        JOIN pg_temp.dated d ON d.repo_id = n.repo_id AND d.sha = n.sha LEFT JOIN pg_temp.lent t USING (node_id)
        """,
        "live_id",
    ),
    *_temporary(
        "near_elements",
        f"""
        SELECT l.live_id, l.pattern_id AS live_pattern, l.is_asked, b.node_id AS birth_id, b.pattern_id, b.repo_id,
               b.position, b.seen_at, b.earliest_at, b.latest_at, b.is_lent,
               {IS_BIRTH} AND s.sha IS NULL AND NOT EXISTS (
                   SELECT FROM stemma.lineage_edges e WHERE e.child_id = n.node_id AND e.{IS_COPY}
                   AND e.evidence ->> 'matched_by' <> 'match'
               ) AS is_free
        FROM near_live l
        JOIN (SELECT DISTINCT ON (live_id) * FROM near_lives ORDER BY live_id, position, node_id) b USING (live_id)
        JOIN stemma.lineage_nodes n ON n.node_id = b.node_id
        LEFT JOIN pg_temp.shared s ON s.repo_id = n.repo_id AND s.sha = n.sha
        """,
        "live_pattern",
    ),
)

# The order that keeps derivation free of cycles, as in `copy_sources`.
_COMES_BEFORE = "({0}.is_lent, {0}.seen_at, {0}.repo_id) < (t.is_lent, t.seen_at, t.repo_id)"
# Of each element the likest other, of these the first; then, of that one's versions, the last that stood before.
_PAIRS = f"""
WITH first_of AS (
    SELECT DISTINCT ON (live_pattern, repo_id) * FROM pg_temp.near_elements
    ORDER BY live_pattern, repo_id, is_lent, seen_at, position, birth_id
), possible AS (
    SELECT t.birth_id, t.live_id, t.live_pattern, s.live_id AS live_source, s.live_pattern AS other_pattern, m.sureness,
           count(*) OVER (PARTITION BY t.birth_id) AS candidates,
           row_number() OVER (
               PARTITION BY t.birth_id ORDER BY m.sureness DESC, s.is_lent, s.seen_at, s.repo_id, s.position, t.live_id
           ) AS place
    FROM pg_temp.near_elements t JOIN pg_temp.near_matches m ON m.pattern_id = t.live_pattern
    JOIN first_of s ON s.live_pattern = m.other_id AND s.repo_id <> t.repo_id
    WHERE t.is_asked AND t.is_free AND {_COMES_BEFORE.format("s")}
)
SELECT DISTINCT ON (t.birth_id) t.birth_id AS child_id, v.node_id AS parent_id, t.pattern_id,
       v.pattern_id AS pattern_id_parent, t.is_lent, v.is_lent AS is_lent_source, t.earliest_at,
       v.latest_at AS latest_at_source, p.live_id AS child_live, p.live_source AS parent_live, p.candidates,
       least(p.live_pattern, p.other_pattern) AS pattern_a, greatest(p.live_pattern, p.other_pattern) AS pattern_b,
       p.sureness
FROM possible p JOIN pg_temp.near_elements t USING (live_id)
JOIN pg_temp.near_lives v ON v.live_id = p.live_source AND {_COMES_BEFORE.format("v")}
WHERE p.place = 1
ORDER BY t.birth_id, v.seen_at <= t.seen_at DESC, abs(v.seen_at - t.seen_at), v.position DESC, v.node_id
"""

_ENDS = """
SELECT n.node_id, n.repo_id, n.sha, n.path, n.qualified_name, n.occurred_at, coalesce(f.category, 'source') AS category
FROM {ids} i JOIN stemma.lineage_nodes n USING (node_id)
LEFT JOIN stemma.file_changes f ON f.repo_id = n.repo_id AND f.sha = n.sha AND f.path = n.path
"""


def _rows(transaction: Transaction, pairs: pl.DataFrame) -> pl.DataFrame:
    parts = [_alike(transaction, part) for part in pairs.iter_slices(PAIRS_PER_SLICE)]
    alike = (pl.concat(parts) if parts else pairs.with_columns(weight=pl.lit(None, pl.Float32))).with_columns(
        matched_by=pl.lit("match"), direction=direction()
    )
    ids = pl.concat([alike["child_id"], alike["parent_id"]]).unique().to_frame("node_id")
    with transaction.staged("near_ends", ids) as name:
        ends = transaction.read(_ENDS.format(ids=name))
    return copy_rows.with_ends(alike, ends).with_columns(
        edge_type=pl.lit("copied_from"),
        confidence=(pl.col("sureness") * copy_rows.confidence()).cast(pl.Float32),
        evidence=copy_rows.evidence("pattern_a", "pattern_b", "child_live", "parent_live"),
    )


def _alike(transaction: Transaction, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose normal forms share enough of their 5-token windows, with that share as `weight`."""
    wanted = pl.concat([pairs["pattern_id"], pairs["pattern_id_parent"]]).unique().to_frame("pattern_id")
    with transaction.staged("near_patterns", wanted) as name:
        shingles = transaction.read(f"SELECT pattern_id, shingles FROM stemma.patterns JOIN {name} USING (pattern_id)")
    both = pairs.join(shingles, on="pattern_id").join(
        shingles, left_on="pattern_id_parent", right_on="pattern_id", suffix="_parent"
    )
    weighed = both.with_columns(weight=jaccard("shingles", "shingles_parent")).drop("shingles", "shingles_parent")
    return weighed.filter(pl.col("weight") >= LEAST)
