"""Which rows of a table are still to be held against its contract: those written since it was last kept.

The contracts are in `contracts`. A rule on one row, or on the rows of one group, once met stays met until such a row is
written again, and Postgres numbers the transaction that wrote each row (`xmin`). So those rules read the rows of the
transactions since the last check that was passed, and of those that were still open then; rules on the whole table read
all of it each time; `breaches` tells whether there is anything to say of either. Everything is read, and by Great
Expectations, when the rules change, the numbers are another cluster's, or a week has passed.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from assets.checks.breaches import has_breach
from assets.checks.contracts import CONTRACTS, ContractResult, validate_contract
from stemma.ids import content_id
from stemma.store.migrations import head
from stemma.store.postgres import Database
from stemma.tables import contract_passes

WHOLE_AFTER = dt.timedelta(days=7)
_FURTHEST = 2**30  # transactions are compared by 32 bits of their number, which must not come round in between

_NOW = """
SELECT now() AS at, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
       (SELECT system_identifier::text FROM pg_control_system()) AS cluster
"""


def check_contract(database: Database, table: str) -> ContractResult:
    """Hold a table against its contract, reading again only what can have broken it; a pass is remembered."""
    rules = content_id(repr(CONTRACTS[table]), head())  # a migration may have changed rows without writing them
    now = database.read(_NOW).row(0, named=True)
    before = database.read("SELECT * FROM stemma.contract_passes WHERE table_name = $1", [table])
    last = before.row(0, named=True) if before.height else None
    is_continued = (
        last is not None
        and (last["contract"], last["cluster"]) == (rules, now["cluster"])
        and 0 <= now["horizon"] - last["horizon"] < _FURTHEST
        and now["at"] - last["whole_at"] < WHOLE_AFTER
    )
    if last is None or not is_continued:
        result = validate_contract(database.url, table)
    else:
        result = _since(database, table, last["horizon"])
    if result.success:
        whole_at = last["whole_at"] if last is not None and is_continued else now["at"]
        row = {"table_name": table, "contract": rules, "passed_at": now["at"], "whole_at": whole_at}
        database.insert(contract_passes, pl.DataFrame([row | {k: now[k] for k in ("cluster", "horizon")}]), "update")
    return result


def _since(database: Database, table: str, horizon: int) -> ContractResult:
    """Rules on rows and groups over what was written since, rules on the table over all of it."""
    # Both ages are counted from the transaction that asks, however many have come since the horizon was taken.
    written = f"age(xmin) <= age('{horizon % 2**32}'::xid)"
    if not has_breach(database, table, CONTRACTS[table], written=written):
        return ContractResult(table, success=True, evaluated=len(CONTRACTS[table]), failures=())
    parts = [
        validate_contract(database.url, table, scopes=("row", "group"), written=written),
        validate_contract(database.url, table, scopes=("table",)),
    ]
    return ContractResult(
        table,
        all(part.success for part in parts),
        sum(part.evaluated for part in parts),
        tuple(failure for part in parts for failure in part.failures),
    )
