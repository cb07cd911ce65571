"""A repository's history into `commits`, `file_changes` and `files`: one transaction, only what is new.

What is to be read is decided here; how rows are written and retired lives in `commit_rows`, how git is read in
`history`, `changes` and `trees`. Folders go through `snapshots`.
"""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass, replace

import polars as pl

from stemma.config import Settings
from stemma.errors import SourceError
from stemma.git import history, snapshots, trees
from stemma.git.changes import changes
from stemma.git.commit_rows import (
    History,
    fingerprint,
    move_to_chain,
    places,
    retire_changes,
    retire_commits,
    write_changes,
    write_commits,
)
from stemma.git.head_files import classified, known_files, rule_texts, write_files
from stemma.git.history import Damage
from stemma.git.repository import BROKEN, EMPTY, FOLDER, NO_COMMIT, OK, Repository
from stemma.git.selection import Selection, is_rule_file, read_rules
from stemma.git.standing import Standing, locked, note
from stemma.git.store import open_store
from stemma.progress import Phase, phase
from stemma.store.postgres import Database, Transaction

READ_AGAIN = 2  # times, where a repository is rewritten under the reader's hands


def ingest_history(db: Database, settings: Settings, repo: Repository) -> dict[str, int]:
    """Bring the repository's rows to its head; returns rows written by table (n_commits, n_file_changes, n_files) and
    n_retired, the rows of commits that are no longer reachable.

    Only commits that have no row are read. Where history was rewritten, the rows of commits that are gone go, and those
    that stand are told their new place on HEAD's chain. Of two processes at once the second waits, and finds nothing
    to do.

    Raises:
        SourceError: the repository or its head commit cannot be read. Damage further back is named in its row.
    """
    repo = replace(repo, data_dir=settings.data_dir)
    if not repo.path.exists():
        raise SourceError(f"{repo.location} does not exist any more.", f"Bring it back, or remove {repo.name}.")
    for _ in range(READ_AGAIN):
        with suppress(_RewrittenError):
            return _read(db, settings, repo)
    return _read(db, settings, repo)


class _RewrittenError(SourceError):
    """The commit that was HEAD when reading began is no longer there: what was read is no state it ever had."""


def _read(db: Database, settings: Settings, repo: Repository) -> dict[str, int]:
    with phase("history", repository=repo.name, unit="commits") as told, db.transaction() as transaction:
        before = locked(transaction, repo)
        if repo.kind == FOLDER:
            return snapshots.append_snapshot(transaction, settings, repo, before)
        return _ingest(transaction, repo, before, told)


def _ingest(transaction: Transaction, repo: Repository, before: Standing, told: Phase) -> dict[str, int]:
    store = open_store(repo.git_dir)
    head = history.head_commit(store)
    if head is None:
        return _empty(transaction, repo, before)
    read = History(transaction, repo.repo_id, store, head, store.shallow_commits())
    cuts = _moved_cuts(read)
    if _is_current(read, before, cuts):
        return _counts()
    try:
        counts = _read_whole(read, repo, before, cuts, told)
    except SourceError as error:
        _refuse_rewritten(read, error)
        raise
    if read.damage.missing:
        _refuse_rewritten(read)
    reason = read.damage.reason
    now = replace(before, head_sha=head, is_shallow=bool(read.shallow), status=BROKEN if reason else OK)
    note(transaction, repo, replace(now, status_reason=reason))
    return counts


def _refuse_rewritten(read: History, error: SourceError | None = None) -> None:
    """Objects may be missing because they were taken away while they were read; a new reading finds what is there now.

    Raises:
        _RewrittenError: HEAD is another by now.
    """
    if history.head_commit(read.store) != read.head:
        raise _RewrittenError(
            f"{read.store.name} was rewritten while it was read.", "Run the command again when it is quiet."
        ) from error


def _read_whole(read: History, repo: Repository, before: Standing, cuts: list[str], told: Phase) -> dict[str, int]:
    """Bring all rows to `read.head`; what could not be read is in `read.damage`."""
    read.chain = history.first_parent_chain(read.store, read.head, read.damage)
    listed = pl.concat([*trees.tree(read.store, read.head), pl.DataFrame(schema=trees.SCHEMA)])
    chosen = read_rules(before.language_of, rule_texts(repo, listed))
    known = known_files(read.transaction, repo.repo_id)
    is_same_rules = before.is_same_version and not _rules_differ(known, listed)
    counts = _write_history(read, _Past(before, cuts, is_same_rules), chosen, told)
    counts["n_files"] = write_files(read.transaction, repo.repo_id, classified(repo, listed, chosen, known), known)
    return counts


@dataclass(frozen=True)
class _Past:
    """What was known before; cuts of a shallow history that came or went since; whether its rules still hold."""

    before: Standing
    moved_cuts: list[str]
    is_same_rules: bool


