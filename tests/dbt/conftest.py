"""dbt run as a program, on databases of its own: an empty one and a planted one, each built once for all tests here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assets.dbt import BUILD
from stemma.config import Settings
from stemma.store import marts
from stemma.store.postgres import Database
from tests.conftest import fresh_database
from tests.dbt.planted import plant

PROJECT = Path(__file__).parents[2] / "dbt_project"


@dataclass(frozen=True)
class Built:
    """A database that dbt has built, what it printed, and its artifacts."""

    database: Database
    target: Path
    completed: subprocess.CompletedProcess[str]
    manifest: dict[str, Any]
    status: dict[str, str]


def run_dbt(database: Database, target: Path, *arguments: str) -> Built:
    """`dbt <arguments>` against a database, everything it writes under `target`."""
    url = database.sqlalchemy_url
    environment = {
        "STEMMA_PG_HOST": url.host or "127.0.0.1",
        "STEMMA_PG_PORT": str(url.port or 5432),
        "STEMMA_PG_USER": url.username or "",
        "STEMMA_PG_PASSWORD": url.password or "",
        "STEMMA_PG_DATABASE": url.database or "",
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
    }
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments]
    completed = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    manifest = json.loads((target / "manifest.json").read_text())
    results = json.loads((target / "run_results.json").read_text())["results"]
    return Built(database, target, completed, manifest, {result["unique_id"]: result["status"] for result in results})


@pytest.fixture(scope="session")
def built_empty(server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A freshly migrated database after `dbt build`, unit tests and all."""
    with fresh_database(server_url, migrated_template) as database:
        yield run_dbt(database, tmp_path_factory.mktemp("dbt"), "build")


@pytest.fixture(scope="session")
def built(built_empty: Built) -> Built:
    """The same database after the world was planted and dbt built it as a run does."""
    plant(built_empty.database)
    return run_dbt(built_empty.database, built_empty.target, *BUILD)


@pytest.fixture(scope="session")
def manifest(built_empty: Built) -> dict[str, Any]:
    return built_empty.manifest


@pytest.fixture(scope="session")
def file_of(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose data folder holds the marts' file of the planted world."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("marts"))
    marts.build_marts(built.database, settings)
    return settings
