"""A repository's history into `commits`, `file_changes` and `files`: one transaction, only what is new.

Rewritten history is healed here too. How git is read lives in `history`, `changes` and `trees`; folders go through
`snapshots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain as chain_iterables

import polars as pl

from stemma.config import Settings
from stemma.errors import SourceError
from stemma.git import history, snapshots, trees
from stemma.git.changes import changes
from stemma.git.head_files import classified, known_files, rule_texts, write_files
from stemma.git.history import Damage
from stemma.git.repository import BROKEN, EMPTY, FOLDER, NO_COMMIT, OK, Repository
from stemma.git.selection import Selection, is_rule_file, read_rules
from stemma.git.standing import Standing, locked, note, rows_changed
from stemma.git.store import Store, open_store
from stemma.progress import Phase, phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import commits, file_changes

_CHAIN = pl.Schema({"sha": pl.String, "first_parent_index": pl.Int32})


def ingest_history(db: Database, settings: Settings, repo: Repository) -> dict[str, int]:
    """Bring the repository's rows to its head; returns rows written by table (n_commits, n_file_changes, n_files) and
    n_retired, the rows of commits that are no longer reachable.

    Only commits after the last ingested head are read. Where the first-parent chain was rewritten, the rows from the
    first differing commit on are replaced. Of two processes at once the second waits, and finds nothing to do.

    Raises:
        SourceError: the repository or its head commit cannot be read. Damage further back is named in its row.
    """
    repo = replace(repo, data_dir=settings.data_dir)
    if not repo.path.exists():
        raise SourceError(f"{repo.location} does not exist any more.", f"Bring it back, or remove {repo.name}.")
    with phase("history", repository=repo.name, unit="commits") as told, db.transaction() as transaction:
        before = locked(transaction, repo)
        if repo.kind == FOLDER:
            return snapshots.append_snapshot(transaction, settings, repo, before)
        return _ingest(transaction, repo, before, told)


@dataclass
class _Reading:
    """One repository being read: what was known of it, what is found."""

    transaction: Transaction
    repo: Repository
    store: Store
    before: Standing
    head: str
    shallow: list[str]
    chain: list[str] = field(default_factory=list)
    damage: Damage = field(default_factory=Damage)

    @property
    def positions(self) -> pl.DataFrame:
        return pl.DataFrame({"sha": self.chain, "first_parent_index": range(len(self.chain))}, schema=_CHAIN)


def _ingest(transaction: Transaction, repo: Repository, before: Standing, told: Phase) -> dict[str, int]:
    store = open_store(repo.git_dir)
    head = history.head_commit(store)
    if head is None:
        return _empty(transaction, repo, before)
    reading = _Reading(transaction, repo, store, before, head, store.shallow_commits())
    if _is_current(reading):
        return _counts()
    reading.chain = history.first_parent_chain(store, head, reading.damage)
    listed = pl.concat([*trees.tree(store, head), pl.DataFrame(schema=trees.SCHEMA)])
    chosen = read_rules(before.language_of, rule_texts(repo, listed))
    known = known_files(transaction, repo.repo_id)
    n_common = _common(before.chain, reading.chain)
    is_whole = not before.is_partial and _boundaries_stand(reading, repo.repo_id)
    is_onward = is_whole and n_common == len(before.chain) > 0
    n_kept = n_common if before.is_same_version and not before.is_partial else 0
    if n_kept and _rules_differ(known, listed):
        n_kept = 0
        _reread_by_all_steps(transaction, repo.repo_id)
    told.total = len(reading.chain) - n_kept
    counts = _counts(
        n_retired=_retire_changes(transaction, repo.repo_id, n_kept),
        n_commits=_write_commits(reading, before.chain[-1] if is_onward else None),
        n_file_changes=_write_changes(reading, n_kept, chosen, told),
        n_files=write_files(transaction, repo.repo_id, classified(repo, listed, chosen, known), known),
    )
    reason = reading.damage.reason
    now = replace(before, head_sha=head, is_shallow=bool(reading.shallow), status=BROKEN if reason else OK)
    note(transaction, repo, replace(now, status_reason=reason))
    return counts


def _is_current(reading: _Reading) -> bool:
    """Whether the tables already say what reading everything would say."""
    before, repo = reading.before, reading.repo
    if before.head_sha != reading.head or not before.is_same_version:
        return False
    return _is_still_damaged(reading) if before.is_partial else _boundaries_stand(reading, repo.repo_id)


def _is_still_damaged(reading: _Reading) -> bool:
    store, damage = reading.store, Damage()
    chain = history.first_parent_chain(store, reading.head, damage)
    for _ in chain_iterables(history.commits(store, reading.head, None, damage), changes(store, chain, 0, damage)):
        pass  # reading is the only way to know
    return damage.reason == reading.before.status_reason


def _boundaries_stand(reading: _Reading, repo_id: str) -> bool:
    """Whether a shallow history is still cut off where it was."""
    query = "SELECT sha FROM stemma.commits WHERE repo_id = $1 AND is_shallow_boundary ORDER BY sha"
    before = reading.transaction.read(query, [repo_id])["sha"].to_list()
    if not reading.shallow:
        return not before
    with reading.transaction.staged("cut_off", pl.DataFrame({"sha": reading.shallow})) as name:
        query = (
            f"SELECT sha FROM stemma.commits c JOIN {name} USING (sha) "
            "WHERE c.repo_id = $1 AND cardinality(c.parents) > 0 ORDER BY sha"
        )
        return before == reading.transaction.read(query, [repo_id])["sha"].to_list()


def _write_commits(reading: _Reading, known_head: str | None) -> int:
    """Write the commits after `known_head`; where that is None, all of them, and delete those no longer reachable."""
    store, repo_id, shallow = reading.store, reading.repo.repo_id, reading.shallow
    n_rows, reachable = 0, [pl.Series("sha", [], pl.String)]
    positions = reading.positions
    for batch in history.commits(store, reading.head, known_head, reading.damage):
        frame = _with_real_parents(store, batch.unique("sha"), shallow).join(positions, on="sha", how="left")
        # git lists a root at the depth limit as cut off, too
        is_cut = pl.col("sha").is_in(shallow) & (pl.col("parents").list.len() > 0)
        misses = pl.col("parents").list.eval(pl.element().is_in(reading.damage.missing)).list.any()
        frame = frame.with_columns(repo_id=pl.lit(repo_id), kind=pl.lit("commit"), is_shallow_boundary=is_cut | misses)
        n_rows += reading.transaction.insert(commits, frame, "update")
        if known_head is None:
            reachable.append(batch["sha"])
    if known_head is None and reading.before.chain:
        with reading.transaction.staged("reachable", pl.DataFrame({"sha": pl.concat(reachable).unique()})) as name:
            unreachable = f"NOT EXISTS (SELECT FROM {name} r WHERE r.sha = c.sha)"
            statement = f"DELETE FROM stemma.commits c WHERE c.repo_id = $1 AND {unreachable}"
            n_rows += rows_changed(reading.transaction, statement, [repo_id])
    return n_rows


def _with_real_parents(store: Store, frame: pl.DataFrame, shallow: list[str]) -> pl.DataFrame:
    cut = frame.filter(pl.col("sha").is_in(shallow))["sha"].to_list()
    if not cut:
        return frame
    known = history.real_parents(store, cut)
    schema = pl.Schema({"sha": pl.String(), "real": pl.List(pl.String())})
    real = pl.DataFrame({"sha": list(known), "real": list(known.values())}, schema=schema)
    return frame.join(real, on="sha", how="left").with_columns(parents=pl.coalesce("real", "parents")).drop("real")


def _write_changes(reading: _Reading, n_kept: int, chosen: Selection, told: Phase) -> int:
    n_rows, positions, repo_id = 0, reading.positions, pl.lit(reading.repo.repo_id)
    for batch in changes(reading.store, reading.chain, n_kept, reading.damage):
        kept = chosen.classify(batch).filter(pl.col("language").is_not_null())
        frame = kept.join(positions, on="sha", how="left").with_columns(repo_id=repo_id)
        n_rows += reading.transaction.insert(file_changes, frame, "nothing")
        told.advance(batch["sha"].n_unique())
    return n_rows


def _retire_changes(transaction: Transaction, repo_id: str, n_kept: int) -> int:
    statement = "DELETE FROM stemma.file_changes WHERE repo_id = $1 AND first_parent_index >= $2::int"
    return rows_changed(transaction, statement, [repo_id, n_kept])


def _rules_differ(known: pl.DataFrame, listed: pl.DataFrame) -> bool:
    before = known.filter(is_rule_file()).select("path", "blob_oid").sort("path")
    return not before.equals(listed.filter(is_rule_file()).select("path", "blob_oid").sort("path"))


def _reread_by_all_steps(transaction: Transaction, repo_id: str) -> None:
    """Other files count from now on, in commits whose ids have not changed: whoever read those commits begins anew."""
    transaction.execute("UPDATE stemma.lineage_progress SET version = NULL WHERE repo_id = $1", [repo_id])


def _common(known: Sequence[str], chain: Sequence[str]) -> int:
    """Length of the two chains' common beginning."""
    n_both = min(len(known), len(chain))
    differs = pl.Series(known[:n_both], dtype=pl.String) != pl.Series(chain[:n_both], dtype=pl.String)
    first = differs.arg_true()
    return int(first[0]) if len(first) else n_both


def _empty(transaction: Transaction, repo: Repository, before: Standing) -> dict[str, int]:
    n_retired = 0
    if before.head_sha is not None:
        n_retired = _retire_changes(transaction, repo.repo_id, 0)
        transaction.execute("DELETE FROM stemma.commits WHERE repo_id = $1", [repo.repo_id])
        transaction.execute("DELETE FROM stemma.files WHERE repo_id = $1", [repo.repo_id])
    now = replace(before, head_sha=None, is_shallow=False, status=EMPTY, status_reason=NO_COMMIT)
    note(transaction, repo, now)
    return _counts(n_retired=n_retired)


def _counts(n_commits: int = 0, n_file_changes: int = 0, n_files: int = 0, n_retired: int = 0) -> dict[str, int]:
    return {"n_commits": n_commits, "n_file_changes": n_file_changes, "n_files": n_files, "n_retired": n_retired}
