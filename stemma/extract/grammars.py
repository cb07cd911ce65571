"""A row of the language table made ready for its grammar: parser, query, and what each node type means to a walk.

Which languages there are is said in `languages`; what the walk makes of the meanings, in `normal_form`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

from tree_sitter import Language as TreeSitterLanguage
from tree_sitter import Parser, Query, QueryCursor, Tree
from tree_sitter_language_pack import get_language

from stemma.languages import LANGUAGES, STRING, Language

IDENTIFIER, NAMED, SILENT, INTERPOLATED, CLOSER, SEPARATOR, STRING_LITERAL = range(7)
READ_BYTES = 1 << 20
MATCH_LIMIT = 1 << 16


class ParseTimeout(Exception):  # noqa: N818 - not an error of the program: the file is named and left out
    """A file took longer than it may."""


@dataclass(frozen=True)
class Grammar:
    """One grammar of one language. `actions[kind_id]` is a token to emit as it is, or one of the codes above."""

    language: Language
    parser: Parser
    definitions: Query
    errors: Query
    actions: list[str | int]
    texts: list[str]
    """Text of each anonymous node type."""
    statement_lists: frozenset[int]
    terminated: frozenset[int]
    blocks: frozenset[int]
    kept_commas: frozenset[int]
    literals: frozenset[int]
    """Kinds that become a placeholder other than a string's."""
    pieces: frozenset[int]
    markup: frozenset[int]
    lead_in: re.Pattern[str]
    deprecation_marks: re.Pattern[str]
    deprecation_notes: re.Pattern[str]
    test_names: re.Pattern[str]
    test_marks: re.Pattern[str]

    def parse(self, source: bytes, is_late: Callable[[], bool]) -> Tree:
        """The syntax tree. The source is handed over in slices, because only then does the parser ask `is_late`.

        Raises:
            ParseTimeout: `is_late` said yes.
        """
        self.parser.reset()  # after a timeout it would go on with the file before
        try:
            return self.parser.parse(
                lambda offset, _point: source[offset : offset + READ_BYTES],
                progress_callback=lambda _offset, _has_error: is_late(),
            )
        except ValueError as error:
            raise ParseTimeout from error

    def matches(self, query: Query, tree: Tree) -> list[tuple[int, dict[str, Any]]]:
        """All matches of one of the grammar's queries."""
        # py-tree-sitter 0.26.1 dies of a segmentation fault when it calls a query's progress callback, so a query is
        # not interrupted: it is linear in the file, whose size is bounded, and a node's pending matches are.
        found = QueryCursor(query, match_limit=MATCH_LIMIT).matches(tree.root_node)
        return cast(list[tuple[int, dict[str, Any]]], found)


@cache
def load(name: str) -> Grammar:
    """The grammar of that name, from the installed wheel; some 10 ms the first time."""
    row = next(row for row in LANGUAGES.values() if name in row.grammars)
    grammar: TreeSitterLanguage = get_language(cast(Any, name))
    query = files("stemma.extract").joinpath("queries", f"{row.name}.scm").read_text("utf-8")
    kinds = [grammar.node_kind_for_id(kind) or "" for kind in range(grammar.node_kind_count)]
    is_named = [grammar.node_kind_is_named(kind) for kind in range(grammar.node_kind_count)]

    def ids(names: frozenset[str]) -> frozenset[int]:
        return frozenset(kind for kind, text in enumerate(kinds) if is_named[kind] and text in names)

    return Grammar(
        language=row,
        parser=Parser(grammar),
        definitions=Query(grammar, query),
        errors=Query(grammar, "[(ERROR) (MISSING)] @error"),
        actions=[_action(row, text, named) for text, named in zip(kinds, is_named, strict=True)],
        texts=kinds,
        statement_lists=ids(row.statement_lists),
        terminated=ids(row.terminated),
        blocks=ids(row.blocks),
        kept_commas=ids(row.kept_commas),
        literals=ids(frozenset(node for node, literal in row.literals.items() if literal != STRING)),
        pieces=ids(row.pieces) | frozenset(kind for kind, text in enumerate(kinds) if text in row.pieces),
        markup=ids(row.markup),
        lead_in=re.compile(row.lead_in),
        deprecation_marks=re.compile(row.deprecation_marks),
        deprecation_notes=re.compile(row.deprecation_notes),
        test_names=re.compile(row.test_names),
        test_marks=re.compile(row.test_marks),
    )


def _action(row: Language, kind: str, is_named: bool) -> str | int:
    if kind in row.silent or kind in row.pieces:
        return SILENT
    if not is_named:
        return {")": CLOSER, "]": CLOSER, "}": CLOSER, ";": SEPARATOR, ",": SEPARATOR}.get(kind, kind)
    if kind in row.identifiers:
        return IDENTIFIER
    if kind in row.interpolated:
        return INTERPOLATED
    placeholder = row.literals.get(kind)
    if placeholder == STRING:
        return STRING_LITERAL
    return placeholder if placeholder else NAMED
