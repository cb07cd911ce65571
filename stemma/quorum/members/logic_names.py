"""Rules about what becomes of names: filled and never read, asked and never filled, used up, thrown away, always the
same. How often things are done is looked at in `logic_loops`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from stemma.quorum.members.logic_scope import Place, Scope, blocks, calls, own

_CONTAINERS = frozenset({"set", "list", "dict", "deque", "OrderedDict", "defaultdict", "Counter"})
_FILLS = frozenset({"append", "appendleft", "add", "extend", "insert", "update", "setdefault"})
_EMPTIES = frozenset({"pop", "popleft", "popitem"})
_ONCE = frozenset({"map", "filter", "zip", "enumerate", "reversed", "iter"})
_USES_UP = frozenset({"list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "max", "min", "len"})
_OF_TEXT = frozenset({"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "capitalize", "swapcase", "zfill"})
_OF_TEXT |= {"splitlines", "removeprefix", "removesuffix", "isdigit", "startswith", "endswith", "format", "replace"}


def _made(scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    """Local names that are bound once, and to what."""
    for node in scope.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if scope.sees_all or not isinstance(target, ast.Name) or target.id in scope.bound_outside:
            continue
        if len(scope.stores[target.id]) == 1 and scope.is_local(target.id):
            yield target.id, value


def _is_container(value: ast.expr, *, empty: bool) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _CONTAINERS:
        return not value.args and not value.keywords if empty else True
    if isinstance(value, ast.List | ast.Set):
        return not (value.elts and empty)
    if isinstance(value, ast.Dict):
        return not (value.keys and empty)
    is_repeated = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.List)
    return not empty and (is_repeated or isinstance(value, ast.ListComp | ast.SetComp | ast.DictComp))


def filled_and_never_read(scope: Scope) -> Iterator[Place]:
    """A container of one's own that is only ever put into."""
    for name, value in _made(scope):
        uses = [scope.parents[load] for load in scope.loads[name]]
        if uses and _is_container(value, empty=False) and all(_only_fills(scope, use, name) for use in uses):
            yield value


def _only_fills(scope: Scope, use: ast.AST, name: str) -> bool:
    if isinstance(use, ast.Subscript) and isinstance(use.value, ast.Name) and use.value.id == name:
        return not isinstance(use.ctx, ast.Load)
    if isinstance(use, ast.Attribute) and use.attr in _FILLS and isinstance(scope.parents[use], ast.Call):
        return isinstance(scope.parents[scope.parents[use]], ast.Expr)
    return False


def asked_and_never_filled(scope: Scope) -> Iterator[Place]:
    """An empty container of one's own that is searched or taken from, and nothing ever put into."""
    for name, value in _made(scope):
        loads = scope.loads[name]
        is_taken_from = any(_takes(scope, load) for load in loads)
        is_all = all(_takes(scope, load) or _is_asked(scope, load) for load in loads)
        if is_taken_from and is_all and _is_container(value, empty=True):
            yield value


def _takes(scope: Scope, load: ast.Name) -> bool:
    use = scope.parents[load]
    if isinstance(use, ast.Compare):
        return load in use.comparators and all(isinstance(operator, ast.In | ast.NotIn) for operator in use.ops)
    return isinstance(use, ast.Attribute) and use.attr in _EMPTIES


def _is_asked(scope: Scope, load: ast.AST) -> bool:
    use = scope.parents[load]
    if isinstance(use, ast.BoolOp) or (isinstance(use, ast.UnaryOp) and isinstance(use.op, ast.Not)):
        return _is_asked(scope, use) or isinstance(scope.parents[use], ast.If | ast.While)
    if isinstance(use, ast.Subscript):
        return isinstance(use.ctx, ast.Load)
    return isinstance(use, ast.If | ast.While) and use.test is load


def used_up(scope: Scope) -> Iterator[Place]:
    """An iterator that is gone through twice: the second time it is empty."""
    for name, value in _made(scope):
        is_once = isinstance(value, ast.GeneratorExp) or any(calls(value, each) for each in _ONCE)
        if not is_once or _ONCE & (scope.stores.keys() | scope.bound_outside):
            continue
        uses = sorted(scope.loads[name], key=lambda load: (load.lineno, load.col_offset))
        if len(uses) >= 2 and all(_uses_up(scope, use) for use in uses):
            first, second = (_statement(scope, use) for use in uses[:2])
            if first is not second and _follows(scope, first, second):
                yield uses[1]


def _uses_up(scope: Scope, load: ast.Name) -> bool:
    use = scope.parents[load]
    if isinstance(use, ast.For):
        return use.iter is load and not any(isinstance(node, ast.Break) for node in own(use))
    return isinstance(use, ast.Call) and load in use.args and any(calls(use, each) for each in _USES_UP)


