"""Questions about families that a person asks. How they are made lives in `families`, how they differ in `skeleton`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.errors import NotFoundError
from stemma.git import registry
from stemma.references import ID, MAX_CANDIDATES, MIN_ID_DIGITS, ambiguous
from stemma.store.postgres import Database

_STANDS = "o.valid_to IS NULL AND o.category = 'source'"
# What stands in the repository asked for, once: looked up for each family in turn it took minutes.
_HERE = f"""
WITH here AS MATERIALIZED (
    SELECT DISTINCT o.pattern_id FROM stemma.occurrences AS o WHERE o.repo_id = $1 AND {_STANDS}
)"""
# The few that are shown are chosen first, and only their repositories are named.
_FAMILIES = f"""
{_HERE}, mine AS MATERIALIZED (
    SELECT DISTINCT m.family_id FROM here JOIN stemma.family_members AS m USING (pattern_id)
), chosen AS (
    SELECT f.* FROM stemma.families AS f
    WHERE $1::text IS NULL OR f.family_id IN (SELECT family_id FROM mine)
    ORDER BY f.n_repositories DESC, f.n_occurrences DESC, f.family_id
    LIMIT $2
), spread AS (
    SELECT m.family_id, array_agg(DISTINCT r.name ORDER BY r.name) AS repositories
    FROM chosen AS f
    JOIN stemma.family_members AS m USING (family_id)
    JOIN stemma.occurrences AS o ON o.pattern_id = m.pattern_id AND {_STANDS}
    JOIN stemma.repositories AS r USING (repo_id)
    GROUP BY m.family_id
)
SELECT f.family_id, f.name, f.language, f.n_patterns, f.n_occurrences, f.n_repositories, f.mean_score, f.cohesion,
       s.repositories
FROM chosen AS f LEFT JOIN spread AS s USING (family_id)
ORDER BY f.n_repositories DESC, f.n_occurrences DESC, f.family_id
"""
_TRIVIAL = f"""
{_HERE}
SELECT p.pattern_id, p.name, p.language, p.trivial_reason, p.n_lines, p.n_live AS n_occurrences, p.n_repositories
FROM stemma.patterns AS p
WHERE p.is_trivial AND p.n_live > 1 AND ($1::text IS NULL OR p.pattern_id IN (SELECT pattern_id FROM here))
ORDER BY p.n_repositories DESC, p.n_live DESC, p.pattern_id
LIMIT $2
"""
_LEFT_OUT = f"""
{_HERE}
SELECT p.trivial_reason AS reason, count(*) AS n_patterns, sum(p.n_live)::bigint AS n_occurrences
FROM stemma.patterns AS p
WHERE p.is_trivial AND p.n_live > 1 AND ($1::text IS NULL OR p.pattern_id IN (SELECT pattern_id FROM here))
GROUP BY 1 ORDER BY 2 DESC, 1
"""
_FAMILY = "SELECT * FROM stemma.families WHERE family_id = $1"
_BY_ID = f"""
SELECT family_id, name FROM stemma.families WHERE family_id >= $1 AND family_id < $1 || 'g'
ORDER BY 1 LIMIT {MAX_CANDIDATES + 1}
"""
_BY_NAME = f"SELECT family_id, name FROM stemma.families WHERE name = $1 ORDER BY 1 LIMIT {MAX_CANDIDATES + 1}"
_MEMBERS = """
SELECT p.pattern_id AS member, p.name, p.kind, p.n_lines, p.n_live AS n_places, p.code, m.similarity, m.joined_at,
       p.pattern_id = f.medoid_pattern_id AS is_medoid
FROM stemma.family_members AS m JOIN stemma.families AS f USING (family_id) JOIN stemma.patterns AS p USING (pattern_id)
WHERE m.family_id = $1
ORDER BY is_medoid DESC, m.similarity DESC NULLS LAST, p.n_live DESC, p.pattern_id
LIMIT $2
"""
_PLACES = f"""
SELECT o.pattern_id AS member, r.name AS repository, o.path, o.qualified_name, s.start_line, s.end_line, o.exact_hash
FROM stemma.family_members AS m
JOIN stemma.occurrences AS o ON o.pattern_id = m.pattern_id AND {_STANDS}
JOIN stemma.repositories AS r USING (repo_id)
LEFT JOIN stemma.files AS i ON i.repo_id = o.repo_id AND i.path = o.path
LEFT JOIN stemma.snippets AS s ON s.blob_oid = i.blob_oid AND s.kind = o.kind
    AND s.qualified_name = o.qualified_name AND s.duplicate_index = o.duplicate_index AND s.exact_hash = o.exact_hash
    AND s.extractor_version = r.extractor_version
