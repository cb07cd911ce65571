"""What constants settle is written out for Semgrep, line for line, and nothing else is touched."""

from __future__ import annotations

import pytest

from stemma.quorum.members.settled import with_settled


def body(*lines: str) -> str:
    return "def f(param, test):\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("lines", "settled"),
    [
        (("n = 86", "bar = 'safe' if 7 * 42 - n > 200 else param"), ("n = 86", "bar = ('safe')")),
        (("a = 'ABC'", "bar = a[1]"), ("a = 'ABC'", "bar = ('B')")),
        (
            ("a = {}", "a['x'] = 'y'", "a['z'] = param", "bar = a['x']"),
            ("a = {}", "a['x'] = 'y'", "a['z'] = param", "bar = ('y')"),
        ),
        (
            ("a = ['x', param]", "a.pop(0)", "a.append('z')", "bar = a[1]"),
            ("a = ['x', param]", "a.pop(0)", "a.append('z')", "bar = ('z')"),
        ),
        (("bar = 'no'", "if 'y' in bar:", "    bar = param"), ("bar = 'no'", "if 'y' in bar:", "    pass")),
        (
            ("a = 'B'", "match a:", "    case 'A':", "        bar = param", "    case 'B' | 'C':", "        bar = 'b'"),
            ("a = 'B'", "match a:", "    case 'A':", "        pass", "    case 'B' | 'C':", "        bar = 'b'"),
        ),
    ],
)
def test_what_constants_settle_is_written_out(lines: tuple[str, ...], settled: tuple[str, ...]) -> None:
    assert with_settled(body(*lines).encode()).decode() == body(*settled)


@pytest.mark.parametrize(
    "lines",
    [
        ("n = test", "bar = 'safe' if n > 200 else param"),  # not known
        ("n = 1", "if test:", "    n = 2", "bar = 'safe' if n > 1 else param"),  # either
        ("n = 1", "while test:", "    n = n + 1", "bar = 'safe' if n < 2 else param"),  # changed in a loop
        ("a = ['x']", "change(a)", "bar = a[0]"),  # handed to another
        ("a = ['x']", "b = a", "b.insert(0, param)", "bar = a[0]"),  # under another name
        ("bar = 'no'", "if 'y' in bar:", "    run(param)"),  # does more than assign
        ("n = 1", "g = lambda: n", "bar = 'safe' if n < 2 else param"),  # another function reaches it
        ("n = 1", "bar = [n if n > 2 else param for n in test]"),  # a name of its own
        ("n = 1", "sys._getframe().f_locals['n'] = 2", "bar = 'safe' if n < 2 else param"),
    ],
)
def test_what_is_not_settled_stays_as_it_is(lines: tuple[str, ...]) -> None:
    assert with_settled(body(*lines).encode()).decode() == body(*lines)


def test_strings_filled_in_are_no_hindrance_though_python_before_3_12_cannot_read_one_in_another() -> None:
    source = body("n = 1", "bar = 'safe' if n < 2 else param", """return f'{', '.join(bar)}'""")
    assert "bar = ('safe')" in with_settled(source.encode()).decode()


def test_lines_stay_where_they_were_and_what_cannot_be_read_is_left_alone() -> None:
    source = body("n = 1", "bar = ('safe'", "    if n < 2", "    else param)", "return bar")
    settled = with_settled(source.encode())
    assert settled.count(b"\n") == source.count("\n") and settled.splitlines()[-1] == b"    return bar"
    for broken in (b"def f(:\n  if 1: x[0]\n", b"if \xff\xfe: x[0]\n", b"if \x00: x[0]\n"):
        assert with_settled(broken) == broken
