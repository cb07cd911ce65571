"""Whether any row breaks the rules of a contract: one query of Postgres, which says neither which row nor what of it.

That is asked of Great Expectations, in `contracts`, and only where there is one: to import it and to let it ask each
rule for itself took 5 of the 15 CPU seconds that a run over ten changed files needed until its families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.checks.contracts import GROUPS
from assets.checks.expectations import Expectation
from stemma.store.postgres import Database, Transaction
from stemma.tables import SCHEMA

WORK_MEMORY = "192MB"  # for joins of a million versions: with Postgres' 4 MB they go through the disk


def has_breach(database: Database, table: str, rules: Sequence[Expectation], *, written: str) -> bool:
    """Whether the table breaks one of the rules: those on rows and groups by what was written, others by all of it.

    Args:
        written: an SQL condition on the rows that are read, and with them the rest of their group.
    """
    with database.transaction() as transaction:
        _stage_written(transaction, table, written)
        read_whole_tables(transaction)
        of_table = [rule for rule in rules if rule.scope == "table"]
        of_rows = [rule for rule in rules if rule.scope != "table"]
        queries = [*_queries(of_rows, "pg_temp.written"), *_queries(of_table, f"{SCHEMA}.{table}")]
        return bool(transaction.read(f"SELECT {' OR '.join(f'EXISTS ({one})' for one in queries)} AS any_row").item())


def read_whole_tables(transaction: Transaction) -> None:
    """Settings for queries that join whole tables, on several columns at once, of which the planner expects one row:
    by loops that look each row of 90,000 snippets up in three indexes they took three times as long."""
    transaction.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
    transaction.execute("SET LOCAL enable_nestloop = off")


def _stage_written(transaction: Transaction, table: str, written: str) -> None:
    rows = f"SELECT * FROM {SCHEMA}.{table}"
    if group := GROUPS.get(table):
        # In two steps, so that the planner knows how few they are: it takes any condition on `xmin` for a third of all.
        transaction.stage("touched", f"SELECT DISTINCT {group} FROM {SCHEMA}.{table} WHERE {written}")
        rows, written = f"{rows} JOIN pg_temp.touched USING ({group})", "true"
    transaction.stage("written", f"{rows} WHERE {written}")


def _queries(rules: Sequence[Expectation], batch: str) -> list[str]:
    """Queries for the rows that break one of the rules: one for all that a row shows by itself, one for each other."""
    conditions = [condition for rule in rules if (condition := _condition(rule)) is not None]
    found = [f"SELECT FROM {batch} WHERE {' OR '.join(conditions)}"] if conditions else []
    for rule in rules:
        arguments = rule.arguments
        if rule.type == "unexpected_rows_expectation":
            found.append(arguments["unexpected_rows_query"].replace("{batch}", batch))
        elif rule.type == "expect_compound_columns_to_be_unique":
            names = ", ".join(arguments["column_list"])
            given = " AND ".join(f"{name} IS NOT NULL" for name in arguments["column_list"])
            found.append(f"SELECT FROM {batch} WHERE {given} GROUP BY {names} HAVING count(*) > 1")
    return found


def _condition(rule: Expectation) -> str | None:
    """What is true of a row that breaks the rule; None where one row does not show it. A null breaks none of these."""
    arguments = rule.arguments
    column = arguments.get("column")
    match rule.type:
        case "expect_column_values_to_be_in_set":
            return f"{column} NOT IN ({', '.join(map(_quoted, arguments['value_set']))})"
        case "expect_column_values_to_match_regex":
            return f"{column} !~ {_quoted(arguments['regex'])}"
        case "expect_column_values_to_be_between":
            return _outside(str(column), arguments)
        case "expect_column_value_lengths_to_be_between":
            return _outside(f"length({column})", arguments)
        case "expect_column_pair_values_a_to_be_greater_than_b":
            return f"{arguments['column_A']} {'<' if arguments['or_equal'] else '<='} {arguments['column_B']}"
        case "expect_compound_columns_to_be_unique" | "unexpected_rows_expectation":
            return None
    raise ValueError(f"{rule.type} is not among the rules that are looked for here: say what breaks it")


def _outside(value: str, arguments: Mapping[str, Any]) -> str:
    bounds = ((">", arguments["max_value"]), ("<", arguments["min_value"]))
    return " OR ".join(f"{value} {beyond} {bound}" for beyond, bound in bounds if bound is not None)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
