"""What tracing asks of file contents: outlines for all, the rest only for what a commit began or ended.

Answers from frames in memory are here; those from the store are in `stored_contents`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import polars as pl

SKIPPED, PARTIAL = "skipped", "partial"
PLACE = ("kind", "qualified_name", "duplicate_index")
OUTLINE = ("blob_oid", "ordinal", "parent_ordinal", *PLACE, "exact_hash", "loose_hash", "doc_hash")
ELEMENT = (*OUTLINE, "name", "language", "pattern_id", "is_deprecated", "is_trivial", "n_tokens")
# What holds other definitions.
TYPES = frozenset(
    {"class", "interface", "struct", "enum", "trait", "record", "object", "extension", "module", "protocol", "mixin"}
    | {"impl", "annotation", "union"}
)
TEXT = (
    *("exact_hash", "language", "token_hash", "parameters", "modifiers", "calls", "defines", "body_hash"),
    *("comments_hash", "parameter_list", "return_type", "annotations", "raises"),
)


class Contents(Protocol):
    """Definitions by content; columns are named as in the tables `snippets`, `snippet_texts` and `patterns`."""

    def flaws(self, blobs: Sequence[str]) -> Mapping[str, str]:
        """Status of those of these contents that could not be read (`SKIPPED`), or in parts only, for errors of syntax
        (`PARTIAL`)."""

    def outlines(self, blobs: Sequence[str]) -> pl.DataFrame:
        """`OUTLINE` of every definition of these contents, in source order."""

    def elements(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """`ELEMENT` of these definitions (columns blob_oid, ordinal)."""

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """`TEXT` of these texts (columns exact_hash, language)."""

    def windows(self, pattern_ids: pl.Series) -> pl.DataFrame:
        """pattern_id and shingles of these patterns; those without windows may be left out."""

    def declared(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """blob_oid, ordinal, signature and docstring of these definitions (columns blob_oid, ordinal)."""


class FrameContents:
    """Contents held in memory.

    Args:
        definitions: one row per definition of every content: the columns of `ELEMENT`, `TEXT`, signature, docstring and
            shingles.
        unreadable: contents that could not be read. A content in neither has no definitions.
        partial: contents that have errors of syntax.
    """

    def __init__(
        self, definitions: pl.DataFrame, unreadable: Collection[str] = (), partial: Collection[str] = ()
    ) -> None:
        self._definitions = definitions.sort("blob_oid", "ordinal")
        self._texts = definitions.select(TEXT).unique(["exact_hash", "language"], maintain_order=True)
        self._windows = definitions.select("pattern_id", "shingles").unique("pattern_id", maintain_order=True)
        self._flaws = dict.fromkeys(partial, PARTIAL) | dict.fromkeys(unreadable, SKIPPED)

    def flaws(self, blobs: Sequence[str]) -> Mapping[str, str]:
        return {blob: self._flaws[blob] for blob in blobs if blob in self._flaws}

    def outlines(self, blobs: Sequence[str]) -> pl.DataFrame:
        wanted = pl.DataFrame({"blob_oid": blobs}, schema={"blob_oid": pl.String})
        return self._definitions.select(OUTLINE).join(wanted, on="blob_oid", how="semi", maintain_order="left")

    def elements(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._definitions.select(ELEMENT).join(_ordinals(wanted), on=["blob_oid", "ordinal"], how="semi")

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._texts.join(wanted, on=["exact_hash", "language"], how="semi")

    def windows(self, pattern_ids: pl.Series) -> pl.DataFrame:
        return self._windows.join(pattern_ids.to_frame("pattern_id"), on="pattern_id", how="semi")

    def declared(self, wanted: pl.DataFrame) -> pl.DataFrame:
        found = self._definitions.select("blob_oid", "ordinal", "signature", "docstring")
        return found.join(_ordinals(wanted), on=["blob_oid", "ordinal"], how="semi")


def _ordinals(wanted: pl.DataFrame) -> pl.DataFrame:
    return wanted.with_columns(pl.col("ordinal").cast(pl.Int32))
