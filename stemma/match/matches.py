"""Which live patterns are copies of each other: new ones against all, old pairs not looked at again.

How pairs are found is said in `candidates`, how alike they are in `scores`, which hang together in `families`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import Settings
from stemma.match.candidates import SKETCH, Fingerprints, Keys, near_pairs
from stemma.match.kinds import groups_of
from stemma.match.scores import (
    TYPE_3_STRUCTURAL,
    WEIGHTS,
    Rows,
    combine,
    cosine,
    jaccard,
    sets_of,
    upper_bound,
)
from stemma.progress import phase
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors
from stemma.tables import matched_patterns, matches

logger = logging.getLogger(__name__)

MATCHER = "bottom16-1"
NO_VECTORS = "no vectors"
BATCH = 2_000  # new patterns scored and committed together
COMPONENTS = ["structural", "lexical", "semantic"]
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
CONTENTS = """
SELECT p.shingles AS structural, p.sub_tokens AS lexical
FROM {} AS w LEFT JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
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
    fingerprints = Fingerprints(live)
    n_matches = n_candidates = 0
    with phase("match", total=int(is_new.sum()), unit="patterns") as progress:
        for batch in range(batches.max() + 1):
            shared = np.unique(fingerprints.pairs(batches, batch))
            pairs = _Pairs(live, shared, near[batch_of_near == batch]).that_can_reach(threshold, vectors is not None)
            scored = _score(db, vectors, pairs, version).filter(pl.col("score") >= threshold)
            done = live.filter(pl.Series(batches == batch)).select(
                "pattern_id", matcher_version=pl.lit(version), matched_at=pl.lit(datetime.now(UTC))
            )
            with db.transaction() as transaction:
                n_matches += transaction.insert(matches, scored, "update")
                transaction.insert(matched_patterns, done, "update")
            n_candidates += len(pairs.a)
            progress.advance(len(done))
    return n_matches, n_candidates


class _Pairs:
    """Pairs of rows of the live frame, and how each was found."""

    def __init__(self, live: pl.DataFrame, shared: Keys, near: Keys) -> None:
        keys = np.union1d(shared, near)
        self.live = live
        self.a, self.b = np.divmod(keys, max(len(live), 1))
        self.is_shared = np.isin(keys, shared, assume_unique=True)
        self.is_near = np.isin(keys, near, assume_unique=True)

    def that_can_reach(self, threshold: float, has_vectors: bool) -> _Pairs:
        """Without the pairs whose sizes are too far apart for the threshold, whatever they hold."""
        sizes = {name: self.live[name].to_numpy() for name in ("structural", "lexical")}
        can_reach = upper_bound(sizes, self.a, self.b, has_vectors=has_vectors) >= threshold
        self.a, self.b = self.a[can_reach], self.b[can_reach]
        self.is_shared, self.is_near = self.is_shared[can_reach], self.is_near[can_reach]
        return self


def _score(db: Database, vectors: Vectors | None, pairs: _Pairs, version: str) -> pl.DataFrame:
    """Rows of `matches` for all of the pairs."""
    rows = np.unique(np.concatenate([pairs.a, pairs.b]))
    a, b = np.searchsorted(rows, pairs.a), np.searchsorted(rows, pairs.b)
    ids = pairs.live["pattern_id"].gather(rows)
    components = _components(db, vectors, ids, a, b)
    frame = pl.DataFrame(
        {
            "one": ids.gather(a),
            "other": ids.gather(b),
            "score": combine(components),
            **components,
            "candidate_source": _sources(pairs),
        }
    ).with_columns(pl.col("score", *COMPONENTS).fill_nan(None))
    return frame.select(
        pattern_a=pl.min_horizontal("one", "other"),
        pattern_b=pl.max_horizontal("one", "other"),
        clone_type=pl.when(pl.col("structural") >= TYPE_3_STRUCTURAL)
        .then(pl.lit("type-3"))
        .otherwise(pl.lit("semantic")),
        score="score",
        **{name: name for name in COMPONENTS},
        candidate_source="candidate_source",
        matcher_version=pl.lit(version),
        matched_at=pl.lit(datetime.now(UTC)),
    )


def _components(
    db: Database, vectors: Vectors | None, ids: pl.Series, a: Rows, b: Rows
) -> dict[str, NDArray[np.float32]]:
    wanted = ids.to_frame().with_row_index("row")
    with db.transaction() as transaction, transaction.staged("wanted", wanted.cast({"row": pl.Int64})) as name:
        contents = transaction.read(CONTENTS.format(name))
    components = {name: jaccard(sets_of(contents[name]), a, b) for name in ("structural", "lexical")}
    matrix = np.zeros((len(ids), vectors.dimensions if vectors else 0), np.float32)
    has_vector = np.zeros(len(ids), np.bool_)
    if vectors:
        known, found = vectors.fetch(ids.to_list())
        rows = dict(zip(ids, range(len(ids)), strict=True))
        at = [rows[pattern_id] for pattern_id in known]
        matrix[at], has_vector[at] = found, True
    return components | {"semantic": cosine(matrix, has_vector, a, b)}


def _sources(pairs: _Pairs) -> pl.Series:
    names = np.array(["fingerprint", "vector", "both"])
    return pl.Series(names[np.where(pairs.is_shared & pairs.is_near, 2, np.where(pairs.is_near, 1, 0))])
