"""Copies of code that was given, indexed or not, among all that is: equal ones first, then the most alike; then what
does the same in another language.

How the code was read lives in `given`, what the index holds in `index`, how alike a pair is said to be in `pairs`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.embed.base import Embedder
from stemma.embed.texts import pattern_texts
from stemma.errors import StemmaError
from stemma.git.paths import shown, unescape
from stemma.match.calibration import calibration
from stemma.match.candidates import sketch
from stemma.match.evidence import SCHEMA, is_match
from stemma.match.explain import explain_meaning, explain_pair
from stemma.match.given import Given
from stemma.match.index import Index
from stemma.match.kinds import group_of, sides_of
from stemma.match.pairs import compare

SHARING, NEAR = 60, 20
"""Patterns scored for each definition because they share runs of tokens with it, and because their vectors are near."""
TOLD = 0.5
"""Least probability of what is told to do the same in another language. Whoever asks will look; what nobody asked for
has to reach the threshold of the rule."""

TYPE_1, TYPE_2 = "type-1", "type-2"
FOUND = pl.Schema(
    {
        "definition": pl.String(),
        "line": pl.Int32(),
        "ordinal": pl.Int32(),
        "clone_type": pl.String(),
        **{name: kind for name, kind in SCHEMA.items() if name != "clone_type"},
        "pattern_id": pl.String(),
        "language": pl.String(),
        "kind": pl.String(),
        "why": pl.String(),
        "places": pl.List(
            pl.Struct(
                {
                    "repository": pl.String(),
                    "path": pl.String(),
                    "start_line": pl.Int32(),
                    "end_line": pl.Int32(),
                    "name": pl.String(),
                    "is_equal": pl.Boolean(),
                }
            )
        ),
    }
)
Rows = NDArray[np.int64]


def find_similar(
    index: Index,
    given: Given,
    embedder: Embedder | None,
    *,
    limit: int = 10,
    min_score: float | None = None,
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """Live patterns that are copies of the definitions given, in the columns of `FOUND`, at most `limit` for each.

    type-1 is the same tokens, type-2 the same normal form; both are found whatever their size. type-3 and semantic
    reach `min_score` (None: the score at which the calibrated probability reaches its threshold); patterns too small
    to mean anything are not looked at. The definition itself, where it is indexed, is left out, and so is what stands
    inside a copy of what is around it. Behind the copies of a definition come those of other languages, semantic all of
    them, that do the same with a probability of `TOLD` or more, at most `limit` again; none without vectors, or under
    weights of one's own.

    Args:
        embedder: None, or another than the index was made with: compared without vectors, and each row's note says so.
    """
    asked = _Asked(index, given, embedder)
    found = asked.pairs()
    scored = compare(
        asked.frame, found.a, found.b, matrix=asked.matrix, embedder=index.about["embedder"], weights=weights
    )
    scored = scored.with_columns(
        definition=pl.Series(found.a), row=pl.Series(asked.rows[found.b]), is_equal=pl.Series(found.is_equal)
    )
    is_across = asked.is_across(found)
    copies = scored.filter(~is_across & (pl.col("is_equal") | is_match(scored, min_score)))
    alike = scored.filter(is_across & (pl.col("probability") >= TOLD))
    rows = [_told(index, given, copies, limit, "score"), _told(index, given, alike, limit, "probability")]
    return pl.concat(rows).sort("ordinal", maintain_order=True)


class _Found:
    """Pairs of a definition and a row of the frame, and whether their normal forms are equal."""

    def __init__(self, a: list[int], b: list[int], is_equal: list[bool]) -> None:
        self.a, self.b = np.array(a, np.int64), np.array(b, np.int64)
        self.is_equal = np.array(is_equal, np.bool_)


class _Asked:
    """The definitions given, and the rows of the index that may be copies of them, as one patterns frame."""

    def __init__(self, index: Index, given: Given, embedder: Embedder | None) -> None:
        self._index = index
        self._rule = calibration().rule_for(index.about["embedder"])
        self._own = given.definitions.select("pattern_id").join(
            given.patterns, on="pattern_id", how="left", maintain_order="left"
        )
        self._vectors = _vectors(index, self._own, embedder)
        self._candidates = [self._candidates_of(at) for at in range(len(self._own))]
        met = np.unique(np.concatenate([np.append(rows, equal) for equal, rows in self._candidates]))
        self._met = met[met >= 0]
        self.frame = pl.concat([self._own.select(_COLUMNS), index_frame(index, self._met)], how="vertical_relaxed")
        self.rows = np.concatenate([np.full(len(self._own), -1), self._met])
        self.matrix = None
        if self._vectors is not None:
            self.matrix = np.concatenate([self._vectors, index.vectors_of(self._met)])

    def is_across(self, found: _Found) -> pl.Series:
        """Which pairs are of two languages."""
        sides = sides_of(self.frame["language"])
        return pl.Series(sides[found.a] != sides[found.b])

    def pairs(self) -> _Found:
        a, b, is_equal = list[int](), list[int](), list[bool]()
        for at, (equal, rows) in enumerate(self._candidates):
            every = rows if equal < 0 else np.append(rows[rows != equal], equal)
            a += [at] * len(every)
            b += (np.searchsorted(self._met, every) + len(self._own)).tolist()
            is_equal += (every == equal).tolist()
        return _Found(a, b, is_equal)

    def _candidates_of(self, at: int) -> tuple[int, Rows]:
        """The row with the same normal form, or -1, and those that may be like it."""
        pattern = self._own.row(at, named=True)
        equal = self._index.row_of(pattern["pattern_id"])
        if pattern["is_trivial"]:
            return -1 if equal is None else equal, np.empty(0, np.int64)
        is_wanted = self._comparable(pattern["language"], pattern["kind"])
        rows = self._index.sharing(sketch(pl.Series([pattern["structure"]])).values, is_wanted, SHARING)
        if self._vectors is not None:
            rows = np.union1d(rows, self._index.nearest(self._vectors[at], is_wanted, NEAR))
            rows = np.union1d(rows, self._worded_alike(pattern))
        return -1 if equal is None else equal, rows

    def _worded_alike(self, pattern: dict[str, Any]) -> Rows:
        """Rows of other languages that have words enough in common to do the same."""
        if self._rule is None:
            return np.empty(0, np.int64)
        least = self._rule.least_lexical(TOLD)
        return self._index.worded(pattern["sub_tokens"], self._is_across(pattern["language"], pattern["kind"]), least)

    def _comparable(self, language: str, kind: str) -> NDArray[np.bool_]:
        """Rows of the language and group of kinds, those too small to mean anything left out."""
        return self._of_kind(kind) & self._of_language(np.array(self._index.about["languages"], np.str_) == language)

    def _is_across(self, language: str, kind: str) -> NDArray[np.bool_]:
        """The same of other languages."""
        sides = sides_of(pl.Series([language, *self._index.about["languages"]], dtype=pl.String))
        return self._of_kind(kind) & self._of_language(sides[1:] != sides[0])

    def _of_kind(self, kind: str) -> NDArray[np.bool_]:
        own, arrays = group_of(kind), self._index.arrays
        is_kind = np.array([group_of(name) == own for name in self._index.about["kinds"]], np.bool_)
        is_of: NDArray[np.bool_] = is_kind[arrays["kind"]] & ~arrays["is_trivial"]
        return is_of

    def _of_language(self, is_language: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return is_language[self._index.arrays["language"]]


_COLUMNS = ["pattern_id", "language", "kind", "n_tokens", "shingles", "sub_tokens", "structure", "code"]


def index_frame(index: Index, rows: Rows) -> pl.DataFrame:
    """Rows of the index as a patterns frame."""
    arrays, about = index.arrays, index.about
    return pl.DataFrame(
        {
            "pattern_id": [index.pattern_id(row) for row in rows],
            "language": [about["languages"][code] for code in arrays["language"][rows]],
            "kind": [about["kinds"][code] for code in arrays["kind"][rows]],
            "n_tokens": arrays["n_tokens"][rows],
            "shingles": [index.part("shingles", row) for row in rows],
            "sub_tokens": [[index.vocabulary[code] for code in index.part("words", row)] for row in rows],
            "structure": [index.structures[row] for row in rows],
            "code": [index.codes[row] for row in rows],
        },
        schema={
            **dict.fromkeys(("pattern_id", "language", "kind"), pl.String),
            "n_tokens": pl.Int32,
            "shingles": pl.List(pl.Int32),
            "sub_tokens": pl.List(pl.String),
            "structure": pl.String,
            "code": pl.String,
        },
    )


def _vectors(index: Index, own: pl.DataFrame, embedder: Embedder | None) -> NDArray[np.float32] | None:
    if embedder is None or index.about["embedder"] != embedder.name:
        return None
    try:
        return embedder.embed(pattern_texts(own))
    except StemmaError:  # an endpoint that is down: what is compared without it says so
        return None


def _told(index: Index, given: Given, scored: pl.DataFrame, limit: int, likest: str) -> pl.DataFrame:
    """The answer: a row for each definition and pattern with the pattern's places, by `likest`, a column."""
    code = given.patterns.select("pattern_id", "language", "code")
    own = given.definitions.join(code, on="pattern_id", how="left", maintain_order="left").to_dicts()
    at_ordinal = {definition["ordinal"]: at for at, definition in enumerate(own)}
    order = pl.col("definition"), pl.col("is_equal"), pl.col(likest).fill_null(0)
    scored = scored.sort(*order, descending=[False, True, True], maintain_order=True)
    rows = list[dict[str, Any]]()
    covered = dict[int, list[_Place]]()  # places already told of a definition and of those around it
    n_rows = dict.fromkeys(range(len(own)), 0)
    for hit in scored.iter_rows(named=True):
        at = hit["definition"]
        if n_rows[at] >= limit:
            continue
        around = covered.get(at_ordinal.get(own[at]["parent_ordinal"], -1), [])
        places = _places(index, hit["row"], own[at], given.path)
        places = [place for place in places if not any(_is_inside(place, other) for other in around)]
        if places:
            n_rows[at] += 1
            covered.setdefault(at, list(around)).extend(places)
            rows.append(_row(index, own[at], hit, places))
    return pl.DataFrame(rows, schema=FOUND)


