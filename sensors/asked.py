"""What sensors asked for before, read from Dagster's own runs: a memory of their own could differ from what happened.

A request carries the state it was made for as a tag. What that state is, and whether it was read, is each sensor's.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import takewhile

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

STATE = "stemma/state"
PARTITION = "dagster/partition"
RANGE = "dagster/asset_partition_range_start"
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60, 3600
# A run whose process was killed stays `started` for ever; it holds nothing back for longer than this.
BELIEVED = dt.timedelta(days=1)
_N_TRIES = 8  # the pause has reached its longest by then


def unfinished(instance: DagsterInstance, job_name: str) -> list[DagsterRun]:
    """Runs queued or at work that do what a new run of the job would do: the job's own, and those over everything."""
    since = dt.datetime.now(dt.UTC) - BELIEVED
    runs = instance.get_runs(RunsFilter(statuses=UNFINISHED, updated_after=since))
    return [run for run in runs if run.job_name == job_name or covers_all(run)]


def covers_all(run: DagsterRun) -> bool:
    """Whether it is over many partitions: a nightly run, `stemma run`, a backfill."""
    return RANGE in run.tags


def last_runs(instance: DagsterInstance, job_name: str, partition: str | None = None) -> Sequence[RunRecord]:
    """The newest runs of a job, newest first; of one partition where it is given."""
    tags = {PARTITION: partition} if partition else None
    return instance.get_run_records(RunsFilter(job_name=job_name, tags=tags), limit=_N_TRIES)


def has_succeeded(records: Sequence[RunRecord], state: str) -> bool:
    """Whether the newest run was asked for at this state, and succeeded."""
    if not records:
        return False
    newest = records[0].dagster_run
    return bool(newest.tags.get(STATE) == state and newest.status == DagsterRunStatus.SUCCESS)


def may_ask_again(records: Sequence[RunRecord], state: str, now: float) -> bool:
    """Whether the pause after the last tries at this state is over; it doubles with every try, up to an hour."""
    tries = list(takewhile(lambda record: record.dagster_run.tags.get(STATE) == state, records))
    if not tries:
        return True
    pause_s = min(FIRST_PAUSE_S * 2.0 ** (len(tries) - 1), LONGEST_PAUSE_S)
    return now >= (tries[0].end_time or 0) + pause_s
