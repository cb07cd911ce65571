"""Every dbt model as an asset, and its tests as a blocking gate. What a model computes lives in `dbt_project`.

The specs come from the models' own YAML and SQL: loading the code location must not need a manifest, which would
have to be built first and could be stale. `tests/assets/test_dbt.py` holds them against the manifest dbt makes.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Failure,
    MaterializeResult,
    ResourceParam,
    TableColumn,
    TableSchema,
    multi_asset,
)

from assets.column_lineage import column_lineage
from assets.declare import OWNER, WHEN_UPSTREAM_IS_SOUND, measured
from stemma.config import Settings
from stemma.freshness import dbt_digest
from stemma.store.postgres import Database

PROJECT_DIR = Path(__file__).parent.parent / "dbt_project"
CHECK = "dbt_tests"
_TLS = ("sslmode", "sslcert", "sslkey", "sslrootcert")  # those of libpq that dbt-postgres takes
_REFERENCE = re.compile(r"\{\{\s*(?:ref\(\s*'(\w+)'\s*\)|source\(\s*'\w+'\s*,\s*'(\w+)'\s*\))\s*\}\}")


@dataclass(frozen=True)
class Model:
    """One dbt model, as its YAML and SQL describe it. `layer` is staging, intermediate or marts."""

    name: str
    layer: str
    description: str
    columns: tuple[TableColumn, ...]
    refs: frozenset[str]
    sources: frozenset[str]

    @property
    def key(self) -> AssetKey:
        return AssetKey([self.layer, self.name])

    @property
    def relation(self) -> str:
        return f"stemma_{self.layer}.{self.name}"


def read_models(project_dir: Path = PROJECT_DIR) -> dict[str, Model]:
    """The models of a dbt project by name, parents first, read from `models/<layer>/**/<name>.{yml,sql}`."""
    found = {}
    for yaml_path in sorted((project_dir / "models").rglob("*.yml")):
        layer = yaml_path.relative_to(project_dir / "models").parts[0]
        for entry in yaml.load(yaml_path.read_text(), yaml.CSafeLoader).get("models", []):
            references = _REFERENCE.findall((yaml_path.parent / f"{entry['name']}.sql").read_text())
            found[entry["name"]] = Model(
                name=entry["name"],
                layer=layer,
                description=" ".join(entry.get("description", "").split()),
                columns=tuple(_column(column) for column in entry.get("columns", [])),
                refs=frozenset(ref for ref, _ in references if ref),
                sources=frozenset(source for _, source in references if source),
            )
    order = TopologicalSorter({name: model.refs for name, model in found.items()}).static_order()
    return {name: found[name] for name in order}


def _column(entry: dict[str, Any]) -> TableColumn:
    return TableColumn(
        name=entry["name"],
        type=entry.get("data_type", "unknown"),
        description=" ".join(entry.get("description", "").split()),
    )


MODELS = read_models()
# Assets that write rows of a table that is another asset's.
ALSO_WRITTEN_BY = {"lineage_edges": ("copies",), "lineage_events": ("copies",)}
MARTS = [model for model in MODELS.values() if model.layer == "marts"]


def _spec(model: Model) -> AssetSpec:
    read = {ref: MODELS[ref].key for ref in model.refs} | {f"source_{name}": AssetKey(name) for name in model.sources}
    lineage = column_lineage(model.name, read)
    return AssetSpec(
        key=model.key,
        description=model.description,
        group_name="transform",
        owners=[OWNER],
        kinds={"dbt", "postgres"},
        deps=[MODELS[ref].key for ref in sorted(model.refs)]
        + [AssetKey(name) for source in sorted(model.sources) for name in (source, *ALSO_WRITTEN_BY.get(source, ()))],
        metadata={
            "dagster/column_schema": TableSchema(columns=list(model.columns)),
            "dagster/table_name": model.relation,
            **({"dagster/column_lineage": lineage} if lineage else {}),
        },
        automation_condition=WHEN_UPSTREAM_IS_SOUND,
        skippable=True,  # dbt skips what stands behind a failed test
    )


# dbt itself, which ends with the run: started by its own program it would go on building after a run that was killed.
DBT = "from stemma.processes import die_with_parent; die_with_parent(); from dbt.cli.main import cli; cli()"
# What a run does not build or test: unit tests, which `make test` runs; exposures, which are nothing to build; the key
# of a staging view, whose rows are those of a table that has that key in Postgres (a test holds the two together).
BUILD = (
    *("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"),
    *("--exclude", "path:models/staging,test_name:primary_key"),
)
# Views show what their tables hold: while they are those of the project as it is, only their tests are of use.
ALL_BUT_VIEWS = ("--indirect-selection", "empty", "--exclude", "config.materialized:view,resource_type:model")
_VIEWS = """
SELECT v.schemaname || '.' || v.viewname AS relation, obj_description(n.oid, 'pg_namespace') AS note
FROM pg_views v JOIN pg_namespace n ON n.nspname = 'stemma_staging'
WHERE v.schemaname IN ('stemma_staging', 'stemma_intermediate', 'stemma_marts')
"""


@multi_asset(
    name="dbt_models",
    specs=[_spec(model) for model in MODELS.values()],
    check_specs=[AssetCheckSpec(CHECK, asset=model.key, blocking=True) for model in MODELS.values()],
    can_subset=True,
)
def dbt_models(
    context: AssetExecutionContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult | AssetCheckResult]:
    keys = context.selected_asset_keys
    selected = [model for model in MODELS.values() if model.key in keys]
    with measured(context, database, "dbt"):
        project = dbt_digest(PROJECT_DIR)
        standing = _standing_views(database, project) if len(selected) == len(MODELS) else set()
        status, manifest = _build(database, settings.data_dir / "dbt", selected, with_views=not standing)
        if len(selected) == len(MODELS) and all(result["status"] != "error" for result in status.values()):
            _note_views(database, project)
    n_rows = _row_counts(database, selected)
    for model in selected:
        unbuilt = {"status": "success"} if model.relation in standing else {"status": "skipped"}
        result = status.get(f"model.stemma.{model.name}", unbuilt)
        if result["status"] == "error":
            raise Failure(f"dbt could not build {model.relation}: {result['message']}")
        if result["status"] == "success":
            metadata = {"seconds": result["execution_time"]} if "execution_time" in result else {}
            if model.name in n_rows:
                metadata["dagster/row_count"] = n_rows[model.name]
            yield MaterializeResult(asset_key=model.key, metadata=metadata)
        yield _check(model, result["status"], _tests_of(model, manifest), status)


def _build(
    database: Database, target: Path, selected: Sequence[Model], *, with_views: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run dbt in a process of its own: what became of each node by its id, and the manifest."""
    results = target / "run_results.json"
    results.unlink(missing_ok=True)  # that of the run before
    places = ("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR), "--target-path", str(target))
    names = [] if len(selected) == len(MODELS) else ["--select", *(model.name for model in selected)]
    chosen = names if with_views else ALL_BUT_VIEWS
    subprocess.run(
        [sys.executable, "-c", DBT, *BUILD, *places, "--log-path", str(target), "--log-level-file", "none", *chosen],
        env=os.environ | _connection(database),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    try:
        found = json.loads(results.read_text())["results"]
    except FileNotFoundError as error:  # dbt did not get as far as running anything
        raise Failure("dbt could not run; its log is in the run's output.") from error
    manifest = json.loads((target / "manifest.json").read_text())
    return {result["unique_id"]: result for result in found}, manifest


def _standing_views(database: Database, project: str) -> set[str]:
    """The views, where all are there that were noted when the project as it is was built."""
    views = database.read(_VIEWS)
    return set(views["relation"]) if set(views["note"]) == {_note(project, len(views))} else set()


def _note_views(database: Database, project: str) -> None:
    database.execute(f"COMMENT ON SCHEMA stemma_staging IS '{_note(project, len(database.read(_VIEWS)))}'")


def _note(project: str, n_views: int) -> str:
    return f"{n_views} views of the dbt project {project}"


def _connection(database: Database) -> dict[str, str]:
    """What `profiles.yml` reads from the environment: a password has no place on a command line or disk."""
    url = database.sqlalchemy_url
    values = {
        "STEMMA_PG_HOST": url.host,
        "STEMMA_PG_PORT": str(url.port or 5432),
        "STEMMA_PG_USER": url.username,
        "STEMMA_PG_PASSWORD": url.password or "",
        "STEMMA_PG_DATABASE": url.database,
        **{f"STEMMA_PG_{name.upper()}": _one(url.query.get(name)) for name in _TLS},
    }
    return {name: value for name, value in values.items() if value is not None}


def _one(value: str | tuple[str, ...] | None) -> str | None:
    """The value of a URL's parameter; of several the last, as libpq has it."""
    return value[-1] if isinstance(value, tuple) else value


def _row_counts(database: Database, models: list[Model]) -> dict[str, int]:
    """Rows of every model that is built, in one query."""
    existing = database.read(
        "SELECT table_schema || '.' || table_name AS relation FROM information_schema.tables "
        "WHERE table_schema LIKE 'stemma%'"
    )["relation"]
    parts = [
        f"SELECT '{model.name}' AS model, count(*) AS n FROM {model.relation}"
        for model in models
        if model.relation in set(existing)
    ]
    return dict(database.read(" UNION ALL ".join(parts)).iter_rows()) if parts else {}


def _tests_of(model: Model, manifest: dict[str, Any]) -> list[str]:
    """Its data tests that a run asks for (`BUILD`)."""
    node = f"model.stemma.{model.name}"
    tests = {uid: test for uid, test in manifest["nodes"].items() if test.get("attached_node") == node}
    if model.layer != "staging":
        return sorted(tests)
    return sorted(uid for uid, test in tests.items() if test["test_metadata"]["name"] != "primary_key")


def _check(model: Model, model_status: str, tests: list[str], status: dict[str, Any]) -> AssetCheckResult:
    """Passed when the model was built, every test of it ran and none failed; what was skipped has not passed."""
    said = {test: status.get(test, {}).get("status", "skipped") for test in tests}
    failed = [test for test, result in said.items() if result in ("fail", "error")]
    not_run = [test for test, result in said.items() if result == "skipped"]
    n_ran = len(tests) - len(not_run)
    description = f"{len(failed)} of {n_ran} dbt tests failed" + (f", {len(not_run)} did not run" if not_run else "")
    return AssetCheckResult(
        asset_key=model.key,
        check_name=CHECK,
        passed=model_status == "success" and not failed and not not_run,
        description=description if model_status == "success" else f"dbt says {model_status}",
        metadata={
            "n_tests": n_ran,
            "n_failed": len(failed),
            "n_not_run": len(not_run),
            "failed": failed,
            "not_run": not_run,
        },
    )
