"""Which live patterns are copies of each other: new ones against all, old pairs not looked at again.

What is compared lives in `pairs`, which hang together in `families`; here is what is read for it and written of it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import numpy as np
import polars as pl

from stemma.config import Settings
from stemma.match.calibration import calibration
from stemma.match.candidates import NOBODY, Fingerprints, Sketches, in_order, scope_numbers, sketch
from stemma.match.neighbours import near_pairs
from stemma.match.pairs import BATCH, Pairs, matching, merged
from stemma.match.scores import Contents, Matrix, Rows, contents_of
from stemma.progress import phase
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors
from stemma.tables import matched_patterns, matches

logger = logging.getLogger(__name__)

MATCHER = "runs12-2"
NO_VECTORS = "no vectors"
SKETCHED = 100_000  # patterns whose token sequences are read at once: about 50 MB
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
# In the transaction that deletes its matches a pattern is made new again, or a run that cannot go on to match it leaves
# it without any: where the vector store fails next, patterns of another embedder would count as matched.
FORGET_WHO_OTHERS_MATCHED = "DELETE FROM stemma.matched_patterns WHERE NOT starts_with(matcher_version, $1)"
IS_NEW = "coalesce(NOT starts_with(m.matcher_version, $1), true)"
N_NEW = f"""
SELECT count(*) AS n FROM stemma.patterns AS p LEFT JOIN stemma.matched_patterns AS m USING (pattern_id)
WHERE p.n_live > 0 AND NOT p.is_trivial AND {IS_NEW}
"""
LIVE = f"""
SELECT p.pattern_id, p.language, p.kind, p.n_tokens::bigint AS n_tokens, {IS_NEW} AS is_new, m.sketch
FROM stemma.patterns AS p LEFT JOIN stemma.matched_patterns AS m USING (pattern_id)
WHERE p.n_live > 0 AND NOT p.is_trivial
"""
STRUCTURES = """
SELECT p.structure FROM {} AS w LEFT JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
"""
CONTENTS = """
SELECT p.structure, p.shingles, p.sub_tokens
FROM {} AS w LEFT JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
"""

CODES = """
SELECT p.code, p.language FROM {} AS w LEFT JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
"""


def matcher_version(settings: Settings, embedder_name: str | None) -> str:
    """What a match depends on besides its patterns: matcher, calibration or weights, threshold, embedder."""
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
        transaction.execute(FORGET_WHO_OTHERS_MATCHED, [valid])
        n_new = int(transaction.read(N_NEW, [valid])["n"].item())
    counts: dict[str, int | str] = {"n_matches": 0, "n_stale": n_stale, "patterns": n_new, "candidates": 0}
    if vectors is None:
        counts["note"] = NOTE_NO_VECTORS
        logger.warning(NOTE_NO_VECTORS)
    if n_new:
        live = db.read(LIVE, [valid]).sort("pattern_id")  # alike patterns go into the same batches in every run
        n_matches, n_candidates = _match_new(db, vectors, live, version, settings)
        counts |= {"n_matches": n_matches, "candidates": n_candidates}
    return counts


def _without_embedder(settings: Settings) -> str:
    weights = settings.match_weights
    learned = f"calibration={calibration().version}"
    own = "" if weights is None else " weights=" + ",".join(f"{name}:{weights[name]:g}" for name in sorted(weights))
    threshold = "calibrated" if settings.match_threshold is None else f"{settings.match_threshold:g}"
    return f"{MATCHER} {learned}{own} threshold={threshold} "


def _match_new(
    db: Database, vectors: Vectors | None, live: pl.DataFrame, version: str, settings: Settings
) -> tuple[int, int]:
    """Score and write batch by batch; a pair belongs to the batch of the later of its two patterns."""
    is_new = live["is_new"].to_numpy()
    scopes, sketches = scope_numbers(live), _sketches(db, live)
    batches = np.full(len(live), -1, np.int32)
    new = in_order(scopes, sketches)  # so that a batch reads few others
    new = new[is_new[new]]
    batches[new] = np.arange(len(new)) // BATCH
    near = NOBODY
    if vectors and _counts_meaning(settings):
        near = near_pairs(vectors, live, is_new)
    batch_of_near = np.maximum(batches[near[0]], batches[near[1]])
    fingerprints = Fingerprints(scopes, sketches, batches)
    n_matches = n_candidates = 0
    with phase("match", total=len(new), unit="patterns") as progress:
        for batch in range(int(batches.max()) + 1):
            shared = fingerprints.pairs(batch)
            close = (near[0][batch_of_near == batch], near[1][batch_of_near == batch])
            pairs = merged(len(live), shared, close)
            scored = _scored(db, vectors, live, pairs, settings)
            seen = {"matcher_version": pl.lit(version), "matched_at": pl.lit(datetime.now(UTC))}
            done = np.flatnonzero(batches == batch)
            rows = live[done].select("pattern_id", sketch=sketches.lists(done)).with_columns(**seen)
            with db.transaction() as transaction:
                n_matches += transaction.insert(matches, scored.with_columns(**seen), "update")
                transaction.insert(matched_patterns, rows, "update")
            n_candidates += len(pairs)
            progress.advance(len(rows))
    return n_matches, n_candidates


def _counts_meaning(settings: Settings) -> bool:
    """Whether near vectors alone can make a match. Where they cannot, the join for them is most of matching's cost."""
    weights = calibration().weights if settings.match_weights is None else settings.match_weights
    return weights.get("semantic", 0) > 0


