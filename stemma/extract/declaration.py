"""What a declaration says, part by part: its list of parameters, return type, annotations, exceptions.

Each part is told as it is written but for its layout: from its tokens, put together by one rule, so that equal parts
are equal texts. The names of the parameters and the facts of the body are in `facts`; the signature in `head`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node

from stemma.extract.definitions import Definition
from stemma.extract.grammars import BEFORE_NAME, INTERPOLATED, LITERAL, SILENT, STRING_LITERAL, Grammar
from stemma.extract.names import declared
from stemma.ids import content_id

MAX_CHARS = 2_000
"""A longer part is cut, and told from others that begin alike by its hash."""
MAX_PARTS = 200
_HEAD_DEPTH = 5
_MAX_NODES = 200
_CACHED_BYTES = 400
_CACHED_PARTS = 20_000
_WHOLE = frozenset({LITERAL, STRING_LITERAL, INTERPOLATED})
_MATES = {"(": ")", "[": "]", "|": "|"}
_ANNOTATION_MARKS = re.compile(rb"@|\[|__")
_SPACED = frozenset({"=", "|", "->", "=>", "?:", "||", "&&", "==", "!=", "+", "-", "/"})
_ENDING = frozenset({",", ":", ";"})
_OPEN = frozenset({"(", "[", "{", "$", "'", "&'"})
_CLOSED = frozenset({",", ";", ")", "]", "}"})
_CLOSERS = frozenset({")", "]", "}", ">"})
_PREFIXES = ("*", "&", "...", "@", "#")
_WORD = re.compile(r"[\w$\"'`]")


@dataclass(slots=True)
class Declared:
    """Parts of one declaration; see the columns of `snippet_texts`."""

    parameter_list: str | None
    return_type: str | None
    annotations: list[str]
    raises: list[str]


def declaration(grammar: Grammar, source: bytes, definition: Definition, body: Node | None) -> Declared:
    """The parts of a definition's declaration; a part that is not written is null or empty."""
    holders = _holders(grammar, definition)
    return Declared(
        _parameter_list(grammar, source, holders),
        _return_type(grammar, source, holders),
        [_written(grammar, source, [node]) for node in _annotations(grammar, source, definition, body)],
        [
            _written(grammar, source, [node])
            for clause in _clauses(grammar, holders)
            for node in clause.named_children[:MAX_PARTS]
        ],
    )


def _holders(grammar: Grammar, definition: Definition) -> list[Node]:
    """The nodes whose fields say what is declared: the definition's, and those of the function it names."""
    found = [node for node in definition.attributes if node.start_byte >= definition.start_byte] + [definition.node]
    if definition.value is not None:
        found.append(definition.value)
    at: Node | None = found[-1] if grammar.has_declarators else None
    while at is not None and (at := at.child_by_field_name("declarator")) is not None and len(found) < _MAX_NODES:
        found.append(at)
    if grammar.wrapped_heads:
        found += [child for node in found for child in node.named_children if child.kind_id in grammar.wrapped_heads]
    return found


def _parameter_list(grammar: Grammar, source: bytes, holders: list[Node]) -> str | None:
    fields = (*grammar.fields.parameters, *grammar.fields.parameter)
    for holder in holders:
        given = next((child for part in fields if (child := holder.child_by_field_id(part)) is not None), None)
        if given is None and (grammar.parameter_lists or grammar.has_bare_parameters):
            given = next((child for child in holder.children if child.kind_id in grammar.parameter_lists), None)
        if given is not None:
            return _written(grammar, source, [given], is_list=True)
        if grammar.has_bare_parameters and (inside := _bracketed(holder)):
            return _written(grammar, source, inside, is_list=True)
    return None


def _bracketed(node: Node) -> list[Node]:
    """The children from the first round bracket to its mate, where no node holds them."""
    found: list[Node] = []
    for child in node.children:
        if found or child.type == "(":
            found.append(child)
            if child.type == ")":
                break
    return found


def _return_type(grammar: Grammar, source: bytes, holders: list[Node]) -> str | None:
    for holder in holders if grammar.trailing_types else ():
        trailing = next((child for child in holder.named_children if child.kind_id in grammar.trailing_types), None)
        if trailing is not None:
            return _written(grammar, source, trailing.named_children) or None
    for holder in holders:
        if (rule := grammar.returns.get(holder.kind_id)) is None:
            continue
        if rule == BEFORE_NAME:
            return _before_name(grammar, source, holder)
        if isinstance(rule, int):
            given = holder.child_by_field_id(rule)
        else:
            after = iter(holder.children)
            given = next(after, None) if any(child.type == rule for child in after) else None
        if given is not None:
            return _written(grammar, source, [given]).removeprefix(":").lstrip() or None
    return None


