"""What depends on the text of a definition alone, its ids, forms and facts; kept for the texts that were met last.

The tokens come from `walk`, what is made of them from `normal_form`, `facts` and `triviality`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemma.extract.definitions import Definition
from stemma.extract.facts import Facts, facts
from stemma.extract.grammars import Grammar, ParseTimeout
from stemma.extract.normal_form import Sequences, exact_hash, has_loose_ends
from stemma.extract.vocabulary import VOCABULARY
from stemma.extract.walk import Inner, Place, Walk

CACHE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of one text of a definition; see the columns of `patterns` and `snippet_texts`."""

    exact_hash: str
    pattern_id: str
    token_hash: str
    tokens: list[int]
    shingles: npt.NDArray[np.int32]
    sub_tokens: list[str]
    structure: str
    facts: Facts

    @property
    def n_bytes(self) -> int:
        return 700 + 12 * len(self.tokens) + self.shingles.nbytes + 60 * len(self.sub_tokens) + self.facts.n_bytes


_Key = tuple[str, int, bool, str]  # (language, node type, whether it has a syntax error, exact hash)


class Cache:
    """The latest contents: a history repeats one function in hundreds of blobs."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        """Forget all, whose tokens mean nothing after the vocabulary was forgotten."""
        self._items: OrderedDict[_Key, Content] = OrderedDict()
        self._n_bytes = 0
        self.generation = VOCABULARY.generation

    def get(self, key: _Key) -> Content | None:
        if (content := self._items.get(key)) is not None:
            self._items.move_to_end(key)
        return content

    def put(self, key: _Key, content: Content) -> None:
        if key in self._items:
            return
        self._items[key] = content
        self._n_bytes += content.n_bytes
        while self._n_bytes > self._max_bytes:
            self._n_bytes -= self._items.popitem(last=False)[1].n_bytes


CACHE = Cache()
"""Of this process."""


def contents(
    grammar: Grammar, text: bytes, definitions: list[Definition], is_late: Callable[[], bool]
) -> list[Content]:
    """The content of each definition of a file. Only texts not in the cache are walked, the outermost ones once.

    Raises:
        ParseTimeout: `is_late` said yes.
    """
    if VOCABULARY.is_full:
        VOCABULARY.forget()
    if CACHE.generation != VOCABULARY.generation:
        CACHE.clear()
    keys: list[_Key] = []
    is_loose = has_loose_ends(text)
    for definition in definitions:
        if is_late():
            raise ParseTimeout
        exact = exact_hash(text[definition.start_byte : definition.outer.end_byte], is_loose=is_loose)
        keys.append((grammar.language.name, definition.node.kind_id, definition.node.has_error, exact))
    known = [CACHE.get(key) for key in keys]
    if None in known:
        _read_unknown(grammar, text, definitions, keys, known, is_late=is_late)
    return [content for content in known if content is not None]


def _read_unknown(
    grammar: Grammar,
    text: bytes,
    definitions: list[Definition],
    keys: list[_Key],
    known: list[Content | None],
    *,
    is_late: Callable[[], bool],
) -> None:
    """Put the contents that are not known into their places, and into the cache."""
    walk = Walk(grammar, text, is_late)
    for position, (definition, content) in enumerate(zip(definitions, known, strict=True)):
        # Attributes that stand before a node are walked with what is around it, known or not.
        tokens = content.tokens if content is not None and not definition.attributes else None
        inner = Inner(position, definition.name.encode("utf-8", "replace"), tokens)
        walk.expect(inner, definition.outer, definition.attributes)
    for position, definition in enumerate(definitions):
        if known[position] is None and position not in walk.places:
            walk.add(position, [*definition.attributes, definition.outer])
    sequences = Sequences(grammar.language.name, walk.tokens)
    for position, place in walk.places.items():
        if known[position] is None:
            if is_late():
                raise ParseTimeout
            said = facts(grammar, text, definitions[position], place.facts)
            known[position] = content = _content(keys[position][3], sequences, place, said)
            CACHE.put(keys[position], content)


def _content(exact: str, sequences: Sequences, place: Place, said: Facts) -> Content:
    first, end = place.first, place.end
    return Content(
        exact_hash=exact,
        pattern_id=sequences.pattern_id(first, end),
        token_hash=sequences.token_hash(first, end),
        tokens=sequences.tokens[first:end],
        shingles=sequences.shingles(first, end),
        sub_tokens=sequences.sub_tokens(first, end),
        structure=sequences.structure(first, end),
        facts=said,
    )
