"""The assets of the analysts: every dbt mart in one read-only DuckDB file, and the charts drawn from it."""

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, multi_asset

from assets.dbt import MARTS
from assets.declare import file_spec, measured
from stemma.config import Settings
from stemma.quorum.reports.chart import write_chart
from stemma.store.marts import build_marts
from stemma.store.postgres import Database


@multi_asset(
    name="duckdb_marts",
    specs=[
        file_spec(
            "duckdb_marts",
            "One DuckDB file with every mart, built aside and swapped whole; its grain is the marts'.",
            "marts",
            "duckdb",
            deps=[model.key for model in MARTS],
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


@multi_asset(
    name="charts",
    specs=[
        file_spec(
            "charts",
            "One HTML page per chart in the folder `charts` of the data: the quorum's reliability and agreement. Each "
            "is written aside and swapped whole, and needs no network.",
            "marts",
            "html",
            deps=["duckdb_marts"],
        )
    ],
)
def charts(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "charts") as counts:
        quorum, of_quorum = write_chart(settings)
        counts.update(of_quorum)
    return MaterializeResult(asset_key="charts", metadata={"quorum": MetadataValue.path(quorum), **counts})
