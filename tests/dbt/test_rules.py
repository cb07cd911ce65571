"""The rules of dbt-project-evaluator, kept by reading the manifest: the package itself comes only from the dbt hub.

Modelling: no direct join to a source, marts and intermediate read no source, staging reads one source and no model,
one staging model a source and one source a staging model, no unused source or staging model, no root model, no
rejoining of upstream concepts, no hard-coded or raw reference, fan-out and number of parents bounded. Testing: a
primary-key test on every model. Documentation: every model, column, source, source table and exposure described.
Structure: names, folders, one YAML beside each model. Performance: no long chain of views, exposures read tables.
Governance: marts are public, with an enforced contract; nothing else is.
Its own naming rule asks for a prefix on marts too; here a mart is called by the plural of its grain, as analysts ask.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.conftest import PROJECT

MAX_LEAF_CHILDREN = 3
MAX_PARENTS = 7
MAX_CHAINED_VIEWS = 4
PREFIXES = {"staging": "stg_", "intermediate": "int_"}
FRESHNESS_SAYS_SOMETHING = {"repositories", "runs"}

Manifest = dict[str, Any]
Node = dict[str, Any]


@pytest.fixture(scope="session")
def models(manifest: Manifest) -> dict[str, Node]:
    return {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def layer(node: Node) -> str:
    return Path(node["original_file_path"]).parts[1]


def parents(node: Node) -> list[str]:
    return list(node["depends_on"]["nodes"])


def model_parents(node: Node) -> set[str]:
    return {parent for parent in parents(node) if parent.startswith("model.")}


def children_of(models: dict[str, Node]) -> dict[str, set[str]]:
    return {uid: {child for child, node in models.items() if uid in parents(node)} for uid in models}


def test_only_staging_reads_sources(models: dict[str, Node]) -> None:
    readers = {layer(node) for node in models.values() if any(p.startswith("source.") for p in parents(node))}
    assert readers == {"staging"}


def test_staging_reads_one_source_and_nothing_else(models: dict[str, Node]) -> None:
    for node in models.values():
        if layer(node) == "staging":
            assert [parent.split(".")[0] for parent in parents(node)] == ["source"], node["name"]


def test_staging_is_called_by_its_source(models: dict[str, Node]) -> None:
    for node in models.values():
        if layer(node) == "staging":
            assert node["name"] == f"stg_{parents(node)[0].split('.')[-1]}"


def test_each_source_has_one_reader_and_none_is_unused(models: dict[str, Node], manifest: Manifest) -> None:
    read = Counter(parent for node in models.values() for parent in parents(node) if parent.startswith("source."))
    assert read == dict.fromkeys(manifest["sources"], 1)


def test_no_source_stands_twice(manifest: Manifest) -> None:
    relations = [source["relation_name"] for source in manifest["sources"].values()]
    assert len(relations) == len(set(relations))


def test_no_model_is_a_root_and_no_staging_or_intermediate_is_a_dead_end(models: dict[str, Node]) -> None:
    assert not [node["name"] for node in models.values() if not parents(node)]
    ends = {layer(models[uid]) for uid, children in children_of(models).items() if not children}
    assert ends == {"marts"}


def test_no_upstream_concept_is_rejoined(models: dict[str, Node]) -> None:
    """A model that is read once only, by one that also reads what it reads, should be part of its reader."""
    children = children_of(models)
    rejoined = [
        (models[between]["name"], models[child]["name"])
        for between, readers in children.items()
        for child in readers
        if len(readers) == 1 and model_parents(models[between]) & model_parents(models[child])
    ]
    assert rejoined == []


def test_no_model_fans_out_into_many_leaves(models: dict[str, Node], manifest: Manifest) -> None:
    """A leaf, to the evaluator, is a model that nothing reads; a mart that an exposure reads is none."""
    exposed = {parent for exposure in manifest["exposures"].values() for parent in parents(exposure)}
    children = children_of(models)
    for uid, readers in children.items():
        leaves = [child for child in readers if not children[child] and child not in exposed]
        assert len(leaves) < MAX_LEAF_CHILDREN, models[uid]["name"]


def test_no_model_joins_too_much(models: dict[str, Node]) -> None:
    assert not [node["name"] for node in models.values() if len(parents(node)) >= MAX_PARENTS]


def test_references_are_refs(models: dict[str, Node]) -> None:
    """After FROM and JOIN stands a ref, a source, a subquery, or a name that the model itself defines."""
    for node in models.values():
        sql = re.sub(r"--[^\n]*|'[^'\n]*'(?!\))", "", node["raw_code"])
        own = set(re.findall(r"(\w+)\s+as\s+\(", sql))
        for name in re.findall(r"\b(?:from|join)\s+(?:lateral\s+)?([\w\".{(]+)", re.sub(r"extract\([^)]*\)", "", sql)):
            assert name.startswith(("{{", "(")) or name in own, f"{node['name']} reads {name}"


def test_names_tell_the_layer(models: dict[str, Node]) -> None:
    for node in models.values():
        prefix = PREFIXES.get(layer(node))
        if prefix:
            assert node["name"].startswith(prefix)
        else:
            assert not node["name"].startswith(tuple(PREFIXES.values()))
        assert re.fullmatch(r"[a-z][a-z0-9_]*", node["name"])


def test_one_yaml_stands_beside_each_model(models: dict[str, Node]) -> None:
    for node in models.values():
        assert node["patch_path"] == f"stemma://{Path(node['original_file_path']).with_suffix('.yml')}"


def test_every_model_states_its_grain_and_describes_its_columns(models: dict[str, Node]) -> None:
    for node in models.values():
        assert node["description"].startswith("One row per "), node["name"]
        assert node["columns"], node["name"]
        for column in node["columns"].values():
            assert column["description"], f"{node['name']}.{column['name']}"
            assert column["data_type"], f"{node['name']}.{column['name']}"


def test_sources_exposures_and_macros_are_described(manifest: Manifest) -> None:
    for source in manifest["sources"].values():
        assert source["description"], source["name"]
        assert source["source_description"]
    assert all(exposure["description"] for exposure in manifest["exposures"].values())
    own = [macro for macro in manifest["macros"].values() if macro["package_name"] == "stemma"]
    assert not [macro["name"] for macro in own if not macro["description"] and not macro["name"].startswith("test_")]


def test_every_model_has_a_primary_key_test(manifest: Manifest, models: dict[str, Node]) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    keyed = {node["attached_node"] for node in tests if node["test_metadata"]["name"] == "primary_key"}
    assert keyed == set(models)


def test_every_mart_that_computes_has_a_unit_test(manifest: Manifest, models: dict[str, Node]) -> None:
    """A mart that only joins and names has nothing to work out by hand."""
    computing = {
        node["name"]
        for node in models.values()
        if layer(node) == "marts" and re.search(r"group by|case\s+when|where|count\(|share\(", node["raw_code"])
    }
    assert computing <= {test["model"] for test in manifest["unit_tests"].values()}
    assert len(computing) >= 12


def test_freshness_is_asked_of_the_tables_that_every_run_touches(manifest: Manifest) -> None:
    """Of the others an old row says nothing: a commit stays as old as it is."""
    asked = {
        s["name"] for s in manifest["sources"].values() if s["freshness"] and s["freshness"]["warn_after"]["count"]
    }
    assert asked == FRESHNESS_SAYS_SOMETHING


def test_no_long_chain_of_views(models: dict[str, Node]) -> None:
    def length(uid: str) -> int:
        node = models[uid]
        if node["config"]["materialized"] != "view":
            return 0
        return 1 + max((length(parent) for parent in model_parents(node)), default=0)

    assert max(length(uid) for uid in models) < MAX_CHAINED_VIEWS


def test_exposures_read_public_tables_only(manifest: Manifest, models: dict[str, Node]) -> None:
    for exposure in manifest["exposures"].values():
        for parent in parents(exposure):
            assert models[parent]["config"]["materialized"] == "table"
            assert models[parent]["access"] == "public"


def test_marts_are_public_under_contract_and_nothing_else_is(models: dict[str, Node]) -> None:
    for node in models.values():
        is_mart = layer(node) == "marts"
        assert (node["access"] == "public") == is_mart, node["name"]
        assert node["config"]["contract"]["enforced"] == is_mart, node["name"]


def test_the_file_of_the_marts_names_every_mart(manifest: Manifest, models: dict[str, Node]) -> None:
    exposed = parents(manifest["exposures"]["exposure.stemma.marts_file"])
    assert set(exposed) == {uid for uid, node in models.items() if layer(node) == "marts"}


def test_every_model_file_belongs_to_a_layer(models: dict[str, Node]) -> None:
    files = {str(path.relative_to(PROJECT)) for path in (PROJECT / "models").rglob("*.sql")}
    assert files == {node["original_file_path"] for node in models.values()}
    assert {Path(file).parts[1] for file in files} == {"staging", "intermediate", "marts"}
