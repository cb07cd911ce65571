"""Contracts of the tables of lineage, of who wrote each version, and of how long it lived; as data.

How a contract is read is said in `contracts`; what must hold between several of these tables, in `invariants`.
"""

from __future__ import annotations

from assets.checks.expectations import (
    COMMIT_ID,
    CONTENT_ID,
    GIT_ID,
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
from stemma.languages import LANGUAGES
from stemma.tables import SCHEMA

EDGE_TYPES = (
    *("modified_from", "renamed_from", "moved_from", "extracted_from", "merged_from", "forked_from", "copied_from"),
    *("derived_from", "replaced_by", "deprecated_by"),
)

EVENT_TYPES = (
    *("introduced", "observed", "revived", "body_changed", "signature_changed", "documentation_changed"),
    *("formatting_changed", "renamed", "moved_within_file", "moved_across_files", "file_renamed", "extracted"),
    *("inlined", "merged", "split", "copied", "forked", "deprecated", "removed"),
)
ORIGINS = ("agent", "human", "mixed", "unknown")
EVIDENCE = ("exact", "tokens", "pattern", "similarity", "carried", "git-ai", "agent-trace", "author", "trailer")

LINEAGE_CONTRACTS: dict[str, tuple[Expectation, ...]] = {
    "lineage_nodes": (
        matching("node_id", CONTENT_ID),
        length("path", 1),
        matching("kind", WORD),
        length("qualified_name", 1),
        between("duplicate_index", 0),
        one_of("language", sorted(LANGUAGES)),
        matching("exact_hash", CONTENT_ID),
        matching("pattern_id", CONTENT_ID),
        matching("blob_oid", GIT_ID),
        between("ordinal", 0),
        matching("sha", COMMIT_ID),
        between("first_parent_index", 0),
    ),
    "lineage_edges": (
        matching("edge_id", CONTENT_ID),
        one_of("edge_type", EDGE_TYPES),
        between("weight", 0, 1),
        between("confidence", 0, 1),
        unique("child_id", "parent_id", "edge_type"),
        never("evidence is an object", "jsonb_typeof(evidence) <> 'object'"),
        no_rows(
            "a rename changes the name",
            "SELECT e.edge_id FROM batch AS e "
            f"JOIN {SCHEMA}.lineage_nodes AS c ON c.node_id = e.child_id "
            f"JOIN {SCHEMA}.lineage_nodes AS p ON p.node_id = e.parent_id "
            "WHERE e.edge_type = 'renamed_from' AND c.qualified_name = p.qualified_name",
        ),
    ),
    "lineage_events": (
        matching("event_id", CONTENT_ID),
        matching("node_id", CONTENT_ID),
        one_of("event_type", EVENT_TYPES),
        matching("sha", COMMIT_ID),
        never("detail is an object", "jsonb_typeof(detail) <> 'object'"),
    ),
    "agent_edits": (
        matching("edit_id", CONTENT_ID),
        length("event_id", 1),
        length("agent", 1),
        length("path", 1),
        one_of("language", sorted(LANGUAGES)),
        matching("kind", WORD),
        length("qualified_name", 1),
        matching("exact_hash", CONTENT_ID),
        matching("token_hash", CONTENT_ID),
        matching("pattern_id", CONTENT_ID),
        between("n_added", 0),
        at_least("n_tokens", "n_added"),
        length("read_by", 1),
        never(
            "a definition has kind, name, text, tokens and normal form, a piece has none of them",
            "num_nonnulls(kind, qualified_name, exact_hash, token_hash, pattern_id) NOT IN (0, 5)",
        ),
        never(
            "the runs of what was brought are as long as it",
            "n_added <> (SELECT coalesce(sum(added[i + 1] - added[i]), 0) "
            "FROM generate_series(1, cardinality(added), 2) AS i)",
        ),
        never("they end where the tokens do", "added[cardinality(added)] > cardinality(tokens)"),
    ),
    "origins": (
        one_of("origin", ORIGINS),
        one_of("matched_by", EVIDENCE),
        between("agent_share", 0, 1),
        between("n_tokens", 0),
        between("n_agent", 0),
        between("n_human", 0),
        between("confidence", 0, 1),
        length("decided_by", 1),
        never("evidence is a list", "jsonb_typeof(evidence) <> 'array'"),
        never("no more tokens have an author than there are", "n_agent + n_human > coalesce(n_tokens, 0)"),
        never("what is an agent's is all its own", "origin = 'agent' AND n_agent <> n_tokens"),
        never("what is a person's is all their own", "origin = 'human' AND n_human <> n_tokens"),
        never(
            "of what is unknown an agent wrote nothing that is known",
            "origin = 'unknown' AND (agent_share IS NOT NULL OR n_agent > 0)",
        ),
        never("nobody is named without evidence", "origin <> 'unknown' AND matched_by IS NULL"),
    ),
    "lives": (
        matching("life_id", CONTENT_ID),
        one_of("unit", ("snippet", "line")),
        one_of("origin", ORIGINS),
        between("n", 1),
        between("days", 0),
        matching("ended_sha", COMMIT_ID),
        never(
            "what ended has a date, a commit and an age", "is_ended <> (num_nonnulls(ended_at, ended_sha, days) = 3)"
        ),
        never("what stands has none", "NOT is_ended AND num_nonnulls(ended_at, ended_sha, days) > 0"),
        never("a snippet is one", "unit = 'snippet' AND n <> 1"),
        never("a line's author is known", "unit = 'line' AND origin NOT IN ('agent', 'human')"),
    ),
}
