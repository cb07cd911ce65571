"""An outside analyser on this machine: what it is told, what it may say, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stemma.errors import StoreError
from stemma.remote import Memory, Patience
from stemma.semantics.base import QUESTION
from stemma.semantics.http import MAX_CHARACTERS, PATTERNS_PER_REQUEST, HttpAnalyser
from tests.misbehaving import Answer, Endpoint, serving

Make = Callable[..., HttpAnalyser]


def says(body: Any, **entry: Any) -> Answer:
    given = {"concepts": ["a"], "themes": [], "domains": ["b", "a"], "detail": {"why": 1}} | entry
    return Answer(content=json.dumps({"patterns": [{"id": p["id"], **given} for p in body["patterns"]]}).encode())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(says) as endpoint:
        yield endpoint


@pytest.fixture
def make(endpoint: Endpoint, tmp_path: Path) -> Make:
    def make(url: str = endpoint.url, **options: Any) -> HttpAnalyser:
        memory = Memory(tmp_path / "remote.sqlite", 64 << 20)
        return HttpAnalyser(url, memory, patience=Patience(5, 1, 0.001), **options)

    return make


def patterns(*names: str, **others: Any) -> pl.DataFrame:
    rows = [
        {
            "pattern_id": f"{number:032x}", "language": "python", "kind": "function", "name": name, "signature": "s",
            "docstring": None, "code": f"def {name}", "sub_tokens": ["x"], "calls": ["c"], "imports": ["i"],
        } | others
        for number, name in enumerate(names)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=QUESTION)


def test_it_is_told_what_was_agreed_and_what_it_says_is_handed_on(endpoint: Endpoint, make: Make) -> None:
    said = make(key="sesame").analyse(patterns("f"))
    body = endpoint.asked[0].body
    assert body["version"] == 1
    assert {key: value for key, value in body["patterns"][0].items() if key != "id"} == {
        "language": "python", "kind": "function", "name": "f", "signature": "s", "docstring": None,
        "code": "def f", "calls": ["c"], "imports": ["i"],
    }  # fmt: skip
    assert endpoint.asked[0].headers["Authorization"] == "Bearer sesame"
    assert said.to_dicts() == [
        {"pattern_id": "0" * 32, "concepts": ["a"], "themes": [], "domains": ["b", "a"], "detail": '{"why": 1}'}
    ]


def test_many_are_asked_about_in_batches_and_answers_found_by_id(endpoint: Endpoint, make: Make) -> None:
    def reversed_names(body: Any) -> Answer:
        entries = [
            {"id": p["id"], "concepts": [p["name"]], "themes": [], "domains": []} for p in reversed(body["patterns"])
        ]
        return Answer(content=json.dumps({"patterns": entries}).encode())

    endpoint.otherwise = reversed_names
    names = [f"f{number}" for number in range(PATTERNS_PER_REQUEST + 1)]
    said = make().analyse(patterns(*names))
    assert said["concepts"].to_list() == [[name] for name in names]
    assert [len(asked.body["patterns"]) for asked in endpoint.asked] == [PATTERNS_PER_REQUEST, 1]


def test_nothing_is_asked_twice_and_every_input_makes_another_question(endpoint: Endpoint, make: Make) -> None:
    make().analyse(patterns("f", "f", "g"))
    assert len(endpoint.asked[0].body["patterns"]) == 2
    make().analyse(patterns("g", "f"))
    assert len(endpoint.asked) == 1
    changed: list[dict[str, Any]] = [
        {"language": "go"}, {"kind": "method"}, {"signature": "t"}, {"docstring": "d"}, {"code": "e"},
        {"calls": []}, {"imports": []}, {"name": "h"},
    ]  # fmt: skip
    for change in changed:
        make().analyse(patterns("f", **change))
    make(f"{endpoint.url}?model=2").analyse(patterns("f"))
    make(f"{endpoint.url}/other").analyse(patterns("f"))
    assert len(endpoint.asked) == 1 + len(changed) + 2


def test_of_a_long_definition_the_beginning_is_sent(endpoint: Endpoint, make: Make) -> None:
    make().analyse(patterns("f", code="x" * (MAX_CHARACTERS + 1)))
    assert len(endpoint.asked[0].body["patterns"][0]["code"]) == MAX_CHARACTERS


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"patterns": []},
        {"patterns": [{"id": "other", "concepts": [], "themes": [], "domains": []}]},
        {"patterns": None},
        {"patterns": ["x"]},
    ],
)
def test_an_answer_about_something_else_is_named_and_not_kept(endpoint: Endpoint, make: Make, content: Any) -> None:
    endpoint.answers = [Answer(content=json.dumps(content).encode())]
    with pytest.raises(StoreError, match="cannot be used"):
        make().analyse(patterns("f"))
    assert make().analyse(patterns("f"))["concepts"].to_list() == [["a"]]


@pytest.mark.parametrize(
    "entry",
    [
        {"concepts": "a"},
        {"themes": [1]},
        {"domains": None},
        {"detail": []},
        {"detail": {"a": float("nan")}},
        {"detail": {"a": "x" * 30_000}},
    ],
)
def test_what_is_not_of_the_form_agreed_is_named(endpoint: Endpoint, make: Make, entry: Any) -> None:
    endpoint.otherwise = lambda body: says(body, **entry)
    with pytest.raises(StoreError, match="cannot be used"):
        make().analyse(patterns("f"))


def test_what_postgres_does_not_take_is_left_out(endpoint: Endpoint, make: Make) -> None:
    odd = "a\0b\ud800"
    endpoint.otherwise = lambda body: says(
        body, concepts=[odd, " ", "x" * 200, "ab?"], detail={odd: [odd, {"k": "\\u0000"}]}
    )
    row = make().analyse(patterns("f")).row(0, named=True)
    assert row["concepts"] == ["ab?", "x" * 80]
    assert json.loads(row["detail"]) == {"ab?": ["ab?", {"k": "\\u0000"}]}


def test_an_analyser_that_is_down_is_an_error_of_a_store(endpoint: Endpoint, make: Make) -> None:
    endpoint.answers = [Answer(503)] * 2
    with pytest.raises(StoreError, match=r"answered 503.*semantic_analyser to offline"):
        make().analyse(patterns("f"))
    assert make().name == f"http-1:{endpoint.url}"
