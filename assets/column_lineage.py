"""From which columns each column of a dbt model comes: read from the models' SQL, kept in column_lineage.json.

`python -m assets.column_lineage` writes the file anew; a test holds it against the models. It is kept because reading
the SQL costs seconds, which neither loading the code location nor a run has to spend. The models are read in `dbt`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from dagster import AssetKey, TableColumnDep, TableColumnLineage

FILE = Path(__file__).with_name("column_lineage.json")
# What dbt puts in the place of its own words, as far as columns go.
_WORDS = (
    (re.compile(r"\{\{\s*config\(.*?\)\s*\}\}", re.DOTALL), ""),
    (re.compile(r"\{\{\s*ref\(\s*'(\w+)'\s*\)\s*\}\}"), r"\1"),
    (re.compile(r"\{\{\s*source\(\s*'\w+'\s*,\s*'(\w+)'\s*\)\s*\}\}"), r"source_\1"),
    (re.compile(r"\{\{\s*share\('([^']*)',\s*'([^']*)'\)\s*\}\}"), r"((\1) / (\2))"),
)

Columns = dict[str, list[list[str]]]


@cache
def _kept() -> dict[str, Columns]:
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def column_lineage(model: str, keys: dict[str, AssetKey]) -> TableColumnLineage | None:
    """The lineage of a model's columns, where it is kept; `keys` are the assets by the name the model reads them by."""
    columns = _kept().get(model)
    if not columns:
        return None
    return TableColumnLineage(
        {
            column: [TableColumnDep(keys[relation], name) for relation, name in origins if relation in keys]
            for column, origins in columns.items()
        }
    )


def read_lineage(sql: dict[str, str], columns: dict[str, list[str]]) -> dict[str, Columns]:
    """Of each model's columns the (relation, column) pairs they are made of, sorted.

    Args:
        sql: the models' SQL by name, as it stands in the project.
        columns: names of the columns of all models, and of the sources as `source_` and their name.
    """
    # Here, not at the top: the code location loads this module and has no use for a parser.
    from sqlglot import exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer import build_scope, qualify

    schema = {relation: dict.fromkeys(names, "text") for relation, names in columns.items()}
    found: dict[str, Columns] = {}
    for model, text in sql.items():
        query = qualify.qualify(parse_one(_plain(text), dialect="postgres"), schema=schema, dialect="postgres")
        scope = build_scope(query)
        found[model] = {}
        for column in columns[model]:
            tree = lineage(column, query, schema=schema, dialect="postgres", scope=scope, copy=False)
            leaves = [node for node in tree.walk() if not node.downstream and isinstance(node.expression, exp.Table)]
            pairs = {(leaf.expression.name, leaf.name.rsplit(".", 1)[-1].strip('"')) for leaf in leaves}
            found[model][column] = [list(pair) for pair in sorted(pairs)]
    return found


def _plain(sql: str) -> str:
    for pattern, word in _WORDS:
        sql = pattern.sub(word, sql)
    return sql


def of_project(project_dir: Path) -> dict[str, Columns]:
    """The lineage of every model of the project."""
    from assets.dbt import read_models
    from stemma.tables import metadata

    models = read_models(project_dir)
    columns = {name: [column.name for column in model.columns] for name, model in models.items()}
    columns |= {f"source_{table.name}": list(table.columns.keys()) for table in metadata.sorted_tables}
    sql = {
        name: next((project_dir / "models" / model.layer).rglob(f"{name}.sql")).read_text()
        for name, model in models.items()
    }
    return read_lineage(sql, columns)


def written(found: dict[str, Columns]) -> str:
    """As the file has it: one column a line."""

    def line(column: str, origins: Any) -> str:
        return f"    {json.dumps(column)}: {json.dumps(origins)}"

    models = [
        f"  {json.dumps(model)}: {{\n" + ",\n".join(line(*item) for item in columns.items()) + "\n  }"
        for model, columns in sorted(found.items())
    ]
    return "{\n" + ",\n".join(models) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(written(of_project(Path(__file__).parent.parent / "dbt_project")))
