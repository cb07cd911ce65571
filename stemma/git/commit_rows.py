"""The rows of `commits` and `file_changes`: written in the order of history, moved on and off HEAD's chain, retired.

Which commits are to be read is decided by `ingest`; how git tells of them, by `history` and `changes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from stemma.git import history
from stemma.git.changes import changes
from stemma.git.history import Damage
from stemma.git.selection import Selection
from stemma.git.standing import rows_changed
from stemma.git.store import Store
from stemma.progress import Phase
from stemma.store.postgres import Transaction
from stemma.tables import commits, file_changes

COMMITS_PER_BATCH = 20_000
CHAIN = pl.Schema({"sha": pl.String, "first_parent_index": pl.Int32})
PLACES = pl.Schema({"sha": pl.String, "position": pl.Int32})
_ALL_CHANGES = "DELETE FROM stemma.file_changes WHERE repo_id = $1"


@dataclass
class History:
    """One repository's history as git has it now.

    Attributes:
        shallow: where a shallow clone was cut off.
        chain: HEAD's first-parent chain, oldest first.
        damage: what could not be read.
    """

    transaction: Transaction
    repo_id: str
    store: Store
    head: str
    shallow: list[str]
    chain: list[str] = field(default_factory=list)
    damage: Damage = field(default_factory=Damage)

    def chain_places(self) -> pl.DataFrame:
        return pl.DataFrame({"sha": self.chain, "first_parent_index": range(len(self.chain))}, schema=CHAIN)


def places(read: History, order: Sequence[str], *, is_numbered: bool) -> tuple[pl.DataFrame, set[str]]:
    """The topological position of each commit of `order` (parents first), and those of them that have a row.

    Positions that were given stand (`is_numbered`: they were), and new commits go above them, unless one is a parent of
    a commit that is known, as where a shallow history was deepened: then all are given anew.
    """
    transaction, repo_id = read.transaction, read.repo_id
    new = pl.DataFrame({"sha": order}, schema={"sha": pl.String})
    with transaction.staged("in_order", new) as name:
        query = f"SELECT c.sha, c.position FROM stemma.commits c JOIN {name} USING (sha) WHERE c.repo_id = $1"
        known = transaction.read(query, [repo_id], PLACES)
    added = new.join(known, on="sha", how="anti", maintain_order="left")
    if not is_numbered or _is_below(read, added, known):
        return new.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int32)), set(known["sha"])
    query = "SELECT coalesce(max(position), -1) AS last FROM stemma.commits WHERE repo_id = $1"
    last = transaction.read(query, [repo_id])["last"].item()
    added = added.with_columns(position=pl.int_range(1, pl.len() + 1, dtype=pl.Int32) + last)
    return pl.concat([known, added]), set(known["sha"])


def _is_below(read: History, added: pl.DataFrame, known: pl.DataFrame) -> bool:
    """Whether a commit that is added is a parent of one that is known."""
    if known.is_empty():
        return False
    with read.transaction.staged("added", added) as name:
        query = (
            f"SELECT EXISTS (SELECT FROM stemma.commits c, unnest(c.parents) parent JOIN {name} a ON a.sha = parent "
            "WHERE c.repo_id = $1) AS is_below"
        )
        return bool(read.transaction.read(query, [read.repo_id])["is_below"].item())


def fingerprint(read: History, shas: Collection[str]) -> tuple[object, ...]:
    """Differs where what the commits changed, or where the history is cut off, is told otherwise."""
    with read.transaction.staged("told", pl.DataFrame({"sha": list(shas)}, schema={"sha": pl.String})) as name:
        query = (
            "SELECT count(*) AS n, bit_xor(hashtextextended(concat_ws(' ', f.sha, f.old_blob, '>', f.new_blob, "
            "  f.language, f.category, f.path), 0)) AS changes, "
            "(SELECT bit_xor(hashtextextended(c.sha, 0)) FROM stemma.commits c JOIN {name} t USING (sha) "
            "  WHERE c.repo_id = $1 AND c.is_shallow_boundary) AS cuts "
            "FROM stemma.file_changes f JOIN {name} t USING (sha) WHERE f.repo_id = $1"
        )
        return read.transaction.read(query.replace("{name}", name), [read.repo_id]).row(0)


def write_commits(read: History, shas: Sequence[str], placed: pl.DataFrame) -> tuple[int, dict[str, str | None]]:
    """Write the commits; returns rows written, and the first parent of each as git sees it, in the order asked."""
    n_rows, on_chain = 0, read.chain_places()
    first_parents: dict[str, str | None] = {}
    for start in range(0, len(shas), COMMITS_PER_BATCH):
        for batch in history.commits(read.store, shas[start : start + COMMITS_PER_BATCH]):
            first = batch["parents"].list.first()
            first_parents.update(zip(batch["sha"].to_list(), first.to_list(), strict=True))
            frame = _with_real_parents(read, batch)
            frame = frame.join(on_chain, on="sha", how="left").join(placed, on="sha")
            is_cut = pl.col("sha").is_in(read.shallow) & (pl.col("parents").list.len() > 0)  # git lists a root, too
            misses = pl.col("parents").list.eval(pl.element().is_in(read.damage.missing)).list.any()
            frame = frame.with_columns(
                repo_id=pl.lit(read.repo_id), kind=pl.lit("commit"), is_shallow_boundary=is_cut | misses
            )
            n_rows += read.transaction.insert(commits, frame, "update")
    return n_rows, first_parents


def write_changes(read: History, first_parents: dict[str, str | None], chosen: Selection, told: Phase) -> int:
    """Write what the commits changed, of files that `chosen` keeps and whose language is known."""
    n_rows, on_chain, repo_id = 0, read.chain_places(), pl.lit(read.repo_id)
    for batch in changes(read.store, first_parents, read.damage):
        kept = chosen.classify(batch).filter(pl.col("language").is_not_null())
        frame = kept.join(on_chain, on="sha", how="left").with_columns(repo_id=repo_id)
        n_rows += read.transaction.insert(file_changes, frame, "nothing")
        told.advance(batch["sha"].n_unique())
    return n_rows


def retire_commits(read: History, order: Sequence[str]) -> tuple[int, int]:
    """Delete the commits that are not in `order`, and their changes; returns rows of both."""
    with read.transaction.staged("reachable", pl.DataFrame({"sha": order}, schema={"sha": pl.String})) as name:
        statement = (
            f"DELETE FROM stemma.commits c WHERE c.repo_id = $1 AND NOT EXISTS (SELECT FROM {name} r "
            "WHERE r.sha = c.sha)"
        )
        n_commits = rows_changed(read.transaction, statement, [read.repo_id])
        statement = (
            f"DELETE FROM stemma.file_changes f WHERE f.repo_id = $1 AND NOT EXISTS (SELECT FROM {name} r "
            "WHERE r.sha = f.sha)"
        )
        return n_commits, rows_changed(read.transaction, statement, [read.repo_id])


def retire_changes(transaction: Transaction, repo_id: str, shas: Sequence[str] | None = None) -> int:
    """Delete the changes of the commits, or all the repository's."""
    if shas is None:
        return rows_changed(transaction, _ALL_CHANGES, [repo_id])
    with transaction.staged("reread", pl.DataFrame({"sha": shas}, schema={"sha": pl.String})) as name:
        return rows_changed(transaction, f"{_ALL_CHANGES} AND sha IN (SELECT sha FROM {name})", [repo_id])


