"""One text read by the extractor, as rows; what is claimed of the rows lives in the tests beside this."""

from __future__ import annotations

from typing import Any

from stemma.extract.contents import CACHE
from stemma.extract.extractor import Columns, Extracted, File, Limits, extract

LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=20)


def read(grammar: str, text: str | bytes, limits: Limits = LIMITS) -> Extracted:
    """The text read by an extractor that has read nothing before."""
    forget()
    content = text.encode() if isinstance(text, str) else text
    return extract([File("0" * 40, grammar, content)], limits)


def forget() -> None:
    CACHE.clear()


def rows(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def snippets(grammar: str, text: str | bytes) -> list[dict[str, Any]]:
    return rows(read(grammar, text).snippets)


def blob(grammar: str, text: str | bytes, limits: Limits = LIMITS) -> dict[str, Any]:
    return rows(read(grammar, text, limits).blobs)[0]


def places(grammar: str, text: str | bytes) -> list[tuple[str, str, int, int]]:
    """(kind, qualified name, first line, last line) of each definition."""
    return [(row["kind"], row["qualified_name"], row["start_line"], row["end_line"]) for row in snippets(grammar, text)]


def named(grammar: str, text: str | bytes, qualified_name: str) -> dict[str, Any]:
    found = [row for row in snippets(grammar, text) if row["qualified_name"] == qualified_name]
    assert len(found) == 1, found
    return found[0]
