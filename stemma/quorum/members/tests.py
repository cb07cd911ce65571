"""Tests: whether a test of the same repository calls it, itself or through what it calls.

What is a test, and what a definition calls, was read by extraction; nothing is run here. How much of a repository's
code a test run covers is a gate's matter (`stemma.gates`).
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import polars as pl

from stemma.languages import EXTRACTOR_VERSION, LANGUAGES
from stemma.quorum.members.base import FINDINGS, Family, Ground, findings_on, version_of, votes_from
from stemma.quorum.process import Limits
from stemma.store.postgres import Database

# A name that so many definitions of one repository bear tells nothing of which of them a test means by it.
_MAX_BEARERS = 3

# Where tests reach at least this share of a repository's callables, one that they do not reach stands out. Elsewhere
# it is like most.
_TESTED_SHARE = 0.5

_CALLABLE = ("function", "method", "constructor")

# Beside what extraction calls a test stands what tests are made with: fixtures, fakes, helpers.
TEST_PATH = (
    r"(^|/)(tests?|testing|testdata|__tests__|specs?|fixtures|mocks?)/|(^|/)(test_|conftest\.)|[._-](test|spec)\."
)

# One row per name of a repository's definitions at its head, `n` of which bear it: whether a test reaches it, by calls
# from name to name. A name that many bear is reached, and leads no further.
_REACHED = f"""
WITH RECURSIVE definitions AS MATERIALIZED (
    SELECT f.repo_id, t.language, s.name, t.calls, s.is_test, s.kind = ANY(string_to_array($2, ',')) AS is_callable,
        s.is_test OR f.path ~* '{TEST_PATH}' AS is_of_tests
    FROM stemma.files f
    JOIN stemma.snippets s ON s.blob_oid = f.blob_oid AND s.extractor_version = $1
    JOIN stemma.blobs b ON b.blob_oid = f.blob_oid AND b.extractor_version = $1
    JOIN stemma.snippet_texts t ON t.exact_hash = s.exact_hash AND t.language = b.language
    WHERE f.category = 'source'
), bearers AS MATERIALIZED (
    SELECT repo_id, language, name, count(*)::int AS n, bool_or(is_callable) AS is_callable
    FROM definitions WHERE NOT is_of_tests GROUP BY 1, 2, 3
), calls AS MATERIALIZED (
    SELECT DISTINCT d.repo_id, d.language, d.is_test, d.name AS caller, substring(call FROM '[^.:>]+$') AS name
    FROM definitions d CROSS JOIN LATERAL unnest(d.calls) AS call
), known_calls AS MATERIALIZED (
    SELECT c.*, b.n FROM calls c JOIN bearers b USING (repo_id, language, name)
), reached AS (
    SELECT repo_id, language, name, n FROM known_calls WHERE is_test
    UNION
    SELECT c.repo_id, c.language, c.name, c.n
    FROM reached r
    JOIN known_calls c ON c.repo_id = r.repo_id AND c.language = r.language AND c.caller = r.name
    WHERE r.n <= {_MAX_BEARERS}
), n_tests AS (
    SELECT repo_id, language, count(*)::int AS n_tests FROM definitions WHERE is_test AND is_callable GROUP BY 1, 2
)
SELECT b.repo_id, b.language, b.name, b.n, b.is_callable, coalesce(c.n_tests, 0) AS n_tests,
    r.name IS NOT NULL AS is_reached
