"""What the documentation of a deprecated element names as its successor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.lineage.succession import names_in
from stemma.store.postgres import Database
from tests.lineage.code import derived, file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Gone soon. @deprecated use {@link Foo#bar(int)} instead", ["bar"]),
        (".. deprecated:: 2.0\n   Use :func:`package.other` instead.", ["other"]),
        ("@deprecated('use two')", ["two"]),
        ("Replaced by ``Client.send``; see `docs`.", ["send"]),
        ("Deprecated since 2.0.", []),
    ],
)
def test_a_name_is_read_from_what_says_what_to_use(text: str, names: list[str]) -> None:
    assert names_in(text) == names


def test_a_mark_that_names_another_leads_to_it_and_so_does_the_removal(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    two = function("two", "parse")
    repository.commit("first", {"a.py": file(function("one"), two)})
    repository.commit("mark", {"a.py": file(function("one", mark="@deprecated('use two')\n"), two)})
    repository.commit("removal", {"a.py": two})
    repo_id = bring_up(repository.path)
    assert [row for row in derived(database, repo_id) if row[1] in {"deprecated_by", "replaced_by"}] == [
        ("mark", "deprecated_by", "first", "a.py:two", "a.py:one"),
        ("mark", "replaced_by", "first", "a.py:two", "a.py:one"),
    ]


def test_in_java_the_documentation_before_a_method_says_it(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def java(before: str) -> str:
        return (
            f"class A {{\n    {before}\n    int one(int a) {{\n        return two(a) + 1;\n    }}\n\n"
            "    int two(int a) {\n        return a * 2;\n    }\n}\n"
        )

    repository.commit("first", {"A.java": java("/** One. */")})
    repository.commit(
        "mark", {"A.java": java("/** One.\n     * @deprecated use {@link #two(int)} */\n    @Deprecated")}
    )
    repo_id = bring_up(repository.path)
    assert [row for row in derived(database, repo_id) if row[1] == "deprecated_by"] == [
        ("mark", "deprecated_by", "first", "A.java:A.two", "A.java:A.one")
    ]