_Place = dict[str, Any]


def _row(index: Index, definition: _Place, hit: dict[str, Any], places: list[_Place]) -> dict[str, Any]:
    clone_type = hit["clone_type"]
    if hit["is_equal"]:
        clone_type = TYPE_1 if places[0]["is_equal"] else TYPE_2
    row = hit["row"]
    language = index.about["languages"][index.arrays["language"][row]]
    return {
        **{name: hit[name] for name in SCHEMA},
        "definition": definition["qualified_name"],
        "line": definition["start_line"],
        "ordinal": definition["ordinal"],
        "clone_type": clone_type,
        "pattern_id": index.pattern_id(row),
        "language": language,
        "kind": index.about["kinds"][index.arrays["kind"][row]],
        "why": _why(definition["code"], definition["language"], index.codes[row], language),
        "places": places,
    }


def _why(code: str, language: str, other_code: str, other: str) -> str:
    if language == other:
        return explain_pair(code, other_code, language).text
    return explain_meaning(code, language, other_code, other)


def _places(index: Index, row: int, definition: _Place, path: Path | None) -> list[_Place]:
    """Where a pattern stands, equal tokens first; not where the definition itself does."""
    arrays = index.arrays
    own = np.frombuffer(bytes.fromhex(definition["token_hash"]), ">u8").astype(np.uint64)
    places = [
        {
            "repository": index.about["repositories"][arrays["place_repository"][at]],
            "path": index.paths[arrays["place_path"][at]],
            "start_line": int(arrays["place_start"][at]),
            "end_line": int(arrays["place_end"][at]),
            "name": index.names[arrays["place_name"][at]],
            "is_equal": bool((arrays["place_tokens"][at] == own).all()),
        }
        for at in index.place_rows(row)
    ]
    others = [place for place in places if not _is_itself(index, place, definition, path)]
    return sorted(others, key=lambda place: not place["is_equal"])


def _is_itself(index: Index, place: _Place, definition: _Place, path: Path | None) -> bool:
    location = index.about["locations"].get(place["repository"])
    if path is None or location is None or not place["path"].endswith(shown(path.name)):
        return False
    is_there = place["name"] == definition["qualified_name"] or _overlap(place, definition)
    return is_there and Path(os.fsdecode(unescape(f"{location}/{place['path']}"))).resolve() == path.resolve()


def _overlap(one: _Place, other: _Place) -> bool:
    return bool(one["start_line"] <= other["end_line"] and other["start_line"] <= one["end_line"])


def _is_inside(place: _Place, other: _Place) -> bool:
    is_same_file = (place["repository"], place["path"]) == (other["repository"], other["path"])
    return is_same_file and other["start_line"] <= place["start_line"] and place["end_line"] <= other["end_line"]
