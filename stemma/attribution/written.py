"""What a change brought, cut into definitions: rows of `agent_edits` without event and repository.

How a call is read as changes is told in `tool_calls`; where the rows go, in `edits`. Of a definition those tokens are
its own that stand in no definition inside it, so a class does not bring its methods a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemma.attribution.diff import carried
from stemma.attribution.tokens import GAP, Tokens, read, runs_of
from stemma.attribution.tool_calls import Change
from stemma.extract.extractor import File, Limits, extract
from stemma.git.blob import blob_id
from stemma.languages import grammar_of, language_of

CONTEXT = 24
"""Tokens kept on both sides of what was brought: enough to tell where in a definition a small edit stands."""
MAX_TOKENS = 50_000
"""Of a text longer than this only the first part is read."""

Row = dict[str, Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Definition:
    """One definition of the text, and the lines it spans."""

    about: Row
    first_line: int
    last_line: int

    def holds(self, tokens: Tokens) -> Mask:
        is_inside: Mask = (tokens.lines >= self.first_line) & (tokens.lines <= self.last_line)
        return is_inside


_NOTHING: Row = dict.fromkeys(("kind", "qualified_name", "exact_hash", "token_hash", "pattern_id"))


def rows_of(change: Change, limits: Limits) -> list[Row]:
    """A row for each definition that the change brought tokens to, and one for what stands outside of all.

    Where it brought none, one row without tokens says that it was read.
    """
    if change.after is not None:
        texts = [(change.before, change.after)]
    else:
        texts = [(old, new) for old, new in change.pieces if new != old]
    rows = [row for before, after in texts for row in _rows(change.path, before, after, limits)]
    language = language_of(change.path)
    return [row | {"language": language} for row in rows or [{**_NOTHING, **_counted(read(""), np.zeros(0, np.bool_))}]]


def _rows(path: str, before: str | None, after: str, limits: Limits) -> Iterator[Row]:
    if len(after) > limits.max_file_bytes:
        return
    new = _Text.read(path, after, limits)
    if before is None:
        is_added = np.ones(len(new.tokens), np.bool_)
    else:
        is_added = _added(_Text.read(path, before[: limits.max_file_bytes], limits), new)
    for number in np.unique(new.owner[is_added]).tolist():
        is_own = new.owner == number
        about, inside = _NOTHING, np.arange(len(new.tokens))
        if number >= 0:
            definition = new.definitions[number]
            about, inside = definition.about, np.flatnonzero(definition.holds(new.tokens))
        # What is defined inside stays as context: `return inner` at the end is too short to be found alone.
        brought = _counted(Tokens(new.tokens.hashes[inside], inside.astype(np.int32)), (is_own & is_added)[inside])
        yield {**about, **brought, "n_tokens": int(is_own.sum())}


@dataclass(frozen=True)
class _Text:
    """A text, its definitions, and of each token the innermost one it stands in (-1: none)."""

    tokens: Tokens
    definitions: list[_Definition]
    owner: npt.NDArray[np.int32]

    @classmethod
    def read(cls, path: str, text: str, limits: Limits) -> _Text:
        tokens = read(text).part(0, MAX_TOKENS)
        owner = np.full(len(tokens), -1, np.int32)
        definitions = _definitions(path, text, limits)
        for number, definition in enumerate(definitions):  # an inner one comes after what is around it
            owner[definition.holds(tokens)] = number
        return cls(tokens, definitions, owner)

    def own(self, numbers: Collection[int]) -> npt.NDArray[np.int64]:
        """Places of the tokens of some definitions."""
        return np.flatnonzero(np.isin(self.owner, list(numbers)))

    def keys(self) -> dict[tuple[str, str, int], int]:
        """The definitions by kind, qualified name, and which of several they are."""
        n_before: Counter[tuple[str, str]] = Counter()
        found = {}
        for number, definition in enumerate(self.definitions):
            key = (definition.about["kind"], definition.about["qualified_name"])
            found[*key, n_before[key]] = number
            n_before[key] += 1
        return found


def _added(old: _Text, new: _Text) -> Mask:
    """Which tokens of the new text are not of the old one: definition by definition.

    A comparison of whole texts would call the end of one function and the beginning of the next an insertion, where
    two functions begin alike. What has no counterpart by name is held against all that has none in the old text.
    """
    old_keys, new_keys = old.keys(), new.keys()
    pairs = [([number], [old_keys[key]]) for key, number in new_keys.items() if key in old_keys]
    left = [number for key, number in old_keys.items() if key not in new_keys]
    pairs += [([number], left) for key, number in new_keys.items() if key not in old_keys]
    is_added = np.ones(len(new.tokens), np.bool_)
    for numbers, counterparts in [*pairs, ([-1], [-1])]:
        own, theirs = new.own(numbers), old.own(counterparts)
        if len(own) and len(theirs):
            is_added[own] = carried(_chosen(old.tokens, theirs), _chosen(new.tokens, own)) < 0
    return is_added


def _chosen(tokens: Tokens, places: npt.NDArray[np.int64]) -> Tokens:
    return Tokens(tokens.hashes[places], tokens.lines[places])


def _definitions(path: str, text: str, limits: Limits) -> list[_Definition]:
    grammar = grammar_of(path)
    if grammar is None:
        return []
    content = text.encode("utf-8", "replace")
    found = extract([File(blob_id(content), grammar, content)], limits)
    hashes = dict(zip(found.texts["exact_hash"], found.texts["token_hash"], strict=True))
    names = ("kind", "qualified_name", "exact_hash", "pattern_id")
    rows = zip(*(found.snippets[name] for name in (*names, "start_line", "end_line")), strict=True)
    return [
        _Definition(
            dict(zip(names, row, strict=False)) | {"token_hash": hashes.get(row[2])},
            first_line=row[4],
            last_line=row[5],
        )
        for row in rows
    ]


def _counted(own: Tokens, is_added: Mask) -> Row:
    """The counts, the tokens near what was brought with gaps between them, and where the brought ones stand.

    `own.lines` holds the places of the tokens in the text: those that are not neighbours there get a gap, too.
    """
    near = np.zeros(len(own), np.bool_)
    for first, end in runs_of(is_added):
        near[max(first - CONTEXT, 0) : end + CONTEXT] = True
    kept = np.flatnonzero(near)
    n_before = np.concatenate([[0], (np.diff(own.lines[kept]) > 1).cumsum()]) if len(kept) else np.zeros(0, np.int64)
    places = np.arange(len(kept)) + n_before
    n_all = int(places[-1]) + 1 if len(kept) else 0
    tokens, mask = np.full(n_all, GAP, np.int32), np.zeros(n_all, np.bool_)
    tokens[places], mask[places] = own.hashes[kept], is_added[kept]
    return {
        "n_tokens": len(own),
        "n_added": int(is_added.sum()),
        "tokens": tokens.tolist(),
        "added": [place for run in runs_of(mask) for place in run],
    }
