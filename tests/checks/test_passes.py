"""A contract that was kept is not read again for rows that nobody has written since; whatever was written is read."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from assets.checks import contracts
from assets.checks.contracts import CONTRACTS
from assets.checks.expectations import Expectation
from assets.checks.passes import check_contract
from stemma.store.postgres import Database
from tests.checks.sound import plant


@pytest.fixture
def kept(database: Database) -> Iterator[Database]:
    """A store whose snippets were found to keep their contract."""
    plant(database)
    assert check_contract(database, "snippets").success
    yield database


SPOIL = "UPDATE stemma.snippets SET n_tokens = 0 WHERE ordinal = 0"


def test_a_row_written_since_is_read(kept: Database) -> None:
    again = check_contract(kept, "snippets")
    assert (again.success, again.evaluated) == (True, len(CONTRACTS["snippets"]))
    kept.execute(SPOIL)
    assert not check_contract(kept, "snippets").success


def test_what_failed_once_fails_until_it_is_mended(kept: Database) -> None:
    kept.execute(SPOIL)
    assert [check_contract(kept, "snippets").success for _ in range(2)] == [False, False]
    kept.execute("UPDATE stemma.snippets SET n_tokens = 9")
    assert check_contract(kept, "snippets").success


def test_a_new_row_is_held_against_the_old_ones_of_its_group(kept: Database) -> None:
    kept.execute("UPDATE stemma.snippets SET qualified_name = 'f' WHERE ordinal = 1")
    result = check_contract(kept, "snippets")
    assert {failure.expectation for failure in result.failures} == {"expect_compound_columns_to_be_unique"}


def test_a_row_that_was_being_written_during_the_check_is_read_by_the_next(kept: Database) -> None:
    with psycopg.connect(kept.url) as slow:
        slow.execute(SPOIL)
        kept.execute("UPDATE stemma.repositories SET team = 'x'")  # later transactions have come and gone
        assert check_contract(kept, "snippets").success
        slow.commit()
    assert not check_contract(kept, "snippets").success


def test_a_row_that_is_gone_is_missed_by_the_rules_on_the_table(kept: Database) -> None:
    kept.execute("DELETE FROM stemma.snippets WHERE ordinal = 1")
    result = check_contract(kept, "snippets")
    assert [str(failure.expectation) for failure in result.failures] == [
        "a content has the definitions that were counted in it"
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE stemma.contract_passes SET contract = 'other rules'",
        "UPDATE stemma.contract_passes SET cluster = 'another'",
        "UPDATE stemma.contract_passes SET whole_at = now() - interval '8 days'",
        "UPDATE stemma.contract_passes SET horizon = horizon + 1000000",
    ],
)
def test_everything_is_read_when_what_was_read_says_nothing(
    kept: Database, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    kept.execute(change)
    read: list[str | None] = []
    whole = contracts.validate_contract

    def noted(url: str, table: str, **arguments: object) -> object:
        read.append(str(arguments.get("written")))
        return whole(url, table, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("assets.checks.passes.validate_contract", noted)
    assert check_contract(kept, "snippets").success
    assert read == ["None"]
    kept.execute("UPDATE stemma.snippets SET n_lines = n_lines WHERE ordinal = 0")
    assert check_contract(kept, "snippets").success
    assert read == ["None"]  # no row breaks a rule: Great Expectations is not asked
    kept.execute(SPOIL)
    assert not check_contract(kept, "snippets").success
    assert [str(said)[:9] for said in read] == ["None", "age(xmin)", "None"]


def test_a_rule_that_is_new_is_held_against_old_rows(kept: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Expectation("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["nobody"]})
    monkeypatch.setitem(CONTRACTS, "snippets", (*CONTRACTS["snippets"], rule))
    assert not check_contract(kept, "snippets").success