FROM bearers b
LEFT JOIN reached r USING (repo_id, language, name)
LEFT JOIN n_tests c USING (repo_id, language)
"""

_PLACES = f"""
SELECT u.unit, f.repo_id, bool_or(s.is_test OR f.path ~* '{TEST_PATH}') AS is_of_tests
FROM {{units}} u
JOIN stemma.snippets s ON s.pattern_id = u.pattern_id AND s.exact_hash = u.exact_hash AND s.extractor_version = $1
JOIN stemma.files f ON f.blob_oid = s.blob_oid AND f.category = 'source'
GROUP BY 1, 2
"""


class Tests:
    """Its answer changes with the repositories, so it is asked anew in every run.

    One object reads the tests of the corpus once and keeps the names they reach: a run opens its own.
    """

    name = "tests"
    family: Family = "tests"
    languages = frozenset(LANGUAGES)
    is_lasting = False

    def __init__(self, db: Database | None) -> None:
        self._db = db
        self._lock = Lock()
        self._known: tuple[pl.DataFrame, pl.DataFrame] | None = None

    def version(self) -> str:
        rules = (_MAX_BEARERS, _TESTED_SHARE, _CALLABLE, TEST_PATH, _REACHED, _PLACES)
        return version_of("tests", EXTRACTOR_VERSION, *rules)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        if self._db is None:
            return _without_repository(batch)
        names, repositories = self._reached(self._db)
        ids = batch.select("unit", "pattern_id", "exact_hash")
        with self._db.transaction() as transaction, transaction.staged("tested_units", ids) as units:
            places = transaction.read(_PLACES.format(units=units), [EXTRACTOR_VERSION], _PLACE)
        return _votes(batch, places, names, repositories)

    def _reached(self, db: Database) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(names that tests reach, how well each repository's code in each language is tested)."""
        with self._lock:
            if self._known is None:
                found = db.read(_REACHED, [EXTRACTOR_VERSION, ",".join(_CALLABLE)], _NAME)
                callables = found.filter("is_callable")
                repositories = callables.group_by("repo_id", "language").agg(
                    pl.col("n_tests").first(), tested_share=pl.col("is_reached").mean()
                )
                self._known = found.filter("is_reached"), repositories
            return self._known


_PLACE = pl.Schema({"unit": pl.Int32, "repo_id": pl.String, "is_of_tests": pl.Boolean})
_NAME = pl.Schema(
    {
        "repo_id": pl.String,
        "language": pl.String,
        "name": pl.String,
        "n": pl.Int32,
        "is_callable": pl.Boolean,
        "n_tests": pl.Int32,
        "is_reached": pl.Boolean,
    }
)


def _without_repository(batch: pl.DataFrame) -> pl.DataFrame:
    reason = "not applicable: it stands in no repository whose tests are known"
    return votes_from(batch, pl.DataFrame(schema=FINDINGS), unsure=dict.fromkeys(batch["unit"].to_list(), reason))


def _votes(batch: pl.DataFrame, places: pl.DataFrame, names: pl.DataFrame, repositories: pl.DataFrame) -> pl.DataFrame:
    here = (
        batch.select("unit", "language", "kind", "name")
        .join(places, on="unit")
        .join(
            names.select("repo_id", "language", "name", "n", "is_reached"),
            on=["repo_id", "language", "name"],
            how="left",
        )
        .join(repositories, on=["repo_id", "language"], how="left")
    )
    is_reached = pl.col("is_reached").fill_null(False)
    told = here.group_by("unit").agg(
        is_of_tests=pl.col("is_of_tests").any(),
        is_called=(is_reached & (pl.col("n") <= _MAX_BEARERS)).any(),
        is_vague=is_reached.any(),
        n_tests=pl.col("n_tests").sum(),
        tested_share=pl.col("tested_share").max(),
    )
    texts = batch.join(told, on="unit", how="left").with_columns(file=pl.col("unit").cast(pl.String))
    silent = texts.with_columns(why=_silence()).filter(pl.col("why").is_not_null()).select("unit", "why")
    said = pl.format("no test reaches it, though tests reach {} % of its repository", _percent())
    untested = Ground("untested", "low", _silence().is_null() & ~pl.col("is_called"), said)
    return votes_from(texts, findings_on(texts, [untested]), unsure=dict(silent.iter_rows()))


def _percent() -> pl.Expr:
    return (100 * pl.col("tested_share")).floor().cast(pl.Int32)


def _silence() -> pl.Expr:
    """Why tests tell nothing of a text; null where they call it, or well could and do not."""
    # A constructor, a property, what a base class calls, what is kept to the file: none of them is called by name.
    is_called_by_name = (pl.col("kind") == "function") & ~pl.col("name").str.starts_with("_")
    return (
        pl.when(pl.col("n_tests").is_null() | (pl.col("n_tests") == 0))
        .then(pl.lit("not applicable: its repository has no tests in its language"))
        .when("is_of_tests")
        .then(pl.lit("not applicable: it belongs to the tests"))
        .when("is_called")
        .then(None)
        .when("is_vague")
        .then(pl.lit(f"cannot know: more than {_MAX_BEARERS} definitions bear its name"))
        .when(~is_called_by_name)
        .then(pl.lit("cannot know: it may be reached without its name being called"))
        .when(pl.col("tested_share") < _TESTED_SHARE)
        .then(pl.lit("cannot know: tests reach less than half of its repository"))
    )
