"""Every file content a repository names, read once: contents from git, columns from workers, rows into Postgres.

How one content is read lives in `extractor`; which contents a repository names was told by `stemma.git`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import polars as pl

from stemma.config import Settings, worker_count
from stemma.engine import Crashed, map_batches
from stemma.extract.extractor import Columns, Extracted, File, Limits, crashed, extract
from stemma.git.objects import read_blobs
from stemma.git.repository import Repository
from stemma.languages import EXTRACTOR_VERSION, grammar_of
from stemma.progress import Phase, phase
from stemma.store.postgres import Database, OnConflict, Transaction
from stemma.tables import blobs, patterns, polars_schema, snippet_texts, snippets

BATCH_BYTES = 2 << 20
BATCH_FILES = 400
GROUP_SNIPPETS = 20_000
GROUP_FILES = 4_000
REMEMBERED_PATTERNS = 500_000
_IS_GENERATED = pl.col("trivial_reason").eq_missing("generated")

# A content that could not be had may be had the next time, from this repository or another; one that was too large may
# fit under a new setting. All other rows stand until the extractor changes.
_TO_READ = """
SELECT DISTINCT ON (named.blob_oid) named.blob_oid, named.path, known.reason AS known_reason,
       coalesce(max(named.n_bytes) OVER (PARTITION BY named.blob_oid), 0) AS n_bytes
FROM (
    SELECT new_blob AS blob_oid, path, NULL::bigint AS n_bytes FROM stemma.file_changes
    WHERE repo_id = $1 AND new_blob IS NOT NULL
    UNION ALL
    SELECT blob_oid, path, n_bytes FROM stemma.files
    WHERE repo_id = $1 AND language IS NOT NULL AND category IN ('source', 'vendored', 'generated', 'minified')
) AS named
LEFT JOIN stemma.blobs AS known ON known.blob_oid = named.blob_oid AND known.extractor_version = $2
WHERE known.blob_oid IS NULL OR known.reason IN ('missing', 'corrupt', 'changed', 'not_a_file', 'too_large')
ORDER BY named.blob_oid, named.path COLLATE "C"
"""
_HAS_OLDER = """
SELECT EXISTS (SELECT FROM stemma.blobs WHERE extractor_version <> $1) AS has_older,
       EXISTS (SELECT FROM stemma.patterns WHERE trivial_reason = 'generated') AS has_generated
