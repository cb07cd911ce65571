"""Two simple detectors over the grammar's tokens: equal hashes of normalised tokens, and bags of tokens that overlap.

The first stands for tools that hash; the second for SourcererCC (Sajnani et al. 2016), whose rule it is: the bags of
two functions share 70 % of the larger. It is asked about the labelled pairs alone, so its time says nothing.
"""

from __future__ import annotations

from collections import Counter

from bench.clones.detection import Clock, Detection, flags
from bench.clones.sets import CloneSet
from bench.clones.syntax import NAME, NUMBER, Token, parse, tokens

OVERLAP = 0.7
_STRINGS = ("string", "template", "char", "rune")


def token_hash(clones: CloneSet) -> Detection:
    """Pairs whose tokens are the same up to names and literals, whatever those are."""
    clock = Clock()
    hashes: dict[int, int] = {}
    with clock.running("whole"):
        for language in clones.languages:
            for key, text in clones.texts(language).items():
                hashes[key] = hash((language, *map(_normal, tokens(parse(language, text)))))
    reported = [(a, b) for a, b in clones.pairs.select("a", "b").iter_rows() if hashes[a] == hashes[b]]
    return Detection("hash of normalised tokens", flags(clones, reported), clock.spent)


def _normal(token: Token) -> bytes:
    if any(mark in token.kind for mark in _STRINGS):
        return b"string"
    if NUMBER.match(token.text):
        return b"number"
    return b"name" if "identifier" in token.kind and NAME.match(token.text) else token.text


def bag_overlap(clones: CloneSet) -> Detection:
    """Pairs whose bags of words share `OVERLAP` of the larger; marks are no words."""
    wanted = set(clones.pairs["a"]) | set(clones.pairs["b"])
    bags: dict[int, Counter[bytes]] = {}
    for language in clones.languages:
        for key, text in clones.texts(language).items():
            if key in wanted:
                found = tokens(parse(language, text))
                bags[key] = Counter(
                    token.text for token in found if token.text[:1].isalnum() or token.text[:1] in b"_$\"'`"
                )
    reported = [
        (a, b)
        for a, b in clones.pairs.select("a", "b").iter_rows()
        if (bags[a] & bags[b]).total() >= OVERLAP * max(bags[a].total(), bags[b].total())
    ]
    return Detection("bag of tokens, 70 % overlap", flags(clones, reported), {"whole": None})
