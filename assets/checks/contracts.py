"""Great Expectations contracts of Stemma's own tables, as data, and the function that holds a table against its own.

What Postgres refuses by itself (a null, a duplicate key, a missing parent row) is not said again here; what must hold
between several tables is an invariant, in `invariants`; how a contract becomes an asset check, in `gates`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa

from stemma.languages import LANGUAGES
from stemma.match.grouping import LEAST
from stemma.quorum.members.base import Family
from stemma.tables import SCHEMA

CONTENT_ID = "^[0-9a-f]{32}$"
GIT_ID = "^([0-9a-f]{40}|[0-9a-f]{64})$"
COMMIT_ID = "^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$"  # 32: the manifest of a folder
WORD = "^[a-z][a-z_]*$"
ROUNDING = 1e-4  # scores are 32 bits wide

EDGE_TYPES = (
    *("modified_from", "renamed_from", "moved_from", "extracted_from", "merged_from", "forked_from", "copied_from"),
    *("derived_from", "replaced_by", "deprecated_by"),
)
FAMILIES = get_args(Family)

_N_OFFENDERS = 1_000
_EVIDENCE = "structural, fingerprint, lexical, semantic"


@dataclass(frozen=True)
class Expectation:
    """One expectation of Great Expectations, by its type and arguments.

    `scope` is what it takes to know that it is met: each row by itself, the rows of one group (`GROUPS`), or the whole
    table, others beside it.
    """

    type: str
    arguments: Mapping[str, Any]
    scope: str = "row"


@dataclass(frozen=True)
class Failed:
    """An expectation that was not met. `unexpected_count` is None where the expectation counts no rows."""

    expectation: str
    column: str
    observed: str
    unexpected_count: int | None

    def __str__(self) -> str:
        rows = "" if self.unexpected_count is None else f" in {self.unexpected_count:,} rows"
        return f"{self.expectation} ({self.column}){rows}: {self.observed}"


@dataclass(frozen=True)
class ContractResult:
    """What came of holding one table against its contract."""

    table: str
    success: bool
    evaluated: int
    failures: tuple[Failed, ...]


def _one_of(column: str, values: Sequence[str]) -> Expectation:
    return Expectation("expect_column_values_to_be_in_set", {"column": column, "value_set": list(values)})


def _between(column: str, low: float, high: float | None = None) -> Expectation:
    return Expectation("expect_column_values_to_be_between", {"column": column, "min_value": low, "max_value": high})


def _matching(column: str, regex: str) -> Expectation:
    return Expectation("expect_column_values_to_match_regex", {"column": column, "regex": regex})


def _length(column: str, low: int, high: int | None = None) -> Expectation:
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Expectation("expect_column_value_lengths_to_be_between", arguments)


def _unique(*columns: str) -> Expectation:
    arguments = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
    return Expectation("expect_compound_columns_to_be_unique", arguments, "group")


def _at_least(column: str, other: str, *, or_equal: bool = True) -> Expectation:
    arguments = {
        "column_A": column,
        "column_B": other,
        "or_equal": or_equal,
        "ignore_row_if": "either_value_is_missing",
    }
    return Expectation("expect_column_pair_values_a_to_be_greater_than_b", arguments)


def _no_rows(claim: str, query: str, scope: str = "table") -> Expectation:
    """`query` selects what breaks the claim from `batch`, the table."""
    query = f"WITH batch AS (SELECT * FROM {{batch}}) {query} LIMIT {_N_OFFENDERS}"
    arguments = {"unexpected_rows_query": query, "description": claim}
    return Expectation("unexpected_rows_expectation", arguments, scope)


def _never(claim: str, condition: str) -> Expectation:
    return _no_rows(claim, f"SELECT * FROM batch WHERE {condition}", "row")


CONTRACTS: dict[str, tuple[Expectation, ...]] = {
    "commits": (
        _matching("sha", COMMIT_ID),
        _one_of("kind", ("commit", "snapshot")),
        _between("first_parent_index", 0),
        _unique("repo_id", "first_parent_index"),
        _between("position", 0),
        _unique("repo_id", "position"),
        _length("subject", 0, 500),
        _never("a commit names its author, a snapshot has none", "(kind = 'commit') <> (author_name IS NOT NULL)"),
        _never("no commit is its own parent", "sha = ANY (parents)"),
        _no_rows(
            "a commit stands after its parents",
            "SELECT c.sha FROM batch AS c CROSS JOIN unnest(c.parents) AS parent (sha) "
            "JOIN batch AS p ON p.repo_id = c.repo_id AND p.sha = parent.sha WHERE p.position >= c.position",
        ),
        _no_rows(
            "positions on the first-parent chain leave no gap",
            "SELECT repo_id FROM batch WHERE first_parent_index IS NOT NULL GROUP BY repo_id "
            "HAVING max(first_parent_index) + 1 <> count(*)",
        ),
        _no_rows(
            "a repository that was ingested whole has its head",
            f"SELECT r.repo_id FROM {SCHEMA}.repositories AS r WHERE r.head_sha IS NOT NULL "
            "AND NOT EXISTS (SELECT FROM batch AS c WHERE c.repo_id = r.repo_id AND c.sha = r.head_sha)",
        ),
    ),
    "snippets": (
        _matching("blob_oid", GIT_ID),
        _matching("exact_hash", CONTENT_ID),
        _matching("pattern_id", CONTENT_ID),
        _matching("kind", WORD),
        _length("name", 1),
        _length("signature", 0, 1_000),
        _length("docstring", 1, 4_000),
        _between("start_line", 1),
        _at_least("end_line", "start_line"),
        _between("start_byte", 0),
        _at_least("end_byte", "start_byte", or_equal=False),
        _between("n_tokens", 1),
        _between("duplicate_index", 0),
        _at_least("ordinal", "parent_ordinal", or_equal=False),
        _unique("blob_oid", "extractor_version", "kind", "qualified_name", "duplicate_index"),
        _never("lines are counted from first to last", "n_lines <> end_line - start_line + 1"),
        _no_rows(
            "a content has the definitions that were counted in it",
            f"SELECT b.blob_oid FROM {SCHEMA}.blobs AS b LEFT JOIN (SELECT blob_oid, extractor_version, count(*) AS n "
            "FROM batch GROUP BY 1, 2) AS s USING (blob_oid, extractor_version) "
            "WHERE b.n_snippets <> coalesce(s.n, 0)",
        ),
    ),
    "occurrences": (
        _one_of("language", sorted(LANGUAGES)),
        _one_of("category", ("source", "vendored", "generated", "minified")),
        _matching("exact_hash", CONTENT_ID),
        _matching("pattern_id", CONTENT_ID),
        _matching("valid_from_sha", COMMIT_ID),
        _between("valid_from", 0),
        _at_least("valid_to", "valid_from", or_equal=False),
        _never("an end has a position and a commit, or neither", "(valid_to IS NULL) <> (valid_to_sha IS NULL)"),
        _no_rows(
            "one place holds one text at a time",
            "SELECT * FROM (SELECT repo_id, path, qualified_name, valid_to, lead(valid_from) OVER (PARTITION BY "
            "repo_id, path, qualified_name, kind, duplicate_index ORDER BY valid_from) AS next_from FROM batch) AS o "
            "WHERE next_from IS NOT NULL AND (valid_to IS NULL OR valid_to > next_from)",
        ),
        _no_rows(
            "a head with definitions has live occurrences",
            f"SELECT f.repo_id FROM {SCHEMA}.files AS f JOIN {SCHEMA}.repositories AS r USING (repo_id) "
            f"JOIN {SCHEMA}.blobs AS b ON b.blob_oid = f.blob_oid AND b.extractor_version = r.extractor_version "
            "WHERE b.n_snippets > 0 AND f.category IN ('source', 'vendored', 'generated', 'minified') AND NOT EXISTS "
            "(SELECT FROM batch AS o WHERE o.repo_id = f.repo_id AND o.path = f.path AND o.valid_to IS NULL)",
        ),
    ),
    "patterns": (
        _matching("pattern_id", CONTENT_ID),
        _one_of("language", sorted(LANGUAGES)),
        _matching("kind", WORD),
        _length("name", 1),
        _length("code", 1, 100_000),
        _between("n_lines", 1),
        _between("n_tokens", 1),
        _between("n_live", 0),
        _at_least("n_live", "n_repositories"),
        _never("live places stand in a repository", "(n_live > 0) <> (n_repositories > 0)"),
        _no_rows(
            "every definition has its pattern",
            f"SELECT s.pattern_id FROM {SCHEMA}.snippets AS s "
            "WHERE NOT EXISTS (SELECT FROM batch AS p WHERE p.pattern_id = s.pattern_id)",
        ),
    ),
    "matches": (
        _one_of("clone_type", ("type-3", "semantic")),
        _one_of("candidate_source", ("fingerprint", "vector", "both")),
        _between("score", 0, 1),
        _between("structural", 0, 1),
        _between("fingerprint", 0, 1),
        _between("lexical", 0, 1),
        _between("semantic", 0, 1),
        _between("probability", 0, 1),
        _between("confidence", 0, 1),
        _length("matcher_version", 1),
        _length("note", 1),
        _never("a match rests on evidence", f"coalesce({_EVIDENCE}) IS NULL"),
        _never(
            "a score lies between its components",
            f"score < least({_EVIDENCE}) - {ROUNDING} OR score > greatest({_EVIDENCE}) + {ROUNDING}",
        ),
        _never("a match without structure or vectors says so", "structural + semantic IS NULL AND note IS NULL"),
        _never(
            "a probability is absent under weights of one's own alone",
            "(probability IS NULL) <> (matcher_version LIKE '%weights=%')",
        ),
        _never("a copy with edits has structure", "clone_type = 'type-3' AND structural IS NULL"),
    ),
    "families": (
        _matching("family_id", CONTENT_ID),
        _one_of("language", sorted(LANGUAGES)),
        _between("n_patterns", 1),
        _between("n_occurrences", 2),
        _between("n_repositories", 1),
        _at_least("n_occurrences", "n_repositories"),
        _at_least("n_occurrences", "n_patterns"),
        _between("mean_score", 0, 1),
        _never("several patterns have a score, one has none", "(n_patterns > 1) <> (mean_score IS NOT NULL)"),
        _between("cohesion", LEAST - ROUNDING, 1),
        _never("several patterns have a cohesion, one has none", "(n_patterns > 1) <> (cohesion IS NOT NULL)"),
        _never("pairs that do not match make no family closer", f"cohesion > mean_score + {ROUNDING}"),
        _at_least("updated_at", "created_at"),
        _no_rows(
            "the medoid is a member",
            f"SELECT f.family_id FROM batch AS f LEFT JOIN {SCHEMA}.family_members AS m "
            "ON m.family_id = f.family_id AND m.pattern_id = f.medoid_pattern_id WHERE m.family_id IS NULL",
        ),
        _no_rows(
            "a pattern in two live places has a family",
            f"SELECT p.pattern_id FROM {SCHEMA}.patterns AS p WHERE p.n_live > 1 AND NOT p.is_trivial "
            f"AND NOT EXISTS (SELECT FROM {SCHEMA}.family_members AS m JOIN batch AS f USING (family_id) "
            "WHERE m.pattern_id = p.pattern_id)",
        ),
    ),
    "votes": (
        _matching("pattern_id", CONTENT_ID),
        _matching("exact_hash", CONTENT_ID),
        _length("member", 1),
        _length("member_version", 1),
        _one_of("vote", ("pass", "fail", "abstain")),
        _between("probability", 0, 1),
        _between("seconds", 0),
        _between("cost", 0),
        _length("reason", 1),
        _never("an abstention says why, and nothing else needs to", "(vote = 'abstain') <> (reason IS NOT NULL)"),
        _never("findings are a list", "jsonb_typeof(findings) <> 'array'"),
    ),
    "verdicts": (
        _matching("pattern_id", CONTENT_ID),
        _matching("exact_hash", CONTENT_ID),
        _one_of("outcome", ("accept", "reject", "needs_review")),
        _one_of("decision", ("auto_apply", "suggest", "review", "refuse")),
        _between("probability", 0, 1),
        _between("agreement", 0.5, 1),
        _between("n_pass", 0),
        _between("n_fail", 0),
        _between("n_abstain", 0),
        _between("n_families", 0),
        _length("reason", 1),
        _length("changed", 1),
        _length("rule_version", 1),
        _never("what was voted has a digest", "votes_digest = '' AND n_pass + n_fail + n_abstain > 0"),
        _never("agreement is of votes that were cast", "n_pass + n_fail = 0 AND agreement IS NOT NULL"),
        _never("families are of votes that were cast", "n_families > n_pass + n_fail"),
        _never("no probability without a vote", "n_families = 0 AND probability IS NOT NULL"),
        # A person may accept what no member passed; that is in the digest as their word.
        _never(
            "nothing is accepted without a vote for it",
            "outcome = 'accept' AND n_pass = 0 AND votes_digest NOT LIKE '%review=pass/%'",
        ),
        _never(
            "nothing is accepted without a probability",
            "outcome = 'accept' AND probability IS NULL AND votes_digest NOT LIKE '%review=pass/%'",
        ),
        _never("what was rejected is refused, and nothing else", "(outcome = 'reject') <> (decision = 'refuse')"),
        _never("what is open is for a person", "(outcome = 'needs_review') <> (decision = 'review')"),
    ),
    "labels": (
        _matching("label_id", CONTENT_ID),
        _matching("pattern_id", CONTENT_ID),
        _matching("exact_hash", CONTENT_ID),
        _one_of("source", ("review", "file", "outcome")),
        _length("labelled_by", 1),
    ),
    "judge_requests": (
        _matching("request_id", CONTENT_ID),
        _length("judge", 1),
        _between("n_characters", 0),
        _between("reserved_tokens", 0),
        _between("reserved_cost", 0),
        _between("input_tokens", 0),
        _between("output_tokens", 0),
        _between("cost", 0),
        _never("tokens are told both or not at all", "(input_tokens IS NULL) <> (output_tokens IS NULL)"),
        _never("no cost of what was not told", "input_tokens IS NULL AND cost IS NOT NULL"),
    ),
    "sittings": (
        _matching("sitting_id", CONTENT_ID),
        _length("rule_version", 1),
        _between("n_texts", 0),
        _between("n_decided", 1),
        _between("n_accept", 0),
        _between("n_reject", 0),
        _between("n_needs_review", 0),
        _between("n_changed", 0),
        _between("n_labelled", 0),
        _between("alpha", -1, 1),
        _between("calibration_error", 0, 1),
        _never("no more texts have a verdict than are in scope", "n_accept + n_reject + n_needs_review > n_texts"),
        _never("no error of calibration without labels", "n_labelled = 0 AND calibration_error IS NOT NULL"),
    ),
    "sitting_members": (
        _one_of("family", FAMILIES),
        _length("member", 1),
        _length("member_version", 1),
        *(_between(f"n_{name}", 0) for name in ("pass", "fail", "abstain", "no_answer")),
        *(_between(f"n_{name}", 0) for name in ("true_pass", "false_pass", "true_fail", "false_fail", "decisive")),
        _between("sensitivity", 0, 1),
        _between("specificity", 0, 1),
        _between("calibration_error", 0, 1),
        _between("seconds", 0),
        _between("cost", 0),
        _at_least("n_abstain", "n_no_answer"),
        _never("labelled votes for it are among those for it", "n_true_pass + n_false_pass > n_pass"),
        _never("labelled votes against it are among those against it", "n_true_fail + n_false_fail > n_fail"),
    ),
    "lineage_edges": (
        _matching("edge_id", CONTENT_ID),
        _one_of("edge_type", EDGE_TYPES),
        _between("weight", 0, 1),
        _between("confidence", 0, 1),
        _unique("child_id", "parent_id", "edge_type"),
        _never("evidence is an object", "jsonb_typeof(evidence) <> 'object'"),
        _no_rows(
            "a rename changes the name",
            "SELECT e.edge_id FROM batch AS e "
            f"JOIN {SCHEMA}.lineage_nodes AS c ON c.node_id = e.child_id "
            f"JOIN {SCHEMA}.lineage_nodes AS p ON p.node_id = e.parent_id "
            "WHERE e.edge_type = 'renamed_from' AND c.qualified_name = p.qualified_name",
        ),
    ),
}

# Tables that no asset bears the name of are the work of this one, or steer it.
ASSETS = {"labels": "verdicts", "judge_requests": "verdicts", "sittings": "verdicts", "sitting_members": "verdicts"}

# The column by which rows are told apart that a rule of scope `group` holds together.
GROUPS = {"commits": "repo_id", "snippets": "blob_oid", "lineage_edges": "child_id"}


def validate_contract(
    database_url: str, table: str, *, scopes: Sequence[str] = ("row", "group", "table"), written: str | None = None
) -> ContractResult:
    """Hold one table against the rules of these scopes, in SQL: no rows are read but the first offenders.

    An expectation that raises is one that was not met.

    Args:
        written: an SQL condition on the rows that are read, and with them the rest of their group; by default all.
    """
    expectations = [item for item in CONTRACTS[table] if item.scope in scopes]
    with _batch(database_url, table, expectations, written) as (batch, suite):
        outcome = batch.validate(suite, result_format="SUMMARY")
    failures = tuple(_failed(result) for result in outcome.results if not result.success)
    return ContractResult(table, not failures, len(outcome.results), failures)


def _rows_written(table: str, written: str) -> str:
    rows = f"SELECT * FROM {SCHEMA}.{table}"
    if group := GROUPS.get(table):
        return f"{rows} WHERE {group} IN (SELECT {group} FROM {SCHEMA}.{table} WHERE {written})"
    return f"{rows} WHERE {written}"


@contextmanager
def _batch(
    database_url: str, table: str, rules: Sequence[Expectation], written: str | None
) -> Iterator[tuple[Any, Any]]:
    """The table as a batch and its contract as a suite, in a context that leaves nothing on disk and tells nobody."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Here, not at the top: the import costs 3 s and 260 MB, and the code location loads this module.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    datasource = context.data_sources.add_postgres(
        "stemma",
        connection_string=_connection_string(database_url),
        create_temp_table=written is not None,  # or each metric would look for the rows anew
    )
    try:
        if written is None:
            asset = datasource.add_table_asset(table, table_name=table, schema_name=SCHEMA)
        else:
            asset = datasource.add_query_asset(table, query=_rows_written(table, written))
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
        expectations = [
            ExpectationConfiguration(type=item.type, kwargs=dict(item.arguments)).to_domain_obj() for item in rules
        ]
        yield batch, gx.ExpectationSuite(name=table, expectations=expectations)
    finally:
        datasource.get_engine().dispose()


def _connection_string(database_url: str) -> str:
    """The URL with its driver named; a dollar sign in it would be taken for a variable to fill in."""
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False).replace("$", "%24")


def _failed(result: Any) -> Failed:
    configuration, found = result.expectation_config, result.result or {}
    arguments = configuration.kwargs
    column = arguments.get("column") or ", ".join(
        arguments.get("column_list") or [arguments[key] for key in ("column_A", "column_B") if key in arguments]
    )
    if result.exception_info and (message := _exception_message(result.exception_info)):
        return Failed(configuration.type, column or "table", message, None)
    if configuration.type == "unexpected_rows_expectation":
        n_rows = found.get("observed_value")
        shown = f"at least {n_rows}" if n_rows == _N_OFFENDERS else str(n_rows)
        claim = arguments.get("description") or configuration.description
        return Failed(str(claim), "table", f"{shown} rows break it", n_rows)
    return Failed(
        configuration.type, column, str(found.get("partial_unexpected_list", [])[:3]), found.get("unexpected_count")
    )


def _exception_message(info: Mapping[str, Any]) -> str | None:
    """The message of an expectation that raised, which Great Expectations keeps flat or by metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry.get("raised_exception")), None)
