"""Assets of what is read from outside: repositories, their history, the code in it, the events of agents."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import for_each_repository, materialised, measured, table_spec
from assets.partitions import DAYS, REPOSITORIES, SINGLE_RUN
from stemma import tables
from stemma.config import Settings
from stemma.extract.ingest import extract_blobs
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database
from stemma.track import spool

GROUP = "ingestion"


@multi_asset(
    name="repositories",
    # The root: nothing upstream can wake it, so sensors, schedules and people do.
    specs=[table_spec(tables.repositories, GROUP, kinds={"git"}, partitions_def=REPOSITORIES, automation=None)],
    backfill_policy=SINGLE_RUN,
)
def repositories(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "repositories", written=("n_rows",)) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: refresh(database, settings, repo).counts)
        )
    return materialised(database, tables.repositories, counts)


@multi_asset(
    name="history",
    specs=[
        table_spec(table, GROUP, deps=["repositories"], kinds={"git"}, partitions_def=REPOSITORIES)
        for table in (tables.commits, tables.file_changes, tables.files)
    ],
    backfill_policy=SINGLE_RUN,
)
def history(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    with measured(
        context, database, "history", written=("n_commits", "n_file_changes", "n_files", "n_retired")
    ) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: ingest_history(database, settings, repo))
        )
        # Every join over heads goes through these few rows, which autovacuum never finds worth a look: taken for rows
        # without an extractor version, they let a question about 50,000 texts loop over 20,000 verdicts for each.
        database.execute("ANALYZE stemma.repositories")
    yield from (materialised(database, table, counts) for table in (tables.commits, tables.file_changes, tables.files))


@multi_asset(
    name="extraction",
    specs=[
        table_spec(table, GROUP, deps=["file_changes", "files"], kinds={"treesitter"}, partitions_def=REPOSITORIES)
        for table in (tables.blobs, tables.snippets)
    ],
    backfill_policy=SINGLE_RUN,
)
def extraction(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    with measured(context, database, "extraction", written=("n_files", "n_snippets", "n_patterns")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: extract_blobs(database, settings, repo))
        )
    yield from (materialised(database, table, counts) for table in (tables.blobs, tables.snippets))


@multi_asset(
    name="occurrences",
    specs=[table_spec(tables.occurrences, GROUP, deps=["commits", "snippets"], partitions_def=REPOSITORIES)],
    backfill_policy=SINGLE_RUN,
)
def occurrences(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "occurrences", written=("n_begun", "n_ended", "n_retired")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_occurrences(database, repo.repo_id))
        )
    return materialised(database, tables.occurrences, counts)


@multi_asset(
    name="events",
    specs=[
        table_spec(table, GROUP, kinds={"json"}, partitions_def=DAYS, automation=None)
        for table in (tables.agent_events, tables.rejected_events)
    ],
    backfill_policy=SINGLE_RUN,
)
def events(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    """Read all that waits in the spool, whatever its day: an event that came late must not be lost."""
    with measured(context, database, "agent_events", written=("agent_events", "rejected_events")) as counts:
        counts.update(spool.ingest_spool(database, settings))
    yield from (materialised(database, table, counts) for table in (tables.agent_events, tables.rejected_events))
