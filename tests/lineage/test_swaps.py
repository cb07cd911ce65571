"""Names that change hands in one commit: swapped, shifted, handed on, followed by callers; overloads in Java."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stemma.store.postgres import Database
from tests.lineage.code import derived, file, function, indented, told
from tests.repositories import GitRepository

Step = Callable[[Path], str]


def second(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row[1:] for row in rows if row[0] == "second"]


def test_two_functions_that_swap_their_names_keep_their_texts(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"a.py": file(function("one"), function("two", "retry"), function("k", "parse"))})
    repository.commit("second", {"a.py": file(function("two"), function("one", "retry"), function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert second(derived(database, repo_id)) == [
        ("renamed_from", "first", "a.py:two", "a.py:one"),
        ("renamed_from", "first", "a.py:one", "a.py:two"),
    ]


def test_a_name_taken_over_by_something_else_leaves_the_text_its_history(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"a.py": file(function("one"), function("k", "parse"))})
    changed = function("many", extra="items = list(items)")
    repository.commit("second", {"a.py": file(function("one", "retry"), changed, function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert second(derived(database, repo_id)) == [
        ("modified_from", "first", "a.py:one", "a.py:many"),
        ("renamed_from", "first", "a.py:one", "a.py:many"),
    ]
    assert ("introduced", "a.py:one") in second(told(database, repo_id))


def test_a_function_that_hands_on_to_its_old_text_is_still_itself(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    handing_on = "def one(items):\n    print('one is old')\n    return many(items)\n"
    repository.commit("first", {"a.py": file(function("one"), function("k", "parse"))})
    repository.commit("second", {"a.py": file(handing_on, function("many"), function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert second(derived(database, repo_id)) == [
        ("extracted_from", "first", "a.py:one", "a.py:many"),
        ("modified_from", "first", "a.py:one", "a.py:one"),
    ]


def test_a_function_that_takes_in_what_it_called_is_still_itself(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    calling = "def one(items):\n    print('one calls')\n    return inner(items)\n"
    repository.commit("first", {"a.py": file(calling, function("inner"), function("k", "parse"))})
    repository.commit("second", {"a.py": file(function("one"), function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert ("modified_from", "first", "a.py:one", "a.py:one") in second(derived(database, repo_id))
    assert ("inlined", "a.py:inner") in second(told(database, repo_id))


def test_a_rewritten_function_is_found_again_by_its_callers(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def caller(name: str, called: str, body: str) -> str:
        return function(name, body, extra=f"items = {called}(items)")

    callers = (("a", "total"), ("b", "parse"))
    repository.commit(
        "first",
        {"a.py": file(function("merge_one", "retry"), *(caller(name, "merge_one", body) for name, body in callers))},
    )
    repository.commit(
        "second",
        {"a.py": file(function("merge_all", "longest"), *(caller(name, "merge_all", body) for name, body in callers))},
    )
    repo_id = bring_up(repository.path)
    assert ("renamed_from", "first", "a.py:merge_one", "a.py:merge_all") in second(derived(database, repo_id))


def java(*methods: str) -> str:
    return "class A {\n" + "\n".join(methods) + "\n}\n"


LONG = """
        int best = 0;
        for (Item item : items) {
            if (item.size() > best && !item.isEmpty()) { best = item.size(); }
        }
        return best;
    }"""


def test_an_overload_is_known_by_the_types_of_its_parameters_whatever_the_bodies_do(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"A.java": java(f"    int best(List<Item> items) {{{LONG}")})
    handing_on = "    int best(List<Item> items) {\n        return best(items, new Monitor());\n    }"
    repository.commit("second", {"A.java": java(handing_on, f"    int best(List<Item> items, Monitor m) {{{LONG}")})
    repo_id = bring_up(repository.path)
    methods = database.read(
        "SELECT e.event_type, n.duplicate_index FROM stemma.lineage_events e "
        "JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c ON c.sha = e.sha "
        "WHERE n.kind = 'method' AND c.subject = 'second' ORDER BY 2, 1"
    ).rows()
    assert methods == [("body_changed", 0), ("extracted", 1), ("introduced", 1)]
    assert ("modified_from", "first", "A.java:A.best", "A.java:A.best") in second(derived(database, repo_id))


def test_overloads_put_in_another_order_are_what_they_were(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    one, two = (
        f"    int best(List<Item> items) {{{LONG}",
        "    int best(Item only) {\n        return only.size();\n    }",
    )
    changed = one.replace("best = 0", "best = 1")
    repository.commit("first", {"A.java": java(one, two)})
    repository.commit("second", {"A.java": java(two, changed)})
    repo_id = bring_up(repository.path)
    found = database.read(
        "SELECT e.edge_type, p.duplicate_index AS of, n.duplicate_index FROM stemma.lineage_edges e "
        "JOIN stemma.lineage_nodes n ON n.node_id = e.child_id JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id "
        "WHERE n.kind = 'method' AND n.repo_id = $1 ORDER BY 2, 1",
        [repo_id],
    ).rows()
    assert found == [("modified_from", 0, 1), ("derived_from", 1, 0)]


def test_a_file_whose_name_another_took_over_is_followed_to_where_its_text_went(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def holding(name: str, *bodies: str) -> str:
        return f"class {name}:\n" + indented(file(*(function(f"of_{body}", body) for body in bodies)))

    plain, joint = holding("Plain", "total", "longest"), holding("Joint", "parse", "retry")
    repository.commit("first", {"plain.py": plain, "joint.py": joint})
    moved = {"scalar.py": holding("Scalar", "total", "longest"), "plain.py": holding("Plain", "parse", "retry")}
    repository.commit("second", {**moved, "joint.py": None})
    repo_id = bring_up(repository.path)
    assert [row for row in second(told(database, repo_id)) if row[0] in {"file_renamed", "introduced", "removed"}] == [
        ("file_renamed", "plain.py:Plain"),
        ("file_renamed", "plain.py:Plain.of_parse"),
        ("file_renamed", "plain.py:Plain.of_retry"),
        ("file_renamed", "scalar.py:Scalar"),
        ("file_renamed", "scalar.py:Scalar.of_longest"),
        ("file_renamed", "scalar.py:Scalar.of_total"),
    ]


def test_who_is_called_instead_says_more_than_the_likeness_of_something_in_another_file(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def caller(name: str, called: str, body: str) -> str:
        return function(name, body, extra=f"items = {called}(items)")

    callers = (("a", "total"), ("b", "parse"))
    first = file(function("merge_one", "retry"), *(caller(name, "merge_one", body) for name, body in callers))
    again = file(function("merge_all", "longest"), *(caller(name, "merge_all", body) for name, body in callers))
    repository.commit("first", {"a.py": first})
    repository.commit("second", {"a.py": again, "b.py": function("run", "retry", extra="items = sorted(items)")})
    repo_id = bring_up(repository.path)
    assert ("renamed_from", "first", "a.py:merge_one", "a.py:merge_all") in second(derived(database, repo_id))
    assert ("introduced", "b.py:run") in second(told(database, repo_id))


def test_a_method_that_is_pushed_down_leaves_its_place_to_what_stands_there(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def holding(name: str, *methods: str) -> str:
        return f"class {name}:\n" + indented(file(*methods))

    base = holding("Base", function("solve", "retry"), function("k", "parse"))
    repository.commit("first", {"a.py": base})
    left = holding("Base", function("solve", "longest"), function("k", "parse"))
    below = holding("Below(Base)", function("solve", "retry", extra="items = list(items)"))
    repository.commit("second", {"a.py": file(left, below)})
    repo_id = bring_up(repository.path)
    assert ("modified_from", "first", "a.py:Base.solve", "a.py:Base.solve") in second(derived(database, repo_id))
    assert ("introduced", "a.py:Below.solve") in second(told(database, repo_id))


def test_two_that_are_both_more_like_each_others_past_have_exchanged_names_though_both_were_edited(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    """The plain name went to what was `joint_total`, edited, and what had it is `plain_total` now, edited too."""
    plain = "def total(items, base):\n    rows = [item.price for item in items]\n    return sum(rows) * base\n"
    joint = "def joint_total(groups, names, base):\n    rows = []\n    for group in groups:\n"
    joint += (
        "        rows.append(sum(item.price for item in group if item.name in names))\n    return max(rows) * base\n"
    )
    repository.commit("first", {"a.py": file(plain, joint, function("k", "parse"))})
    renamed = plain.replace("def total", "def plain_total").replace("* base", "* base + 1")
    taken = joint.replace("def joint_total", "def total").replace("max(rows)", "min(rows)")
    repository.commit("second", {"a.py": file(renamed, taken, function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert [row for row in second(derived(database, repo_id)) if row[0] == "renamed_from"] == [
        ("renamed_from", "first", "a.py:total", "a.py:plain_total"),
        ("renamed_from", "first", "a.py:joint_total", "a.py:total"),
    ]


def test_a_text_that_went_with_its_parameters_was_renamed_though_its_old_name_hands_on_to_it(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    old = function("one").replace("(items)", "(items, weights, base)")
    handing_on = "def one(*args):\n    print('old', len(args))\n    return many(*args)\n"
    repository.commit("first", {"a.py": file(old, function("k", "parse"))})
    repository.commit("second", {"a.py": file(handing_on, old.replace("one", "many"), function("k", "parse"))})
    repo_id = bring_up(repository.path)
    assert second(derived(database, repo_id)) == [("renamed_from", "first", "a.py:one", "a.py:many")]
    assert ("introduced", "a.py:one") in second(told(database, repo_id))


def test_names_that_moved_on_by_one_are_followed_to_the_last(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    bodies = ("total", "longest", "parse")
    repository.commit("first", {"a.py": file(*(function(f"test{n}", body) for n, body in enumerate(bodies)))})
    later = (function(f"test{n}", body) for n, body in enumerate(bodies, start=1))
    repository.commit("second", {"a.py": file(*later)})
    repo_id = bring_up(repository.path)
    assert second(derived(database, repo_id)) == [
        ("renamed_from", "first", "a.py:test0", "a.py:test1"),
        ("renamed_from", "first", "a.py:test1", "a.py:test2"),
        ("renamed_from", "first", "a.py:test2", "a.py:test3"),
    ]