"""
# What another extractor made of a pattern that this one finds too; and a pattern that was met in generated code first.
# Its live occurrences stay counted. Rows are locked in the order of their key.
_RENEW_PATTERNS = """
UPDATE stemma.patterns AS pattern SET {columns}
FROM (
    SELECT read.* FROM {read} AS read JOIN stemma.patterns AS known USING (pattern_id)
    WHERE known.extractor_version <> $1
        OR (known.trivial_reason = 'generated' AND read.trivial_reason IS DISTINCT FROM 'generated')
    ORDER BY pattern_id FOR UPDATE OF known
) AS read
WHERE pattern.pattern_id = read.pattern_id
"""
# What the contents that are read anew held, and nothing holds any more. A row another extraction writes is its own.
_REPLACED = "CREATE TEMPORARY TABLE replaced (pattern_id text, exact_hash text, language text) ON COMMIT DROP"
_REPLACE = """
WITH gone AS (
    DELETE FROM stemma.snippets AS s USING {read} AS read, stemma.blobs AS b
    WHERE s.blob_oid = read.blob_oid AND s.extractor_version <> $1
        AND b.blob_oid = s.blob_oid AND b.extractor_version = s.extractor_version
    RETURNING s.pattern_id, s.exact_hash, b.language
)
INSERT INTO pg_temp.replaced SELECT DISTINCT * FROM gone
"""
_FORGET_PATTERNS = """
DELETE FROM stemma.patterns AS p USING (
    SELECT pattern_id FROM stemma.patterns AS older
    WHERE extractor_version <> $1 AND pattern_id IN (SELECT pattern_id FROM pg_temp.replaced)
        AND NOT EXISTS (SELECT FROM stemma.snippets AS s WHERE s.pattern_id = older.pattern_id)
    ORDER BY pattern_id FOR UPDATE SKIP LOCKED
) AS gone
WHERE p.pattern_id = gone.pattern_id
"""
_FORGET_TEXTS = """
DELETE FROM stemma.snippet_texts AS t USING (
    SELECT older.exact_hash, older.language
    FROM stemma.snippet_texts AS older JOIN pg_temp.replaced AS r USING (exact_hash, language)
    WHERE extractor_version <> $1 AND NOT EXISTS (
        SELECT FROM stemma.snippets AS s WHERE s.pattern_id = r.pattern_id AND s.exact_hash = r.exact_hash
    )
    ORDER BY 1, 2 FOR UPDATE OF older SKIP LOCKED
) AS gone
WHERE t.exact_hash = gone.exact_hash AND t.language = gone.language
"""


def extract_blobs(db: Database, settings: Settings, repo: Repository) -> Counter[str]:
    """Parse every content that the repository's history or head names and this extractor has not yet read.

    A content under several paths is read in the language of the first path. Rows are written in groups of batches, one
    transaction each: a kill loses the open groups, which the next call reads again. Rows of older extractors are
    removed in the transaction that brings the new ones. Where a content that was skipped is read after all, the
    lineage of every repository that names it is marked, in the same transaction, to start over.

    Returns:
        Rows written (`n_blobs`, `n_snippets`, `n_patterns`), files by status (`parsed`, `partial`, `skipped`) and
        by reason (`skipped_binary`, ...), distinct patterns met that are trivial by reason (`trivial_tiny`, ...), and
        `bytes` read.

    Raises:
        SourceError: the repository is gone.
        StoreError: Postgres refuses.
    """
    to_read = db.read(_TO_READ, [repo.repo_id, EXTRACTOR_VERSION]).sort("path", "blob_oid")
    counts: Counter[str] = Counter({"n_blobs": 0, "n_snippets": 0, "n_patterns": 0})
    with phase("parse", repository=repo.name, total=to_read.height, unit="files") as progress:
        if to_read.is_empty():
            return counts
        writer = _Writer(db, counts, progress)
        limits = Limits(settings.max_file_bytes, settings.parse_timeout_s)
        work = partial(extract, limits=limits)
        batches = _batches(_files(repo, to_read, settings.max_file_bytes, progress))
        with _crash_marker(settings.data_dir) as has_crashed:
            for result in map_batches(work, batches, workers=worker_count(settings), isolate=has_crashed):
                for extracted in _one_by_one(work, result.batch) if isinstance(result, Crashed) else (result,):
                    writer.add(extracted)
        writer.flush()
    return counts


def _files(repo: Repository, to_read: pl.DataFrame, max_bytes: int, progress: Phase) -> Iterator[File]:
    """The contents, neighbours by path next to each other: versions of one file share most of their definitions."""
    columns = (to_read[name].to_list() for name in ("blob_oid", "path", "known_reason", "n_bytes"))
    by_oid = {oid: (path, known, n_bytes) for oid, path, known, n_bytes in zip(*columns, strict=True)}
    reasons: dict[str, str] = {}
    for oid, content in read_blobs(repo, by_oid, max_bytes=max_bytes, reasons=reasons):
        path, known_reason, n_bytes = by_oid[oid]
        reason = None if content is not None else reasons.pop(oid, "missing")
        grammar = grammar_of(path)
        if grammar is None or (reason is not None and reason == known_reason):
            progress.advance()
        else:
            yield File(oid, grammar, content, n_bytes, reason)


def _batches(files: Iterable[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    n_bytes = 0
    for file in files:
        batch.append(file)
        n_bytes += len(file.content or b"")
        if n_bytes >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


@contextmanager
def _crash_marker(data_dir: Path) -> Iterator[bool]:
    """Whether the last extraction ended with its process; a file tells it.

    Little work is done in this process, where a fault in a parser would end the run, and the next one too: after a
    sudden end nothing is parsed in this process, so that the culprit is named instead.
    """
    marker = data_dir / "extracting"
    has_crashed = marker.exists()
    data_dir.mkdir(parents=True, exist_ok=True)
    marker.touch()
    try:
        yield has_crashed
    finally:
        marker.unlink(missing_ok=True)


def _one_by_one(work: partial[Extracted], batch: list[File]) -> Iterator[Extracted]:
    """A batch that killed its worker, again: the files that do it alone are named, the others read."""
    for result in map_batches(work, ([file] for file in batch), workers=1, isolate=True):
        yield crashed(result.batch) if isinstance(result, Crashed) else result


class _Writer:
    """Gathers results and writes them in groups."""

    def __init__(self, db: Database, counts: Counter[str], progress: Phase) -> None:
        self._db = db
        self._counts = counts
        self._progress = progress
        self._has_older, self._has_generated = map(bool, db.read(_HAS_OLDER, [EXTRACTOR_VERSION]).row(0))
        self._written: set[str] = set()  # patterns known to be in the database, with nothing to mend
        self._clear()

    def _clear(self) -> None:
        self._blobs: list[pl.DataFrame] = []
        self._snippets: list[pl.DataFrame] = []
        self._patterns: list[pl.DataFrame] = []
        self._texts: list[pl.DataFrame] = []

    def add(self, extracted: Extracted) -> None:
        self._blobs.append(_frame(extracted.blobs, polars_schema(blobs)))
        self._snippets.append(_frame(extracted.snippets, polars_schema(snippets)))
        self._texts.append(_frame(extracted.texts, polars_schema(snippet_texts)))
        new_patterns = _frame(extracted.patterns, polars_schema(patterns))
        self._patterns.append(new_patterns.filter(~pl.col("pattern_id").is_in(self._written)))
        n_files, n_snippets = sum(map(len, self._blobs)), sum(map(len, self._snippets))
        if n_files >= GROUP_FILES or n_snippets >= GROUP_SNIPPETS:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered. Rows go in key order, so that two runs at once cannot wait for each other."""
        if not self._blobs:
            return
        version = pl.lit(EXTRACTOR_VERSION).alias("extractor_version")
        blob_rows = pl.concat(self._blobs).with_columns(version).sort("blob_oid")
        snippet_rows = pl.concat(self._snippets).with_columns(version).sort("blob_oid", "ordinal")
        pattern_rows = (
            pl.concat(self._patterns)
            .sort(_IS_GENERATED, maintain_order=True)  # where it was met elsewhere too, it is no generated code
            .unique("pattern_id", keep="first", maintain_order=True)
            .sort("pattern_id")
        )
        text_key = ["exact_hash", "language"]
        text_rows = pl.concat(self._texts).unique(text_key, keep="first", maintain_order=True).sort(text_key)
        with self._db.transaction() as transaction:
            _start_lineage_over(transaction, blob_rows.filter(pl.col("status") != "skipped").select("blob_oid"))
            self._remove_replaced(transaction, blob_rows.select("blob_oid"))
            transaction.insert(blobs, blob_rows, "nothing")
            transaction.insert(snippets, snippet_rows, "nothing")
            replaced: OnConflict = "update" if self._has_older else "nothing"
            transaction.insert(snippet_texts, text_rows.with_columns(version), replaced)
            n_patterns = self._write_patterns(transaction, pattern_rows.with_columns(version))
            if self._has_older:
                transaction.execute(_FORGET_PATTERNS, [EXTRACTOR_VERSION])
                transaction.execute(_FORGET_TEXTS, [EXTRACTOR_VERSION])
        self._tell(blob_rows, snippet_rows.height, n_patterns)
        self._counts.update(pattern_rows.select("trivial_" + pl.col("trivial_reason"))["literal"].drop_nulls())
        if len(self._written) > REMEMBERED_PATTERNS:
            self._written.clear()
        self._written.update(pattern_rows.filter(~_IS_GENERATED)["pattern_id"])
        self._clear()

    def _write_patterns(self, transaction: Transaction, rows: pl.DataFrame) -> int:
        """Add those that are new, renew those that another extractor made; returns how many are new."""
        if self._has_older or self._has_generated:
            with transaction.staged("read_patterns", rows) as read:
                columns = ", ".join(f"{name} = read.{name}" for name in rows.columns)
                transaction.execute(_RENEW_PATTERNS.format(read=read, columns=columns), [EXTRACTOR_VERSION])
        self._has_generated |= bool(rows.select(_IS_GENERATED.any()).item())
        return transaction.insert(patterns, rows.with_columns(n_live=pl.lit(0), n_repositories=pl.lit(0)), "nothing")

    def _remove_replaced(self, transaction: Transaction, oids: pl.DataFrame) -> None:
        with transaction.staged("read_blobs", oids) as read:
            older = f"USING {read} AS read WHERE known.blob_oid = read.blob_oid AND known.extractor_version <> $1"
            if self._has_older:
                transaction.execute(_REPLACED)
                transaction.execute(_REPLACE.format(read=read), [EXTRACTOR_VERSION])
                transaction.execute(f"DELETE FROM stemma.blobs AS known {older}", [EXTRACTOR_VERSION])
            transaction.execute(
                f"DELETE FROM stemma.blobs AS known USING {read} AS read "
                "WHERE known.blob_oid = read.blob_oid AND known.n_snippets = 0 AND known.status = 'skipped'"
            )

    def _tell(self, blob_rows: pl.DataFrame, n_snippets: int, n_patterns: int) -> None:
        skipped = blob_rows.filter(pl.col("status") == "skipped").select("skipped_" + pl.col("reason"))
        self._counts.update(blob_rows["status"])
        self._counts.update(skipped["literal"])
        self._counts.update(
            n_blobs=blob_rows.height,
            n_snippets=n_snippets,
            n_patterns=n_patterns,
            bytes=int(blob_rows["n_bytes"].sum()),
        )
        self._progress.advance(blob_rows.height)


# Rows are locked in the order of their key, so that two extractions at once cannot wait for each other.
_START_OVER = """
UPDATE stemma.lineage_progress AS progress SET version = NULL
FROM (
    SELECT repo_id, step FROM stemma.lineage_progress
    WHERE repo_id IN (
        SELECT change.repo_id FROM {read} AS read
        JOIN stemma.blobs AS known ON known.blob_oid = read.blob_oid
            AND known.extractor_version = $1 AND known.status = 'skipped'
        JOIN stemma.file_changes AS change ON change.new_blob = read.blob_oid
    )
    ORDER BY repo_id, step FOR UPDATE
) AS behind
WHERE progress.repo_id = behind.repo_id AND progress.step = behind.step
"""


def _start_lineage_over(transaction: Transaction, oids: pl.DataFrame) -> None:
    """For every repository whose history was read without contents that can be read now."""
    with transaction.staged("readable_blobs", oids) as read:
        transaction.execute(_START_OVER.format(read=read), [EXTRACTOR_VERSION])


def _frame(columns: Columns, schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(columns, schema={name: schema[name] for name in columns})
