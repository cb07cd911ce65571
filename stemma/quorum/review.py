"""What waits for a person: texts that the quorum left open, those first about which a decision is worth most, and all
that a person needs to see of one. What they decide is written in `labels`; how it counts is said in `verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.config import Settings
from stemma.errors import NotFoundError, SourceError
from stemma.extract.source import prepare
from stemma.git import registry
from stemma.git.objects import read_blobs
from stemma.quorum.labels import REVIEWS_IN_FORCE
from stemma.quorum.queries import latest_votes
from stemma.quorum.scope import SOURCE_SNIPPETS, VERDICTS_IN_FORCE
from stemma.references import ID, MAX_CANDIDATES, ambiguous, resolve, resolve_pattern
from stemma.store.postgres import Database

ID_DIGITS = 10  # of an id, shown to people

# Doubt is the entropy of the probability, in bits: 1 where it is even, or unknown for want of a quorum. A text that one
# person decided about waits for nobody; one about which two disagree waits for a third, or for one to think again.
# One table after another, each analysed: joins on both halves of a text's key are taken for joins to one row, and as
# one query the queue of 20,000 texts took a minute.
_STAGED = {
    "review_waiting": f"""
SELECT v.pattern_id, v.exact_hash, v.probability::float8 AS probability, v.reason, v.decided_at, w.said AS reviews,
    CASE WHEN v.probability IS NULL THEN 1
         WHEN v.probability <= 0 OR v.probability >= 1 THEN 0
         ELSE -(v.probability * ln(v.probability) + (1 - v.probability) * ln(1 - v.probability)) / ln(2.0) END AS doubt
FROM ({VERDICTS_IN_FORCE}) AS v LEFT JOIN ({REVIEWS_IN_FORCE}) AS w USING (pattern_id, exact_hash)
WHERE v.outcome = 'needs_review' AND (w.pattern_id IS NULL OR w.is_fit IS NULL)
""",
    "review_places": f"""
SELECT s.pattern_id, s.exact_hash, count(*) AS n_places, array_agg(DISTINCT r.name ORDER BY r.name) AS repositories
FROM {SOURCE_SNIPPETS} JOIN pg_temp.review_waiting w ON w.pattern_id = s.pattern_id AND w.exact_hash = s.exact_hash
GROUP BY s.pattern_id, s.exact_hash
""",
}
_URGENCY = "n_places * doubt DESC, cardinality(repositories) DESC, pattern_id, exact_hash"
_QUEUE = f"""
WITH chosen AS (
    SELECT w.*, l.n_places, l.repositories, p.language, p.kind, count(*) OVER () AS n_waiting
    FROM pg_temp.review_waiting w
    JOIN pg_temp.review_places l USING (pattern_id, exact_hash)
    JOIN stemma.patterns p USING (pattern_id)
    WHERE ($1 = '' OR $1 = ANY(l.repositories)) AND ($2 = '' OR p.language = $2)
    ORDER BY {_URGENCY}
    LIMIT $3::bigint
)
SELECT pattern_id, exact_hash, first.name, language, kind, n_places::int, cardinality(repositories) AS n_repositories,
    repositories, first.place, probability, doubt::float8, reason, reviews, decided_at, n_waiting::int
FROM chosen CROSS JOIN LATERAL (
    SELECT s.name, f.path || ':' || s.qualified_name AS place
    FROM {SOURCE_SNIPPETS} WHERE s.pattern_id = chosen.pattern_id AND s.exact_hash = chosen.exact_hash
    ORDER BY f.repo_id, f.path, s.ordinal LIMIT 1
) AS first
ORDER BY {_URGENCY}
"""


def queue(db: Database, *, repo: str | None = None, language: str | None = None, limit: int = 20) -> pl.DataFrame:
    """Texts whose verdict in force is needs_review and that no person has decided about, those that matter most first:
    by places times doubt, then by repositories.

    Columns: pattern_id, exact_hash, name, language, kind, n_places, n_repositories, repositories, place (one of them,
    path:qualified_name), probability, doubt (0-1, bits), reason, reviews (what was said where persons disagree),
    decided_at, n_waiting (of all that the filters let through).

    Raises:
        NotFoundError: there is no such repository.
    """
    name = registry.find(db, repo).name if repo else ""
    with db.transaction() as transaction:
        for staged, query in _STAGED.items():
            transaction.stage(staged, query)
        return transaction.read(_QUEUE, [name, language or "", limit])


@dataclass(frozen=True)
class Page:
    """What a person needs to see of one text.

    Attributes:
        facts: pattern_id, exact_hash, name, language, kind, place, n_places, repositories, and the verdict in force
            (outcome, probability, decision, reason; null where there is none).
        code: its lines, or null with `missing` saying why.
        votes: member, vote, probability, reason, findings (list of {rule, severity, line, message}).
        reviews: what people said of it, the latest of each; null when nobody did.
    """

    facts: dict[str, Any]
    code: list[str] | None
    missing: str | None
    votes: pl.DataFrame
    reviews: str | None


_PLACES = f"""
SELECT s.pattern_id, s.exact_hash, count(*) AS n_places, count(DISTINCT f.repo_id) AS n_repositories,
    array_agg(DISTINCT r.name ORDER BY r.name) AS repositories,
    (array_agg(f.path || ':' || s.qualified_name ORDER BY f.repo_id, f.path, s.ordinal))[1] AS place,
    (array_agg(s.name ORDER BY f.repo_id, f.path, s.ordinal))[1] AS name  -- the texts of a pattern have their own