def _statement(scope: Scope, node: ast.AST) -> ast.AST:
    while not isinstance(node, ast.stmt):
        node = scope.parents[node]
    return node


def _follows(scope: Scope, first: ast.AST, second: ast.AST) -> bool:
    """Whether one statement comes after the other in one block, and nothing leaves in between."""
    for block in blocks(scope.parents[first]):
        if first in block and second in block:
            between = block[block.index(first) : block.index(second)]  # type: ignore[arg-type]
            return not any(isinstance(node, ast.Return | ast.Raise) for each in between for node in own(each))
    return False


def thrown_away(scope: Scope) -> Iterator[Place]:
    """`text.strip()` as a statement: texts do not change, and what comes out is lost."""
    for node in scope.nodes:
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        is_tried = any(isinstance(outer, ast.Try | ast.With | ast.AsyncWith) for outer in scope.around(node))
        if not is_tried and _is_without_effect(scope, node.value):
            yield node


def _is_without_effect(scope: Scope, call: ast.Call) -> bool:
    """Only where it is sure to be a text: of 17 such calls in well-kept packages, on whatever they were, 1 was."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in _OF_TEXT and _is_text(scope, call.func.value)
    return calls(call, "sorted") and "sorted" not in scope.stores and "sorted" not in scope.bound_outside


def _is_text(scope: Scope, value: ast.expr) -> bool:
    if isinstance(value, ast.Name) and value.id not in scope.stores:
        said = next((each.annotation for each in scope.arguments if each.arg == value.id), None)
        return isinstance(said, ast.Name) and said.id == "str"
    if isinstance(value, ast.Name):
        made = [each for name, each in _made(scope) if name == value.id]
        return bool(made) and not isinstance(made[0], ast.Name) and _is_text(scope, made[0])
    is_constant = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return is_constant or isinstance(value, ast.JoinedStr) or any(calls(value, each) for each in ("str", "input"))


def always_true(scope: Scope) -> Iterator[Place]:
    """`if x == "a" or "b"`, and `len(x) >= 0`."""
    for node in scope.nodes:
        if isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(node.test, ast.BoolOp):
            first, last = node.test.values[0], node.test.values[-1]
            is_or = isinstance(node.test.op, ast.Or) and isinstance(first, ast.Compare)
            if is_or and isinstance(last, ast.Constant) and type(last.value) in (str, int) and last.value:
                yield node.test
        elif isinstance(node, ast.Compare) and calls(node.left, "len") and len(node.ops) == 1:
            right = node.comparators[0]
            if isinstance(node.ops[0], ast.GtE | ast.Lt) and isinstance(right, ast.Constant) and right.value == 0:
                yield node


def one_row_many_times(scope: Scope) -> Iterator[Place]:
    """`rows = [[0] * n] * m`, and then `rows[i][j] = x` changes every row."""
    for name, value in _made(scope):
        if not (isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.List)):
            continue
        row = value.left.elts[0] if len(value.left.elts) == 1 else None
        if row is not None and (_is_container(row, empty=True) or _is_container(row, empty=False)):
            for load in scope.loads[name]:
                item = scope.parents[load]
                if isinstance(item, ast.Subscript) and item.value is load and _is_changed(scope, item):
                    yield value
                    break


def _is_changed(scope: Scope, item: ast.Subscript) -> bool:
    use = scope.parents[item]
    if isinstance(use, ast.Subscript):
        return use.value is item and not isinstance(use.ctx, ast.Load)
    return isinstance(use, ast.Attribute) and use.attr in _FILLS and isinstance(scope.parents[use], ast.Call)


def never_anything_else(scope: Scope) -> Iterator[Place]:
    """`last = None`, then a loop which reads it and never sets it, then `return last`."""
    for name, value in _made(scope):
        if not isinstance(value, ast.Constant) or value.value is not None:
            continue
        loads = scope.loads[name]
        is_returned = any(isinstance(scope.parents[load], ast.Return) for load in loads)
        is_in_loop = any(isinstance(outer, ast.For | ast.While) for load in loads for outer in scope.around(load))
        if is_returned and is_in_loop:
            yield value


NAMES: dict[str, tuple[str, Callable[[Scope], Iterator[Place]]]] = {
    "filled-and-never-read": ("what is put into it is never read", filled_and_never_read),
    "asked-and-never-filled": ("it is searched or taken from, and nothing is ever put into it", asked_and_never_filled),
    "used-up": ("it can be gone through once, and is empty the second time", used_up),
    "thrown-away": ("what it returns is all that it does, and is thrown away", thrown_away),
    "always-true": ("the condition is decided by its form: a text is true, and no length is below zero", always_true),
    "one-row-many-times": ("it is one row many times over, so a change of one changes all", one_row_many_times),
    "never-anything-else": ("it is None, is read in a loop as if it changed, and is returned", never_anything_else),
}
