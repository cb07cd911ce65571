"""Clones by construction: mutants of real functions, among the functions of the same packages that were left alone.

The mutation framework follows Roy and Cordy (2009); its operators are in `layout` (Type-1), `renaming` (Type-2) and
`edits` (Type-3). Which functions are mutated is drawn with a fixed seed. Pairs of two functions that were left alone
are negatives: random ones, and harder, of the same name or of the same size.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench.clones.edits import LEVELS, donors, edit
from bench.clones.layout import relayout
from bench.clones.originals import Original, originals
from bench.clones.released import Package, packages
from bench.clones.renaming import KINDS, RENAMED, rename
from bench.clones.sets import FUNCTIONS, PAIRS, T1, T2, T3, CloneSet, kept
from bench.clones.syntax import names, parse
from stemma.languages import EXTRACTOR_VERSION

SEED = 20261120
MUTATED, LEFT_ALONE = 300, 900
"""Functions of each language."""
NEGATIVES = 400
"""Of each sort and language."""
RENAMED_TOO = "T3, renamed"
RANDOM, SAME_NAME, SAME_SIZE = "random", "same name", "same size"

Mutant = tuple[str, bytes, str, float | None, float | None]
"""Kind, text, operators, level, strength."""


@dataclass(frozen=True)
class Stock:
    """What mutants of a language are made with: names, and statements with their tokens, of its functions."""

    words: Sequence[bytes]
    statements: Sequence[tuple[bytes, int]]


def injected(folder: Path) -> CloneSet:
    """The set made of the packages that are here; the same on every run over the same packages."""
    here = packages(folder)
    labels = sorted(f"{package.language} {package.label}" for package in here)
    made = kept(folder, "injected", f"{EXTRACTOR_VERSION} {labels}", lambda: _made(here))
    is_pair = pl.col("is_clone").is_not_null()
    provenance = {"packages": ", ".join(labels), "seed": str(SEED)}
    functions = made.filter(~is_pair).select(FUNCTIONS.names())
    return CloneSet("injected", provenance, functions, made.filter(is_pair).select(PAIRS.names()))


def _made(here: Sequence[Package]) -> pl.DataFrame:
    """Functions and pairs in one frame; which a row is, `is_clone` says, which functions have not."""
    by_language: dict[str, list[Original]] = defaultdict(list)
    for package in here:
        by_language[package.language] += originals(package)
    functions: list[tuple[int, str, str, str, bytes]] = []
    pairs: list[tuple[int, int, bool, str, str, float | None, float | None, str]] = []
    for language in sorted(by_language):
        _inject(language, _drawn(by_language[language]), functions, pairs)
    frames = [
        pl.DataFrame(functions, schema=FUNCTIONS, orient="row"),
        pl.DataFrame(pairs, schema=PAIRS, orient="row"),
    ]
    return pl.concat(frames, how="diagonal")


def _drawn(found: Sequence[Original]) -> list[Original]:
    """As many of each package as there are to be had, by turns, no normal form twice."""
    by_package = defaultdict(list)
    for original in found:
        by_package[original.package].append(original)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*(by_package[name] for name in sorted(by_package))))
    distinct = {original.pattern_id: original for original in turns if original is not None}
    return list(distinct.values())[: MUTATED + LEFT_ALONE]


def _inject(language: str, found: Sequence[Original], functions: list, pairs: list) -> None:  # type: ignore[type-arg]
    rng = random.Random(f"{SEED} {language}")
    stock = Stock(
        sorted({token.text for one in found for token in names(parse(language, one.text))}),
        donors(language, [one.text for one in found]),
    )
    first = len(functions)
    functions += [(first + n, language, one.package, one.place, one.text) for n, one in enumerate(found)]
    # Every few in turn, so that each package has some of both sorts.
    chosen = set(range(0, len(found), max(1, len(found) // MUTATED)))
    for turn, n in enumerate(sorted(chosen)):
        one = found[n]
        for kind, text, operators, level, strength in _mutants(language, one.text, rng, stock, turn):
            pairs.append((first + n, len(functions), True, kind, operators, level, strength, one.package))
            functions.append((len(functions), language, one.package, f"{one.place} [{kind}]", text))
    alone = [n for n in range(len(found)) if n not in chosen]
    for kind, one, other in _negatives(found, alone, rng):
        package = f"{found[one].package} / {found[other].package}"
        pairs.append((first + one, first + other, False, kind, "", None, None, package))


def _mutants(language: str, text: bytes, rng: random.Random, stock: Stock, turn: int) -> Iterator[Mutant]:
    """Of one function: a Type-1, a Type-2, two Type-3 and a Type-3 renamed too, those of them that can be made."""
    if (done := relayout(language, text, rng)) is not None:
        yield T1, done[0], done[1], None, None
    kind = KINDS[turn % len(KINDS)]
    if (renamed := rename(language, text, rng, stock.words, kind)) is not None:
        yield T2, renamed, kind, None, None
    start = turn % len(LEVELS)
    for level in (LEVELS[start], LEVELS[(start + 3) % len(LEVELS)]):
        if (edited := edit(language, text, rng, level, stock.statements)) is not None:
            yield T3, edited.text, ", ".join(edited.operators), level, edited.strength
    level = LEVELS[(start + 1) % len(LEVELS)]
    if (edited := edit(language, text, rng, level, stock.statements)) is not None:
        both = rename(language, edited.text, rng, stock.words, RENAMED)
        if both is not None:
            yield RENAMED_TOO, both, ", ".join(edited.operators), level, edited.strength


def _negatives(found: Sequence[Original], alone: Sequence[int], rng: random.Random) -> Iterator[tuple[str, int, int]]:
    """Each pair once: of one name, of sizes within a twentieth, and random ones; each of two packages.

    Inside a package functions of one name are copies of each other too often to be called negatives unread.
    """
    seen: set[tuple[int, int]] = set()
    by_name = defaultdict(list)
    for n in alone:
        by_name[found[n].name].append(n)
    named = [pair for group in by_name.values() for pair in itertools.combinations(group, 2)]
    by_size = sorted(alone, key=lambda n: (found[n].n_tokens, n))
    sized = [
        (one, other)
        for place, one in enumerate(by_size)
        for other in by_size[place + 1 : place + 4]
        if found[other].n_tokens <= 1.05 * found[one].n_tokens
    ]
    drawn = [tuple(rng.sample(alone, 2)) for _ in range(2 * NEGATIVES)]
    for kind, pairs in ((SAME_NAME, named), (SAME_SIZE, sized), (RANDOM, drawn)):
        apart = [(min(pair), max(pair)) for pair in pairs if found[pair[0]].package != found[pair[1]].package]
        for pair in rng.sample(apart, min(len(apart), NEGATIVES)):
            if pair not in seen:
                seen.add(pair)
                yield kind, *pair
