"""Assets of what became of code: the outcomes that git tells, and how long it lives by who wrote it."""

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import for_each_repository, materialised, measured, table_spec
from assets.partitions import REPOSITORIES, SINGLE_RUN
from stemma import tables
from stemma.config import Settings
from stemma.feedback.lives import update_lives
from stemma.feedback.outcomes import update_outcomes
from stemma.quorum.labels import label_outcomes
from stemma.store.postgres import Database


@multi_asset(
    name="outcomes",
    specs=[
        table_spec(
            tables.outcomes,
            "feedback",
            deps=["lineage_nodes", "lineage_events", "commits"],
            kinds={"git"},
            partitions_def=REPOSITORIES,
        )
    ],
    backfill_policy=SINGLE_RUN,
)
def outcomes(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "outcomes", written=("n_written", "n_retired")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_outcomes(database, repo.repo_id))
        )
        labelled = label_outcomes(database)  # by texts, which stand in many repositories
        counts.update(n_labels_written=labelled.n_written, n_labels_retired=labelled.n_retired)
    return materialised(database, tables.outcomes, counts)


@multi_asset(
    name="lives",
    specs=[
        table_spec(
            tables.lives,
            "feedback",
            deps=["lineage_nodes", "lineage_events", "commits", "origins", "origin_spans"],
            kinds={"git"},
            partitions_def=REPOSITORIES,
        )
    ],
    backfill_policy=SINGLE_RUN,
)
def lives(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "lives", written=("n_lives", "n_retired")) as counts:
        counts.update(
            for_each_repository(context, database, settings, lambda repo: update_lives(database, repo.repo_id))
        )
    return materialised(database, tables.lives, counts)
