"""Tests: whether a test of the same repository calls it, itself or by one step in between.

What is a test, and what a definition calls, was read by extraction; nothing is run here. How much of a repository's
code a test run covers is a gate's matter (`stemma.gates`).
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import polars as pl

from stemma.languages import EXTRACTOR_VERSION, LANGUAGES
from stemma.quorum.members.base import FINDINGS, Family, version_of, votes_from
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

# One row per name of a repository's definitions at its head that a test reaches: 1 is called by a test, 2 by something
# that a test calls and that has a name of its own. `n` definitions bear the name.
_REACHED = f"""
WITH definitions AS MATERIALIZED (
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
), tested AS MATERIALIZED (
    SELECT DISTINCT d.repo_id, d.language, substring(call FROM '[^.:>]+$') AS name
    FROM definitions d CROSS JOIN LATERAL unnest(d.calls) AS call WHERE d.is_test
), once_removed AS (
    SELECT DISTINCT d.repo_id, d.language, substring(call FROM '[^.:>]+$') AS name
    FROM definitions d
    JOIN tested USING (repo_id, language, name)
    JOIN bearers b USING (repo_id, language, name)
    CROSS JOIN LATERAL unnest(d.calls) AS call
    WHERE NOT d.is_of_tests AND b.n <= {_MAX_BEARERS}
), n_tests AS (
    SELECT repo_id, language, count(*)::int AS n_tests FROM definitions WHERE is_test AND is_callable GROUP BY 1, 2
)
SELECT b.repo_id, b.language, b.name, b.n, b.is_callable, coalesce(c.n_tests, 0) AS n_tests,
    CASE WHEN t.name IS NOT NULL THEN 1 WHEN o.name IS NOT NULL THEN 2 END AS steps
FROM bearers b
LEFT JOIN tested t USING (repo_id, language, name)
LEFT JOIN once_removed o USING (repo_id, language, name)
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
                    pl.col("n_tests").first(), tested_share=pl.col("steps").is_not_null().mean()
                )
                self._known = found.filter(pl.col("steps").is_not_null()), repositories
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
        "steps": pl.Int32,
    }
)


def _without_repository(batch: pl.DataFrame) -> pl.DataFrame:
    reason = "not applicable: it stands in no repository whose tests are known"
    return votes_from(batch, pl.DataFrame(schema=FINDINGS), unsure=dict.fromkeys(batch["unit"].to_list(), reason))


def _votes(batch: pl.DataFrame, places: pl.DataFrame, names: pl.DataFrame, repositories: pl.DataFrame) -> pl.DataFrame:
    here = (
        batch.select("unit", "language", "kind", "name")
        .join(places, on="unit")
        .join(names.select("repo_id", "language", "name", "n", "steps"), on=["repo_id", "language", "name"], how="left")
        .join(repositories, on=["repo_id", "language"], how="left")
    )
    is_reached = pl.col("steps").is_not_null()
    told = here.group_by("unit").agg(
        is_of_tests=pl.col("is_of_tests").any(),
        is_called=(is_reached & (pl.col("n") <= _MAX_BEARERS)).any(),
        is_vague=is_reached.any(),
        n_tests=pl.col("n_tests").sum(),
        tested_share=pl.col("tested_share").max(),
    )
    texts = batch.join(told, on="unit", how="left").with_columns(file=pl.col("unit").cast(pl.String))
    silent = texts.with_columns(why=_silence()).filter(pl.col("why").is_not_null()).select("unit", "why")
    untested = texts.filter(_silence().is_null() & ~pl.col("is_called")).select(
        "file",
        rule=pl.lit("untested"),
        severity=pl.lit("low"),
        line="start_line",
        end_line="end_line",
        message=pl.format("no test reaches it, though tests reach {} % of its repository", _percent()),
        is_failing=pl.lit(True),
    )
    findings = untested.select(FINDINGS.names()).cast(dict(FINDINGS))  # type: ignore[arg-type]
    return votes_from(texts, findings, unsure=dict(silent.iter_rows()))


def _percent() -> pl.Expr:
    return (100 * pl.col("tested_share")).floor().cast(pl.Int32)


def _silence() -> pl.Expr:
    """Why tests tell nothing of a text; null where they call it, or well could and do not."""
    is_callable = pl.col("kind").is_in(_CALLABLE)
    return (
        pl.when(pl.col("n_tests").is_null() | (pl.col("n_tests") == 0))
        .then(pl.lit("not applicable: its repository has no tests in its language"))
        .when("is_of_tests")
        .then(pl.lit("not applicable: it belongs to the tests"))
        .when("is_called")
        .then(None)
        .when("is_vague")
        .then(pl.lit(f"cannot know: more than {_MAX_BEARERS} definitions bear its name"))
        .when(~is_callable)
        .then(pl.lit("not applicable: nothing calls it by its name"))
        .when(pl.col("tested_share") < _TESTED_SHARE)
        .then(pl.lit("cannot know: tests reach less than half of its repository"))
    )
