"""The gates there are, by name. What each looks at lives in a module of its own; how they are run, in `run`."""

from __future__ import annotations

from importlib import import_module

from stemma.config import Settings
from stemma.gate_settings import GateSettings
from stemma.gates.answers import Gate

_GATES = {
    "compliance": "stemma.gates.judged:COMPLIANCE",
    "coverage": "stemma.gates.coverage:COVERAGE",
    "quality": "stemma.gates.judged:QUALITY",
    "performance": "stemma.gates.performance:PERFORMANCE",
    "security": "stemma.gates.judged:SECURITY",
}
NAMES = tuple(_GATES)


def gate_named(name: str) -> Gate:
    """The gate of this name; KeyError where there is none."""
    module, _, attribute = _GATES[name].partition(":")
    gate: Gate = getattr(import_module(module), attribute)
    return gate


def settings_of(name: str, settings: Settings) -> GateSettings:
    told: GateSettings = getattr(settings.gates, name)
    return told
