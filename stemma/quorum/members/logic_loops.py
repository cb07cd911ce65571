"""Rules about how often something is done: loops and recursion that nothing ends, steps over the end, a decision by the
first item. What becomes of names is looked at in `logic_names`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stemma.quorum.members.logic_scope import LEAVES, Function, Place, Scope, blocks, calls, names, own

_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.NotEq)
_LEAVING = frozenset({"exit", "_exit", "abort", "fail", "skip", "next"})
_PLAIN = (
    *(ast.Name, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp),
    *(ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.expr_context),
)
_HARMLESS = frozenset({"staticmethod", "classmethod", "cache", "lru_cache"})


def endless_loop(scope: Scope) -> Iterator[Place]:
    """`while i < n` where neither changes, and nothing leaves."""
    for loop in scope.nodes:
        if not isinstance(loop, ast.While) or not isinstance(loop.test, ast.Compare):
            continue
        operands = [loop.test.left, *loop.test.comparators]
        asked = names(loop.test)
        if (
            asked
            and all(isinstance(operand, ast.Name | ast.Constant) for operand in operands)
            and all(isinstance(operator, _ORDERED) for operator in loop.test.ops)
            and all(scope.is_local(name) for name in asked)
            and not any(_changes(node, asked) for statement in loop.body for node in own(statement))
        ):
            yield loop.test


def _changes(node: ast.AST, asked: set[str]) -> bool:
    """Whether it may end the loop, or change what the loop asks."""
    if isinstance(node, (*LEAVES, ast.Await, ast.Import, ast.ImportFrom, ast.Match, ast.ExceptHandler)):
        return not isinstance(node, ast.Continue)
    if isinstance(node, ast.Name):
        return not isinstance(node.ctx, ast.Load) and node.id in asked
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return called in _LEAVING
    return False


def endless_recursion(scope: Scope) -> Iterator[Place]:
    """A call of itself where every condition on the way is about parameters that it hands on as they are."""
    if any(_named(decorator) not in _HARMLESS for decorator in scope.node.decorator_list) or scope.node.args.vararg:
        return
    for call in scope.nodes:
        given = _calls_itself(scope, call)
        guards = _guards(scope, call) if given is not None else None
        # a method without a condition may stand in for another until it is called: both that were found do
        if given is None or guards is None or not (guards or scope.owner is None):
            continue
        asked = {name for guard in guards for name in names(guard)}
        is_plain = all(isinstance(inner, _PLAIN) for guard in guards for inner in ast.walk(guard))
        if isinstance(call, ast.Call) and is_plain and all(_handed_on(scope, name, given) for name in asked):
            yield call


def _named(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _calls_itself(scope: Scope, call: ast.AST) -> dict[str, ast.expr] | None:
    """What is given for each parameter, if the node calls the function it stands in, with nothing in between."""
    if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
        return None
    parameters = scope.parameters
    if scope.owner is None:
        if not calls(call, scope.node.name) or scope.node.name in {*scope.stores, *scope.bound_outside}:
            return None
    else:
        first, parameters = (parameters[:1], parameters[1:]) if parameters else ([], [])
        target = call.func.value if isinstance(call.func, ast.Attribute) else None
        if not isinstance(target, ast.Name) or [target.id] != first or _attribute(call) != scope.node.name:
            return None
        if target.id in scope.stores or scope.node.decorator_list:
            return None
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    return dict(zip(parameters, call.args, strict=False)) | {str(each.arg): each.value for each in call.keywords}


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _handed_on(scope: Scope, name: str, given: Mapping[str, ast.expr]) -> bool:
    argument = given.get(name)
    return (
        name in scope.parameters
        and name not in scope.stores
        and name not in scope.shared
        and isinstance(argument, ast.Name)
        and argument.id == name
    )


def _guards(scope: Scope, call: ast.AST) -> list[ast.expr] | None:
    """Every condition that decides whether the call is reached; None where something else decides too."""
    found: list[ast.expr] = []
    node: Any = call
    for outer in (*scope.around(call), scope.node):
        if isinstance(outer, ast.If | ast.IfExp):
            found.append(outer.test)
        elif isinstance(outer, ast.BoolOp):
            found += outer.values[: outer.values.index(node)] if node in outer.values else []
        elif not isinstance(outer, ast.Expr | ast.Return | ast.Assign | ast.BinOp | ast.Call | ast.Await | Function):
            return None
        for block in blocks(outer):
            for earlier in block[: block.index(node)] if node in block else ():
                tests = _exits(earlier)
                if tests is None:
                    return None
                found += tests
        node = outer
    return found


def _exits(statement: ast.stmt) -> list[ast.expr] | None:
    """The conditions on which a statement leaves the function; None where more than conditions decide."""
    if not any(isinstance(node, LEAVES) for node in own(statement)):
        return []
    if not isinstance(statement, ast.If):
        return None
    found = [statement.test]
    for block in blocks(statement):
        for inner in block:
            if isinstance(inner, ast.Return | ast.Raise):
                continue
            tests = _exits(inner)
            if tests is None:
                return None
            found += tests
    return found


def generator_of_itself(scope: Scope) -> Iterator[Place]:
    """`yield walk(child)` in `walk`, which yields its items too: a generator comes out where an item is meant."""
    yields = [node for node in scope.nodes if isinstance(node, ast.Yield)]
    inner = [node for node in yields if node.value is not None and _calls_itself(scope, node.value) is not None]
    is_loop = any(isinstance(node, ast.For) for node in scope.nodes)
    if is_loop and len(inner) < len(yields) and not scope.node.decorator_list:
        yield from inner


def over_the_end(scope: Scope) -> Iterator[Place]:
    """`x[i + 1]` for each i of `range(len(x))`, or `x[i]` while `i <= len(x)`."""
    for loop in scope.nodes:
        told = _counted(loop) if isinstance(loop, ast.For | ast.While) else None
        if told is None or any(isinstance(outer, ast.Try | ast.With) for outer in scope.around(loop)):
            continue
        name, index, ahead = told
        for statement in loop.body if isinstance(loop, ast.For | ast.While) else ():
            if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr):
                break
            reads = (node for node in _certain(statement) if isinstance(node, ast.Subscript))
            yield from (read for read in reads if _is_beyond(read, name, index, ahead))
            if any(isinstance(each, ast.Name) and _is_set(each, name, index) for each in own(statement)):
                break


def _is_set(node: ast.Name, *watched: str) -> bool:
    return node.id in watched and not isinstance(node.ctx, ast.Load)


def _counted(loop: ast.For | ast.While) -> tuple[str, str, int] | None:
    """What is counted through, by which variable, and how far ahead of it the end is sure to be passed."""
    if isinstance(loop, ast.For):
        counter = loop.iter if isinstance(loop.iter, ast.Call) and calls(loop.iter, "range") else None
        if counter is not None and len(counter.args) == 1 and isinstance(loop.target, ast.Name):
            name = _length_of(counter.args[0])
            return (name, loop.target.id, 1) if name else None
    elif isinstance(loop.test, ast.Compare) and isinstance(loop.test.left, ast.Name):
        name = _length_of(loop.test.comparators[0])
        if name and len(loop.test.ops) == 1 and isinstance(loop.test.ops[0], ast.LtE):
            return name, loop.test.left.id, 0
    return None


def _length_of(node: ast.AST | None) -> str | None:
    if isinstance(node, ast.Call) and calls(node, "len") and len(node.args) == 1 and isinstance(node.args[0], ast.Name):
        return node.args[0].id
    return None


def _certain(statement: ast.stmt) -> Iterator[ast.AST]:
    """What of a statement is evaluated whenever it is reached."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.IfExp | ast.BoolOp | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            continue
        if not isinstance(node, ast.GeneratorExp | ast.Compare):
            waiting.extend(ast.iter_child_nodes(node))


