"""Settings of the quality gates: `[gates]` and `[gates.<name>]` in `stemma.toml`, held by `config.Settings.gates`.

What a gate does with them lives in `stemma.gates`; how settings are read, in `stemma.config`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

ENABLED = "Whether the gate is run."
BLOCKING = "Whether its failure or error stops the run; otherwise the run goes on with a warning."
REQUIRED = "Whether having nothing to judge by is an error, and not a reason to skip it."
ORDER = "Gates of a lower number are run first; those of one number at once, when `parallel`."
TIMEOUT = "Seconds it may take; then it and every process it started are killed."


class GateSettings(BaseModel):
    """What every gate can be told. Thresholds differ in unit and direction, so each gate describes its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(default=True, description=ENABLED)
    blocking: bool = Field(default=True, description=BLOCKING)
    required: bool = Field(default=False, description=REQUIRED)
    order: int = Field(default=1, description=ORDER)
    timeout_s: float = Field(default=600.0, gt=0, description=TIMEOUT)


class ComplianceSettings(GateSettings):
    """Whether code keeps the organisation's own rules."""

    threshold: float = Field(
        default=100.0, ge=0, le=100, description="Least percentage of texts that keep the organisation's rules."
    )


class CoverageSettings(GateSettings):
    """How much of the code the tests run."""

    threshold: float = Field(default=80.0, ge=0, le=100, description="Least percentage of lines that tests ran.")
    report: Path | None = Field(
        default=None,
        description="The report, relative to the top of the checkout; by default the newest in the usual places.",
    )


class QualitySettings(GateSettings):
    """Whether the quorum's members for structure, correctness and dead code fail the code."""

    # Of requests, flask, gin and gson 93.8, 97.7, 98.6 and 98.7 % pass (`stemma gates --gate quality`).
    threshold: float = Field(
        default=90.0, ge=0, le=100, description="Least percentage of texts that no member for quality fails."
    )


class PerformanceSettings(GateSettings):
    """Whether benchmarks became slower than their history."""

    blocking: bool = Field(default=False, description=BLOCKING)
    threshold: float = Field(
        default=1.10, ge=1, description="Largest ratio of a benchmark's median to the median of its history."
    )
    report: Path | None = Field(
        default=None,
        description="The benchmark file, relative to the top of the checkout; by default the newest in the usual "
        "places.",
    )
    history: Path | None = Field(
        default=None,
        description="File of earlier medians, relative to the top of the checkout; by default in the data folder.",
    )


class SecuritySettings(GateSettings):
    """Whether the quorum's members for security fail the code."""

    threshold: int = Field(default=0, ge=0, description="Most texts that a member for security may fail.")


class GatesSettings(BaseModel):
    """The gates, and how they are run together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parallel: bool = Field(default=True, description="Run gates of one order at once, at most one per worker.")
    fail_fast: bool = Field(
        default=False, description="Stop at the first blocking failure or error; the other gates are skipped."
    )
    timeout_s: float = Field(default=1800.0, gt=0, description="Seconds all gates together may take.")
    tests: bool = Field(
        default=False, description="Judge test files too, for compliance, quality and security; otherwise left out."
    )
    compliance: ComplianceSettings = Field(default=ComplianceSettings(), description="The compliance gate.")
    coverage: CoverageSettings = Field(default=CoverageSettings(), description="The coverage gate.")
    quality: QualitySettings = Field(default=QualitySettings(), description="The quality gate.")
    performance: PerformanceSettings = Field(default=PerformanceSettings(), description="The performance gate.")
    security: SecuritySettings = Field(default=SecuritySettings(), description="The security gate.")
