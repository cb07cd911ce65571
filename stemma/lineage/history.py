"""The lineage of a repository in the store: which commits are to be traced, their rows, and what is taken back.

How commits are traced is told in `trace`, which touches no store; where each text stood, in `occurrences`.

A commit that was traced bears the version of the rules (`commits.traced_by`); the rest is pending. One whose contents
are not extracted yet waits, with all that descend from it. A run replays the paths that pending commits touch along
the whole graph, which is cheap, and makes rows of the pending commits only; a batch is one transaction, marks
included. All ids are made of content: a rerun, a run killed at any point, two at once and commits that come in another
order give the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage import chain
from stemma.lineage.calibration import calibration
from stemma.lineage.stored_contents import StoredContents
from stemma.lineage.trace import Traced, Tracer
from stemma.progress import Phase, phase
from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database, Transaction
from stemma.tables import lineage_edges, lineage_events, lineage_nodes

STEP = "lineage"
OUTCOMES_STEP = "outcomes"  # what `feedback.outcomes` derives from here; it starts over when nodes are retired
RULES = "4"  # raise it when other rows would come of the same commits
VERSION = f"{EXTRACTOR_VERSION}/{RULES}/{calibration().digest}"
UNFINISHED = f"{VERSION} unfinished"
CHANGES_PER_READ = 200_000


@dataclass(frozen=True)
class LineageCounts:
    """Rows written, nodes retired because their commits are gone, commits that wait for contents to be extracted."""

    n_nodes: int = 0
    n_edges: int = 0
    n_events: int = 0
    n_retired: int = 0
    n_waiting: int = 0


def update_lineage(db: Database, repo_id: str) -> LineageCounts:
    """Bring the repository's nodes, edges and events to where its commits are.

    Each batch of commits is one transaction that marks them as traced. After a rewritten history the rows of commits
    that are gone are retired first, and no others; where HEAD's first-parent chain runs otherwise than before, nodes
    are told where they stand on it now.
    """
    name = chain.repository_name(db, repo_id)
    n_retired = _retire(db, repo_id)
    plan = _plan(db, repo_id)
    if plan.is_done:
        return LineageCounts(n_retired=n_retired, n_waiting=plan.n_waiting)
    with phase(STEP, repository=name, total=plan.n_pending, unit="commits") as told:
        writer = _Writer(db, plan, told)
        writer.open()
        for traced in _traced(db, plan):
            writer.write(traced)
        writer.close()
    n_nodes, n_edges, n_events = writer.n_rows
    return LineageCounts(n_nodes, n_edges, n_events, n_retired, plan.n_waiting)


# --- what is taken back ----------------------------------------------------------------------------------------

# Rows that came of a commit which is gone, or is to be traced anew. Edges and outcomes go with their nodes.
_GONE = (
    "DELETE FROM {table} t WHERE t.repo_id = $1 AND NOT EXISTS (SELECT FROM stemma.commits c "
    "WHERE c.repo_id = t.repo_id AND c.sha = t.sha AND c.traced_by = $2)"
)


def _retire(db: Database, repo_id: str) -> int:
    """Nothing is looked for while the last run came to its end and the commit it ended at is still there: everything
    it read is an ancestor of that one."""
    with db.transaction() as transaction:
        at = chain.lock(transaction, repo_id, STEP)
        stands = transaction.read(
            "SELECT 1 AS n FROM stemma.commits WHERE repo_id = $1 AND sha = $2", [repo_id, at.sha or ""]
        )
        if at.version == VERSION and (at.sha is None or stands.height == 1):
            return 0
        transaction.execute(
            "UPDATE stemma.commits SET traced_by = NULL WHERE repo_id = $1 AND traced_by IS NOT NULL "
            "AND (traced_by <> $2 OR $3::boolean)",
            [repo_id, VERSION, at.version not in {VERSION, UNFINISHED}],
        )
        for table in (lineage_events, lineage_nodes):
            n_retired = chain.delete(transaction, _GONE.format(table=table.fullname), [repo_id, VERSION])
        if n_retired or at.version not in {VERSION, UNFINISHED}:
            chain.move(transaction, repo_id, OUTCOMES_STEP, VERSION, -1)
        left = transaction.read("SELECT 1 AS n FROM stemma.lineage_nodes WHERE repo_id = $1 LIMIT 1", [repo_id])
        # While nodes are left, the old end of the chain stays noted: it tells that they are to be placed anew.
        end = (at.index, at.sha) if left.height and at.sha else (None, None)
        _move(transaction, repo_id, UNFINISHED, *end)
    return n_retired


def _move(transaction: Transaction, repo_id: str, version: str, index: int | None, sha: str | None) -> None:
    transaction.execute(
        "UPDATE stemma.lineage_progress SET version = $3, first_parent_index = $4::int, sha = $5::text "
        "WHERE repo_id = $1 AND step = $2",
        [repo_id, STEP, version, index, sha],
    )


# --- what is to be done ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """The commits that can be traced by now, in order, with `is_pending`; the chain as it was when the run began."""

    repo_id: str
    commits: pl.DataFrame
    n_waiting: int
    is_chain_new: bool
    """The chain runs otherwise than when nodes were last told where they stand on it."""

    @property
    def n_pending(self) -> int:
        return int(self.commits["is_pending"].sum())

    @property
    def is_done(self) -> bool:
        return self.n_pending == 0 and not self.is_chain_new

    @property
    def is_whole(self) -> bool:
        """All paths are to be replayed."""
        return self.is_chain_new or self.n_pending == self.commits.height

    def chain_end(self, position: int) -> tuple[int | None, str | None]:
        """The last commit of the chain up to a position of the order."""
        on_chain = self.commits.filter(pl.col("first_parent_index").is_not_null(), pl.col("position") <= position)
        if on_chain.is_empty():
            return None, None
        index, sha = on_chain.sort("first_parent_index").select("first_parent_index", "sha").row(-1)
        return int(index), str(sha)


_COMMITS = (
    "SELECT sha, position, parents, first_parent_index, committed_at, authored_at, is_shallow_boundary, kind, "
    "traced_by IS DISTINCT FROM $2 AS is_pending FROM stemma.commits WHERE repo_id = $1 ORDER BY position"
)
_UNREAD = (
    "SELECT DISTINCT f.sha FROM stemma.file_changes f "
    "JOIN stemma.commits c ON c.repo_id = f.repo_id AND c.sha = f.sha AND c.traced_by IS DISTINCT FROM $2 "
    "WHERE f.repo_id = $1 AND f.new_blob IS NOT NULL AND NOT EXISTS (SELECT FROM stemma.blobs b "
    "WHERE b.blob_oid = f.new_blob AND b.extractor_version = $3)"
)


def _plan(db: Database, repo_id: str) -> _Plan:
    with db.transaction() as transaction:
        at = chain.position(transaction, repo_id, STEP)
        commits = transaction.read(_COMMITS, [repo_id, VERSION])
        unread = transaction.read(_UNREAD, [repo_id, VERSION, EXTRACTOR_VERSION])["sha"]
        is_chain_new = not chain.stands(transaction, repo_id, at)
    waiting = _with_descendants(commits, set(unread.to_list()))
    ready = commits.filter(~pl.Series(waiting, dtype=pl.Boolean))
    return _Plan(repo_id, ready, commits.height - ready.height, is_chain_new)


def _with_descendants(commits: pl.DataFrame, shas: set[str]) -> list[bool]:
    """Of each commit, in order, whether it is one of these or has one of them in its past."""
    found: set[str] = set()
    for sha, parents in commits.select("sha", "parents").iter_rows() if shas else ():
        if sha in shas or not found.isdisjoint(parents):
            found.add(sha)
    return commits["sha"].is_in(list(found)).to_list()


def _traced(db: Database, plan: _Plan) -> Iterator[Traced]:
    """Batches of rows, read along the order of the commits."""
    wanted = plan.commits["is_pending"].to_list()
    tracer = Tracer(plan.repo_id, plan.commits, StoredContents(db), wanted=wanted, lands_everywhere=plan.is_chain_new)
    paths = None if plan.is_whole else db.read(_PATHS, [plan.repo_id, VERSION])
    for first, last in _spans(db, plan, paths):
        yield from tracer.run(_changes(db, plan, paths, first, last), last)


# Of pending commits and of the one before each: what that removed may stand elsewhere again.
_PATHS = (
    "SELECT DISTINCT f.path FROM stemma.file_changes f WHERE f.repo_id = $1 AND f.sha IN ("
    "SELECT c.sha FROM stemma.commits c WHERE c.repo_id = $1 AND c.traced_by IS DISTINCT FROM $2 UNION ALL "
    "SELECT c.parents[1] FROM stemma.commits c WHERE c.repo_id = $1 AND c.traced_by IS DISTINCT FROM $2)"
)
_OF_PATHS = (
    "FROM stemma.file_changes f JOIN stemma.commits c ON c.repo_id = f.repo_id AND c.sha = f.sha {paths} "
    "WHERE f.repo_id = $1"
)


def _spans(db: Database, plan: _Plan, paths: pl.DataFrame | None) -> Iterator[tuple[int, int]]:
    """Spans of positions (after the first, up to the last) whose changes are read at a time."""
    counted = _ask(db, f"SELECT c.position AS index, count(*) AS n_rows {_OF_PATHS} GROUP BY 1 ORDER BY 1", paths, plan)
    first, last = -1, int(plan.commits["position"].max())  # type: ignore[arg-type]
    for end in chain.batch_ends(counted, CHANGES_PER_READ, last):
        yield first, end
        first = end


def _changes(db: Database, plan: _Plan, paths: pl.DataFrame | None, first: int, last: int) -> pl.DataFrame:
    query = (
        f"SELECT f.sha, f.path, f.old_blob, f.new_blob {_OF_PATHS} AND c.position > $2::int AND c.position <= $3::int"
    )
    return _ask(db, query, paths, plan, first, last)


def _ask(db: Database, query: str, paths: pl.DataFrame | None, plan: _Plan, *span: int) -> pl.DataFrame:
    with db.transaction() as transaction:
        if paths is None:
            return transaction.read(query.format(paths=""), [plan.repo_id, *span])
        with transaction.staged("replayed_paths", paths) as name:
            return transaction.read(query.format(paths=f"JOIN {name} USING (path)"), [plan.repo_id, *span])


# --- what is written -------------------------------------------------------------------------------------------

_MARK = (
    "WITH marked AS (UPDATE stemma.commits c SET traced_by = $2 FROM {name} w WHERE c.repo_id = $1 AND c.sha = w.sha "
    "RETURNING c.sha) SELECT sha FROM marked"
)
_LAND = (
    "UPDATE stemma.lineage_nodes n SET first_parent_index = w.first_parent_index FROM {name} w "
    "WHERE n.node_id = w.node_id AND n.first_parent_index IS DISTINCT FROM w.first_parent_index"
)
_LAND_ALL = (
    "UPDATE stemma.lineage_nodes n SET first_parent_index = w.first_parent_index "
    "FROM stemma.lineage_nodes k LEFT JOIN {name} w USING (node_id) "
    "WHERE k.repo_id = $1 AND n.node_id = k.node_id AND n.first_parent_index IS DISTINCT FROM w.first_parent_index"
)


# Where a merge puts one version in the place of another of equal text, what stood on the chain stands on: the
# occurrence is cut in two there, so that every version that stood has its own.
_CUT = (
    "o.repo_id = n.repo_id AND o.path = n.path AND o.kind = n.kind AND o.qualified_name = n.qualified_name "
    "AND o.duplicate_index = n.duplicate_index AND o.valid_from < w.first_parent_index "
    "AND (o.valid_to IS NULL OR o.valid_to > w.first_parent_index)"
)
_OPEN_OCCURRENCES = (
    "INSERT INTO stemma.occurrences (repo_id, path, qualified_name, kind, duplicate_index, valid_from, valid_to, "
    "valid_from_sha, valid_to_sha, language, category, blob_oid, ordinal, exact_hash, pattern_id) "
    "SELECT o.repo_id, o.path, o.qualified_name, o.kind, o.duplicate_index, w.first_parent_index, o.valid_to, c.sha, "
    "o.valid_to_sha, o.language, o.category, n.blob_oid, n.ordinal, o.exact_hash, o.pattern_id "
    "FROM {name} w JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c "
    "  ON c.repo_id = n.repo_id AND c.first_parent_index = w.first_parent_index "
    f"JOIN stemma.occurrences o ON {_CUT} WHERE w.is_kept_text AND n.repo_id = $1 ON CONFLICT DO NOTHING"
)
_END_OCCURRENCES = (
    "UPDATE stemma.occurrences o SET valid_to = w.first_parent_index, valid_to_sha = c.sha "
    "FROM {name} w JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c "
    "  ON c.repo_id = n.repo_id AND c.first_parent_index = w.first_parent_index "
    f"WHERE {_CUT} AND w.is_kept_text AND n.repo_id = $1"
)


class _Writer:
    """Writes a run's batches; knows what the whole run has to be told at its end."""

    def __init__(self, db: Database, plan: _Plan, told: Phase) -> None:
        self._db, self._plan, self._told = db, plan, told
        self._last = -1
        self._landed: list[pl.DataFrame] = []
        self.n_rows = [0, 0, 0]

    def open(self) -> None:
        """From here on until `close`, what this run writes may hang on commits that no later look would miss."""
        with self._db.transaction() as transaction:
            at = chain.lock(transaction, self._plan.repo_id, STEP)
            if at.version == VERSION:
                _move(transaction, self._plan.repo_id, UNFINISHED, at.index if at.sha else None, at.sha)

    def write(self, traced: Traced) -> None:
        """One batch, unless the repository was marked meanwhile to start over: the next run does."""
        plan = self._plan
        done = plan.commits.filter(
            "is_pending", pl.col("position") > self._last, pl.col("position") <= traced.last_position
        ).select("sha")
        if plan.is_chain_new:
            landed = traced.nodes.select("node_id", "first_parent_index").drop_nulls()
            self._landed += [landed, traced.landings.select(landed.columns)]
        with self._db.transaction() as transaction:
            if self._is_void(transaction):
                return
            written = self._insert(transaction, traced, done)
            self.n_rows = [before + now for before, now in zip(self.n_rows, written, strict=True)]
            if not plan.is_chain_new:
                _move(transaction, plan.repo_id, UNFINISHED, *plan.chain_end(traced.last_position))
        self._last = traced.last_position
        self._told.advance(done.height)

    def close(self) -> None:
        """Every pending commit is done; where the chain is new, so is where nodes stand on it."""
        plan = self._plan
        with self._db.transaction() as transaction:
            if self._is_void(transaction):
                return
            if plan.is_chain_new:
                columns = {"node_id": pl.String, "first_parent_index": pl.Int32}
                landed = pl.concat([pl.DataFrame(schema=columns), *self._landed]).unique("node_id", keep="first")
                with transaction.staged("landed_nodes", landed) as name:
                    transaction.execute(_LAND_ALL.format(name=name), [plan.repo_id])
            end = plan.chain_end(self._last) if self._last >= 0 else (None, None)
            _move(transaction, plan.repo_id, UNFINISHED if plan.n_waiting else VERSION, *end)

    def _is_void(self, transaction: Transaction) -> bool:
        return chain.lock(transaction, self._plan.repo_id, STEP).version not in {VERSION, UNFINISHED}

    def _insert(self, transaction: Transaction, traced: Traced, done: pl.DataFrame) -> list[int]:
        nodes, edges, events = traced.nodes, traced.edges, traced.events
        if not events.is_empty():
            ensure_months(transaction, lineage_events, events)
        with transaction.staged("traced_commits", done) as name:
            marked = transaction.read(_MARK.format(name=name), [self._plan.repo_id, VERSION])
        if marked.height < done.height:  # taken away since: what hangs on them would hang on nothing
            nodes, events = (rows.join(marked, on="sha", how="semi") for rows in (nodes, events))
            edges = edges.join(nodes.select(child_id="node_id"), on="child_id", how="semi")
        tables = ((lineage_nodes, nodes), (lineage_edges, edges), (lineage_events, events))
        written = [transaction.insert(table, rows, "nothing") for table, rows in tables]
        if not traced.landings.is_empty():
            with transaction.staged("landed_nodes", traced.landings) as name:
                if not self._plan.is_chain_new:
                    transaction.execute(_LAND.format(name=name))
                for statement in (_OPEN_OCCURRENCES, _END_OCCURRENCES):
                    transaction.execute(statement.format(name=name), [self._plan.repo_id])
        return written
