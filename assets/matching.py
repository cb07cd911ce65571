"""Assets of what is a copy of what: pairs, families of them, the index of `stemma similar`, and which was copied from
which."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetSpec, MaterializeResult, ResourceParam, multi_asset

from assets.declare import (
    OWNER,
    WHEN_UPSTREAM_IS_SOUND,
    as_counts,
    column_schema,
    degraded,
    file_spec,
    going_on_without,
    materialised,
    measured,
    table_spec,
)
from stemma import tables
from stemma.config import Settings
from stemma.embed.patterns import complete_vectors
from stemma.errors import StoreError
from stemma.lineage.copies import count_copies, update_copies
from stemma.match.families import update_families
from stemma.match.matches import update_matches
from stemma.match.publish import publish_index
from stemma.store.postgres import Database
from stemma.store.vectors import NoVectors, Vectors

GROUP = "matching"


@multi_asset(
    name="matches", specs=[table_spec(tables.matches, GROUP, deps=["patterns", "embeddings"], kinds={"qdrant"})]
)
def matches(
    context: AssetExecutionContext,
    database: ResourceParam[Database],
    settings: ResourceParam[Settings],
    vectors: ResourceParam[Vectors | NoVectors],
) -> MaterializeResult:
    with measured(context, database, "matches", written=("n_matches", "n_stale")) as counts:
        usable = complete_vectors(database, vectors)
        if not isinstance(usable, NoVectors):
            try:
                counts.update(update_matches(database, usable, settings))
            except StoreError as error:
                usable = NoVectors(str(error))
        if isinstance(usable, NoVectors):
            counts.update(update_matches(database, None, settings))
            degraded(context, database, counts, f"Matched by structure and words alone: {usable.reason}")
    return materialised(database, tables.matches, counts)


@multi_asset(
    name="family_groups",
    specs=[
        table_spec(table, GROUP, deps=["matches", "patterns"]) for table in (tables.families, tables.family_members)
    ],
)
def family_groups(context: AssetExecutionContext, database: ResourceParam[Database]) -> Iterator[MaterializeResult]:
    with measured(context, database, "families", written=("n_written", "n_deleted", "n_moved")) as counts:
        counts.update(update_families(database))
    yield from (materialised(database, table, counts) for table in (tables.families, tables.family_members))


@multi_asset(
    name="similar_index",
    specs=[
        file_spec(
            "similar_index",
            "One file of every live pattern and its places, which `stemma similar` asks.",
            GROUP,
            "file",
            deps=["matches"],
        )
    ],
    # A file of all that there is, written anew for one new pattern: nothing but `stemma similar` waits for it.
    op_tags={"dagster/priority": "-1"},
)
def similar_index(
    context: AssetExecutionContext,
    database: ResourceParam[Database],
    settings: ResourceParam[Settings],
    vectors: ResourceParam[Vectors | NoVectors],
) -> MaterializeResult:
    with (
        measured(context, database, "index") as counts,
        going_on_without(context, database, counts, "stemma similar answers from what was indexed before"),
    ):
        usable = complete_vectors(database, vectors)
        counts.update(publish_index(database, None if isinstance(usable, NoVectors) else usable, settings))
    return MaterializeResult(asset_key="similar_index", metadata=counts)


@multi_asset(
    name="copies",
    specs=[
        AssetSpec(
            key="copies",
            description="One row per element that was copied or forked from another, beside the other lineage edges.",
            group_name=GROUP,
            owners=[OWNER],
            kinds={"postgres"},
            deps=["matches", "lineage_nodes", "lineage_edges"],
            automation_condition=WHEN_UPSTREAM_IS_SOUND,
            metadata={
                "dagster/column_schema": column_schema(tables.lineage_edges),
                "dagster/table_name": str(tables.lineage_edges.fullname),
            },
        )
    ],
)
def copies(context: AssetExecutionContext, database: ResourceParam[Database]) -> MaterializeResult:
    with measured(context, database, "copies", written=("n_edges", "n_retired")) as counts:
        counts.update(as_counts(update_copies(database)))
    return MaterializeResult(asset_key="copies", metadata={"dagster/row_count": count_copies(database), **counts})
