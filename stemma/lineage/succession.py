"""Which element the documentation of a deprecated one names as its successor.

A successor is no origin: `deprecated_by` leads from the version that was marked to what its documentation or its mark
names in the same file, `replaced_by` from the last version of a marked element that was removed. The other edges are
told in `kinds` and `parts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import polars as pl

from stemma.lineage.contents import Contents
from stemma.lineage.file_versions import FileVersion

_NAMED = re.compile(
    r"\b(?:use|using|replaced\s+(?:by|with)|in\s+favou?r\s+of|superseded\s+by|moved\s+to)\b(?:\s*:)?\s+(?:the\s+|new\s+)*"
    r"(?:\{@\w+\s+|:[\w:]+:`~?|[`'\"]+|<code>|\[+)?([\w.#:$]*\w)",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[.#:]+")
DOC_CHARS = 4_000
EDGE = {
    "child": pl.Int32(), "parent": pl.Int32(), "weight": pl.Float32(), "confidence": pl.Float32(),
    "edge_type": pl.String(), "evidence": pl.String(),
}  # fmt: skip


def names_in(text: str) -> list[str]:
    """Own names of what a text says to use, in its order, each once: `use {@link Foo#bar(int)}` names bar."""
    found = (_PARTS.split(match.group(1))[-1] for match in _NAMED.finditer(text[:DOC_CHARS]))
    return list(dict.fromkeys(name for name in found if name))


def edges(
    contents: Contents,
    marked: pl.DataFrame,
    files: Mapping[tuple[int, int], FileVersion],
    paths: Sequence[str],
    blobs: Sequence[str],
) -> pl.DataFrame:
    """Edges (as `kinds.edges`) from deprecated versions to what their documentation names.

    Args:
        marked: deprecated versions with commit (of the mark or the removal), edge_type and all columns.
        files: by commit and number of the path, the file as the commit left it.
        paths, blobs: names by number.
    """
    if marked.is_empty():
        return pl.DataFrame(schema=EDGE)
    numbers = {path: number for number, path in enumerate(paths)}
    standing = {row["node"]: files.get((row["commit"], numbers[row["path"]])) for row in marked.iter_rows(named=True)}
    wanted = sorted({blobs[file.outline.blob] for file in standing.values() if file is not None and file.nodes})
    places: dict[str, dict[int, str]] = {}
    for blob, ordinal, name in contents.outlines(wanted).select("blob_oid", "ordinal", "qualified_name").iter_rows():
        places.setdefault(blob, {})[ordinal] = name
    rows = []
    for row in _with_words(contents, marked).iter_rows(named=True):
        file = standing[row["node"]]
        if file is None or not file.nodes:
            continue
        for name in names_in(row["said"]):
            found = _successors(row, name, file, places.get(blobs[file.outline.blob], {}))
            if found:
                evidence = json.dumps({"matched_by": "documentation", "name": name})
                rows.append((row["node"], found[0], None, 1 / len(found), row["edge_type"], evidence))
                break
    return pl.DataFrame(rows, schema=EDGE, orient="row")


def _successors(row: Mapping[str, object], name: str, file: FileVersion, places: Mapping[int, str]) -> list[int]:
    """What stands in the file under that name, in the same holder first; none where it is the element itself."""
    own = str(row["qualified_name"])
    holder = own.rpartition(".")[0]
    n_read = len(file.nodes) - file.outline.n_carried
    named = [each for each in places.items() if each[0] < n_read and each[1].rpartition(".")[2] == name]
    found = [(ordinal, place) for ordinal, place in named if place != own]
    found.sort(key=lambda each: (each[1].rpartition(".")[0] != holder, each[0]))
    beside = [each for each in found if each[1].rpartition(".")[0] == holder]
    nodes = (file.nodes[ordinal] for ordinal, _ in beside or found)
    return [node for node in nodes if node != row["node"]]


def _with_words(contents: Contents, marked: pl.DataFrame) -> pl.DataFrame:
    """With what is `said`: the documentation and the marks of each."""
    declared = contents.declared(marked.select("blob_oid", "ordinal").unique(maintain_order=True))
    marks = contents.texts(marked.select("exact_hash", "language").unique(maintain_order=True))
    marks = marks.select("exact_hash", "language", _marks=pl.col("annotations").list.join(" "))
    told = marked.join(
        declared.select("blob_oid", "ordinal", "docstring"),
        on=["blob_oid", "ordinal"],
        how="left",
        maintain_order="left",
    ).join(marks, on=["exact_hash", "language"], how="left", maintain_order="left")
    return told.with_columns(
        said=pl.concat_str(pl.col("docstring").fill_null(""), pl.col("_marks").fill_null(""), separator=" ")
    )
