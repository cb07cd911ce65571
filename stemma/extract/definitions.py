"""Where the definitions of a syntax tree are, and what they are called.

Which nodes define something is said by `queries/<language>.scm`; what their text becomes, in `normal_form`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from inspect import cleandoc
from typing import Any

from tree_sitter import Node, Tree

from stemma.extract.grammars import Grammar, ParseTimeout
from stemma.extract.normal_form import bounded_name

MAX_DEPTH = 32
"""Definitions nested deeper are left out: each level costs its whole text again."""
SIGNATURE_CHARS = 1_000
DOCSTRING_CHARS = 4_000
QUALIFIED_NAME_CHARS = 1_000

_TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "scope.type"})
_NOT_OWNERS = frozenset({"exports", "module", "this", "self", "window", "global", "globalThis", "prototype"})
_SCOPES = frozenset({"scope.type", "scope.namespace"})
_BESIDE = frozenset({"name", "owner", "wrapped"})
_COMMENT_EDGE = re.compile(r"^[ \t]*(?:/\*+!?|\*+/|\*|//[/!]*<?|#+)?[ \t]?|[ \t]*\*+/[ \t]*$", re.MULTILINE)
_OPENING_QUOTES = re.compile(r"[A-Za-z]*('''|\"\"\"|'|\")")
_HEAD_BYTES = 4_000
_LINE_BYTES = 1_000
_INNER_COMMENTS = (b"//!", b"/*!<", b"///<", b"#!")  # they speak of what is around or before them


@dataclass(slots=True)
class Definition:
    """One definition: its nodes, its place and its names. `parent` is the position of the enclosing one."""

    node: Node
    outer: Node  # the node itself, or what wraps it: decorators, `template <...>`, `const ... ;`
    attributes: list[Node]  # siblings before it that belong to it
    kind: str
    name: str
    qualified_name: str
    parent: int | None
    start_byte: int
    start_row: int
    signature: str
    docstring: str | None
    is_deprecated: bool
    is_test: bool


@dataclass(slots=True)
class _Found:
    kind: str
    node: Node
    outer: Node
    name: list[str]


def find_definitions(
    grammar: Grammar, tree: Tree, source: bytes, is_late: Callable[[], bool]
) -> tuple[list[Definition], bool]:
    """The definitions of a tree in source order, and whether some were left out for their depth.

    Raises:
        ParseTimeout: `is_late` said yes.
    """
    found: dict[int, _Found] = {}
    wrappers: dict[int, Node] = {}
    leading: list[Node] = []
    for _, captures in grammar.matches(grammar.definitions, tree):
        role = next(role for role in captures if role not in _BESIDE)
        node = captures[role][0]
        if role in ("comment", "attribute"):
            leading.append(node)
        elif role == "wrapper":
            wrappers[captures["wrapped"][0].id] = node
        elif node.id not in found:
            found[node.id] = _Found(role, node, node, _name_parts(captures, source))
    for item in found.values():
        while (wrapper := wrappers.get(item.outer.id)) is not None:
            item.outer = wrapper
    leading.sort(key=lambda node: node.end_byte)
    return _nest(grammar, source, list(found.values()), _Leading(leading, source, grammar), is_late)


def _nest(
    grammar: Grammar, source: bytes, found: list[_Found], leading: _Leading, is_late: Callable[[], bool]
) -> tuple[list[Definition], bool]:
    found.sort(key=lambda item: (item.outer.start_byte, -item.outer.end_byte, item.node.start_byte))
    definitions: list[Definition] = []
    above: list[tuple[int, str, int | None, list[str]]] = []  # (end, kind, position, names) of what encloses
    is_cut = False
    for item in found:
        if is_late():
            raise ParseTimeout
        end = item.outer.end_byte
        while above and (above[-1][0] < end or above[-1][0] <= item.outer.start_byte):
            above.pop()
        names = [*(above[-1][3] if above else ()), *item.name]
        enclosing_kind = above[-1][1] if above else ""
        parent = next((position for _, _, position, _ in reversed(above) if position is not None), None)
        if item.kind in _SCOPES:
            above.append((end, item.kind, None, names))
            continue
        if len(above) >= MAX_DEPTH:
            is_cut = True
            continue
        kind = "method" if item.kind == "function" and (enclosing_kind in _TYPES or len(item.name) > 1) else item.kind
        above.append((end, kind, len(definitions), names))
        definitions.append(_describe(grammar, source, leading, item, kind=kind, names=names, parent=parent))
    return definitions, is_cut


def _describe(
    grammar: Grammar,
    source: bytes,
    leading: _Leading,
    item: _Found,
    *,
    kind: str,
    names: list[str],
    parent: int | None,
) -> Definition:
    attributes, comment = leading.before(item.outer)
    first = attributes[0] if attributes else item.outer
    body = _body(item.node)
    decorated = item.outer.type == "decorated_definition"
    declared_at = (item.node if decorated else item.outer).start_byte
    head_end = body.start_byte if body is not None else item.outer.end_byte
    head = source[first.start_byte : min(head_end, first.start_byte + _HEAD_BYTES)].decode("utf-8", "replace")
    docstring = (_python_docstring(body, source) if grammar.blocks else None) or comment
    return Definition(
        node=item.node,
        outer=item.outer,
        attributes=attributes,
        kind=kind,
        name=item.name[-1],
        qualified_name=_bounded(".".join(names)),
        parent=parent,
        start_byte=first.start_byte,
        start_row=first.start_point.row,
        signature=_signature(source[declared_at : min(head_end, declared_at + _HEAD_BYTES)], body is None),
        docstring=docstring,
        is_deprecated=bool(
            grammar.deprecation_marks.search(head) or (docstring and grammar.deprecation_notes.search(docstring))
        ),
        is_test=bool(grammar.test_names.search(item.name[-1]) or grammar.test_marks.search(head)),
    )


# --- names -----------------------------------------------------------------------------------------------------


def _name_parts(captures: dict[str, Any], source: bytes) -> list[str]:
    """The name, after what qualifies it where it is written: `A::b`, `A.prototype.b`, Go's receiver type."""
    if not (nodes := captures.get("name")):
        return []
    node = nodes[0]
    while (inside := _declared(node)) is not None:
        node = inside
    if node.type == "operator_cast":
        parts = [source[node.start_byte : node.end_byte].partition(b"(")[0]]
    elif node.type in ("member_expression", "nested_identifier", "nested_namespace_specifier"):
        parts = [part for part in _chain(node, source) if part.decode("utf-8", "replace") not in _NOT_OWNERS]
    elif node.type in (
        "qualified_identifier",
        "scoped_type_identifier",
        "generic_type",
        "template_function",
        "pointer_type",
    ):
        parts = _chain(node, source)
    else:
        parts = [source[node.start_byte : node.end_byte].strip(b"\"'")]
    if owner := captures.get("owner"):
        parts = [*_chain(owner[0], source)[-1:], *parts]
    return [" ".join(bounded_name(part).split()) for part in parts if part] or ["<anonymous>"]


