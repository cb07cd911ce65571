"""The index of live patterns read from Postgres and the vector store, and published where anything it holds changed.

What the index is and how it is opened lives in `index`, how it is asked in `similar`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.git.repository import FOLDER, GIT
from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.match.candidates import Sketches, sketch
from stemma.match.columns import NO_SIZES, Vocabulary, bytes_of, halves, numbered, text_arrays, values_of
from stemma.match.index import Index, only_builder, open_index, rotation_for, signs_of, write_index
from stemma.match.renewal import Lists, Renewal, rows_in
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.store.vectors import Vectors

BATCH = 20_000  # patterns in memory as texts and lists; the arrays they become are a fifth of that
VECTORS = 20_000
ENDS = {"structures": "structure_ends", "codes": "code_ends", "shingles": "shingles_ends", "words": "words_ends"}
"""Where each list of the index ends in the array that holds the values of all of them."""

# What the index holds, said in a few numbers: it is made anew when any of them changes.
STATE = """
SELECT concat_ws(' ', count(*), bit_xor(hashtextextended(concat_ws(' ', pattern_id, is_trivial, extractor_version), 0)),
    (SELECT concat_ws(' ', count(*), bit_xor(hashtextextended(concat_ws(' ', pattern_id, embedded_at), 0)))
     FROM stemma.embeddings WHERE embedder = $1),
    (SELECT string_agg(concat_ws(' ', repo_id, name, location, head_sha, extractor_version), ';' ORDER BY repo_id)
     FROM stemma.repositories)) AS state
FROM stemma.patterns WHERE n_live > 0
"""
# A pattern's row is written anew by another extractor, and where it turns out to be generated.
FACTS = """
SELECT pattern_id, language, kind, n_tokens, is_trivial,
    hashtextextended(concat_ws(' ', extractor_version, is_trivial, trivial_reason), 0) AS state
