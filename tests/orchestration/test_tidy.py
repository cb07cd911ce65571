"""What was killed does not keep Dagster waiting."""

from __future__ import annotations

import dagster as dg

from orchestration.tidy import end_killed_runs


@dg.job
def some_job() -> None:
    pass


def test_a_run_whose_process_was_killed_is_ended() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        killed = instance.create_run_for_job(some_job, status=dg.DagsterRunStatus.STARTED)
        ended = instance.create_run_for_job(some_job, status=dg.DagsterRunStatus.SUCCESS)
        assert end_killed_runs(instance) == 1
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
        assert instance.get_run_by_id(ended.run_id).status == dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]
        assert end_killed_runs(instance) == 0
