"""The quorum on texts: a pattern's texts differ in names and literals, so in what they call, and so in what they do.

Votes and verdicts of before were on one text of a pattern, and nothing kept which: they are dropped here, and the next
run votes anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"

SCHEMA = "stemma"
Timestamp = sa.DateTime(timezone=True)


def _column(name: str, kind: Any, comment: str, *, is_nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=is_nullable, comment=comment)


def _create(table: str, comment: str, *parts: Any) -> None:
    op.create_table(table, *parts, schema=SCHEMA, comment=comment)


def _of_pattern(table: str) -> sa.ForeignKeyConstraint:
    name = f"{table}_pattern_id_fkey"
    return sa.ForeignKeyConstraint(["pattern_id"], [f"{SCHEMA}.patterns.pattern_id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.drop_table("verdicts", schema=SCHEMA)
    op.drop_table("votes", schema=SCHEMA)
    for create in (_create_votes, _create_verdicts, _create_labels, _create_sittings, _create_sitting_members):
        create()
    _create_reports()
    _create_judge_requests()


def downgrade() -> None:
    for table in ("judge_requests", "reports", "sitting_members", "sittings", "labels", "verdicts", "votes"):
        op.drop_table(table, schema=SCHEMA)
    _create_former()


def _create_votes() -> None:
    _create(
        "votes",
        "One row per vote of one version of one member on one text of a pattern.",
        _column("pattern_id", sa.Text, "Pattern"),
        _column("exact_hash", sa.Text, "Its text that was judged"),
        _column("member", sa.Text, "Quorum member"),
        _column("member_version", sa.Text, "Version of its tool and of its rules"),
        _column("vote", sa.Text, "pass, fail or abstain"),
        _column(
            "probability",
            sa.REAL,
            "0-1, that it is fit for reuse, as the member says itself; null: it only votes",
            is_nullable=True,
        ),
        _column("reason", sa.Text, "Why it abstained; null when it did not", is_nullable=True),
        _column("findings", JSONB, "List of {rule, severity, line, message}; line 1 is the first of the text"),
        _column(
            "seconds",
            sa.REAL,
            "Its share of the seconds its batch took; null when the member was not asked",
            is_nullable=True,
        ),
        _column(
            "cost",
            sa.REAL,
            "US dollars it cost; null where no price is known, as of what runs on this machine",
            is_nullable=True,
        ),
        _column("voted_at", Timestamp, "When"),
        _of_pattern("votes"),
        sa.PrimaryKeyConstraint("pattern_id", "exact_hash", "member", "member_version", name="votes_pkey"),
    )


def _create_verdicts() -> None:
    _create(
        "verdicts",
        "One row per verdict on one text of a pattern, kept as history; one is added when its votes change.",
        _column("pattern_id", sa.Text, "Pattern"),
        _column("exact_hash", sa.Text, "Its text that was judged"),
        _column("decided_at", Timestamp, "When; the latest is in force"),
        _column("outcome", sa.Text, "accept, reject or needs_review"),
        _column(
            "probability",
            sa.REAL,
            "0-1, that it is fit for reuse, as calibrated; null when no quorum was reached",
            is_nullable=True,
        ),
        _column("decision", sa.Text, "auto_apply, suggest, review or refuse: what a consumer may do with it"),
        _column(
            "agreement",
            sa.REAL,
            "0-1, share of the larger side among the families that voted; null when none did",
            is_nullable=True,
        ),
        _column("n_pass", sa.SmallInteger, "Votes for"),
        _column("n_fail", sa.SmallInteger, "Votes against"),
        _column("n_abstain", sa.SmallInteger, "Abstentions"),
        _column("n_families", sa.SmallInteger, "Families of members with a vote that is no abstention"),
        _column("reason", sa.Text, "What decided it, in one sentence"),
        _column(
            "changed",
            sa.Text,
            "What changed since the verdict before, in one sentence; null of the first",
            is_nullable=True,
        ),
        _column("rule_version", sa.Text, "Rule, calibration and labels it was decided by"),
        _column("votes_digest", sa.Text, "Hash of the votes and the rule that gave it"),
        _of_pattern("verdicts"),
        sa.PrimaryKeyConstraint("pattern_id", "exact_hash", "decided_at", name="verdicts_pkey"),
    )


def _create_labels() -> None:
    _create(
        "labels",
        "One row per label of a text: what verdicts are calibrated on and measured by. It outlives its pattern.",
        _column("label_id", sa.Text, "Hash of text, source, labeller and time"),
        _column("pattern_id", sa.Text, "Pattern"),
        _column("exact_hash", sa.Text, "Its text"),
        _column("is_fit", sa.Boolean, "Whether it is fit for reuse"),
        _column("source", sa.Text, "review (a person decided), file (imported) or outcome (what became of it)"),
        _column("labelled_by", sa.Text, "Who: a name, a file, or the rule that read the outcome"),
        _column("reason", sa.Text, "Why, in the labeller's words, secrets removed", is_nullable=True),
        _column("labelled_at", Timestamp, "When; of one labeller's labels on a text the latest is in force"),
        sa.PrimaryKeyConstraint("label_id", name="labels_pkey"),
    )
    op.create_index("labels_pattern_id_exact_hash_idx", "labels", ["pattern_id", "exact_hash"], schema=SCHEMA)


def _create_sittings() -> None:
    _create(
        "sittings",
        "One row per sitting of the quorum that added a verdict: how it stood when it rose.",
        _column("sitting_id", sa.Text, "Hash of its time and rule"),
        _column("sat_at", Timestamp, "When"),
        _column("rule_version", sa.Text, "Rule, calibration and labels it decided by"),
        _column("n_texts", sa.Integer, "Texts in scope: live, of patterns that are not trivial"),
        _column("n_decided", sa.Integer, "Verdicts it added"),
        _column("n_accept", sa.Integer, "Texts whose verdict in force after it is accept"),
        _column("n_reject", sa.Integer, "Texts whose verdict in force after it is reject"),
        _column("n_needs_review", sa.Integer, "Texts whose verdict in force after it is needs_review"),
        _column("n_changed", sa.Integer, "Texts whose outcome is another than before"),
        _column(
            "alpha",
            sa.REAL,
            "Krippendorff's alpha of the members' votes; null when fewer than two voted on one text",
            is_nullable=True,
        ),
        _column("n_labelled", sa.Integer, "Texts in scope with a label in force"),
        _column(
            "calibration_error",
            sa.REAL,
            "0-1, expected calibration error on these; null when there are too few",
            is_nullable=True,
        ),
        sa.PrimaryKeyConstraint("sitting_id", name="sittings_pkey"),
    )


def _create_sitting_members() -> None:
    _create(
        "sitting_members",
        "One row per member at one sitting: how it voted, how often it was right, what it was worth.",
        _column("sitting_id", sa.Text, "Sitting"),
        _column("member", sa.Text, "Quorum member"),
        _column("member_version", sa.Text, "Version of its tool and of its rules"),
        _column("family", sa.Text, "Members of one family see with the same eyes, and count once"),
        _column("n_pass", sa.Integer, "Votes for"),
        _column("n_fail", sa.Integer, "Votes against"),
        _column("n_abstain", sa.Integer, "Abstentions, those without an answer included"),
        _column("n_no_answer", sa.Integer, "Abstentions because it crashed, timed out or could not be understood"),
        _column("n_true_pass", sa.Integer, "Labelled fit, and passed"),
        _column("n_false_pass", sa.Integer, "Labelled unfit, and passed"),
        _column("n_true_fail", sa.Integer, "Labelled unfit, and failed"),
        _column("n_false_fail", sa.Integer, "Labelled fit, and failed"),
        _column(
            "sensitivity",
            sa.REAL,
            "0-1, share of unfit texts it fails, by Dawid-Skene; null: it never votes",
            is_nullable=True,
        ),
        _column(
            "specificity",
            sa.REAL,
            "0-1, share of fit texts it passes, by Dawid-Skene; null: it never votes",
            is_nullable=True,
        ),
        _column(
            "calibration_error",
            sa.REAL,
            "0-1, of its probabilities on labelled texts; null when there are too few",
            is_nullable=True,
        ),
        _column(
            "marginal_worth",
            sa.REAL,
            "Log loss the verdicts on labelled texts gain without it; null: too few labels",
            is_nullable=True,
        ),
        _column(
            "n_decisive",
            sa.Integer,
            "Texts whose outcome would be another without it; null where not counted",
            is_nullable=True,
        ),
        _column("seconds", sa.REAL, "Seconds its votes in force took; null when none was measured", is_nullable=True),
        _column("cost", sa.REAL, "US dollars its votes in force cost; null where no price is known", is_nullable=True),
        sa.ForeignKeyConstraint(
            ["sitting_id"],
            [f"{SCHEMA}.sittings.sitting_id"],
            name="sitting_members_sitting_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sitting_id", "member", "member_version", name="sitting_members_pkey"),
    )


def _create_reports() -> None:
    _create(
        "reports",
        "One row per report on what the quorum judged that was saved; the same report is saved once.",
        _column("report_id", sa.Text, "Hash of what it says, its times left out"),
        _column("created_at", Timestamp, "When it was made"),
        _column("kind", sa.Text, "What was judged: repository, folder or all"),
        _column("name", sa.Text, "Name of the repository, path of the folder, or all repositories"),
        _column("repo_id", sa.Text, "Repository; null when it is none, or all of them", is_nullable=True),
        _column(
            "sha",
            sa.Text,
            "Commit or snapshot that was judged; null when there is none, or several",
            is_nullable=True,
        ),
        _column("branch", sa.Text, "Branch that stood at it; null when not known", is_nullable=True),
        _column("metrics", JSONB, "Figures to follow over time, by name; null where unknown"),
        _column("content", JSONB, "The report, as stemma.quorum.reports.model reads it"),
        sa.ForeignKeyConstraint(
            ["repo_id"], [f"{SCHEMA}.repositories.repo_id"], name="reports_repo_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", name="reports_pkey"),
    )
    op.create_index("reports_repo_id_created_at_idx", "reports", ["repo_id", "created_at"], schema=SCHEMA)


def _create_judge_requests() -> None:
    _create(
        "judge_requests",
        "One row per request to an LLM judge, written before it is sent: what left this machine, and what it cost.",
        _column("request_id", sa.Text, "Random"),
        _column("asked_at", Timestamp, "When it was about to be sent; its day, in UTC, is the one it is counted in"),
        _column("judge", sa.Text, "LLM judge that was asked"),
        _column("pattern_id", sa.Text, "Pattern it was about"),
        _column("exact_hash", sa.Text, "Its text"),
        _column("n_characters", sa.Integer, "Characters of code that left this machine, secrets removed"),
        _column(
            "reserved_tokens",
            sa.BigInteger,
            "Tokens it may use at most: what it counts as while its use is unknown",
        ),
        _column("reserved_cost", sa.REAL, "US dollars of these; null where no price is set", is_nullable=True),
        _column(
            "input_tokens",
            sa.BigInteger,
            "Tokens of the question, as the endpoint counts them; null when it told none",
            is_nullable=True,
        ),
        _column("output_tokens", sa.BigInteger, "Tokens of the answer, likewise", is_nullable=True),
        _column(
            "cost",
            sa.REAL,
            "US dollars of these; null where no price is set, or no use was told",
            is_nullable=True,
        ),
        sa.PrimaryKeyConstraint("request_id", name="judge_requests_pkey"),
    )
    op.create_index("judge_requests_asked_at_idx", "judge_requests", ["asked_at"], schema=SCHEMA)


def _create_former() -> None:
    _create(
        "votes",
        "One row per vote of one version of one member on one pattern.",
        _column("pattern_id", sa.Text, "Pattern"),
        _column("member", sa.Text, "Quorum member"),
        _column("member_version", sa.Text, "Version of its tool and of its rules"),
        _column("vote", sa.Text, "pass, fail or abstain"),
        _column("reason", sa.Text, "Why it abstained; null when it did not", is_nullable=True),
        _column("findings", JSONB, "List of {rule, severity, line, message}"),
        _column("voted_at", Timestamp, "When"),
        _of_pattern("votes"),
        sa.PrimaryKeyConstraint("pattern_id", "member", "member_version", name="votes_pkey"),
    )
    score = "0-1, weighted share of pass among the votes cast; null when none was cast"
    agreement = "0-1, weight of the larger side among the votes cast; null when none was cast"
    _create(
        "verdicts",
        "One row per verdict on a pattern, kept as history; a row is added only when the votes change.",
        _column("pattern_id", sa.Text, "Pattern"),
        _column("decided_at", Timestamp, "When; the latest is in force"),
        _column("outcome", sa.Text, "accept, reject or needs_review"),
        _column("score", sa.REAL, score, is_nullable=True),
        _column("agreement", sa.REAL, agreement, is_nullable=True),
        _column("n_pass", sa.SmallInteger, "Votes for"),
        _column("n_fail", sa.SmallInteger, "Votes against"),
        _column("n_abstain", sa.SmallInteger, "Abstentions"),
        _column("reason", sa.Text, "What decided it, in one sentence"),
        _column("votes_digest", sa.Text, "Hash of the votes and the rule that gave it"),
        _of_pattern("verdicts"),
        sa.PrimaryKeyConstraint("pattern_id", "decided_at", name="verdicts_pkey"),
    )
