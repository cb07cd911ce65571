"""Who owes documentation, and what it may not say, language by language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.quorum.members.documentation import Documentation
from tests.quorum.judged import Judged, judged

Ask = Callable[[dict[str, str]], dict[str, Judged]]

LONG = "".join(f"    total += rate * {n}\n" for n in range(20))


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    return lambda files: judged(Documentation(), tmp_path / "asked", files)


def function(name: str, parameters: str, doc: str = "", body: str = "    return rate\n") -> str:
    return f"def {name}({parameters}):\n" + (f'    """{doc}"""\n' if doc else "") + body


@pytest.mark.parametrize(
    "doc",
    [
        "Bill.\n\n    Args:\n        rate: per day\n        days (int): how many\n    ",
        "Bill.\n\n    :param rate: per day\n    :param int days: how many\n    ",
        "Bill.\n\n    Parameters\n    ----------\n    rate, days : int\n        what to bill\n    ",
        "Bill.\n\n    @param rate: per day\n    @param days: how many\n    ",
    ],
    ids=["google", "rest", "numpy", "epydoc"],
)
def test_words_about_a_parameter_that_is_no_more_fail(ask: Ask, doc: str) -> None:
    fits, stale = function("bill", "rate, days", doc), function("charge", "rate, hours", doc)
    found = ask({"a.py": f"{fits}\n\n{stale}"})
    assert found["bill"] == Judged("pass", None, [])
    assert found["charge"].vote == "fail"
    assert [(f["rule"], f["severity"], f["message"]) for f in found["charge"].findings] == [
        ("stale-parameter", "medium", "describes days, which it does not take")
    ]


def test_a_parameter_left_out_is_told_and_not_held_against_it(ask: Ask) -> None:
    found = ask({"a.py": function("bill", "rate, days", "Bill.\n\n    :param rate: per day\n    ")})
    assert (found["bill"].vote, found["bill"].rules) == ("pass", ["partial"])
    assert found["bill"].findings[0]["message"] == "does not describe days"


@pytest.mark.parametrize("parameters", ["rate, **options", "rate, *, days"])
def test_what_goes_into_keywords_has_no_name_of_its_own(ask: Ask, parameters: str) -> None:
    doc = "Bill.\n\n    :param rate: per day\n    :param days: how many\n    "
    assert ask({"a.py": function("bill", parameters, doc)})["bill"].vote == "pass"


def test_words_that_name_no_parameter_of_it_are_about_something_else(ask: Ask) -> None:
    doc = "A decorator; the function takes\n\n    :param days: how many\n    "
    assert ask({"a.py": function("bill", "rate", doc)})["bill"].vote == "pass"


def test_a_long_public_function_owes_a_word_and_short_private_inner_or_test_ones_do_not(ask: Ask) -> None:
    inner = "def outer():\n" + "".join(f"    {line}\n" for line in function("inner", "rate", body=LONG).split("\n"))
    found = ask({
        "a.py": "\n\n".join([
            function("long", "rate", body=LONG),
            function("_private", "rate", body=LONG),
            function("test_long", "rate", body=LONG),
            function("short", "rate"),
            inner,
        ]),
    })  # fmt: skip
    assert {name: said.vote for name, said in found.items()} == {
        "long": "fail",
        "_private": "abstain",
        "test_long": "abstain",
        "short": "abstain",
        "outer": "fail",
        "outer.inner": "abstain",
    }
    assert found["long"].rules == ["missing"]
    assert found["short"].reason == "not applicable: short or not public, it owes no documentation"
    assert found["test_long"].reason == "not applicable: a test documents itself"


def test_what_a_method_lacks_is_not_held_against_its_class(ask: Ask) -> None:
    java = "class Bill {\n  /** Bills.\n   * @param days how many\n   * @param rate per day\n   */\n"
    found = ask(
        {"A.java": f"/** A bill of days. */\npublic {java}  public int bill(int rate) {{ return rate; }}\n}}\n"}
    )
    assert (found["Bill"].vote, found["Bill.bill"].vote) == ("pass", "fail")


def test_a_name_said_again_is_no_documentation(ask: Ask) -> None:
    found = ask(
        {"a.py": function("bill_days", "rate", "Bill the days. TODO") + "\n\n" + function("bill", "rate", "T.")}
    )
    assert {name: (said.vote, said.rules) for name, said in found.items()} == {
        "bill_days": ("fail", ["empty"]),
        "bill": ("fail", ["empty"]),
    }


_JAVADOC = "/**\n * Bills.\n * @param rate per day\n * @param days how many\n */\n"
_JSDOC = "/**\n * Bills.\n * @param {number} rate per day\n * @param {{a: number}} [days=1] how many\n */\n"
_PHPDOC = "/**\n * Bills.\n * @param int $rate per day\n * @param int|null $days how many\n */\n"
_XML = '/// <summary>Bills.</summary>\n/// <param name="rate">a</param>\n/// <param name="days">b</param>\n'


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.js", _JSDOC + "export function bill(rate, days) { return rate; }\n"),
        ("a.ts", _JAVADOC + "export function bill(rate: number, days: number) { return rate; }\n"),
        ("A.java", "class A {\n" + _JAVADOC + "public int bill(int rate, int days) { return rate; }\n}\n"),
        ("a.c", _JAVADOC.replace("@param ", "\\param[in] ") + "int bill(int rate, int days) { return rate; }\n"),
        ("a.php", "<?php\n" + _PHPDOC + "function bill(int $rate, int $days) { return $rate; }\n"),
        ("A.cs", "class A {\n" + _XML + "public int bill(int rate, int days) { return rate; }\n}\n"),
    ],
    ids=lambda value: value if len(value) < 10 else "",
)
def test_each_language_names_parameters_in_its_own_way(tmp_path: Path, path: str, source: str) -> None:
    for name, vote in (("days", "pass"), ("hours", "fail")):
        head, _, tail = source.partition("bill(")
        found = judged(Documentation(), tmp_path / name, {path: f"{head}bill({tail.replace('days', name)}"})
        (said,) = (said for place, said in found.items() if place.endswith("bill"))
        assert said.vote == vote, said


def test_a_destructured_object_is_described_under_any_name(ask: Ask) -> None:
    comment = "/**\n * Bills.\n * @param rate per day\n * @param options the rest\n */\n"
    found = ask({"a.js": f"{comment}export function bill(rate, {{ days }}) {{ return rate * days; }}\n"})
    assert found["bill"].vote == "pass"


def test_what_is_documented_elsewhere_is_not_judged_here(ask: Ask) -> None:
    found = ask({"A.java": "class A {\n/** {@inheritDoc} */\npublic int bill(int rate) { return rate; }\n}\n"})
    assert found["A.bill"] == Judged("abstain", "cannot know: it is documented elsewhere", [])


def test_words_written_to_break_the_reader_end_in_an_answer(ask: Ask) -> None:
    doc = "@param {" + "{" * 2000 + " x\n:param " + ":" * 500 + "\nArgs:\n  " + "a (" * 500
    found = ask(
        {"a.js": f"/** {doc} */\nexport function bill(rate) {{ return rate; }}\n", "a.py": function("f", "a", doc)}
    )
    assert {said.vote for said in found.values()} == {"pass"}
