"""A row of the language table made ready for its grammar: parser, query, and what each node type means to a walk.

Which languages there are is said in `languages`; what the walk makes of the meanings, in `normal_form` and `facts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count
from typing import Any, cast

from tree_sitter import Language as TreeSitterLanguage
from tree_sitter import Parser, Query, QueryCursor, Tree
from tree_sitter_language_pack import get_language

from stemma.extract.vocabulary import VOCABULARY
from stemma.languages import LANGUAGES, STRING, Language

PLAIN, IDENTIFIER, SPECIAL, SILENT, CLOSER, SEPARATOR, LITERAL, STRING_LITERAL, INTERPOLATED, DECISION = range(
    -1, -11, -1
)
"""What a walk does at a node that is not a mark: go into it, note a name, look it up in the sets below, skip it, ..."""
ERROR_KIND = 65_535
FIRST_INSIDE, WRITTEN_BEFORE = -1, -2
"""Stand for the fields `1` and `<` of a row."""
BEFORE_NAME = "<"
"""Of what is returned: it is written before the name."""
READ_BYTES = 1 << 20
MATCH_LIMIT = 1 << 16
LATE_EVERY = 32
"""The clock is looked at once in so many definitions, or calls by the parser."""

_PATTERN_FIELDS = ("pattern", "declarator", "left", "name")  # the first that is there leads on to the names
_BESIDE_FIELDS = ("type", "value", "right", "default_value", "default", "size", "key", "parameters", "return_type")
_PATTERN_WORDS = re.compile(
    "pattern|declarator|declaration|parameter|list|tuple|array|splat|target|binding|spec|variable"
)
_FUNCTION_FIELDS = ("value", "right", "declarator")


class ParseTimeout(Exception):  # noqa: N818 - not an error of the program: the file is named and left out
    """A file took longer than it may."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a node tells besides its tokens; fields are ids of the grammar's."""

    is_decision: bool = False
    callee: int = 0
    """Field of what is called, of a node that tells nothing else."""
    called: tuple[int, ...] = ()
    bound: tuple[int, ...] = ()
    is_member: bool = False


@dataclass(frozen=True)
class Grammar:
    """One grammar of one language. Node types are ids of the grammar's; `actions` has a mark's number, or a code."""

    name: str
    language: Language
    parser: Parser
    definitions: Query
    errors: Query
    actions: dict[int, int]
    marks: dict[int, int]
    """Number of the token of each anonymous node type."""
    rules: dict[int, Rule]
    placeholders: dict[int, str]
    statement_lists: frozenset[int]
    terminated: frozenset[int]
    blocks: frozenset[int]
    closing: frozenset[int]
    """Blocks, and what ends a statement."""
    kept_commas: frozenset[int]
    joined: frozenset[int]
    pieces: frozenset[int]
    markup: frozenset[int]
    declaring: frozenset[int]
    """Nodes in which an operator decides nothing: `T &&x` in C++."""
    identifiers: frozenset[int]
    patterns: frozenset[int]
    pairs: frozenset[int]
    types: frozenset[int]
    parameters: frozenset[int]
    receivers: frozenset[int]
    parameter_lists: frozenset[int]
    has_bare_parameters: bool
    """A list of parameters is no node of its own; brackets tell it."""
    lists: frozenset[int]
    """Lists of parameters, of types or values, in which an annotation is not the definition's."""
    wrapped_heads: frozenset[int]
    """Nodes inside a head that hold what other grammars have in the head itself."""
    returns: dict[int, int | str]
    has_declarators: bool
    """A function's name and parameters are wrapped in declarators, as C's."""
    trailing_types: frozenset[int]
    beside_types: frozenset[int]
    """Nodes that may stand in what is written before a name, and are no part of the type."""
    annotations: frozenset[int]
    raises: frozenset[int]
    initializers: frozenset[int]
    decorated: frozenset[int]
    """Nodes that hold decorators, which are no part of a signature, and the definition."""
    fields: Fields
    modifiers: re.Pattern[str]
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
        counter = count(1)  # it asks every few microseconds
        try:
            return self.parser.parse(
                lambda offset, _point: source[offset : offset + READ_BYTES],
                progress_callback=lambda _offset, _has_error: not next(counter) % LATE_EVERY and is_late(),
            )
        except ValueError as error:
            raise ParseTimeout from error

    def matches(self, query: Query, tree: Tree) -> list[tuple[int, dict[str, Any]]]:
        """All matches of one of the grammar's queries."""
        # py-tree-sitter 0.26.1 dies of a segmentation fault when it calls a query's progress callback, so a query is
        # not interrupted: it is linear in the file, whose size is bounded, and a node's pending matches are.
        found = QueryCursor(query, match_limit=MATCH_LIMIT).matches(tree.root_node)
        return cast(list[tuple[int, dict[str, Any]]], found)


