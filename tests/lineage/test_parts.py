"""What passes between functions: extracted, split, inlined, merged, each in a history of two commits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stemma.store.postgres import Database
from tests.lineage.code import derived, file, told
from tests.repositories import GitRepository

Step = Callable[[Path], str]

HEAD = """    rows = []
    for line in lines:
        name, _, value = line.partition('=')
        if not value or name.startswith('#'):
            continue
        rows.append((name.strip(), value.strip()))
"""
TAIL = """    total = 0
    while rows:
        name, value = rows.pop()
        total += weights.get(name, 1) * float(value)
    print('total', total, len(weights))
"""
KEEP = "def keep(path):\n    with open(path) as stream:\n        return [line.rstrip() for line in stream if line]\n"


def whole(tail: str = TAIL, name: str = "whole") -> str:
    return f"def {name}(lines, weights):\n{HEAD}{tail}"


WHOLE = whole()
PARSED = f"def parsed(lines):\n{HEAD}    return rows\n"
CALLING = f"def whole(lines, weights):\n    rows = parsed(lines)\n{TAIL}"
LEFT = f"def whole(rows, weights):\n{TAIL}"


def second(database: Database, repo_id: str) -> list[tuple[object, ...]]:
    return [row[1:] for row in told(database, repo_id) if row[0] == "second"]


def test_what_is_cut_out_and_called_is_extracted(database: Database, repository: GitRepository, bring_up: Step) -> None:
    repository.commit("first", {"a.py": file(WHOLE, KEEP)})
    repository.commit("second", {"a.py": file(PARSED, CALLING, KEEP)})
    repo_id = bring_up(repository.path)
    assert second(database, repo_id) == [
        ("extracted", "a.py:parsed"),
        ("introduced", "a.py:parsed"),
        ("body_changed", "a.py:whole"),
    ]
    assert derived(database, repo_id) == [
        ("second", "extracted_from", "first", "a.py:whole", "a.py:parsed"),
        ("second", "modified_from", "first", "a.py:whole", "a.py:whole"),
    ]
    found = database.read(
        "SELECT weight, evidence->>'other_element' FROM stemma.lineage_edges WHERE edge_type = 'extracted_from'"
    ).row(0)
    assert found[0] > 0.7
    assert found[1] == "true"


def test_what_is_cut_out_into_another_file_is_extracted_too(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"a.py": file(WHOLE, KEEP)})
    repository.commit("second", {"a.py": file(CALLING, KEEP), "b.py": PARSED})
    repo_id = bring_up(repository.path)
    assert ("second", "extracted_from", "first", "a.py:whole", "b.py:parsed") in derived(database, repo_id)


def test_what_is_cut_out_of_a_function_that_stays_is_extracted_whoever_calls_it(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"a.py": file(WHOLE, KEEP)})
    repository.commit("second", {"a.py": file(PARSED, LEFT, KEEP)})
    repo_id = bring_up(repository.path)
    assert ("extracted", "a.py:parsed") in second(database, repo_id)
    assert ("second", "extracted_from", "first", "a.py:whole", "a.py:parsed") in derived(database, repo_id)


def test_a_function_of_which_two_others_come_was_split(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    summed = f"def summed(rows, weights):\n{TAIL}"
    repository.commit("first", {"a.py": file(WHOLE, KEEP)})
    repository.commit("second", {"a.py": file(PARSED, summed, KEEP)})
    repo_id = bring_up(repository.path)
    edges = [row for row in derived(database, repo_id) if row[0] == "second"]
    assert {row[4] for row in edges} == {"a.py:parsed", "a.py:summed"}
    assert "split" in {row[0] for row in second(database, repo_id)}


def test_what_is_put_where_it_was_called_is_inlined(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("first", {"a.py": file(PARSED, CALLING, KEEP)})
    repository.commit("second", {"a.py": file(WHOLE, KEEP)})
    repo_id = bring_up(repository.path)
    assert second(database, repo_id) == [
        ("inlined", "a.py:parsed"),
        ("removed", "a.py:parsed"),
        ("body_changed", "a.py:whole"),
    ]
    assert derived(database, repo_id) == [
        ("second", "derived_from", "first", "a.py:parsed", "a.py:whole"),
        ("second", "modified_from", "first", "a.py:whole", "a.py:whole"),
    ]


def test_two_that_become_one_are_merged(database: Database, repository: GitRepository, bring_up: Step) -> None:
    repository.commit("first", {"a.py": file(PARSED, LEFT, KEEP)})
    repository.commit("second", {"a.py": file(f"def whole(rows, weights, lines):\n{HEAD}{TAIL}", KEEP)})
    repo_id = bring_up(repository.path)
    assert second(database, repo_id) == [
        ("removed", "a.py:parsed"),
        ("body_changed", "a.py:whole"),
        ("merged", "a.py:whole"),
        ("signature_changed", "a.py:whole"),
    ]
    assert derived(database, repo_id) == [
        ("second", "merged_from", "first", "a.py:parsed", "a.py:whole"),
        ("second", "modified_from", "first", "a.py:whole", "a.py:whole"),
    ]


def test_a_function_that_is_only_alike_was_not_extracted(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    other = PARSED.replace("partition('=')", "partition(':')").replace("parsed", "other")
    repository.commit("first", {"a.py": file(WHOLE, KEEP)})
    repository.commit("second", {"a.py": file(WHOLE.replace("total = 0", "total = 1.0 + len(rows)"), KEEP, other)})
    repo_id = bring_up(repository.path)
    assert second(database, repo_id) == [("introduced", "a.py:other"), ("body_changed", "a.py:whole")]


def test_a_short_function_is_extracted_where_what_it_calls_is_called_by_its_name_instead(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def calling(called: str) -> str:
        return (
            f"def flipped(stream, angle):\n    angle = min(angle, 360)\n    return {called}([stream], 'flip', angle)\n"
        )

    wrapped = "def wrapped(*args):\n    return Node(*args)\n"
    wrapping = "def wrapping(*args):\n    log.warning('asked')\n    check(args)\n    return Node(*args)\n"
    repository.commit("first", {"a.py": file(calling("Node"), KEEP)})
    repository.commit("second", {"a.py": file(calling("wrapped"), KEEP, wrapped)})
    repository.commit("third", {"a.py": file(calling("Node"), KEEP, wrapped)})
    repository.commit("fourth", {"a.py": file(calling("wrapping"), KEEP, wrapped, wrapping)})
    repo_id = bring_up(repository.path)
    assert [row for row in told(database, repo_id) if row[1] == "extracted"] == [
        ("second", "extracted", "a.py:wrapped"),
    ]
