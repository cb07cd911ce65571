"""The same road from a git repository to its lineage as the tests of lineage take."""

from __future__ import annotations

from tests.lineage.conftest import bring_up, ingest, repository

__all__ = ["bring_up", "ingest", "repository"]
