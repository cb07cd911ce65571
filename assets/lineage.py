"""Assets of where each element came from: its versions, their derivations, and what happened when."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import for_each_repository, materialised, measured, table_spec
from assets.partitions import REPOSITORIES, SINGLE_RUN
from stemma import tables
from stemma.config import Settings
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
