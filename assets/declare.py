"""What every asset says of itself: grain, columns, owner, rows, seconds. What an asset computes lives in `stemma`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    AutomationCondition,
    Failure,
    MaterializeResult,
    PartitionsDefinition,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from stemma import progress, runs
from stemma.config import Settings
from stemma.errors import NotFoundError, SourceError, StemmaError, StoreError
from stemma.git import registry
from stemma.store.postgres import Database
from stemma.tables import PARTITIONED

OWNER = "team:stemma"
NEWS = 0.1  # share of a table's rows that changed when it is analysed again, which is when autovacuum would

# Eager, but an upstream partition that was never made (a repository just registered) does not hold back the rest,
# and a blocking check that failed upstream does, also in a tick long after the run it failed in.
WHEN_UPSTREAM_IS_SOUND = (
    AutomationCondition.eager().without(~AutomationCondition.any_deps_missing())
    & AutomationCondition.all_deps_blocking_checks_passed()
)


def table_spec(
    table: sa.Table,
    group: str,
    *,
    deps: list[str] | None = None,
    kinds: set[str] | None = None,
    partitions_def: PartitionsDefinition[str] | None = None,
    automation: AutomationCondition[Any] | None = WHEN_UPSTREAM_IS_SOUND,
) -> AssetSpec:
    """The asset of one table of `stemma.tables`: its description and columns are the table's own."""
    return AssetSpec(
        key=table.name,
        description=table.comment,
        group_name=group,
        owners=[OWNER],
        kinds={"postgres"} | (kinds or set()),
        deps=deps or [],
        partitions_def=partitions_def,
        automation_condition=automation,
        metadata={"dagster/column_schema": column_schema(table), "dagster/table_name": str(table.fullname)},
    )


def file_spec(key: str, description: str, group: str, kind: str, *, deps: Sequence[AssetKey | str]) -> AssetSpec:
    """The asset of one file, or a folder of them, in the data folder."""
    return AssetSpec(
        key=key,
        description=description,
        group_name=group,
        owners=[OWNER],
        kinds={kind},
        deps=deps,
        automation_condition=WHEN_UPSTREAM_IS_SOUND,
    )


def column_schema(table: sa.Table) -> TableSchema:
    return TableSchema(
        columns=[
            TableColumn(
                name=column.name,
                type=str(column.type),
                description=column.comment,
                constraints=TableColumnConstraints(nullable=bool(column.nullable), unique=_is_key(table, column)),
            )
            for column in table.columns
        ]
    )


def _is_key(table: sa.Table, column: sa.Column[Any]) -> bool:
    return list(table.primary_key) == [column]


@contextmanager
def measured(
    context: AssetExecutionContext, database: Database, phase: str, *, written: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Time an asset's body into `run_phases`; the body puts its counts into the dict it is given.

    `written` names the counts that are rows written to a store; without it their number is unknown.

    Raises:
        Failure: the body met an error that Stemma explains; its sentence and exit code travel as metadata.
    """
    counts: dict[str, Any] = {}
    with _explained(), progress.asset(phase), runs.measure(database, context.run.run_id, phase) as seen:
        yield counts
        if written:
            seen.n_rows = sum(counts.get(name, 0) for name in written)


@contextmanager
def going_on_without(
    context: AssetExecutionContext, database: Database, counts: dict[str, Any], consequence: str
) -> Iterator[None]:
    """Let the run go on where a store or service refuses: said in the asset's metadata, the run's row and the log.

    Not for Postgres: where that refuses, it refuses the note as well, and the step fails.
    """
    try:
        yield
    except StoreError as error:
        degraded(context, database, counts, f"{consequence}: {error}")


def degraded(context: AssetExecutionContext, database: Database, counts: dict[str, Any], sentence: str) -> None:
    """Say what this run has to do without, everywhere where its results are looked at."""
    context.log.warning(sentence)
    counts["degraded"] = sentence
    runs.note_degraded(database, context.run.run_id, sentence)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except StemmaError as error:
        metadata = {"problem": error.problem, "hint": error.hint, "exit_code": error.exit_code}
        raise Failure(str(error), metadata=metadata, allow_retries=False) from error


def for_each_repository(
    context: AssetExecutionContext,
    database: Database,
    settings: Settings,
    work: Callable[[registry.Repository], Any],
) -> dict[str, int]:
    """Sum of the counts of `work` (a dict or a dataclass of them) over the run's repositories.

    A repository that cannot be read is named in the log and in its row, and the others go on.
    """
    total: Counter[str] = Counter()
    for name in context.partition_keys:
        try:
            total.update(as_counts(work(registry.find(database, name, settings))))
        except NotFoundError as error:  # renamed or removed since the run began: the next run knows it
            context.log.warning(f"{name}: {error}")
        except SourceError as error:
            context.log.warning(f"{name}: {error}")
            registry.mark(database, name, "broken", error.problem)
    return dict(total)


def as_counts(result: Any) -> dict[str, int]:
    """The whole numbers of what a room's function returned."""
    values = asdict(result) if is_dataclass(result) and not isinstance(result, type) else dict(result)
    return {name: value for name, value in values.items() if isinstance(value, int)}


# Written since it was last analysed, and how many rows the planner takes it to have: -1 before it first was.
_KNOWN = "SELECT pg_stat_get_mod_since_analyze(oid) AS n_written, reltuples FROM pg_class WHERE oid = $1::regclass"


def materialised(database: Database, table: sa.Table, counts: Mapping[str, Any]) -> MaterializeResult[Any]:
    """The result of an asset: the table's rows now, and what this run did as numbers worth plotting."""
    with database.transaction() as transaction:
        n_rows = int(transaction.read(f"SELECT count(*) FROM {table.fullname}").item())
        if any(counts.values()) and table not in PARTITIONED:
            known = transaction.read(_KNOWN, [table.fullname]).row(0, named=True)
            # What comes next joins these rows; before autovacuum had seen them, families took 5 to 8 s and not 0.1.
            # Of few new rows among many the planner need not know, and to look costs more than they did.
            if max(known["n_written"], abs(n_rows - known["reltuples"])) > NEWS * n_rows:
                transaction.execute(f"ANALYZE {table.fullname}")
    return MaterializeResult(asset_key=table.name, metadata={"dagster/row_count": n_rows, **counts})
