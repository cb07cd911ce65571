"""The gates: asset checks between the groups. `invariants` are native SQL, `contracts` are Great Expectations, and
`watches` stop nothing, but warn of what went too far.
"""

from __future__ import annotations

from dagster import AssetChecksDefinition

from assets.checks.gates import contract_checks, invariant_checks, watch_checks


def all_checks() -> list[AssetChecksDefinition]:
    return [*invariant_checks(), *watch_checks(), *contract_checks()]
