"""One element followed backwards through the history of one path, to find the few commits that can have touched it.

A version is only parsed where the element's text is not to be found word for word in the version before. What is left
(`Slice`) is what the trace reads; which version follows which is decided there, not here: a wrong guess here is
repeated with the trace's answer (`follow`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from stemma.git.path_history import PathHistory
from stemma.languages import grammar_of
from stemma.lineage.asked_contents import Contents, Found, Key, Parsed, region

Version = tuple[str, Key]
"""The commit that brought a content of the path, and the element in it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One commit of the slice: the commits of it that stand before, first parent first, and the contents it joins."""

    sha: str
    parents: tuple[str, ...]
    old_blob: str | None
    new_blob: str | None


@dataclass(frozen=True)
class Slice:
    """The part of a path's history in which an element can have changed; parents before children.

    `origins` holds for each version that the walk looked at those that it took for the ones before, none at a birth;
    `skipped`, for each commit that left the element as it was, the parent where it stood.
    """

    steps: list[Step]
    origins: dict[Version, Sequence[Version]]
    skipped: dict[str, str]


@dataclass
class Walk:
    """The walk over one path; `known` holds what the trace said of versions whose origins were guessed wrong."""

    history: PathHistory
    contents: Contents
    known: dict[Version, Sequence[Version]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.grammar = grammar_of(self.history.path) or ""
        self._order = {sha: place for place, sha in enumerate(self.history.changes)}
        self._is_careful = False
        self.contents.expect(blob for change in self.history.changes.values() if (blob := change.new_blob))

    def parsed(self, sha: str) -> Parsed | None:
        """The definitions of the path as the commit left it; None where it was removed."""
        blob = self.history.changes[sha].new_blob
        return None if blob is None else self.contents.parsed(blob, self.grammar)

    def slice(self, start: Version) -> Slice:
        """Follow the element back from a version of it, which must stand in the content that its commit left."""
        try:
            return self._slice(start)
        except _LostError:
            self._is_careful = True
            return self._slice(start)

    def _slice(self, start: Version) -> Slice:
        seen = _Seen()
        self._push(seen, *start, None)
        while seen.queue:
            *_, sha, key, text = heapq.heappop(seen.queue)
            if (sha, key) not in seen.done:
                seen.done.add((sha, key))
                self._visit(seen, sha, key, text)
        return Slice(self._steps(seen), seen.origins, seen.skipped)

    def _push(self, seen: _Seen, sha: str, key: Key, text: _Text | None) -> None:
        seen.n_pushed += 1
        heapq.heappush(seen.queue, (self._order[sha], seen.n_pushed, sha, key, text))

    def _visit(self, seen: _Seen, sha: str, key: Key, text: _Text | None) -> None:
        if text is None:
            text = self._text(sha, key)
        before = None if (sha, key) in self.known else self._unchanged(sha, key, text)
        if before is not None:
            seen.skipped[sha] = before
            self._push(seen, before, key, text)
            return
        parents = self.history.changes[sha].parents
        if not parents:
            self._found(sha, key)  # what was passed over word for word has to stand here at last
        guessed = [(parent, guess) for parent in parents if (guess := self._guess(sha, key, parent)) is not None]
        guessed = guessed or self._behind_error(seen, key, parents)
        origins = self.known.get((sha, key), guessed)
        if len(origins) > 1:  # a merge took it as one side had it: that side first
            origins = sorted(origins, key=lambda origin: origin[1] != key or not self._is_same(key, text, origin[0]))
        seen.touched[sha] = None
        seen.origins[sha, key] = origins
        # What only has its name is walked, too: a merge asks which of two came after the other at one place.
        for origin in origins or guessed:
            self._push(seen, *origin, None)

    def _unchanged(self, sha: str, key: Key, text: _Text) -> str | None:
        """The one parent the element came from as it is: of a merge, the one that had the whole file so."""
        change, changes = self.history.changes[sha], self.history.changes
        if len(change.parents) == 1:
            return change.parents[0] if self._is_same(key, text, change.parents[0]) else None
        return next((parent for parent in change.parents if changes[parent].new_blob == change.new_blob), None)

    def _found(self, sha: str, key: Key) -> tuple[Parsed, Found]:
        parsed = self.parsed(sha)
        if parsed is None or key not in parsed.by_key:
            raise _LostError
        return parsed, parsed.by_key[key]

    def _text(self, sha: str, key: Key) -> _Text:
        parsed, found = self._found(sha, key)
        whole = self.contents.text(self.history.changes[sha].new_blob or "") or b""
        name = found.name.encode()
        start, end = region(whole, parsed, found)
        heads = tuple(_line(whole, above.start_byte, above.name.encode()) for above in parsed.enclosing(found))
        return _Text(whole[start:end], heads, name, whole.count(name, 0, start))

    def _is_same(self, key: Key, text: _Text, parent: str) -> bool:
        """Whether the parent's content holds the element word for word, under the same heads, as the same duplicate."""
        blob = self.history.changes[parent].new_blob
        whole = self.contents.text(blob) if blob else None
        if not whole or whole.count(text.own) != 1:
            return False
        start = whole.index(text.own)
        if whole.count(text.name, 0, start) != text.n_before or not all(
            whole.find(head, 0, start) >= 0 for head in text.heads
        ):
            return False
        if not self._is_careful:
            return True
        parsed = self.parsed(parent)
        found = parsed.by_key.get(key) if parsed is not None else None
        return found is not None and self._text(parent, key).own == text.own

    def _guess(self, sha: str, key: Key, parent: str) -> Key | None:
        """The element of the parent's content that this one most likely was; only one of its name is thought of."""
        _, found = self._found(sha, key)
        old = self.parsed(parent)
        named = [other for other in old.found if other.key.qualified_name == key.qualified_name] if old else []
        return max(named, key=lambda other: _likeness(found, other)).key if named else None

    def _behind_error(self, seen: _Seen, key: Key, parents: Sequence[str]) -> list[Version]:
        """Where a content with errors of syntax hides the element: as it stood before that."""
        changes = self.history.changes
        if len(parents) != 1 or (parsed := self.parsed(parents[0])) is None or not parsed.is_partial:
            return []
        way, is_same = [parents[0]], True
        while is_same and (before := changes[way[-1]].parents):  # through merges that took it as one side had it
            blob = changes[way[-1]].new_blob
            same = next((side for side in before if changes[side].new_blob == blob), None)
            way.append(same or before[0])
            is_same = same is not None
        whole = self.parsed(way[-1])
        if whole is None or whole.is_partial or key not in whole.by_key:
            return []
        seen.skipped |= dict(pairwise(way))
        return [(way[-1], key)]

    def _steps(self, seen: _Seen) -> list[Step]:
        """The commits touched and those they stand on, with the contents in between joined into one change each."""
        changes = self.history.changes
        kept = set(seen.touched).union(*(changes[sha].parents for sha in seen.touched))
        steps = []
        for sha in sorted(kept, key=self._order.__getitem__, reverse=True):
            parents = changes[sha].parents if sha in seen.touched else self._behind(seen, sha, kept)
            old = changes[parents[0]].new_blob if parents else None
            steps.append(Step(sha, parents, old, changes[sha].new_blob))
        return steps

    def _behind(self, seen: _Seen, sha: str, kept: set[str]) -> tuple[str, ...]:
        while (before := seen.skipped.get(sha)) is not None:
            if before in kept:
                return (before,)
            sha = before
        return ()


class _LostError(Exception):
    """An element was not where its text had seemed to be: what was skipped has to be looked at."""


@dataclass(frozen=True, slots=True)
class _Text:
    """An element's own text, the lines that open what is around it, its name, and how often that stands before it."""

    own: bytes
    heads: tuple[bytes, ...]
    name: bytes
    n_before: int


@dataclass
class _Seen:
    queue: list[tuple[int, int, str, Key, _Text | None]] = field(default_factory=list)
    n_pushed: int = 0
    done: set[Version] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    origins: dict[Version, Sequence[Version]] = field(default_factory=dict)


def _likeness(found: Found, other: Found) -> tuple[bool, bool, bool, bool]:
    return (
        other.key.kind == found.key.kind,
        other.exact_hash == found.exact_hash,
        other.signature == found.signature,
        other.key.duplicate_index == found.key.duplicate_index,
    )


def _line(whole: bytes, start: int, name: bytes) -> bytes:
    """The first line from `start` on that holds the name."""
    at = max(whole.find(name, start), start)
    return whole[whole.rfind(b"\n", 0, at) + 1 :].partition(b"\n")[0].strip()
