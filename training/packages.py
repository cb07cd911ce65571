"""Which released packages the model learns from: names and versions, kept as the recipe; never their code.

Chosen once: of Debian 12's packages that hold source (Python, Go, Rust, Node, and the source packages of Java, C and
C++ libraries) a seeded sample, with well-known packages of PyPI and npm; then only those whose own statement of their
licence is permissive. How they are brought here lives in `download`; how licences are read, in `licences`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

RECIPE = Path(__file__).parent / "recipe.json"


@dataclass(frozen=True)
class Package:
    """One released package: its origin (`deb`, `dsc`: a Debian source package, `npm`, `pypi`), name and version."""

    origin: str
    name: str
    version: str


def read_recipe() -> list[Package]:
    """The packages of the recipe, in its order."""
    recipe: dict[str, dict[str, str]] = json.loads(RECIPE.read_text())
    return [Package(origin, name, version) for origin, names in recipe.items() for name, version in names.items()]
