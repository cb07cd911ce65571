"""Type-2 mutants: other names, literals and types under the same tree (Roy and Cordy's mSRI, mARI and mRPE).

New names are real ones, of other functions of the same language. A mutant whose tree came out otherwise is thrown away.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.clones.syntax import Token, is_sound, literals, marks, names, parse, shape, tokens

TYPES = {
    b"int": b"long", b"long": b"int", b"float": b"double", b"double": b"float", b"short": b"int", b"i32": b"i64",
    b"i64": b"i32", b"u32": b"u64", b"u64": b"u32", b"usize": b"u32", b"u8": b"u16", b"f32": b"f64", b"f64": b"f32",
    b"int32": b"int64", b"int64": b"int32", b"uint32": b"uint64", b"uint64": b"uint32", b"float64": b"float32",
    b"number": b"bigint", b"any": b"unknown", b"size_t": b"ssize_t", b"uint32_t": b"uint64_t", b"byte": b"short",
}  # fmt: skip
C_TYPES = {b"int": b"float", b"char": b"int", b"float": b"int", b"double": b"float", b"size_t": b"int32_t"}
"""In C `long` is another node of the tree than `int`."""
_TYPE_NODES = ("type", "identifier")


def replaced(text: bytes, changes: Sequence[tuple[Token, bytes]]) -> bytes:
    """The text with each token's place taken by the bytes beside it."""
    pieces, last = [], 0
    for token, new in sorted(changes, key=lambda change: change[0].start):
        pieces += [text[last : token.start], new]
        last = token.end
    return b"".join([*pieces, text[last:]])


def renamed(language: str, text: bytes, rng: random.Random, words: Sequence[bytes], share: float) -> bytes:
    """Consistently: each of this share of the distinct names becomes one new name wherever it stands."""
    found = names(parse(language, text))
    distinct = sorted({token.text for token in found})
    chosen = rng.sample(distinct, max(1, round(share * len(distinct))))
    fresh = _fresh(rng, words, set(distinct), chosen)
    return replaced(text, [(token, fresh[token.text]) for token in found if token.text in fresh])


def renamed_here_and_there(language: str, text: bytes, rng: random.Random, words: Sequence[bytes]) -> bytes:
    """Arbitrarily: every fifth use of a name gets a name of its own, so that no consistent renaming leads back."""
    found = names(parse(language, text))
    taken = {token.text for token in found}
    chosen = rng.sample(found, max(1, len(found) // 5))
    return replaced(text, [(token, _fresh(rng, words, taken, [token.text])[token.text]) for token in chosen])


def _fresh(
    rng: random.Random, words: Sequence[bytes], taken: set[bytes], chosen: Sequence[bytes]
) -> dict[bytes, bytes]:
    """A new name for each, no two the same and none in use; capitals stay capitals, which some languages read."""
    fresh: dict[bytes, bytes] = {}
    used = set(taken)
    for name in chosen:
        for attempt in range(50):
            word = rng.choice(words) + (b"%d" % attempt if attempt > 20 else b"")
            if word not in used and word[:1].isupper() == name[:1].isupper():
                break
        else:
            word = name + b"_other"
        used.add(word)
        fresh[name] = word
    return fresh


def other_literals(language: str, text: bytes, rng: random.Random, words: Sequence[bytes]) -> bytes:
    """Another number for each plain one, another word for each string; their kinds stay."""
    changes = []
    for token in literals(parse(language, text)):
        if token.kind == "text":
            changes.append((token, rng.choice(words)))
        elif token.text.isdigit():
            changes.append((token, b"%d" % rng.randint(2, 9999)))
        elif token.text.replace(b".", b"", 1).isdigit():
            changes.append((token, b"%d.%d" % (rng.randint(1, 99), rng.randint(1, 99))))
    return replaced(text, changes)


def other_types(language: str, text: bytes, rng: random.Random, words: Sequence[bytes]) -> bytes:
    """Other built-in types: every `int` a `long`, every `f32` an `f64`."""
    found = tokens(parse(language, text))
    types = C_TYPES if language == "c" else TYPES
    changes = [
        (token, types[token.text])
        for token in found
        if token.text in types and any(mark in token.kind or mark in token.parent for mark in _TYPE_NODES)
    ]
    return replaced(text, changes)


RENAMED, PARTLY, LITERALS, BOTH, TYPED, ARBITRARY = (
    "renamed", "half renamed", "literals", "renamed, literals", "built-in types", "renamed inconsistently",
)  # fmt: skip
KINDS = (RENAMED, PARTLY, LITERALS, BOTH, TYPED, ARBITRARY)
CONSISTENT = frozenset({RENAMED, PARTLY, LITERALS, BOTH})
"""Those that leave the pattern id of the normal form as it was."""


def rename(language: str, text: bytes, rng: random.Random, words: Sequence[bytes], kind: str) -> bytes | None:
    """A Type-2 mutant of this kind; None where there is nothing to change or the grammar reads it otherwise."""
    mutant = text
    if kind in (RENAMED, BOTH, PARTLY):
        mutant = renamed(language, text, rng, words, 0.5 if kind == PARTLY else 1.0)
    elif kind == ARBITRARY:
        mutant = renamed_here_and_there(language, text, rng, words)
    elif kind == TYPED:
        mutant = other_types(language, text, rng, words)
    if kind in (LITERALS, BOTH):
        mutant = other_literals(language, mutant, rng, words)
    return mutant if mutant != text and is_type_2(language, text, mutant) else None


def is_type_2(language: str, original: bytes, mutant: bytes) -> bool:
    """Whether the mutant stands under the same tree, with the same operators and keywords."""
    one, other = parse(language, original), parse(language, mutant)
    return is_sound(other) and shape(one) == shape(other) and marks(one) == marks(other)
