"""A report from the tables: of one repository at its head, or of all that Stemma reads.

What is asked is in `queries`; how the answers are put together, in `gathered`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from stemma.git import command
from stemma.git.fetch import BRANCH
from stemma.git.repository import FOLDER, Repository
from stemma.git.standing import storable
from stemma.quorum.reports import queries
from stemma.quorum.reports.gathered import Gathered, to_report
from stemma.quorum.reports.model import Gates, Known, Report, Subject, known
from stemma.quorum.truth import labels_in_force
from stemma.store.postgres import Database, Transaction

MAX_TEXTS = 1_000
"""Texts told one by one, unless asked for more: a page of them all would be read by nobody, and by no browser."""
PLACES_TOLD, FINDINGS_TOLD, RULES_TOLD = 5, 10, 25


def build_report(
    db: Database,
    repository: Repository | None = None,
    *,
    branch: str | None = None,
    gates: Gates | None = None,
    limit: int = MAX_TEXTS,
) -> Report:
    """The report on a repository as it was ingested last, or on all of them, as of one moment.

    Args:
        branch: that the judged commit is the tip of, where the caller knows; otherwise the checkout is asked.
        gates: how the gates ended, where they were run.
        limit: texts to tell one by one, the rejected first; the others are counted.
    """
    repo_id = repository.repo_id if repository else ""
    with db.transaction() as transaction:
        transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        now = transaction.read("SELECT now() AS now")["now"][0]
        subject = _subject(transaction, repository, branch) if repository else _everything(branch)
        transaction.execute(queries.CREATE_TEXTS)
        transaction.execute(queries.FILL_TEXTS, [repo_id])
        transaction.execute("ANALYZE report_texts")
        gathered = _gather(transaction, repo_id, limit, known(gates, "no gate was asked"))
    return to_report(gathered, subject, now)


def _subject(transaction: Transaction, repository: Repository, branch: str | None) -> Subject:
    row = transaction.read(
        "SELECT r.head_sha, c.committed_at FROM stemma.repositories r "
        "LEFT JOIN stemma.commits c ON c.repo_id = r.repo_id AND c.sha = r.head_sha WHERE r.repo_id = $1",
        [repository.repo_id],
    )
    sha, committed_at = row.row(0) if not row.is_empty() else (None, None)
    return Subject(
        kind="repository",
        name=repository.name,
        location=repository.location,
        repo_id=repository.repo_id,
        commit=known(sha, "it has not been read yet"),
        committed_at=known(committed_at, "it has not been read yet"),
        branch=Known(value=branch) if branch else branch_of(repository, sha),
    )


def branch_of(repository: Repository, sha: str | None) -> Known[str]:
    """The branch that is checked out, of a URL the one its HEAD names, where the judged commit is its tip."""
    if repository.kind == FOLDER:
        return Known(unknown_reason="a folder has no branches")
    tip = command.run(repository.git_dir, "rev-parse", "--verify", "-q", "HEAD^{commit}")
    if tip.code != 0 or tip.output.strip() != sha:
        return Known(unknown_reason="the checkout has moved on from the commit that was judged")
    if repository.is_remote:
        told = command.run(repository.git_dir, "config", "--get", BRANCH)
        return named(told, "the HEAD of its URL names no branch")
    told = command.run(repository.git_dir, "symbolic-ref", "-q", "--short", "HEAD")
    return named(told, "no branch is checked out")


def named(told: command.Answer, otherwise: str) -> Known[str]:
    """The branch that git told, or why there is none."""
    return known(storable(told.output.strip()) or None if told.code == 0 else None, otherwise)


def _everything(branch: str | None) -> Subject:
    return Subject(
        kind="all",
        name="all repositories",
        location=None,
        repo_id=None,
        commit=Known(unknown_reason="several repositories have several"),
        committed_at=Known(unknown_reason="several repositories have several"),
        branch=known(branch, "several repositories have several"),
    )


def _gather(transaction: Transaction, repo_id: str, limit: int, gates: Known[Gates]) -> Gathered:
    sitting, seats = _sitting(transaction)
    voters = seats if not seats.is_empty() else transaction.read(queries.VOTERS)
    texts = transaction.read(queries.TEXTS, [limit])
    with transaction.staged("report_seats", voters.select("member", "member_version")) as seated:

        def of_seats(query: str, *parameters: object) -> pl.DataFrame:
            return transaction.read(query.format(seats=seated), parameters)

        members, abstentions = of_seats(queries.MEMBERS), of_seats(queries.ABSTENTIONS)
        found = of_seats(queries.FOUND, RULES_TOLD)
        with transaction.staged("report_chosen", texts.select("pattern_id", "exact_hash")) as chosen:
            places = transaction.read(queries.PLACES.format(chosen=chosen), [repo_id, PLACES_TOLD])
            findings = transaction.read(queries.FINDINGS.format(chosen=chosen, seats=seated), [FINDINGS_TOLD])
    with transaction.staged("report_labels", labels_in_force(transaction)) as labels:
        bins = transaction.read(queries.BINS.format(labels=labels))
    return Gathered(
        counts=transaction.read(queries.COUNTS),
        rules=transaction.read(queries.RULES),
        tallies=transaction.read(queries.TALLIES),
        sitting=sitting,
        seats=seats,
        members=members,
        abstentions=abstentions,
        found=found,
        bins=bins,
        texts=texts,
        places=places,
        findings=findings,
        gates=gates,
    )


def _sitting(transaction: Transaction) -> tuple[dict[str, Any] | str, pl.DataFrame]:
    """The last sitting and its members."""
    last = transaction.read(queries.SITTING)
    if last.is_empty():
        return "the quorum has not sat yet", transaction.read(queries.SEATS, [""])
    row = last.row(0, named=True)
    return row, transaction.read(queries.SEATS, [row["sitting_id"]])
