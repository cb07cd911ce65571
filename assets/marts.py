"""The asset of the analysts' file: every dbt mart in one read-only DuckDB file."""

from dagster import AssetExecutionContext, AssetSpec, MaterializeResult, ResourceParam, multi_asset

from assets.dbt import MARTS
from assets.declare import OWNER, WHEN_UPSTREAM_IS_SOUND, measured
from stemma.config import Settings
from stemma.store.marts import build_marts
from stemma.store.postgres import Database


@multi_asset(
    name="duckdb_marts",
    specs=[
        AssetSpec(
            key="duckdb_marts",
            description="One DuckDB file with every mart, built aside and swapped whole; its grain is the marts'.",
            group_name="marts",
            owners=[OWNER],
            kinds={"duckdb"},
            deps=[model.key for model in MARTS],
            automation_condition=WHEN_UPSTREAM_IS_SOUND,
        )
    ],
)
def duckdb_marts(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "marts", written=("n_rows",)) as counts:
        built = build_marts(database, settings)
        counts.update(built)
    return MaterializeResult(asset_key="duckdb_marts", metadata={"dagster/row_count": built["n_rows"], **counts})
