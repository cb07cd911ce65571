"""What can be said of a definition besides what it looks like: parameters, modifiers, calls, names bound, complexity.

Which nodes tell of them is said by the rows of `languages`; the nodes are met by `walk`. Triviality is in `triviality`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from tree_sitter import Node

from stemma.extract.definitions import Definition
from stemma.extract.grammars import FIRST_INSIDE, WRITTEN_BEFORE, Grammar, Rule
from stemma.extract.head import Head
from stemma.extract.vocabulary import bounded_name

CALLEE_BYTES = 200
MAX_NAMES = 1_000
"""Calls and names of one definition beyond these are left out: a table of data is not read name by name."""
_PATTERN_NODES = 200
_CACHED_CALLEES = 50_000
_CACHED_LISTS = 20_000
_TYPE_ARGUMENTS = re.compile(rb"(::)?<[^<>()]*>")
_PATH = re.compile(rb"(?:[\w$@\x80-\xff]+[!?]?\s*(?:\?\.|\.|::|->|\\)\s*)*[\w$@~\x80-\xff]+[!?]?\s*$")
_STOPS = (b")", b"]", b"}", b'"', b"'")  # what a path follows; searched from here, each text is read once
_OWN_MEMBER = re.compile(rb"(?:\$?this|self|cls)\s*(?:\.|->|::)\s*#?\$?[\w\x80-\xff]+$")
_DEFAULT = re.compile(rb"(?:case\s+)?_\s*(?:=>|:|->)|else\s*->|default\b")  # a case that is taken when no other is
_DEFAULT_BYTES = 40
_BODY = re.compile("body|block|statements|declaration_list|accessor|computed|arguments")
_HEAD_DEPTH = 5
_GROUP = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


@dataclass(slots=True)
class Gathered:
    """What a walk has met in one definition, the definitions inside it left out."""

    calls: list[bytes] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    n_decisions: int = 0


@dataclass(slots=True)
class Facts:
    """Facts of one definition's text; see the columns of `snippet_texts`.

    Calls, names and decisions of a definition inside count for that one only, as lizard counts; a function without a
    name that is no definition of its own counts for what is around it.
    """

    parameters: list[str]
    modifiers: list[str]
    calls: list[str]
    defines: list[str]
    complexity: int

    @property
    def n_bytes(self) -> int:
        return 300 + 70 * (len(self.parameters) + len(self.calls) + len(self.defines))


def facts(grammar: Grammar, source: bytes, definition: Definition, said: Head, gathered: Gathered) -> Facts:
    """The facts of a definition, from what was gathered in it and from its head."""
    callees = (name for raw in dict.fromkeys(gathered.calls) if (name := _CALLEES[raw]))
    return Facts(
        _parameters(grammar, source, definition),
        _modifiers(grammar, source, definition, said),
        list(islice(dict.fromkeys(callees), MAX_NAMES)),
        [bounded_name(name) for name in islice(dict.fromkeys(gathered.names), MAX_NAMES)],
        1 + gathered.n_decisions,
    )


def imported(nodes: Iterable[Node], source: bytes) -> list[str]:
    """What the nodes import, as it is written but for quotes and blanks; distinct, sorted."""
    written = {source[node.start_byte : node.end_byte].strip(b"\"'`<>") for node in nodes}
    return sorted({bounded_name(b" ".join(name.split())) for name in written if name})


def note(rule: Rule, node: Node, *, grammar: Grammar, source: bytes, gathered: Gathered) -> None:
    """Note what a node tells by its rule."""
    if rule.is_decision and not _DEFAULT.match(source, node.start_byte, node.start_byte + _DEFAULT_BYTES):
        gathered.n_decisions += 1
    if rule.called:
        _called(rule, node, source, gathered.calls)
    if rule.bound:
        _bound_names(grammar, rule, node, source, gathered.names)


# --- calls -----------------------------------------------------------------------------------------------------


def _called(rule: Rule, node: Node, source: bytes, calls: list[bytes]) -> None:
    """What a call calls, as it is written from the first of the rule's fields to the end of the last."""
    start = end = -1
    for part in rule.called:
        if part == WRITTEN_BEFORE:
            start, end = 0, node.start_byte
        elif (child := _at(node, part)) is not None:
            start, end = child.start_byte if start < 0 else start, child.end_byte
    if end >= 0:
        calls.append(source[max(start, end - CALLEE_BYTES) : end])


class _Callees(dict[bytes, str]):
    """The name in what is called: its last dotted path, without blanks and type arguments; of `f(x)()`, none."""

    def __missing__(self, raw: bytes) -> str:
        text = raw
        while b"<" in text and (shorter := _TYPE_ARGUMENTS.sub(b"", text)) != text:
            text = shorter
        path = _PATH.search(text, max(map(text.rfind, _STOPS)) + 1)
        name = bounded_name(b"".join(path.group().split())) if path else ""
        if len(self) >= _CACHED_CALLEES:
            self.clear()
        self[raw] = name
        return name


_CALLEES = _Callees()


# --- names -----------------------------------------------------------------------------------------------------


