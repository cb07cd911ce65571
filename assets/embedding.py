"""Assets of what a pattern looks like: which patterns are live, their vectors, and what they are about."""

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import going_on_without, materialised, measured, table_spec
from stemma import tables
from stemma.config import Settings
from stemma.embed.base import Embedder
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.errors import StoreError
from stemma.semantics import update_semantics
from stemma.store.postgres import Database
from stemma.store.vectors import NoVectors, Vectors

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
    vectors: ResourceParam[Vectors | NoVectors],
    embedder: ResourceParam[Embedder],
) -> MaterializeResult:
    with (
        measured(context, database, "embeddings", written=("n_embedded", "n_dropped")) as counts,
        going_on_without(context, database, counts, "Patterns have no vectors"),
    ):
        if isinstance(vectors, NoVectors):
            raise StoreError(vectors.reason)
        counts.update(embed_patterns(database, vectors, embedder))
    return materialised(database, tables.embeddings, counts)


@multi_asset(name="pattern_semantics", specs=[table_spec(tables.pattern_semantics, GROUP, deps=["patterns"])])
def pattern_semantics(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with (
        measured(context, database, "semantics", written=("n_analysed", "n_forgotten")) as counts,
        going_on_without(context, database, counts, "Patterns are not analysed"),
    ):
        counts.update(update_semantics(database, settings))
    return materialised(database, tables.pattern_semantics, counts)
