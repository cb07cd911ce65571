"""How assets are cut into partitions: by registered repository, and by day for events.

Which exist is told by `sensors`.
"""

from __future__ import annotations

from dagster import BackfillPolicy, DailyPartitionsDefinition, DynamicPartitionsDefinition

# One partition per registered repository, keyed by its unique name.
REPOSITORIES = DynamicPartitionsDefinition(name="repository")

# Days of agent events. The end offset keeps today in range, or the newest events would wait for midnight.
DAYS = DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC", end_offset=1)

# A backfill over many partitions is one run: a run per repository would pay Dagster's start each time.
SINGLE_RUN = BackfillPolicy.single_run()
