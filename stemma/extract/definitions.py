"""Where the definitions of a syntax tree are, and how they nest.

Which nodes define something is said by `queries/<language>.scm`; their names are put together in `names`, what stands
before them is read in `leading`, what their text becomes in `normal_form`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from tree_sitter import Node, Query, Tree

from stemma.extract.documentation import NOTHING, in_docstring
from stemma.extract.grammars import LATE_EVERY, Grammar, ParseTimeout
from stemma.extract.leading import Leading
from stemma.extract.names import CLOSURE_NAME, name_parts
from stemma.extract.normal_form import bounded_name

MAX_DEPTH = 32
"""Definitions nested deeper are left out: each level costs its whole text again."""
CLOSURE_NODES = 60
"""A function without a name is a definition of its own from so many syntax nodes, some thirty tokens, on."""
QUALIFIED_NAME_CHARS = 1_000

_TYPES = frozenset(
    {"class", "interface", "struct", "enum", "trait", "impl", "module", "object", "protocol", "extension", "mixin"}
    | {"scope.type"}
)
_SCOPES = frozenset({"scope.type", "scope.namespace"})
_BESIDE = frozenset({"name", "owner", "wrapped", "head", "value", "body", "is"})


@dataclass(slots=True)
class Definition:
    """One definition: its nodes, its place and its names. `parent` is the position of the enclosing one."""

    node: Node
    outer: Node  # the node itself, or what wraps it: decorators, `template <...>`, `const ... ;`
    body: Node | None  # where its body begins, where no field says so
    value: Node | None  # the function or type that has its name from it
    attributes: list[Node]  # siblings before it that belong to it: annotations, and those of the head
    head: list[Node]  # Dart's signatures, and the property of an accessor
    kind: str
    name: str
    qualified_name: str
    parent: int | None
    start_byte: int
    start_row: int
    declared_at: int  # where its signature begins
    docstring: str | None
    doc_hash: str | None
    documents: list[int]  # where the nodes of that docstring or comment start
    is_noted_deprecated: bool  # in its documentation
    is_named_test: bool

    @property
    def is_container(self) -> bool:
        """Whether it is a type, of which the methods are definitions of their own and no part of its body."""
        return self.kind in _TYPES


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions of a tree in source order, whether some were left out for their depth, its comments, imports."""

    found: list[Definition]
    is_cut: bool
    leading: Leading
    imports: list[Node]


@dataclass(slots=True)
class _Found:
    kind: str
    node: Node
    outer: Node
    name: list[str]
    pattern: int
    head: list[Node]
    body: Node | None
    value: Node | None

    @property
    def start_byte(self) -> int:
        return self.head[0].start_byte if self.head else self.outer.start_byte


@dataclass(slots=True)
class _Captured:
    """What the query found in one file."""

    found: dict[int, _Found] = field(default_factory=dict)
    wrappers: dict[int, Node] = field(default_factory=dict)
    leading: list[Node] = field(default_factory=list)
    remarks: list[Node] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)  # nodes that belong to a definition that has a name
    imports: list[Node] = field(default_factory=list)


def find_definitions(grammar: Grammar, tree: Tree, source: bytes, is_late: Callable[[], bool]) -> Definitions:
    """The definitions of a tree, and what it imports.

    Raises:
        ParseTimeout: `is_late` said yes.
    """
    captured = _capture(grammar, tree, source)
    found = [item for item in captured.found.values() if item.node.id not in captured.parts]
    for item in found:
        while (wrapper := captured.wrappers.get(item.outer.id)) is not None:
            item.outer = wrapper
    leading = Leading(captured.leading, captured.remarks, source, grammar.lead_in)
    return Definitions(*_nest(grammar, source, found, leading, is_late), leading, captured.imports)


def _capture(grammar: Grammar, tree: Tree, source: bytes) -> _Captured:
    """Where several patterns match one node, the first of the file counts."""
    captured = _Captured()
    settings, roles = _settings(grammar.definitions), _roles(grammar.definitions)
    for pattern, captures in grammar.matches(grammar.definitions, tree):
        if (role := roles.get(pattern)) is None:
            roles[pattern] = role = next(name for name in captures if name not in _BESIDE)
        node = captures[role][0]
        if role in ("comment", "attribute"):
            captured.leading.append(node)
        elif role == "remark":
            captured.remarks.append(node)
        elif role == "import":
            captured.imports.append(node)
        elif role == "wrapper":
            captured.wrappers[captures["wrapped"][0].id] = node
        elif role != "closure" or node.descendant_count >= CLOSURE_NODES:
            captured.parts.update(part.id for name in ("value", "head") for part in captures.get(name, ()))
            known = captured.found.get(node.id)
            if known is None or pattern < known.pattern:
                if (fields := settings[pattern].get("owner")) and (
                    owner := _handed_to(node, fields.split())
                ) is not None:
                    captures["owner"] = [owner]
                given = settings[pattern].get("name") or (CLOSURE_NAME if role == "closure" else None)
                name = name_parts(captures, source, given)
                body, value = (captures[part][0] if part in captures else None for part in ("body", "value"))
                head = captures.get("head", [])
                captured.found[node.id] = _Found(role, node, node, name, pattern, head, body, value)
    return captured


