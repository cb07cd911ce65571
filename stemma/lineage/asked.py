"""The history of one element straight from a git repository: no database, no run before.

Only the commits and contents that can have touched it are read: `asked_walk` finds them in one file, `asked_births` in
the files that it may have come from. Which version followed which, and what changed, is told by `trace`, so the answer
is the one that the tables of lineage give for this element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from stemma.errors import NotFoundError
from stemma.extract.extractor import Limits
from stemma.git.history import real_parents
from stemma.git.path_history import TreeChange, path_history, tree_changes
from stemma.git.store import Store
from stemma.languages import grammar_of
from stemma.lineage.asked_births import Birth, suspects, taken_out
from stemma.lineage.asked_contents import Contents, Found, Key, Parsed
from stemma.lineage.asked_joints import Joint, Place, same_element
from stemma.lineage.asked_walk import Slice, Version, Walk
from stemma.lineage.kept_contents import KeptContents
from stemma.lineage.trace import Traced, trace
from stemma.tables import lineage_edges, lineage_events, lineage_nodes, polars_schema

FOLLOWED = ("modified_from", "renamed_from", "moved_from", "derived_from")
"""Edges along which an element stays itself; what it was extracted, merged or copied from has a life of its own."""
JOINED = "merged_from"
"""At a merge of branches, leads to the same element on the other ones."""
MAX_STAGES, MAX_ROUNDS = 50, 12
_Blobs = tuple[str | None, str | None]
_CHANGES = pl.Schema(dict.fromkeys(("sha", "path", "old_blob", "new_blob"), pl.String()))


@dataclass
class History:
    """Rows of the three tables for one element: its versions, how they hang together, what happened to each.

    `node_id` is the version that stands at the commit asked of; `n_commits` and `n_contents`, what was looked at.
    """

    node_id: str
    nodes: pl.DataFrame
    edges: pl.DataFrame
    events: pl.DataFrame
    n_commits: int = 0
    n_contents: int = 0


@dataclass
class _Rows:
    nodes: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=polars_schema(lineage_nodes))])
    edges: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=polars_schema(lineage_edges))])
    events: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=polars_schema(lineage_events))])


@dataclass(frozen=True)
class Step:
    """One commit of a slice, as `trace` wants it: its changes by path, as (old, new)."""

    sha: str
    parents: Sequence[str]
    changes: Mapping[str, _Blobs]
    committed_at: int = 0
    authored_at: int = 0


def steps_of(parent: str, sha: str, chosen: Sequence[TreeChange], *dates: int) -> tuple[Step, Step]:
    """A commit with these of its changes, behind its parent, which holds their older sides and nothing else."""
    before = {change.path: (None, change.old_blob) for change in chosen if change.old_blob}
    after = {change.path: (change.old_blob, change.new_blob) for change in chosen}
    return Step(parent, (), before, *dates), Step(sha, (parent,), after, *dates)


class Asking:
    """Questions put to one repository; contents read for one are there for the next."""

    def __init__(self, store: Store, limits: Limits, repo_id: str, kept: KeptContents | None = None) -> None:
        self.contents = Contents(store, limits, kept)
        self._store, self._repo_id = store, repo_id
        self._shallow = set(store.shallow_commits())
        self._n_commits = 0

    def at_line(self, path: str, line: int, commit: str) -> Place:
        """The innermost definition that holds the line, as the commit left the file.

        Raises:
            NotFoundError: there is no such file, or no definition around the line.
        """
        found = self._walk(path, commit)[1].at_line(line)
        if found is None:
            raise NotFoundError(f"No definition holds line {line} of {path}.", "Give a line inside a definition.")
        return Place(path, commit, found.key)

    def named(self, path: str, name: str, line: int, commit: str) -> Place:
        """The innermost definition of that name that holds the line.

        Raises:
            NotFoundError: there is no such file, or no such definition around the line.
        """
        parsed = self._walk(path, commit)[1]
        found = [each for each in parsed.found if each.name == name and each.start_line <= line <= each.end_line]
        if not found:
            raise NotFoundError(f"No {name} holds line {line} of {path} at {commit}.", "Check name and line.")
        return Place(path, commit, max(found, key=lambda each: each.start_byte).key)

    def last_line(self, place: Place) -> int:
        """Where the element ends in its file.

        Raises:
            NotFoundError: it does not stand there.
        """
        return _found(self._walk(place.path, place.commit)[1], place).end_line

    def history(self, place: Place) -> History:
        """Follow the element back through every file that it stood in.

        Raises:
            NotFoundError: it does not stand there.
        """
        rows, done = _Rows(), set[Place]()
        node_ids: dict[Place, str] = {}
        pending = [place]
        joints: list[Joint] = []
        while pending and len(done) < MAX_STAGES:
            stage = pending.pop()
            if stage in done:
                continue
            done.add(stage)
            node_ids[stage], found = self._stage(stage, rows)
            joints += found
            pending += [origin for joint in found for origin in joint.places.values()]
        rows.edges += [joint.edges_to(node_ids) for joint in joints]
        rows.events += [joint.removals_of(node_ids) for joint in joints]
        nodes, edges, events = (
            pl.concat(frames).unique(name, keep="first", maintain_order=True)
            for frames, name in ((rows.nodes, "node_id"), (rows.edges, "edge_id"), (rows.events, "event_id"))
        )
        return History(node_ids[place], nodes, edges, events, self._n_commits, self.contents.n_parsed)

    # --- one file ----------------------------------------------------------------------------------------------

    def _walk(self, path: str, commit: str) -> tuple[Walk, Parsed]:
        history = path_history(self._store, path, commit)
        walk = Walk(history, self.contents)
        parsed = walk.parsed(history.head) if history.head is not None else None
        if grammar_of(path) is None or parsed is None:
            raise NotFoundError(f"{path} is no file of a known language at {commit}.", "Check the path and the commit.")
        return walk, parsed

    def _stage(self, place: Place, rows: _Rows) -> tuple[str, list[Joint]]:
        """The element's life in one file: its last version there, and where what was new in the file had come from."""
        walk, parsed = self._walk(place.path, place.commit)
        _found(parsed, place)
        start = (str(walk.history.head), place.key)
        for _ in range(MAX_ROUNDS):
            found = walk.slice(start)
            merges = {step.sha for step in found.steps if len(step.parents) > 1}
            told = TracedFile(self.trace(_commits(walk, found)), place.path, merges)
            wrong = _wrong(walk, found, told)
            if not wrong:
                break
            walk.known |= wrong
        self._n_commits += len(walk.history.changes)
        node_id = told.node_at(start, found)
        chain = told.behind(node_id)
        events = told.rows.events.filter(pl.col("node_id").is_in(chain))
        joints = []
        for sha, key in (version for version, origins in found.origins.items() if not origins):
            born = told.by_version.get((sha, key))
            if born in chain and (joint := self._elsewhere(walk, sha, key, str(born))):
                joints.append(joint)
                events = pl.concat([events.filter(pl.col("node_id") != born), joint.events])
        edges = told.rows.edges.filter(pl.col("child_id").is_in(chain))
        ends = edges["parent_id"].to_list()
        rows.nodes.append(told.rows.nodes.filter(pl.col("node_id").is_in([*chain, *ends])))
        rows.edges.append(edges)
        rows.events.append(events)
        return node_id, joints

    def _elsewhere(self, walk: Walk, sha: str, key: Key, node_id: str) -> Joint | None:
        """Where the definition came from: other files that the commit changed, or what the commit before took out."""
        path, blob = walk.history.path, walk.history.changes[sha].new_blob or ""
        found = self.contents.parsed(blob, walk.grammar).by_key[key]
        parents = real_parents(self._store, [sha]).get(sha, [])
        dates = (walk.history.changes[sha].committed_at, walk.history.changes[sha].authored_at)
        cut_out = None
        for parent in [] if sha in self._shallow else parents:
            changes = tree_changes(self._store, parent, sha)
            birth = Birth(path, self.contents.text(blob) or b"", found, changes)
            chosen = [*suspects(self.contents, birth), *(change for change in changes if change.path == path)]
            before, born = steps_of(parent, sha, chosen, *dates)
            if len(chosen) > 1:
                joint = self._joint([before, born], node_id)
                if joint is not None and joint.places:
                    return joint
                cut_out = joint if len(parents) == 1 else None  # a merge's other parents may explain it
            if len(parents) == 1 and (joint := self._taken_out(birth, before, born, node_id)):
                return joint
        return cut_out

    def _taken_out(self, birth: Birth, before: Step, born: Step, node_id: str) -> Joint | None:
        parent = before.sha
        earlier = real_parents(self._store, [parent]).get(parent, [])
        if parent in self._shallow or len(earlier) != 1:
            return None
        changes = tree_changes(self._store, earlier[0], parent)
        removed = {change.path: change for change in taken_out(self.contents, birth, changes)}
        if not removed:
            return None
        held = {path: (None, removed[path].old_blob) for path in removed}
        there = {path: blobs for path, blobs in before.changes.items() if path not in removed} | held
        gone = {path: (change.old_blob, change.new_blob) for path, change in removed.items()}
        dates = (born.committed_at, born.authored_at)
        first, second = Step(earlier[0], (), there, *dates), Step(parent, (earlier[0],), gone, *dates)
        joint = self._joint([first, second, born], node_id)
        return joint if joint is not None and joint.places else None

    def _joint(self, commits: Sequence[Step], node_id: str) -> Joint | None:
        """What the first of these commits held and the version came from, or was cut out of."""
        told = self.trace(commits)
        edges = same_element(told.edges).filter(pl.col("child_id") == node_id, pl.col("edge_type").is_in(FOLLOWED))
        origins = told.nodes.join(edges, left_on="node_id", right_on="parent_id", how="semi").rows(named=True)
        is_cut = (pl.col("node_id") == node_id) & pl.col("event_type").is_in(["extracted", "split"])
        if not origins and told.events.filter(is_cut).is_empty():
            return None
        places = {row["node_id"]: Place(row["path"], commits[0].sha, _key(row)) for row in origins}
        is_removal = pl.col("node_id").is_in(list(places)) & (pl.col("event_type") == "removed")
        events, removals = told.events.filter(pl.col("node_id") == node_id), told.events.filter(is_removal)
        return Joint(edges, events, removals, places)

    # --- what the trace is given -------------------------------------------------------------------------------

    def trace(self, commits: Sequence[Step]) -> Traced:
        """The lineage of these commits alone, each with its changes."""
        changes = [(commit.sha, path, *blobs) for commit in commits for path, blobs in commit.changes.items()]
        grammars = {blob: grammar_of(path) or "" for _, path, *blobs in changes for blob in blobs if blob}
        frame = pl.DataFrame(changes, schema=_CHANGES, orient="row")
        return trace(self._repo_id, self._commit_rows(commits), frame, self.contents.definitions(grammars))

    def _commit_rows(self, commits: Sequence[Step]) -> pl.DataFrame:
        dates = pl.Datetime("us", "UTC")
        return pl.DataFrame(
            {
                "sha": [commit.sha for commit in commits],
                "position": pl.Series(range(len(commits)), dtype=pl.Int32),
                "parents": pl.Series([list(commit.parents) for commit in commits], dtype=pl.List(pl.String)),
                "first_parent_index": pl.Series([None] * len(commits), dtype=pl.Int32),
                "committed_at": pl.Series([commit.committed_at * 1_000_000 for commit in commits]).cast(dates),
                "authored_at": pl.Series([commit.authored_at * 1_000_000 for commit in commits]).cast(dates),
                "is_shallow_boundary": [commit.sha in self._shallow for commit in commits],
                "kind": "commit",
            }
        )


