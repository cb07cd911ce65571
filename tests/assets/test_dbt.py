"""The specs read from the models' own files are those of the manifest that dbt makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.column_lineage import FILE, of_project, written
from assets.dbt import MODELS, PROJECT_DIR
from orchestration.definitions import defs


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `dbt parse` says of the project; it needs no database."""
    target = tmp_path_factory.mktemp("target")
    settings = dict.fromkeys(("HOST", "USER", "PASSWORD", "DATABASE"), "nobody") | {"PORT": "1"}
    subprocess.run(
        [Path(sys.executable).parent / "dbt", "parse", "--project-dir", PROJECT_DIR, "--profiles-dir", PROJECT_DIR],
        env={
            **os.environ,
            **{f"STEMMA_PG_{name}": value for name, value in settings.items()},
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target),
        },
        check=True,
        capture_output=True,
    )
    return dict(json.loads((target / "manifest.json").read_text()))


def test_every_model_of_dbt_is_an_asset_and_no_other(manifest: dict[str, Any]) -> None:
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert set(MODELS) == set(models)
    assert {name: model.relation for name, model in MODELS.items()} == {
        name: f"{node['schema']}.{node['name']}" for name, node in models.items()
    }


def test_every_asset_depends_on_what_dbt_says_its_model_reads(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        reads = [unique_id.split(".") for unique_id in node["depends_on"]["nodes"]]
        model = MODELS[node["name"]]
        assert model.refs == {parts[-1] for parts in reads if parts[0] == "model"}, node["name"]
        assert model.sources == {parts[-1] for parts in reads if parts[0] == "source"}, node["name"]


def test_every_asset_says_what_its_model_says(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            model = MODELS[node["name"]]
            assert model.description == " ".join(node["description"].split())
            assert [column.name for column in model.columns] == list(node["columns"])


def test_the_lineage_of_columns_is_that_of_the_models_as_they_are() -> None:
    """If this fails, run: python -m assets.column_lineage"""
    assert FILE.read_text() == written(of_project(PROJECT_DIR))


def test_a_column_of_a_mart_shows_what_it_is_made_of() -> None:
    metadata = defs.resolve_asset_graph().get(dg.AssetKey(["marts", "clone_density"])).metadata
    lineage = metadata["dagster/column_lineage"].deps_by_column
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["clones_per_1000_lines"]} == {
        ("intermediate/int_copies", "edge_type"),
        ("intermediate/int_version_lines", "n_own_lines"),
    }


def test_a_column_of_staging_leads_to_the_table_it_renames() -> None:
    metadata = defs.resolve_asset_graph().get(dg.AssetKey(["staging", "stg_lineage_events"])).metadata
    (dep,) = metadata["dagster/column_lineage"].deps_by_column["birth_unknown_reason"]
    assert (dep.asset_key, dep.column_name) == (dg.AssetKey("lineage_events"), "detail")