def _before_name(grammar: Grammar, source: bytes, holder: Node) -> str | None:
    """The leaves of a C declaration up to what it declares, without modifiers and attributes."""
    name = holder
    while (inside := declared(name)) is not None or (inside := name.child_by_field_name("name")) is not None:
        name = inside
        if name.type == "qualified_identifier":
            break
    if name is holder:
        return None
    leaves = _leaves(grammar, source, [holder], upto=name.start_byte, left_out=grammar.beside_types)
    words = [
        leaf for leaf in leaves if not grammar.modifiers.fullmatch(leaf) and leaf not in ("get", "set", "operator")
    ]
    return _bounded(_spaced(words)) or None


def _annotations(grammar: Grammar, source: bytes, definition: Definition, body: Node | None) -> list[Node]:
    end = body.start_byte if body is not None else definition.outer.end_byte
    if not grammar.annotations or not _ANNOTATION_MARKS.search(source, definition.start_byte, end):
        return []
    found: list[Node] = []
    for root in (*definition.attributes, definition.outer):
        if root.kind_id in grammar.annotations:
            found.append(root)
        elif root.start_byte < end:
            found += _annotations_in(grammar, root, end, 0)
    return found[:MAX_PARTS]


def _annotations_in(grammar: Grammar, node: Node, end: int, depth: int) -> list[Node]:
    found: list[Node] = []
    for child in node.children:
        if child.start_byte >= end:
            break
        if child.kind_id in grammar.annotations:
            found.append(child)
        elif depth < _HEAD_DEPTH and child.child_count and child.kind_id not in grammar.lists:
            found += _annotations_in(grammar, child, end, depth + 1)
    return found


def _clauses(grammar: Grammar, holders: Iterable[Node]) -> list[Node]:
    if not grammar.raises:
        return []
    return [child for holder in holders for child in holder.named_children if child.kind_id in grammar.raises]


# --- text ------------------------------------------------------------------------------------------------------


def _written(grammar: Grammar, source: bytes, nodes: list[Node], *, is_list: bool = False) -> str:
    """What the nodes say, layout and comments left out; a list without its brackets and a comma before the last."""
    start, end = nodes[0].start_byte, nodes[-1].end_byte
    key = (grammar.name, is_list, source[start:end]) if end - start <= _CACHED_BYTES else None
    if key is not None and (known := _KNOWN.get(key)) is not None:
        return known
    leaves = _leaves(grammar, source, nodes)
    if is_list:
        if leaves and leaves[-1] == _MATES.get(leaves[0]) and len(leaves) > 1:
            leaves = leaves[1:-1]
        if leaves and leaves[-1] == ",":
            leaves.pop()
    text = _bounded(_spaced(leaves))
    if key is not None:
        if len(_KNOWN) >= _CACHED_PARTS:
            _KNOWN.clear()
        _KNOWN[key] = text
    return text


_KNOWN: dict[tuple[str, bool, bytes], str] = {}


def _leaves(
    grammar: Grammar,
    source: bytes,
    nodes: Iterable[Node],
    *,
    upto: int | None = None,
    left_out: frozenset[int] = frozenset(),
) -> list[str]:
    """The texts of the leaves, a literal being one; of those that begin before `upto`."""
    leaves: list[str] = []
    pending = list(nodes)[::-1]
    while pending:
        node = pending.pop()
        kind = node.kind_id
        if kind in left_out or (upto is not None and node.start_byte >= upto):
            continue
        action = grammar.actions[kind]
        if action in _WHOLE or not node.child_count:
            if action != SILENT and (text := source[node.start_byte : node.end_byte]):
                leaves.append(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8", "replace"))
        elif action != SILENT:
            pending += reversed(node.children)
    return leaves


def _spaced(leaves: list[str]) -> str:
    """The leaves as a person would write them; the spaces depend on nothing but the leaves."""
    parts: list[str] = []
    before = last = ""
    for leaf in leaves:
        if last and _is_apart(before, last, leaf):
            parts.append(" ")
        parts.append(leaf)
        before, last = last, leaf
    return "".join(parts)


def _is_apart(before: str, last: str, leaf: str) -> bool:
    if leaf in _CLOSED or last in _OPEN:
        return False
    if last in _ENDING or last in _SPACED or leaf in _SPACED:
        return True
    ends_word = _WORD.match(last[-1]) is not None or last in _CLOSERS or (last == "?" and before[-1:].isalnum())
    return ends_word and (_WORD.match(leaf) is not None or (leaf.startswith(_PREFIXES) and last != "?"))


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 40]}~{content_id(text)}"
