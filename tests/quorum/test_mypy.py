"""What mypy may hold against a text, and when it must keep silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.quorum.members.mypy import Mypy
from tests.quorum.judged import Judged, judged

Ask = Callable[[dict[str, str]], dict[str, Judged]]

HEAD = "import os\nimport requests\nfrom . import sibling\nfrom ...far import away\n\n\n"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    return lambda files: judged(Mypy(), tmp_path / "asked", files)


def test_an_argument_of_another_declared_type_fails_in_its_line(ask: Ask) -> None:
    width = "def width(text: str) -> int:\n    return len(text)\n"
    code = f"{width}\n\ndef total(n: int) -> int:\n    m = n\n    return width(m)\n"
    found = ask({"a.py": HEAD + code})
    assert found["width"] == Judged("pass", None, [])
    assert found["total"].vote == "fail"
    (finding,) = found["total"].findings
    assert (finding["rule"], finding["severity"], finding["line"]) == ("arg-type", "medium", 3)
    assert finding["message"] == 'Argument 1 to "width" has incompatible type "int"; expected "str"'


def test_what_cannot_work_on_the_declared_types_fails(ask: Ask) -> None:
    bodies = {
        "attr_defined": "return text.push(1)",
        "call_arg": "return str(os.path.exists())",
        "operator": "return text - 1",
        "return_value": "return len(text)",
        "index": "return {1: text}[text]",
        "call_overload": "return str(int([text]))",
    }
    found = ask(
        {"a.py": HEAD + "\n\n".join(f"def {name}(text: str) -> str:\n    {body}\n" for name, body in bodies.items())}
    )
    assert {name: (said.vote, said.rules[0]) for name, said in found.items()} == {
        name: ("fail", name.replace("_", "-")) for name in bodies
    }


def test_a_text_without_a_declared_type_has_nothing_to_check(ask: Ask) -> None:
    found = ask({"a.py": "def f(x):\n    y = None\n    y = y.push(x)\n    return 'a' - 1\n"})
    assert found["f"] == Judged("abstain", "not applicable: nothing in it has a type to check", [])


def test_where_most_types_come_from_unknown_imports_silence_is_no_pass(ask: Ask) -> None:
    code = (
        "def f(url: str) -> str:\n    got = requests.get(url)\n    got.raise_for_status()\n    return got.json()['a']\n"
    )
    assert ask({"a.py": HEAD + code})["f"] == Judged(
        "abstain", "cannot vouch: types are known in only 1 of its 4 lines", []
    )


def test_what_a_union_or_none_may_be_is_told_and_not_held_against_it(ask: Ask) -> None:
    code = (
        "from typing import Optional\n\n\n"
        "def f(name: Optional[str]) -> str:\n    return name + 'a'\n\n\n"
        "def g(value: int | str) -> int:\n    return abs(value)\n"
    )
    found = ask({"a.py": code})
    assert {name: (said.vote, [finding["severity"] for finding in said.findings]) for name, said in found.items()} == {
        "f": ("pass", ["low"]),
        "g": ("pass", ["low"]),
    }


def test_an_attribute_that_only_another_platform_or_a_mixin_has_is_not_held_against_it(ask: Ask) -> None:
    code = (
        "import os\n\n\nclass Mixin:\n    pass\n\n\n"
        "def f(path: str) -> bool:\n    return bool(os.stat(path).st_file_attributes)\n\n\n"
        "def g(mixed: Mixin) -> bool:\n    return bool(mixed[0])\n"
    )
    found = ask({"a.py": code})
    assert [(found[name].vote, found[name].rules) for name in "fg"] == [("pass", ["attr-defined"]), ("pass", ["index"])]


def test_a_plea_for_silence_is_neither_heard_nor_held_against_it(ask: Ask) -> None:
    plain = "def f(n: int) -> str:\n    return n.upper()\n"
    excused = plain.replace("def f", "def g").replace("upper()\n", "upper()  # type: ignore[attr-defined]\n")
    other = excused.replace("def g", "def h").replace(
        "# type: ignore[attr-defined]", "# ty: ignore[unresolved-attribute]"
    )
    found = ask({"a.py": f"# mypy: ignore-errors\n{plain}", "b.py": excused, "c.py": other})
    assert found["f"].vote == "fail"
    assert (found["g"].vote, found["g"].reason) == ("abstain", "cannot vouch: it silences a type error itself")
    assert [finding["severity"] for finding in found["g"].findings] == ["low"]
    assert found["h"] == found["g"]


def test_a_file_that_does_not_parse_silences_only_its_own_texts(ask: Ask) -> None:
    broken = "def f(n: int) -> int:\n    return n\n\n\nprint 'old'\n"
    outside = "def g(n: int) -> int:\n    return n\n\n\nreturn 1\n"
    found = ask({"a.py": broken, "b.py": outside, "c.py": "def h(n: int) -> int:\n    return n + 1\n"})
    assert {name: said.vote for name, said in found.items()} == {"f": "abstain", "g": "abstain", "h": "pass"}
    assert found["f"].reason == "not applicable: its file does not parse (SyntaxError)"


def test_files_of_one_batch_do_not_see_each_other_or_what_is_installed(ask: Ask) -> None:
    taken = "def take(n: int) -> int:\n    return n\n"
    giving = (
        "from a import take\nfrom .a import take as other\nfrom polars import DataFrame\n\n\n"
        "def give(text: str, frame: DataFrame) -> int:\n"
        "    text = text.strip()\n    text = text.upper()\n    text = text.lower()\n"
        "    frame.no_such_method()\n    return take(text) + other(text)\n"
    )
    found = ask({"a.py": taken, "b.py": giving})
    assert found["give"] == Judged("pass", None, [])


def test_nothing_of_the_judged_code_runs(ask: Ask, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    code = f"open({str(trace)!r}, 'w').close()\n\n\ndef f(n: int) -> int:\n    return n\n"
    plugin = f"# mypy: plugins={tmp_path / 'plugin.py'}\n"
    (tmp_path / "plugin.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    assert ask({"a.py": plugin + code})["f"].vote == "pass"
    assert not trace.exists()


def test_a_class_changed_by_a_decorator_that_is_not_known_may_take_anything(ask: Ask) -> None:
    code = (
        "import attrs\n\n\n@attrs.define\nclass Point:\n    x: int\n\n\n"
        "def point(x: int) -> Point:\n    x = x + 1\n    x = x * 2\n    return Point(x)\n"
    )
    plain = code.replace("@attrs.define\n", "").replace("def point", "def plain")
    found = ask({"a.py": code, "b.py": plain})
    assert (found["point"].vote, found["plain"].rules) == ("pass", ["call-arg"])