class TracedFile:
    """The rows of a trace of one file, and the ways among them that matter to one element."""

    def __init__(self, rows: Traced, path: str, merges: set[str]) -> None:
        self.rows = rows
        nodes = rows.nodes.filter(pl.col("path") == path).rows(named=True)
        self.by_version = {(row["sha"], _key(row)): str(row["node_id"]) for row in nodes}
        self.keys = {str(row["node_id"]): _key(row) for row in nodes}
        shas = {str(row["node_id"]): row["sha"] for row in nodes}
        self.parents: dict[str, list[str]] = {}
        for child, parent, edge_type in (
            same_element(rows.edges).select("child_id", "parent_id", "edge_type").iter_rows()
        ):
            if edge_type in FOLLOWED or (edge_type == JOINED and shas.get(child) in merges):
                self.parents.setdefault(child, []).append(parent)

    def node_at(self, version: Version, found: Slice) -> str:
        """The version that stood at a commit: the one made there, or last before."""
        sha, key = version
        while (sha, key) not in self.by_version:
            sha, key = (found.skipped[sha], key) if sha in found.skipped else found.origins[sha, key][0]
        return self.by_version[sha, key]

    def behind(self, node_id: str) -> set[str]:
        """The version and all that it was before."""
        chain, pending = set[str](), [node_id]
        while pending:
            if (node := pending.pop()) not in chain:
                chain.add(node)
                pending += self.parents.get(node, [])
        return chain


