"""Ends what Dagster believes to run while nothing does: `python -m orchestration.tidy`, under the run lock.

A run killed with its process leaves no word of its end, and Dagster, which runs one at a time, would wait for it.
"""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

RUNNING = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def end_killed_runs(instance: DagsterInstance) -> int:
    """Mark every run that is said to run as failed; returns how many. Only the holder of the run lock may call it."""
    killed = instance.get_runs(RunsFilter(statuses=RUNNING))
    for run in killed:
        instance.report_run_failed(run, "Killed: its process ended without a word.")
    return len(killed)


if __name__ == "__main__":
    with DagsterInstance.get() as instance:
        end_killed_runs(instance)