@dataclass(frozen=True)
class Fields:
    """Ids of the fields that lead to names and parameters; those the grammar lacks are left out."""

    pattern: tuple[int, ...]
    pair: tuple[int, ...]
    beside: tuple[int, ...]
    function: tuple[int, ...]
    receiver: tuple[int, ...]
    parameters: tuple[int, ...]
    parameter: tuple[int, ...]


@cache
def load(name: str) -> Grammar:
    """The grammar of that name, from the installed wheel; some 10 ms the first time."""
    row = next(row for row in LANGUAGES.values() if name in row.grammars)
    grammar: TreeSitterLanguage = get_language(cast(Any, name))
    query = files("stemma.extract").joinpath("queries", f"{row.name}.scm").read_text("utf-8")
    kinds = _Kinds(grammar)
    statement_lists, blocks, terminated = map(kinds.named, (row.statement_lists, row.blocks, row.terminated))
    joined, kept_commas, declaring = (
        kinds.named(row.joined),
        kinds.named(row.kept_commas),
        kinds.whose("^(abstract_)?reference_declarator|ref_qualifier"),
    )
    rules = _rules(row, kinds)
    actions = {kind: _action(row, kinds, kind) for kind in kinds.all}
    for kind in (*rules, *statement_lists, *blocks, *joined, *terminated, *kept_commas, *declaring):
        if actions[kind] == PLAIN:
            actions[kind] = SPECIAL
    return Grammar(
        name=name,
        language=row,
        parser=Parser(grammar),
        definitions=Query(grammar, f"{query}\n{row.imports}"),
        errors=Query(grammar, "[(ERROR) (MISSING)] @error"),
        actions={**actions, ERROR_KIND: PLAIN},
        marks={kind: VOCABULARY.mark(text) for kind, text in kinds.all.items() if not kinds.is_named[kind]},
        rules=rules,
        placeholders={kind: text for kind in kinds.all if (text := row.literals.get(kinds.all[kind]))},
        statement_lists=statement_lists,
        terminated=terminated,
        blocks=blocks,
        closing=blocks | terminated,
        kept_commas=kept_commas,
        joined=joined,
        pieces=frozenset(kind for kind, text in kinds.all.items() if text in row.pieces),
        markup=kinds.named(row.markup),
        declaring=declaring,
        identifiers=kinds.named(row.identifiers),
        patterns=kinds.whose(_PATTERN_WORDS),
        types=kinds.whose("type"),
        pairs=kinds.named(["pair_pattern"]),
        parameters=kinds.named(row.parameters),
        receivers=kinds.whose("^self"),
        parameter_lists=kinds.named(row.parameter_lists),
        has_bare_parameters="(" in row.parameter_lists,
        lists=kinds.whose("parameters$|parameter_list$|parameter$|arguments?$|argument_list$"),
        wrapped_heads=kinds.whose("_signature$|^lambda_function_type$|^[gs]etter$") - kinds.whose("^method_signature"),
        returns={kind: kinds.returned(rule) for node, rule in row.returns.items() for kind in kinds.named([node])},
        beside_types=kinds.whose("^attribute|^annotation$|^ms_declspec_modifier$"),
        has_declarators=bool(kinds.named(["function_declarator"])),
        trailing_types=kinds.named(["trailing_return_type"]),
        annotations=kinds.named(row.annotations),
        raises=kinds.named(row.raises),
        initializers=kinds.named(row.initializers),
        decorated=kinds.named(["decorated_definition"]),
        fields=Fields(
            pattern=kinds.fields(_PATTERN_FIELDS),
            pair=kinds.fields(["value"]),
            beside=kinds.fields(_BESIDE_FIELDS),
            function=kinds.fields(_FUNCTION_FIELDS),
            receiver=kinds.fields(["receiver"]),
            parameters=kinds.fields(["parameters"]),
            parameter=kinds.fields(["parameter"]),
        ),
        modifiers=re.compile(rf"\b(?:{'|'.join(sorted(row.modifiers)) or '(?!)'})\b"),
        lead_in=re.compile(row.lead_in),
        deprecation_marks=re.compile(row.deprecation_marks),
        deprecation_notes=re.compile(row.deprecation_notes),
        test_names=re.compile(row.test_names),
        test_marks=re.compile(row.test_marks),
    )