def _write_history(read: History, past: _Past, chosen: Selection, told: Phase) -> dict[str, int]:
    """Write the commits that are new, or all where what was known of them does not hold any more."""
    before = past.before.chain
    is_onward = len(before) > 0 and read.chain[: len(before)] == before
    keeps_rows = past.is_same_rules and not past.before.is_partial and not past.moved_cuts
    order = history.in_order(read.store, read.head, before[-1] if is_onward and keeps_rows else None, read.damage)
    if read.damage.missing:
        is_onward = keeps_rows = False
        order = history.in_order(read.store, read.head, None, read.damage)
    placed, known = places(read, order, is_numbered=past.before.is_same_version)
    wanted = [sha for sha in order if sha not in known] if keeps_rows else order
    told.total = len(wanted)
    counts = _counts()
    if before and not (is_onward and keeps_rows):
        counts["n_commits"], counts["n_retired"] = retire_commits(read, order)
        n_commits, counts["n_file_changes"] = move_to_chain(read)
        counts["n_commits"] += n_commits
    stale = _stale(past, known, is_broken=bool(read.damage.missing))
    told_before = None if stale == [] else fingerprint(read, known)
    if stale != []:
        counts["n_retired"] += retire_changes(read.transaction, read.repo_id, stale)
    n_commits, first_parents = write_commits(read, wanted, placed)
    if stale is not None:
        unread = known.difference(stale)
        first_parents = {sha: parent for sha, parent in first_parents.items() if sha not in unread}
    counts["n_commits"] += n_commits
    counts["n_file_changes"] += write_changes(read, first_parents, chosen, told)
    if told_before is not None and fingerprint(read, known) != told_before:
        _reread_by_all_steps(read.transaction, read.repo_id)
    return counts


def _stale(past: _Past, known: Set[str], *, is_broken: bool) -> list[str] | None:
    """Known commits whose changes are to be read again; None: all."""
    if is_broken or past.before.is_partial or not past.is_same_rules:
        return None
    return [sha for sha in past.moved_cuts if sha in known]


def _is_current(read: History, before: Standing, moved_cuts: list[str]) -> bool:
    """Whether the tables already say what reading everything would say."""
    if before.head_sha != read.head or not before.is_same_version:
        return False
    return _is_still_damaged(read, before) if before.is_partial else not moved_cuts


def _is_still_damaged(read: History, before: Standing) -> bool:
    """Reading is the only way to know."""
    store, damage = read.store, Damage()
    history.first_parent_chain(store, read.head, damage)
    order = history.in_order(store, read.head, None, damage)
    parents: dict[str, str | None] = {}
    for batch in history.commits(store, order):
        parents.update(zip(batch["sha"].to_list(), batch["parents"].list.first().to_list(), strict=True))
    for _ in changes(store, parents, damage):
        pass
    return damage.reason == before.status_reason


def _moved_cuts(read: History) -> list[str]:
    """Commits at which the history was cut off and is not now, or is now and was not."""
    query = "SELECT sha FROM stemma.commits WHERE repo_id = $1 AND is_shallow_boundary"
    before = set(read.transaction.read(query, [read.repo_id])["sha"])
    now: set[str] = set()
    if read.shallow:
        with read.transaction.staged("cut_off", pl.DataFrame({"sha": read.shallow})) as name:
            query = (
                f"SELECT sha FROM stemma.commits c JOIN {name} USING (sha) "
                "WHERE c.repo_id = $1 AND cardinality(c.parents) > 0"
            )
            now = set(read.transaction.read(query, [read.repo_id])["sha"])
    return sorted(before ^ now)


def _rules_differ(known: pl.DataFrame, listed: pl.DataFrame) -> bool:
    before = known.filter(is_rule_file()).select("path", "blob_oid").sort("path")
    return not before.equals(listed.filter(is_rule_file()).select("path", "blob_oid").sort("path"))


def _reread_by_all_steps(transaction: Transaction, repo_id: str) -> None:
    """Commits whose ids have not changed tell something else from now on: whoever read them begins anew."""
    transaction.execute("UPDATE stemma.lineage_progress SET version = NULL WHERE repo_id = $1", [repo_id])
    transaction.execute(
        "UPDATE stemma.commits SET traced_by = NULL WHERE repo_id = $1 AND traced_by IS NOT NULL", [repo_id]
    )


def _empty(transaction: Transaction, repo: Repository, before: Standing) -> dict[str, int]:
    n_retired = 0
    if before.head_sha is not None:
        n_retired = retire_changes(transaction, repo.repo_id)
        transaction.execute("DELETE FROM stemma.commits WHERE repo_id = $1", [repo.repo_id])
        transaction.execute("DELETE FROM stemma.files WHERE repo_id = $1", [repo.repo_id])
    now = replace(before, head_sha=None, is_shallow=False, status=EMPTY, status_reason=NO_COMMIT)
    note(transaction, repo, now)
    return _counts(n_retired=n_retired)


def _counts(n_commits: int = 0, n_file_changes: int = 0, n_files: int = 0, n_retired: int = 0) -> dict[str, int]:
    return {"n_commits": n_commits, "n_file_changes": n_file_changes, "n_files": n_files, "n_retired": n_retired}
