"""Every dbt model as an asset, and its tests as a blocking gate. What a model computes lives in `dbt_project`.

The specs come from the models' own YAML and SQL: loading the code location must not need a manifest, which would
have to be built first and could be stale. `tests/assets/test_dbt.py` holds them against the manifest dbt makes.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
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
        for entry in yaml.safe_load(yaml_path.read_text()).get("models", []):
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


@multi_asset(
    name="dbt_models",
    specs=[_spec(model) for model in MODELS.values()],
    check_specs=[AssetCheckSpec(CHECK, asset=model.key, blocking=True) for model in MODELS.values()],
    can_subset=True,
)
def dbt_models(
    context: AssetExecutionContext,
    database: ResourceParam[Database],
    settings: ResourceParam[Settings],
    dbt: ResourceParam[Any],
) -> Iterator[MaterializeResult | AssetCheckResult]:
    keys = context.selected_asset_keys
    selected = [model for model in MODELS.values() if model.key in keys]
    with measured(context, database, "dbt"), _connection_in_environment(database):
        names = [] if len(selected) == len(MODELS) else ["--select", " ".join(model.name for model in selected)]
        invocation = dbt.cli(
            ["build", "--exclude-resource-type", "unit_test", *names],
            raise_on_error=False,
            target_path=settings.data_dir / "dbt",
        ).wait()
    try:
        results = invocation.get_artifact("run_results.json")["results"]
        manifest = json.loads((invocation.target_path / "manifest.json").read_text())
    except FileNotFoundError as error:  # dbt did not get as far as running anything
        raise Failure("dbt could not run; its log is in the run's output.") from error
    status = {result["unique_id"]: result for result in results}
    n_rows = _row_counts(database, selected)
    for model in selected:
        result = status.get(f"model.stemma.{model.name}", {"status": "skipped"})
        if result["status"] == "error":
            raise Failure(f"dbt could not build {model.relation}: {result['message']}")
        if result["status"] == "success":
            metadata: dict[str, Any] = {"seconds": result["execution_time"]}
            if model.name in n_rows:
                metadata["dagster/row_count"] = n_rows[model.name]
            yield MaterializeResult(asset_key=model.key, metadata=metadata)
        yield _check(model, result["status"], _tests_of(model, manifest), status)


@contextmanager
def _connection_in_environment(database: Database) -> Iterator[None]:
    """`profiles.yml` reads the connection from the environment: a password has no place on a command line or disk."""
    url = database.sqlalchemy_url
    values = {
        "STEMMA_PG_HOST": url.host,
        "STEMMA_PG_PORT": str(url.port or 5432),
        "STEMMA_PG_USER": url.username,
        "STEMMA_PG_PASSWORD": url.password or "",
        "STEMMA_PG_DATABASE": url.database,
        **{f"STEMMA_PG_{name.upper()}": _one(url.query.get(name)) for name in _TLS},
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
    """Its data tests; unit tests are run by `make test`, not here."""
    node = f"model.stemma.{model.name}"
    return sorted(uid for uid, test in manifest["nodes"].items() if test.get("attached_node") == node)


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
