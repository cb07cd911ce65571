"""How far a repository was ingested before, locked while it is ingested again, and the note of how far it is now.

What is written in between is decided by `ingest` and `snapshots`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stemma.errors import NotFoundError
from stemma.git.repository import BROKEN, LEFT_OUT, Repository
from stemma.languages import EXTRACTOR_VERSION, language_of
from stemma.store.postgres import Transaction


@dataclass(frozen=True)
class Standing:
    """What the tables hold of a repository.

    Attributes:
        chain: its first-parent chain or snapshots, oldest first.
        version, is_same_version: today's extractor, and whether it is also that of the last ingestion; which files are
            of a known language depends on it.
    """

    head_sha: str | None
    chain: Sequence[str]
    is_shallow: bool
    status: str | None
    status_reason: str | None
    version: str
    is_same_version: bool
    language_of: Callable[[str], str | None]

    @property
    def is_partial(self) -> bool:
        """Something in it could not be read last time, and was left out."""
        return self.status == BROKEN and (self.status_reason or "").endswith(LEFT_OUT)


def locked(transaction: Transaction, repo: Repository) -> Standing:
    """What is known of the repository, its row locked to the end of the transaction."""
    row = transaction.read(
        "SELECT head_sha, extractor_version, is_shallow, status, status_reason FROM stemma.repositories "
        "WHERE repo_id = $1 FOR UPDATE",
        [repo.repo_id],
    )
    if row.is_empty():
        raise NotFoundError(f"{repo.name} is no longer registered.", "Run `stemma repo list` to see what is.")
    head_sha, version, is_shallow, status, reason = row.row(0)
    chain = transaction.read(
        "SELECT sha FROM stemma.commits WHERE repo_id = $1 AND first_parent_index IS NOT NULL "
        "ORDER BY first_parent_index",
        [repo.repo_id],
    )["sha"].to_list()
    return Standing(
        head_sha=head_sha,
        chain=chain,
        is_shallow=is_shallow,
        status=status,
        status_reason=reason,
        version=EXTRACTOR_VERSION,
        is_same_version=version == EXTRACTOR_VERSION,
        language_of=language_of,
    )


def note(transaction: Transaction, repo: Repository, now: Standing) -> int:
    """Write how far the repository is ingested; returns 0 where the row says so already."""
    return rows_changed(
        transaction,
        "UPDATE stemma.repositories SET head_sha = $2, extractor_version = $3, is_shallow = $4, status = $5, "
        "status_reason = $6, ingested_at = CASE WHEN $2 IS NULL THEN NULL ELSE now() END WHERE repo_id = $1 AND "
        "(head_sha, extractor_version, is_shallow, status, status_reason) IS DISTINCT FROM ($2, $3, $4, $5, $6)",
        [repo.repo_id, now.head_sha, now.version, now.is_shallow, now.status, storable(now.status_reason)],
    )


def storable(text: str | None) -> str | None:
    """Text that Postgres takes: without U+0000, and without bytes of a path that are no text."""
    return text and text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "backslashreplace").decode("utf-8")


def rows_changed(transaction: Transaction, statement: str, parameters: Sequence[Any]) -> int:
    """Rows that an UPDATE or DELETE with parameters touched; the driver itself does not tell for those."""
    counted = f"WITH changed AS ({statement} RETURNING 1) SELECT count(*) AS n FROM changed"
    return int(transaction.read(counted, parameters).item())
