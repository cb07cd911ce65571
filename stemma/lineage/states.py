"""The state of every file at every commit of the graph: which version of each element stands where, on which branch.

What a commit ended and began comes out as columns; who followed whom is told in `pairing`, what to call it in `kinds`.

Each branch tip that still has children to come holds one dict, path to `FileVersion`; the last child takes it over,
others copy it. An element is the same version as long as its place (kind, qualified name, duplicate index) and its text
and documentation are; `gone` and `removed` remember, along first parents, what has stood and what was taken away. A
node that stood on a line of first parents and left it never comes back to it: its text does, as another version. So
every node stands on that line for one span of commits, which is what an occurrence is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

Gone = tuple["Gone", list[int]] | None  # nodes that left the path, the latest first
NO_NODE = -1


class Outline:
    """One file content: of each definition its place, and its place with its text, as numbers."""

    __slots__ = ("__weakref__", "_index", "blob", "keys", "parents", "places")

    def __init__(self, blob: int, keys: list[int], places: list[int], parents: list[int | None]) -> None:
        self.blob, self.keys, self.places, self.parents = blob, keys, places, parents
        self._index: dict[int, int] | None = None

    @property
    def index(self) -> dict[int, int]:
        if self._index is None:
            self._index = {key: ordinal for ordinal, key in enumerate(self.keys)}
        return self._index


NOTHING = Outline(-1, [], [], [])


class FileVersion:
    """A path at a commit: the node of each definition; `is_there` is false after the file was removed."""

    __slots__ = ("gone", "is_there", "is_unread", "nodes", "outline", "removed")

    def __init__(
        self,
        outline: Outline,
        nodes: list[int],
        gone: Gone,
        removed: dict[int, int],
        *,
        is_there: bool = True,
        is_unread: bool = False,
    ) -> None:
        self.outline, self.nodes, self.gone, self.removed = outline, nodes, gone, removed
        self.is_there, self.is_unread = is_there, is_unread

    def has_stood(self, node: int) -> bool:
        """Whether the node left this path earlier on this line of first parents."""
        gone = self.gone
        while gone is not None:
            if node in gone[1]:
                return True
            gone = gone[0]
        return False


ABSENT = FileVersion(NOTHING, [], None, {}, is_there=False)
State = dict[int, FileVersion]


@dataclass
class Nodes:
    """Every version made so far, by number: the commit, path, content and definition it was made at."""

    commit: array[int] = field(default_factory=lambda: array("i"))
    path: array[int] = field(default_factory=lambda: array("i"))
    blob: array[int] = field(default_factory=lambda: array("i"))
    ordinal: array[int] = field(default_factory=lambda: array("i"))

    def add(self, commit: int, path: int, blob: int, ordinals: Sequence[int]) -> range:
        first = len(self.commit)
        n = len(ordinals)
        self.commit.extend([commit] * n)
        self.path.extend([path] * n)
        self.blob.extend([blob] * n)
        self.ordinal.extend(ordinals)
        return range(first, first + n)


@dataclass
class Changed:
    """What commits did, as lists of equal length per group; `side` is the place of a parent among the parents, from 0.

    begun: versions made. `tomb` is the version last removed from that place (or none); `is_unknown`: the content
    before could not be read; `before` and `after` stand next to it in the file. ended: versions of a parent that a
    commit does not have any more; `is_taken`: another parent had removed them already, or (sides from 1 on) it says
    nothing of a removal. landed: versions that came to stand on HEAD's first-parent chain. moved: versions that
    changed places with others around them, text unchanged.
    files: paths added to or removed from the first parent's.
    """

    begun_commit: list[int] = field(default_factory=list)
    begun_node: list[int] = field(default_factory=list)
    begun_tomb: list[int] = field(default_factory=list)
    begun_unknown: list[bool] = field(default_factory=list)
    begun_before: list[int] = field(default_factory=list)
    begun_after: list[int] = field(default_factory=list)
    ended_commit: list[int] = field(default_factory=list)
    ended_side: list[int] = field(default_factory=list)
    ended_node: list[int] = field(default_factory=list)
    ended_taken: list[bool] = field(default_factory=list)
    ended_before: list[int] = field(default_factory=list)
    ended_after: list[int] = field(default_factory=list)
    landed_commit: list[int] = field(default_factory=list)
    landed_node: list[int] = field(default_factory=list)
    moved_commit: list[int] = field(default_factory=list)
    moved_node: list[int] = field(default_factory=list)
    moved_from: list[int] = field(default_factory=list)
    moved_to: list[int] = field(default_factory=list)
    file_commit: list[int] = field(default_factory=list)
    file_path: list[int] = field(default_factory=list)
    file_added: list[bool] = field(default_factory=list)
    versions: dict[tuple[int, int], FileVersion] = field(default_factory=dict)

    def begun(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "commit": pl.Series(self.begun_commit, dtype=pl.Int32),
                "node": pl.Series(self.begun_node, dtype=pl.Int32),
                "tomb": pl.Series(self.begun_tomb, dtype=pl.Int32),
                "is_unknown": pl.Series(self.begun_unknown, dtype=pl.Boolean),
                "before": pl.Series(self.begun_before, dtype=pl.Int32),
                "after": pl.Series(self.begun_after, dtype=pl.Int32),
            }
        )

    def ended(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "commit": pl.Series(self.ended_commit, dtype=pl.Int32),
                "side": pl.Series(self.ended_side, dtype=pl.Int32),
                "node": pl.Series(self.ended_node, dtype=pl.Int32),
                "is_taken": pl.Series(self.ended_taken, dtype=pl.Boolean),
                "before": pl.Series(self.ended_before, dtype=pl.Int32),
                "after": pl.Series(self.ended_after, dtype=pl.Int32),
            }
        )

    def landed(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "commit": pl.Series(self.landed_commit, dtype=pl.Int32),
                "node": pl.Series(self.landed_node, dtype=pl.Int32),
            }
        )

    def moved(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "commit": pl.Series(self.moved_commit, dtype=pl.Int32),
                "node": pl.Series(self.moved_node, dtype=pl.Int32),
                "from": pl.Series(self.moved_from, dtype=pl.Int32),
                "to": pl.Series(self.moved_to, dtype=pl.Int32),
            }
        )

    def files(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "commit": pl.Series(self.file_commit, dtype=pl.Int32),
                "path": pl.Series(self.file_path, dtype=pl.Int32),
                "is_added": pl.Series(self.file_added, dtype=pl.Boolean),
            }
        )


NO_BLOB = -1


class States:
    """Walks the graph, parents before children, one `apply` per commit.

    Args:
        parents: of each commit, by number, those that are known, first parent first, each once.
        wanted: of each commit whether what it did is to be told; its state is kept in any case.
        lands: of each commit whether to tell which versions come to stand by it.
    """

    def __init__(self, parents: Sequence[Sequence[int]], wanted: Sequence[bool], lands: Sequence[bool]) -> None:
        self.nodes = Nodes()
        self._parents, self._wanted, self._lands = parents, wanted, lands
        self._waiting = [0] * len(parents)
        for each in parents:
            for parent in each:
                self._waiting[parent] += 1
        self._tips: dict[int, State] = {}

    def apply(
        self, commit: int, changes: Sequence[tuple[int, int]], outlines: dict[int, Outline], changed: Changed
    ) -> None:
        """Bring the first parent's state to the commit's by its changes: (path, new content or `NO_BLOB`).

        A content without an outline could not be read: the path stays what it was, and what shows next is no birth.
        """
        parents = self._parents[commit]
        others = [self._tips[parent] for parent in parents[1:]]
        state = self._take(parents[0]) if parents else {}
        for parent in parents[1:]:
            self._release(parent)
        for path, blob in changes:
            old = state.get(path, ABSENT)
            outline = NOTHING if blob == NO_BLOB else outlines.get(blob)
            if outline is None:
                state[path] = FileVersion(old.outline, old.nodes, old.gone, old.removed, is_unread=True)
                continue
            sides = [other.get(path, ABSENT) for other in others]
            state[path] = _Change(self, (commit, path), old, outline, sides=sides, changed=changed).new
        if self._waiting[commit]:
            self._tips[commit] = state

    def _take(self, parent: int) -> State:
        state = self._tips[parent]
        self._waiting[parent] -= 1
        if self._waiting[parent]:
            return dict(state)
        return self._tips.pop(parent)

    def _release(self, parent: int) -> None:
        self._waiting[parent] -= 1
        if not self._waiting[parent]:
            del self._tips[parent]

    def is_wanted(self, commit: int) -> bool:
        return self._wanted[commit]

    def lands(self, commit: int) -> bool:
        return self._lands[commit]


class _Change:
    """One path changed by one commit; `new` is the version that comes of it."""

    def __init__(
        self,
        states: States,
        at: tuple[int, int],
        old: FileVersion,
        outline: Outline,
        *,
        sides: Sequence[FileVersion],
        changed: Changed,
    ) -> None:
        commit, path = at
        self._commit, self._old, self._outline, self._sides, self._changed = commit, old, outline, sides, changed
        index, nodes_before = old.outline.index, old.nodes
        found = [index.get(key) for key in outline.keys]
        nodes = [NO_NODE if at is None else nodes_before[at] for at in found]
        fresh = [ordinal for ordinal, at in enumerate(found) if at is None]
        taken_up: list[int] = []
        if sides and fresh:
            fresh, taken_up = self._adopt(nodes, fresh)
        made = states.nodes.add(commit, path, outline.blob, fresh)
        for ordinal, node in zip(fresh, made, strict=True):
            nodes[ordinal] = node
        lost = self._lost(old)
        removed = self._removed(lost, nodes_before)
        lost_nodes = [nodes_before[at] for at in lost]
        gone = (old.gone, lost_nodes) if lost else old.gone
        self.new = FileVersion(outline, nodes, gone, removed, is_there=outline is not NOTHING)
        if states.lands(commit):
            changed.landed_commit += [commit] * (len(made) + len(taken_up))
            changed.landed_node += [*made, *taken_up]
        if states.is_wanted(commit):
            self._tell(path, fresh, made, lost)
            if not sides and (order := [at for at in found if at is not None]) != sorted(order):
                self._tell_moves(found, nodes)

    def _adopt(self, nodes: list[int], fresh: list[int]) -> tuple[list[int], list[int]]:
        """Put in the versions that another parent has of these; returns what is left, and what was put in."""
        keys, taken_up = self._outline.keys, []
        for side in self._sides:
            index, left = side.outline.index, []
            for ordinal in fresh:
                at = index.get(keys[ordinal])
                if at is None or self._old.has_stood(side.nodes[at]):
                    left.append(ordinal)
                else:
                    nodes[ordinal] = side.nodes[at]
                    taken_up.append(side.nodes[at])
            fresh = left
        return fresh, taken_up

    def _lost(self, version: FileVersion) -> list[int]:
        """Ordinals of the definitions of another version of the path that the new content has not."""
        kept = self._outline.index
        return [ordinal for ordinal, key in enumerate(version.outline.keys) if key not in kept]

    def _removed(self, lost: list[int], nodes_before: list[int]) -> dict[int, int]:
        old, places = self._old, set(self._outline.places)
        before = old.removed
        if old is ABSENT and self._sides:
            before = next((side.removed for side in self._sides if side is not ABSENT), before)
        away = {old.outline.places[at]: nodes_before[at] for at in lost if old.outline.places[at] not in places}
        if not away and before.keys().isdisjoint(places):
            return before
        return {place: node for place, node in before.items() if place not in places} | away

    def _tell(self, path: int, fresh: list[int], made: range, lost: list[int]) -> None:
        out, old, commit, places = self._changed, self._old, self._commit, self._outline.places
        out.begun_commit += [commit] * len(fresh)
        out.begun_node += made
        out.begun_tomb += [old.removed.get(places[ordinal], NO_NODE) for ordinal in fresh]
        out.begun_unknown += [old.is_unread] * len(fresh)
        out.begun_before += [_neighbour(self.new.nodes, ordinal - 1) for ordinal in fresh]
        out.begun_after += [_neighbour(self.new.nodes, ordinal + 1) for ordinal in fresh]
        if old.is_there != self.new.is_there:
            out.file_commit.append(commit)
            out.file_path.append(path)
            out.file_added.append(self.new.is_there)
        if fresh:
            out.versions[commit, path] = self.new
        self._tell_ended(0, old, lost, {places[ordinal] for ordinal in fresh})
        for number, side in enumerate(self._sides if fresh else (), start=1):
            self._tell_ended(number, side, self._lost(side), set())

    def _tell_ended(self, number: int, version: FileVersion, lost: list[int], fresh: set[int]) -> None:
        out, places = self._changed, set(self._outline.places)
        for at in lost:
            place = version.outline.places[at]
            if number == 0 and place in places and place not in fresh:
                continue  # another parent's version stands there now
            out.ended_commit.append(self._commit)
            out.ended_side.append(number)
            out.ended_node.append(version.nodes[at])
            out.ended_before.append(_neighbour(version.nodes, at - 1))
            out.ended_after.append(_neighbour(version.nodes, at + 1))
            out.ended_taken.append(number > 0 or (place not in places and self._is_taken(place)))

    def _is_taken(self, place: int) -> bool:
        return any(place in side.removed and place not in side.outline.places for side in self._sides)

    def _tell_moves(self, found: list[int | None], nodes: list[int]) -> None:
        out, siblings = self._changed, dict[int | None, list[tuple[int, int]]]()
        for ordinal, at in enumerate(found):
            if at is not None:
                siblings.setdefault(self._outline.parents[ordinal], []).append((at, ordinal))
        for order in siblings.values():
            stays = _longest_increasing([at for at, _ in order])
            for at, ordinal in order:
                if at not in stays:
                    out.moved_commit.append(self._commit)
                    out.moved_node.append(nodes[ordinal])
                    out.moved_from.append(at)
                    out.moved_to.append(ordinal)


def _neighbour(nodes: Sequence[int], at: int) -> int:
    return nodes[at] if 0 <= at < len(nodes) else NO_NODE


def _longest_increasing(numbers: Sequence[int]) -> set[int]:
    """Values of one longest increasing subsequence of distinct numbers (Fredman 1975), n log n."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(tails, number)
        before[number] = tails[at - 1] if at else None
        tails[at : at + 1] = [number]
    kept: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept
