"""Versions of elements with their tokens, read from the repository a batch at a time, and what each came from.

Which versions are read is decided in `origins`; whose their tokens are, in `labels`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from stemma.attribution.diff import Carried, carried, long_runs
from stemma.attribution.labels import Version
from stemma.attribution.tokens import Tokens, read
from stemma.extract.source import prepare
from stemma.git.objects import read_blobs
from stemma.git.repository import Repository
from stemma.languages import EXTRACTOR_VERSION
from stemma.store.postgres import Transaction

MAX_TOKENS = 30_000
"""Of a longer definition (a class of three thousand lines) only the first so many are followed."""
KEPT_TOKENS = 4_000_000
"""Tokens of texts kept from one batch to the next: parents are mostly of the batch before."""

# Edges along which tokens are carried, the likeliest origin first. Copies carry none: they are found later than lineage
# and across repositories, so what came of them would depend on which was read first.
EXTRACTED_FROM = "extracted_from"
EXTRACTED_RUN = 12
"""Of what was taken out of another definition, runs so long are carried: two neighbours share shorter ones anyway."""
EDGE_TYPES = ("modified_from", "renamed_from", "moved_from", "derived_from", "merged_from", EXTRACTED_FROM)

_COLUMNS = """
n.node_id, n.repo_id, n.path, n.qualified_name, n.exact_hash, n.pattern_id, n.sha, n.blob_oid, n.occurred_at,
n.authored_at, s.name, s.start_byte, s.end_byte, s.start_line, t.token_hash, coalesce(p.is_trivial, true) AS is_trivial
"""
_JOINS = f"""
JOIN stemma.snippets s ON s.blob_oid = n.blob_oid AND s.extractor_version = '{EXTRACTOR_VERSION}'
    AND s.ordinal = n.ordinal
LEFT JOIN stemma.snippet_texts t ON t.exact_hash = n.exact_hash AND t.language = n.language
LEFT JOIN stemma.patterns p ON p.pattern_id = n.pattern_id
"""
# With the lines of what is defined inside it: they are lines of that, and not of what is around it.
_VERSIONS = f"""
SELECT {_COLUMNS}, w.position, inner_ones.first_lines, inner_ones.last_lines
FROM {{wanted}} w JOIN stemma.lineage_nodes n USING (node_id) {_JOINS}
LEFT JOIN LATERAL (
    SELECT array_agg(i.start_line ORDER BY i.ordinal) AS first_lines,
           array_agg(i.end_line ORDER BY i.ordinal) AS last_lines
    FROM stemma.snippets i
    WHERE i.blob_oid = s.blob_oid AND i.extractor_version = s.extractor_version AND i.parent_ordinal = s.ordinal
) AS inner_ones ON true
"""
_PARENTS = f"""
SELECT e.child_id, e.edge_type, e.weight, {_COLUMNS}
FROM {{wanted}} w
JOIN stemma.lineage_edges e ON e.child_id = w.node_id
JOIN stemma.lineage_nodes n ON n.node_id = e.parent_id AND n.repo_id = $1
JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha AND c.position < w.position
{_JOINS}
WHERE e.edge_type IN ({", ".join(f"'{edge_type}'" for edge_type in EDGE_TYPES)})
"""


@dataclass
class Batch:
    """Some versions in the order of their commits, with what they came from."""

    about: pl.DataFrame
    """A row for each version, in order: node_id, sha, path, paths, name, hashes, is_trivial, dates, ..."""
    versions: list[Version] = field(default_factory=list)
    parent_ids: set[str] = field(default_factory=set)


class Reader:
    """Reads the texts of versions from one repository; texts met before are kept for a while."""

    def __init__(self, repo: Repository, max_bytes: int) -> None:
        self._repo, self._max_bytes = repo, max_bytes
        self._kept: dict[str, Tokens] = {}
        self._n_kept = 0

    def read(self, transaction: Transaction, wanted: pl.DataFrame) -> Batch:
        """The versions named by `wanted` (node_id, position); a text that is gone has no tokens."""
        with transaction.staged("wanted_versions", wanted) as name:
            about = transaction.read(_VERSIONS.format(wanted=name)).sort("position", "node_id")
            parents = transaction.read(_PARENTS.format(wanted=name), [self._repo.repo_id])
        self._take(pl.concat([about.select(_PLACE), parents.select(_PLACE)]).unique("exact_hash"))
        order = {edge_type: rank for rank, edge_type in enumerate(EDGE_TYPES)}
        parents = parents.with_columns(rank=pl.col("edge_type").replace_strict(order, return_dtype=pl.Int32)).sort(
            "child_id", "rank", pl.col("weight").fill_null(0), "node_id", descending=[False, False, True, False]
        )
        parents = parents.unique(["child_id", "node_id"], keep="first", maintain_order=True)
        # Where a file was renamed, what is new in it was written under the old name: its neighbours tell which.
        children = about.select("sha", child_id="node_id", child_path="path")
        paths = (
            parents.join(children, on="child_id", suffix="_child")
            .group_by(sha="sha_child", path="child_path")
            .agg(parent_paths=pl.col("path").unique().sort())
        )
        about = about.join(paths, on=["sha", "path"], how="left", maintain_order="left")
        about = about.with_columns(paths=pl.concat_list("path", pl.col("parent_paths").fill_null([])))
        came_from: dict[str, list[tuple[str, str, str]]] = {}
        for child, *parent in parents.select("child_id", "node_id", "exact_hash", "edge_type").iter_rows():
            came_from.setdefault(child, []).append((parent[0], parent[1], parent[2]))
        versions = [
            self._version(row, came_from.get(row["node_id"], []))
            for row in about.select("node_id", "exact_hash", "start_line", "first_lines", "last_lines").iter_rows(
                named=True
            )
        ]
        return Batch(about, versions, set(parents["node_id"].to_list()))

    def _version(self, row: dict[str, Any], came_from: list[tuple[str, str, str]]) -> Version:
        tokens = self._kept[row["exact_hash"]]
        parents: list[tuple[str, Carried]] = []
        for parent, parent_text, edge_type in came_from:
            found = carried(self._kept[parent_text], tokens)
            parents.append((parent, long_runs(found, EXTRACTED_RUN) if edge_type == EXTRACTED_FROM else found))
        inner = zip(row["first_lines"] or (), row["last_lines"] or (), strict=True)
        return Version(row["node_id"], tokens, row["start_line"], parents, tuple(inner))

    def _take(self, places: pl.DataFrame) -> None:
        """Tokens of texts not yet known; each content is read once for all definitions in it."""
        if self._n_kept > KEPT_TOKENS:
            self._kept, self._n_kept = {}, 0
        unknown = places.filter(~pl.col("exact_hash").is_in(list(self._kept)))
        by_blob = {str(oid): rows for (oid,), rows in unknown.group_by("blob_oid")}
        for oid, content in read_blobs(self._repo, by_blob, max_bytes=self._max_bytes):
            text = prepare(content, self._max_bytes).text if content is not None else b""
            for exact_hash, first, end in by_blob[oid].select("exact_hash", "start_byte", "end_byte").iter_rows():
                tokens = read(text[first:end]).part(0, MAX_TOKENS)
                self._kept[exact_hash] = tokens
                self._n_kept += len(tokens)


_PLACE = ("exact_hash", "blob_oid", "start_byte", "end_byte")
