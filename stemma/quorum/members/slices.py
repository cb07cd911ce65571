"""Python's slices written so that Semgrep follows what is in them: of `text[1:]` its data flow loses sight, of an index
it does not. Who asks Semgrep lives in `packs`.
"""

from __future__ import annotations

from functools import cache

from tree_sitter import Language, Node, Parser, Query, QueryCursor
from tree_sitter_language_pack import get_language

SLICES_VERSION = "1"
"""Changes with anything that changes what Semgrep is given to read."""

_LEFT_ALONE = frozenset({"not_operator", "lambda", "named_expression"})  # would not parse beside another operator


def without_slices(source: bytes) -> bytes:
    """The same text, byte for byte as long, with another operator in place of each slice's colons.

    An index made so means nothing and is never constant, so nothing is concluded from it but what it is taken from.
    """
    if b"[" not in source:
        return source
    text = bytearray(source)
    language, query = _python()
    tree = Parser(language).parse(source)  # not shared: members are asked from several threads
    for node in QueryCursor(query).captures(tree.root_node).get("slice", []):
        if not any(child.type in _LEFT_ALONE for child in node.children):
            for at, operator in _operators(node):
                text[at] = operator
    return bytes(text)


def _operators(node: Node) -> list[tuple[int, int]]:
    """Offset of each colon, and the byte that takes its place."""
    parts = [child for child in node.children if child.type != "comment"]
    is_one_of_several = node.parent is not None and any(child.type == "," for child in node.parent.children)
    if all(part.type == ":" for part in parts):
        return [(part.start_byte, ord("_") if number == 0 else ord(" ")) for number, part in enumerate(parts)]
    replaced = []
    for number, part in enumerate(parts):
        if part.type == ":":
            has_left = number > 0 and parts[number - 1].type != ":"
            has_right = number + 1 < len(parts) and parts[number + 1].type != ":"
            alone = " " if is_one_of_several else ","
            operator = {(True, True): "^", (True, False): alone, (False, True): "~", (False, False): " "}
            replaced.append((part.start_byte, ord(operator[has_left, has_right])))
    return replaced


@cache
def _python() -> tuple[Language, Query]:
    language: Language = get_language("python")
    return language, Query(language, "(slice) @slice")