@cache
def _settings(query: Query) -> list[dict[str, str]]:
    """What each pattern sets with `(#set! key "value")`."""
    return [
        {key: value for key, value in query.pattern_settings(pattern).items() if value is not None}
        for pattern in range(query.pattern_count)
    ]


def _handed_to(closure: Node, fields: list[str]) -> Node | None:
    """What is called with a closure among its arguments. Only large closures are asked; a pattern asks every call."""
    parent = closure.parent
    if parent is not None and parent.type == "keyword_argument":
        parent = parent.parent
    if parent is None or parent.type not in ("arguments", "argument_list") or (call := parent.parent) is None:
        return None
    if not call.type.endswith(("call", "expression", "invocation")):
        return None
    return next((owner for name in fields if (owner := call.child_by_field_name(name)) is not None), None)


@cache
def _roles(_: Query) -> dict[int, str]:
    """What each pattern finds, as far as it has found anything."""
    return {}


@dataclass(slots=True)
class _Above:
    """An enclosing definition or scope; `names` is what it adds to the names of those inside, with all above it."""

    end: int
    kind: str
    position: int | None
    names: list[str]


def _nest(
    grammar: Grammar, source: bytes, found: list[_Found], leading: Leading, is_late: Callable[[], bool]
) -> tuple[list[Definition], bool]:
    found.sort(key=lambda item: (item.start_byte, -item.outer.end_byte, item.node.start_byte))
    definitions: list[Definition] = []
    above: list[_Above] = []
    is_cut = False
    for n_read, item in enumerate(found):
        if not n_read % LATE_EVERY and is_late():
            raise ParseTimeout
        end = item.outer.end_byte
        while above and (above[-1].end < end or above[-1].end <= item.start_byte):
            above.pop()
        around = _around(grammar, item, above)
        enclosing = around[-1].names if around else []
        names = [*enclosing, *item.name]
        if item.kind in _SCOPES:
            above.append(_Above(end, item.kind, None, names))
            continue
        if len(above) >= MAX_DEPTH:
            is_cut = True
            continue
        kind = item.kind
        if kind == "function" and ((around and around[-1].kind in _TYPES) or len(item.name) > 1):
            kind = "method"
        parent = next((outer.position for outer in reversed(around) if outer.position is not None), None)
        # A closure adds nothing to the names inside it: they would change when it grows past its size.
        above.append(_Above(end, kind, len(definitions), enclosing if kind == "closure" else names))
        definitions.append(_describe(grammar, source, leading, item, kind=kind, names=names, parent=parent))
    return definitions, is_cut


def _around(grammar: Grammar, item: _Found, above: list[_Above]) -> list[_Above]:
    """What encloses a definition; not what the parser put around it when it had lost its way."""
    lost_in = grammar.language.lost_in
    if not lost_in or item.node.type != "function_definition":
        return above
    kept = len(above)
    while kept and above[kept - 1].kind in lost_in:
        kept -= 1
    return above[:kept]


def _describe(
    grammar: Grammar,
    source: bytes,
    leading: Leading,
    item: _Found,
    *,
    kind: str,
    names: list[str],
    parent: int | None,
) -> Definition:
    attributes, comments = leading.before(item.start_byte)
    attributes += item.head
    first = attributes[0] if attributes else item.outer
    body = item.body
    said, documents = NOTHING, comments
    if grammar.blocks:  # Python's, which has its docstring inside
        body = body or item.node.child_by_field_name("body")
        if (written := _python_docstring(body)) is not None:
            said, documents = in_docstring(source[written.start_byte : written.end_byte]), [written]
    if said is NOTHING:
        said, documents = leading.said(comments), comments
    tested = f"{item.name[0]}(" if kind == "closure" else item.name[-1]  # `it("sells", () => ...)`: by what is called
    return Definition(
        node=item.node,
        outer=item.outer,
        body=body,
        value=item.value,
        attributes=attributes,
        head=item.head,
        kind=kind,
        name=item.name[-1],
        qualified_name=_bounded(".".join(names)),
        parent=parent,
        start_byte=first.start_byte,
        start_row=first.start_point.row,
        declared_at=item.node.start_byte if item.outer.kind_id in grammar.decorated else item.start_byte,
        docstring=said.text,
        doc_hash=said.words_hash,
        documents=[node.start_byte for node in documents] if said is not NOTHING else [],
        is_noted_deprecated=said.text is not None and grammar.deprecation_notes.search(said.text) is not None,
        is_named_test=grammar.test_names.search(tested) is not None,
    )


def _bounded(name: str) -> str:
    return name if len(name) <= QUALIFIED_NAME_CHARS else bounded_name(name.encode())


def _python_docstring(body: Node | None) -> Node | None:
    if body is None:
        return None
    first = next((child for child in body.named_children if not child.is_extra), None)
    return first if first is not None and first.type == "string" else None
