"""What a batch of commits did, as rows of the tables: versions paired, named, and made into nodes, edges and events.

The batch itself comes from `states`; the pairing lives in `assignment`, the words for it in `kinds` and `parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from stemma.lineage import kinds, likeness, pairing, parts, succession
from stemma.lineage.assignment import pair, pair_by_text
from stemma.lineage.calibration import Calibration
from stemma.lineage.changed import BEGUN, ENDED, FILES, LANDED, MOVED, Changed, frame
from stemma.lineage.contents import PARTIAL, TYPES, Contents
from stemma.lineage.file_versions import NO_NODE
from stemma.row_ids import row_ids
from stemma.tables import lineage_edges, lineage_events, lineage_nodes, polars_schema

SIDES = 1 << 16  # more parents than any commit has: a problem is commit * SIDES + side
SIDE_COLUMNS = (
    *("problem", "node", "path", "ordinal", "kind", "name", "qualified_name", "duplicate_index", "exact_hash"),
    *("language", "pattern_id", "is_trivial", "n_tokens", "before", "after"),
)


@dataclass(frozen=True)
class Traced:
    """Rows of the tables of lineage.

    `landings`: node_id, first_parent_index and is_kept_text (it took the place of one of equal text) of nodes of
    earlier batches that came to stand on HEAD's chain, and of all that kept a text. Every commit up to `last_position`
    of the order has been traced.
    """

    nodes: pl.DataFrame
    edges: pl.DataFrame
    events: pl.DataFrame
    landings: pl.DataFrame
    last_position: int


@dataclass(frozen=True)
class Leftovers:
    """What commits removed that nothing of them follows (`Changed.ended`), and the files they removed."""

    gone: pl.DataFrame
    files: pl.DataFrame

    @classmethod
    def none(cls) -> Leftovers:
        return cls(frame([], ENDED), frame([], FILES))

    def of(self, commits: set[int]) -> Leftovers:
        """Of these commits only."""
        wanted = pl.col("commit").is_in(list(commits))
        return Leftovers(self.gone.filter(wanted), self.files.filter(wanted))


@dataclass(frozen=True)
class Batch:
    """Everything that is known of a batch: `versions` by node number, `commits` by number."""

    contents: Contents
    calibration: Calibration
    commits: pl.DataFrame
    versions: pl.DataFrame
    path_names: Sequence[str]
    blob_names: Sequence[str]
    look_up: Callable[[pl.Series], pl.DataFrame]
    """`versions` of other nodes."""
    before: Leftovers
    wanted: Sequence[bool]
    """Of each commit whether its rows are to be made: of a parent of these, only what it left over is found."""

    def rows(self, repo_id: str, changed: Changed, last_commit: int) -> tuple[Traced, Leftovers]:
        """The rows, and what is left over of the batch and of what came before it."""
        all_begun = frame(changed.begun, BEGUN).join(self.versions, on="node", maintain_order="left")
        all_ended = frame(changed.ended, ENDED).join(self.versions, on="node", maintain_order="left")
        found, renamed = self._paired(changed, all_begun, all_ended)
        left = self._left_over(changed, found)
        is_wanted = pl.col("commit").is_in(self._wanted_of(changed))
        begun, ended = all_begun.filter(is_wanted), all_ended.filter(is_wanted)
        found = found.filter(((pl.col("problem") // SIDES).cast(pl.Int32)).is_in(self._wanted_of(changed)))
        found = pl.concat([found.with_columns(is_revived=False), self._revived(begun, found)])
        back, moved = self._back_elsewhere(begun, found, left, changed)
        pairs = self._compared(pl.concat([found, back]), pl.concat([renamed, moved]), begun)
        born = begun.join(pairs, left_on="node", right_on="child", how="anti", maintain_order="left")
        gone = self._gone(ended, pairs)
        passed, passings = self._between(born, gone, pairs)
        events = pl.concat(
            [kinds.events(pairs), self._births(born), kinds.event(gone, "removed"), self._moves(changed), passings]
        )
        edges = pl.concat([kinds.edges(pairs), passed, self._successions(changed, events)])
        landed = self._landed(changed)
        traced = Traced(
            nodes=self._nodes(repo_id, begun, landed),
            edges=self._edges(repo_id, edges),
            events=self._events(repo_id, events),
            landings=self._landings(begun, landed),
            last_position=int(self.commits["position"][last_commit]) if last_commit >= 0 else -1,
        )
        return traced, left

    def _wanted_of(self, changed: Changed) -> list[int]:
        return sorted(
            {row[0] for rows in (changed.begun, changed.ended, changed.moved) for row in rows if self.wanted[row[0]]}
        )

    def _left_over(self, changed: Changed, found: pl.DataFrame) -> Leftovers:
        """What nothing of its own commit follows, by commit, of this batch and of what came before."""
        first = found.filter(pl.col("problem") % SIDES == 0)
        paired = first.select(commit=(pl.col("problem") // SIDES).cast(pl.Int32), node="parent")
        gone = frame(changed.ended, ENDED).filter((pl.col("side") == 0) & ~pl.col("is_taken"))
        gone = gone.join(paired, on=["commit", "node"], how="anti", maintain_order="left")
        files = frame(changed.files, FILES).filter(~pl.col("is_added"))
        return Leftovers(pl.concat([self.before.gone, gone]), pl.concat([self.before.files, files]))

    def _back_elsewhere(
        self, begun: pl.DataFrame, found: pl.DataFrame, left: Leftovers, changed: Changed
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What its commit does not explain, held against what the commit before it removed: pairs and renamed files.

        A file may be taken out by one commit and put back in parts by the next.
        """
        single = self.commits.select("commit", "before").drop_nulls()
        problem = pl.col("commit").cast(pl.Int64) * SIDES
        born = begun.join(found, left_on="node", right_on="child", how="anti", maintain_order="left")
        right = born.join(single.select("commit"), on="commit", how="semi").with_columns(problem=problem)
        later = right.select("commit").unique().join(single, on="commit")
        gone = left.gone.rename({"commit": "_at"}).join(later, left_on="_at", right_on="before")
        known = pl.concat([self.versions, self._others(gone["node"])])
        ended = gone.join(known, on="node", maintain_order="left").with_columns(problem=problem)
        paths = pl.Series(self.path_names, dtype=pl.String)
        removed = left.files.rename({"commit": "_at"}).join(later, left_on="_at", right_on="before")
        added = frame(changed.files, FILES).filter("is_added").join(later.select("commit"), on="commit", how="semi")
        files = pl.concat([removed.select(added.columns), added]).with_columns(problem=problem)
        files = files.with_columns(path=paths.gather(files["path"]))
        columns = list(SIDE_COLUMNS)
        pairs, renamed = pair_by_text(
            self.contents, ended.select(columns), right.select(columns), files, self.calibration
        )
        return pairs.with_columns(is_revived=True), renamed

    def _others(self, nodes: pl.Series) -> pl.DataFrame:
        """`versions` of nodes of earlier batches."""
        missing = nodes.filter(~nodes.is_in(self.versions["node"].implode())).unique()
        return self.look_up(missing) if len(missing) else self.versions.clear()

    def _paired(self, changed: Changed, begun: pl.DataFrame, ended: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        problem = pl.col("commit").cast(pl.Int64) * SIDES
        left = ended.with_columns(problem=problem + pl.col("side"))
        sides = left.select("problem", "commit").unique(maintain_order=True)
        right = sides.join(begun, on="commit", maintain_order="left")
        paths = pl.Series(self.path_names, dtype=pl.String)
        files = frame(changed.files, FILES)
        files = files.with_columns(problem=problem, path=paths.gather(files["path"]))
        columns = list(SIDE_COLUMNS)
        return pair(self.contents, left.select(columns), right.select(columns), files, self.calibration)

    def _revived(self, begun: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        """What nothing of the commit explains, and what stood in its place once."""
        born = begun.join(found, left_on="node", right_on="child", how="anti")
        back = born.filter((pl.col("tomb") != NO_NODE) & (pl.col("tomb") != pl.col("node")))
        both = back.select(
            *likeness.SIDE,
            problem=pl.col("commit").cast(pl.Int64) * SIDES,
            child="node",
            parent="tomb",
        ).join(
            self.versions.select(
                parent="node", **{f"{name}_parent": name for name in likeness.SIDE if name not in ("before", "after")}
            ).with_columns(before_parent=pl.lit(None, pl.Int32), after_parent=pl.lit(None, pl.Int32)),
            on="parent",
            maintain_order="left",
        )
        alike = likeness.scored(self.contents, both, self.calibration)
        enough = alike.filter(pl.col("score") >= self.calibration.thresholds["revived"])
        return enough.select(
            "problem",
            "parent",
            "child",
            matched_by=pl.lit("same_place_before"),
            n_candidates=pl.lit(1, pl.UInt32),
            confidence=pl.col("score").cast(pl.Float64),
            is_revived=True,
        )

    def _compared(self, found: pl.DataFrame, renamed: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
        """Every pair with all columns of both sides and its flags; `is_first`: of those of one child, the one it is
        compared with in events."""
        versions = self.versions.with_columns(container=pairing.container())
        parents = pl.concat([self.versions, self._others(found["parent"])]).with_columns(container=pairing.container())
        older = parents.rename({name: f"{name}_parent" for name in parents.columns})
        problem = pl.col("problem")
        first_side = (pl.col("side") == pl.col("side").min().over("child")) | pl.col("is_revived")
        joined = (
            found.with_columns(commit=(problem // SIDES).cast(pl.Int32), side=problem % SIDES)
            .unique(["child", "parent"], keep="first", maintain_order=True)
            .with_columns(is_first=first_side)
            .join(versions, left_on="child", right_on="node", maintain_order="left")
            .join(older, left_on="parent", right_on="node_parent", maintain_order="left")
        )
        files = renamed.select("problem", path_parent="old_path", path="new_path", is_file_renamed=True)
        joined = joined.join(files, on=["problem", "path_parent", "path"], how="left", maintain_order="left")
        merged = begun.select("is_merged", "is_kept_text", child="node")
        joined = joined.join(merged, on="child", how="left", maintain_order="left")
        holders = joined.select(
            "problem", "path", "path_parent", container="qualified_name", container_parent="qualified_name_parent"
        )
        holders = holders.unique().with_columns(is_container_renamed=True)
        joined = joined.join(holders, on=holders.columns[:-1], how="left", maintain_order="left").with_columns(
            pl.col("is_file_renamed", "is_container_renamed").fill_null(False)
        )
        weighed = likeness.weighed(self.contents, self._with_errors(joined))
        return kinds.compared(self.contents, weighed)

    def _with_errors(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """With `is_in_error` of both sides: of what changed its holder, whether the content has errors of syntax."""
        sides = {"": "blob_oid", "_parent": "blob_oid_parent"}
        asked = pairs.filter(pl.col("container") != pl.col("container_parent"))
        blobs = pl.concat([asked[column] for column in sides.values()]).unique()
        partial = [blob for blob, flaw in self.contents.flaws(blobs.to_list()).items() if flaw == PARTIAL]
        return pairs.with_columns(
            pl.col(column).is_in(partial).alias(f"is_in_error{side}") for side, column in sides.items()
        )

    def _between(
        self, born: pl.DataFrame, gone: pl.DataFrame, pairs: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What passed between elements, in commits that are no merges: there, other parents may explain it."""
        single = self.commits.filter(pl.col("parents").list.len() == 1).select("commit")
        sides = [
            side.filter(~pl.col("kind").is_in(TYPES)).join(single, on="commit", how="semi", maintain_order="left")
            for side in (born, gone, pairs)
        ]
        return parts.between(self.contents, sides[0], sides[1], sides[2], self.calibration)

    def _successions(self, changed: Changed, events: pl.DataFrame) -> pl.DataFrame:
        """What the documentation of deprecated versions names, where they are marked and where they are removed."""
        types = {"deprecated": "deprecated_by", "removed": "replaced_by"}
        ends = events.filter(pl.col("event_type").is_in(list(types))).with_columns(
            edge_type=pl.col("event_type").replace_strict(types, return_dtype=pl.String)
        )
        marked = ends.join(self.versions.filter("is_deprecated"), on="node", maintain_order="left")
        return succession.edges(self.contents, marked, changed.versions, self.path_names, self.blob_names)

    def _births(self, born: pl.DataFrame) -> pl.DataFrame:
        """What came of nothing that is known: introduced, or observed where its past cannot be seen."""
        cut = self.commits.select(
            "commit",
            boundary=pl.when("is_shallow_boundary")
            .then(pl.lit("shallow"))
            .when((pl.col("kind_of_commit") == "snapshot") & (pl.col("parents").list.len() == 0))
            .then(pl.lit("snapshot")),
        )
        born = born.join(cut, on="commit", how="left", maintain_order="left")
        unread = pl.when("is_unknown").then(pl.lit("unreadable"))
        born = born.with_columns(pl.coalesce("boundary", unread).alias("boundary"))
        is_known = pl.col("boundary").is_null()
        return pl.concat(
            [
                kinds.event(born.filter(is_known), "introduced"),
                kinds.event(born.filter(~is_known), "observed", pl.struct("boundary")),
                kinds.event(born.filter("is_deprecated"), "deprecated"),
            ]
        )

    def _gone(self, ended: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
        """What the first parent had, and nothing that the commit holds follows."""
        first = pairs.filter(pl.col("side") == 0).select("commit", node="parent")
        gone = ended.filter((pl.col("side") == 0) & ~pl.col("is_taken"))
        return gone.join(first, on=["commit", "node"], how="anti", maintain_order="left")

    def _moves(self, changed: Changed) -> pl.DataFrame:
        moved = frame(changed.moved, MOVED).filter(pl.col("commit").is_in(self._wanted_of(changed)))
        return kinds.event(moved, "moved_within_file", pl.struct("from", "to"))

    def _landed(self, changed: Changed) -> pl.DataFrame:
        chain = self.commits.select("commit", "first_parent_index")
        return frame(changed.landed, LANDED).join(chain, on="commit", maintain_order="left").drop("commit")

    def _nodes(self, repo_id: str, begun: pl.DataFrame, landed: pl.DataFrame) -> pl.DataFrame:
        commits = self.commits.select("commit", "sha", "authored_at", occurred_at="committed_at")
        nodes = begun.join(commits, on="commit", maintain_order="left")
        nodes = nodes.join(landed.drop("is_kept_text"), on="node", how="left", maintain_order="left")
        return _rows(lineage_nodes, nodes, repo_id)

    def _landings(self, begun: pl.DataFrame, landed: pl.DataFrame) -> pl.DataFrame:
        is_older = ~pl.col("node").is_in(begun["node"].implode())
        told = landed.filter(is_older | pl.col("is_kept_text")).join(self.versions, on="node", maintain_order="left")
        return told.select("node_id", pl.col("first_parent_index").cast(pl.Int32), "is_kept_text")

    def _edges(self, repo_id: str, edges: pl.DataFrame) -> pl.DataFrame:
        ids = self.versions.select("node", "node_id")
        other = edges.filter(~pl.col("parent").is_in(ids["node"].implode()))["parent"]
        if len(other):  # a successor that this batch did not change
            ids = pl.concat([ids, self.look_up(other).select("node", "node_id")])
        named = edges.join(
            ids.rename({"node": "child", "node_id": "child_id"}), on="child", maintain_order="left"
        ).join(ids.rename({"node": "parent", "node_id": "parent_id"}), on="parent", maintain_order="left")
        named = named.unique(["child_id", "parent_id", "edge_type"], keep="first", maintain_order=True)
        key = named.select("child_id", "parent_id", "edge_type")
        return _rows(lineage_edges, named.with_columns(edge_id=row_ids(key)), repo_id)

    def _events(self, repo_id: str, events: pl.DataFrame) -> pl.DataFrame:
        commits = self.commits.select("commit", "sha", occurred_at="committed_at")
        named = events.join(commits, on="commit", maintain_order="left").join(
            self.versions.select("node", "node_id"), on="node", maintain_order="left"
        )
        key = ["node_id", "event_type", "sha"]
        named = named.unique(key, keep="first", maintain_order=True)
        return _rows(lineage_events, named.with_columns(event_id=row_ids(named.select(key))), repo_id)


def _rows(table: sa.Table, frame: pl.DataFrame, repo_id: str) -> pl.DataFrame:
    schema = polars_schema(table)
    return frame.with_columns(repo_id=pl.lit(repo_id)).select(pl.col(name).cast(schema[name]) for name in schema)
