"""The index of live patterns read from Postgres and the vector store, and published where anything it holds changed.

What the index is and how it is opened lives in `index`, how it is asked in `similar`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.git.repository import FOLDER, GIT
from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.match.candidates import Sketches, sketch
from stemma.match.index import Index, only_builder, open_index, rotation_for, signs_of, write_index
from stemma.match.renewal import Lists, Renewal, rows_in
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.store.vectors import Vectors

BATCH = 20_000  # patterns in memory as texts and lists; the arrays they become are a fifth of that
VECTORS = 20_000

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
    ids, states = _halves(facts["pattern_id"]), facts["state"].to_numpy()
    renewal = Renewal(former, ids, states)
    structures, codes, shingles, words, sketches = _texts(transaction, facts["pattern_id"].filter(~renewal.is_held))
    known = renewal.vocabulary()
    vocabulary, numbers = _numbered(pl.concat([known, words[0]]))
    lists = {
        ("structures", "structure_ends"): structures,
        ("codes", "code_ends"): codes,
        ("shingles", "shingles_ends"): shingles,
        ("words", "words_ends"): Lists(numbers[len(known) :], words[1]),
    }
    languages, language = _numbered(facts["language"])
    kinds, kind = _numbered(facts["kind"])
    is_trivial = facts["is_trivial"].to_numpy()
    arrays: dict[str, NDArray[Any]] = {
        "ids": ids,
        "states": states,
        "language": language.astype(np.uint16),
        "kind": kind.astype(np.uint16),
        "n_tokens": facts["n_tokens"].cast(pl.Int32).to_numpy(),
        "is_trivial": is_trivial,
        **_text_arrays("vocabulary", "vocabulary_ends", vocabulary),
        **renewal.postings(sketches, is_trivial),
    }
    for name, ends in list(lists):
        whole = renewal.lists(name, ends, lists.pop((name, ends)))
        arrays |= {name: whole.values, ends: whole.ends}
    return arrays, kinds.to_list(), languages.to_list(), facts["pattern_id"]


def _texts(
    transaction: Transaction, ids: pl.Series
) -> tuple[Lists, Lists, Lists, tuple[pl.Series, NDArray[np.int64]], Sketches]:
    """Structures, codes, shingles, words and fingerprints of these patterns, in order."""
    structures, structure_sizes, codes, code_sizes = [_NO_BYTES], [_NO_SIZES], [_NO_BYTES], [_NO_SIZES]
    shingles, shingle_sizes, words, word_sizes = [np.empty(0, np.int32)], [_NO_SIZES], [_NO_WORDS], [_NO_SIZES]
    sketches = [sketch(_NO_WORDS)]
    for batch in _batches(transaction, ids):
        text, sizes = _bytes_of(batch["structure"])
        structures.append(text)
        sketches.append(sketch(batch["structure"]))
        structure_sizes.append(sizes)
        text, sizes = _bytes_of(batch["code"])
        codes.append(text)
        code_sizes.append(sizes)
        values, sizes = _values_of(batch["shingles"])
        shingles.append(values.cast(pl.Int32).to_numpy())
        shingle_sizes.append(sizes)
        values, sizes = _values_of(batch["sub_tokens"])
        words.append(values.cast(pl.String))
        word_sizes.append(sizes)
    sketch_sizes = np.concatenate([part.sizes for part in sketches])
    fingerprints = Sketches(np.append(0, np.cumsum(sketch_sizes)), np.concatenate([part.values for part in sketches]))
    return (
        Lists(_joined(structures), _joined(structure_sizes)),
        Lists(_joined(codes), _joined(code_sizes)),
        Lists(_joined(shingles), _joined(shingle_sizes)),
        (pl.concat(words), _joined(word_sizes)),
        fingerprints,
    )


def _places(transaction: Transaction, ids: pl.Series, repositories: pl.Series) -> dict[str, NDArray[Any]]:
    """Where each live pattern stands at the heads, in the order of the patterns."""
    places = transaction.read(PLACES, [EXTRACTOR_VERSION])
    numbered = repositories.to_frame("repository").with_row_index("number")
    rows = places.join(ids.to_frame().with_row_index("row"), on="pattern_id", how="inner", maintain_order="left")
    rows = rows.join(numbered, on="repository", how="left", maintain_order="left")
    paths, path = _numbered(rows["path"])
    names, name = _numbered(rows["name"])
    counts = np.bincount(rows["row"].to_numpy(), minlength=len(ids))
    return {
        "place_ends": np.cumsum(counts, dtype=np.int64),
        "place_tokens": _halves(rows["token_hash"].fill_null("0" * 32)),
        "place_repository": rows["number"].cast(pl.Int32).to_numpy(),
        "place_path": path,
        "place_name": name,
        "place_start": rows["start_line"].cast(pl.Int32).to_numpy(),
        "place_end": rows["end_line"].cast(pl.Int32).to_numpy(),
        **_text_arrays("paths", "path_ends", paths),
        **_text_arrays("names", "name_ends", names),
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
    at, is_there = rows_in(former, _halves(ids))
    is_same = is_there & former.arrays["has_vector"][at]
    return at, is_same & (former.arrays["embedded_at"][at] == made_at)


_NO_BYTES, _NO_SIZES = np.empty(0, np.uint8), np.empty(0, np.int64)
_NO_WORDS = pl.Series([], dtype=pl.String)


def _halves(ids: pl.Series) -> NDArray[np.uint64]:
    """Hex ids of 128 bits as two integers each, so that their order is the texts' order."""
    text = "".join(ids.to_list())
    return np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64).reshape(-1, 2)


def _numbered(texts: pl.Series) -> tuple[pl.Series, NDArray[np.uint32]]:
    """The distinct texts, and the number of each text among them. Arrow hashes; ranking took ten times as long."""
    encoded = texts.cast(pl.String).rechunk().to_arrow().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.uint32)
    return pl.Series(encoded.dictionary.to_pylist(), dtype=pl.String), codes


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The parts as one array; they are let go of, so that memory never holds all of them twice."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _values_of(lists: pl.Series) -> tuple[pl.Series, NDArray[np.int64]]:
    sizes = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    return lists.explode(empty_as_null=False, keep_nulls=False), sizes


def _bytes_of(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts as one block of UTF-8, and the bytes of each: as Arrow lays them out."""
    if texts.is_empty():
        return _NO_BYTES, _NO_SIZES
    laid_out = texts.rechunk().to_arrow().cast(pa.large_string())
    _, ends, data = laid_out.buffers()
    offsets = np.frombuffer(ends, np.int64)[laid_out.offset : laid_out.offset + len(laid_out) + 1]
    block = _NO_BYTES if data is None else np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return block, np.diff(offsets)


def _text_arrays(data: str, ends: str, texts: pl.Series) -> dict[str, NDArray[Any]]:
    block, sizes = _bytes_of(texts)
    return {data: block, ends: np.cumsum(sizes, dtype=np.int64)}
