"""The state of every file at every commit of the graph: which version of each element stands where, on which branch.

What a commit ended and began comes out as `changed.Changed`; who followed whom is told in `assignment`, what to call it
in `kinds`.

Each branch tip that still has children to come holds one dict, path to `FileVersion`; the last child takes it over,
others copy it. An element is the same version as long as its place (kind, qualified name, duplicate index), its text
and its documentation are. A merge takes each file that has the content of one parent from that parent, as git's own
simplification of histories does; in the others it takes of each element the version that all parents' versions led
to, where it has that text, and makes a new one where they came on different lines or the text is new. A node that
stood on a line of first parents and left it never comes back to it: its text does, as another version. So every node
stands on that line for one span of commits, which is what an occurrence is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence

from stemma.lineage.changed import Changed
from stemma.lineage.file_versions import (
    ABSENT,
    NO_NODE,
    NOTHING,
    FileVersion,
    Nodes,
    Outline,
    State,
    up_to_the_error,
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

        A content without an outline could not be read.
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
                state[path] = old.after_unread()
                continue
            change = _Change(old, outline, [other.get(path, ABSENT) for other in others], self.nodes)
            state[path] = new = change.apply(commit, path)
            if self._lands[commit]:
                change.tell_landed(commit, changed)
            if self._wanted[commit]:
                change.tell(commit, path, new, changed)
        if self._waiting[commit]:
            self._tips[commit] = state

    def open_commits(self) -> set[int]:
        """Commits that have children to come."""
        return set(self._tips)

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


class _Change:
    """One path changed by one commit, against its first parent (`old`) and the others (`sides`)."""

    def __init__(self, old: FileVersion, outline: Outline, sides: Sequence[FileVersion], made: Nodes) -> None:
        same = next((side.outline for side in sides if side.is_there and side.outline.blob == outline.blob), None)
        outline = same or up_to_the_error(old.outline, outline)
        self._old, self._outline, self._sides, self._all = old, outline, sides, made
        index = old.outline.index
        self._found = [index.get(key) for key in outline.keys]
        self._nodes = [NO_NODE if at is None else old.nodes[at] for at in self._found]
        self._merged: set[int] = set()  # ordinals of versions that came on several lines
        self._kept_text: set[int] = set()  # of those with the text of one of them
        self._taken_up: list[int] = []  # ordinals of versions that another parent brought
        if sides:
            self._merge()
        self._fresh = [ordinal for ordinal, node in enumerate(self._nodes) if node == NO_NODE]

    def apply(self, commit: int, path: int) -> FileVersion:
        """Make the versions that are new; returns the file as it is now."""
        old, outline = self._old, self._outline
        parents = [old, *self._sides]
        before = ((ordinal, self._before(ordinal, parents)) for ordinal in self._fresh)
        self._made = self._all.add(commit, path, outline.blob, list(before))
        for ordinal, node in zip(self._fresh, self._made, strict=True):
            self._nodes[ordinal] = node
        self._standing = set(self._nodes)
        self._lost = self._missing(old)
        gone = (old.gone, frozenset(old.nodes[at] for at in self._lost)) if self._lost else old.gone
        return FileVersion(outline, self._nodes, gone, self._removed(), is_there=outline is not NOTHING)

    def _before(self, ordinal: int, parents: Sequence[FileVersion]) -> list[int]:
        place = self._outline.places[ordinal]
        found = [parent.at_place(place) for parent in parents]
        return [node for node in found if node != NO_NODE] or [self._old.removed.get(place, NO_NODE)]

    def _missing(self, version: FileVersion) -> list[int]:
        """Ordinals of another version of the path whose nodes do not stand any more."""
        return [ordinal for ordinal, node in enumerate(version.nodes) if node not in self._standing]

    def _merge(self) -> None:
        blob = self._outline.blob
        same = next((side for side in self._sides if side.is_there and side.outline.blob == blob), None)
        for ordinal, own in enumerate(self._nodes):
            node = same.nodes[ordinal] if same is not None else self._led_to(ordinal, own)
            if node in {own, NO_NODE} or self._old.has_stood(node):
                self._nodes[ordinal] = NO_NODE if node == NO_NODE else own
            else:
                self._nodes[ordinal] = node
                self._taken_up.append(ordinal)

    def _led_to(self, ordinal: int, own: int) -> int:
        """The version that stands after the merge; none where it is the merge's own."""
        key, place = self._outline.keys[ordinal], self._outline.places[ordinal]
        equal = [node for side in self._sides if (node := side.with_key(key)) != NO_NODE]
        if own != NO_NODE:
            equal.insert(0, own)
        there = [node for parent in (self._old, *self._sides) if (node := parent.at_place(place)) != NO_NODE]
        heads = self._heads(list(dict.fromkeys(there)))
        if len(heads) > 1:
            self._merged.add(ordinal)
            if equal:
                self._kept_text.add(ordinal)
            return NO_NODE
        return heads[0] if heads and heads[0] in equal else own

    def _heads(self, nodes: list[int]) -> list[int]:
        """Those that none of the others came after."""
        if len(nodes) < 2:
            return nodes
        is_ancestor = self._all.is_ancestor
        return [node for node in nodes if not any(other != node and is_ancestor(node, other) for other in nodes)]

    def _removed(self) -> dict[int, int]:
        old, places = self._old, self._outline.place_index
        before = old.removed
        if old is ABSENT and self._sides:
            before = next((side.removed for side in self._sides if side is not ABSENT), before)
        away = {old.outline.places[at]: old.nodes[at] for at in self._lost if old.outline.places[at] not in places}
        if not away and before.keys().isdisjoint(places):
            return before
        return {place: node for place, node in before.items() if place not in places} | away

    def tell_landed(self, commit: int, changed: Changed) -> None:
        ordinals = [*self._fresh, *self._taken_up]
        changed.landed += [(commit, self._nodes[each], self._found[each] is not None) for each in ordinals]

    def tell(self, commit: int, path: int, new: FileVersion, changed: Changed) -> None:
        old, nodes = self._old, self._nodes
        for ordinal in self._fresh:
            tomb = old.removed.get(self._outline.places[ordinal], NO_NODE)
            changed.begun.append(
                (commit, nodes[ordinal], tomb, *_beside(nodes, ordinal), old.is_unread,
                 ordinal in self._merged, ordinal in self._kept_text)
            )  # fmt: skip
        if self._fresh or self._lost:
            changed.versions[commit, path] = new
        if old.is_there != new.is_there:
            changed.files.append((commit, path, new.is_there))
        fresh = {self._outline.places[ordinal] for ordinal in self._fresh}
        for at in self._lost:
            place = old.outline.places[at]
            if place not in self._outline.place_index or place in fresh:  # else another parent's version stands there
                is_taken = place not in fresh and self._is_taken(place)
                changed.ended.append((commit, 0, old.nodes[at], *_beside(old.nodes, at), is_taken))
        for number, side in enumerate(self._sides if fresh else (), start=1):
            lost = self._missing(side)
            changed.ended += [(commit, number, side.nodes[at], *_beside(side.nodes, at), True) for at in lost]
        if not self._sides:
            self._tell_moves(commit, changed)

    def _is_taken(self, place: int) -> bool:
        return any(place in side.removed and place not in side.outline.place_index for side in self._sides)

    def _tell_moves(self, commit: int, changed: Changed) -> None:
        order = [at for at in self._found if at is not None]
        if order == sorted(order):
            return
        siblings = dict[int | None, list[tuple[int, int]]]()
        for ordinal, at in enumerate(self._found):
            if at is not None:
                siblings.setdefault(self._outline.parents[ordinal], []).append((at, ordinal))
        for pairs in siblings.values():
            stays = longest_increasing([at for at, _ in pairs])
            changed.moved += [(commit, self._nodes[to], at, to) for at, to in pairs if at not in stays]


def _beside(nodes: Sequence[int], at: int) -> tuple[int, int]:
    return (nodes[at - 1] if at else NO_NODE, nodes[at + 1] if at + 1 < len(nodes) else NO_NODE)


def longest_increasing(numbers: Sequence[int]) -> Collection[int]:
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
