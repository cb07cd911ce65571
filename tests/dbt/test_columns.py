"""What the YAML says of columns is so: sources as `stemma.tables` declares them, models as Postgres holds them."""

from __future__ import annotations

import re
from typing import Any

from stemma.tables import metadata
from tests.dbt.conftest import Built

_COLUMNS = """
SELECT n.nspname::text AS schema, t.relname::text AS model, c.attname::text AS name,
       format_type(c.atttypid, NULL) AS type, col_description(t.oid, c.attnum) AS comment
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute c ON c.attrelid = t.oid
WHERE n.nspname LIKE 'stemma\\_%' AND t.relkind IN ('r', 'v') AND c.attnum > 0 AND NOT c.attisdropped
ORDER BY 1, 2, c.attnum
"""


def models_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_sources_are_tables_that_exist_with_the_grain_they_say(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        table = metadata.tables[f"{source['schema']}.{source['name']}"]
        assert source["description"] == table.comment
        assert set(source["columns"]) <= set(table.columns.keys()), source["name"]


def test_sources_name_every_column_that_staging_reads_and_no_other(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        sql = manifest["nodes"][f"model.stemma.stg_{source['name']}"]["raw_code"]
        lines = sql.split("renamed as (")[1].split("from source")[0].splitlines()
        read = {word for line in lines for word in re.findall(r"\w+", line.split(" as ")[0])}
        table = metadata.tables[f"{source['schema']}.{source['name']}"]
        assert set(source["columns"]) == read & set(table.columns.keys()), source["name"]


def test_models_have_the_columns_and_types_their_yaml_says(manifest: dict[str, Any], built: Built) -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in built.database.read(_COLUMNS).iter_rows(named=True):
        found.setdefault(f"{row['schema']}.{row['model']}", []).append((row["name"], row["type"]))
    for node in models_of(manifest):
        said = [(column["name"], column["data_type"]) for column in node["columns"].values()]
        assert found[f"{node['schema']}.{node['name']}"] == said, node["name"]


def test_marts_carry_their_descriptions_into_postgres(manifest: dict[str, Any], built: Built) -> None:
    comments = {
        (row["model"], row["name"]): row["comment"]
        for row in built.database.read(_COLUMNS).iter_rows(named=True)
        if row["schema"] == "stemma_marts"
    }
    said = {
        (node["name"], column["name"]): column["description"]
        for node in models_of(manifest)
        if node["schema"] == "stemma_marts"
        for column in node["columns"].values()
    }
    assert comments == said
