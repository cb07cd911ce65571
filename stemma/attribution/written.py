"""What a change brought, cut into definitions: rows of `agent_edits` without event and repository.

How a call is read as changes is told in `tool_calls`; where the rows go, in `edits`. Of a definition those tokens are
its own that stand in no definition inside it, so a class does not bring its methods a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    whole = read(after)
    tokens = whole.part(0, MAX_TOKENS)
    is_added = np.ones(len(tokens), np.bool_)
    if before is not None:
        is_added = carried(read(before[: limits.max_file_bytes]), whole)[:MAX_TOKENS] < 0
    owner = np.full(len(tokens), -1, np.int32)
    definitions = _definitions(path, after, limits)
    for number, definition in enumerate(definitions):  # an inner one comes after what is around it
        owner[(tokens.lines >= definition.first_line) & (tokens.lines <= definition.last_line)] = number
    for number in np.unique(owner[is_added]).tolist():
        own = np.flatnonzero(owner == number)
        about = definitions[number].about if number >= 0 else _NOTHING
        yield {**about, **_counted(Tokens(tokens.hashes[own], own.astype(np.int32)), is_added[own])}


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