WHERE m.family_id = $1
ORDER BY r.name, o.path, s.start_line, o.qualified_name
LIMIT $2
"""


def families(db: Database, *, repo: str | None = None, limit: int = 20) -> pl.DataFrame:
    """The `limit` families that span most repositories and places; only those with a member in `repo` when given.

    Raises:
        NotFoundError: no repository is called `repo`.
    """
    return db.read(_FAMILIES, [_repo_id(db, repo), limit])


def trivial(db: Database, *, repo: str | None = None, limit: int = 20) -> pl.DataFrame:
    """The trivial patterns that stand in most repositories and places, which make no family; two places at least."""
    return db.read(_TRIVIAL, [_repo_id(db, repo), limit])


def left_out(db: Database, *, repo: str | None = None) -> pl.DataFrame:
    """How many trivial patterns stand in several places, and in how many: reason, n_patterns, n_occurrences."""
    return db.read(_LEFT_OUT, [_repo_id(db, repo)])


@dataclass(frozen=True)
class Family:
    """One family as it stands.

    Attributes:
        facts: its row of `families`.
        members: member (pattern id), name, kind, n_lines, n_places, code, similarity, joined_at, is_medoid; the medoid
            first, then by similarity.
        places: member, repository, path, qualified_name, start_line, end_line (null where the file at the head no
            longer holds the text), exact_hash.
    """

    facts: dict[str, Any]
    members: pl.DataFrame
    places: pl.DataFrame

    @property
    def has_one_pattern(self) -> bool:
        return bool(self.facts["n_patterns"] == 1)

    def by_text(self, texts: pl.DataFrame) -> Family:
        """A family of one pattern with its texts (exact_hash, code) for members, the most frequent first."""
        places = self.places.with_columns(member="exact_hash")
        members = (
            self.members.drop("member", "code", "n_places", "n_lines", "is_medoid")
            .join(texts.rename({"exact_hash": "member"}), how="cross")
            .join(places.group_by("member").agg(n_places=pl.len()), on="member", how="left")
            .with_columns(n_lines=pl.col("code").str.count_matches("\n") + 1, n_places=pl.col("n_places").fill_null(0))
            .sort("n_places", "member", descending=[True, False])
            .with_columns(is_medoid=pl.int_range(pl.len()) == 0)
        )
        return Family(self.facts, members, places)


def family(db: Database, reference: str, *, max_members: int, max_places: int) -> Family:
    """The family whose id is, or alone begins with, `reference`, or which alone has that name.

    Of members and places the first so many.

    Raises:
        ConfigError: several families' ids begin so, or have that name; names up to five of them.
        NotFoundError: no family's id begins so, and none has that name.
    """
    family_id = _family_id(db, reference.strip())
    with db.transaction() as transaction:
        facts = transaction.read(_FAMILY, [family_id])
        members = transaction.read(_MEMBERS, [family_id, max_members])
        places = transaction.read(_PLACES, [family_id, max_places])
    if facts.is_empty():  # a run has ended it since
        raise NotFoundError(f"The family {family_id} is gone.", "List what there is now: stemma families")
    return Family(facts.row(0, named=True), members, places)


def _family_id(db: Database, reference: str) -> str:
    found = db.read(_BY_ID, [reference.lower()]) if ID.fullmatch(reference) else pl.DataFrame()
    if found.is_empty():
        found = db.read(_BY_NAME, [reference])
    if found.is_empty():
        raise NotFoundError(
            f"No family is called '{reference}', and none's id begins so with {MIN_ID_DIGITS} digits or more.",
            "List the families: stemma families",
        )
    if len(found) > 1:
        candidates = [f"{id_} ({name})" for id_, name in found.iter_rows()]
        raise ambiguous(reference, candidates, "Give more digits of the id.", several="several families")
    return str(found["family_id"].item())


def _repo_id(db: Database, repo: str | None) -> str | None:
    return registry.find(db, repo).repo_id if repo is not None else None
