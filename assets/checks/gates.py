"""Turns invariants, watches and contracts into Dagster asset checks. What they demand is data in their own modules."""

import polars as pl
from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, ResourceParam, asset_check

from assets.checks.breaches import read_whole_tables
from assets.checks.contracts import ASSETS, CONTRACTS
from assets.checks.invariants import INVARIANTS, Invariant
from assets.checks.passes import check_contract
from assets.checks.watches import WATCHES, Watch
from stemma.store.postgres import Database

N_SHOWN = 5


def invariant_checks() -> list[AssetChecksDefinition]:
    return [_invariant_check(invariant) for invariant in INVARIANTS]


def _invariant_check(invariant: Invariant) -> AssetChecksDefinition:
    @asset_check(
        asset=invariant.asset, name=invariant.name, description=invariant.description, blocking=invariant.blocking
    )
    def check(database: ResourceParam[Database]) -> AssetCheckResult:
        n_violations, shown = violations(database, invariant)
        return AssetCheckResult(
            passed=n_violations == 0,
            severity=AssetCheckSeverity.ERROR if invariant.blocking else AssetCheckSeverity.WARN,
            description=invariant.description
            if n_violations == 0
            else f"Broken by {n_violations} rows. {invariant.description}",
            metadata={"n_violations": n_violations, "first_violations": shown.to_dicts()},
        )

    return check


def violations(database: Database, invariant: Invariant) -> tuple[int, pl.DataFrame]:
    """How many rows break it, and the first of them; of a query the rest stay in the database."""
    if not isinstance(invariant.violations, str):
        found = invariant.violations(database)
        return len(found), found.head(N_SHOWN)
    with database.transaction() as transaction:
        read_whole_tables(transaction)
        n_violations = int(transaction.read(f"SELECT count(*) FROM ({invariant.violations}) AS rows").item())
        if n_violations == 0:  # which is the rule: the query is not asked twice for nothing
            return 0, pl.DataFrame()
        return n_violations, transaction.read(f"SELECT * FROM ({invariant.violations}) AS rows LIMIT {N_SHOWN}")


def watch_checks() -> list[AssetChecksDefinition]:
    return [_watch_check(watch) for watch in WATCHES]


def _watch_check(watch: Watch) -> AssetChecksDefinition:
    @asset_check(asset=watch.asset, name=watch.name, description=watch.description, blocking=False)
    def check(database: ResourceParam[Database]) -> AssetCheckResult:
        seen = watch.look(database)
        return AssetCheckResult(
            passed=not seen.is_alarming,
            severity=AssetCheckSeverity.WARN,
            description=seen.sentence,
            metadata=dict(seen.figures),
        )

    return check


def contract_checks() -> list[AssetChecksDefinition]:
    return [_contract_check(table) for table in CONTRACTS]


def _contract_check(table: str) -> AssetChecksDefinition:
    @asset_check(
        asset=ASSETS.get(table, table),
        name=f"{table}_keep_their_contract",
        description=f"Great Expectations contract of {table}.",
        blocking=True,
    )
    def check(database: ResourceParam[Database]) -> AssetCheckResult:
        result = check_contract(database, table)
        return AssetCheckResult(
            passed=result.success,
            description=(
                f"{result.evaluated} expectations met."
                if result.success
                else f"{len(result.failures)} expectations not met."
            ),
            metadata={"n_expectations": result.evaluated, "failures": [str(failure) for failure in result.failures]},
        )

    return check
