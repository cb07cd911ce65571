"""Two token sequences laid side by side: which tokens of the later text were carried over from the earlier one.

First whole lines are aligned, then the tokens of what is left between them, both by longest common subsequence; an
isolated coincidence of one or two tokens in the middle of new ones is not a carry. What tokens are is said in `tokens`;
whose they are, in `labels`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq

from stemma.attribution.tokens import Tokens

LEAST_CARRIED = 3
"""A shorter run of equal tokens, with new ones on both sides, is taken for a coincidence (`=`, `return`)."""
MOST_PAIRS = 16_000_000
"""Cells of a comparison: 4,000 tokens against 4,000. A larger block between equal lines counts as new altogether."""

Carried = npt.NDArray[np.int32]


def carried(old: Tokens, new: Tokens) -> Carried:
    """For each token of `new` the position in `old` it was carried over from, or -1."""
    found = np.full(len(new), -1, np.int32)
    if not len(old) or not len(new):
        return found
    if len(old) == len(new) and np.array_equal(old.hashes, new.hashes):
        return np.arange(len(new), dtype=np.int32)
    old_starts, old_lines = _lines(old)
    new_starts, new_lines = _lines(new)
    at, at_new = 0, 0
    for a, b, size in [*_equal_blocks(old_lines, new_lines), (len(old_lines), len(new_lines), 0)]:
        _carry_between(old, new, (old_starts[at], old_starts[a]), (new_starts[at_new], new_starts[b]), found)
        at, at_new = a + size, b + size
        found[new_starts[b] : new_starts[at_new]] = np.arange(old_starts[a], old_starts[at], dtype=np.int32)
    return found


def long_runs(found: Carried, least: int) -> Carried:
    """The same without what was carried in runs shorter than `least` tokens."""
    goes_on = (found[1:] == found[:-1] + 1) & (found[1:] >= 0)
    starts = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    lengths = np.diff(np.concatenate([starts, [len(found)]]))
    return np.where(np.repeat(lengths, lengths) >= least, found, -1).astype(np.int32)


def _carry_between(old: Tokens, new: Tokens, before: tuple[int, int], after: tuple[int, int], found: Carried) -> None:
    """The tokens between two equal lines, where both texts have some."""
    (first, end), (first_new, end_new) = before, after
    if end == first or end_new == first_new or (end - first) * (end_new - first_new) > MOST_PAIRS:
        return
    blocks = _equal_blocks(old.hashes[first:end].tolist(), new.hashes[first_new:end_new].tolist())
    ends = [0, *(b + size for _, b, size in blocks)]
    starts = [*(b for _, b, _ in blocks[1:]), end_new - first_new]
    for (a, b, size), last_end, next_start in zip(blocks, ends, starts, strict=False):
        if size < LEAST_CARRIED and b > last_end and b + size < next_start:
            continue
        found[first_new + b : first_new + b + size] = np.arange(first + a, first + a + size, dtype=np.int32)


def _equal_blocks(old: list[int], new: list[int]) -> list[tuple[int, int, int]]:
    """Begin in both and length of each equal run of a longest common subsequence."""
    steps = LCSseq.opcodes(old, new)
    return [(it.src_start, it.dest_start, it.dest_end - it.dest_start) for it in steps if it.tag == "equal"]


def _lines(tokens: Tokens) -> tuple[list[int], list[int]]:
    """Where each line begins (and, last, where all ends), and a number that is the same for equal lines."""
    starts = [0, *(np.flatnonzero(np.diff(tokens.lines)) + 1).tolist(), len(tokens)]
    data = tokens.hashes.tobytes()
    return starts, [hash(data[4 * a : 4 * b]) for a, b in pairwise(starts)]
