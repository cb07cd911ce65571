"""Which live patterns are copies of each other: new ones against all, old pairs not looked at again.

How pairs are found is said in `candidates`, how alike they are in `scores`, which hang together in `families`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import numpy as np
import polars as pl

from stemma.config import Settings
from stemma.match.candidates import SKETCH, Fingerprints, near_pairs
from stemma.match.kinds import groups_of
from stemma.match.pairs import can_reach, pairs_of, score_pairs
from stemma.match.scores import WEIGHTS
from stemma.progress import phase
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors
from stemma.tables import matched_patterns, matches

logger = logging.getLogger(__name__)

MATCHER = "bottom64-1"
NO_VECTORS = "no vectors"
BATCH = 2_000  # new patterns scored and committed together
NOTE_NO_VECTORS = "No vectors: matched by structure and words alone. The next run with vectors matches these again."

# A pattern that died and lives again is new again: those that came meanwhile were not matched with it.
FORGET_DEAD = """
DELETE FROM stemma.matched_patterns AS m USING stemma.patterns AS p
WHERE p.pattern_id = m.pattern_id AND (p.n_live = 0 OR p.is_trivial)
"""
FORGET_OTHER_VERSIONS = """
WITH stale AS (DELETE FROM stemma.matches WHERE NOT starts_with(matcher_version, $1) RETURNING 1)
SELECT count(*) AS n FROM stale
"""
IS_NEW = "coalesce(NOT starts_with(m.matcher_version, $1), true)"
N_NEW = f"""
SELECT count(*) AS n FROM stemma.patterns AS p LEFT JOIN stemma.matched_patterns AS m USING (pattern_id)
WHERE p.n_live > 0 AND NOT p.is_trivial AND {IS_NEW}
"""
LIVE = f"""
SELECT p.pattern_id, p.language, p.kind, {IS_NEW} AS is_new, p.shingles[1:{SKETCH}] AS sketch,
       cardinality(p.shingles)::bigint AS structural, cardinality(p.sub_tokens)::bigint AS lexical
FROM stemma.patterns AS p LEFT JOIN stemma.matched_patterns AS m USING (pattern_id)
WHERE p.n_live > 0 AND NOT p.is_trivial
"""


def matcher_version(settings: Settings, embedder_name: str | None) -> str:
    """What a match depends on besides its patterns: matcher, weights, threshold, embedder (None: no vectors)."""
    return f"{_without_embedder(settings)}[{embedder_name or NO_VECTORS}]"


def update_matches(db: Database, vectors: Vectors | None, settings: Settings) -> dict[str, int | str]:
    """Match every live, non-trivial pattern that was not matched yet against all of them.

    Pairs that another matcher version scored are deleted and their patterns matched again: versions never mix. Without
    `vectors` pairs are found and scored by structure and words, and matched again once there are vectors.
    Each batch of patterns is committed with its matches, so that a killed run goes on where it stopped.

    Returns:
        n_matches: rows written; n_stale: rows of another version deleted; patterns: how many were matched; candidates:
        pairs scored; note: what limits the result, where something does.
    """
    version = matcher_version(settings, vectors.embedder_name if vectors else None)
    valid = version if vectors else f"{_without_embedder(settings)}["
    with db.transaction() as transaction:
        transaction.execute(FORGET_DEAD)
        n_stale = int(transaction.read(FORGET_OTHER_VERSIONS, [valid])["n"].item())
        n_new = int(transaction.read(N_NEW, [valid])["n"].item())
    counts: dict[str, int | str] = {"n_matches": 0, "n_stale": n_stale, "patterns": n_new, "candidates": 0}
    if vectors is None:
        counts["note"] = NOTE_NO_VECTORS
        logger.warning(NOTE_NO_VECTORS)
    if n_new:
        n_matches, n_candidates = _match_new(db, vectors, _read_live(db, valid), version, settings.match_threshold)
        counts |= {"n_matches": n_matches, "candidates": n_candidates}
    return counts


def _without_embedder(settings: Settings) -> str:
    weights = " ".join(f"{name}={weight:g}" for name, weight in WEIGHTS.items())
    return f"{MATCHER} {weights} threshold={settings.match_threshold:g} "


def _read_live(db: Database, valid: str) -> pl.DataFrame:
    """The live frame, sorted by scope and sketch: near copies stand together, so batches read few others."""
    live = db.read(LIVE, [valid])
    groups = groups_of(live["kind"].unique())
    smallest = [pl.col("sketch").list.get(i, null_on_oob=True).alias(f"s{i}") for i in range(4)]
    scope = pl.concat_str("language", pl.lit(" "), pl.col("kind").replace_strict(groups, return_dtype=pl.String))
    frame = live.with_columns(scope.alias("scope"), *smallest)
    return frame.sort("scope", "s0", "s1", "s2", "s3", "pattern_id").drop("s0", "s1", "s2", "s3")


def _match_new(
    db: Database, vectors: Vectors | None, live: pl.DataFrame, version: str, threshold: float
) -> tuple[int, int]:
    """Score and write batch by batch; a pair belongs to the batch of the later of its two patterns."""
    is_new = live["is_new"].to_numpy()
    batches = np.where(is_new, (np.cumsum(is_new) - 1) // BATCH, -1).astype(np.int32)
    near = near_pairs(vectors, live, is_new) if vectors else np.empty(0, np.int64)
    batch_of_near = np.maximum(batches[near // len(live)], batches[near % len(live)])
    fingerprints = Fingerprints(live, is_new)
    n_matches = n_candidates = 0
    with phase("match", total=int(is_new.sum()), unit="patterns") as progress:
        for batch in range(batches.max() + 1):
            pairs = pairs_of(live, fingerprints.pairs(batches, batch), near[batch_of_near == batch])
            pairs = pairs.where(can_reach(live, pairs, threshold, has_vectors=vectors is not None))
            scored = score_pairs(db, vectors, live, pairs, threshold)
            seen = {"matcher_version": pl.lit(version), "matched_at": pl.lit(datetime.now(UTC))}
            done = live.filter(pl.Series(batches == batch)).select("pattern_id", **seen)
            with db.transaction() as transaction:
                n_matches += transaction.insert(matches, scored.with_columns(**seen), "update")
                transaction.insert(matched_patterns, done, "update")
            n_candidates += len(pairs.a)
            progress.advance(len(done))
    return n_matches, n_candidates
