"""Great Expectations contracts of Stemma's own tables, as data, and the function that holds a table against its own.

What Postgres refuses by itself (a null, a duplicate key, a missing parent row) is not said again here; what must hold
between several tables is an invariant, in `invariants`; how a contract becomes an asset check, in `gates`. The words
contracts are made of are in `expectations`, those of lineage in `lineage_contracts`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa

from assets.checks.expectations import (
    COMMIT_ID,
    CONTENT_ID,
    GIT_ID,
    N_OFFENDERS,
    WORD,
    Expectation,
    at_least,
    between,
    length,
    matching,
    never,
    no_rows,
    one_of,
    unique,
)
from assets.checks.lineage_contracts import LINEAGE_CONTRACTS
from stemma.languages import LANGUAGES
from stemma.match.grouping import LEAST
from stemma.quorum.members.base import Family
from stemma.tables import SCHEMA

ROUNDING = 1e-4  # scores are 32 bits wide

FAMILIES = get_args(Family)

_EVIDENCE = "structural, fingerprint, lexical, semantic"


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


CONTRACTS: dict[str, tuple[Expectation, ...]] = {
    "commits": (
        matching("sha", COMMIT_ID),
        one_of("kind", ("commit", "snapshot")),
        between("first_parent_index", 0),
        unique("repo_id", "first_parent_index"),
        between("position", 0),
        unique("repo_id", "position"),
        length("subject", 0, 500),
        never("a commit names its author, a snapshot has none", "(kind = 'commit') <> (author_name IS NOT NULL)"),
        never("no commit is its own parent", "sha = ANY (parents)"),
        no_rows(
            "a commit stands after its parents",
            "SELECT c.sha FROM batch AS c CROSS JOIN unnest(c.parents) AS parent (sha) "
            "JOIN batch AS p ON p.repo_id = c.repo_id AND p.sha = parent.sha WHERE p.position >= c.position",
        ),
        no_rows(
            "positions on the first-parent chain leave no gap",
            "SELECT repo_id FROM batch WHERE first_parent_index IS NOT NULL GROUP BY repo_id "
            "HAVING max(first_parent_index) + 1 <> count(*)",
        ),
        no_rows(
            "a repository that was ingested whole has its head",
            f"SELECT r.repo_id FROM {SCHEMA}.repositories AS r WHERE r.head_sha IS NOT NULL "
            "AND NOT EXISTS (SELECT FROM batch AS c WHERE c.repo_id = r.repo_id AND c.sha = r.head_sha)",
        ),
    ),
    "snippets": (
        matching("blob_oid", GIT_ID),
        matching("exact_hash", CONTENT_ID),
        matching("pattern_id", CONTENT_ID),
        matching("kind", WORD),
        length("name", 1),
        length("signature", 0, 1_000),
        length("docstring", 1, 4_000),
        between("start_line", 1),
        at_least("end_line", "start_line"),
        between("start_byte", 0),
        at_least("end_byte", "start_byte", or_equal=False),
        between("n_tokens", 1),
        between("duplicate_index", 0),
        at_least("ordinal", "parent_ordinal", or_equal=False),
        unique("blob_oid", "extractor_version", "kind", "qualified_name", "duplicate_index"),
        never("lines are counted from first to last", "n_lines <> end_line - start_line + 1"),
        no_rows(
            "a content has the definitions that were counted in it",
            f"SELECT b.blob_oid FROM {SCHEMA}.blobs AS b LEFT JOIN (SELECT blob_oid, extractor_version, count(*) AS n "
            "FROM batch GROUP BY 1, 2) AS s USING (blob_oid, extractor_version) "
            "WHERE b.n_snippets <> coalesce(s.n, 0)",
        ),
    ),
    "occurrences": (
        one_of("language", sorted(LANGUAGES)),
        one_of("category", ("source", "vendored", "generated", "minified")),
        matching("exact_hash", CONTENT_ID),
        matching("pattern_id", CONTENT_ID),
        matching("valid_from_sha", COMMIT_ID),
        between("valid_from", 0),
        at_least("valid_to", "valid_from", or_equal=False),
        never("an end has a position and a commit, or neither", "(valid_to IS NULL) <> (valid_to_sha IS NULL)"),
        no_rows(
            "one place holds one text at a time",
            "SELECT * FROM (SELECT repo_id, path, qualified_name, valid_to, lead(valid_from) OVER (PARTITION BY "
            "repo_id, path, qualified_name, kind, duplicate_index ORDER BY valid_from) AS next_from FROM batch) AS o "
            "WHERE next_from IS NOT NULL AND (valid_to IS NULL OR valid_to > next_from)",
        ),
        no_rows(
            "a head with definitions has live occurrences",
            f"SELECT f.repo_id FROM {SCHEMA}.files AS f JOIN {SCHEMA}.repositories AS r USING (repo_id) "
            f"JOIN {SCHEMA}.blobs AS b ON b.blob_oid = f.blob_oid AND b.extractor_version = r.extractor_version "
            "WHERE b.n_snippets > 0 AND f.category IN ('source', 'vendored', 'generated', 'minified') AND NOT EXISTS "
            "(SELECT FROM batch AS o WHERE o.repo_id = f.repo_id AND o.path = f.path AND o.valid_to IS NULL)",
        ),
    ),
    "patterns": (
        matching("pattern_id", CONTENT_ID),
        one_of("language", sorted(LANGUAGES)),
        matching("kind", WORD),
        length("name", 1),
        length("code", 1, 100_000),
        between("n_lines", 1),
        between("n_tokens", 1),
        between("n_live", 0),
        at_least("n_live", "n_repositories"),
        never("live places stand in a repository", "(n_live > 0) <> (n_repositories > 0)"),
        no_rows(
            "every definition has its pattern",
            f"SELECT s.pattern_id FROM {SCHEMA}.snippets AS s "
            "WHERE NOT EXISTS (SELECT FROM batch AS p WHERE p.pattern_id = s.pattern_id)",
        ),
    ),
    "matches": (
        one_of("clone_type", ("type-3", "semantic")),
        one_of("candidate_source", ("fingerprint", "vector", "both")),
        between("score", 0, 1),
        between("structural", 0, 1),
        between("fingerprint", 0, 1),
        between("lexical", 0, 1),
        between("semantic", 0, 1),
        between("probability", 0, 1),
        between("confidence", 0, 1),
        length("matcher_version", 1),
        length("note", 1),
        never("a match rests on evidence", f"coalesce({_EVIDENCE}) IS NULL"),
        never(
            "a score lies between its components",
            f"score < least({_EVIDENCE}) - {ROUNDING} OR score > greatest({_EVIDENCE}) + {ROUNDING}",
        ),
        never("a match without structure or vectors says so", "structural + semantic IS NULL AND note IS NULL"),
        never(
            "a probability is absent under weights of one's own alone",
            "(probability IS NULL) <> (matcher_version LIKE '%weights=%')",
        ),
        never("a copy with edits has structure", "clone_type = 'type-3' AND structural IS NULL"),
    ),
    "families": (
        matching("family_id", CONTENT_ID),
        one_of("language", sorted(LANGUAGES)),
        between("n_patterns", 1),
        between("n_occurrences", 2),
        between("n_repositories", 1),
        at_least("n_occurrences", "n_repositories"),
        at_least("n_occurrences", "n_patterns"),
        between("mean_score", 0, 1),
        never("several patterns have a score, one has none", "(n_patterns > 1) <> (mean_score IS NOT NULL)"),
        between("cohesion", LEAST - ROUNDING, 1),
        never("several patterns have a cohesion, one has none", "(n_patterns > 1) <> (cohesion IS NOT NULL)"),
        never("pairs that do not match make no family closer", f"cohesion > mean_score + {ROUNDING}"),
        at_least("updated_at", "created_at"),
        no_rows(
            "the medoid is a member",
            f"SELECT f.family_id FROM batch AS f LEFT JOIN {SCHEMA}.family_members AS m "
            "ON m.family_id = f.family_id AND m.pattern_id = f.medoid_pattern_id WHERE m.family_id IS NULL",
        ),
        no_rows(
            "a pattern in two live places has a family",
            f"SELECT p.pattern_id FROM {SCHEMA}.patterns AS p WHERE p.n_live > 1 AND NOT p.is_trivial "
            f"AND NOT EXISTS (SELECT FROM {SCHEMA}.family_members AS m JOIN batch AS f USING (family_id) "
            "WHERE m.pattern_id = p.pattern_id)",
        ),
    ),
    "votes": (
        matching("pattern_id", CONTENT_ID),
        matching("exact_hash", CONTENT_ID),
        length("member", 1),
        length("member_version", 1),
        one_of("vote", ("pass", "fail", "abstain")),
        between("probability", 0, 1),
        between("seconds", 0),
        between("cost", 0),
        length("reason", 1),
        never("an abstention says why, and nothing else needs to", "(vote = 'abstain') <> (reason IS NOT NULL)"),
        never("findings are a list", "jsonb_typeof(findings) <> 'array'"),
    ),
    "verdicts": (
        matching("pattern_id", CONTENT_ID),
        matching("exact_hash", CONTENT_ID),
        one_of("outcome", ("accept", "reject", "needs_review")),
        one_of("decision", ("auto_apply", "suggest", "review", "refuse")),
        between("probability", 0, 1),
        between("agreement", 0.5, 1),
        between("n_pass", 0),
        between("n_fail", 0),
        between("n_abstain", 0),
        between("n_families", 0),
        length("reason", 1),
        length("changed", 1),
        length("rule_version", 1),
        never("what was voted has a digest", "votes_digest = '' AND n_pass + n_fail + n_abstain > 0"),
        never("agreement is of votes that were cast", "n_pass + n_fail = 0 AND agreement IS NOT NULL"),
        never("families are of votes that were cast", "n_families > n_pass + n_fail"),
        never("no probability without a vote", "n_families = 0 AND probability IS NOT NULL"),
        # A person may accept what no member passed; that is in the digest as their word.
        never(
            "nothing is accepted without a vote for it",
            "outcome = 'accept' AND n_pass = 0 AND votes_digest NOT LIKE '%review=pass/%'",
        ),
        never(
            "nothing is accepted without a probability",
            "outcome = 'accept' AND probability IS NULL AND votes_digest NOT LIKE '%review=pass/%'",
        ),
        never("what was rejected is refused, and nothing else", "(outcome = 'reject') <> (decision = 'refuse')"),
        never("what is open is for a person", "(outcome = 'needs_review') <> (decision = 'review')"),
    ),
    "labels": (
        matching("label_id", CONTENT_ID),
        matching("pattern_id", CONTENT_ID),
        matching("exact_hash", CONTENT_ID),
        one_of("source", ("review", "file", "outcome")),
        length("labelled_by", 1),
    ),
    "judge_requests": (
        matching("request_id", CONTENT_ID),
        length("judge", 1),
        between("n_characters", 0),
        between("reserved_tokens", 0),
        between("reserved_cost", 0),
        between("input_tokens", 0),
        between("output_tokens", 0),
        between("cost", 0),
        never("tokens are told both or not at all", "(input_tokens IS NULL) <> (output_tokens IS NULL)"),
        never("no cost of what was not told", "input_tokens IS NULL AND cost IS NOT NULL"),
    ),
    "sittings": (
        matching("sitting_id", CONTENT_ID),
        length("rule_version", 1),
        between("n_texts", 0),
        between("n_decided", 1),
        between("n_accept", 0),
        between("n_reject", 0),
        between("n_needs_review", 0),
        between("n_changed", 0),
        between("n_labelled", 0),
        between("alpha", -1, 1),
        between("calibration_error", 0, 1),
        never("no more texts have a verdict than are in scope", "n_accept + n_reject + n_needs_review > n_texts"),
        never("no error of calibration without labels", "n_labelled = 0 AND calibration_error IS NOT NULL"),
    ),
    "sitting_members": (
        one_of("family", FAMILIES),
        length("member", 1),
        length("member_version", 1),
        *(between(f"n_{name}", 0) for name in ("pass", "fail", "abstain", "no_answer")),
        *(between(f"n_{name}", 0) for name in ("true_pass", "false_pass", "true_fail", "false_fail", "decisive")),
        between("sensitivity", 0, 1),
        between("specificity", 0, 1),
        between("calibration_error", 0, 1),
        between("seconds", 0),
        between("cost", 0),
        at_least("n_abstain", "n_no_answer"),
        never("labelled votes for it are among those for it", "n_true_pass + n_false_pass > n_pass"),
        never("labelled votes against it are among those against it", "n_true_fail + n_false_fail > n_fail"),
    ),
    **LINEAGE_CONTRACTS,
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
        shown = f"at least {n_rows}" if n_rows == N_OFFENDERS else str(n_rows)
        claim = arguments.get("description") or configuration.description
        return Failed(str(claim), "table", f"{shown} rows break it", n_rows)
    return Failed(
        configuration.type, column, str(found.get("partial_unexpected_list", [])[:3]), found.get("unexpected_count")
    )


def _exception_message(info: Mapping[str, Any]) -> str | None:
    """The message of an expectation that raised, which Great Expectations keeps flat or by metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry.get("raised_exception")), None)
