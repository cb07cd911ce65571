"""What leads back to the agent: edits of agents, statements of others, origins and spans, and how long code lives.

All of it comes of agent events, of git and of lineage: the next run fills these tables.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

SCHEMA = "stemma"
Integers = sa.ARRAY(sa.Integer())
Timestamp = sa.DateTime(timezone=True)
TABLES = ("agent_edits", "attributions", "origins", "origin_spans", "origin_progress", "lives")


def _required(name: str, kind: Any, comment: str, *args: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *args, nullable=False, comment=comment)


def _optional(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    _agent_edits()
    _attributions()
    _origins()
    _origin_spans()
    _origin_progress()
    _lives()


def _agent_edits() -> None:
    op.create_table(
        "agent_edits",
        _required("edit_id", sa.Text(), "Hash of event, file and place in it"),
        _required("event_id", sa.Text(), "Event of the tool call"),
        _required("occurred_at", Timestamp, "When the tool was called"),
        _required("received_at", Timestamp, "When that event was read from the spool"),
        _required("agent", sa.Text(), "Agent, as in agent_events"),
        _optional("session_id", sa.Text(), "Agent session"),
        _optional(
            "model", sa.Text(), "Model, as the event or the session's beginning names it; null when neither does"
        ),
        _optional("tool_name", sa.Text(), "Tool that was called"),
        _optional("repo_id", sa.Text(), "Repository whose location holds the file; null when none does"),
        _required("path", sa.Text(), "Path in that repository; as the event wrote it when there is none"),
        _optional("language", sa.Text(), "Language by the path; null when unknown"),
        _optional("kind", sa.Text(), "Kind of definition; null for a piece that is no whole definition"),
        _optional("qualified_name", sa.Text(), "Its qualified name; null for a piece"),
        _optional("exact_hash", sa.Text(), "Its exact text, as in snippets; null for a piece"),
        _optional("token_hash", sa.Text(), "Its tokens, as in snippet_texts; null for a piece"),
        _optional("pattern_id", sa.Text(), "Its normal form; null for a piece"),
        _required("n_tokens", sa.Integer(), "Words and operators in it, as stemma.attribution.tokens counts them"),
        _required("n_added", sa.Integer(), "Those of them that the call brought; 0 when it only removed"),
        _required("tokens", Integers, "Hash of those it brought and of some around them, in order; 0 is a gap"),
        _required("added", Integers, "Where the brought ones stand: begin and end of each run, ends exclusive"),
        _required("read_by", sa.Text(), "Rules and extractor that read it"),
        _required("written_at", Timestamp, "When this row was written or last changed"),
        sa.PrimaryKeyConstraint("edit_id", name="agent_edits_pkey"),
        schema=SCHEMA,
        comment="One row per definition, or piece of code outside one, that a tool call of an agent wrote.",
    )
    op.create_index("agent_edits_event_id_idx", "agent_edits", ["event_id"], schema=SCHEMA)
    op.create_index("agent_edits_received_at_idx", "agent_edits", ["received_at"], schema=SCHEMA)
    op.create_index("agent_edits_repo_id_occurred_at_idx", "agent_edits", ["repo_id", "occurred_at"], schema=SCHEMA)


def _attributions() -> None:
    op.create_table(
        "attributions",
        _required("attribution_id", sa.Text(), "Hash of source, commit, place and who is named"),
        _required(
            "repo_id",
            sa.Text(),
            "Repository",
            sa.ForeignKey("stemma.repositories.repo_id", ondelete="CASCADE", name="attributions_repo_id_fkey"),
        ),
        _required("sha", sa.Text(), "Commit it is about"),
        _optional("path", sa.Text(), "File at that commit; null when it is about the whole commit"),
        _optional(
            "start_line", sa.Integer(), "First line at that commit, from 1; null when it is about the whole commit"
        ),
        _optional("end_line", sa.Integer(), "Last line, inclusive; null when it is about the whole commit"),
        _required("source", sa.Text(), "git-ai (a note), agent-trace (a record), author or trailer (of the commit)"),
        _required("origin", sa.Text(), "human, agent, mixed or unknown, as the source says"),
        _optional("agent", sa.Text(), "Agent it names"),
        _optional("model", sa.Text(), "Model it names"),
        _optional("session_id", sa.Text(), "Session it names, by the agent's own id where it gives that"),
        _required("evidence", JSONB(), "What the source says beside this"),
        _required("written_at", Timestamp, "When this row was written"),
        sa.PrimaryKeyConstraint("attribution_id", name="attributions_pkey"),
        schema=SCHEMA,
        comment="One row per statement of an outside source on who wrote some lines, or had a part in a commit.",
    )
    op.create_index("attributions_repo_id_sha_idx", "attributions", ["repo_id", "sha"], schema=SCHEMA)


def _origins() -> None:
    op.create_table(
        "origins",
        _required(
            "node_id",
            sa.Text(),
            "Version it is about",
            sa.ForeignKey("stemma.lineage_nodes.node_id", ondelete="CASCADE", name="origins_node_id_fkey"),
        ),
        _required(
            "repo_id",
            sa.Text(),
            "Repository",
            sa.ForeignKey("stemma.repositories.repo_id", ondelete="CASCADE", name="origins_repo_id_fkey"),
        ),
        _required("origin", sa.Text(), "agent, human, mixed or unknown; human only where a source says so"),
        _optional("agent_share", sa.REAL(), "0-1, share of its tokens that an agent wrote; null when unknown"),
        _optional(
            "n_tokens", sa.Integer(), "Words and operators in it; null when it was not read, for nothing tells of it"
        ),
        _required("n_agent", sa.Integer(), "Those of them known to be an agent's"),
        _required("n_human", sa.Integer(), "Those of them known to be a person's"),
        _optional("agent", sa.Text(), "Agent that wrote most of them; null when none is known to have"),
        _optional("model", sa.Text(), "Its model"),
        _optional("session_id", sa.Text(), "Session that wrote most of them"),
        _optional("event_id", sa.Text(), "Event that wrote most of them"),
        _optional(
            "matched_by",
            sa.Text(),
            "exact, tokens, pattern, similarity, carried, git-ai, agent-trace, author or trailer",
        ),
        _optional(
            "confidence", sa.REAL(), "0-1, how sure the evidence makes it, mean over the tokens; null when unknown"
        ),
        _required("evidence", JSONB(), "Tokens by source and session"),
        _required("decided_by", sa.Text(), "Rules that decided it"),
        sa.PrimaryKeyConstraint("node_id", name="origins_pkey"),
        schema=SCHEMA,
        comment="One row per version of an element: who wrote it, as far as evidence tells.",
    )
    op.create_index("origins_repo_id_origin_idx", "origins", ["repo_id", "origin"], schema=SCHEMA)


def _origin_spans() -> None:
    op.create_table(
        "origin_spans",
        _required(
            "node_id",
            sa.Text(),
            "Version",
            sa.ForeignKey("stemma.lineage_nodes.node_id", ondelete="CASCADE", name="origin_spans_node_id_fkey"),
        ),
        _required("span", sa.Integer(), "Place among the spans of that version, 0 first"),
        _required(
            "repo_id",
            sa.Text(),
            "Repository",
            sa.ForeignKey("stemma.repositories.repo_id", ondelete="CASCADE", name="origin_spans_repo_id_fkey"),
        ),
        _required("first_token", sa.Integer(), "Its first token, from 0, as stemma.attribution.tokens counts them"),
        _required("n_tokens", sa.Integer(), "Its tokens"),
        _required("first_line", sa.Integer(), "Line of the first, from 1 at the first line of the definition"),
        _required("last_line", sa.Integer(), "Line of the last"),
        _required(
            "lines", Integers, "Lines, in no inner definition, mostly of it: first and last of each run, counted so"
        ),
        _required("origin", sa.Text(), "agent or human"),
        _required("source", sa.Text(), "exact, tokens, pattern, similarity, git-ai, agent-trace or author"),
        _required("confidence", sa.REAL(), "0-1, how sure that source makes it"),
        _required("born_id", sa.Text(), "Version in which these tokens first stood"),
        _optional("agent", sa.Text(), "Agent"),
        _optional("model", sa.Text(), "Model"),
        _optional("session_id", sa.Text(), "Agent session"),
        _optional("event_id", sa.Text(), "Event of the tool call; null for an outside source"),
        sa.PrimaryKeyConstraint("node_id", "span", name="origin_spans_pkey"),
        schema=SCHEMA,
        comment="One row per run of tokens of one version that one call, note or record accounts for.",
    )
    op.create_index("origin_spans_event_id_idx", "origin_spans", ["event_id"], schema=SCHEMA)


def _origin_progress() -> None:
    op.create_table(
        "origin_progress",
        _required(
            "repo_id",
            sa.Text(),
            "Repository",
            sa.ForeignKey("stemma.repositories.repo_id", ondelete="CASCADE", name="origin_progress_repo_id_fkey"),
        ),
        _required("version", sa.Text(), "Rules and extractor by which its origins were decided"),
        _optional("edits_at", Timestamp, "agent_edits.written_at of the newest edit held against it; null: none yet"),
        _optional("attributions_at", Timestamp, "attributions.written_at of the newest one used; null: none yet"),
        sa.PrimaryKeyConstraint("repo_id", name="origin_progress_pkey"),
        schema=SCHEMA,
        comment="One row per repository: the evidence its origins were decided from.",
    )


def _lives() -> None:
    op.create_table(
        "lives",
        _required("life_id", sa.Text(), "Hash of version, unit, who wrote it and the commit that ended it"),
        _required(
            "repo_id",
            sa.Text(),
            "Repository",
            sa.ForeignKey("stemma.repositories.repo_id", ondelete="CASCADE", name="lives_repo_id_fkey"),
        ),
        _required("unit", sa.Text(), "snippet or line"),
        _required(
            "node_id",
            sa.Text(),
            "Version it began with",
            sa.ForeignKey("stemma.lineage_nodes.node_id", ondelete="CASCADE", name="lives_node_id_fkey"),
        ),
        _required("origin", sa.Text(), "agent, human, mixed or unknown; of lines only agent and human"),
        _optional("agent", sa.Text(), "Agent that wrote it, or most of it"),
        _optional("model", sa.Text(), "Its model"),
        _optional("session_id", sa.Text(), "Its session"),
        _required("n", sa.Integer(), "Snippets (always 1) or lines of this version that began and ended together"),
        _required("began_at", Timestamp, "Committer date of the commit that brought it to HEAD's chain"),
        _optional("ended_at", Timestamp, "Committer date of the commit that ended it; null while it stands"),
        _optional("ended_sha", sa.Text(), "That commit; null while it stands"),
        _required(
            "is_ended", sa.Boolean(), "Whether it ended; false: censored on the right, it stood at least so long"
        ),
        _required("days", sa.REAL(), "Days it stood: to its end, or to the date of the head"),
        sa.PrimaryKeyConstraint("life_id", name="lives_pkey"),
        schema=SCHEMA,
        comment="One row per snippet, or group of lines, of known birth: how long it stood, for survival analysis.",
    )
    op.create_index("lives_repo_id_unit_idx", "lives", ["repo_id", "unit"], schema=SCHEMA)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table, schema=SCHEMA)
