"""Which patterns are live, and their vectors brought up to date. How text becomes a vector lives in the embedders."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import polars as pl

from stemma.embed.base import Embedder, present
from stemma.embed.texts import pattern_texts
from stemma.progress import phase
from stemma.store.postgres import Database
from stemma.store.vectors import INTEGER_FIELDS, KEYWORD_FIELDS, NoVectors, Vectors
from stemma.tables import embeddings

logger = logging.getLogger(__name__)
BATCH = 2_000

# One statement: patterns whose counts are right are not touched, so a run with nothing new writes nothing.
REFRESH = """
WITH live AS (
    SELECT pattern_id, count(*)::int AS n_live, count(DISTINCT repo_id)::int AS n_repositories
    FROM stemma.occurrences
    WHERE valid_to IS NULL AND category = 'source'
    GROUP BY pattern_id
), fresh AS (
    SELECT p.pattern_id, coalesce(l.n_live, 0) AS n_live, coalesce(l.n_repositories, 0) AS n_repositories
    FROM stemma.patterns AS p LEFT JOIN live AS l USING (pattern_id)
)
UPDATE stemma.patterns AS p SET n_live = f.n_live, n_repositories = f.n_repositories
FROM fresh AS f
WHERE p.pattern_id = f.pattern_id AND (p.n_live, p.n_repositories) <> (f.n_live, f.n_repositories)
"""
COUNTS = """
SELECT count(*) AS patterns,
       count(*) FILTER (WHERE n_live > 0) AS live,
       count(*) FILTER (WHERE n_live > 0 AND NOT is_trivial) AS live_not_trivial
FROM stemma.patterns
"""
UNEMBEDDED = """
SELECT p.pattern_id, p.name, p.signature, p.docstring, p.code, p.language, p.kind, p.n_tokens
FROM stemma.patterns AS p
WHERE p.n_live > 0 AND NOT p.is_trivial AND p.pattern_id > $2
  AND NOT EXISTS (SELECT FROM stemma.embeddings AS e WHERE e.pattern_id = p.pattern_id AND e.embedder = $1)
ORDER BY p.pattern_id LIMIT $3
"""
N_UNEMBEDDED = """
SELECT count(*) AS n FROM stemma.patterns AS p
WHERE p.n_live > 0 AND NOT p.is_trivial
  AND NOT EXISTS (SELECT FROM stemma.embeddings AS e WHERE e.pattern_id = p.pattern_id AND e.embedder = $1)
