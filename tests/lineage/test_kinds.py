"""Every kind of change, one by one and together, in Java and in Python: two commits, and what the second one did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.store.postgres import Database
from tests.lineage.code import file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]
Kinds = list[tuple[str, str]]

BODY = """        int best = 0;
        for (Item item : items) {
            if (item.size() > best) { best = item.size(); }
        }
        return best;"""


def method(*, doc: str = "", head: str = "public int best(List<Item> items)", body: str = BODY) -> str:
    return f"{doc}    {head} {{\n{body}\n    }}\n"


def java(text: str, name: str = "A") -> str:
    return f"class {name} {{\n    private int size = 3;\n\n{text}}}\n"


@pytest.fixture
def kinds(database: Database, repository: GitRepository, bring_up: Step) -> Callable[..., Kinds]:
    """Event and detail of what a second commit did to functions (or another kind)."""

    def run(
        before: dict[str, str | None], after: dict[str, str | None], kind: tuple[str, ...] = ("method", "function")
    ) -> Kinds:
        repository.commit("first", before)
        repository.commit("second", after)
        repo_id = bring_up(repository.path)
        found = database.read(
            "SELECT e.event_type, e.detail::text, n.kind FROM stemma.lineage_events e "
            "JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c ON c.repo_id = e.repo_id "
            "AND c.sha = e.sha WHERE e.repo_id = $1 AND c.subject = 'second' ORDER BY 1, 2",
            [repo_id],
        )
        return [(event, detail) for event, detail, of in found.rows() if of in kind]

    return run


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (method(body=BODY.replace("> best", ">= best")), ["body_changed"]),
        (method(head="public int best(List<Item> items, int least)"), ["signature_changed"]),
        (method(head="public long best(List<Item> items)"), ["signature_changed"]),
        (method(head="protected int best(List<Item> items)"), ["signature_changed"]),
        (method(head="@Cached\n    public int best(List<Item> items)"), ["signature_changed"]),
        (method(head="public int best(List<Item> items) throws IOException"), ["signature_changed"]),
        (method(head="public <T> int best(List<Item> items)"), ["signature_changed"]),
        (method(doc="    /** The largest. */\n"), ["documentation_changed"]),
        (method(body=f"        // look at each\n{BODY}"), ["documentation_changed"]),
        (method(body=BODY.replace("> best", ">  best")), ["formatting_changed"]),
        (method(body=BODY.replace("best = 0;", "best = 0; ")), ["formatting_changed"]),
        (method(head="public int largest(List<Item> items)"), ["renamed"]),
        (
            method(doc="    /** Of all. */\n", head="int top(List<Item> all)", body=BODY.replace("items", "all")),
            ["body_changed", "documentation_changed", "renamed", "signature_changed"],
        ),
        (method(head="@Deprecated\n    public int best(List<Item> items)"), ["deprecated", "signature_changed"]),
    ],
)
def test_each_part_of_a_java_method_has_a_kind_of_its_own(
    kinds: Callable[..., Kinds], changed: str, expected: list[str]
) -> None:
    assert [event for event, _ in kinds({"A.java": java(method())}, {"A.java": java(changed)})] == expected


def test_a_signature_says_which_parts_changed_from_what_to_what(kinds: Callable[..., Kinds]) -> None:
    after = method(head="protected int best(Item[] items)")
    [(event, detail)] = kinds({"A.java": java(method())}, {"A.java": java(after)})
    assert event == "signature_changed"
    assert json.loads(detail) == {
        "parts": ["parameters", "modifiers"],
        "from": ["List<Item> items", "public"],
        "to": ["Item[] items", "protected"],
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (function("one", extra="print(items)"), ["body_changed"]),
        (function("one").replace("(items)", "(items, least=0)"), ["signature_changed"]),
        (function("one", mark="@cached\n"), ["signature_changed"]),
        ("async " + function("one"), ["signature_changed"]),
        (function("one").replace("(items):", "(items) -> int:"), ["signature_changed"]),
        (function("one", extra='"""Sum them."""'), ["documentation_changed"]),
        (function("one", extra="# each of them"), ["documentation_changed"]),
        (function("one").replace(" += ", "  +=  "), ["formatting_changed"]),
    ],
)
def test_each_part_of_a_python_function_has_a_kind_of_its_own(
    kinds: Callable[..., Kinds], changed: str, expected: list[str]
) -> None:
    stays = function("k", "retry")
    assert [
        event for event, _ in kinds({"a.py": file(function("one"), stays)}, {"a.py": file(changed, stays)})
    ] == expected


def test_a_member_tells_of_itself_and_its_class_of_nothing(kinds: Callable[..., Kinds]) -> None:
    after = java(method(body=BODY.replace("> best", ">= best")))
    assert kinds({"A.java": java(method())}, {"A.java": after}, kind=("class",)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("size = 3", "size = 4", "body_changed"), ("class A", "class A extends B", "signature_changed")],
)
def test_a_class_has_a_body_and_a_head_of_its_own(
    kinds: Callable[..., Kinds], old: str, new: str, expected: str
) -> None:
    text = java(method())
    assert [event for event, _ in kinds({"A.java": text}, {"A.java": text.replace(old, new)}, kind=("class",))] == [
        expected
    ]


def test_methods_of_a_renamed_class_say_that_their_holder_was_renamed(kinds: Callable[..., Kinds]) -> None:
    [(event, detail)] = kinds({"A.java": java(method())}, {"A.java": java(method(), "Better")})
    assert event == "renamed"
    assert json.loads(detail) == {"from": "A.best", "to": "Better.best", "scope": "container"}


def test_a_renamed_file_with_a_renamed_class_is_both(kinds: Callable[..., Kinds]) -> None:
    stays = method(head="int other(List<Item> items)")
    changed = method(body=BODY.replace("> best", ">= best"))
    after = {"A.java": None, "p/Better.java": java(changed + stays, "Better")}
    found = kinds({"A.java": java(method() + stays)}, after)
    assert [event for event, _ in found] == ["body_changed", "file_renamed", "file_renamed", "renamed", "renamed"]
    assert json.loads(found[1][1]) == {"from": "A.java", "to": "p/Better.java"}


def test_a_function_put_into_another_class_of_the_file_moved_within_it(kinds: Callable[..., Kinds]) -> None:
    def other(text: str = "") -> str:
        return f"class B {{\n    private long weight = 7;\n\n    void none() {{ }}\n{text}}}\n"

    stays = method(head="int stays(List<Item> items)", body=BODY.replace("size", "weight"))
    before = java(method() + stays) + other()
    found = kinds({"A.java": before}, {"A.java": java(stays) + other(method())})
    assert [(event, json.loads(detail)) for event, detail in found] == [
        ("moved_within_file", {"from": "A.best", "to": "B.best"})
    ]


def test_functions_put_in_another_order_moved_within_their_file(kinds: Callable[..., Kinds]) -> None:
    one, two, three = function("one"), function("two", "parse"), function("three", "retry")
    found = kinds({"a.py": file(one, two, three)}, {"a.py": file(three, one, two)})
    assert [(event, json.loads(detail)) for event, detail in found] == [("moved_within_file", {"from": 2, "to": 0})]


def test_a_function_moved_and_changed_at_once_is_followed(kinds: Callable[..., Kinds]) -> None:
    before = {"a.py": file(function("one"), function("k", "retry")), "b.py": function("x", "parse")}
    moved = function("one", extra="print(items)")
    found = kinds(before, {"a.py": function("k", "retry"), "b.py": file(function("x", "parse"), moved)})
    assert [event for event, _ in found] == ["body_changed", "moved_across_files"]


def test_a_comment_that_names_the_class_in_capitals_is_no_rename(kinds: Callable[..., Kinds]) -> None:
    assert kinds({"A.java": java(method())}, {"A.java": "// A\n" + java(method())}) == []
