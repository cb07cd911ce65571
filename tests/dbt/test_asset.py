"""How the asset runs dbt: with the connection of the database's URL, and a check that counts what ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assets.dbt import MODELS, _check, _connection, _note_views, _standing_views, _tests_of
from stemma.store.postgres import Database
from stemma.tables import metadata
from tests.dbt.conftest import PROJECT, Built


def connects(database: Database, tmp_path: Path, **parameters: str) -> str:
    """What `dbt debug` prints when the database's URL has these parameters as well."""
    url = database.sqlalchemy_url.update_query_dict(parameters).render_as_string(hide_password=False)
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "debug", "--connection"]
    places = {"DBT_LOG_PATH": str(tmp_path), "DBT_PROJECT_DIR": str(PROJECT), "DBT_PROFILES_DIR": str(PROJECT)}
    environment = os.environ | places | _connection(Database(url))
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def test_dbt_connects_with_the_tls_parameters_of_the_url(database: Database, tmp_path: Path) -> None:
    assert "All checks passed" in connects(database, tmp_path)
    assert "All checks passed" in connects(database, tmp_path, sslmode="disable")
    # This server has no TLS: where it is required, there is no connection.
    assert "server does not support SSL" in connects(database, tmp_path, sslmode="require")
    files = {"sslcert": "/c.pem", "sslkey": "/k.pem", "sslrootcert": "/r.pem"}
    said = connects(database, tmp_path, sslmode="disable", **files)
    assert "All checks passed" in said
    assert all(f"{name}: {file}" in said for name, file in files.items())


def test_a_connection_names_what_the_url_names_and_nothing_else(database: Database) -> None:
    given = {"sslmode": "prefer", "sslcert": "/c.pem", "sslkey": "/k.pem", "sslrootcert": "/r.pem"}
    url = database.sqlalchemy_url.update_query_dict(given).render_as_string(hide_password=False)
    assert {name: _connection(Database(url))[f"STEMMA_PG_{name.upper()}"] for name in given} == given
    assert not [name for name in _connection(database) if name.startswith("STEMMA_PG_SSL")]


def test_views_are_built_anew_when_the_project_changed_or_one_is_gone(built: Built) -> None:
    _note_views(built.database, "a")
    views = {f"stemma_staging.{name}" for name, model in MODELS.items() if model.layer == "staging"}
    assert views <= _standing_views(built.database, "a")
    assert not _standing_views(built.database, "b")
    built.database.execute("ALTER VIEW stemma_intermediate.int_head_files RENAME TO gone")
    built.database.execute("ALTER VIEW stemma_intermediate.gone SET SCHEMA public")
    try:
        assert not _standing_views(built.database, "a")
    finally:
        built.database.execute("ALTER VIEW public.gone SET SCHEMA stemma_intermediate")
        built.database.execute("ALTER VIEW stemma_intermediate.gone RENAME TO int_head_files")


def test_a_staging_key_that_no_run_tests_is_the_key_of_its_table(manifest: dict[str, Any]) -> None:
    keys = {
        test["attached_node"].removeprefix("model.stemma.stg_"): test["test_metadata"]["kwargs"]["columns"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and test["test_metadata"]["name"] == "primary_key"
        and ".stg_" in test["attached_node"]
    }
    assert len(keys) == sum(model.layer == "staging" for model in MODELS.values())
    for table, columns in keys.items():
        assert set(columns) == {column.name for column in metadata.tables[f"stemma.{table}"].primary_key}, table


TESTS = ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    ("model", "results", "passed", "counts"),
    [
        ("success", ["pass", "pass", "warn"], True, (3, 0, 0)),
        ("success", ["pass", "fail", "error"], False, (3, 2, 0)),
        ("success", ["pass", "pass", "skipped"], False, (2, 0, 1)),
        ("success", ["pass", "pass", None], False, (2, 0, 1)),
        ("skipped", ["skipped"] * 3, False, (0, 0, 3)),
        ("skipped", [None] * 3, False, (0, 0, 3)),
    ],
)
def test_only_tests_that_ran_are_counted_and_one_that_did_not_has_not_passed(
    model: str, results: list[str | None], passed: bool, counts: tuple[int, int, int]
) -> None:
    status: dict[str, Any] = {test: {"status": said} for test, said in zip(TESTS, results, strict=True) if said}
    check = _check(next(iter(MODELS.values())), model, TESTS, status)
    assert check.passed is passed
    assert tuple(check.metadata[name].value for name in ("n_tests", "n_failed", "n_not_run")) == counts


def test_every_test_that_is_counted_ran_in_a_build(built: Built) -> None:
    counted = [test for model in MODELS.values() for test in _tests_of(model, built.manifest)]
    assert counted and set(counted) <= set(built.status)
    ran = {node for node in built.status if not node.startswith("exposure.")}
    assert ran == set(counted) | {f"model.stemma.{name}" for name in MODELS}
