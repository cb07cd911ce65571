"""Assets of who wrote each version: what agents wrote, what others say of it, and the origin that comes of both."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import as_counts, for_each_repository, materialised, measured, table_spec
from assets.partitions import REPOSITORIES, SINGLE_RUN
from stemma import tables
from stemma.attribution.edits import update_agent_edits
from stemma.attribution.origins import update_origins
from stemma.attribution.statements import update_attributions
from stemma.config import Settings
from stemma.store.postgres import Database

GROUP = "lineage"
DECIDED = (tables.origins, tables.origin_spans)


@multi_asset(
    name="agent_edits",
    specs=[table_spec(tables.agent_edits, GROUP, deps=["agent_events", "repositories"], kinds={"treesitter"})],
)
def agent_edits(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "agent_edits", written=("n_edits", "n_placed", "n_retired")) as counts:
        counts.update(as_counts(update_agent_edits(database, settings)))
    return materialised(database, tables.agent_edits, counts)


@multi_asset(
    name="attributions",
    specs=[table_spec(tables.attributions, GROUP, deps=["commits"], kinds={"git"}, partitions_def=REPOSITORIES)],
    backfill_policy=SINGLE_RUN,
)
def attributions(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "attributions", written=("n_statements", "n_retired")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_attributions(database, repo))
        )
    return materialised(database, tables.attributions, counts)


@multi_asset(
    name="origins",
    specs=[
        table_spec(
            table,
            GROUP,
            deps=["lineage_nodes", "lineage_edges", "agent_edits", "attributions"],
            partitions_def=REPOSITORIES,
        )
        for table in DECIDED
    ],
    backfill_policy=SINGLE_RUN,
)
def origins(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    with measured(context, database, "origins", written=("n_origins", "n_spans")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_origins(database, settings, repo))
        )
    yield from (materialised(database, table, counts) for table in DECIDED)
