"""The head of a definition, all before its body: its signature, and what marks it as a test or as deprecated.

It is read of texts that were not met before. What is around a definition, as its documentation, is in `definitions`;
what the head declares part by part, in `declaration`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tree_sitter import Node

from stemma.extract.definitions import Definition
from stemma.extract.grammars import Grammar
from stemma.extract.leading import Leading

SIGNATURE_CHARS = 1_000
_HEAD_BYTES = 4_000
_BODILESS_END = re.compile(rb"[\s;]+end$")  # of a Ruby method that does nothing


class Head(NamedTuple):
    """What a head says, and the node with which the body begins."""

    body: Node | None
    signature: str
    is_deprecated: bool
    is_test: bool


def head(grammar: Grammar, source: bytes, leading: Leading, definition: Definition) -> Head:
    """The head of a definition."""
    body = definition.body or body_of(definition.node) or (definition.value and body_of(definition.value))
    if body is not None and grammar.initializers:
        body = _initializers(grammar, definition, body)
    end = body.start_byte if body is not None else definition.outer.end_byte
    start, declared_at = definition.start_byte, definition.declared_at
    text = source[start : min(end, start + _HEAD_BYTES)].decode("utf-8", "replace")
    declaration = leading.without_comments(declared_at, min(end, declared_at + _HEAD_BYTES))
    return Head(
        body,
        _signature(declaration, body is None),
        grammar.deprecation_marks.search(text) is not None,
        grammar.test_marks.search(text) is not None,
    )


def body_of(node: Node) -> Node | None:
    """The body of a definition, or of the function expression or type it names, as its fields tell."""
    for name in ("", "value", "right", "type"):
        holder = node.child_by_field_name(name) if name else node
        if holder is None:
            continue
        if holder.type == "expression_list" and holder.named_child_count:
            holder = holder.named_child(0)
        if holder is not None and (body := holder.child_by_field_name("body")) is not None:
            return body
    return None


def _initializers(grammar: Grammar, definition: Definition, body: Node) -> Node:
    """The code before the braces of a constructor, or its body where there is none."""
    before = definition.head[-1].named_children[-1] if definition.head else body.prev_named_sibling
    return before if before is not None and before.kind_id in grammar.initializers else body


def _signature(text: bytes, has_no_body: bool) -> str:
    if has_no_body:
        text = _BODILESS_END.sub(b"", text.partition(b"{")[0])
    signature = " ".join(text.decode("utf-8", "replace").split())
    return signature.rstrip(" {;").removesuffix(":").rstrip()[:SIGNATURE_CHARS]
