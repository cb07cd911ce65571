"""One Python function as the rules of `logic` see it: where each of its names is bound and read, and what stands around
a node. What follows from that is said in `logic_loops` and `logic_names`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

Place = ast.stmt | ast.expr
"""What has lines."""
Function = ast.FunctionDef | ast.AsyncFunctionDef
CLOSED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
LEAVES = (ast.Break, ast.Continue, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom)
_SEES_ALL = frozenset({"locals", "vars", "eval", "exec", "globals"})


class Scope:
    """A function, without what nested ones do: a name that these use, or that is declared global, is in `shared`."""

    def __init__(self, node: Function, owner: ast.ClassDef | None) -> None:
        self.node = node
        self.owner = owner
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        self.loads: defaultdict[str, list[ast.Name]] = defaultdict(list)
        self.stores: defaultdict[str, list[ast.AST]] = defaultdict(list)
        self.shared: set[str] = set()
        self.arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.parameters = [argument.arg for argument in self.arguments]
        extra = [argument.arg for argument in (node.args.vararg, node.args.kwarg) if argument]
        self.bound_outside = {*self.parameters, *extra}
        for statement in node.body:
            self.parents[statement] = node
            self._read(statement)
        self.sees_all = any(name in _SEES_ALL for name in self.loads)

    def _read(self, statement: ast.AST) -> None:
        waiting = [statement]
        while waiting:
            node = waiting.pop()
            self.nodes.append(node)
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    self.loads[node.id].append(node)
                else:
                    self.stores[node.id].append(node)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self.shared |= set(node.names)
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                self.stores[node.name].append(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    self.stores[alias.asname or alias.name.partition(".")[0]].append(node)
            if isinstance(node, CLOSED):
                self.shared |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
                self.shared |= {
                    name
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Global | ast.Nonlocal)
                    for name in inner.names
                }
                if not isinstance(node, ast.Lambda):
                    self.stores[node.name].append(node)
                continue
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
                waiting.append(child)

    def is_local(self, name: str) -> bool:
        return name not in self.shared and (name in self.bound_outside or name in self.stores)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from inside out, without the function itself."""
        while (node := self.parents[node]) is not self.node:
            yield node


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements that a statement holds."""
    for field in ("body", "orelse", "finalbody"):
        if isinstance(found := getattr(node, field, None), list) and found and isinstance(found[0], ast.stmt):
            yield found
    for handler in getattr(node, "handlers", ()):
        yield handler.body
    for case in getattr(node, "cases", ()):
        yield case.body


def own(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, without what nested functions and classes do."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, CLOSED):
            waiting.extend(ast.iter_child_nodes(each))


def names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def calls(node: ast.AST | None, function: str) -> bool:
    """Whether it is a call of what is called so."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
