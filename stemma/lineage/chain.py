"""How far each step of the history has come along HEAD's first-parent chain, and whether what it read still stands.

What a step does with a commit lives in the step (`occurrences`, `history`, `feedback.outcomes`); the chain itself is
written by `stemma.git`. A commit id hashes its whole past, so one equal id at one position vouches for all before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from stemma.errors import NotFoundError
from stemma.store.postgres import Database, Transaction


@dataclass(frozen=True)
class Position:
    """The last commit a step has read (index -1: none yet), and the version of the rules it was read by."""

    version: str | None
    index: int
    sha: str | None


def repository_name(db: Database, repo_id: str) -> str:
    """The name people know the repository by.

    Raises:
        NotFoundError: it is not, or no longer, registered.
    """
    found = db.read("SELECT name FROM stemma.repositories WHERE repo_id = $1", [repo_id])
    if found.is_empty():
        raise NotFoundError(f"No repository has the id '{repo_id}'.", "List them with `stemma repo list`.")
    return str(found["name"].item())


def lock(transaction: Transaction, repo_id: str, step: str) -> Position:
    """The step's position, locked to the end of the transaction: of two processes the second goes on from the first."""
    transaction.execute(
        "INSERT INTO stemma.lineage_progress (repo_id, step) VALUES ($1, $2) ON CONFLICT DO NOTHING", [repo_id, step]
    )
    return position(transaction, repo_id, step, lock_clause="FOR UPDATE")


def position(transaction: Transaction, repo_id: str, step: str, *, lock_clause: str = "") -> Position:
    """The step's position; `lock_clause` `FOR SHARE` keeps others from moving it during the transaction."""
    found = transaction.read(
        "SELECT version, coalesce(first_parent_index, -1) AS index, sha FROM stemma.lineage_progress "
        f"WHERE repo_id = $1 AND step = $2 {lock_clause}",
        [repo_id, step],
    )
    return Position(**found.row(0, named=True)) if not found.is_empty() else Position(None, -1, None)


def move(transaction: Transaction, repo_id: str, step: str, version: str, index: int) -> None:
    """Set the step's position to a commit of the chain; -1 is before the first."""
    transaction.execute(
        "UPDATE stemma.lineage_progress p SET version = $3, first_parent_index = nullif($4::int, -1), sha = ("
        "  SELECT c.sha FROM stemma.commits c WHERE c.repo_id = p.repo_id AND c.first_parent_index = $4::int"
        ") WHERE p.repo_id = $1 AND p.step = $2",
        [repo_id, step, version, index],
    )


def stands(transaction: Transaction, repo_id: str, at: Position) -> bool:
    """Whether the chain still has the position's commit at its place."""
    if at.index < 0:
        return True
    found = transaction.read(
        "SELECT count(*) AS n FROM stemma.commits WHERE repo_id = $1 AND first_parent_index = $2::int AND sha = $3",
        [repo_id, at.index, at.sha],
    )
    return bool(found["n"].item())


def head_index(transaction: Transaction, repo_id: str) -> int:
    """Position of the newest commit of the chain; -1 when there is none."""
    found = transaction.read(
        "SELECT coalesce(max(first_parent_index), -1) AS index FROM stemma.commits WHERE repo_id = $1", [repo_id]
    )
    return int(found["index"].item())


def delete(transaction: Transaction, statement: str, parameters: Sequence[object]) -> int:
    """Run a DELETE and count its rows, which the driver does not tell of a statement with parameters."""
    found = transaction.read(f"WITH gone AS ({statement} RETURNING 1) SELECT count(*) AS n FROM gone", parameters)
    return int(found["n"].item())


def batch_ends(rows_per_commit: pl.DataFrame, limit: int, last: int) -> Iterator[int]:
    """Positions to stop at so that a batch holds about `limit` rows, but always whole commits; the last is `last`.

    `rows_per_commit` has `index` and `n_rows`, ascending. A single commit above the limit is a batch of its own.
    """
    ends = (
        rows_per_commit.lazy()
        .with_columns(batch=pl.col("n_rows").cum_sum() // limit)
        .group_by("batch")
        .agg(pl.col("index").max())
        .sort("index")
        .collect()["index"]
    )
    yield from ends.filter(ends < last).to_list()
    yield last