def _declared(node: Node) -> Node | None:
    """The next step from a C declarator towards the name it declares; a reference has no field for it."""
    if node.type == "operator_cast":
        return None
    if node.type in ("reference_declarator", "parenthesized_declarator", "attributed_declarator"):
        return node.named_child(0) if node.named_child_count else None
    return node.child_by_field_name("declarator")


_CHAIN_LEFT = ("scope", "path", "object")
_CHAIN_RIGHT = ("name", "property", "type")
_GENERIC = frozenset({"generic_type", "template_type", "template_function", "pointer_type", "parenthesized_type"})


def _chain(node: Node, source: bytes) -> list[bytes]:
    """The names of `a::b<T>::c` or `a.b.c`, from left to right, without type arguments; calls end the chain."""
    parts: list[bytes] = []
    pending: list[Node] = [node]
    while pending and len(parts) < MAX_DEPTH:
        current = pending.pop()
        right = next((child for field in _CHAIN_RIGHT if (child := current.child_by_field_name(field))), None)
        left = next((child for field in _CHAIN_LEFT if (child := current.child_by_field_name(field))), None)
        if current.type == "nested_namespace_specifier":
            pending.extend(current.named_children)
        elif current.type in _GENERIC and (
            inner := right or (current.named_child(0) if current.named_child_count else None)
        ):
            pending.append(inner)
        elif right is not None:
            pending.extend(child for child in (left, right) if child is not None)
        elif not current.child_count or current.type in ("operator_name", "destructor_name"):
            parts.append(source[current.start_byte : current.end_byte])
    return parts[::-1]


