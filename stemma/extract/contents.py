"""What depends on the text of a definition alone, its ids, forms and facts; kept for the texts that were met last.

The tokens come from `walk`, what is made of them from `normal_form`, `facts` and `triviality`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tree_sitter import Node

from stemma.extract.declaration import Declared, declaration
from stemma.extract.definitions import Definition, Definitions
from stemma.extract.documentation import words_hash
from stemma.extract.facts import Facts, facts
from stemma.extract.grammars import LATE_EVERY, Grammar, ParseTimeout
from stemma.extract.head import Head, head
from stemma.extract.normal_form import Part, Sequences
from stemma.extract.vocabulary import VOCABULARY
from stemma.extract.walk import SEMICOLON, Inner, Place, Walk

CACHE_BYTES = 64 << 20


@dataclass(slots=True)  # not frozen: one is made for each definition, and freezing is half of that
class Content:
    """What is known of one text of a definition; see the columns of `patterns` and `snippet_texts`."""

    exact_hash: str
    pattern_id: str
    token_hash: str
    tokens: list[int]
    shingles: npt.NDArray[np.int32]
    structure: str
    head: Head
    facts: Facts
    declared: Declared
    body_hash: str | None
    comments_hash: str | None

    @property
    def n_bytes(self) -> int:
        return 1_000 + 12 * len(self.tokens) + self.shingles.nbytes + self.facts.n_bytes


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
    grammar: Grammar, text: bytes, found: Definitions, exact_hashes: list[str], is_late: Callable[[], bool]
) -> list[Content]:
    """The content of each definition of a file. Only texts not in the cache are walked, the outermost ones once.

    Raises:
        ParseTimeout: `is_late` said yes.
    """
    if VOCABULARY.is_full:
        VOCABULARY.forget()
    if CACHE.generation != VOCABULARY.generation:
        CACHE.clear()
    name = grammar.language.name
    keys = [
        (name, definition.node.kind_id, definition.node.has_error, exact)
        for definition, exact in zip(found.found, exact_hashes, strict=True)
    ]
    known = [CACHE.get(key) for key in keys]
    if None in known:
        _read_unknown(grammar, text, found, keys, known, is_late=is_late)
    return [content for content in known if content is not None]


def _read_unknown(
    grammar: Grammar,
    text: bytes,
    found: Definitions,
    keys: list[_Key],
    known: list[Content | None],
    *,
    is_late: Callable[[], bool],
) -> None:
    """Put the contents that are not known into their places, and into the cache."""
    definitions = found.found
    unknown = [position for position, content in enumerate(known) if content is None]
    heads = {position: head(grammar, text, found.leading, definitions[position]) for position in unknown}
    walk = _walked(grammar, text, definitions, known, heads, is_late=is_late)
    sequences = Sequences(grammar.language.name, walk.tokens)
    members = _members(definitions)
    parts = [(walk.places[position].first, walk.places[position].end) for position in unknown]
    columns = zip(unknown, parts, sequences.pattern_ids(parts), sequences.shingles(parts), strict=True)
    for n_read, (position, part, pattern_id, shingles) in enumerate(columns):
        if not n_read % LATE_EVERY and is_late():
            raise ParseTimeout
        definition, said = definitions[position], heads[position]
        inside = members.get(position, []) if definition.is_container else []
        gaps = [walk.places[member] for member in inside if member in walk.places]
        body = _body(grammar, walk, position, said.body, gaps)
        known[position] = content = Content(
            exact_hash=keys[position][3],
            pattern_id=pattern_id,
            token_hash=sequences.token_hash(part),
            body_hash=sequences.token_hash(*body) if body is not None else None,
            comments_hash=_comments_hash(found, definition, [definitions[member] for member in inside], text),
            tokens=sequences.tokens[part[0] : part[1]],
            shingles=shingles,
            structure=sequences.structure(*part),
            head=said._replace(body=None),
            facts=facts(grammar, text, definition, said, walk.places[position].facts),
            declared=declaration(grammar, text, definition, said.body),
        )
        CACHE.put(keys[position], content)


def _walked(
    grammar: Grammar,
    text: bytes,
    definitions: list[Definition],
    known: list[Content | None],
    heads: dict[int, Head],
    *,
    is_late: Callable[[], bool],
) -> Walk:
    walk = Walk(grammar, text, is_late)
    apart: list[tuple[int, Node]] = []
    for position, (definition, content) in enumerate(zip(definitions, known, strict=True)):
        # Attributes that stand before a node are walked with what is around it, known or not.
        tokens = content.tokens if content is not None and not definition.attributes else None
        inner = Inner(position, definition.name.encode("utf-8", "replace"), tokens)
        walk.expect(inner, definition.outer, definition.attributes)
        body = heads[position].body if content is None else None
        if body is not None and not walk.expect_body(inner, body):
            apart.append((position, body))
    for position, definition in enumerate(definitions):
        if known[position] is None and position not in walk.places:
            walk.add(position, [*definition.attributes, definition.outer])
    for position, body in apart:
        walk.add(-1 - position, [body])
        whole = walk.places[-1 - position]
        walk.places[position].body, walk.places[position].body_end = whole.first, whole.end
    return walk


def _members(definitions: list[Definition]) -> dict[int, list[int]]:
    """The named definitions right inside each."""
    members: dict[int, list[int]] = {}
    for position, definition in enumerate(definitions):
        if definition.parent is not None and definition.kind != "closure":
            members.setdefault(definition.parent, []).append(position)
    return members


def _body(grammar: Grammar, walk: Walk, position: int, node: Node | None, members: list[Place]) -> list[Part] | None:
    """The tokens of a body, by ranges between its members and the semicolons after them; None where there is none."""
    place = walk.places[position]
    if node is None or place.body < 0:
        return None
    is_whole = node.is_named and node.kind_id not in grammar.initializers
    first, end = place.body, place.body_end if is_whole else place.end
    ranges = []
    for member in sorted(members, key=lambda member: member.first):
        if first <= member.first and member.end <= end:
            ranges.append((first, member.first))
            first = member.end + (member.end < end and walk.tokens[member.end] == SEMICOLON)
    return [*ranges, (first, end)]


def _comments_hash(found: Definitions, definition: Definition, members: list[Definition], text: bytes) -> str | None:
    """Hash of the comments inside a definition; not of its documentation, nor of what its members say."""
    comments = found.leading.inside(definition.start_byte, definition.outer.end_byte)
    if not comments:
        return None
    documents = {start for said in (definition, *members) for start in said.documents}
    ends = [member.outer.end_byte for member in members]
    starts = [member.start_byte for member in members]
    left = []
    for start, end in comments:
        at = bisect_right(starts, start) - 1
        if start not in documents and (at < 0 or start >= ends[at]):
            left.append(text[start:end])
    return words_hash(left) if left else None