def move_to_chain(read: History) -> tuple[int, int]:
    """Bring `first_parent_index` of the rows that stand to HEAD's chain; returns rows changed of both tables."""
    with read.transaction.staged("chain", read.chain_places()) as name:
        changed = tuple(_moves(read, name))
    return changed[0], changed[1]


def _moves(read: History, chain: str) -> Iterator[int]:
    for table in ("commits", "file_changes"):
        statement = (
            f"UPDATE stemma.{table} t SET first_parent_index = n.first_parent_index FROM ("
            f"  SELECT c.sha, h.first_parent_index FROM stemma.commits c LEFT JOIN {chain} h USING (sha)"
            "  WHERE c.repo_id = $1) n "
            "WHERE t.repo_id = $1 AND t.sha = n.sha AND t.first_parent_index IS DISTINCT FROM n.first_parent_index"
        )
        yield rows_changed(read.transaction, statement, [read.repo_id])


def _with_real_parents(read: History, frame: pl.DataFrame) -> pl.DataFrame:
    cut = frame.filter(pl.col("sha").is_in(read.shallow))["sha"].to_list()
    if not cut:
        return frame
    known = history.real_parents(read.store, cut)
    schema = pl.Schema({"sha": pl.String(), "real": pl.List(pl.String())})
    real = pl.DataFrame({"sha": list(known), "real": list(known.values())}, schema=schema)
    return frame.join(real, on="sha", how="left").with_columns(parents=pl.coalesce("real", "parents")).drop("real")