FROM {SOURCE_SNIPPETS} JOIN {{texts}} t ON t.pattern_id = s.pattern_id AND t.exact_hash = s.exact_hash
GROUP BY s.pattern_id, s.exact_hash
"""
_FACTS = f"""
WITH wanted AS (SELECT $1 AS pattern_id, $2 AS exact_hash), places AS ({_PLACES.format(texts="wanted")})
SELECT w.pattern_id, w.exact_hash, coalesce(l.name, p.name) AS name, p.language, p.kind,
    coalesce(l.n_places, 0)::int AS n_places, l.repositories, l.place,
    v.outcome, v.probability::float8 AS probability, v.decision, v.reason, v.decided_at, r.said AS reviews
FROM wanted w
JOIN stemma.patterns p USING (pattern_id)
LEFT JOIN places l USING (pattern_id, exact_hash)
LEFT JOIN ({VERDICTS_IN_FORCE}) AS v USING (pattern_id, exact_hash)
LEFT JOIN ({REVIEWS_IN_FORCE}) AS r USING (pattern_id, exact_hash)
"""
_STANDS_IN = f"""
SELECT f.repo_id, f.blob_oid, s.start_byte, s.end_byte
FROM {SOURCE_SNIPPETS}
WHERE s.pattern_id = $1 AND s.exact_hash = $2
ORDER BY f.repo_id, f.path, s.ordinal LIMIT 1
"""


def page(db: Database, settings: Settings, text: tuple[str, str]) -> Page:
    """All that is known of one text (pattern_id, exact_hash), and its code as it stands.

    Raises:
        NotFoundError: there is no such pattern.
    """
    with db.transaction() as transaction:
        facts = transaction.read(_FACTS, text)
        votes = latest_votes(transaction, text)
        place = transaction.read(_STANDS_IN, text)
    if facts.is_empty():
        raise NotFoundError(f"There is no pattern {text[0]} any more.", "List what waits: stemma review list")
    code, missing = _code(db, settings, place)
    known = facts.row(0, named=True)
    return Page(known, code, missing, votes, known.pop("reviews"))


def _code(db: Database, settings: Settings, place: pl.DataFrame) -> tuple[list[str] | None, str | None]:
    if place.is_empty():
        return None, "it stands in no source file now"
    repo_id, blob_oid, start, end = place.row(0)
    reasons: dict[str, str] = {}
    try:
        repository = registry.find(db, repo_id, settings)
        ((_, content),) = read_blobs(repository, [blob_oid], max_bytes=settings.max_file_bytes, reasons=reasons)
    except (NotFoundError, SourceError) as error:
        return None, error.problem
    if content is None:
        return None, f"its file cannot be read ({reasons.get(blob_oid, 'missing')})"
    source = prepare(content, settings.max_file_bytes)
    return source.text[start:end].decode("utf-8", "replace").splitlines(), source.reason


_BY_ID = f"""
SELECT DISTINCT pattern_id, exact_hash FROM stemma.verdicts
WHERE ({{column}} >= $1 AND {{column}} < $1 || 'g') ORDER BY 1, 2 LIMIT {MAX_CANDIDATES + 1}
"""
_OF_NODES = """
SELECT DISTINCT n.pattern_id, n.exact_hash FROM stemma.lineage_nodes n JOIN {nodes} w USING (node_id)
ORDER BY 1, 2
"""


def find_text(db: Database, reference: str) -> tuple[str, str]:
    """The one text a reference means, as pattern_id and exact_hash: a text's id as `stemma review` shows it or its
    first digits, or whatever `stemma.references` knows, where one text of the pattern was judged.

    Raises:
        ConfigError: several texts answer to it; names up to five.
        NotFoundError: none does.
    """
    reference = reference.strip()
    if ID.fullmatch(reference):
        found = db.read(_BY_ID.format(column="exact_hash"), [reference.lower()])
        if not found.is_empty():
            return _one(found, reference)
    pattern_id = resolve_pattern(db, reference)
    found = db.read(_BY_ID.format(column="pattern_id"), [pattern_id])
    if found.height > 1 and not pattern_id.startswith(reference.lower()):
        nodes = resolve(db, reference).select("node_id")
        with db.transaction() as transaction, transaction.staged("wanted_nodes", nodes) as staged:
            found = transaction.read(_OF_NODES.format(nodes=staged))
    if found.is_empty():
        raise NotFoundError(
            f"'{reference}' was not judged: there is no verdict on pattern {pattern_id}.",
            "Let the quorum sit: stemma run",
        )
    return _one(found, reference)


def _one(found: pl.DataFrame, reference: str) -> tuple[str, str]:
    if found.height > 1:
        ids = found["exact_hash"].to_list()
        raise ambiguous(reference, ids, "Give one of these ids.", several="several texts")
    pattern_id, exact_hash = found.row(0)
    return str(pattern_id), str(exact_hash)
