"""The gates there are: by name, what their scores are, and where they live. How they are run lives in `run`.

A gate's module is imported in the process it runs in and nowhere else: some need seconds for it.
"""

from __future__ import annotations

from importlib import import_module

from stemma.config import Settings
from stemma.gate_settings import GateSettings
from stemma.gates.answers import About, Gate

_GATES = {
    "compliance": (About("compliance", "% of texts that keep the rules", at_least=True), "judged:COMPLIANCE"),
    "coverage": (About("coverage", "% of lines run by tests", at_least=True), "coverage:COVERAGE"),
    "quality": (About("quality", "% of texts that nobody fails", at_least=True), "judged:QUALITY"),
    "performance": (About("performance", "× the median before", at_least=False), "performance:PERFORMANCE"),
    "security": (About("security", "texts that fail", at_least=False), "judged:SECURITY"),
}
NAMES = tuple(_GATES)


def about(name: str) -> About:
    """What is known of the gate of this name; KeyError where there is none."""
    return _GATES[name][0]


def gate_named(name: str) -> Gate:
    """The gate of this name."""
    module, _, attribute = _GATES[name][1].partition(":")
    gate: Gate = getattr(import_module(f"stemma.gates.{module}"), attribute)
    return gate


def settings_of(name: str, settings: Settings) -> GateSettings:
    told: GateSettings = getattr(settings.gates, name)
    return told