FROM stemma.patterns WHERE n_live > 0 ORDER BY pattern_id
"""
PATTERNS = """
SELECT p.shingles, p.sub_tokens, p.structure, p.code
FROM {wanted} w JOIN stemma.patterns p USING (pattern_id) ORDER BY p.pattern_id
"""
PLACES = """
SELECT s.pattern_id, t.token_hash, r.name AS repository, f.path, s.qualified_name AS name, s.start_line, s.end_line
FROM stemma.files AS f
JOIN stemma.repositories AS r USING (repo_id)
JOIN stemma.snippets AS s ON s.blob_oid = f.blob_oid AND s.extractor_version = $1
JOIN stemma.patterns AS p ON p.pattern_id = s.pattern_id AND p.n_live > 0
LEFT JOIN stemma.snippet_texts AS t ON t.exact_hash = s.exact_hash AND t.language = p.language
WHERE f.category = 'source'
ORDER BY s.pattern_id, r.name, f.path, s.start_line
"""
EMBEDDED = """
SELECT pattern_id, extract(epoch FROM embedded_at)::float8 AS embedded_at FROM stemma.embeddings
WHERE embedder = $1 AND dimensions > 0
"""
REPOSITORIES = "SELECT name, kind, location FROM stemma.repositories ORDER BY name"


def publish_index(db: Database, vectors: Vectors | None, settings: Settings) -> dict[str, int]:
    """Bring the published index in line with Postgres; nothing is written where it is already.

    Safe with another publisher at once (they take turns) and with readers (each keeps what it opened). Killed at any
    point it leaves the former index in its place.

    Returns:
        indexed: patterns in it; index_bytes: what was written, 0 when nothing had changed.

    Raises:
        StoreError: Postgres or the vector store refuses, or the file cannot be written.
    """
    with only_builder(settings):
        former = _former(settings)
        embedder = vectors.embedder_name if vectors else ""
        state = content_id(str(db.read(STATE, [embedder])["state"].item()), embedder, EXTRACTOR_VERSION)
        if former is not None and former.about["digest"] == state:
            return {"indexed": len(former), "index_bytes": 0}
        index = read_index(db, vectors, former, digest=state)
        return {"indexed": len(index), "index_bytes": write_index(settings, index)}


def read_index(db: Database, vectors: Vectors | None, former: Index | None = None, *, digest: str = "") -> Index:
    """The index of what is live now, in memory; without `vectors` none of it has one.

    What `former` holds of the same patterns and embeddings is taken from there: only the others are asked for.
    """
    with db.transaction() as transaction:
        transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # one moment for all that follows
        arrays, kinds, languages, ids = _patterns(transaction, former)
        repositories = transaction.read(REPOSITORIES)
        arrays |= _places(transaction, ids, repositories["name"])
        embedded = transaction.read(EMBEDDED, [vectors.embedder_name]) if vectors else None
    arrays |= _vectors(vectors, ids, embedded, former)
    folders = repositories.filter(pl.col("kind").is_in([FOLDER, GIT]) & pl.col("location").str.starts_with("/"))
    about = {
        "languages": languages,
        "kinds": kinds,
        "repositories": repositories["name"].to_list(),
        "locations": dict(folders.select("name", "location").iter_rows()),
        "embedder": vectors.embedder_name if vectors else None,
        "dimensions": vectors.dimensions if vectors else 0,
        "digest": digest,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return Index(arrays, about)


def _former(settings: Settings) -> Index | None:
    try:
        return open_index(settings)
    except NotFoundError:
        return None


def _batches(transaction: Transaction, ids: pl.Series) -> Iterator[pl.DataFrame]:
    with phase("index", total=len(ids), unit="patterns") as progress:
        for start in range(0, len(ids), BATCH):
            wanted = ids[start : start + BATCH]
            with transaction.staged("indexed", wanted.to_frame()) as name:
                yield transaction.read(PATTERNS.format(wanted=name))
            progress.advance(len(wanted))


def _patterns(
    transaction: Transaction, former: Index | None
) -> tuple[dict[str, NDArray[Any]], list[str], list[str], pl.Series]:
    """Arrays of the patterns, names of the kinds and languages, and the ids in order."""
    facts = transaction.read(FACTS)
    ids, states = halves(facts["pattern_id"]), facts["state"].to_numpy()
    renewal = Renewal(former, ids, states)
    vocabulary = Vocabulary(renewal.vocabulary())
    lists, sketches = _texts(transaction, facts["pattern_id"].filter(~renewal.is_held), vocabulary)
    languages, language = numbered(facts["language"])
    kinds, kind = numbered(facts["kind"])
    is_trivial = facts["is_trivial"].to_numpy()
    arrays: dict[str, NDArray[Any]] = {
        "ids": ids,
        "states": states,
        "language": language.astype(np.uint16),
        "kind": kind.astype(np.uint16),
        "n_tokens": facts["n_tokens"].cast(pl.Int32).to_numpy(),
        "is_trivial": is_trivial,
        **text_arrays("vocabulary", "vocabulary_ends", vocabulary.words()),
        **renewal.postings(sketches, is_trivial),
    }
    for name, ends in list(lists):
        whole = renewal.lists(name, ends, lists.pop((name, ends)))
        arrays |= {name: whole.values, ends: whole.ends}
    return arrays, kinds.to_list(), languages.to_list(), facts["pattern_id"]


def _texts(
    transaction: Transaction, ids: pl.Series, vocabulary: Vocabulary
) -> tuple[dict[tuple[str, str], Lists], Sketches]:
    """Structures, codes, shingles and numbered words of these patterns by the names of their arrays, in order, and
    fingerprints.

    What grows is a block that the system moves and does not copy: of 370,000 patterns, held in parts until they were
    joined, it took half as much again.
    """
    kinds = {"structures": np.uint8, "codes": np.uint8, "shingles": np.int32, "words": np.uint32}
    blocks = {name: bytearray() for name in kinds}
    sizes: dict[str, list[NDArray[np.int64]]] = {name: [NO_SIZES] for name in kinds}
    sketches = [sketch(pl.Series([], dtype=pl.String))]
    for batch in _batches(transaction, ids):
        sketches.append(sketch(batch["structure"]))
        shingles, n_shingles = values_of(batch["shingles"])
        words, n_words = values_of(batch["sub_tokens"])
        read = {
            "structures": bytes_of(batch["structure"]),
            "codes": bytes_of(batch["code"]),
            "shingles": (shingles.cast(pl.Int32).to_numpy(), n_shingles),
            "words": (vocabulary.numbers(words.cast(pl.String)), n_words),
        }
        for name, (values, counts) in read.items():
            blocks[name] += np.ascontiguousarray(values).view(np.uint8).data
            sizes[name].append(counts)
    sketch_sizes = np.concatenate([part.sizes for part in sketches])
    fingerprints = Sketches(np.append(0, np.cumsum(sketch_sizes)), np.concatenate([part.values for part in sketches]))
    lists = {
        (name, ENDS[name]): Lists(np.frombuffer(blocks[name], kind), np.concatenate(sizes[name]))
        for name, kind in kinds.items()
    }
    return lists, fingerprints


def _places(transaction: Transaction, ids: pl.Series, repositories: pl.Series) -> dict[str, NDArray[Any]]:
    """Where each live pattern stands at the heads, in the order of the patterns."""
    places = transaction.read(PLACES, [EXTRACTOR_VERSION])
    listed = repositories.to_frame("repository").with_row_index("number")
    rows = places.join(ids.to_frame().with_row_index("row"), on="pattern_id", how="inner", maintain_order="left")
    rows = rows.join(listed, on="repository", how="left", maintain_order="left")
    paths, path = numbered(rows["path"])
    names, name = numbered(rows["name"])
    counts = np.bincount(rows["row"].to_numpy(), minlength=len(ids))
    return {
        "place_ends": np.cumsum(counts, dtype=np.int64),
        "place_tokens": halves(rows["token_hash"].fill_null("0" * 32)),
        "place_repository": rows["number"].cast(pl.Int32).to_numpy(),
        "place_path": path,
        "place_name": name,
        "place_start": rows["start_line"].cast(pl.Int32).to_numpy(),
        "place_end": rows["end_line"].cast(pl.Int32).to_numpy(),
        **text_arrays("paths", "path_ends", paths),
        **text_arrays("names", "name_ends", names),
    }


def _vectors(
    vectors: Vectors | None, ids: pl.Series, embedded: pl.DataFrame | None, former: Index | None
) -> dict[str, NDArray[Any]]:
    """Vectors as 16-bit floats, their signs, and when each was made; from the former index where it is the same."""
    n, width = len(ids), vectors.dimensions if vectors else 0
    rotation = rotation_for(width)
    matrix, made_at, has_vector = np.zeros((n, width), np.float16), np.zeros(n, np.float64), np.zeros(n, np.bool_)
    signs = np.zeros((n, -(-rotation.shape[1] // 64)), np.uint64)
    if vectors is not None and embedded is not None:
        noted = ids.to_frame().join(embedded, on="pattern_id", how="left", maintain_order="left")["embedded_at"]
        made_at = noted.fill_null(0).to_numpy().copy()
        if former is not None and _is_comparable(former, vectors, rotation):
            old, has_vector = _unchanged(former, ids, made_at)
            matrix[has_vector] = former.arrays["vectors"][old[has_vector]]
            signs[has_vector] = former.arrays["signs"][old[has_vector]]
        wanted = np.flatnonzero((made_at > 0) & ~has_vector)
        for start in range(0, len(wanted), VECTORS):
            rows = wanted[start : start + VECTORS]
            names = ids.gather(rows).to_list()
            known, found = vectors.fetch(names)
            rows = rows[np.isin(np.array(names), np.array(known))]
            matrix[rows], signs[rows], has_vector[rows] = found, signs_of(found, rotation), True
    return {
        "vectors": matrix,
        "signs": signs,
        "has_vector": has_vector,
        "embedded_at": made_at,
        "rotation": rotation,
    }


def _is_comparable(former: Index, vectors: Vectors, rotation: NDArray[np.float32]) -> bool:
    is_same = former.about["embedder"] == vectors.embedder_name and np.array_equal(former.arrays["rotation"], rotation)
    return is_same and len(former) > 0


def _unchanged(
    former: Index, ids: pl.Series, made_at: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each id its row in the former index, and whether the vector there is that of the same embedding."""
    at, is_there = rows_in(former, halves(ids))
    is_same = is_there & former.arrays["has_vector"][at]
    return at, is_same & (former.arrays["embedded_at"][at] == made_at)
