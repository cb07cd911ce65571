"""The first tables: everything `stemma.tables` declares, and the function that makes monthly partitions.

A migration is history: it does not import `stemma.tables`, which moves on. A test holds head and that file equal.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

SCHEMA = "stemma"
Timestamp = sa.DateTime(timezone=True)
PARTITIONED = ("agent_events", "lineage_events")

# One statement a month is one round trip a month; a function makes twenty years of months in one.
# Rows that came before their month was made wait in the default partition: they move, then the month is attached.
# Attaching locks the default partition, not the parent, so writers of other months are not held up.
ENSURE_MONTHS = """
CREATE FUNCTION stemma.ensure_months(parent text, months date[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    first_day date;
    name text;
    n_made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('stemma.ensure_months'), hashtext(parent));
    FOR first_day IN
        SELECT DISTINCT date_trunc('month', month)::date FROM unnest(months) AS month ORDER BY 1
    LOOP
        name := parent || to_char(first_day, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(format('stemma.%I', name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE stemma.%I (LIKE stemma.%I INCLUDING ALL)', name, parent);
        EXECUTE format(
            'WITH moved AS (DELETE FROM stemma.%I WHERE occurred_at >= %L AND occurred_at < %L RETURNING *) '
            'INSERT INTO stemma.%I SELECT * FROM moved',
            parent || '_default', first_day::timestamp AT TIME ZONE 'UTC',
            (first_day + interval '1 month') AT TIME ZONE 'UTC', name);
        EXECUTE format(
            'ALTER TABLE stemma.%I ATTACH PARTITION stemma.%I FOR VALUES FROM (%L) TO (%L)',
            parent, name, first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
        n_made := n_made + 1;
    END LOOP;
    RETURN n_made;
END $$
"""


def _required(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _optional(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def _create_ingestion() -> None:
    op.create_table(
        "repositories",
        _required("repo_id", sa.Text, "Hash of the normalised location"),
        _required("name", sa.Text, "Unique short name, shown to people"),
        _required("kind", sa.Text, "git or folder"),
        _required("location", sa.Text, "Absolute path or URL as registered, credentials removed"),
        _required("tags", sa.ARRAY(sa.Text), "Free labels"),
        _optional("team", sa.Text, "Owning team"),
        _required("added_at", Timestamp, "When it was registered"),
        _optional("head_sha", sa.Text, "Commit or snapshot last ingested whole; null before the first"),
        _optional("ingested_at", Timestamp, "When head_sha was ingested whole"),
        _optional("extractor_version", sa.Text, "Extractor of that ingestion"),
        _required("is_shallow", sa.Boolean, "Its history is cut off"),
        _optional("status", sa.Text, "ok, empty, unreachable or broken, at the last look; null before it"),
        _optional("status_reason", sa.Text, "Why the status is not ok"),
        sa.PrimaryKeyConstraint("repo_id", name=op.f("repositories_pkey")),
        schema=SCHEMA,
        comment="One row per registered repository.",
    )
    op.create_index(op.f("repositories_name_idx"), "repositories", ["name"], unique=True, schema=SCHEMA)
    op.create_table(
        "commits",
        _required("repo_id", sa.Text, "Repository"),
        _required("sha", sa.Text, "Commit id; for a folder, the hash of its manifest"),
        _required("kind", sa.Text, "commit or snapshot (of a folder)"),
        _required("parents", sa.ARRAY(sa.Text), "Parent ids, first parent first"),
        _optional(
            "first_parent_index", sa.Integer, "Position on HEAD's first-parent chain, 0 = oldest; null when off it"
        ),
        _optional("author_name", sa.Text, "Author; null for a snapshot"),
        _optional("author_email", sa.Text, "Author's address; null for a snapshot"),
        _required("authored_at", Timestamp, "Author date; of a snapshot, when it was taken"),
        _required("committed_at", Timestamp, "Committer date"),
        _optional("subject", sa.Text, "First line of the message, at most 500 characters"),
        _required("is_shallow_boundary", sa.Boolean, "Its parents exist but are not here"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("commits_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", "sha", name=op.f("commits_pkey")),
        schema=SCHEMA,
        comment="One row per commit reachable from HEAD of a repository, or per snapshot of a folder.",
    )
    op.create_index(
        op.f("commits_repo_id_first_parent_index_idx"), "commits", ["repo_id", "first_parent_index"], schema=SCHEMA
    )
    op.create_table(
        "file_changes",
        _required("repo_id", sa.Text, "Repository"),
        _required("sha", sa.Text, "Commit on the first-parent chain"),
        _required("first_parent_index", sa.Integer, "Its position on the chain"),
        _required("path", sa.Text, "Path; bytes that are not UTF-8 are written \\xNN"),
        _required("language", sa.Text, "Language by the path"),
        _required("category", sa.Text, "source, vendored, generated or minified, by the path"),
        _optional("old_blob", sa.Text, "Content before; null when added"),
        _optional("new_blob", sa.Text, "Content after; null when deleted"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("file_changes_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", "sha", "path", name=op.f("file_changes_pkey")),
        schema=SCHEMA,
        comment="One row per file of a known language that a commit changed against its first parent.",
    )
    op.create_index(
        op.f("file_changes_repo_id_first_parent_index_idx"),
        "file_changes",
        ["repo_id", "first_parent_index"],
        schema=SCHEMA,
    )
    op.create_table(
        "files",
        _required("repo_id", sa.Text, "Repository"),
        _required("path", sa.Text, "Path; bytes that are not UTF-8 are written \\xNN"),
        _required("blob_oid", sa.Text, "Its content"),
        _optional("n_bytes", sa.BigInteger, "Size in bytes; null for a submodule, and where the content is missing"),
        _optional("language", sa.Text, "Language by the path; null when unknown"),
        _required(
            "category", sa.Text, "source, vendored, generated, minified, binary, lfs, submodule, symlink or other"
        ),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("files_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", "path", name=op.f("files_pkey")),
        schema=SCHEMA,
        comment="One row per file at the head of a repository that no ignore rule leaves out.",
    )
    op.create_index(op.f("files_blob_oid_idx"), "files", ["blob_oid"], schema=SCHEMA)
    op.create_table(
        "blobs",
        _required("blob_oid", sa.Text, "Git object id of the content"),
        _required("extractor_version", sa.Text, "Extractor that read it"),
        _required("language", sa.Text, "Language it was parsed as"),
        _required("n_bytes", sa.BigInteger, "Size in bytes"),
        _required("n_lines", sa.Integer, "Lines"),
        _required("status", sa.Text, "parsed, partial (syntax errors) or skipped"),
        _optional(
            "reason", sa.Text, "Why not parsed whole: too_large, binary, minified, timeout, missing, syntax_error, ..."
        ),
        _required("n_errors", sa.Integer, "Syntax error nodes"),
        _required("n_snippets", sa.Integer, "Definitions found"),
        _required("parse_ms", sa.REAL, "Milliseconds spent on it"),
        sa.PrimaryKeyConstraint("blob_oid", "extractor_version", name=op.f("blobs_pkey")),
        schema=SCHEMA,
        comment="One row per distinct file content and extractor version, in however many repositories it stands.",
    )
    op.create_table(
        "snippets",
        _required("blob_oid", sa.Text, "Content it stands in"),
        _required("extractor_version", sa.Text, "Extractor that found it"),
        _required("ordinal", sa.Integer, "Position among the blob's definitions, 0 first, in source order"),
        _optional("parent_ordinal", sa.Integer, "Enclosing definition; null at top level"),
        _required("kind", sa.Text, "function, method, class, interface, struct, enum, trait, ..."),
        _required("name", sa.Text, "Its own name"),
        _required("qualified_name", sa.Text, "Names of the enclosing definitions and its own, joined by dots"),
        _required(
            "duplicate_index", sa.Integer, "0 for the first of equal kind and qualified_name in the blob, then 1, ..."
        ),
        _required("start_line", sa.Integer, "First line, from 1, decorators included"),
        _required("end_line", sa.Integer, "Last line, inclusive"),
        _required("start_byte", sa.Integer, "Offset of the first byte"),
        _required("end_byte", sa.Integer, "Offset past the last byte"),
        _required("signature", sa.Text, "Declaration without body, on one line, at most 1,000 characters"),
        _optional(
            "docstring", sa.Text, "Docstring or leading comment, at most 4,000 characters; null when there is none"
        ),
        _required("is_deprecated", sa.Boolean, "Carries the language's mark of deprecation"),
        _required("is_test", sa.Boolean, "Named or marked as a test"),
        _required(
            "exact_hash",
            sa.Text,
            "Hash of the text, trailing space and line ends folded: equal means Type-1 or verbatim",
        ),
        _required("pattern_id", sa.Text, "Hash of language and normal form: equal means Type-2 or closer"),
        _required("n_lines", sa.Integer, "Lines"),
        _required("n_tokens", sa.Integer, "Tokens, comments left out"),
        sa.PrimaryKeyConstraint("blob_oid", "extractor_version", "ordinal", name=op.f("snippets_pkey")),
        schema=SCHEMA,
        comment="One row per definition inside one file content.",
    )
    op.create_index(op.f("snippets_pattern_id_idx"), "snippets", ["pattern_id"], schema=SCHEMA)
    op.create_table(
        "occurrences",
        _required("repo_id", sa.Text, "Repository"),
        _required("path", sa.Text, "Path"),
        _required("qualified_name", sa.Text, "Qualified name"),
        _required("kind", sa.Text, "Kind of definition"),
        _required("duplicate_index", sa.Integer, "Distinguishes equal kind and qualified name in one file"),
        _required("valid_from", sa.Integer, "first_parent_index of the commit that brought this content here"),
        _optional(
            "valid_to", sa.Integer, "first_parent_index of the commit that changed or removed it; null while it stands"
        ),
        _required("valid_from_sha", sa.Text, "That first commit"),
        _optional("valid_to_sha", sa.Text, "That last commit; null while it stands"),
        _required("language", sa.Text, "Language"),
        _required("category", sa.Text, "source, vendored, generated or minified"),
        _required("blob_oid", sa.Text, "File content at valid_from"),
        _required("ordinal", sa.Integer, "Snippet in that content"),
        _required("exact_hash", sa.Text, "Its text"),
        _required("pattern_id", sa.Text, "Its pattern"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("occurrences_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "repo_id", "path", "qualified_name", "kind", "duplicate_index", "valid_from", name=op.f("occurrences_pkey")
        ),
        schema=SCHEMA,
        comment="One row per snippet content at one path, from the commit that brought it to the one that ended it.",
    )
    op.create_index(op.f("occurrences_pattern_id_idx"), "occurrences", ["pattern_id"], schema=SCHEMA)
    op.create_index(op.f("occurrences_repo_id_valid_from_idx"), "occurrences", ["repo_id", "valid_from"], schema=SCHEMA)
    op.create_index(op.f("occurrences_repo_id_valid_to_idx"), "occurrences", ["repo_id", "valid_to"], schema=SCHEMA)
    op.create_table(
        "agent_events",
        _required("event_id", sa.Text, "Given by the agent, or the hash of the event"),
        _required("occurred_at", Timestamp, "When it happened; of an event without time, when it was received"),
        _required("received_at", Timestamp, "When it was read from the spool"),
        _required("agent", sa.Text, "claude-code, codex, cursor, gemini-cli or the envelope's own name"),
        _required("event_type", sa.Text, "Hook or event name"),
        _optional("session_id", sa.Text, "Agent session"),
        _optional("correlation_id", sa.Text, "Joins events that belong together; for a tool call, its id"),
        _optional("tool_name", sa.Text, "Tool that was called"),
        _optional("is_success", sa.Boolean, "Whether the call succeeded; null when the event does not say"),
        _optional("cwd", sa.Text, "Working directory"),
        _optional("file_path", sa.Text, "File that was written or edited"),
        _required("payload", JSONB, "The event, secrets removed"),
        _required("n_redactions", sa.Integer, "Secrets removed from it"),
        _required("source_file", sa.Text, "Spool file it came from"),
        sa.PrimaryKeyConstraint("event_id", "occurred_at", name=op.f("agent_events_pkey")),
        schema=SCHEMA,
        comment="One row per event of a coding agent. Partitioned by month of occurred_at.",
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(op.f("agent_events_session_id_idx"), "agent_events", ["session_id"], schema=SCHEMA)
    op.create_table(
        "rejected_events",
        _required("rejection_id", sa.Text, "Hash of file, line number and line"),
        _required("source_file", sa.Text, "Spool file"),
        _required("line_number", sa.Integer, "Line in it, from 1"),
        _required("raw", sa.Text, "The line, secrets removed, at most 4,000 characters"),
        _required("reason", sa.Text, "Why it could not be read"),
        _required("rejected_at", Timestamp, "When it was set aside"),
        sa.PrimaryKeyConstraint("rejection_id", name=op.f("rejected_events_pkey")),
        schema=SCHEMA,
        comment="One row per spool line that could not be read as an event.",
    )
    op.create_table(
        "spool_files",
        _required("name", sa.Text, "File name in the spool folder"),
        _required("inode", sa.BigInteger, "Inode it had, which a renamed file keeps"),
        _required("read_bytes", sa.BigInteger, "Bytes of whole lines already stored or set aside"),
        _required("read_lines", sa.BigInteger, "Lines in them"),
        _required(
            "seen_bytes", sa.BigInteger, "Its size at the last look: more than read_bytes where a line is half written"
        ),
        _required("fingerprint", sa.Text, "Hash of the first and last kilobyte already read: tells a rewritten file"),
        _required("read_at", Timestamp, "When it was last read"),
        sa.PrimaryKeyConstraint("name", name=op.f("spool_files_pkey")),
        schema=SCHEMA,
        comment="One row per spool file: how far it has been read, noted with the events in one transaction.",
    )


def _create_embedding_and_matching() -> None:
    op.create_table(
        "patterns",
        _required("pattern_id", sa.Text, "Hash of language and normal form"),
        _required("language", sa.Text, "Language"),
        _required("kind", sa.Text, "Kind of the representative definition"),
        _required("name", sa.Text, "Name of the representative"),
        _required("signature", sa.Text, "Signature of the representative"),
        _optional("docstring", sa.Text, "Docstring of the representative"),
        _required("code", sa.Text, "Text of the representative, at most 100,000 characters"),
        _required("n_lines", sa.Integer, "Lines of the representative"),
        _required("n_tokens", sa.Integer, "Tokens of the normal form"),
        _required(
            "shingles", sa.ARRAY(sa.Integer), "Distinct 32-bit hashes of the normal form's 5-token windows, sorted"
        ),
        _required("sub_tokens", sa.ARRAY(sa.Text), "Distinct sub-tokens of the identifiers, sorted"),
        _required("is_trivial", sa.Boolean, "Too small to be worth matching"),
        _required("n_live", sa.Integer, "Live occurrences in source files; 0 means it is only history"),
        _required("n_repositories", sa.Integer, "Repositories with a live occurrence"),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("patterns_pkey")),
        schema=SCHEMA,
        comment="One row per normalised content ever seen.",
    )
    op.create_index("patterns_live_idx", "patterns", ["pattern_id"], schema=SCHEMA, postgresql_where="n_live > 0")
    op.create_table(
        "embeddings",
        _required("pattern_id", sa.Text, "Pattern"),
        _required("embedder", sa.Text, "Embedder and its version"),
        _required(
            "dimensions", sa.SmallInteger, "Length of the vector; 0 when the text has nothing to embed, and no vector"
        ),
        _required("embedded_at", Timestamp, "When"),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["stemma.patterns.pattern_id"], name=op.f("embeddings_pattern_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pattern_id", "embedder", name=op.f("embeddings_pkey")),
        schema=SCHEMA,
        comment="One row per pattern under one embedder; the vector itself is in Qdrant.",
    )
    op.create_table(
        "matches",
        _required("pattern_a", sa.Text, "The smaller id of the pair"),
        _required("pattern_b", sa.Text, "The larger id of the pair"),
        _required(
            "clone_type", sa.Text, "type-3 or semantic; equal patterns (Type-1, Type-2) are one pattern, not a pair"
        ),
        _required("score", sa.REAL, "0-1, the weighted mean of the components present"),
        _optional(
            "structural", sa.REAL, "0-1, Jaccard of 5-token windows of the normal forms; null when either has none"
        ),
        _optional("lexical", sa.REAL, "0-1, Jaccard of identifier sub-tokens; null when either has none"),
        _optional("semantic", sa.REAL, "0-1, cosine of the embeddings; null when either has no vector"),
        _required("candidate_source", sa.Text, "fingerprint, vector or both"),
        _required("matcher_version", sa.Text, "Matcher, embedder and weights that scored it"),
        _required("matched_at", Timestamp, "When"),
        sa.CheckConstraint("pattern_a < pattern_b", name=op.f("matches_ordered_check")),
        sa.ForeignKeyConstraint(
            ["pattern_a"], ["stemma.patterns.pattern_id"], name=op.f("matches_pattern_a_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pattern_b"], ["stemma.patterns.pattern_id"], name=op.f("matches_pattern_b_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pattern_a", "pattern_b", name=op.f("matches_pkey")),
        schema=SCHEMA,
        comment="One row per unordered pair of different patterns that score at or above the threshold.",
    )
    op.create_index(op.f("matches_pattern_b_idx"), "matches", ["pattern_b"], schema=SCHEMA)
    op.create_table(
        "matched_patterns",
        _required("pattern_id", sa.Text, "Pattern"),
        _required("matcher_version", sa.Text, "Matcher, embedder and weights that matched it"),
        _required("matched_at", Timestamp, "When"),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["stemma.patterns.pattern_id"],
            name=op.f("matched_patterns_pattern_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("matched_patterns_pkey")),
        schema=SCHEMA,
        comment="One row per live pattern that was matched against all others; absent: still to be matched.",
    )
    op.create_table(
        "families",
        _required("family_id", sa.Text, "Stays put while the family keeps most of its members"),
        _required("language", sa.Text, "Language"),
        _required("medoid_pattern_id", sa.Text, "The member most like the others"),
        _required("name", sa.Text, "Name of the medoid"),
        _required("n_patterns", sa.Integer, "Member patterns"),
        _required("n_occurrences", sa.Integer, "Live places"),
        _required("n_repositories", sa.Integer, "Repositories with a live place"),
        _optional(
            "mean_score", sa.REAL, "Mean score of the matches inside; null when it is one pattern in several places"
        ),
        _required("created_at", Timestamp, "When it was first seen"),
        _required("updated_at", Timestamp, "When its members last changed"),
        sa.PrimaryKeyConstraint("family_id", name=op.f("families_pkey")),
        schema=SCHEMA,
        comment="One row per group of live copies: patterns that match, or one pattern in two or more places.",
    )
    op.create_table(
        "family_members",
        _required("family_id", sa.Text, "Family"),
        _required("pattern_id", sa.Text, "Member"),
        _required("joined_at", Timestamp, "When it joined"),
        sa.ForeignKeyConstraint(
            ["family_id"], ["stemma.families.family_id"], name=op.f("family_members_family_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["stemma.patterns.pattern_id"],
            name=op.f("family_members_pattern_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("family_id", "pattern_id", name=op.f("family_members_pkey")),
        schema=SCHEMA,
        comment="One row per pattern of a family; a pattern is in at most one family.",
    )
    op.create_index(op.f("family_members_pattern_id_idx"), "family_members", ["pattern_id"], unique=True, schema=SCHEMA)


def _create_validation() -> None:
    op.create_table(
        "votes",
        _required("pattern_id", sa.Text, "Pattern"),
        _required("member", sa.Text, "Quorum member"),
        _required("member_version", sa.Text, "Version of its tool and of its rules"),
        _required("vote", sa.Text, "pass, fail or abstain"),
        _optional("reason", sa.Text, "Why it abstained; null when it did not"),
        _required("findings", JSONB, "List of {rule, severity, line, message}"),
        _required("voted_at", Timestamp, "When"),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["stemma.patterns.pattern_id"], name=op.f("votes_pattern_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pattern_id", "member", "member_version", name=op.f("votes_pkey")),
        schema=SCHEMA,
        comment="One row per vote of one version of one member on one pattern.",
    )
    op.create_table(
        "verdicts",
        _required("pattern_id", sa.Text, "Pattern"),
        _required("decided_at", Timestamp, "When; the latest is in force"),
        _required("outcome", sa.Text, "accept, reject or needs_review"),
        _optional("score", sa.REAL, "0-1, weighted share of pass among the votes cast; null when none was cast"),
        _optional("agreement", sa.REAL, "0-1, weight of the larger side among the votes cast; null when none was cast"),
        _required("n_pass", sa.SmallInteger, "Votes for"),
        _required("n_fail", sa.SmallInteger, "Votes against"),
        _required("n_abstain", sa.SmallInteger, "Abstentions"),
        _required("reason", sa.Text, "What decided it, in one sentence"),
        _required("votes_digest", sa.Text, "Hash of the votes and the rule that gave it"),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["stemma.patterns.pattern_id"], name=op.f("verdicts_pattern_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pattern_id", "decided_at", name=op.f("verdicts_pkey")),
        schema=SCHEMA,
        comment="One row per verdict on a pattern, kept as history; a row is added only when the votes change.",
    )


def _create_lineage() -> None:
    op.create_table(
        "lineage_nodes",
        _required("node_id", sa.Text, "Hash of repository, path, kind, qualified name, duplicate index and commit"),
        _required("repo_id", sa.Text, "Repository"),
        _required("path", sa.Text, "Path"),
        _required("kind", sa.Text, "Kind of definition"),
        _required("qualified_name", sa.Text, "Qualified name"),
        _required("duplicate_index", sa.Integer, "Distinguishes equal kind and qualified name in one file"),
        _required("language", sa.Text, "Language"),
        _required("exact_hash", sa.Text, "Its text"),
        _required("pattern_id", sa.Text, "Its pattern"),
        _required("sha", sa.Text, "Commit that brought this version"),
        _required("first_parent_index", sa.Integer, "Position of that commit"),
        _required("occurred_at", Timestamp, "Committer date of that commit"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("lineage_nodes_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("lineage_nodes_pkey")),
        schema=SCHEMA,
        comment="One row per version of one element (a definition at a path).",
    )
    op.create_index(op.f("lineage_nodes_pattern_id_idx"), "lineage_nodes", ["pattern_id"], schema=SCHEMA)
    op.create_index(
        op.f("lineage_nodes_repo_id_path_qualified_name_idx"),
        "lineage_nodes",
        ["repo_id", "path", "qualified_name"],
        schema=SCHEMA,
    )
    op.create_table(
        "lineage_edges",
        _required("edge_id", sa.Text, "Hash of both ends and the type"),
        _required("repo_id", sa.Text, "Repository"),
        _required("child_id", sa.Text, "The later version"),
        _required("parent_id", sa.Text, "The version it came from"),
        _required("edge_type", sa.Text, "modified_from, renamed_from, moved_from"),
        _optional("weight", sa.REAL, "0-1, Jaccard of 5-token windows of the normal forms; null when either has none"),
        _required("confidence", sa.REAL, "0-1, one over the number of equally good pairings at that commit"),
        _required("evidence", JSONB, "What joined them"),
        sa.CheckConstraint("child_id <> parent_id", name=op.f("lineage_edges_no_self_edge_check")),
        sa.ForeignKeyConstraint(
            ["child_id"], ["stemma.lineage_nodes.node_id"], name=op.f("lineage_edges_child_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["stemma.lineage_nodes.node_id"],
            name=op.f("lineage_edges_parent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("lineage_edges_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edge_id", name=op.f("lineage_edges_pkey")),
        schema=SCHEMA,
        comment="One row per derivation of one version from another.",
    )
    op.create_index(op.f("lineage_edges_child_id_idx"), "lineage_edges", ["child_id"], schema=SCHEMA)
    op.create_index(op.f("lineage_edges_parent_id_idx"), "lineage_edges", ["parent_id"], schema=SCHEMA)
    op.create_table(
        "lineage_events",
        _required("event_id", sa.Text, "Hash of node, type and commit"),
        _required("occurred_at", Timestamp, "Committer date"),
        _required("repo_id", sa.Text, "Repository"),
        _required("node_id", sa.Text, "Version it happened to"),
        _required(
            "event_type", sa.Text, "created, observed (birth unknown), modified, renamed, moved, deprecated or removed"
        ),
        _required("sha", sa.Text, "Commit"),
        _required("first_parent_index", sa.Integer, "Position of that commit"),
        _required("detail", JSONB, "From and to, where there is one"),
        sa.PrimaryKeyConstraint("event_id", "occurred_at", name=op.f("lineage_events_pkey")),
        schema=SCHEMA,
        comment="One row per thing that happened to an element. Partitioned by month of occurred_at.",
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(op.f("lineage_events_node_id_idx"), "lineage_events", ["node_id"], schema=SCHEMA)
    op.create_index(
        op.f("lineage_events_repo_id_first_parent_index_idx"),
        "lineage_events",
        ["repo_id", "first_parent_index"],
        schema=SCHEMA,
    )
    op.create_table(
        "lineage_progress",
        _required("repo_id", sa.Text, "Repository"),
        _required("step", sa.Text, "occurrences, lineage or outcomes"),
        _optional("version", sa.Text, "Extractor and rules that made its rows; null before the first"),
        _optional("first_parent_index", sa.Integer, "Position of the last commit it has read; null before the first"),
        _optional("sha", sa.Text, "That commit; when the chain no longer has it there, the step cuts back"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("lineage_progress_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", "step", name=op.f("lineage_progress_pkey")),
        schema=SCHEMA,
        comment="One row per repository and step: how far along the first-parent chain it has come.",
    )


def _create_feedback_and_bookkeeping() -> None:
    op.create_table(
        "outcomes",
        _required("outcome_id", sa.Text, "Hash of node and outcome"),
        _required("node_id", sa.Text, "Version it is about"),
        _required("repo_id", sa.Text, "Repository"),
        _required("outcome", sa.Text, "survived_30d, survived_90d, replaced, fixed or removed"),
        _required("decided_at", Timestamp, "Date of the commit that ended it, or the day the age was reached"),
        _optional("sha", sa.Text, "Commit that ended it; null when it survived"),
        _optional("age_days", sa.REAL, "Days it stood when it was decided; null when its birth is unknown"),
        sa.ForeignKeyConstraint(
            ["node_id"], ["stemma.lineage_nodes.node_id"], name=op.f("outcomes_node_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["stemma.repositories.repo_id"], name=op.f("outcomes_repo_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("outcome_id", name=op.f("outcomes_pkey")),
        schema=SCHEMA,
        comment="One row per thing that became of one version of an element.",
    )
    op.create_index(op.f("outcomes_node_id_idx"), "outcomes", ["node_id"], schema=SCHEMA)
    op.create_table(
        "runs",
        _required("run_id", sa.Text, "Run id; Dagster's where Dagster ran it"),
        _required("started_at", Timestamp, "Start"),
        _optional("ended_at", Timestamp, "End; null while it runs or when it was killed"),
        _required("status", sa.Text, "running, succeeded, failed or killed"),
        _optional(
            "inputs", JSONB, "State of everything it read, by name; a later run that finds the same has nothing to do"
        ),
        _optional("peak_memory_mib", sa.REAL, "Largest resident size of its process or of one child"),
        _optional("error", sa.Text, "Why it failed"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("runs_pkey")),
        schema=SCHEMA,
        comment="One row per run of the main job.",
    )
    op.create_table(
        "run_phases",
        _required("run_id", sa.Text, "Run"),
        _required("phase", sa.Text, "Asset"),
        _required("seconds", sa.REAL, "Wall seconds"),
        _required("cpu_seconds", sa.REAL, "CPU seconds of the run's process and all below it"),
        _optional("n_rows", sa.BigInteger, "Rows written; null when the phase writes none"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["stemma.runs.run_id"], name=op.f("run_phases_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "phase", name=op.f("run_phases_pkey")),
        schema=SCHEMA,
        comment="One row per phase of a run.",
    )
    op.create_table(
        "gate_results",
        _required("run_id", sa.Text, "Run"),
        _required("asset", sa.Text, "Asset the gate stands behind"),
        _required("gate", sa.Text, "Asset check"),
        _required("is_passed", sa.Boolean, "Whether it was passed"),
        _required("is_blocking", sa.Boolean, "Whether it stops what comes after"),
        _optional("description", sa.Text, "What it found"),
        _required("evaluated_at", Timestamp, "When"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["stemma.runs.run_id"], name=op.f("gate_results_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "asset", "gate", name=op.f("gate_results_pkey")),
        schema=SCHEMA,
        comment="One row per gate evaluated in a run.",
    )


def upgrade() -> None:
    _create_ingestion()
    _create_embedding_and_matching()
    _create_validation()
    _create_lineage()
    _create_feedback_and_bookkeeping()
    for table in PARTITIONED:
        op.execute(f"CREATE TABLE stemma.{table}_default PARTITION OF stemma.{table} DEFAULT")
    op.execute(ENSURE_MONTHS)
    op.execute(
        "COMMENT ON FUNCTION stemma.ensure_months IS 'Makes the monthly partitions that are missing; returns how many.'"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION stemma.ensure_months")
    for table in reversed(TABLES):
        op.drop_table(table, schema="stemma")


TABLES = (
    "agent_events",
    "blobs",
    "families",
    "lineage_events",
    "patterns",
    "rejected_events",
    "repositories",
    "runs",
    "snippets",
    "spool_files",
    "commits",
    "embeddings",
    "family_members",
    "file_changes",
    "files",
    "gate_results",
    "lineage_nodes",
    "lineage_progress",
    "matched_patterns",
    "matches",
    "occurrences",
    "run_phases",
    "verdicts",
    "votes",
    "lineage_edges",
    "outcomes",
)
