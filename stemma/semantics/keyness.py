"""Which words tell a pattern from the rest of its language: log-likelihood keyness against corpus statistics.

The statistics are a snapshot kept in `tables.token_statistics`; where a pattern's words stand is told by `evidence`.
"""

from __future__ import annotations

import polars as pl

from stemma.store.postgres import Database, Transaction

CRITICAL = 15.13
"""Log-likelihood (Dunning 1993; as keyness, Rayson and Garside 2000) beyond which chance is left out, at p < .0001."""

N_CONCEPTS = 5
MAX_SHARE = 0.05  # a word in more than this share of a language's patterns is its idiom, and nobody's concept
MIN_WEIGHT = 2.0  # said in one place only, a word is a detail
MIN_CHARACTERS = 3
STOP_WORDS = (
    "the", "and", "for", "with", "from", "into", "that", "this", "not", "are", "was", "has", "have", "will", "when",
    "then", "than", "try", "new", "return", "returns", "func", "def", "self", "args", "kwargs",
)  # fmt: skip
"""Words of no subject; the commonest are too common to be key, these are common enough to be no news."""
WEIGHTS = {"body": 1.0, "name": 2.0, "docstring": 1.0, "calls": 1.0}

STATISTICS = pl.Schema(
    {
        "language": pl.String(),
        "token": pl.String(),
        "n_patterns": pl.Int64(),
        "language_patterns": pl.Int64(),
        "language_tokens": pl.Int64(),
        "n_corpus": pl.Int64(),
    }
)

_LIVE = "n_live > 0 AND NOT is_trivial"
_N_LIVE = f"SELECT count(*) AS n FROM stemma.patterns WHERE {_LIVE}"
_READ = """
SELECT language, token, n_patterns::bigint, language_patterns::bigint, language_tokens, n_corpus::bigint
FROM stemma.token_statistics
"""
# A word of one pattern is not kept: what is not here stands in one, and hostile or generated code has no end of them.
_COUNT = f"""
INSERT INTO stemma.token_statistics
    (language, token, n_patterns, language_patterns, language_tokens, n_corpus, counted_at)
SELECT language, token, n_patterns, language_patterns, language_tokens, $1::int, now()
FROM (
    SELECT language, token, count(*)::int AS n_patterns, sum(count(*)) OVER (PARTITION BY language) AS language_tokens
    FROM stemma.patterns, unnest(sub_tokens) AS token WHERE {_LIVE}
    GROUP BY language, token
) AS counted
JOIN (
    SELECT language, count(*)::int AS language_patterns FROM stemma.patterns WHERE {_LIVE} GROUP BY language
) AS languages USING (language)
WHERE n_patterns > 1
"""


def current_statistics(db: Database) -> pl.DataFrame:
    """The snapshot (schema `STATISTICS`), taken anew when the corpus has doubled or halved since the last.

    What a word weighs drifts with every pattern that comes, and so would everything said on its account; between two
    snapshots it stays, so that patterns analysed on different days are held against the same corpus, and a run costs
    what is new. Over the life of a corpus that is a logarithm of its size in snapshots.
    """
    with db.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('stemma'), hashtext('token statistics'))")
        statistics = transaction.read(_READ, schema=STATISTICS)
        counted = int(statistics["n_corpus"][0]) if statistics.height else 0
        n_live = int(transaction.read(_N_LIVE).item())
        if is_due(n_live, counted):
            statistics = _count(transaction, n_live)
    return statistics


def is_due(n_live: int, counted: int) -> bool:
    """Whether a snapshot of `counted` patterns is too old for a corpus of `n_live`."""
    return n_live != counted and (n_live >= 2 * counted or 2 * n_live <= counted)


def _count(transaction: Transaction, n_live: int) -> pl.DataFrame:
    transaction.execute("DELETE FROM stemma.token_statistics")
    transaction.execute(_COUNT, [n_live])
    return transaction.read(_READ, schema=STATISTICS)


def concepts(rows: pl.DataFrame, words: pl.DataFrame, statistics: pl.DataFrame) -> pl.DataFrame:
    """The key words of each row: row, word, keyness; at most `N_CONCEPTS`, strongest first.

    A pattern's words weigh by where they stand (`WEIGHTS`), the corpus counts in how many patterns each is.
    """
    weight = pl.col("source").replace_strict(WEIGHTS, return_dtype=pl.Float64)
    said = (
        words.filter(pl.col("word").str.len_chars() >= MIN_CHARACTERS, ~pl.col("word").str.contains(r"^\d+$"))
        .filter(~pl.col("word").is_in(STOP_WORDS))
        .group_by("row", "word")
        .agg(a=weight.sum(), is_in_body=(pl.col("source") == "body").any())
        .filter("is_in_body")
        .with_columns(c=pl.col("a").sum().over("row"))
        .join(rows.select("row", "language"), on="row")
    )
    totals = statistics.select("language", "language_patterns", "language_tokens").unique()
    counts = statistics.select("language", "n_patterns", word="token")
    scored = (
        said.join(totals, on="language")
        .join(counts, on=["language", "word"], how="left")
        .with_columns(b=pl.col("n_patterns").fill_null(1).cast(pl.Float64), d=pl.col("language_tokens"))
        .with_columns(keyness=log_likelihood())
    )
    is_key = (
        (pl.col("keyness") >= CRITICAL)
        & (pl.col("a") >= MIN_WEIGHT)
        & (pl.col("a") / pl.col("c") > pl.col("b") / pl.col("d"))
        & (pl.col("b") <= MAX_SHARE * pl.col("language_patterns"))
    )
    return (
        scored.filter(is_key)
        .sort("row", "keyness", "word", descending=[False, True, False])
        .group_by("row", maintain_order=True)
        .head(N_CONCEPTS)
        .select("row", "word", pl.col("keyness").round(1))
    )


def log_likelihood() -> pl.Expr:
    """G2 of columns a of c (here) against b of d (in the corpus), all above 0."""
    a, b, c, d = (pl.col(name) for name in "abcd")
    expected_here = c * (a + b) / (c + d)
    expected_there = d * (a + b) / (c + d)
    return 2 * (a * (a / expected_here).log() + b * (b / expected_there).log())


__all__ = ["STATISTICS", "concepts", "current_statistics", "is_due", "log_likelihood"]
