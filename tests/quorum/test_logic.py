"""The member that looks at what steps mean: each rule finds its bad examples, and nothing in what only looks alike."""

from __future__ import annotations

import time

import pytest

from stemma.quorum.members.logic import Logic, inspect
from stemma.quorum.members.logic_loops import LOOPS
from stemma.quorum.members.logic_names import NAMES
from tests.quorum.conftest import Judge

BAD = [
    ("endless-loop", "def f(n):\n    a, i = 1, 2\n    while i < n:\n        a = a + 1\n    return a\n"),
    ("endless-recursion", "def gcd(a, b):\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n"),
    ("endless-recursion", "async def f(a, n):\n    return a if n < 1 else await f(a + 1, n)\n"),
    ("endless-recursion", "class A:\n    def f(self, n):\n        if n:\n            return self.f(n)\n"),
    ("endless-recursion", "def f(x, y):\n    if not x:\n        return y\n    return f(x, y=y - 1)\n"),
    ("generator-of-itself", "def f(x):\n    for y in x:\n        if y.x:\n            yield f(y)\n        yield y\n"),
    ("over-the-end", "def f(x):\n    for i in range(len(x)):\n        g(x[i], x[i + 1])\n"),
    (
        "over-the-end",
        "def f(x):\n    i = 0\n    while i <= len(x):\n        x[i] += 1\n        g(x[i])\n        i += 1\n",
    ),
    (
        "decided-by-the-first",
        "def f(x):\n    for y in x:\n        if y:\n            return True\n        else:\n            return False\n",
    ),
    (
        "reused-loop-name",
        "def f(x):\n    for i in x:\n        for i in range(3):\n            g(i)\n        h(i)\n",
    ),
    (
        "filled-and-never-read",
        "def f(x):\n    counts = [0] * 9\n    for y in x:\n        counts[y] += 1\n    return x\n",
    ),
    (
        "asked-and-never-filled",
        "def f(x):\n    seen = set()\n    for y in x:\n        if y not in seen:\n            g(y)\n",
    ),
    ("asked-and-never-filled", "def f():\n    stack = []\n    while stack and g():\n        h(stack.pop())\n"),
    (
        "used-up",
        "def f(x):\n    doubled = (y * 2 for y in x)\n    total = sum(doubled)\n    return total, max(doubled)\n",
    ),
    ("thrown-away", "def f(x: str):\n    x.strip()\n    return x\n"),
    ("thrown-away", "def f(x):\n    sorted(x)\n    return x\n"),
    ("always-true", "def f(x):\n    if x == 'a' or 'b':\n        return 1\n    return 2\n"),
    ("always-true", "def f(x):\n    while len(x) >= 0:\n        x.pop()\n"),
    ("one-row-many-times", "def f(n):\n    rows = [[0] * n] * n\n    rows[1][2] = 3\n    return rows\n"),
    (
        "never-anything-else",
        "def f(x):\n    last = None\n    while x:\n        x.next = last\n        x = x.next\n    return last\n",
    ),
]
GOOD = [
    "def f(n):\n    i = 2\n    while i < n:\n        i += 1\n    return i\n",
    "def f(n):\n    i = 2\n    while i < n:\n        if g():\n            break\n",
    "def f(n):\n    while n.x < 3:\n        n.go()\n",
    "def f(n, m):\n    while n < m:\n        n, m = m, n\n",
    "def f(n):\n    def g():\n        nonlocal n\n        n += 1\n    while n < 3:\n        g()\n",
    "async def f(n):\n    while n < 3:\n        await g()\n",
    "def gcd(a, b):\n    if b == 0:\n        return a\n    return gcd(b, a % b)\n",
    "def f(a, b):\n    if b.empty():\n        return a\n    return f(a, b)\n",
    "def f(a, b):\n    for c in a:\n        if b:\n            return f(c, b)\n",
    "def f(a, b):\n    a = a - 1\n    if a < 0:\n        return b\n    return f(a, b)\n",
    "class A:\n    def f(self):\n        self.f = load()\n        return self.f()\n",
    "class A(B):\n    def f(self, n):\n        if n:\n            return super().f(n)\n",
    "def f(x):\n    for y in x:\n        yield from f(y)\n        yield y\n",
    "def f(x):\n    for i in range(len(x)):\n        if i + 1 < len(x):\n            g(x[i + 1])\n",
    "def f(x):\n    for i in range(len(x)):\n        if i == 3:\n            return\n        g(x[i + 1])\n",
    "def f(x):\n    for i in range(len(x) - 1):\n        g(x[i + 1])\n",
    "def f(x):\n    for i in range(len(x)):\n        g(x[i + 1 :], i and x[i - 1])\n",
    "def f(x):\n    for y in x:\n        if y > 1:\n            return True\n    return False\n",
    "def f(x):\n    for i in x:\n        for j in i.y:\n            g(j)\n        h(i)\n",
    "def f(x):\n    for i in x:\n        for i in g(x):\n            h(i)\n        i = 1\n        h(i)\n",
    "def f(x):\n    counts = {}\n    counts[x] = 1\n    return counts\n",
    "def f(x):\n    counts = []\n    def g():\n        counts.append(x)\n    return g, counts.append\n",
    "def f(x):\n    seen = set()\n    for y in x:\n        if y not in seen:\n            seen.add(y)\n",
    "def f(x):\n    seen = set()\n    g(seen)\n    return x in seen\n",
    "def f(x):\n    doubled = [y * 2 for y in x]\n    total = sum(doubled)\n    return total, max(doubled)\n",
    "def f(x):\n    each = iter(x)\n    for y in each:\n        break\n    return list(each)\n",
    "def f(x):\n    if x:\n        g = map(str, x)\n        a = list(g) if x.y else tuple(g)\n        return a\n",
    "def f(x):\n    x.strip()\n    return x\n",
    "def f(x: str):\n    try:\n        x.format(1)\n    except KeyError:\n        return None\n    return x\n",
    "def f(x):\n    if x == 'a' or x == 'b':\n        return 1\n    return x or 'b'\n",
    "def f(n):\n    rows = [[0] * n for _ in range(n)]\n    rows[1][2] = 3\n    return rows\n",
    "def f(n):\n    row = [0] * n\n    row[1] = 3\n    return row\n",
    "def f(node):\n    last = None\n    while node:\n        last = node = node.next\n    return last\n",
]


