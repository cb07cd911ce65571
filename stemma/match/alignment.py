"""Two token sequences laid side by side: which token of one stands where which of the other does.

What the tokens are is said in `tokens`; what is told of an alignment, in `explain` and `skeleton`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel, LCSseq

from stemma.match.tokens import Text

SIMILAR = 0.5
"""From this share of common tokens on two lines are versions of one another."""
MAX_CELLS = 4_000
"""In gaps with more pairs of lines than this only tokens are aligned."""
_FIRST_CODE = 0xE000  # beyond the surrogates; of at most 10,000 distinct tokens

Pairs = list[tuple[int, int]]
"""Positions in one and in the other, both ascending."""

_Gap = tuple[range, range]
_Unit = tuple[range, Hashable]
_Units = Callable[[Text, range], list[_Unit]]
"""Cuts a stretch of tokens into units; those of equal key have as many tokens."""


def align(a: Text, b: Text) -> Pairs:
    """The pairs of tokens that correspond: longest common subsequences, in what the one before has left over, of lines
    as they are written, of lines up to names and literals, of tokens as they are written, and of tokens up to those.

    Lines first: else a closing bracket is aligned with any other. As written first: of ten lines `self.x = x` each is
    laid beside the one that sets the same field. Before tokens, similar lines are laid beside each other.
    """
    pairs: Pairs = []
    gaps = [(range(len(a.tokens)), range(len(b.tokens)))]
    for units in (_written_lines, _shaped_lines):
        gaps = [rest for gap in gaps for rest in _fill(a, b, gap, units, pairs)]
    gaps = [part for gap in gaps for part in _split(a, b, gap)]
    for units in (_written_tokens, _shaped_tokens):
        gaps = [rest for gap in gaps for rest in _fill(a, b, gap, units, pairs)]
    return sorted(pairs)


def _fill(a: Text, b: Text, gap: _Gap, units: _Units, pairs: Pairs) -> Iterator[_Gap]:
    """Add the pairs that units of equal key make; what is left between them comes back."""
    cut_a, cut_b = units(a, gap[0]), units(b, gap[1])
    next_a, next_b = gap[0].start, gap[1].start
    for i, j in _common([key for _, key in cut_a], [key for _, key in cut_b]):
        span_a, span_b = cut_a[i][0], cut_b[j][0]
        pairs += zip(span_a, span_b, strict=True)
        if span_a.start > next_a and span_b.start > next_b:
            yield range(next_a, span_a.start), range(next_b, span_b.start)
        next_a, next_b = span_a.stop, span_b.stop
    if next_a < gap[0].stop and next_b < gap[1].stop:
        yield range(next_a, gap[0].stop), range(next_b, gap[1].stop)


def _split(a: Text, b: Text, gap: _Gap) -> Iterator[_Gap]:
    """A gap cut at its similar lines: each such pair, and what is between the pairs."""
    lines_a, lines_b = list(_lines(a, gap[0])), list(_lines(b, gap[1]))
    if len(lines_a) * len(lines_b) > MAX_CELLS:
        yield gap
        return
    codes: dict[Hashable, str] = {}
    keys_a = [_encoded((a.tokens[i].text for i in line), codes) for line in lines_a]
    keys_b = [_encoded((b.tokens[i].text for i in line), codes) for line in lines_b]
    alike = process.cdist(keys_a, keys_b, scorer=Indel.normalized_similarity, score_cutoff=SIMILAR)
    next_a, next_b = gap[0].start, gap[1].start
    for i, j in _heaviest(alike):
        yield range(next_a, lines_a[i].start), range(next_b, lines_b[j].start)
        yield lines_a[i], lines_b[j]
        next_a, next_b = lines_a[i].stop, lines_b[j].stop
    yield range(next_a, gap[0].stop), range(next_b, gap[1].stop)


def _heaviest(weights: NDArray[Any]) -> list[tuple[int, int]]:
    """The pairs of a row and a column, both ascending, whose weights have the largest sum (Needleman, Wunsch 1970)."""
    n_rows, n_columns = weights.shape
    best = np.zeros((n_rows + 1, n_columns + 1))
    for i in range(n_rows):  # a row at once: taking a pair looks at the row above, skipping a column only to the left
        best[i + 1, 1:] = np.maximum.accumulate(np.maximum(best[i, 1:], best[i, :-1] + weights[i]))
    found = []
    i, j = n_rows, n_columns
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            found.append((i, j))
    return found[::-1]


def _common(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Positions of a longest common subsequence. Keys travel as characters."""
    codes: dict[Hashable, str] = {}
    one, other = _encoded(a, codes), _encoded(b, codes)
    for block in LCSseq.editops(one, other).as_matching_blocks():
        yield from zip(range(block.a, block.a + block.size), range(block.b, block.b + block.size), strict=True)


def _encoded(keys: Iterable[Hashable], codes: dict[Hashable, str]) -> str:
    return "".join(codes.setdefault(key, chr(_FIRST_CODE + len(codes))) for key in keys)


def _written_lines(text: Text, within: range) -> list[_Unit]:
    return [(line, tuple(text.tokens[i].text for i in line)) for line in _lines(text, within)]


def _shaped_lines(text: Text, within: range) -> list[_Unit]:
    return [(line, tuple(text.tokens[i].shape for i in line)) for line in _lines(text, within)]


def _lines(text: Text, within: range) -> Iterator[range]:
    """The lines of a stretch; it begins and ends where lines do."""
    start = within.start
    for i in within:
        if i + 1 == within.stop or text.tokens[i].line != text.tokens[i + 1].line:
            yield range(start, i + 1)
            start = i + 1


def _written_tokens(text: Text, within: range) -> list[_Unit]:
    return [(range(i, i + 1), text.tokens[i].text) for i in within]


def _shaped_tokens(text: Text, within: range) -> list[_Unit]:
    return [(range(i, i + 1), text.tokens[i].shape) for i in within]