def _sketches(db: Database, live: pl.DataFrame) -> Sketches:
    """Fingerprints of all live patterns: of old ones as they were matched, of new ones from their token sequences."""
    is_new = live["is_new"].to_numpy()
    new = live.filter(pl.Series(is_new))["pattern_id"]
    made = []
    for start in range(0, len(new), SKETCHED):
        wanted = pl.DataFrame({"pattern_id": new[start : start + SKETCHED]}).with_row_index("row")
        with db.transaction() as transaction, transaction.staged("wanted", wanted) as name:
            made.append(sketch(transaction.read(STRUCTURES.format(name))["structure"]))
    return Sketches.joined(is_new, made, live["sketch"])


def _scored(
    db: Database, vectors: Vectors | None, live: pl.DataFrame, pairs: Pairs, settings: Settings
) -> pl.DataFrame:
    """Rows of `matches` for the pairs that match, without version and time; only the rows they name are read."""
    rows = np.unique(np.concatenate([pairs.a, pairs.b]))
    ids = live["pattern_id"].gather(rows)
    pairs = Pairs(np.searchsorted(rows, pairs.a), np.searchsorted(rows, pairs.b), pairs.is_shared, pairs.is_near)
    contents = _read_contents(db, vectors, ids)
    return matching(ids, contents, pairs, settings.match_threshold, settings.match_weights)


def _read_contents(db: Database, vectors: Vectors | None, ids: pl.Series) -> Contents:
    """Contents and vectors in the order of `ids`; texts are read of the few rows they are asked for."""

    def read_in_order(query: str, rows: pl.Series) -> pl.DataFrame:
        wanted = pl.DataFrame({"pattern_id": rows}).with_row_index("row")
        with db.transaction() as transaction, transaction.staged("wanted", wanted) as name:
            return transaction.read(query.format(name))

    def codes(rows: Rows) -> list[tuple[str, str]]:
        return read_in_order(CODES, ids.gather(rows)).rows()

    contents = read_in_order(CONTENTS, ids)
    if vectors is None:
        return contents_of(contents, codes=codes)
    return contents_of(contents, _matrix(vectors, ids), vectors.embedder_name, codes)


def _matrix(vectors: Vectors, ids: pl.Series) -> Matrix:
    """Vectors in the order of `ids`, zeros where there is none."""
    known, found = vectors.fetch(ids.to_list())
    matrix = np.zeros((len(ids), vectors.dimensions), np.float32)
    places: Rows = (
        pl.DataFrame({"id": known}, {"id": pl.String()})
        .join(pl.DataFrame({"id": ids, "row": np.arange(len(ids))}), on="id", how="left", maintain_order="left")["row"]
        .to_numpy()
    )
    matrix[places] = found
    return matrix
