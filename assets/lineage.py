"""Assets of where each element came from: its versions, their derivations, and what happened when."""

from collections.abc import Iterator
from dataclasses import asdict

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import for_each_repository, materialised, measured, table_spec
from assets.partitions import REPOSITORIES, SINGLE_RUN
from stemma import tables
from stemma.config import Settings
from stemma.errors import BusyError
from stemma.lineage.archive import archive_events
from stemma.lineage.history import update_lineage
from stemma.store.postgres import Database

TABLES = (tables.lineage_nodes, tables.lineage_edges, tables.lineage_events)


@multi_asset(
    name="lineage",
    specs=[table_spec(table, "lineage", deps=["occurrences"], partitions_def=REPOSITORIES) for table in TABLES],
    backfill_policy=SINGLE_RUN,
)
def lineage(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    with measured(context, database, "lineage", written=("n_nodes", "n_edges", "n_events", "n_retired")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_lineage(database, repo.repo_id))
        )
    yield from (materialised(database, table, counts) for table in TABLES)


@multi_asset(name="archives", specs=[table_spec(tables.event_archives, "lineage", deps=["lineage_events"])])
def archives(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "archives", written=("n_archives",)) as counts:
        try:
            counts.update(asdict(archive_events(database, settings.archive_after_days)))
        except BusyError as error:  # nothing depends on it, and the next run does it
            context.log.warning(str(error))
    return materialised(database, tables.event_archives, counts)
