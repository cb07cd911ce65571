"""Lineage of a repository's whole commit graph, out of frames: nodes, edges and events. No store is touched here.

The state of files along the graph is kept by `states`, versions are paired by `assignment`, changes named by `kinds`;
what is read from and written to the store, and when, is told in `history`.

    trace(repo_id, commits, changes, contents) -> Traced(nodes, edges, events)

Input:
    commits: sha, position, parents (first parent first; one that is not among the commits is cut off),
        first_parent_index (null off HEAD's chain), committed_at, authored_at, is_shallow_boundary, kind.
    changes: sha, path, old_blob, new_blob against the first parent; of a root, all it holds. Changes of some paths only
        give the lineage of those paths, and what came from elsewhere is introduced there.
    contents: `FrameContents(definitions, unreadable)`, or any other `Contents`.
Output: exactly the columns of `lineage_nodes`, `lineage_edges` and `lineage_events`.

A node is one version of one element: its id hashes repository, path, kind, qualified name, duplicate index and the
commit that made it, so it is the same in whatever order commits were traced. A merge makes a version only where the
text is none of its parents'; there, edges lead to each parent's version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from weakref import WeakValueDictionary

import numpy as np
import polars as pl

from stemma.lineage.calibration import Calibration, calibration
from stemma.lineage.changed import BEGUN, ENDED, LANDED, MOVED, Changed, frame
from stemma.lineage.contents import PARTIAL, PLACE, SKIPPED, Contents, FrameContents
from stemma.lineage.file_versions import NO_NODE, Outline
from stemma.lineage.states import NO_BLOB, States
from stemma.lineage.told import Batch, Leftovers, Traced
from stemma.row_ids import row_ids

__all__ = ["FrameContents", "Traced", "Tracer", "trace"]

CHANGES_PER_STEP = 2_000  # contents whose outlines are read at a time
VERSIONS_PER_BATCH = 50_000


def trace(repo_id: str, commits: pl.DataFrame, changes: pl.DataFrame, contents: Contents) -> Traced:
    """All of it at once, for histories that fit in memory."""
    tracer = Tracer(repo_id, commits, contents)
    parts = list(tracer.run(changes))
    nodes = pl.concat([part.nodes for part in parts])
    landings = pl.concat([part.landings for part in parts]).unique("node_id", keep="first", maintain_order=True)
    late = landings.select("node_id", _late="first_parent_index")
    late = nodes.join(late, on="node_id", how="left", maintain_order="left")
    nodes = late.with_columns(pl.coalesce("first_parent_index", "_late").alias("first_parent_index")).drop("_late")
    edges, events = (pl.concat([getattr(part, name) for part in parts]) for name in ("edges", "events"))
    return Traced(nodes, edges, events, landings, parts[-1].last_position if parts else -1)


class Tracer:
    """Goes along the commits once, in order, in batches of bounded size.

    Args:
        commits: as `trace`, all of the repository's.
        wanted: of each commit, in the order of its position, whether its rows are to be made; null: of all.
        lands_everywhere: tell of versions that came to stand on HEAD's chain at commits that are not wanted, too.
    """

    def __init__(
        self,
        repo_id: str,
        commits: pl.DataFrame,
        contents: Contents,
        *,
        wanted: Sequence[bool] | None = None,
        lands_everywhere: bool = False,
        numbers: Calibration | None = None,
    ) -> None:
        self._repo_id, self._contents = repo_id, contents
        self._calibration = numbers or calibration()
        self._commits = _numbered_commits(commits)
        shas = self._commits["sha"].to_list()
        self._number = {sha: number for number, sha in enumerate(shas)}
        parents = [
            list(dict.fromkeys(self._number[parent] for parent in each if parent in self._number))
            for each in self._commits["parents"].to_list()
        ]
        chain = self._commits["first_parent_index"].to_list()
        wanted = wanted if wanted is not None else [True] * len(shas)
        lands = [
            index is not None and (lands_everywhere or is_wanted)
            for index, is_wanted in zip(chain, wanted, strict=True)
        ]
        # What a commit left over is asked for by those that come right after it.
        asked = list(wanted)
        for number, each in enumerate(parents):
            if wanted[number] and len(each) == 1:
                asked[each[0]] = True
        self._wanted, self._left = wanted, Leftovers.none()
        self._states = States(parents, asked, lands)
        self._paths: dict[str, int] = {}
        self._path_names: list[str] = []
        self._blobs: dict[str, int] = {}
        self._blob_names: list[str] = []
        # Those that no state holds any more go by themselves.
        self._outlines: WeakValueDictionary[int, Outline] = WeakValueDictionary()
        self._next = 0

    def run(self, changes: pl.DataFrame, upto: int | None = None) -> Iterator[Traced]:
        """Batches of rows, in the order of the commits.

        Args:
            changes: as `trace`, of the commits that come next.
            upto: position of the last of these commits; null: all that are left.
        """
        last = self._commits.height if upto is None else self._commits.filter(pl.col("position") <= upto).height
        numbered = changes.join(self._commits.select("sha", "commit"), on="sha").sort("commit", "path")
        at = numbered["commit"].to_list()
        paths = _numbered(numbered["path"], self._paths, self._path_names)
        blobs = _numbered(numbered["new_blob"], self._blobs, self._blob_names)
        changed, n_done = Changed(), 0
        while self._next < last:
            end = min(n_done + CHANGES_PER_STEP, len(at))
            stop = at[end] if end < len(at) else last
            if stop == self._next:  # one commit alone is larger
                stop += 1
            end = bisect_left(at, stop, lo=n_done)
            self._step(stop, at[n_done:end], paths[n_done:end], blobs[n_done:end], changed)
            n_done = end
            if changed.n_versions >= VERSIONS_PER_BATCH:
                yield self._told(changed)
                changed = Changed()
        yield self._told(changed)

    def _step(self, stop: int, at: list[int], paths: list[int], blobs: list[int], changed: Changed) -> None:
        """Apply the commits before `stop`."""
        outlines = self._read(set(blobs) - {NO_BLOB})
        n_done = 0
        for commit in range(self._next, stop):
            end = n_done
            while end < len(at) and at[end] == commit:
                end += 1
            changes = list(zip(paths[n_done:end], blobs[n_done:end], strict=True))
            self._states.apply(commit, changes, outlines, changed)
            n_done = end
        self._next = stop

    def _read(self, blobs: set[int]) -> dict[int, Outline]:
        """Outlines of these contents; those that cannot be read are left out."""
        found = {blob: outline for blob in blobs if (outline := self._outlines.get(blob)) is not None}
        missing = [self._blob_names[blob] for blob in sorted(blobs - found.keys())]
        flaws = self._contents.flaws(missing)
        read = {name: Outline(self._blobs[name], [], [], []) for name in missing if flaws.get(name) != SKIPPED}
        place = pl.concat_str(*PLACE, separator="\0")
        texts = ("exact_hash", pl.col("loose_hash").fill_null(""), pl.col("doc_hash").fill_null(""))
        key = pl.concat_str(place, *texts, separator="\0")
        rows = self._contents.outlines(list(read)).sort("blob_oid", "ordinal")
        rows = rows.select("blob_oid", "parent_ordinal", place=place.hash(), key=key.hash())
        for name, outline in read.items():
            outline.is_partial = flaws.get(name) == PARTIAL
        for name, *row in rows.group_by("blob_oid", maintain_order=True).agg(pl.all()).iter_rows():
            parents, places, keys = row
            outline = read[name]
            outline.keys, outline.places, outline.parents = keys, places, parents
        found |= {outline.blob: outline for outline in read.values()}
        self._outlines.update(found)
        return found

    def _told(self, changed: Changed) -> Traced:
        begun = frame(changed.begun, BEGUN)
        rows = ((changed.ended, ENDED), (changed.landed, LANDED), (changed.moved, MOVED))
        named = [begun["node"], begun["tomb"], *(frame(group, schema)["node"] for group, schema in rows)]
        nodes = pl.concat(named)
        versions = self._versions(nodes.filter(nodes != NO_NODE))
        told = Batch(
            self._contents, self._calibration, self._commits, versions, self._path_names, self._blob_names,
            self._versions, self._left, self._wanted,
        )  # fmt: skip
        traced, left = told.rows(self._repo_id, changed, self._next - 1)
        self._left = left.of(self._states.open_commits())
        return traced

    def _versions(self, nodes: pl.Series) -> pl.DataFrame:
        """Of these nodes node, node_id, the commit that made it (`made_by`), path and what `contents` tells of it."""
        numbers = nodes.unique().sort()
        at, made = numbers.to_numpy(), self._states.nodes
        commit, path, blob, ordinal = (
            np.frombuffer(column, dtype=np.int32)[at] if len(column) else np.empty(0, np.int32)
            for column in (made.commit, made.path, made.blob, made.ordinal)
        )
        frame = pl.DataFrame(
            {
                "node": numbers.cast(pl.Int32),
                "made_by": commit,
                "path": pl.Series(self._path_names, dtype=pl.String).gather(path),
                "blob_oid": pl.Series(self._blob_names, dtype=pl.String).gather(blob),
                "ordinal": ordinal,
            }
        )
        elements = self._contents.elements(frame.select("blob_oid", "ordinal").unique(maintain_order=True))
        frame = frame.join(elements, on=["blob_oid", "ordinal"], how="inner", maintain_order="left")
        shas = self._commits["sha"].gather(frame["made_by"])
        key = frame.select(
            pl.lit(self._repo_id), "path", "kind", "qualified_name", pl.col("duplicate_index").cast(pl.String)
        )
        return frame.with_columns(node_id=row_ids(key.with_columns(shas)))


def _numbered_commits(commits: pl.DataFrame) -> pl.DataFrame:
    """In their order, with their number and that of the only parent (`before`); `kind` is what definitions have."""
    ordered = commits.sort("position").rename({"kind": "kind_of_commit"}).with_row_index("commit")
    numbered = ordered.with_columns(pl.col("commit").cast(pl.Int32))
    only = numbered.filter(pl.col("parents").list.len() == 1).select("commit", sha=pl.col("parents").list.first())
    before = only.join(numbered.select("sha", before="commit"), on="sha").drop("sha")
    return numbered.join(before, on="commit", how="left", maintain_order="left")


def _numbered(values: pl.Series, known: dict[str, int], names: list[str]) -> list[int]:
    """The number of each value, `NO_BLOB` for null; new values get the next ones."""
    distinct = values.drop_nulls().unique(maintain_order=True).to_list()
    for value in distinct:
        if value not in known:
            known[value] = len(names)
            names.append(value)
    return [NO_BLOB if value is None else known[value] for value in values.to_list()]
