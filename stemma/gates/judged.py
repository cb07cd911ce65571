"""The gates that judge code itself, by the quorum's members: compliance, quality, security.

Which members there are and how they vote lives in `stemma.quorum`; a gate asks those of its families, and counts the
texts that one of them fails. A text on which none could say anything counts neither way, and is told of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from stemma.gates.answers import SEVERITIES, Answer, Asked, CannotTellError, Finding, counted, threshold_of
from stemma.gates.known import about, settings_of
from stemma.git.worktree import read_file
from stemma.ids import content_id
from stemma.match.clones import is_test_path
from stemma.progress import phase
from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.members import open_members
from stemma.quorum.members.base import TOLD_FINDINGS

if TYPE_CHECKING:  # a gate without members needs none of what they need, and has nothing to judge at once
    from stemma.quorum.given import Polled

BATCH_BYTES = 32 << 20
"""Of source that is judged at once: it and what is said of it are held in memory."""
NOT_JUDGED = "not judged: "  # how the reason begins where nobody may judge a text, as of one that is too long

_SAID = pl.Schema(
    {
        "path": pl.String, "kind": pl.String, "qualified_name": pl.String, "start_line": pl.Int32, "end_line": pl.Int32,
        "exact_hash": pl.String, "member": pl.String, "vote": pl.String, "reason": pl.String, "findings": pl.String,
    }
)  # fmt: skip
_TEXT = ("path", "qualified_name", "start_line", "exact_hash")


class JudgedGate:
    """One kind of claim about code: the percentage of texts that nobody fails, or the number of those that one does."""

    def __init__(self, name: str, families: frozenset[str], *, with_modules: bool) -> None:
        self.name, self._families, self._with_modules = name, families, with_modules

    def ask(self, asked: Asked) -> Answer:
        members = [member for member in open_members(asked.settings) if member.family in self._families]
        if not members:
            return Answer(None, f"The quorum has no member for {self.name} under these settings.")
        from stemma.gates.outside import outside_definitions
        from stemma.quorum.given import poll_given

        files, n_too_large = _files(asked)
        parts = []
        n_unread = n_too_large
        for batch, n_missed in _batches(asked, files):
            polled = poll_given(batch, asked.settings, members, with_modules=self._with_modules)
            parts.append(_said(polled))
            n_unread += n_missed + polled.files.filter(pl.col("status") == "skipped").height
        said = outside_definitions(pl.concat([_SAID.to_frame(), *parts]), asked.new_lines)
        if asked.new_lines is not None:
            said = _touched(said, asked.new_lines)
        return self._answer(said, asked, n_unread)

    def _answer(self, said: pl.DataFrame, asked: Asked, n_unread: int) -> Answer:
        from stemma.quorum.verdicts import NOT_APPLICABLE

        texts = said.group_by(*_TEXT).agg(
            is_judged=(pl.col("vote") != "abstain").any(),
            is_failed=(pl.col("vote") == "fail").any(),
            is_in_doubt=(~pl.col("reason").str.starts_with(NOT_APPLICABLE)).any(),
        )
        silences = _silences(said)
        judged = texts.filter("is_judged")
        if judged.is_empty():
            if silences:
                raise CannotTellError(silences)
            return Answer(None, f"It has nothing to judge: its members read none of {counted(texts.height, 'text')}.")
        n_failed = int(judged["is_failed"].sum())
        is_share = about(self.name).at_least
        score = 100 * (judged.height - n_failed) / judged.height if is_share else float(n_failed)
        threshold = threshold_of(settings_of(self.name, asked.settings))
        touched = " with new lines" if asked.new_lines is not None else ""
        unread = f"{counted(n_unread, 'file')} could not be read." if n_unread else ""
        n_in_doubt = texts.filter(~pl.col("is_judged") & pl.col("is_in_doubt")).height
        in_doubt = f" Of {n_in_doubt:,} more nobody could say." if n_in_doubt else ""
        return Answer(
            is_met=score >= threshold if is_share else score <= threshold,
            sentence=f"{n_failed:,} of {counted(judged.height, 'text')}{touched} fail.{in_doubt}",
            score=round(score, 2),
            findings=tuple(self._findings(said)),
            reservation=" ".join(part for part in (silences, unread) if part) or None,
        )

    def _findings(self, said: pl.DataFrame) -> Iterator[Finding]:
        """What fails texts, gravest first. A finding in a method is one in its class as well, and is told once."""
        order = {severity: number for number, severity in enumerate(reversed(SEVERITIES))}
        found = (
            said.filter(pl.col("vote") == "fail")
            .with_columns(pl.col("findings").str.json_decode(TOLD_FINDINGS))
            .with_columns(findings=_gravest())
            .explode("findings")
            .unnest("findings")
            .with_columns(
                line_in_text=pl.col("line"),
                line=pl.col("start_line") + pl.col("line").fill_null(1) - 1,
                severity=pl.col("severity").fill_null("medium"),
                rule=pl.format("{}/{}/{}", pl.lit(self.name), "member", pl.col("rule").fill_null("failed")),
                message=pl.col("message").fill_null("It fails the text, and says no more."),
            )
            .sort("start_line", descending=True)
            .unique(["path", "line", "rule", "message"], keep="first", maintain_order=True)
            .sort(pl.col("severity").replace_strict(order, default=1), "path", "line", "rule")
        )
        for row in found.iter_rows(named=True):
            key = content_id(row["rule"], row["exact_hash"], str(row["line_in_text"]), row["message"])
            rule = row["rule"].replace(" ", "-").replace(f"{self.name}/{self.name}/", f"{self.name}/")
            yield Finding(rule, row["severity"], row["path"], row["line"], row["message"], key)


COMPLIANCE = JudgedGate("compliance", frozenset({"compliance"}), with_modules=True)
# Without what stands outside definitions, for the limits of these members are for one.
QUALITY = JudgedGate("quality", frozenset({"structure", "correctness", "dead code"}), with_modules=False)
SECURITY = JudgedGate("security", frozenset({"security"}), with_modules=True)


def _files(asked: Asked) -> tuple[pl.DataFrame, int]:
    """The files to judge, and how many are too large to be parsed."""
    files = asked.worktree.files.filter(pl.col("category") == "source")
    if not asked.settings.gates.tests:
        files = files.filter(~pl.Series([is_test_path(path) for path in files["path"]], dtype=pl.Boolean))
    if asked.new_lines is not None:
        files = files.join(asked.new_lines.select("path").unique(), on="path", how="semi")
    kept = files.filter(pl.col("n_bytes") <= asked.settings.max_file_bytes).sort("path")
    return kept, files.height - kept.height


def _batches(asked: Asked, files: pl.DataFrame) -> Iterator[tuple[list[tuple[str, bytes]], int]]:
    """Files and contents, so many at once as memory has room for, and how many could not be read."""
    batch: list[tuple[str, bytes]] = []
    n_missed = n_bytes = 0
    with phase("judge", total=files.height, unit="files") as progress:
        for path, size in files.select("path", "n_bytes").iter_rows():
            try:
                batch.append((path, read_file(asked.worktree.root, path, asked.settings.max_file_bytes)))
            except OSError:
                n_missed += 1
            n_bytes += size
            if n_bytes >= BATCH_BYTES:
                yield batch, n_missed
                progress.advance(len(batch) + n_missed)
                batch, n_missed, n_bytes = [], 0, 0
        if batch or n_missed:
            yield batch, n_missed
            progress.advance(len(batch) + n_missed)


def _said(polled: Polled) -> pl.DataFrame:
    """What each member says of each text, wherever it stands."""
    said = polled.texts.join(polled.votes, on=["pattern_id", "exact_hash"])
    return said.select(pl.col(name).cast(kind) for name, kind in _SAID.items())


def _touched(said: pl.DataFrame, new_lines: pl.DataFrame) -> pl.DataFrame:
    """What is said of texts that hold a new line."""
    new = new_lines.rename({"start_line": "first", "end_line": "last"})
    texts = said.select(*_TEXT, "end_line").unique().join(new, on="path")
    held = texts.filter(pl.col("first") <= pl.col("end_line"), pl.col("last") >= pl.col("start_line"))
    return said.join(held.select(_TEXT).unique(), on=_TEXT, how="semi")


def _gravest() -> pl.Expr:
    """`findings` without the low ones, where there are others: these a member remarks on and holds against nobody."""
    severity = pl.element().struct.field("severity")
    grave = pl.col("findings").list.eval(pl.element().filter(severity != "low"))
    return pl.when(grave.list.len() > 0).then(grave).otherwise("findings")


def _silences(said: pl.DataFrame) -> str:
    """Which members gave no answer on what, and why; empty where all did."""
    silent = (
        said.filter(pl.col("vote") == "abstain")
        .with_columns(why=pl.col("reason").str.extract(f"^(?:{NO_ANSWER}|{NOT_JUDGED})(.*)"))
        .drop_nulls("why")
        .group_by("member")
        .agg(n=pl.len(), why=pl.col("why").first())
        .sort("member")
    )
    return " ".join(
        f"No answer came from {row['member']} on {counted(row['n'], 'text')}: {row['why']}."
        for row in silent.iter_rows(named=True)
    )
