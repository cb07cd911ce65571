"""Python with what is settled before it runs written out: which branch an `if` or a `match` on constants takes, and
what stands under a constant key. Data flow that does not look at values would follow text down a branch never taken.

What else is rewritten for Semgrep lives in `slices`; who asks it, in `packs`.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tree_sitter import Language, Parser, Query, QueryCursor
from tree_sitter_language_pack import get_language

SETTLED_VERSION = "1"
"""Changes with anything that changes what Semgrep is given to read."""

_UNKNOWN = object()
_NOTHING = "pass"
_MAX_INT, _MAX_TEXT = 1 << 40, 2000
_REACHES_LOCALS = (b"_getframe", b"f_locals", b"ctypes", b"settrace", b"locals(")
_MAY_SETTLE = (b"match ", b"if ", b"[", b".get(")
_PLAIN = (str, int, bool, type(None))
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {ast.Add: operator.add, ast.Sub: operator.sub}
_ARITHMETIC |= {ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt}
_COMPARISONS |= {ast.Gt: operator.gt, ast.LtE: operator.le, ast.GtE: operator.ge}
_COMPARISONS |= {ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CLOSES_OVER = (*_FUNCTIONS, ast.Lambda, ast.ClassDef, ast.Global, ast.Nonlocal, ast.NamedExpr)
_HAS_ITS_OWN = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LINE_END = b"\n"
Edit = tuple[ast.AST, str]


def with_settled(source: bytes) -> bytes:
    """The same text, line for line as long, without branches that constants rule out where all they do is assign, and
    with constants in place of what is read at a constant key.

    Only a function's own variables are followed, and only where no other function can reach them.
    """
    if not any(word in source for word in _MAY_SETTLE) or any(word in source for word in _REACHES_LOCALS):
        return source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source.decode()  # offsets are in UTF-8
            tree = ast.parse(_without_filled_strings(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    edits: list[Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and not any(isinstance(inner, _CLOSES_OVER) for inner in _within(node)):
            followed = _Followed(edits, has_parser=b"configparser" in source)
            followed.block(node.body)
    return _written(source, edits)


def _without_filled_strings(source: bytes) -> bytes:
    """The same text with a tuple of the names it is filled from in place of each f-string: before Python 3.12 the
    offsets within one are wrong, and one within another is a syntax error."""
    text = bytearray(source)
    language, query = _filled()
    for node in QueryCursor(query).captures(Parser(language).parse(source).root_node).get("filled", []):
        waiting, names = [part for part in node.children if part.type == "interpolation"], []
        while waiting:
            inner = waiting.pop()
            names += [inner.text or b""] if inner.type == "identifier" else []
            waiting += inner.children
        told = iter(b"(" + b",".join(names) + (b",)" if names else b")"))
        for at in range(node.start_byte, node.end_byte):
            text[at] = source[at] if source[at] == _LINE_END[0] else next(told, ord(" "))
    return bytes(text)


@cache
def _filled() -> tuple[Language, Query]:
    language: Language = get_language("python")
    return language, Query(language, "(string (interpolation)) @filled")


def _within(node: ast.AST) -> Iterator[ast.AST]:
    return (inner for statement in getattr(node, "body", []) for inner in ast.walk(statement))


@dataclass
class _Followed:
    """One function's variables, as far as they are known at a place: plain values, lists and mappings of such."""

    edits: list[Edit]
    has_parser: bool
    known: dict[str, Any] = field(default_factory=dict)

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.If():
                self._branch([(node.body, self._truth(node.test)), (node.orelse, self._untruth(node.test))], node.test)
            case ast.Match():
                self._branch(list(self._cases(node)), node.subject)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._use(item.context_expr)
                self._forget(_assigned([item.optional_vars for item in node.items if item.optional_vars]))
                self.block(node.body)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.Try() | ast.TryStar():
                self._apart(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._use(value)
                self._bind(name, self._made(value))
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=key)], value=value):
                self._use(value, key)
                self._put(name, self._value(key), self._value(value))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) as call):
                self._use(*call.args, *(keyword.value for keyword in call.keywords))
                self._told(name, method, call)
            case _:
                self._use(node)
                self._forget(_assigned([node]))

    def _branch(self, ways: list[tuple[list[ast.stmt], bool | None]], test: ast.expr) -> None:
        self._use(test)
        if any(taken for _, taken in ways):
            for body, taken in ways:
                if taken:
                    self.block(body)
                elif body and all(_only_assigns(statement) for statement in body):
                    self.edits += [(statement, _NOTHING) for statement in body]
                else:  # what a dead branch does is still to be seen, and what it assigns is no longer known
                    self._forget(_assigned(body))
            return
        before, touched = dict(self.known), _assigned([statement for body, _ in ways for statement in body])
        for body, _ in ways:
            self.known = _copied(before)
            self.block(body)
        self.known = before
        self._forget(touched)

    def _cases(self, node: ast.Match) -> Iterator[tuple[list[ast.stmt], bool | None]]:
        subject, is_over = self._value(node.subject), False
        for case in node.cases:
            values = list(_literals(case.pattern))
            if subject is _UNKNOWN or case.guard or not values:
                subject = _UNKNOWN
                yield case.body, None
                continue
            taken = not is_over and any(value is _ANYTHING or value == subject for value in values)
            is_over |= taken
            yield case.body, taken

    def _apart(self, node: ast.stmt) -> None:
        """A loop's body, or a part of a `try`, knows nothing that any part of it changes."""
        for part in ("test", "iter"):
            if hasattr(node, part):
                self._use(getattr(node, part))
        self._forget(touched := _assigned([node]))
        bodies = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
        bodies += [handler.body for handler in getattr(node, "handlers", [])]
        before = self.known
        for body in bodies:
            self.known = _copied(before)
            self.block(body)
        self.known = before
        self._forget(touched)

    def _bind(self, name: str, value: Any) -> None:
        self.known.pop(name, None)
        if value is not _UNKNOWN:
            self.known[name] = value

    def _put(self, name: str, key: Any, value: Any) -> None:
        held = self.known.get(name)
        is_place = isinstance(held, list) and type(key) is int and -len(held) <= key < len(held)
        if isinstance(held, dict | list) and (is_place or (isinstance(held, dict) and key is not _UNKNOWN)):
            held[key] = value
        elif isinstance(held, dict | list):
            del self.known[name]

    def _told(self, name: str, method: str, call: ast.Call) -> None:
        held, given = self.known.get(name), [self._value(argument) for argument in call.args]
        if isinstance(held, list) and method == "append" and len(given) == 1:
            held.append(given[0])
        elif isinstance(held, list) and method == "pop" and given in ([], [0]) and held:
            held.pop(*given)
        elif isinstance(held, _Parser) and method == "set" and len(given) == 3 and _UNKNOWN not in given[:2]:
            held[str(given[0]), str(given[1]).lower()] = given[2] if "%" not in str(given[2]) else _UNKNOWN
        elif not (isinstance(held, _Parser) and method == "add_section"):
            self._forget({name} if isinstance(held, dict | list) else set())

    def _made(self, node: ast.expr) -> Any:
        """A value, or a new list, mapping or parser."""
        match node:
            case ast.List(elts=elts) if not any(isinstance(item, ast.Starred) for item in elts):
                return [self._value(item) for item in elts]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                found = [self._value(key) for key in keys if key is not None]
                return _UNKNOWN if _UNKNOWN in found else dict(zip(found, map(self._value, values), strict=True))
            case ast.Call(func=ast.Attribute(attr="ConfigParser") | ast.Name(id="ConfigParser"), args=[], keywords=[]):
                return _Parser() if self.has_parser else _UNKNOWN
        return self._value(node)

    def _value(self, node: ast.AST) -> Any:
        """A plain value, or `_UNKNOWN`."""
        try:
            found = self._plain(node)
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
            return _UNKNOWN
        if found is None or (isinstance(found, int) and abs(found) < _MAX_INT):
            return found
        return found if isinstance(found, str) and len(found) < _MAX_TEXT else _UNKNOWN

    def _plain(self, node: ast.AST) -> Any:  # noqa: PLR0911 - one return for each kind of node
        match node:
            case ast.Constant(value=value) if isinstance(value, _PLAIN):
                return value
            case ast.Name(id=name) if isinstance(self.known.get(name, _UNKNOWN), _PLAIN):
                return self.known[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                sides = self._value(left), self._value(right)
                if all(type(side) is int for side in sides) or (type(op) is ast.Add and str in map(type, sides)):
                    return _ARITHMETIC[type(op)](*sides)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                sides = self._value(left), self._value(right)
                if _UNKNOWN not in sides:
                    return _COMPARISONS[type(op)](*sides)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _UNKNOWN if (truth := self._truth(operand)) is None else not truth
            case ast.IfExp(test=test, body=body, orelse=orelse) if (truth := self._truth(test)) is not None:
                return self._value(body if truth else orelse)
            case ast.Subscript(value=ast.Constant(value=str(text)), slice=key):
                return text[self._value(key)]
            case ast.Subscript(value=ast.Name(id=name), slice=key) if isinstance(
                self.known.get(name), str | list | dict
            ):
                return self.known[name][self._value(key)]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=keys, keywords=[]):
                return self._got(self.known.get(name), [self._value(key) for key in keys])
        return _UNKNOWN

    def _got(self, held: Any, keys: list[Any]) -> Any:
        if _UNKNOWN in keys or not isinstance(held, dict):
            return _UNKNOWN
        if isinstance(held, _Parser):
            return held.get((str(keys[0]), str(keys[1]).lower()), _UNKNOWN) if len(keys) == 2 else _UNKNOWN
        return held.get(keys[0], keys[1] if len(keys) > 1 else _UNKNOWN)

    def _truth(self, node: ast.expr) -> bool | None:
        found = self._value(node)
        return None if found is _UNKNOWN else bool(found)

    def _untruth(self, node: ast.expr) -> bool | None:
        truth = self._truth(node)
        return None if truth is None else not truth

    def _use(self, *nodes: ast.AST) -> None:
        """Write out what is settled in them, and forget each list and mapping that they hand to anything else."""
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Name):
                if isinstance(self.known.get(node.id), dict | list):
                    del self.known[node.id]
                continue
            if isinstance(node, _HAS_ITS_OWN):
                self._forget({inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)})
                continue
            is_read = isinstance(node, ast.IfExp | ast.Call) or (
                isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
            )
            if is_read and (found := self._value(node)) is not _UNKNOWN:
                self.edits.append((node, repr(found)))
                continue
            inner = list(ast.iter_child_nodes(node))
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
                inner.remove(node.value)
            if isinstance(node, ast.Attribute) and node.attr == "get" and isinstance(node.value, ast.Name):
                inner.remove(node.value)
            waiting += inner

    def _forget(self, names: set[str]) -> None:
        for name in names:
            self.known.pop(name, None)