class _Kinds:
    """The node types and fields of a grammar."""

    def __init__(self, grammar: TreeSitterLanguage) -> None:
        self._grammar = grammar
        self.all = {kind: grammar.node_kind_for_id(kind) or "" for kind in range(grammar.node_kind_count)}
        self.is_named = [grammar.node_kind_is_named(kind) for kind in self.all]

    def named(self, names: Iterable[str]) -> frozenset[int]:
        wanted = set(names)
        return frozenset(kind for kind, text in self.all.items() if self.is_named[kind] and text in wanted)

    def named_or_token(self, name: str) -> frozenset[int]:
        return self.named([name]) or frozenset(kind for kind, text in self.all.items() if text == name)

    def whose(self, pattern: str | re.Pattern[str]) -> frozenset[int]:
        return frozenset(kind for kind, text in self.all.items() if self.is_named[kind] and re.search(pattern, text))

    def fields(self, names: Iterable[str]) -> tuple[int, ...]:
        marks = {"1": FIRST_INSIDE, "<": WRITTEN_BEFORE}
        ids = (marks.get(name) or self._grammar.field_id_for_name(name) for name in names)
        return tuple(field for field in ids if field is not None)

    def returned(self, rule: str) -> int | str:
        """The field's id, or the token."""
        return rule if not rule[0].isalpha() else self._grammar.field_id_for_name(rule) or rule


def _rules(row: Language, kinds: _Kinds) -> dict[int, Rule]:
    decisions = {kind for name in row.decisions for kind in kinds.named_or_token(name) if kinds.is_named[kind]}
    calls = {kind: fields for name, fields in row.calls.items() for kind in kinds.named([name])}
    bindings = {kind: field for name, field in row.bindings.items() for kind in kinds.named([name])}
    members = {kind: field for name, field in row.member_bindings.items() for kind in kinds.named([name])}
    rules = {}
    for kind in {*decisions, *calls, *bindings, *members}:
        called = kinds.fields(calls.get(kind, "").split())
        bound = kinds.fields((bindings.get(kind) or members.get(kind, "")).split())
        is_simple = len(called) == 1 and called[0] >= 0 and not bound and kind not in decisions
        rules[kind] = Rule(kind in decisions, called[0] if is_simple else 0, called, bound, kind in members)
    return rules


def _action(row: Language, kinds: _Kinds, kind: int) -> int:  # noqa: PLR0911 - one line a case
    text = kinds.all[kind]
    if text in row.silent or text in row.pieces:
        return SILENT
    if not kinds.is_named[kind]:
        if text in (")", "]", "}"):
            return CLOSER
        if text in (";", ","):
            return SEPARATOR
        is_decisive = text in row.decisions and kind in kinds.named_or_token(text)
        return DECISION if is_decisive else VOCABULARY.mark(text)
    if text in row.identifiers:
        return IDENTIFIER
    if text in row.interpolated:
        return INTERPOLATED
    if (placeholder := row.literals.get(text)) is None:
        return PLAIN
    return STRING_LITERAL if placeholder == STRING else LITERAL
