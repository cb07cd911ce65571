"""The expectations contracts are made of, and how the ones Stemma uses are said in one line.

What is expected of which table is said in `contracts` and `lineage_contracts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONTENT_ID = "^[0-9a-f]{32}$"
GIT_ID = "^([0-9a-f]{40}|[0-9a-f]{64})$"
COMMIT_ID = "^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$"  # 32: the manifest of a folder
WORD = "^[a-z][a-z_]*$"

N_OFFENDERS = 1_000


@dataclass(frozen=True)
class Expectation:
    """One expectation of Great Expectations, by its type and arguments.

    `scope` is what it takes to know that it is met: each row by itself, the rows of one group (`GROUPS`), or the whole
    table, others beside it.
    """

    type: str
    arguments: Mapping[str, Any]
    scope: str = "row"


def one_of(column: str, values: Sequence[str]) -> Expectation:
    return Expectation("expect_column_values_to_be_in_set", {"column": column, "value_set": list(values)})


def between(column: str, low: float, high: float | None = None) -> Expectation:
    return Expectation("expect_column_values_to_be_between", {"column": column, "min_value": low, "max_value": high})


def matching(column: str, regex: str) -> Expectation:
    return Expectation("expect_column_values_to_match_regex", {"column": column, "regex": regex})


def length(column: str, low: int, high: int | None = None) -> Expectation:
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Expectation("expect_column_value_lengths_to_be_between", arguments)


def unique(*columns: str) -> Expectation:
    arguments = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
    return Expectation("expect_compound_columns_to_be_unique", arguments, "group")


def at_least(column: str, other: str, *, or_equal: bool = True) -> Expectation:
    arguments = {
        "column_A": column,
        "column_B": other,
        "or_equal": or_equal,
        "ignore_row_if": "either_value_is_missing",
    }
    return Expectation("expect_column_pair_values_a_to_be_greater_than_b", arguments)


def no_rows(claim: str, query: str, scope: str = "table") -> Expectation:
    """`query` selects what breaks the claim from `batch`, the table."""
    query = f"WITH batch AS (SELECT * FROM {{batch}}) {query} LIMIT {N_OFFENDERS}"
    arguments = {"unexpected_rows_query": query, "description": claim}
    return Expectation("unexpected_rows_expectation", arguments, scope)


def never(claim: str, condition: str) -> Expectation:
    return no_rows(claim, f"SELECT * FROM batch WHERE {condition}", "row")