def _is_beyond(read: ast.Subscript, name: str, index: str, ahead: int) -> bool:
    at, beyond = read.slice, 0
    if isinstance(at, ast.BinOp) and isinstance(at.op, ast.Add) and isinstance(at.right, ast.Constant):
        beyond = at.right.value if isinstance(at.right.value, int) else 0
        at = at.left
    is_of_it = isinstance(read.ctx, ast.Load) and isinstance(read.value, ast.Name) and read.value.id == name
    return is_of_it and isinstance(at, ast.Name) and at.id == index and beyond >= ahead


def decided_by_the_first(scope: Scope) -> Iterator[Place]:
    """`for x in xs: if ok(x): return True, else: return False`: only the first item is ever looked at."""
    for loop in scope.nodes:
        if not isinstance(loop, ast.For) or len(loop.body) != 1 or not isinstance(loop.body[0], ast.If):
            continue
        choice = loop.body[0]
        if _truth(choice.body) is not None and _truth(choice.orelse) is (not _truth(choice.body)):
            yield loop


def _truth(block: list[ast.stmt]) -> bool | None:
    """The truth value that a block does nothing but return."""
    only = block[0] if len(block) == 1 else None
    value = only.value.value if isinstance(only, ast.Return) and isinstance(only.value, ast.Constant) else None
    return value if isinstance(value, bool) else None


def reused_loop_name(scope: Scope) -> Iterator[Place]:
    """An inner loop takes the outer one's variable, which is read again after it."""
    for outer in scope.nodes:
        if not isinstance(outer, ast.For) or not isinstance(outer.target, ast.Name):
            continue
        name = outer.target.id
        for at, inner in enumerate(outer.body):
            if isinstance(inner, ast.For) and name in names(inner.target) and name not in names(inner.iter):
                after = next((each for later in outer.body[at + 1 :] for each in _in_order(later, name)), None)
                if isinstance(after, ast.Name) and isinstance(after.ctx, ast.Load):
                    yield inner.target


def _in_order(statement: ast.stmt, name: str) -> list[ast.Name]:
    """Where a name stands in a statement; what is assigned comes after what is read for it."""
    found = [node for node in own(statement) if isinstance(node, ast.Name) and node.id == name]
    return sorted(found, key=lambda node: (not isinstance(node.ctx, ast.Load), node.lineno, node.col_offset))


LOOPS: dict[str, tuple[str, Callable[[Scope], Iterator[Place]]]] = {
    "endless-loop": ("nothing in the loop changes what it asks, and nothing leaves it", endless_loop),
    "endless-recursion": ("it calls itself with what decided that it should, and so never ends", endless_recursion),
    "generator-of-itself": ("it yields a generator of itself where its items are meant", generator_of_itself),
    "over-the-end": ("the last round reads past the end", over_the_end),
    "decided-by-the-first": ("only the first item is ever looked at, for both branches return", decided_by_the_first),
    "reused-loop-name": ("the inner loop takes the outer one's variable, which is read after it", reused_loop_name),
}
