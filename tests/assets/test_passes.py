"""Which rows a contract reads again once it was kept."""

from __future__ import annotations

from typing import Any

import pytest

from assets.checks import passes
from assets.checks.contracts import CONTRACTS
from stemma.store.postgres import Database

LABEL = (
    "INSERT INTO stemma.labels (label_id, pattern_id, exact_hash, is_fit, source, labelled_by, labelled_at) "
    "VALUES ($1, repeat('a', 32), repeat('b', 32), true, 'review', 'ann', now())"
)


def test_what_nobody_wrote_is_not_held_against_its_contract_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    validate = passes.validate_contract

    def recorded(url: str, table: str, **others: Any) -> Any:
        asked.append(others.get("written"))
        return validate(url, table, **others)

    monkeypatch.setattr(passes, "validate_contract", recorded)
    first = passes.check_contract(database, "labels")
    assert asked == [None]  # all of it
    assert passes.check_contract(database, "labels") == first
    assert len(asked) == 1
    assert first.evaluated == len(CONTRACTS["labels"])
    database.execute(LABEL, ["not an id"])
    assert not passes.check_contract(database, "labels").success
    assert len(asked) == 2
