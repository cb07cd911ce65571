"""A report on a checkout or folder that was never registered: judged as it stands on disk, without a database.

How given files are judged lives in `stemma.quorum.given`; how what came of it is put together, in `gathered`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.git import command, paths
from stemma.git.worktree import Worktree, lines_since, read_file, read_worktree
from stemma.quorum.calibration import calibration_in_force
from stemma.quorum.given import Judged, judge_given
from stemma.quorum.members.base import TOLD_FINDINGS, Member
from stemma.quorum.reports.build import FINDINGS_TOLD, MAX_TEXTS, PLACES_TOLD, RULES_TOLD, named
from stemma.quorum.reports.gathered import Gathered, to_report
from stemma.quorum.reports.model import Gates, Known, Report, Subject, known
from stemma.quorum.rule import Rule
from stemma.quorum.sitting import rule_version

_TEXT = ["pattern_id", "exact_hash"]
_GRAVITY = pl.col("severity").replace_strict({"high": 0, "medium": 1}, default=2, return_dtype=pl.Int32)
_NO_DATABASE = "it was judged without a database, and labels and sittings are kept in one"
_BINS = {"bin": pl.Int32, "n": pl.Int64, "mean_probability": pl.Float64, "share_fit": pl.Float64}


def report_on_folder(
    settings: Settings,
    place: Path,
    *,
    branch: str | None = None,
    gates: Gates | None = None,
    limit: int = MAX_TEXTS,
    members: Sequence[Member] | None = None,
) -> Report:
    """The report on the source files of a checkout, a folder, or a part of one, committed or not.

    Args:
        branch, gates, limit: as of `build.build_report`.
        members: who votes; by default all that have a seat without a database.

    Raises:
        NotFoundError: there is no such place.
        SourceError: it cannot be read.
    """
    tree = read_worktree(place)
    judged = judge_given(list(_contents(tree, settings.max_file_bytes)), settings, members)
    now = dt.datetime.now(dt.UTC)
    version = rule_version(Rule(target_error=settings.quorum_target_error), calibration_in_force(settings))
    gathered = _gather(judged, tree, limit, (version, now), known(gates, "no gate was asked"))
    return to_report(gathered, _subject(tree, place, branch), now)


def _contents(tree: Worktree, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    for path in tree.files.filter(pl.col("category") == "source")["path"]:
        try:
            yield path, read_file(tree.root, path, max_bytes)
        except OSError:  # gone, or closed to us, since it was listed
            continue


def _subject(tree: Worktree, place: Path, branch: str | None) -> Subject:
    commit, committed_at, checked_out = _commit(tree)
    return Subject(
        kind="folder",
        name=paths.shown(place.resolve().name),
        location=paths.shown(place.resolve()),
        repo_id=None,
        commit=commit,
        committed_at=committed_at,
        branch=Known(value=branch) if branch else checked_out,
    )


def _commit(tree: Worktree) -> tuple[Known[str], Known[dt.datetime], Known[str]]:
    """Commit, its date, and branch of what stands on disk, where that is what was committed."""

    def unknown(reason: str) -> tuple[Known[str], Known[dt.datetime], Known[str]]:
        return Known(unknown_reason=reason), Known(unknown_reason=reason), Known(unknown_reason=reason)

    if not tree.is_git:
        return unknown("a folder has no commits and no branches")
    shown = command.run(None, "show", "-s", "--no-show-signature", "--format=%H %ct", "HEAD", folder=tree.root)
    if shown.code != 0:
        return unknown("nothing has been committed")
    try:
        is_changed = not lines_since(tree, "HEAD").is_empty()
    except ConfigError:
        is_changed = True
    told = command.run(None, "symbolic-ref", "-q", "--short", "HEAD", folder=tree.root)
    branch = named(told, "no branch is checked out")
    if is_changed:
        why = "files on disk differ from the last commit"
        return Known(unknown_reason=why), Known(unknown_reason=why), branch
    sha, seconds = shown.output.split()
    return Known(value=sha), Known(value=dt.datetime.fromtimestamp(int(seconds), dt.UTC)), branch


def _gather(judged: Judged, tree: Worktree, limit: int, by: tuple[str, dt.datetime], gates: Known[Gates]) -> Gathered:
    """The same frames that the queries give of registered repositories."""
    places = judged.texts.filter(~pl.col("is_trivial")).with_columns(repository=pl.lit(paths.shown(tree.root.name)))
    scope = places.group_by(_TEXT, maintain_order=True).agg(pl.first("language"), n_places=pl.len().cast(pl.Int64))
    verdicts = scope.join(judged.verdicts, on=_TEXT, how="left", maintain_order="left")
    votes = judged.votes.join(scope.select(_TEXT), on=_TEXT, how="semi")
    texts = (
        verdicts.filter(pl.col("outcome").is_in(["reject", "needs_review"]))
        .sort(pl.col("outcome") != "reject", "probability", *_TEXT, nulls_last=True)
        .head(limit)
        .with_columns(changed=pl.lit(None, pl.String), decided_at=pl.lit(by[1]))
    )
    told, chosen = _findings(votes), texts.select(_TEXT)
    named = places.join(chosen, on=_TEXT, how="semi", maintain_order="left").group_by(_TEXT, maintain_order=True)
    return Gathered(
        counts=verdicts.with_columns(has_votes=pl.lit(True))
        .group_by("language", "outcome", "decision", "has_votes")
        .agg(
            n=pl.len(),
            n_places=pl.sum("n_places"),
            probabilities=pl.sum("probability"),
            n_probabilities=pl.count("probability"),
        ),
        rules=pl.DataFrame(
            {"name": [by[0]], "n": [verdicts["outcome"].count()], "judged_from": [by[1]], "judged_until": [by[1]]}
        ).filter(pl.col("n") > 0),
        tallies=verdicts.drop_nulls("outcome").group_by("n_pass", "n_fail").agg(n=pl.len()),
        sitting=_NO_DATABASE,
        seats=judged.families,
        members=_members(votes),
        abstentions=votes.filter(pl.col("vote") == "abstain")
        .group_by("member", name=pl.col("reason").fill_null("it gave no reason"))
        .agg(n=pl.len())
        .sort("member", pl.col("n") * -1, "name"),
        found=_found(told),
        bins=pl.DataFrame(schema=_BINS),
        texts=texts,
        places=named.head(PLACES_TOLD),
        findings=_ranked(told.join(chosen, on=_TEXT, how="semi")),
        gates=gates,
    )  # fmt: skip


def _members(votes: pl.DataFrame) -> pl.DataFrame:
    return votes.group_by("member", "member_version").agg(
        *(pl.col("vote").eq(vote).sum().alias(f"n_{vote}") for vote in ("pass", "fail", "abstain")),
        *(pl.when(pl.count(name) > 0).then(pl.sum(name).round(3)).alias(name) for name in ("seconds", "cost")),
    )


def _findings(votes: pl.DataFrame) -> pl.DataFrame:
    return (
        votes.select(*_TEXT, "member", "vote", pl.col("findings").str.json_decode(TOLD_FINDINGS))
        .explode("findings")
        .drop_nulls("findings")
        .unnest("findings")
        .drop_nulls("rule")
        .with_columns(gravity=_GRAVITY)
    )


def _found(told: pl.DataFrame) -> pl.DataFrame:
    return (
        told.filter(pl.col("vote") == "fail")
        .group_by("member", "rule")
        .agg(gravity=pl.min("gravity"), n_texts=pl.struct(_TEXT).n_unique())
        .sort(pl.col("n_texts").cast(pl.Int64) * -1, "member", "rule")
        .head(RULES_TOLD)
    )


def _ranked(told: pl.DataFrame) -> pl.DataFrame:
    """Of each text the gravest that are held against it first, and how many there are."""
    return (
        told.with_columns(n=pl.len().over(_TEXT))
        .sort(*_TEXT, pl.col("vote") != "fail", "gravity", "line", "member", "rule", "message")
        .group_by(_TEXT, maintain_order=True)
        .head(FINDINGS_TOLD)
    )
