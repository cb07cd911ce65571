"""Which patterns an analyser has not spoken of, and what it says, written. How it finds that out lives in analysers."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.progress import phase
from stemma.semantics.base import QUESTION, Analyser
from stemma.semantics.keyness import current_statistics
from stemma.semantics.offline import RULES, OfflineAnalyser
from stemma.semantics.vocabulary import load_vocabulary
from stemma.store.postgres import Database
from stemma.tables import pattern_semantics

_WANTED = """
FROM stemma.patterns AS p
WHERE p.n_live > 0 AND NOT p.is_trivial
  AND NOT EXISTS (SELECT FROM stemma.pattern_semantics AS s WHERE s.pattern_id = p.pattern_id AND s.analyser = $1)
"""
# One statement makes the list, pages of it are read by key: asking for the next of those left anew for each page would
# look at all that are done each time.
_LIST = f"SELECT p.pattern_id {_WANTED} ORDER BY p.pattern_id"
# Imports are the file's and calls the text's; of several copies one is asked, the first by content.
_QUESTIONS = """
SELECT p.pattern_id, p.language, p.kind, p.name, p.signature, p.docstring, p.code, p.sub_tokens,
       coalesce(t.calls, '{{}}') AS calls, coalesce(b.imports, '{{}}') AS imports
FROM {wanted} AS w JOIN stemma.patterns AS p USING (pattern_id)
LEFT JOIN LATERAL (
    SELECT blob_oid, extractor_version, exact_hash FROM stemma.snippets AS s WHERE s.pattern_id = p.pattern_id
    ORDER BY blob_oid, ordinal LIMIT 1
) AS s ON true
LEFT JOIN stemma.blobs AS b ON b.blob_oid = s.blob_oid AND b.extractor_version = s.extractor_version
LEFT JOIN stemma.snippet_texts AS t ON t.exact_hash = s.exact_hash AND t.language = p.language
ORDER BY p.pattern_id
"""
_FORGET_GONE = """
DELETE FROM stemma.pattern_semantics AS s USING stemma.patterns AS p
WHERE p.pattern_id = s.pattern_id AND (p.n_live = 0 OR p.is_trivial)
"""


def update_semantics(db: Database, settings: Settings, analyser: Analyser | None = None) -> dict[str, int]:
    """Have every live, non-trivial pattern analysed that this version of the analyser has not spoken of.

    A batch is committed with the older rows of its patterns gone, so a killed run goes on where it stopped and what
    two analysers said never stands side by side. With nothing new, nothing is written.

    Returns:
        n_analysed: rows written; n_forgotten: rows of patterns that are no longer live; silent: of those analysed, how
        many nothing could be said about.

    Raises:
        ConfigError: `semantic_analyser` names none.
        StoreError: the outside one does not answer, or refuses.
    """
    asked = analyser or open_analyser(db, settings)
    n_forgotten = db.execute(_FORGET_GONE)
    wanted = db.read(_LIST, [asked.name])
    counts = {"n_analysed": 0, "n_forgotten": max(n_forgotten, 0), "silent": 0}
    with phase("analyse", total=wanted.height, unit="patterns") as progress:
        for ids in wanted.iter_slices(asked.batch):
            n_written, n_silent = _update_batch(db, asked, ids)
            counts["n_analysed"] += n_written
            counts["silent"] += n_silent
            progress.advance(ids.height)
    return counts


def open_analyser(db: Database, settings: Settings) -> Analyser:
    """The analyser that `settings.semantic_analyser` names: `offline` or `http:<url>`.

    Raises:
        ConfigError: there is no such analyser.
    """
    if settings.semantic_analyser == "offline":
        return OfflineAnalyser(current_statistics(db))
    from stemma.remote import Patience, open_memory
    from stemma.semantics.http import HttpAnalyser

    key = settings.semantic_api_key.get_secret_value() if settings.semantic_api_key else None
    return HttpAnalyser(outside_url(settings), open_memory(settings), key, Patience(settings.remote_timeout_s))


def analyser_state(settings: Settings) -> str:
    """What the analyses depend on besides patterns and corpus, without what may be a secret; opens nothing."""
    if settings.semantic_analyser == "offline":
        return f"offline-{RULES}.{load_vocabulary().version}"
    parts = urlsplit(outside_url(settings))
    return f"http {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def outside_url(settings: Settings) -> str:
    """The URL in `semantic_analyser`, `http:<url>`; a plain URL is meant as one.

    Raises:
        ConfigError: it is neither. It is not quoted: whatever was meant for a URL may hold a password.
    """
    named = settings.semantic_analyser
    if named.startswith(("http://", "https://")):
        return named
    kind, _, url = named.partition(":")
    if kind != "http":
        raise ConfigError("The setting 'semantic_analyser' names no analyser.", "Set it to offline or http:<url>.")
    return url


def _update_batch(db: Database, analyser: Analyser, ids: pl.DataFrame) -> tuple[int, int]:
    with db.transaction() as transaction, transaction.staged("wanted", ids) as wanted:
        questions = transaction.read(_QUESTIONS.format(wanted=wanted), schema=QUESTION)
    said = analyser.analyse(questions)
    rows = said.with_columns(analyser=pl.lit(analyser.name), analysed_at=pl.lit(datetime.now(UTC)))
    with db.transaction() as transaction, transaction.staged("analysed", rows.select("pattern_id")) as analysed:
        # A pattern may have gone since it was read.
        alive = transaction.read(
            f"SELECT p.pattern_id FROM {analysed} JOIN stemma.patterns AS p USING (pattern_id) FOR KEY SHARE OF p"
        )
        transaction.execute(
            f"DELETE FROM stemma.pattern_semantics AS s USING {analysed} AS a "
            "WHERE s.pattern_id = a.pattern_id AND s.analyser <> $1",
            [analyser.name],
        )
        n_written = transaction.insert(pattern_semantics, rows.join(alive, on="pattern_id", how="semi"), "update")
    is_silent = pl.all_horizontal(pl.col(name).list.len() == 0 for name in ("concepts", "themes", "domains"))
    return n_written, said.filter(is_silent).height
