"""A function's text as a mutation sees it: tokens, names, literals and statements, straight from the grammar.

Deliberately not Stemma's normal form, which the mutants are there to test: nothing of `stemma.extract` is used here.
What is done to the text is said in `layout`, `renaming` and `edits`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tree_sitter import Node, Parser, Tree
from tree_sitter_language_pack import get_parser

NAME = re.compile(rb"[^\W\d][\w$]*$|[$_][\w$]*$")
NUMBER = re.compile(rb"\d|\.\d")
# Whole strings, so that no space inside one is taken for layout.
_ATOMIC = re.compile(
    r"string|template|char_literal|character_literal|rune_literal|regex|comment|preproc_arg|system_lib"
)
_TEXTS = frozenset(
    {"string_content", "string_fragment", "interpreted_string_literal_content", "raw_string_literal_content"}
)
_NAMES = frozenset({"label_name", "metavariable"})


@dataclass(frozen=True)
class Dialect:
    """What a mutation must know of one language. Node types are tree-sitter's."""

    grammar: str
    blocks: frozenset[str]
    """Nodes whose children are statements."""
    line_comment: bytes
    has_braces: bool = True
    """Whether layout alone says nothing, so that lines may be joined and `/* */` stands anywhere."""
    wrappers: tuple[bytes, ...] = (b"",)
    """What may have to stand around a definition for it to be one: a line to open, closed by a brace."""
    breaks_after: bytes = b"(,"
    """Marks after which a line may end anywhere."""


_CLASS, _IMPL = b"class Wrapped {\n", b"impl Wrapped {\n"
DIALECTS = {
    "python": Dialect("python", frozenset({"block"}), b"#", has_braces=False),
    "java": Dialect(
        "java",
        frozenset({"block", "constructor_body", "switch_block_statement_group"}),
        b"//",
        wrappers=(b"public class Wrapped {\n",),
    ),
    "javascript": Dialect(
        "javascript", frozenset({"statement_block", "switch_case", "switch_default"}), b"//", wrappers=(b"", _CLASS)
    ),
    "typescript": Dialect(
        "typescript", frozenset({"statement_block", "switch_case", "switch_default"}), b"//", wrappers=(b"", _CLASS)
    ),
    "go": Dialect("go", frozenset({"block", "statement_list", "expression_case", "default_case"}), b"//"),
    "c": Dialect("c", frozenset({"compound_statement", "case_statement"}), b"//"),
    "rust": Dialect("rust", frozenset({"block"}), b"//", wrappers=(b"", _IMPL)),
}
_NO_STATEMENT = frozenset({"comment", "line_comment", "block_comment", "{", "}", ";", ":", "case", "default"})


@dataclass(frozen=True)
class Token:
    """One leaf, a string as one; `path` is the node types above it, the innermost first."""

    start: int
    end: int
    kind: str
    text: bytes
    parent: str


@dataclass(frozen=True)
class Statement:
    """A statement that has its lines to itself: `start` is the first byte of its first line, `end` past its last."""

    start: int
    end: int
    kind: str
    indent: bytes
    block: int
    n_siblings: int
    n_tokens: int


@cache
def _parser(grammar: str) -> Parser:
    return get_parser(grammar)  # type: ignore[arg-type]


def parse(language: str, text: bytes) -> Tree:
    return _parser(DIALECTS[language].grammar).parse(text)


def is_sound(tree: Tree) -> bool:
    return not tree.root_node.has_error


def is_comment(kind: str) -> bool:
    return "comment" in kind


def _walk(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def tokens(tree: Tree, *, with_comments: bool = False) -> list[Token]:
    """Leaves in order; a string or character literal is one token whatever it holds."""
    found: list[Token] = []
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        is_leaf = not node.child_count or (node.is_named and bool(_ATOMIC.search(node.type)))
        if not is_leaf:
            stack.extend(reversed(node.children))
            continue
        text = node.text or b""
        if text.strip() and (with_comments or not is_comment(node.type)):
            parent = node.parent.type if node.parent else ""
            found.append(Token(node.start_byte, node.end_byte, node.type, text, parent))
    return found


def shape(tree: Tree) -> list[tuple[str, int]]:
    """The tree of named nodes without comments: their types in order with how many such children each has."""
    found, stack = [], [tree.root_node]
    while stack:
        node = stack.pop()
        children = [child for child in node.named_children if not is_comment(child.type)]
        found.append((node.type, len(children)))
        stack.extend(reversed(children))
    return found


def marks(tree: Tree) -> list[bytes]:
    """The operators, brackets and keywords in order; of the built-in types one stands for all."""
    found = [token for token in tokens(tree) if token.kind.encode() == token.text]
    return [b"type" if token.parent.endswith("type") else token.text for token in found]


def names(tree: Tree) -> list[Token]:
    """Every identifier, those inside interpolated strings too."""
    return [
        Token(node.start_byte, node.end_byte, node.type, node.text or b"", node.parent.type if node.parent else "")
        for node in _walk(tree.root_node)
        if not node.child_count
        and node.is_named
        and ("identifier" in node.type or node.type in _NAMES)
        and NAME.match(node.text or b"")
        and node.text != b"_"
    ]


def literals(tree: Tree) -> list[Token]:
    """Numbers, and the contents of strings that are plain letters."""
    found = []
    for node in _walk(tree.root_node):
        text = node.text or b""
        is_number = not node.child_count and node.is_named and NUMBER.match(text)
        if is_number or (node.type in _TEXTS and not node.child_count and text.strip()):
            parent = node.parent.type if node.parent else ""
            found.append(Token(node.start_byte, node.end_byte, "number" if is_number else "text", text, parent))
    return found


def statements(tree: Tree, language: str, text: bytes) -> list[Statement]:
    """The statements that stand alone on their lines, outer ones before those inside them."""
    blocks = DIALECTS[language].blocks
    starts = [token.start for token in tokens(tree)]
    found: list[Statement] = []
    for block in _walk(tree.root_node):
        if block.type not in blocks:
            continue
        children = [child for child in block.named_children if child.type not in _NO_STATEMENT | blocks]
        for child in children:
            if (lines := _own_lines(child, text)) is None or _is_docstring(child, block):
                continue
            n_tokens = bisect_left(starts, child.end_byte) - bisect_left(starts, child.start_byte)
            indent = text[lines[0] : child.start_byte]
            found.append(Statement(*lines, child.type, indent, block.id, len(children), n_tokens))
    return found


def _own_lines(node: Node, text: bytes) -> tuple[int, int] | None:
    start = text.rfind(b"\n", 0, node.start_byte) + 1
    stop = text.find(b"\n", node.end_byte)
    end = len(text) if stop < 0 else stop + 1
    rest = text[node.end_byte : end].strip()
    is_alone = not text[start : node.start_byte].strip() and (not rest or rest == b";")
    return (start, end) if is_alone else None


def _is_docstring(node: Node, block: Node) -> bool:
    inner = [node, *node.named_children]
    return block.type == "block" and inner[-1].type == "string" and len(inner) <= 2
