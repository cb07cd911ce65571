"""What tracing asks of file contents, answered from the store: a few columns, by keys staged for one query each.

What is asked, and by whom, is said in `contents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage.contents import ELEMENT, OUTLINE, PARTIAL, SKIPPED, TEXT
from stemma.store.postgres import Database


class StoredContents:
    """Definitions as the current extractor found them. Every answer is a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def flaws(self, blobs: Sequence[str]) -> Mapping[str, str]:
        return dict(self._ask(_FLAWS, pl.DataFrame({"blob_oid": blobs}, schema=_BLOB)).iter_rows())

    def outlines(self, blobs: Sequence[str]) -> pl.DataFrame:
        return self._ask(_OUTLINES, pl.DataFrame({"blob_oid": blobs}, schema=_BLOB))

    def elements(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._ask(_ELEMENTS, wanted.select("blob_oid", "ordinal"))

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._ask(_TEXTS, wanted.select("exact_hash", "language"), has_version=False)

    def windows(self, pattern_ids: pl.Series) -> pl.DataFrame:
        return self._ask(_WINDOWS, pattern_ids.to_frame("pattern_id"), has_version=False)

    def declared(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._ask(_DECLARED, wanted.select("blob_oid", "ordinal"))

    def _ask(self, query: str, wanted: pl.DataFrame, *, has_version: bool = True) -> pl.DataFrame:
        with self._db.transaction() as transaction, transaction.staged("asked_contents", wanted) as name:
            parameters = [EXTRACTOR_VERSION] if has_version else []
            return transaction.read(query.format(wanted=name), parameters)


def _columns(names: Sequence[str], **places: str) -> str:
    return ", ".join(f"{places.get(name, 's')}.{name}" for name in names)


_BLOB = pl.Schema({"blob_oid": pl.String()})
_OF_BLOBS = "FROM stemma.snippets s JOIN {wanted} w USING (blob_oid) WHERE s.extractor_version = $1"
_OF_SNIPPETS = "FROM stemma.snippets s JOIN {wanted} w USING (blob_oid, ordinal)"
_FLAWS = (
    "SELECT b.blob_oid, b.status FROM stemma.blobs b JOIN {wanted} w USING (blob_oid) "
    f"WHERE b.extractor_version = $1 AND b.status IN ('{SKIPPED}', '{PARTIAL}')"
)
_OUTLINES = f"SELECT {_columns(OUTLINE)} {_OF_BLOBS}"
_ELEMENTS = (
    f"SELECT {_columns(ELEMENT, language='b', is_trivial='p')} {_OF_SNIPPETS} "
    "JOIN stemma.blobs b ON b.blob_oid = s.blob_oid AND b.extractor_version = s.extractor_version "
    "JOIN stemma.patterns p ON p.pattern_id = s.pattern_id WHERE s.extractor_version = $1"
)
_TEXTS = f"SELECT {_columns(TEXT)} FROM stemma.snippet_texts s JOIN {{wanted}} w USING (exact_hash, language)"
_WINDOWS = "SELECT p.pattern_id, p.shingles FROM stemma.patterns p JOIN {wanted} w USING (pattern_id)"
_DECLARED = f"SELECT s.blob_oid, s.ordinal, s.signature, s.docstring {_OF_SNIPPETS} WHERE s.extractor_version = $1"