"""
GONE = """
SELECT e.pattern_id FROM stemma.embeddings AS e JOIN stemma.patterns AS p USING (pattern_id)
WHERE e.embedder = $1 AND (p.n_live = 0 OR p.is_trivial)
"""


def refresh_patterns(db: Database) -> dict[str, int]:
    """Set `n_live` and `n_repositories` of every pattern from its live occurrences in source files.

    Returns:
        n_changed: rows written; then how many patterns there are, are live, and are live and not trivial.
    """
    with db.transaction() as transaction:
        n_changed = transaction.execute(REFRESH)
        counts = transaction.read(COUNTS).row(0, named=True)
    return {"n_changed": n_changed, **counts}


def embed_patterns(db: Database, vectors: Vectors, embedder: Embedder) -> dict[str, int]:
    """Make the store hold a vector of exactly the live, non-trivial patterns.

    The vectors are durable before the rows that tell of them: after a crash between the two the vectors are written
    once more, with no harm. A store that lost some, or holds others, is found by its count, and mended.

    Returns:
        n_embedded: vectors written; n_dropped: vectors of patterns that are no longer live; n_mended: vectors and rows
        that did not belong together; without_vector: texts with nothing to embed.
    """
    n_dropped = _drop_gone(db, vectors, embedder.name)
    n_mended = _reconcile(db, vectors, embedder.name)
    n_embedded = n_absent = 0
    last = ""
    total = db.read(N_UNEMBEDDED, [embedder.name])["n"].item()
    with phase("embed", total=total, unit="patterns") as progress:
        while not (batch := db.read(UNEMBEDDED, [embedder.name, last, BATCH])).is_empty():
            last = batch["pattern_id"][-1]
            n_vectors = _embed_batch(db, vectors, embedder, batch)
            n_embedded += n_vectors
            n_absent += len(batch) - n_vectors
            progress.advance(len(batch))
    vectors.optimize()
    return {
        "n_embedded": n_embedded,
        "n_dropped": n_dropped,
        "n_mended": n_mended,
        "without_vector": n_absent,
    }


def complete_vectors(db: Database, vectors: Vectors | NoVectors) -> Vectors | NoVectors:
    """The store where it holds all that is to be matched; else why not.

    A pattern matched while its vector was missing would not be looked at again, so one missing is all missing.
    """
    if isinstance(vectors, NoVectors):
        return vectors
    n_missing = int(db.read(N_UNEMBEDDED, [vectors.embedder_name])["n"].item())
    return NoVectors(f"{n_missing:,} patterns have no vector yet.") if n_missing else vectors


def _embed_batch(db: Database, vectors: Vectors, embedder: Embedder, batch: pl.DataFrame) -> int:
    """Embed, store, then note; returns how many have a vector. One without is noted with 0 dimensions."""
    made = embedder.embed(pattern_texts(batch))
    is_present = present(made)
    stored = batch.filter(pl.Series(is_present))
    vectors.upsert(stored["pattern_id"].to_list(), made[is_present], stored.select(*KEYWORD_FIELDS, *INTEGER_FIELDS))
    vectors.flush()
    rows = batch.select(
        "pattern_id",
        pl.lit(embedder.name).alias("embedder"),
        pl.Series("dimensions", is_present * embedder.dimensions),
        pl.lit(datetime.now(UTC)).alias("embedded_at"),
    )
    db.insert(embeddings, rows, "nothing")
    return len(stored)


def _drop_gone(db: Database, vectors: Vectors, embedder_name: str) -> int:
    """Forget patterns no longer live: near versions of the living, they would crowd them out of every search."""
    gone = db.read(GONE, [embedder_name])
    if gone.is_empty():
        return 0
    vectors.delete(gone["pattern_id"].to_list())
    vectors.flush()
    _forget(db, embedder_name, gone)
    return len(gone)


def _reconcile(db: Database, vectors: Vectors, embedder_name: str) -> int:
    """Where the store does not hold what the rows say, forget rows without a vector and vectors without a row."""
    query = "SELECT pattern_id FROM stemma.embeddings WHERE embedder = $1 AND dimensions > 0"
    n_noted = db.read(f"SELECT count(*) AS n FROM ({query}) AS noted", [embedder_name])["n"].item()
    if n_noted == vectors.count():
        return 0
    noted = db.read(query, [embedder_name])
    stored = pl.DataFrame({"pattern_id": [id_ for ids in vectors.ids() for id_ in ids]}, {"pattern_id": pl.String()})
    lost = noted.join(stored, on="pattern_id", how="anti")
    orphans = stored.join(noted, on="pattern_id", how="anti")
    logger.warning(
        "%s lacks %d vectors that were noted and holds %d that were not; mended.",
        vectors.place,
        len(lost),
        len(orphans),
    )
    vectors.delete(orphans["pattern_id"].to_list())
    vectors.flush()
    _forget(db, embedder_name, lost)
    return len(lost) + len(orphans)


def _forget(db: Database, embedder_name: str, patterns: pl.DataFrame) -> None:
    with db.transaction() as transaction, transaction.staged("forgotten", patterns) as forgotten:
        transaction.execute(
            f"DELETE FROM stemma.embeddings USING {forgotten} AS f "
            "WHERE embeddings.pattern_id = f.pattern_id AND embedder = $1",
            [embedder_name],
        )