def _bound_names(grammar: Grammar, rule: Rule, node: Node, source: bytes, names: list[bytes]) -> None:
    """Note the names a node binds: those in the pattern, and a member only where it is one of `this` or `self`."""
    for part in rule.bound:
        inside = node.named_children[:1] if part == FIRST_INSIDE else node.children_by_field_id(part)
        for child in inside:
            if child.kind_id in grammar.identifiers:
                if not rule.is_member:
                    names.append(source[child.start_byte : child.end_byte])
            elif _OWN_MEMBER.match(text := source[child.start_byte : child.end_byte]):
                names.append(b"".join(text.split()))
            elif not rule.is_member:
                names += _in_pattern(grammar, child, source)


def _in_pattern(grammar: Grammar, node: Node, source: bytes) -> list[bytes]:
    """The names in a pattern, a declarator or a parameter, in order; not types, values and sizes."""
    found: list[bytes] = []
    pending = [node]
    for _ in range(_PATTERN_NODES):
        if not pending:
            break
        current = pending.pop()
        kind = current.kind_id
        if kind in grammar.identifiers:
            found.append(source[current.start_byte : current.end_byte])
        elif kind in grammar.patterns:
            inside: Iterable[Node] = ()
            for part in grammar.fields.pair if kind in grammar.pairs else grammar.fields.pattern:
                if inside := current.children_by_field_id(part):
                    break
            pending += reversed(list(inside or _children(grammar, current)))
    return found


def _children(grammar: Grammar, node: Node) -> list[Node]:
    children = node.named_children
    if len(children) > _PATTERN_NODES:
        return []
    beside = [other for part in grammar.fields.beside for other in node.children_by_field_id(part)]
    return [child for child in children if child.kind_id not in grammar.types and child not in beside]


def _parameters(grammar: Grammar, source: bytes, definition: Definition) -> list[str]:
    nodes = [*definition.attributes, definition.node] if grammar.parameters else [definition.node]
    return [name for node in nodes for name in parameters(grammar, source, node)]


def parameters(grammar: Grammar, source: bytes, node: Node) -> list[str]:
    """Names of a definition's parameters, its receiver first; a pattern gives all its names."""
    if grammar.parameters:
        return _names_of(grammar, source, _parameters_inside(grammar, node, 0))
    fields = grammar.fields
    holder: Node | None = node
    for _ in range(_PATTERN_NODES):
        if holder is None:
            break
        if given := _first(holder, fields.parameters):
            receiver = _first(holder, fields.receiver)
            own = _listed(grammar, source, given)
            return [*_listed(grammar, source, receiver), *own] if receiver else own
        if one := _first(holder, fields.parameter):
            return _names_of(grammar, source, [one])
        holder = _first(holder, fields.function)
    return []


def _listed(grammar: Grammar, source: bytes, node: Node) -> list[str]:
    """The names in a list of parameters; many lists are alike."""
    key = (grammar.language.name, source[node.start_byte : node.end_byte])
    if (known := _PARAMETERS.get(key)) is not None:
        return known
    found = _names_of(grammar, source, node.named_children)
    if len(_PARAMETERS) >= _CACHED_LISTS:
        _PARAMETERS.clear()
    if len(key[1]) <= CALLEE_BYTES:
        _PARAMETERS[key] = found
    return found


_PARAMETERS: dict[tuple[str, bytes], list[str]] = {}


def _names_of(grammar: Grammar, source: bytes, nodes: Iterable[Node]) -> list[str]:
    found: list[bytes] = []
    for parameter in nodes:
        kind = parameter.kind_id
        if kind in grammar.receivers:
            found.append(b"self")
        elif kind in grammar.identifiers:
            found.append(source[parameter.start_byte : parameter.end_byte])
        else:
            found += _in_pattern(grammar, parameter, source)
    return [bounded_name(name) for name in found[:MAX_NAMES]]


def _parameters_inside(grammar: Grammar, node: Node, depth: int) -> list[Node]:
    """The nodes of the parameters in a definition's head, in order."""
    found: list[Node] = []
    for child in node.named_children if depth < _HEAD_DEPTH else ():
        is_bare = child.kind_id in grammar.identifiers and node.type.endswith("parameter_list")
        if is_bare or child.kind_id in grammar.parameters:
            found.append(child)
        elif not _BODY.search(child.type):
            found += _parameters_inside(grammar, child, depth + 1)
    return found


def _at(node: Node, part: int) -> Node | None:
    if part == FIRST_INSIDE:
        return node.named_child(0) if node.named_child_count else None
    return node.child_by_field_id(part)


def _first(node: Node, fields: tuple[int, ...]) -> Node | None:
    for part in fields:
        if (child := node.child_by_field_id(part)) is not None:
            return child
    return None


# --- modifiers -------------------------------------------------------------------------------------------------


def _modifiers(grammar: Grammar, source: bytes, definition: Definition, said: Head) -> list[str]:
    """The words of the head that are modifiers, outside of brackets; and `test` where it is marked as one."""
    head = said.signature
    lead = definition.node.start_byte if definition.outer.start_byte < definition.node.start_byte else 0
    if definition.attributes or lead:
        end = max(lead, definition.outer.start_byte)
        before = source[definition.start_byte : min(end, definition.start_byte + 1_000)].decode("utf-8", "replace")
        head = f"{before} {head}"
    found: dict[str, None] = {}
    if grammar.modifiers.search(head):
        for _ in range(4):
            if "(" not in head and "[" not in head:
                break
            head = _GROUP.sub(" ", head)
        found = dict.fromkeys(grammar.modifiers.findall(head))
    if (said.is_test or definition.is_named_test) and definition.kind != "closure":
        found["test"] = None
    return list(found)
