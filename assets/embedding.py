"""Assets of what a pattern looks like: which patterns are live, and their vectors."""

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import materialised, measured, table_spec
from stemma import tables
from stemma.embed.base import Embedder
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors

GROUP = "embedding"


@multi_asset(name="patterns", specs=[table_spec(tables.patterns, GROUP, deps=["snippets", "occurrences"])])
def patterns(context: AssetExecutionContext, database: ResourceParam[Database]) -> MaterializeResult:
    with measured(context, database, "patterns", written=("n_changed",)) as counts:
        counts.update(refresh_patterns(database))
    return materialised(database, tables.patterns, counts)


@multi_asset(name="embeddings", specs=[table_spec(tables.embeddings, GROUP, deps=["patterns"], kinds={"qdrant"})])
def embeddings(
    context: AssetExecutionContext,
    database: ResourceParam[Database],
    vectors: ResourceParam[Vectors],
    embedder: ResourceParam[Embedder],
) -> MaterializeResult:
    with measured(context, database, "embeddings", written=("n_embedded", "n_dropped")) as counts:
        counts.update(embed_patterns(database, vectors, embedder))
    return materialised(database, tables.embeddings, counts)
