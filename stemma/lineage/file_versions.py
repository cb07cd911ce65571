"""A file at a commit: which version of each element stands in it, and what stood there before.

How one commit's files come of its parents' is told in `states`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

NO_NODE = -1

Gone = tuple["Gone", Collection[int]] | None  # nodes that left the path, the latest first


class Outline:
    """One file content: of each definition its place (kind, qualified name, duplicate index), its place together with
    its text, both as numbers, and the ordinal of what holds it."""

    __slots__ = (
        "__weakref__",
        "_index",
        "_place_index",
        "blob",
        "is_partial",
        "keys",
        "n_carried",
        "parents",
        "places",
    )

    def __init__(self, blob: int, keys: list[int], places: list[int], parents: list[int | None]) -> None:
        self.blob, self.keys, self.places, self.parents = blob, keys, places, parents
        self.is_partial = False  # it has errors of syntax
        self.n_carried = 0  # so many of the last are not of this content, but were there before
        self._index: dict[int, int] | None = None
        self._place_index: dict[int, int] | None = None

    @property
    def index(self) -> dict[int, int]:
        if self._index is None:
            self._index = {key: ordinal for ordinal, key in enumerate(self.keys)}
        return self._index

    @property
    def place_index(self) -> dict[int, int]:
        if self._place_index is None:
            self._place_index = {place: ordinal for ordinal, place in enumerate(self.places)}
        return self._place_index


def up_to_the_error(old: Outline, new: Outline) -> Outline:
    """What a content says that has errors of syntax where the one before had none.

    Where the last definitions of the old content are not found, the error is taken to stand before them, and they to be
    as they were: what is read behind an error may be cut off, or seem to stand in something else. The next content
    tells what became of them.
    """
    if not new.is_partial or old.is_partial:
        return new
    last = max((at for at, place in enumerate(old.places) if place in new.place_index), default=-1)
    if not 0 <= last < len(old.places) - 1:
        return new
    end = 1 + max(ordinal for ordinal, place in enumerate(new.places) if place in old.place_index)
    kept = slice(last + 1, None)
    n_kept = len(old.places) - last - 1
    carried = Outline(
        new.blob, new.keys[:end] + old.keys[kept], new.places[:end] + old.places[kept],
        new.parents[:end] + [None] * n_kept,
    )  # fmt: skip
    carried.is_partial, carried.n_carried = True, n_kept
    return carried


NOTHING = Outline(-1, [], [], [])


class FileVersion:
    """A path at a commit: the node of each definition; `is_there` is false after the file was removed.

    `gone` and `removed` remember, along first parents, what has stood here, and what was last taken away from where.
    """

    __slots__ = ("gone", "is_there", "is_unread", "nodes", "outline", "removed")

    def __init__(
        self,
        outline: Outline,
        nodes: list[int],
        gone: Gone = None,
        removed: dict[int, int] | None = None,
        *,
        is_there: bool = True,
        is_unread: bool = False,
    ) -> None:
        self.outline, self.nodes, self.gone, self.removed = outline, nodes, gone, removed or {}
        self.is_there, self.is_unread = is_there, is_unread

    def has_stood(self, node: int) -> bool:
        """Whether the node left this path earlier on this line of first parents."""
        gone = self.gone
        while gone is not None:
            if node in gone[1]:
                return True
            gone = gone[0]
        return False

    def at_place(self, place: int) -> int:
        """The node that stands at a place, or none."""
        ordinal = self.outline.place_index.get(place)
        return NO_NODE if ordinal is None else self.nodes[ordinal]

    def with_key(self, key: int) -> int:
        """The node that stands at a place with a text, or none."""
        ordinal = self.outline.index.get(key)
        return NO_NODE if ordinal is None else self.nodes[ordinal]

    def after_unread(self) -> FileVersion:
        """The same when a content came that could not be read: it says nothing, and what shows next is no birth."""
        return FileVersion(self.outline, self.nodes, self.gone, self.removed, is_unread=True)


ABSENT = FileVersion(NOTHING, [], is_there=False)
State = dict[int, FileVersion]


@dataclass
class Nodes:
    """Every version made so far, by number: the commit, path, content and definition it was made at."""

    commit: array[int] = field(default_factory=lambda: array("i"))
    path: array[int] = field(default_factory=lambda: array("i"))
    blob: array[int] = field(default_factory=lambda: array("i"))
    ordinal: array[int] = field(default_factory=lambda: array("i"))
    _before: array[int] = field(default_factory=lambda: array("i"))
    _also_before: dict[int, list[int]] = field(default_factory=dict)

    def add(self, commit: int, path: int, blob: int, definitions: Sequence[tuple[int, list[int]]]) -> range:
        """New versions: of each definition its ordinal and the nodes that stood at its place in the parents."""
        first = len(self.commit)
        for ordinal, before in definitions:
            if len(before) > 1:
                self._also_before[len(self.commit)] = before[1:]
            self.commit.append(commit)
            self.path.append(path)
            self.blob.append(blob)
            self.ordinal.append(ordinal)
            self._before.append(before[0] if before else NO_NODE)
        return range(first, len(self.commit))

    def is_ancestor(self, node: int, of: int) -> bool:
        """Whether a node stood at its place before another one did, on some line that led to it."""
        pending, seen, oldest = [of], {of}, self.commit[node]
        while pending:
            at = pending.pop()
            if at == node:
                return True
            if self.commit[at] > oldest:
                before = [self._before[at], *self._also_before.get(at, ())]
                pending += [each for each in before if each != NO_NODE and each not in seen]
                seen.update(before)
        return False
