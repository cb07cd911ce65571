"""Lives of texts on HEAD's chain, as temporary tables that `outcomes` and `lives` ask: when each began, how it ended.

How versions follow each other is decided in `stemma.lineage`. A version counts from the commit of HEAD's chain where it
came to stand (`occurrences`); how it got there, over whatever branches, does not matter. Its successor is the version
that came to stand where it ended and that follows it over edges of one element (modified, renamed, moved, derived,
merged), through any number of versions that never stood on the chain themselves.

A life goes on as long as the code does: a version that was only moved, renamed, reformatted or documented anew is the
same life, and ends nothing; a change of body or signature ends one life and begins another. Of several versions that
one text becomes, one goes on (the one in the same place, else the smallest id) and the others begin anew.
"""

from __future__ import annotations

from stemma.store.postgres import Transaction

# One table after another, each analysed: as one query of many parts its planner knew no sizes, and took minutes for the
# 16,000 versions of a history with many merges.
_TABLES = {
    "life_stands": """
SELECT n.node_id, n.path, n.kind, n.qualified_name, n.duplicate_index, o.valid_from, o.valid_to, o.valid_from_sha,
       o.valid_to_sha
FROM stemma.lineage_nodes n
JOIN stemma.occurrences o ON o.repo_id = n.repo_id AND o.path = n.path AND o.kind = n.kind
    AND o.qualified_name = n.qualified_name AND o.duplicate_index = n.duplicate_index
    AND o.valid_from = n.first_parent_index
WHERE n.repo_id = $1
""",
    "life_told": """
SELECT node_id, bool_or(event_type IN ('body_changed', 'signature_changed')) AS is_changed,
       bool_or(event_type = 'observed') AS is_observed
FROM stemma.lineage_events
WHERE repo_id = $1 AND event_type IN ('body_changed', 'signature_changed', 'observed') GROUP BY node_id
""",
    "life_steps": """
SELECT e.parent_id, e.child_id,
       bool_and(CASE WHEN e.edge_type = 'merged_from' THEN child.exact_hash <> parent.exact_hash
                     ELSE coalesce(t.is_changed, false) END) AS is_changed,
       bool_or(s.node_id IS NOT NULL) AS is_of_standing, bool_or(l.node_id IS NOT NULL) AS is_to_standing
FROM stemma.lineage_edges e
JOIN stemma.lineage_nodes child ON child.node_id = e.child_id
JOIN stemma.lineage_nodes parent ON parent.node_id = e.parent_id AND parent.repo_id = $1
LEFT JOIN pg_temp.life_told t ON t.node_id = e.child_id
LEFT JOIN pg_temp.life_stands s ON s.node_id = e.parent_id
LEFT JOIN pg_temp.life_stands l ON l.node_id = e.child_id
WHERE e.repo_id = $1
  AND e.edge_type IN ('modified_from', 'renamed_from', 'moved_from', 'derived_from', 'merged_from')
  AND NOT coalesce((e.evidence ->> 'other_element')::boolean, false)
GROUP BY 1, 2
""",
    # Through versions that never stood there, `is_last` once one is reached that did.
    "life_reached": """
WITH RECURSIVE reached AS (
    SELECT parent_id AS from_id, child_id AS to_id, is_changed, is_to_standing AS is_last
    FROM pg_temp.life_steps WHERE is_of_standing
    UNION
    SELECT r.from_id, s.child_id, r.is_changed OR s.is_changed, s.is_to_standing
    FROM reached r JOIN pg_temp.life_steps s ON s.parent_id = r.to_id WHERE NOT r.is_last
) SELECT from_id, to_id, is_changed FROM reached WHERE is_last AND $1 <> ''
""",
    "life_successors": """
SELECT r.from_id, r.to_id, bool_and(r.is_changed) AS is_changed,
       bool_or((a.path, a.kind, a.qualified_name, a.duplicate_index)
               = (b.path, b.kind, b.qualified_name, b.duplicate_index)) AS is_same_place
FROM pg_temp.life_reached r
JOIN pg_temp.life_stands a ON a.node_id = r.from_id
JOIN pg_temp.life_stands b ON b.node_id = r.to_id AND b.valid_from = a.valid_to
WHERE $1 <> '' GROUP BY 1, 2
""",
    "life_follows": """
SELECT DISTINCT ON (to_id) from_id, to_id, is_changed FROM (
    SELECT DISTINCT ON (from_id) * FROM pg_temp.life_successors
    WHERE $1 <> '' ORDER BY from_id, is_changed, is_same_place DESC, to_id
) AS one ORDER BY to_id, is_changed, is_same_place DESC, from_id
""",
    "life_spans": """
WITH RECURSIVE life AS (
    SELECT s.node_id AS root_id, s.node_id AS last_id FROM pg_temp.life_stands s
    WHERE s.node_id NOT IN (SELECT to_id FROM pg_temp.life_follows WHERE NOT is_changed) AND $1 <> ''
    UNION ALL
    SELECT l.root_id, f.to_id FROM life l
    JOIN pg_temp.life_follows f ON f.from_id = l.last_id AND NOT f.is_changed
) SELECT root_id, last_id FROM life
WHERE last_id NOT IN (SELECT from_id FROM pg_temp.life_follows WHERE NOT is_changed)
""",
    "life_head": """
SELECT committed_at FROM stemma.commits WHERE repo_id = $1 AND first_parent_index IS NOT NULL
ORDER BY first_parent_index DESC LIMIT 1
""",
    "life_lives": """
SELECT l.root_id AS node_id, l.last_id, born.committed_at AS began_at, stop.committed_at AS ended_at, stop.sha,
       stop.subject,
       l.last_id IN (SELECT from_id FROM pg_temp.life_successors)
           OR l.last_id IN (SELECT child_id FROM stemma.lineage_edges
                            WHERE repo_id = $1 AND edge_type = 'replaced_by') AS is_replaced,
       l.root_id IN (SELECT node_id FROM pg_temp.life_told WHERE is_observed) AS is_unknown
FROM pg_temp.life_spans l
JOIN pg_temp.life_stands first ON first.node_id = l.root_id
JOIN pg_temp.life_stands last ON last.node_id = l.last_id
JOIN stemma.commits born ON born.repo_id = $1 AND born.sha = first.valid_from_sha
LEFT JOIN stemma.commits stop ON stop.repo_id = $1 AND stop.sha = last.valid_to_sha
""",
}


def stage_lives(transaction: Transaction, repo_id: str) -> None:
    """Make `life_lives`, `life_stands`, `life_follows` and `life_head` in `pg_temp`, for the rest of the transaction.

    life_lives: node_id it began with, last_id, began_at, ended_at and sha of the commit that ended it (null: it
    stands), subject of that, is_replaced, is_unknown (its birth).
    """
    for name, query in _TABLES.items():
        transaction.stage(name, query, [repo_id])
