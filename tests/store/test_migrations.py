"""The migrations give exactly what `stemma.tables` declares, from empty to head and back."""

from __future__ import annotations

import threading

import polars as pl
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from stemma.store import migrations
from stemma.store.postgres import Database
from stemma.tables import PARTITIONED, metadata

# Everything Postgres knows of the tables' form, by name: more than Alembic compares (index predicates, checks, keys).
FORM = """
SELECT 'column' AS kind, c.relname || '.' || a.attname AS name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                 col_description(c.oid, a.attnum)) AS form
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'stemma'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
UNION ALL
SELECT 'table', c.relname, concat_ws(' ', c.relkind, pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class'))
FROM pg_class AS c
WHERE c.relnamespace = 'stemma'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
UNION ALL
SELECT 'index', c.relname, pg_get_indexdef(c.oid)
FROM pg_class AS c
WHERE c.relnamespace = 'stemma'::regnamespace AND c.relkind IN ('i', 'I') AND NOT c.relispartition
UNION ALL
SELECT 'constraint', t.relname || '.' || o.conname, pg_get_constraintdef(o.oid)
FROM pg_constraint AS o JOIN pg_class AS t ON t.oid = o.conrelid
WHERE t.relnamespace = 'stemma'::regnamespace AND NOT t.relispartition
ORDER BY 1, 2
"""


def form_of(database: Database) -> pl.DataFrame:
    return database.read(FORM).filter(~pl.col("name").str.starts_with("alembic_version"))


def relations_of(database: Database) -> list[str]:
    query = "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'stemma'::regnamespace ORDER BY 1"
    return database.read(query)["name"].to_list()


def test_alembic_finds_no_difference_between_the_database_and_the_tables(database: Database) -> None:
    # Of a role named stemma, the schema stemma is the default one, which Alembic would then call None.
    engine = sa.create_engine(database.sqlalchemy_url, connect_args={"options": "-c search_path=public"})
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=migrations.compare_options())
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_head_has_the_form_that_the_tables_declare(database: Database, empty_database: Database) -> None:
    engine = sa.create_engine(empty_database.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema("stemma"))
        metadata.create_all(connection)
    engine.dispose()
    declared, migrated = form_of(empty_database), form_of(database)
    assert declared.height > 200
    assert migrated.rows() == declared.rows()


def test_up_down_up_gives_the_same_and_down_leaves_nothing(empty_database: Database) -> None:
    migrations.migrate(empty_database)
    first = form_of(empty_database).rows()
    migrations.downgrade(empty_database)
    assert relations_of(empty_database) == ["alembic_version", "alembic_version_pkc"]
    functions = "SELECT proname::text AS name FROM pg_proc WHERE pronamespace = 'stemma'::regnamespace"
    assert empty_database.read(functions).height == 0
    assert migrations.current(empty_database) is None
    migrations.migrate(empty_database)
    assert form_of(empty_database).rows() == first


def test_views_that_dbt_built_do_not_stand_in_the_way(empty_database: Database) -> None:
    migrations.migrate(empty_database)
    migrations.downgrade(empty_database, "0009")
    empty_database.execute("CREATE SCHEMA stemma_staging")
    empty_database.execute("CREATE VIEW stemma_staging.stg_verdicts AS SELECT * FROM stemma.verdicts")
    migrations.migrate(empty_database)
    assert migrations.current(empty_database) == migrations.head()


def test_migrating_twice_at_once_is_migrating_once(empty_database: Database) -> None:
    errors: list[Exception] = []

    def migrate() -> None:
        try:
            migrations.migrate(Database(empty_database.url))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migrations.current(empty_database) == migrations.head()


def test_the_head_read_from_file_names_is_alembics_head() -> None:
    assert ScriptDirectory(str(migrations.FOLDER)).get_heads() == [migrations.head()]


def test_every_partitioned_table_has_a_default_partition(database: Database) -> None:
    assert {f"{table.name}_default" for table in PARTITIONED} <= set(relations_of(database))