def _found(parsed: Parsed, place: Place) -> Found:
    if place.key not in parsed.by_key:
        raise NotFoundError(
            f"{place.path} has no {place.key.kind} {place.key.qualified_name} at {place.commit}.", "Check the name."
        )
    return parsed.by_key[place.key]


def _wrong(walk: Walk, found: Slice, told: TracedFile) -> dict[Version, list[Version]]:
    """The versions whose origins were not those that the trace says, with these."""
    wrong = {}
    for version, guessed in found.origins.items():
        node_id = told.by_version.get(version)
        if node_id is None or version in walk.known:
            continue
        keys = {told.keys[parent] for parent in told.parents.get(node_id, []) if parent in told.keys}
        if keys != {key for _, key in guessed}:
            wrong[version] = [
                (parent, key)
                for parent in walk.history.changes[version[0]].parents
                if (parsed := walk.parsed(parent)) is not None
                for key in keys
                if key in parsed.by_key
            ]
    return wrong


def _commits(walk: Walk, found: Slice) -> list[Step]:
    changes, path = walk.history.changes, walk.history.path
    return [
        Step(
            step.sha, step.parents, {path: (step.old_blob, step.new_blob)},
            changes[step.sha].committed_at, changes[step.sha].authored_at,
        )
        for step in found.steps
    ]  # fmt: skip


def _key(row: dict[str, Any]) -> Key:
    return Key(row["kind"], row["qualified_name"], row["duplicate_index"])
