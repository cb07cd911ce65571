"""Jobs: which assets run together. When they run is told in `schedules` and `sensors`."""

from __future__ import annotations

from dagster import AssetSelection, define_asset_job

EVENT_ASSETS = AssetSelection.assets("agent_events", "rejected_events")
OF_ALL_REPOSITORIES = AssetSelection.assets("event_archives", "agent_edits")
BY_REPOSITORY = AssetSelection.groups("ingestion", "lineage", "feedback") - EVENT_ASSETS - OF_ALL_REPOSITORIES

# From git to answers: every asset but the events, which are cut by day and not by repository.
MAIN = "stemma"
INGEST = "ingest_repository"
EVENTS = "ingest_events"

JOBS = [
    define_asset_job(MAIN, AssetSelection.all() - EVENT_ASSETS, description="From git history to answers, whole."),
    define_asset_job(
        INGEST, BY_REPOSITORY, description="One repository: history, code, lineage. The rest follows by automation."
    ),
    define_asset_job(EVENTS, EVENT_ASSETS, description="Read what agents wrote to the spool."),
]
