"""Questions about matches and families that a person asks. How families are made lives in `families`."""

from __future__ import annotations

import polars as pl

from stemma.git import registry
from stemma.store.postgres import Database

_FAMILIES = """
SELECT f.family_id, f.name, f.language, f.n_patterns, f.n_occurrences, f.n_repositories, f.mean_score,
       (SELECT array_agg(DISTINCT r.name ORDER BY r.name)
        FROM stemma.family_members m
        JOIN stemma.occurrences o ON o.pattern_id = m.pattern_id AND o.valid_to IS NULL AND o.category = 'source'
        JOIN stemma.repositories r USING (repo_id)
        WHERE m.family_id = f.family_id) AS repositories
FROM stemma.families f
WHERE $1::text IS NULL OR EXISTS (
    SELECT FROM stemma.family_members m
    JOIN stemma.occurrences o ON o.pattern_id = m.pattern_id AND o.valid_to IS NULL AND o.category = 'source'
    WHERE m.family_id = f.family_id AND o.repo_id = $1)
ORDER BY f.n_repositories DESC, f.n_occurrences DESC, f.family_id
LIMIT $2
"""


def families(db: Database, *, repo: str | None = None, limit: int = 20) -> pl.DataFrame:
    """The `limit` families that span most repositories and places; only those with a member in `repo` when given.

    Raises:
        NotFoundError: no repository is called `repo`.
    """
    repo_id = registry.find(db, repo).repo_id if repo is not None else None
    return db.read(_FAMILIES, [repo_id, limit])
