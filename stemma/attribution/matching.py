"""Edits of agents held against versions of elements: which tokens of a version an agent's tool call brought.

Pure arrays, no store. What a token is, is said in `tokens`; which of a version's tokens are new in it (`open`), by
`diff`; what is stored of all this, by `origins`.

Windows of `WINDOW` neighbouring tokens that hold a brought token in the edit and an open one in the version are joined
by their hash and lengthened to the longest equal runs. Which pairs of edit and version count is said in `acceptance`.

An edit is no evidence for a version committed before it (`SKEW` allows for clocks), nor for one written more than
`REACH` after it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemma.attribution.tokens import GAP

WINDOW = 4
SKEW = dt.timedelta(minutes=10)
REACH = dt.timedelta(days=90)
COMMON = 50
"""A window that stands in more places of the edits than this is no anchor; runs grow over it from its neighbours."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_SKEW, _REACH = (int(span / dt.timedelta(microseconds=1)) for span in (SKEW, REACH))
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Pieces:
    """Texts, their tokens one behind another: text i has `tokens[starts[i]:starts[i + 1]]`.

    `marked` are the tokens that count: those an edit brought, or those open in a version.
    """

    tokens: npt.NDArray[np.int32]
    starts: Ints
    marked: Mask

    @property
    def owner(self) -> Ints:
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True)
class Runs:
    """Equal stretches: place of the first token in the version's and in the edit's tokens, and how many."""

    version: Ints
    edit: Ints
    at_version: Ints
    at_edit: Ints
    length: Ints


def windows(pieces: Pieces) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Hash and place of each window that lies in one text, crosses no gap and holds a marked token."""
    n = len(pieces.tokens) - WINDOW + 1
    if n < 1:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    hashes = np.zeros(n, np.uint64)
    is_marked, is_whole = np.zeros(n, np.bool_), np.ones(n, np.bool_)
    wide = pieces.tokens.astype(np.uint64)
    for offset in range(WINDOW):
        hashes = hashes * _FACTOR + wide[offset : offset + n]
        is_marked |= pieces.marked[offset : offset + n]
        is_whole &= pieces.tokens[offset : offset + n] != GAP
    owner = pieces.owner
    places = np.flatnonzero(is_marked & is_whole & (owner[:n] == owner[WINDOW - 1 :]))
    return hashes[places], places


@dataclass(frozen=True)
class Times:
    """Of versions, committer and author date; of edits, `committed` and `authored` are both when the tool was called.

    In microseconds since 1970.
    """

    committed: Ints
    authored: Ints


class EditIndex:
    """The edits' windows, sorted by hash, to be asked again for each batch of versions."""

    def __init__(self, edits: Pieces, times: Times) -> None:
        self.edits = edits
        self._called = times.committed
        hashes, places = windows(edits)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._places = hashes[order], places[order]
        self._owner = edits.owner

    def runs(self, versions: Pieces, times: Times) -> Runs:
        """Every longest equal stretch of a version and an edit that a common window anchors and time allows."""
        hashes, places = windows(versions)
        first = np.searchsorted(self._hashes, hashes, "left")
        n_hits = np.searchsorted(self._hashes, hashes, "right") - first
        n_hits[n_hits > COMMON] = 0
        at_version = np.repeat(places, n_hits)
        offsets = np.arange(len(at_version)) - np.repeat(np.cumsum(n_hits) - n_hits, n_hits)
        at_edit = self._places[np.repeat(first, n_hits) + offsets]
        version, edit = versions.owner[at_version], self._owner[at_edit]
        called = self._called[edit]
        kept = (called <= times.committed[version] + _SKEW) & (times.authored[version] <= called + _REACH)
        at_version, at_edit, version, edit = (column[kept] for column in (at_version, at_edit, version, edit))
        return self._lengthened(versions, version, edit, at_version, at_edit)

    def _lengthened(self, versions: Pieces, *columns: Ints) -> Runs:
        """One run for each stretch of anchors on one diagonal, grown while the neighbours are equal."""
        version, edit, at_version, at_edit = columns
        if not len(version):
            return Runs(*(np.zeros(0, np.int64),) * 5)
        order = np.lexsort((at_version, at_version - at_edit, edit, version))
        version, edit, at_version, at_edit = (column[order] for column in (version, edit, at_version, at_edit))
        goes_on = (
            (version[1:] == version[:-1])
            & (edit[1:] == edit[:-1])
            & (at_version[1:] - at_edit[1:] == at_version[:-1] - at_edit[:-1])
            & (at_version[1:] - at_version[:-1] <= WINDOW)
        )
        starts = np.flatnonzero(np.concatenate([[True], ~goes_on]))
        ends = np.concatenate([starts[1:], [len(version)]]) - 1
        version, edit, begin, begin_edit = (column[starts] for column in (version, edit, at_version, at_edit))
        grown = self._grown(versions, Runs(version, edit, begin, begin_edit, at_version[ends] - begin + WINDOW))
        # Those that grew into each other are one.
        columns = (grown.version, grown.edit, grown.at_version, grown.at_edit, grown.length)
        return Runs(*np.unique(np.stack(columns), axis=1))

    def _grown(self, versions: Pieces, runs: Runs) -> Runs:
        """All runs at once, a token further at each turn; the turns are bounded by the longest growth."""
        low, high = versions.starts[runs.version], versions.starts[runs.version + 1]
        low_edit, high_edit = self.edits.starts[runs.edit], self.edits.starts[runs.edit + 1]
        a, b = versions.tokens, self.edits.tokens
        begin, begin_edit, length = runs.at_version.copy(), runs.at_edit.copy(), runs.length.copy()
        active = np.arange(len(begin))
        while len(active):
            active = active[(begin[active] > low[active]) & (begin_edit[active] > low_edit[active])]
            active = active[_equal(a, begin[active] - 1, b, begin_edit[active] - 1)]
            begin[active] -= 1
            begin_edit[active] -= 1
            length[active] += 1
        active = np.arange(len(begin))
        while len(active):
            end, end_edit = begin[active] + length[active], begin_edit[active] + length[active]
            fits = (end < high[active]) & (end_edit < high_edit[active])
            active, end, end_edit = active[fits], end[fits], end_edit[fits]
            active = active[_equal(a, end, b, end_edit)]
            length[active] += 1
        return Runs(runs.version, runs.edit, begin, begin_edit, length)


def _equal(a: npt.NDArray[np.int32], at: Ints, b: npt.NDArray[np.int32], at_b: Ints) -> Mask:
    is_equal: Mask = (a[at] == b[at_b]) & (a[at] != GAP)
    return is_equal
