"""Assets of what the quorum says: votes, and the verdicts they give."""

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets.declare import materialised, measured, table_spec
from stemma import tables
from stemma.config import Settings
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database

GROUP = "validation"


@multi_asset(name="votes", specs=[table_spec(tables.votes, GROUP, deps=["patterns", "families"])])
def votes(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "votes", written=("n_votes",)) as counts:
        counts.update(update_votes(database, settings))
    return materialised(database, tables.votes, counts)


@multi_asset(name="verdicts", specs=[table_spec(tables.verdicts, GROUP, deps=["votes"])])
def verdicts(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> MaterializeResult:
    with measured(context, database, "verdicts", written=("n_accept", "n_reject", "n_needs_review")) as counts:
        counts.update(update_verdicts(database, settings))
    return materialised(database, tables.verdicts, counts)