@pytest.mark.parametrize(("rule", "code"), BAD)
def test_a_rule_finds_what_cannot_be_meant(judge: Judge, rule: str, code: str) -> None:
    name = "A.f" if code.startswith("class") else "gcd" if "gcd" in code else "f"
    vote, _, findings = judge(Logic(), code, "python", name)
    assert vote == "fail"
    assert {finding["rule"] for finding in findings} == {rule}


def test_every_rule_has_an_example() -> None:
    assert {rule for rule, _ in BAD} == set(LOOPS) | set(NAMES)
    assert not LOOPS.keys() & NAMES.keys()


@pytest.mark.parametrize("code", GOOD)
def test_what_only_looks_alike_is_left_alone(code: str) -> None:
    assert inspect("python", "x.py", code.encode()) == ([], None)


def test_code_that_does_not_parse_is_an_abstention(judge: Judge) -> None:
    code = "def f(x):\n    return x\n\n\ndef g(:\n    pass\n"
    assert judge(Logic(), code, "python", "f").vote == "abstain"


def test_hostile_code_is_looked_at_in_time_linear_in_its_length() -> None:
    started = time.monotonic()
    nested = "".join(f"{' ' * depth}def f{depth}(x):\n" for depth in range(90)) + " " * 90 + "return x\n"
    many = "def f(x):\n" + "    y = []\n    y.append(x)\n    while x < 3:\n        x = x + 1\n" * 5_000
    deep = "def f(x):\n    return " + "(" * 150 + "x" + ")" * 150 + "\n"
    chain = "def f(x):\n    return " + "x + " * 20_000 + "x\n"
    for code in (nested, many, deep, chain):
        inspect("python", "x.py", code.encode())
    assert time.monotonic() - started < 20
