"""Every table of Stemma, once: grain (the table comment), key, columns, types, units (the column comments).

Migrations are checked against this file, and Polars schemas come from it. Queries and writes live in the rooms
that own the rows. Ids are lower-case hex of BLAKE2b-128 over content (see `stemma.ids`); git object ids are git's own.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "stemma"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)

Timestamp = DateTime(timezone=True)


def _required(name: str, kind: Any, comment: str, *args: Any) -> Column[Any]:
    return Column(name, kind, *args, nullable=False, comment=comment)


def _optional(name: str, kind: Any, comment: str, *args: Any) -> Column[Any]:
    return Column(name, kind, *args, nullable=True, comment=comment)


def _repo_id() -> Column[Any]:
    return _required("repo_id", Text, "Repository", ForeignKey("repositories.repo_id", ondelete="CASCADE"))


# --- ingestion -------------------------------------------------------------------------------------------------

repositories = Table(
    "repositories",
    metadata,
    _required("repo_id", Text, "Hash of the normalised location"),
    _required("name", Text, "Unique short name, shown to people"),
    _required("kind", Text, "git or folder"),
    _required("location", Text, "Absolute path or URL as registered, credentials removed"),
    _required("tags", ARRAY(Text), "Free labels"),
    _optional("team", Text, "Owning team"),
    _required("added_at", Timestamp, "When it was registered"),
    _optional("head_sha", Text, "Commit or snapshot last ingested whole; null before the first"),
    _optional("ingested_at", Timestamp, "When head_sha was ingested whole"),
    _optional("extractor_version", Text, "Extractor of that ingestion"),
    _required("is_shallow", Boolean, "Its history is cut off"),
    _optional("status", Text, "ok, empty, unreachable or broken, at the last look; null before it"),
    _optional("status_reason", Text, "Why the status is not ok"),
    PrimaryKeyConstraint("repo_id"),
    Index(None, "name", unique=True),
    comment="One row per registered repository.",
)

commits = Table(
    "commits",
    metadata,
    _repo_id(),
    _required("sha", Text, "Commit id; for a folder, the hash of its manifest"),
    _required("kind", Text, "commit or snapshot (of a folder)"),
    _required("parents", ARRAY(Text), "Parent ids, first parent first"),
    _optional("first_parent_index", Integer, "Position on HEAD's first-parent chain, 0 = oldest; null when off it"),
    _optional("author_name", Text, "Author; null for a snapshot"),
    _optional("author_email", Text, "Author's address; null for a snapshot"),
    _required("authored_at", Timestamp, "Author date; of a snapshot, when it was taken"),
    _required("committed_at", Timestamp, "Committer date"),
    _optional("subject", Text, "First line of the message, at most 500 characters"),
    _required("is_shallow_boundary", Boolean, "Its parents exist but are not here"),
    _required("position", Integer, "Place in a topological order of the repository: parents have lower ones"),
    _required("trailers", ARRAY(Text), "Trailers of the message as 'Key: value', at most 50 of 300 characters"),
    _optional("traced_by", Text, "Rules and extractor by which its lineage was traced; null before"),
    PrimaryKeyConstraint("repo_id", "sha"),
    Index(None, "repo_id", "first_parent_index"),
    Index(None, "repo_id", "position"),
    comment="One row per commit reachable from HEAD of a repository, or per snapshot of a folder.",
)

file_changes = Table(
    "file_changes",
    metadata,
    _repo_id(),
    _required("sha", Text, "Commit"),
    _optional("first_parent_index", Integer, "Its position on HEAD's first-parent chain; null when off it"),
    _required("path", Text, "Path; bytes that are not UTF-8 are written \\xNN"),
    _required("language", Text, "Language by the path"),
    _required("category", Text, "source, vendored, generated or minified, by the path"),
    _optional("old_blob", Text, "Content before; null when added"),
    _optional("new_blob", Text, "Content after; null when deleted"),
    PrimaryKeyConstraint("repo_id", "sha", "path"),
    Index(None, "repo_id", "first_parent_index"),
    comment="One row per file of a known language that a commit changed against its first parent.",
)

files = Table(
    "files",
    metadata,
    _repo_id(),
    _required("path", Text, "Path; bytes that are not UTF-8 are written \\xNN"),
    _required("blob_oid", Text, "Its content"),
    _optional("n_bytes", BigInteger, "Size in bytes; null for a submodule, and where the content is missing"),
    _optional("language", Text, "Language by the path; null when unknown"),
    _required("category", Text, "source, vendored, generated, minified, binary, lfs, submodule, symlink or other"),
    PrimaryKeyConstraint("repo_id", "path"),
    Index(None, "blob_oid"),
    comment="One row per file at the head of a repository that no ignore rule leaves out.",
)

blobs = Table(
    "blobs",
    metadata,
    _required("blob_oid", Text, "Git object id of the content"),
    _required("extractor_version", Text, "Extractor that read it"),
    _required("language", Text, "Language it was parsed as"),
    _required("n_bytes", BigInteger, "Size in bytes"),
    _required("n_lines", Integer, "Lines"),
    _required("status", Text, "parsed, partial (syntax errors) or skipped"),
    _optional("reason", Text, "Why not parsed whole: too_large, binary, minified, timeout, missing, syntax_error, ..."),
    _required("n_errors", Integer, "Syntax error nodes"),
    _required("n_snippets", Integer, "Definitions found"),
    _required("parse_ms", REAL, "Milliseconds spent on it"),
    _required("imports", ARRAY(Text), "Distinct modules, packages or headers it imports, as written, sorted"),
    PrimaryKeyConstraint("blob_oid", "extractor_version"),
    comment="One row per distinct file content and extractor version, in however many repositories it stands.",
)

snippets = Table(
    "snippets",
    metadata,
    _required("blob_oid", Text, "Content it stands in"),
    _required("extractor_version", Text, "Extractor that found it"),
    _required("ordinal", Integer, "Position among the blob's definitions, 0 first, in source order"),
    _optional("parent_ordinal", Integer, "Enclosing definition; null at top level"),
    _required("kind", Text, "function, method, class, interface, struct, enum, trait, ..."),
    _required("name", Text, "Its own name"),
    _required("qualified_name", Text, "Names of the enclosing definitions and its own, joined by dots"),
    _required("duplicate_index", Integer, "0 for the first of equal kind and qualified_name in the blob, then 1, ..."),
    _required("start_line", Integer, "First line, from 1, decorators included"),
    _required("end_line", Integer, "Last line, inclusive"),
    _required("start_byte", Integer, "Offset of the first byte"),
    _required("end_byte", Integer, "Offset past the last byte"),
    _required("signature", Text, "Declaration without body, on one line, at most 1,000 characters"),
    _optional("docstring", Text, "Docstring or leading comment, at most 4,000 characters; null when there is none"),
    _optional("doc_hash", Text, "Hash of the whole docstring or leading comment; null when there is none"),
    _optional(
        "loose_hash",
        Text,
        "Hash of its trailing space and of the comment before it, as laid out; null when it has neither",
    ),
    _required("is_deprecated", Boolean, "Carries the language's mark of deprecation"),
    _required("is_test", Boolean, "Named or marked as a test"),
    _required(
        "exact_hash", Text, "Hash of the text, trailing space and line ends folded: equal means Type-1 or verbatim"
    ),
    _required("pattern_id", Text, "Hash of language and normal form: equal means Type-2 or closer"),
    _required("n_lines", Integer, "Lines"),
    _required("n_tokens", Integer, "Tokens, comments left out"),
    PrimaryKeyConstraint("blob_oid", "extractor_version", "ordinal"),
    Index(None, "pattern_id"),
    comment="One row per definition inside one file content.",
)

snippet_texts = Table(
    "snippet_texts",
    metadata,
    _required("exact_hash", Text, "Its text"),
    _required("language", Text, "Language it was parsed as"),
    _required("extractor_version", Text, "Extractor that read it"),
    _required("token_hash", Text, "Hash of language and tokens as written: equal means Type-1"),
    _required("parameters", ARRAY(Text), "Names of the parameters, in order; receiver and self included"),
    _required("modifiers", ARRAY(Text), "async, static, test, abstract, public, const, ... as the language names them"),
    _required("calls", ARRAY(Text), "Distinct names called, qualified as written, in order of first call"),
    _required("defines", ARRAY(Text), "Distinct names it binds (variables, fields, inner definitions), in order"),
    _required("complexity", Integer, "Cyclomatic complexity (McCabe 1976): 1 + decisions"),
    _optional("body_hash", Text, "Hash of the body's tokens as written, comments and docstring out; null: no body"),
    _optional("comments_hash", Text, "Hash of the comments inside it, layout folded; null when there are none"),
    _optional("parameter_list", Text, "Parameters as written, types and defaults included, layout folded"),
    _optional("return_type", Text, "Return type as written, layout folded; null when none is written"),
    _required("annotations", ARRAY(Text), "Annotations, attributes or decorators as written, layout folded, in order"),
    _required("raises", ARRAY(Text), "Exceptions the declaration names (Java throws), as written, in order"),
    PrimaryKeyConstraint("exact_hash", "language"),
    comment="One row per distinct text of a definition: what can be said of it without what is around it.",
)

occurrences = Table(
    "occurrences",
    metadata,
    _repo_id(),
    _required("path", Text, "Path"),
    _required("qualified_name", Text, "Qualified name"),
    _required("kind", Text, "Kind of definition"),
    _required("duplicate_index", Integer, "Distinguishes equal kind and qualified name in one file"),
    _required("valid_from", Integer, "first_parent_index of the commit that brought this content here"),
    _optional("valid_to", Integer, "first_parent_index of the commit that changed or removed it; null while it stands"),
    _required("valid_from_sha", Text, "That first commit"),
    _optional("valid_to_sha", Text, "That last commit; null while it stands"),
    _required("language", Text, "Language"),
    _required("category", Text, "source, vendored, generated or minified"),
    _required("blob_oid", Text, "File content at valid_from"),
    _required("ordinal", Integer, "Snippet in that content"),
    _required("exact_hash", Text, "Its text"),
    _required("pattern_id", Text, "Its pattern"),
    PrimaryKeyConstraint("repo_id", "path", "qualified_name", "kind", "duplicate_index", "valid_from"),
    Index(None, "pattern_id"),
    Index(None, "repo_id", "valid_from"),
    Index(None, "repo_id", "valid_to"),
    comment="One row per snippet content at one path, from the commit that brought it to the one that ended it.",
)

agent_events = Table(
    "agent_events",
    metadata,
    _required("event_id", Text, "Given by the agent, or the hash of the event"),
    _required("occurred_at", Timestamp, "When it happened; of an event without time, when it was received"),
    _required("received_at", Timestamp, "When it was read from the spool"),
    _required("agent", Text, "claude-code, codex, cursor, gemini-cli or the envelope's own name"),
    _required("event_type", Text, "Hook or event name"),
    _optional("session_id", Text, "Agent session"),
    _optional("correlation_id", Text, "Joins events that belong together; for a tool call, its id"),
    _optional("tool_name", Text, "Tool that was called"),
    _optional("is_success", Boolean, "Whether the call succeeded; null when the event does not say"),
    _optional("cwd", Text, "Working directory"),
    _optional("file_path", Text, "File that was written or edited"),
    _required("payload", JSONB, "The event, secrets removed"),
    _required("n_redactions", Integer, "Secrets removed from it"),
    _required("source_file", Text, "Spool file it came from"),
    PrimaryKeyConstraint("event_id", "occurred_at"),
    Index(None, "session_id"),
    comment="One row per event of a coding agent. Partitioned by month of occurred_at.",
    postgresql_partition_by="RANGE (occurred_at)",
)

rejected_events = Table(
    "rejected_events",
    metadata,
    _required("rejection_id", Text, "Hash of file, line number and line"),
    _required("source_file", Text, "Spool file"),
    _required("line_number", Integer, "Line in it, from 1"),
    _required("raw", Text, "The line, secrets removed, at most 4,000 characters"),
    _required("reason", Text, "Why it could not be read"),
    _required("rejected_at", Timestamp, "When it was set aside"),
    PrimaryKeyConstraint("rejection_id"),
    comment="One row per spool line that could not be read as an event.",
)

spool_files = Table(
    "spool_files",
    metadata,
    _required("name", Text, "File name in the spool folder"),
    _required("inode", BigInteger, "Inode it had, which a renamed file keeps"),
    _required("read_bytes", BigInteger, "Bytes of whole lines already stored or set aside"),
    _required("read_lines", BigInteger, "Lines in them"),
    _required("seen_bytes", BigInteger, "Its size at the last look: more than read_bytes where a line is half written"),
    _required("fingerprint", Text, "Hash of the first and last kilobyte already read: tells a rewritten file"),
    _required("read_at", Timestamp, "When it was last read"),
    PrimaryKeyConstraint("name"),
    comment="One row per spool file: how far it has been read, noted with the events in one transaction.",
)

# --- embedding and matching ------------------------------------------------------------------------------------

patterns = Table(
    "patterns",
    metadata,
    _required("pattern_id", Text, "Hash of language and normal form"),
    _required("language", Text, "Language"),
    _required("kind", Text, "Kind of the representative definition"),
    _required("name", Text, "Name of the representative"),
    _required("signature", Text, "Signature of the representative"),
    _optional("docstring", Text, "Docstring of the representative"),
    _required("code", Text, "Text of the representative, at most 100,000 characters"),
    _required("n_lines", Integer, "Lines of the representative"),
    _required("n_tokens", Integer, "Tokens of the normal form"),
    _required("shingles", ARRAY(Integer), "Distinct 32-bit hashes of the normal form's 5-token windows, sorted"),
    _required("sub_tokens", ARRAY(Text), "Distinct sub-tokens of the identifiers, sorted"),
    _required("is_trivial", Boolean, "Too small, or too common a shape, for its equality to mean anything"),
    _required("n_live", Integer, "Live occurrences in source files; 0 means it is only history"),
    _required("n_repositories", Integer, "Repositories with a live occurrence"),
    _optional(
        "trivial_reason",
        Text,
        "tiny, accessor, constructor, delegate, data or generated; null when it is not trivial",
    ),
    _required("structure", Text, "The normal form, one character a token, every identifier the same one"),
    _required("extractor_version", Text, "Extractor that made it"),
    PrimaryKeyConstraint("pattern_id"),
    Index("patterns_live_idx", "pattern_id", postgresql_where="n_live > 0"),
    comment="One row per normalised content ever seen.",
)

embeddings = Table(
    "embeddings",
    metadata,
    _required("pattern_id", Text, "Pattern", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("embedder", Text, "Embedder and its version"),
    _required("dimensions", SmallInteger, "Length of the vector; 0 when the text has nothing to embed, and no vector"),
    _required("embedded_at", Timestamp, "When"),
    PrimaryKeyConstraint("pattern_id", "embedder"),
    comment="One row per pattern under one embedder; the vector itself is in Qdrant.",
)

matches = Table(
    "matches",
    metadata,
    _required("pattern_a", Text, "The smaller id of the pair", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("pattern_b", Text, "The larger id of the pair", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("clone_type", Text, "type-3 or semantic; equal patterns (Type-1, Type-2) are one pattern, not a pair"),
    _required("score", REAL, "0-1, the weighted mean of the components present"),
    _optional("structural", REAL, "0-1, share of the two token sequences that aligns; null when either is empty"),
    _optional("lexical", REAL, "0-1, Jaccard of identifier sub-tokens; null when either has none"),
    _optional("semantic", REAL, "0-1, cosine of the embeddings; null when either has no vector"),
    _required("candidate_source", Text, "fingerprint, vector or both"),
    _required("matcher_version", Text, "Matcher, embedder and weights that scored it"),
    _required("matched_at", Timestamp, "When"),
    _optional("fingerprint", REAL, "0-1, Jaccard of 5-token windows of the normal forms; null when either has none"),
    _optional("probability", REAL, "0-1, that the two are clones, as calibrated; null under weights of one's own"),
    _required("confidence", REAL, "0-1, how far the evidence that is present carries"),
    _optional("note", Text, "Which evidence is absent, and why; null when none is"),
    PrimaryKeyConstraint("pattern_a", "pattern_b"),
    Index(None, "pattern_b"),
    CheckConstraint("pattern_a < pattern_b", name="ordered"),
    comment="One row per unordered pair of different patterns that score at or above the threshold.",
)

matched_patterns = Table(
    "matched_patterns",
    metadata,
    _required("pattern_id", Text, "Pattern", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("matcher_version", Text, "Matcher, embedder and weights that matched it"),
    _required("matched_at", Timestamp, "When"),
    _required("sketch", ARRAY(Integer), "Fingerprints it was found by: later patterns are held against them"),
    PrimaryKeyConstraint("pattern_id"),
    comment="One row per live pattern that was matched against all others; absent: still to be matched.",
)

families = Table(
    "families",
    metadata,
    _required("family_id", Text, "Stays put while the family keeps most of its members"),
    _required("language", Text, "Language"),
    _required("medoid_pattern_id", Text, "The member most like the others"),
    _required("name", Text, "Name of the medoid"),
    _required("n_patterns", Integer, "Member patterns"),
    _required("n_occurrences", Integer, "Live places"),
    _required("n_repositories", Integer, "Repositories with a live place"),
    _optional("mean_score", REAL, "Mean score of the matches inside; null when it is one pattern in several places"),
    _required("created_at", Timestamp, "When it was first seen"),
    _required("updated_at", Timestamp, "When its members last changed"),
    _optional(
        "cohesion",
        REAL,
        "0-1, mean score of all pairs of members, those that do not match as 0; null when it is one pattern",
    ),
    PrimaryKeyConstraint("family_id"),
    comment="One row per group of live copies: patterns that match, or one pattern in two or more places.",
)

family_members = Table(
    "family_members",
    metadata,
    _required("family_id", Text, "Family", ForeignKey("families.family_id", ondelete="CASCADE")),
    _required("pattern_id", Text, "Member", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("joined_at", Timestamp, "When it joined"),
    _optional("similarity", REAL, "0-1, score with the medoid; null for the medoid and where they were never matched"),
    PrimaryKeyConstraint("family_id", "pattern_id"),
    Index(None, "pattern_id", unique=True),
    comment="One row per pattern of a family; a pattern is in at most one family.",
)

pattern_semantics = Table(
    "pattern_semantics",
    metadata,
    _required("pattern_id", Text, "Pattern", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("analyser", Text, "Analyser, its version and what it was asked"),
    _required("concepts", ARRAY(Text), "Words that tell it from the rest of the corpus, strongest first"),
    _required("themes", ARRAY(Text), "What kind of work it does, strongest first"),
    _required("domains", ARRAY(Text), "Fields it belongs to, strongest first"),
    _required("detail", JSONB, "Evidence: weights of the concepts, what named each theme and domain"),
    _required("analysed_at", Timestamp, "When"),
    PrimaryKeyConstraint("pattern_id", "analyser"),
    comment="One row per pattern under one semantic analyser.",
)

token_statistics = Table(
    "token_statistics",
    metadata,
    _required("language", Text, "Language"),
    _required("token", Text, "Sub-token of identifiers, found in two patterns at least"),
    _required("n_patterns", Integer, "Live patterns of the language that have it"),
    _required("language_patterns", Integer, "Live patterns of the language"),
    _required("language_tokens", BigInteger, "Sum of n_patterns over all of the language's sub-tokens"),
    _required("n_corpus", Integer, "Live patterns of all languages when it was counted"),
    _required("counted_at", Timestamp, "When"),
    PrimaryKeyConstraint("language", "token"),
    comment="One row per language and sub-token: how common it was when the corpus had last doubled or halved.",
)

# --- validation ------------------------------------------------------------------------------------------------

votes = Table(
    "votes",
    metadata,
    _required("pattern_id", Text, "Pattern", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("exact_hash", Text, "Its text that was judged"),
    _required("member", Text, "Quorum member"),
    _required("member_version", Text, "Version of its tool and of its rules"),
    _required("vote", Text, "pass, fail or abstain"),
    _optional("probability", REAL, "0-1, that it is fit for reuse, as the member says itself; null: it only votes"),
    _optional("reason", Text, "Why it abstained; null when it did not"),
    _required("findings", JSONB, "List of {rule, severity, line, message}; line 1 is the first of the text"),
    _optional("seconds", REAL, "Its share of the seconds its batch took; null when the member was not asked"),
    _optional("cost", REAL, "US dollars it cost; null where no price is known, as of what runs on this machine"),
    _required("voted_at", Timestamp, "When"),
    PrimaryKeyConstraint("pattern_id", "exact_hash", "member", "member_version"),
    comment="One row per vote of one version of one member on one text of a pattern.",
)

verdicts = Table(
    "verdicts",
    metadata,
    _required("pattern_id", Text, "Pattern", ForeignKey("patterns.pattern_id", ondelete="CASCADE")),
    _required("exact_hash", Text, "Its text that was judged"),
    _required("decided_at", Timestamp, "When; the latest is in force"),
    _required("outcome", Text, "accept, reject or needs_review"),
    _optional("probability", REAL, "0-1, that it is fit for reuse, as calibrated; null when no quorum was reached"),
    _required("decision", Text, "auto_apply, suggest, review or refuse: what a consumer may do with it"),
    _optional("agreement", REAL, "0-1, share of the larger side among the families that voted; null when none did"),
    _required("n_pass", SmallInteger, "Votes for"),
    _required("n_fail", SmallInteger, "Votes against"),
    _required("n_abstain", SmallInteger, "Abstentions"),
    _required("n_families", SmallInteger, "Families of members with a vote that is no abstention"),
    _required("reason", Text, "What decided it, in one sentence"),
    _optional("changed", Text, "What changed since the verdict before, in one sentence; null of the first"),
    _required("rule_version", Text, "Rule, calibration and labels it was decided by"),
    _required("votes_digest", Text, "The votes and reviews it rests on, each in a word"),
    PrimaryKeyConstraint("pattern_id", "exact_hash", "decided_at"),
    comment="One row per verdict on one text of a pattern, kept as history; one is added when its votes change.",
)

labels = Table(
    "labels",
    metadata,
    _required("label_id", Text, "Hash of text, source, labeller and time"),
    _required("pattern_id", Text, "Pattern"),
    _required("exact_hash", Text, "Its text"),
    _required("is_fit", Boolean, "Whether it is fit for reuse"),
    _required("source", Text, "review (a person decided), file (imported) or outcome (what became of it)"),
    _required("labelled_by", Text, "Who: a name, a file, or the rule that read the outcome"),
    _optional("reason", Text, "Why, in the labeller's words, secrets removed"),
    _required("labelled_at", Timestamp, "When; of one labeller's labels on a text the latest is in force"),
    PrimaryKeyConstraint("label_id"),
    Index(None, "pattern_id", "exact_hash"),
    comment="One row per label of a text: what verdicts are calibrated on and measured by. It outlives its pattern.",
)

sittings = Table(
    "sittings",
    metadata,
    _required("sitting_id", Text, "Hash of its time and rule"),
    _required("sat_at", Timestamp, "When"),
    _required("rule_version", Text, "Rule, calibration and labels it decided by"),
    _required("n_texts", Integer, "Texts in scope: live, of patterns that are not trivial"),
    _required("n_decided", Integer, "Verdicts it added"),
    _required("n_accept", Integer, "Texts whose verdict in force after it is accept"),
    _required("n_reject", Integer, "Texts whose verdict in force after it is reject"),
    _required("n_needs_review", Integer, "Texts whose verdict in force after it is needs_review"),
    _required("n_changed", Integer, "Texts whose outcome is another than before"),
    _optional("alpha", REAL, "Krippendorff's alpha of the members' votes; null when fewer than two voted on one text"),
    _required("n_labelled", Integer, "Texts in scope with a label in force"),
    _optional("calibration_error", REAL, "0-1, expected calibration error on these; null when there are too few"),
    PrimaryKeyConstraint("sitting_id"),
    comment="One row per sitting of the quorum that added a verdict: how it stood when it rose.",
)

sitting_members = Table(
    "sitting_members",
    metadata,
    _required("sitting_id", Text, "Sitting", ForeignKey("sittings.sitting_id", ondelete="CASCADE")),
    _required("member", Text, "Quorum member"),
    _required("member_version", Text, "Version of its tool and of its rules"),
    _required("family", Text, "Members of one family see with the same eyes, and count once"),
    _required("n_pass", Integer, "Votes for"),
    _required("n_fail", Integer, "Votes against"),
    _required("n_abstain", Integer, "Abstentions, those without an answer included"),
    _required("n_no_answer", Integer, "Abstentions because it crashed, timed out or could not be understood"),
    _required("n_true_pass", Integer, "Labelled fit, and passed"),
    _required("n_false_pass", Integer, "Labelled unfit, and passed"),
    _required("n_true_fail", Integer, "Labelled unfit, and failed"),
    _required("n_false_fail", Integer, "Labelled fit, and failed"),
    _optional("sensitivity", REAL, "0-1, share of unfit texts it fails, by Dawid-Skene; null: it never votes"),
    _optional("specificity", REAL, "0-1, share of fit texts it passes, by Dawid-Skene; null: it never votes"),
    _optional("calibration_error", REAL, "0-1, of its probabilities on labelled texts; null when there are too few"),
    _optional("marginal_worth", REAL, "Log loss the verdicts on labelled texts gain without it; null: too few labels"),
    _optional("n_decisive", Integer, "Texts whose outcome would be another without it; null where not counted"),
    _optional("seconds", REAL, "Seconds its votes in force took; null when none was measured"),
    _optional("cost", REAL, "US dollars its votes in force cost; null where no price is known"),
    PrimaryKeyConstraint("sitting_id", "member", "member_version"),
    comment="One row per member at one sitting: how it voted, how often it was right, what it was worth.",
)

reports = Table(
    "reports",
    metadata,
    _required("report_id", Text, "Hash of what it says, its times left out"),
    _required("created_at", Timestamp, "When it was made"),
    _required("kind", Text, "What was judged: repository, folder or all"),
    _required("name", Text, "Name of the repository, path of the folder, or all repositories"),
    _optional(
        "repo_id",
        Text,
        "Repository; null when it is none, or all of them",
        ForeignKey("repositories.repo_id", ondelete="CASCADE"),
    ),
    _optional("sha", Text, "Commit or snapshot that was judged; null when there is none, or several"),
    _optional("branch", Text, "Branch that stood at it; null when not known"),
    _required("metrics", JSONB, "Figures to follow over time, by name; null where unknown"),
    _required("content", JSONB, "The report, as stemma.quorum.reports.model reads it"),
    PrimaryKeyConstraint("report_id"),
    Index(None, "repo_id", "created_at"),
    comment="One row per report on what the quorum judged that was saved; the same report is saved once.",
)

judge_requests = Table(
    "judge_requests",
    metadata,
    _required("request_id", Text, "Random"),
    _required("asked_at", Timestamp, "When it was about to be sent; its day, in UTC, is the one it is counted in"),
    _required("judge", Text, "LLM judge that was asked"),
    _required("pattern_id", Text, "Pattern it was about"),
    _required("exact_hash", Text, "Its text"),
    _required("n_characters", Integer, "Characters of code that left this machine, secrets removed"),
    _required("reserved_tokens", BigInteger, "Tokens it may use at most: what it counts as while its use is unknown"),
    _optional("reserved_cost", REAL, "US dollars of these; null where no price is set"),
    _optional(
        "input_tokens", BigInteger, "Tokens of the question, as the endpoint counts them; null when it told none"
    ),
    _optional("output_tokens", BigInteger, "Tokens of the answer, likewise"),
    _optional("cost", REAL, "US dollars of these; null where no price is set, or no use was told"),
    PrimaryKeyConstraint("request_id"),
    Index(None, "asked_at"),
    comment="One row per request to an LLM judge, written before it is sent: what left this machine, and what it cost.",
)

# --- lineage ---------------------------------------------------------------------------------------------------

lineage_nodes = Table(
    "lineage_nodes",
    metadata,
    _required("node_id", Text, "Hash of repository, path, kind, qualified name, duplicate index and commit"),
    _repo_id(),
    _required("path", Text, "Path"),
    _required("kind", Text, "Kind of definition"),
    _required("qualified_name", Text, "Qualified name"),
    _required("duplicate_index", Integer, "Distinguishes equal kind and qualified name in one file"),
    _required("language", Text, "Language"),
    _required("exact_hash", Text, "Its text"),
    _required("pattern_id", Text, "Its pattern"),
    _required("blob_oid", Text, "File content it stands in at that commit"),
    _required("ordinal", Integer, "Snippet in that content"),
    _required("sha", Text, "Commit that brought this version, on whichever branch"),
    _optional(
        "first_parent_index", Integer, "Position on HEAD's first-parent chain where it came to stand; null: never"
    ),
    _required("occurred_at", Timestamp, "Committer date of its commit"),
    _required("authored_at", Timestamp, "Author date of its commit"),
    PrimaryKeyConstraint("node_id"),
    Index(None, "repo_id", "path", "qualified_name"),
    Index(None, "qualified_name"),
    Index(None, "pattern_id"),
    comment="One row per version of one element (a definition at a path).",
)

lineage_edges = Table(
    "lineage_edges",
    metadata,
    _required("edge_id", Text, "Hash of both ends and the type"),
    _repo_id(),
    _required("child_id", Text, "The later version", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _required("parent_id", Text, "The version it came from", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _required(
        "edge_type",
        Text,
        "modified_from, renamed_from, moved_from, extracted_from, merged_from, forked_from, copied_from, derived_from; "
        "replaced_by and deprecated_by name a successor, not an origin",
    ),
    _optional("weight", REAL, "0-1, how alike the two texts are; null when it cannot be said"),
    _required("confidence", REAL, "0-1, how sure the pairing is against the others that were possible"),
    _required("evidence", JSONB, "What joined them"),
    PrimaryKeyConstraint("edge_id"),
    # A walk reads these columns of an edge and no other.
    Index(None, "child_id", postgresql_include=["parent_id", "edge_type", "weight"]),
    Index(None, "parent_id", postgresql_include=["child_id", "edge_type", "weight"]),
    Index(
        "lineage_edges_copies_idx",
        "repo_id",
        postgresql_where="edge_type = ANY (ARRAY['copied_from'::text, 'forked_from'::text])",
    ),
    CheckConstraint("child_id <> parent_id", name="no_self_edge"),
    comment="One row per derivation of one version from another.",
)

lineage_events = Table(
    "lineage_events",
    metadata,
    _required("event_id", Text, "Hash of node, type and commit"),
    _required("occurred_at", Timestamp, "Committer date"),
    _required("repo_id", Text, "Repository"),
    _required("node_id", Text, "Version it happened to"),
    _required(
        "event_type",
        Text,
        "introduced, observed (birth unknown), revived, body_changed, signature_changed, documentation_changed, "
        "formatting_changed, renamed, moved_within_file, moved_across_files, file_renamed, extracted, inlined, merged, "
        "split, copied, forked, deprecated or removed",
    ),
    _required("sha", Text, "Commit"),
    _required("detail", JSONB, "From and to, or which parts, where there are any"),
    PrimaryKeyConstraint("event_id", "occurred_at"),
    Index(None, "repo_id", "sha"),
    Index(None, "node_id"),
    comment="One row per thing that happened to an element. Partitioned by month of occurred_at.",
    postgresql_partition_by="RANGE (occurred_at)",
)

event_archives = Table(
    "event_archives",
    metadata,
    _required("archive", Text, "Partition that holds them since"),
    _required("archived_at", Timestamp, "When"),
    _required("since", Timestamp, "First instant it covers"),
    _required("until", Timestamp, "First instant it covers no more"),
    _required("n_partitions", Integer, "Months, and an older archive, folded into it"),
    _required("n_before", BigInteger, "Events of that span before, counted"),
    _required("n_after", BigInteger, "Events of that span after, counted again"),
    PrimaryKeyConstraint("archive", "archived_at"),
    comment="One row per archiving: months of lineage events folded into the archive of their year.",
)

lineage_progress = Table(
    "lineage_progress",
    metadata,
    _repo_id(),
    _required("step", Text, "occurrences, lineage, outcomes or lives"),
    _optional("version", Text, "Extractor and rules that made its rows; null before the first"),
    _optional("first_parent_index", Integer, "Position of the last commit it has read; null before the first"),
    _optional("sha", Text, "That commit; when the chain no longer has it there, the step cuts back"),
    PrimaryKeyConstraint("repo_id", "step"),
    comment="One row per repository and step: how far along the first-parent chain it has come.",
)

copy_progress = Table(
    "copy_progress",
    metadata,
    _repo_id(),
    _required("version", Text, "Rules by which its copies were looked for"),
    _required("position", Integer, "commits.position of the last traced commit read; -1: none"),
    _required(
        "commits_digest", Text, "Hash of the traced commits up to it; when it differs, the repository is read anew"
    ),
    _required("n_edges", Integer, "Edges of copies and forks it then had"),
    _required("looked_at", Timestamp, "matches.matched_at of the newest one seen; 1970 before the first"),
    PrimaryKeyConstraint("repo_id"),
    comment="One row per repository whose copies were looked for: how far along its commits.",
)

# --- attribution -------------------------------------------------------------------------------------------------

agent_edits = Table(
    "agent_edits",
    metadata,
    _required("edit_id", Text, "Hash of event, file and place in it"),
    _required("event_id", Text, "Event of the tool call"),
    _required("occurred_at", Timestamp, "When the tool was called"),
    _required("received_at", Timestamp, "When that event was read from the spool"),
    _required("agent", Text, "Agent, as in agent_events"),
    _optional("session_id", Text, "Agent session"),
    _optional("model", Text, "Model, as the event or the session's beginning names it; null when neither does"),
    _optional("tool_name", Text, "Tool that was called"),
    _optional("repo_id", Text, "Repository whose location holds the file; null when none does"),
    _required("path", Text, "Path in that repository; as the event wrote it when there is none"),
    _optional("language", Text, "Language by the path; null when unknown"),
    _optional("kind", Text, "Kind of definition; null for a piece that is no whole definition"),
    _optional("qualified_name", Text, "Its qualified name; null for a piece"),
    _optional("exact_hash", Text, "Its exact text, as in snippets; null for a piece"),
    _optional("token_hash", Text, "Its tokens, as in snippet_texts; null for a piece"),
    _optional("pattern_id", Text, "Its normal form; null for a piece"),
    _required("n_tokens", Integer, "Words and operators in it, as stemma.attribution.tokens counts them"),
    _required("n_added", Integer, "Those of them that the call brought; 0 when it only removed"),
    _required("tokens", ARRAY(Integer), "Hash of those it brought and of some around them, in order; 0 is a gap"),
    _required("added", ARRAY(Integer), "Where the brought ones stand: begin and end of each run, ends exclusive"),
    _required("read_by", Text, "Rules and extractor that read it"),
    _required("written_at", Timestamp, "When this row was written or last changed"),
    PrimaryKeyConstraint("edit_id"),
    Index(None, "event_id"),
    Index(None, "repo_id", "occurred_at"),
    Index(None, "received_at"),
    comment="One row per definition, or piece of code outside one, that a tool call of an agent wrote.",
)

attributions = Table(
    "attributions",
    metadata,
    _required("attribution_id", Text, "Hash of source, commit, place and who is named"),
    _repo_id(),
    _required("sha", Text, "Commit it is about"),
    _optional("path", Text, "File at that commit; null when it is about the whole commit"),
    _optional("start_line", Integer, "First line at that commit, from 1; null when it is about the whole commit"),
    _optional("end_line", Integer, "Last line, inclusive; null when it is about the whole commit"),
    _required("source", Text, "git-ai (a note), agent-trace (a record), author or trailer (of the commit)"),
    _required("origin", Text, "human, agent, mixed or unknown, as the source says"),
    _optional("agent", Text, "Agent it names"),
    _optional("model", Text, "Model it names"),
    _optional("session_id", Text, "Session it names, by the agent's own id where it gives that"),
    _required("evidence", JSONB, "What the source says beside this"),
    _required("written_at", Timestamp, "When this row was written"),
    PrimaryKeyConstraint("attribution_id"),
    Index(None, "repo_id", "sha"),
    comment="One row per statement of an outside source on who wrote some lines, or had a part in a commit.",
)

origins = Table(
    "origins",
    metadata,
    _required("node_id", Text, "Version it is about", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _repo_id(),
    _required("origin", Text, "agent, human, mixed or unknown; human only where a source says so"),
    _optional("agent_share", REAL, "0-1, share of its tokens that an agent wrote; null when unknown"),
    _optional("n_tokens", Integer, "Words and operators in it; null when it was not read, for nothing tells of it"),
    _required("n_agent", Integer, "Those of them known to be an agent's"),
    _required("n_human", Integer, "Those of them known to be a person's"),
    _optional("agent", Text, "Agent that wrote most of them; null when none is known to have"),
    _optional("model", Text, "Its model"),
    _optional("session_id", Text, "Session that wrote most of them"),
    _optional("event_id", Text, "Event that wrote most of them"),
    _optional(
        "matched_by", Text, "exact, tokens, pattern, similarity, carried, git-ai, agent-trace, author or trailer"
    ),
    _optional("confidence", REAL, "0-1, how sure the evidence makes it, mean over the tokens; null when unknown"),
    _required("evidence", JSONB, "Tokens by source and session"),
    _required("decided_by", Text, "Rules that decided it"),
    PrimaryKeyConstraint("node_id"),
    Index(None, "repo_id", "origin"),
    comment="One row per version of an element: who wrote it, as far as evidence tells.",
)

origin_spans = Table(
    "origin_spans",
    metadata,
    _required("node_id", Text, "Version", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _required("span", Integer, "Place among the spans of that version, 0 first"),
    _repo_id(),
    _required("first_token", Integer, "Its first token, from 0, as stemma.attribution.tokens counts them"),
    _required("n_tokens", Integer, "Its tokens"),
    _required("first_line", Integer, "Line of the first, from 1 at the first line of the definition"),
    _required("last_line", Integer, "Line of the last"),
    _required(
        "lines", ARRAY(Integer), "Lines, in no inner definition, mostly of it: first and last of each run, counted so"
    ),
    _required("origin", Text, "agent or human"),
    _required("source", Text, "exact, tokens, pattern, similarity, git-ai, agent-trace or author"),
    _required("confidence", REAL, "0-1, how sure that source makes it"),
    _required("born_id", Text, "Version in which these tokens first stood"),
    _optional("agent", Text, "Agent"),
    _optional("model", Text, "Model"),
    _optional("session_id", Text, "Agent session"),
    _optional("event_id", Text, "Event of the tool call; null for an outside source"),
    PrimaryKeyConstraint("node_id", "span"),
    Index(None, "event_id"),
    comment="One row per run of tokens of one version that one call, note or record accounts for.",
)

origin_progress = Table(
    "origin_progress",
    metadata,
    _repo_id(),
    _required("version", Text, "Rules and extractor by which its origins were decided"),
    _optional("edits_at", Timestamp, "agent_edits.written_at of the newest edit held against it; null: none yet"),
    _optional("attributions_at", Timestamp, "attributions.written_at of the newest one used; null: none yet"),
    PrimaryKeyConstraint("repo_id"),
    comment="One row per repository: the evidence its origins were decided from.",
)

# --- feedback and bookkeeping ----------------------------------------------------------------------------------

outcomes = Table(
    "outcomes",
    metadata,
    _required("outcome_id", Text, "Hash of node and outcome"),
    _required("node_id", Text, "Version it is about", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _repo_id(),
    _required("outcome", Text, "survived_30d, survived_90d, replaced, fixed or removed"),
    _required("decided_at", Timestamp, "Date of the commit that ended it, or the day the age was reached"),
    _optional("sha", Text, "Commit that ended it; null when it survived"),
    _optional("age_days", REAL, "Days it stood when it was decided; null when its birth is unknown"),
    PrimaryKeyConstraint("outcome_id"),
    Index(None, "node_id"),
    comment="One row per thing that became of one version of an element.",
)

lives = Table(
    "lives",
    metadata,
    _required("life_id", Text, "Hash of version, unit, who wrote it and the commit that ended it"),
    _repo_id(),
    _required("unit", Text, "snippet or line"),
    _required("node_id", Text, "Version it began with", ForeignKey("lineage_nodes.node_id", ondelete="CASCADE")),
    _required("origin", Text, "agent, human, mixed or unknown; of lines only agent and human"),
    _optional("agent", Text, "Agent that wrote it, or most of it"),
    _optional("model", Text, "Its model"),
    _optional("session_id", Text, "Its session"),
    _required("n", Integer, "Snippets (always 1) or lines of this version that began and ended together"),
    _required("began_at", Timestamp, "Committer date of the commit that brought it to HEAD's chain"),
    _optional("ended_at", Timestamp, "Committer date of the commit that ended it; null while it stands"),
    _optional("ended_sha", Text, "That commit; null while it stands"),
    _required("is_ended", Boolean, "Whether it ended; false: censored on the right, it stood at least so long"),
    _optional("days", REAL, "Days it stood until it ended; null while it stands, which is until the date of the head"),
    PrimaryKeyConstraint("life_id"),
    Index(None, "repo_id", "unit"),
    comment="One row per snippet, or group of lines, of known birth: how long it stood, for survival analysis.",
)

runs = Table(
    "runs",
    metadata,
    _required("run_id", Text, "Run id; Dagster's where Dagster ran it"),
    _required("started_at", Timestamp, "Start"),
    _optional("ended_at", Timestamp, "End; null while it runs or when it was killed"),
    _required("status", Text, "running, succeeded, failed or killed"),
    _optional(
        "inputs", JSONB, "State of everything it read, by name; a later run that finds the same has nothing to do"
    ),
    _optional("peak_memory_mib", REAL, "Largest resident size of its process or of one child"),
    _optional("error", Text, "Why it failed"),
    _optional("degraded", Text, "What it had to do without, and why; null when it had everything"),
    PrimaryKeyConstraint("run_id"),
    comment="One row per run of the main job.",
)

run_phases = Table(
    "run_phases",
    metadata,
    _required("run_id", Text, "Run", ForeignKey("runs.run_id", ondelete="CASCADE")),
    _required("phase", Text, "Asset"),
    _required("seconds", REAL, "Wall seconds"),
    _required("cpu_seconds", REAL, "CPU seconds of the run's process and all below it"),
    _optional("n_rows", BigInteger, "Rows written; null when the phase writes none"),
    PrimaryKeyConstraint("run_id", "phase"),
    comment="One row per phase of a run.",
)

gate_results = Table(
    "gate_results",
    metadata,
    _required("run_id", Text, "Run", ForeignKey("runs.run_id", ondelete="CASCADE")),
    _required("asset", Text, "Asset the gate stands behind"),
    _required("gate", Text, "Asset check"),
    _required("is_passed", Boolean, "Whether it was passed"),
    _required("is_blocking", Boolean, "Whether it stops what comes after"),
    _optional("description", Text, "What it found"),
    _required("evaluated_at", Timestamp, "When"),
    PrimaryKeyConstraint("run_id", "asset", "gate"),
    comment="One row per gate evaluated in a run.",
)

contract_passes = Table(
    "contract_passes",
    metadata,
    _required("table_name", Text, "Table"),
    _required("contract", Text, "Hash of the rules it kept"),
    _required("cluster", Text, "Postgres cluster the transactions are numbered by"),
    _required(
        "horizon",
        BigInteger,
        "Transaction before which every row was in place (pg_snapshot_xmin); rows since are still to be read",
    ),
    _required("passed_at", Timestamp, "When"),
    _required("whole_at", Timestamp, "When all of its rows were last read"),
    PrimaryKeyConstraint("table_name"),
    comment="One row per table whose contract was kept when it was last checked.",
)

PARTITIONED = tuple(table for table in metadata.sorted_tables if table.kwargs.get("postgresql_partition_by"))

_POLARS: dict[type, pl.DataType] = {
    Text: pl.String(),
    Integer: pl.Int32(),
    SmallInteger: pl.Int16(),
    BigInteger: pl.Int64(),
    REAL: pl.Float32(),
    Boolean: pl.Boolean(),
    JSONB: pl.String(),
    DateTime: pl.Datetime("us", "UTC"),
}


def polars_schema(table: Table) -> pl.Schema:
    """Column names and Polars types of a table, in its order; JSONB travels as text."""

    def convert(kind: Any) -> pl.DataType:
        if isinstance(kind, ARRAY):
            return pl.List(convert(kind.item_type))
        return _POLARS[type(kind)]

    return pl.Schema({column.name: convert(column.type) for column in table.columns})