class _Parser(dict[tuple[str, str], Any]):
    """What was set in a configuration, by section and option."""


_ANYTHING = object()


def _literals(pattern: ast.pattern) -> Iterator[Any]:
    """The constants a pattern stands for, `_ANYTHING` for all of them; nothing where it is none of these."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=value)):
            yield value
        case ast.MatchAs(pattern=None, name=None):
            yield _ANYTHING
        case ast.MatchOr(patterns=patterns):
            found = [list(_literals(one)) for one in patterns]
            yield from [value for one in found for value in one] if all(found) else []


def _assigned(nodes: Sequence[ast.AST]) -> set[str]:
    """Every variable that is set, deleted, or spoken to in them."""
    inner = [each for node in nodes for each in ast.walk(node)]
    names = {each.id for each in inner if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    for each in inner:
        if isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.value, ast.Name):
            if isinstance(each, ast.Attribute) or not isinstance(each.ctx, ast.Load):
                names.add(each.value.id)
        elif isinstance(each, ast.MatchAs | ast.MatchStar | ast.ExceptHandler | ast.alias) and each.name:
            names.add(each.name.split(".")[0])
        elif isinstance(each, ast.MatchMapping) and each.rest:
            names.add(each.rest)
        if isinstance(each, ast.alias) and each.asname:
            names.add(each.asname)
    return names


def _only_assigns(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name()], value=value):
            return not any(
                isinstance(inner, ast.Call | ast.Await | ast.Yield | ast.YieldFrom) for inner in ast.walk(value)
            )
    return isinstance(statement, ast.Pass)


def _copied(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value.copy() if isinstance(value, dict | list) else value for name, value in known.items()}


def _written(source: bytes, edits: Sequence[Edit]) -> bytes:
    """The text with each of them made, and every line where it was."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    places = []
    for node, text in edits:
        first = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        last = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        places.append((first, -last, text))
    written, at = bytearray(), 0
    for first, last, text in sorted(set(places)):
        if first < at:
            continue
        ends = _LINE_END * source[first:-last].count(_LINE_END)
        told = text.encode("utf-8", "backslashreplace")
        written += source[at:first] + (told + ends if text == _NOTHING else b"(" + told + ends + b")")
        at = -last
    return bytes(written + source[at:])