def _bounded(name: str) -> str:
    return name if len(name) <= QUALIFIED_NAME_CHARS else bounded_name(name.encode())


# --- text ------------------------------------------------------------------------------------------------------


def _body(node: Node) -> Node | None:
    """The body of a definition, or of the function expression or type it names."""
    for field in ("", "value", "right", "type"):
        holder = node.child_by_field_name(field) if field else node
        if holder is None:
            continue
        if holder.type == "expression_list" and holder.named_child_count:
            holder = holder.named_child(0)
        if holder is not None and (body := holder.child_by_field_name("body")) is not None:
            return body
    return None


def _signature(text: bytes, has_no_body: bool) -> str:
    if has_no_body:
        text = text.partition(b"{")[0]
    signature = " ".join(text.decode("utf-8", "replace").split())
    return signature.rstrip(" {").removesuffix(":").rstrip()[:SIGNATURE_CHARS]


def _python_docstring(body: Node | None, source: bytes) -> str | None:
    if body is None:
        return None
    first = next((child for child in body.named_children if not child.is_extra), None)
    if first is None or first.type != "string":
        return None
    text = source[first.start_byte : min(first.end_byte, first.start_byte + 4 * DOCSTRING_CHARS)].decode(
        "utf-8", "replace"
    )
    opening = _OPENING_QUOTES.match(text)
    assert opening is not None
    return _documentation(text[opening.end() :].removesuffix(opening.group(1)))


@lru_cache(maxsize=4_096)  # versions of one file repeat theirs
def _documentation(text: str) -> str | None:
    return cleandoc(text).strip()[:DOCSTRING_CHARS] or None


class _Leading:
    """The comments and attributes of a file, by where they end."""

    def __init__(self, nodes: list[Node], source: bytes, grammar: Grammar) -> None:
        self._nodes = nodes
        self._ends = [node.end_byte for node in nodes]
        self._source = source
        self._lead_in = grammar.lead_in

    def before(self, node: Node) -> tuple[list[Node], str | None]:
        """The attributes that belong to a definition, and the comment that stands right before it."""
        start = self._anchor(node.start_byte)
        attributes: list[Node] = []
        comments: list[Node] = []
        position = bisect_right(self._ends, start) - 1
        while position >= 0:
            candidate = self._nodes[position]
            if not self._stands_before(candidate, start):
                break
            (attributes if "comment" not in candidate.type else comments).append(candidate)
            start = candidate.start_byte
            position -= 1
        return attributes[::-1], self._text(comments[::-1])

    def _stands_before(self, node: Node, start: int) -> bool:
        """Alone on its lines, and with no blank line between it and `start`."""
        if start - node.end_byte > _LINE_BYTES:
            return False
        tail = self._source[max(node.end_byte - 2, node.start_byte) : node.end_byte]  # some end with their line's end
        gap = tail[len(tail.rstrip()) :] + self._source[node.end_byte : start]
        if gap.strip() or gap.count(b"\n") > 1 or self._source.startswith(_INNER_COMMENTS, node.start_byte):
            return False
        before = self._line_before(node.start_byte).strip()
        return not before or before.startswith((b"#[", b"@", b"{"))

    def _anchor(self, start: int) -> int:
        lead = self._lead_in.search(self._line_before(start).decode("utf-8", "replace"))
        return start - len(lead.group().encode()) if lead else start

    def _line_before(self, start: int) -> bytes:
        """The line up to `start`: at most a thousand bytes of it, for a file may be one line."""
        reach = max(0, start - _LINE_BYTES)
        return self._source[max(self._source.rfind(b"\n", reach, start) + 1, reach) : start]

    def _text(self, comments: list[Node]) -> str | None:
        if not comments:
            return None
        limit = 4 * DOCSTRING_CHARS
        texts = (self._source[node.start_byte : min(node.end_byte, node.start_byte + limit)] for node in comments)
        text = "\n".join(text.decode("utf-8", "replace").rstrip() for text in texts)
        return _documentation(_COMMENT_EDGE.sub("", text[:limit]))
