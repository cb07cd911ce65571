"""The leaves of definitions as tokens, and the facts met on the way, in one pass: it is most of an extraction's time.

What a token is, and what is made of them, is defined in `normal_form`; what the facts are, in `facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tree_sitter import Node

from stemma.extract.facts import CALLEE_BYTES, Gathered, note
from stemma.extract.grammars import (
    CLOSER,
    DECISION,
    IDENTIFIER,
    INTERPOLATED,
    LITERAL,
    PLAIN,
    SEPARATOR,
    SPECIAL,
    STRING_LITERAL,
    Grammar,
    ParseTimeout,
)
from stemma.extract.vocabulary import VOCABULARY
from stemma.languages import STRING

BETWEEN = 0
"""The token before each definition that is walked: what comes before says nothing about it."""
_ROUND = range(4096)
_COMMA, SEMICOLON, _OPEN, _CLOSE = map(VOCABULARY.mark, (",", ";", "{", "}"))
_ENDS = frozenset({SEMICOLON, _OPEN, BETWEEN})


@dataclass(slots=True)
class Inner:
    """A definition inside one that is walked: its key, its name, and its tokens where they are known already."""

    key: int
    name: bytes
    tokens: list[int] | None = None


@dataclass(slots=True)
class Place:
    """Where a definition and its body stand among the tokens, from the first to past the last; what was met in it."""

    first: int
    end: int
    facts: Gathered
    body: int = -1
    body_end: int = -1


@dataclass
class Walk:
    """The tokens of some definitions of one file, and where each of them, and of those inside, begins and ends.

    Args:
        grammar: the grammar that made the nodes.
        source: what they were parsed from.
        is_late: asked now and then.
    """

    grammar: Grammar
    source: bytes
    is_late: Callable[[], bool]
    tokens: list[int] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._actions = self.grammar.actions
        self._literals = {kind: VOCABULARY.literals(text) for kind, text in self.grammar.placeholders.items()}
        self._inner: dict[int, Inner] = {}
        self._begins: dict[int, Inner] = {}  # by its first attribute, where that stands outside its node
        self._bodies: dict[int, Inner] = {}  # by the node with which the body begins

    def expect(self, inner: Inner, node: Node, attributes: Sequence[Node]) -> None:
        """Tell of a definition that may be met: the node that is all of it but its attributes, and those before it."""
        self._inner[node.id] = inner
        self._look_at(node.kind_id)
        if attributes:
            self._begins[attributes[0].id] = inner
            self._look_at(attributes[0].kind_id)

    def expect_body(self, inner: Inner, body: Node) -> bool:
        """Tell of the body of a definition that will be walked; false of one that is nothing but a literal or name."""
        action = self._actions[body.kind_id]
        if action not in (PLAIN, SPECIAL) and action < 0:
            return False
        self._bodies[body.id] = inner
        self._look_at(body.kind_id)
        return True

    def _look_at(self, kind: int) -> None:
        if self._actions[kind] == PLAIN or self._actions[kind] >= 0:
            if self._actions is self.grammar.actions:
                self._actions = self.grammar.actions.copy()
            self._actions[kind] = SPECIAL

    def add(self, key: int, nodes: Sequence[Node]) -> None:
        """Append the tokens of a definition: its attributes and its node.

        Raises:
            ParseTimeout: `is_late` said yes.
        """
        self.tokens.append(BETWEEN)
        self.places[key] = place = Place(len(self.tokens), 0, Gathered())
        for node in nodes:
            self._walk(node, place.facts)
        place.end = len(self.tokens)

    def _walk(self, root: Node, facts: Gathered) -> None:  # noqa: PLR0912, PLR0915 - a call a node would double it
        grammar, source, tokens, places = self.grammar, self.source, self.tokens, self.places
        actions, marks, lists, blocks = self._actions, grammar.marks, grammar.statement_lists, grammar.blocks
        closing, kept_commas, joined, rules = grammar.closing, grammar.kept_commas, grammar.joined, grammar.rules
        names, rare, strings = VOCABULARY.names, VOCABULARY.rare, VOCABULARY.literals(STRING)
        inner, begins, bodies, literals = self._inner, self._begins, self._bodies, self._literals
        cursor: Any = root.walk()
        descend, advance, ascend = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
        kinds = [-1]  # of the nodes above this one; 0 is one about which there is nothing to remember
        emit, push, pop = tokens.append, kinds.append, kinds.pop
        around: list[tuple[int, Place, Gathered]] = []  # (depth, what is inside, facts of what is around it)
        ending: list[tuple[int, Place]] = []  # (depth, what has its body there)
        outside = facts  # of the definition whose attributes were met last
        is_listing = False  # the node above is a list of statements
        string, string_end = b"", -1  # the latest string, and the number of tokens it is the last of
        while True:
            if self.is_late():
                raise ParseTimeout
            for _ in _ROUND:
                node = cursor.node
                kind = node.kind_id
                action = actions[kind]
                if action >= 0:
                    emit(action)
                elif action == IDENTIFIER:
                    emit(names[source[node.start_byte : node.end_byte]])
                elif action == PLAIN:
                    if descend():
                        push(0)
                        is_listing = False
                        continue
                    if text := source[node.start_byte : node.end_byte]:
                        emit(rare[text])
                elif action == SPECIAL:
                    known = started = None
                    if kind in joined and tokens[-1] == SEMICOLON:
                        tokens.pop()
                    if bodies and (met := bodies.get(node.id)) is not None:
                        started = places[met.key]
                        started.body = len(tokens)
                    if begins and (met := begins.get(node.id)) is not None and met.key not in places:
                        facts.names.append(met.name)
                        places[met.key] = place = Place(len(tokens), 0, Gathered())
                        outside, facts = facts, place.facts
                    if inner and (met := inner.get(node.id)) is not None:
                        if (known := met.tokens) is not None:
                            facts.names.append(met.name)
                            places[met.key] = Place(len(tokens), len(tokens) + len(known), Gathered())
                        elif (begun := places.get(met.key)) is not None:
                            around.append((len(kinds), begun, outside))
                        else:
                            facts.names.append(met.name)
                            places[met.key] = place = Place(len(tokens), 0, Gathered())
                            around.append((len(kinds), place, facts))
                            facts = place.facts
                    if known is not None:
                        tokens += known
                    else:
                        if (rule := rules.get(kind)) is not None:
                            if rule.callee:
                                if (child := node.child_by_field_id(rule.callee)) is not None:
                                    facts.calls.append(source[child.start_byte : child.end_byte][-CALLEE_BYTES:])
                            else:
                                note(rule, node, grammar=grammar, source=source, gathered=facts)
                        if kind in blocks:
                            emit(_OPEN)
                        if descend():
                            if started is not None:
                                ending.append((len(kinds), started))
                            push(kind)
                            is_listing = kind in lists
                            continue
                        if kind in blocks:
                            emit(_CLOSE)
                        elif kind in marks:
                            emit(marks[kind])
                        elif text := source[node.start_byte : node.end_byte]:
                            emit(rare[text])
                    if started is not None:
                        started.body_end = len(tokens)
                elif action == CLOSER:
                    if tokens[-1] == _COMMA and kinds[-1] not in kept_commas:
                        tokens.pop()
                    emit(marks[kind])
                elif action == SEPARATOR:
                    if not is_listing:
                        emit(marks[kind])
                    elif tokens[-1] not in _ENDS:
                        emit(SEMICOLON)
                elif action == LITERAL:
                    text = source[node.start_byte : node.end_byte]
                    if kind in grammar.markup:
                        text = b" ".join(text.split())
                    emit(literals[kind][text])
                elif action == DECISION:
                    emit(marks[kind])
                    if kinds[-1] not in grammar.declaring:
                        facts.n_decisions += 1
                elif action in (STRING_LITERAL, INTERPOLATED) and not (is_listing and blocks):  # else a docstring
                    if action == INTERPOLATED:
                        text = _written(node, source, grammar.pieces)
                    else:
                        text = source[node.start_byte : node.end_byte]
                        if kind in grammar.markup:
                            text = b" ".join(text.split())
                    if text:
                        if string_end == len(tokens):
                            tokens.pop()
                            text = string + text
                        emit(strings[text])
                        string, string_end = text, len(tokens)
                    if action == INTERPOLATED and descend():
                        push(0)
                        is_listing = False
                        continue
                if is_listing and action != CLOSER and tokens[-1] not in _ENDS:
                    emit(SEMICOLON)
                while not advance():
                    if kind := pop():
                        if not kinds:
                            return
                        if kind in closing:
                            if kind in blocks:
                                emit(_CLOSE)
                            if kind in grammar.terminated and tokens[-1] != SEMICOLON:
                                emit(SEMICOLON)
                        if ending and ending[-1][0] == len(kinds):
                            ending.pop()[1].body_end = len(tokens)
                        if around and around[-1][0] == len(kinds):
                            _, place, facts = around.pop()
                            place.end = len(tokens)
                    ascend()
                    above = kinds[-1]
                    is_listing = above > 0 and above in lists
                    if is_listing and tokens[-1] not in _ENDS:
                        emit(SEMICOLON)


def _written(node: Node, source: bytes, pieces: frozenset[int]) -> bytes:
    """What a string says itself: all but the expressions in it, and what formats those."""
    parts: list[bytes] = []
    at = node.start_byte
    for child in node.children:
        if child.kind_id in pieces:
            continue
        parts.append(source[at : child.start_byte])
        parts += [source[part.start_byte : part.end_byte] for part in child.children if part.kind_id in pieces]
        at = child.end_byte
    parts.append(source[at : node.end_byte])
    return b"\1".join(parts)
