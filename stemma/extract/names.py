"""What a definition is called: from the nodes a query captured to the parts of its name.

Which nodes are captured is said by `queries/<language>.scm`; how the parts of nested names join, in `definitions`.
"""

from __future__ import annotations

import re
from typing import Any

from tree_sitter import Node

from stemma.extract.normal_form import bounded_name

CLOSURE_NAME = "<closure>"
ANONYMOUS_NAME = "<anonymous>"
MAX_PARTS = 32

_NOT_OWNERS = frozenset({"exports", "module", "this", "self", "window", "global", "globalThis", "prototype", "super"})
_DOTTED = frozenset(
    ["member_expression", "nested_identifier", "nested_namespace_specifier", "member_access_expression"]
)  # their first parts say where from, not what
_QUALIFIED = frozenset(
    {"qualified_identifier", "scoped_type_identifier", "generic_type", "template_function", "template_type"}
    | {"pointer_type", "reference_type", "scope_resolution", "user_type"}
)
_PATHS = frozenset({"directly_assignable_expression", "attribute", "selector_expression", "field_expression"})
_PATH_MARKS = re.compile(rb"\s*(?:[?!]?\.|->)\s*")
_REFERENCES = frozenset({"reference_declarator", "parenthesized_declarator", "attributed_declarator"})
_NOT_DECLARED = frozenset({"ERROR", "comment", "ms_call_modifier"})
_CHAIN_LEFT = ("scope", "path", "object", "expression", "operand", "argument", "value")
_CHAIN_RIGHT = ("name", "property", "field", "attribute", "type")
_GENERIC = frozenset(
    {"generic_type", "template_type", "template_function", "pointer_type", "reference_type", "parenthesized_type"}
)
_FLAT = frozenset({"nested_namespace_specifier", "user_type"})
_TYPE_ARGUMENTS = frozenset({"type_arguments", "template_argument_list"})
_MARKED = frozenset({"variable_name", "simple_symbol"})  # PHP's dollar and Ruby's colon say what follows is a name
_WHOLE = frozenset({"operator_name", "destructor_name", "setter", "operator"})


def name_parts(captures: dict[str, list[Node]], source: bytes, given: str | None) -> list[str]:
    """The name, after what qualifies it where it is written: `A::b`, `A.prototype.b`, Go's receiver type.

    Args:
        captures: `name` (one node, or several: the text from the first to the last) and `owner`.
        source: what was parsed.
        given: the name where the language writes none, as of Swift's `deinit`.
    """
    nodes = captures.get("name")
    if nodes:
        parts = _written(nodes, source)
    elif given:
        parts = [given.encode()]
    else:
        return []
    if owner := captures.get("owner"):
        parts = [*(part for part in _chain(owner[0], source)[-1:] if _text(part) not in _NOT_OWNERS), *parts]
    words = (" ".join(bounded_name(part).split()) for part in parts)
    return [word for word in words if word] or [ANONYMOUS_NAME]  # a key may be a blank: `{" ": () => node}`


def _written(nodes: list[Node], source: bytes) -> list[bytes]:
    if len(nodes) > 1:
        words = (source[node.start_byte : node.end_byte] for node in nodes)
        return [b" ".join(words) if nodes[0].type.isalpha() else b"".join(words)]
    node = nodes[0]
    while (inside := declared(node)) is not None:
        node = inside
    if node.type == "operator_cast":
        return [source[node.start_byte : node.end_byte].partition(b"(")[0]]
    if node.type in _DOTTED:
        chain = _chain(node, source)
        return [part for part in chain if _text(part) not in _NOT_OWNERS] or chain[-1:]
    if node.type in _PATHS:
        written = _PATH_MARKS.split(source[node.start_byte : node.end_byte])
        return [part for part in written if _text(part) not in _NOT_OWNERS] or written[-1:]
    if node.type in _QUALIFIED and (chain := _chain(node, source)):
        return chain
    text = source[node.start_byte : node.end_byte]
    return [text[1:] if node.type in _MARKED else text.strip(b"\"'`")]


def declared(node: Node) -> Node | None:
    """The next step from a C declarator towards the name it declares; a reference has no field for it."""
    if node.type == "operator_cast":
        return None
    if node.type in _REFERENCES:
        return next((child for child in node.named_children if child.type not in _NOT_DECLARED), None)
    return node.child_by_field_name("declarator")


def _chain(node: Node, source: bytes) -> list[bytes]:
    """The names of `a::b<T>::c` or `a.b.c`, from left to right, without type arguments; calls end the chain."""
    parts: list[bytes] = []
    pending: list[Node] = [node]
    while pending and len(parts) < MAX_PARTS:
        current = pending.pop()
        right = _first_field(current, _CHAIN_RIGHT)
        left = _first_field(current, _CHAIN_LEFT)
        if current.type in _FLAT:
            pending.extend(child for child in current.named_children if child.type not in _TYPE_ARGUMENTS)
        elif current.type in _GENERIC and (
            inner := right or (current.named_child(0) if current.named_child_count else None)
        ):
            pending.append(inner)
        elif right is not None:
            pending.extend(child for child in (left, right) if child is not None)
        elif not current.child_count or current.type in _WHOLE:
            parts.append(source[current.start_byte : current.end_byte])
    return parts[::-1]


def _first_field(node: Node, fields: tuple[str, ...]) -> Node | None:
    return next((child for field in fields if (child := node.child_by_field_name(field))), None)


def _text(part: Any) -> str:
    return str(part, "utf-8", "replace")
