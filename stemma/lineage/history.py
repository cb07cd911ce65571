"""Lineage derived from occurrences: a node per version, an edge per derivation, an event per thing that happened.

Where each text stood is found by `occurrences`; which version follows which, by `successors`.

Edges of a pair: `modified_from` when the text changed by more than its own name, `renamed_from` when the qualified
name changed, `moved_from` when the path did (or, in one file, the order among definitions of equal name); a pair may
have several. Events: the same for the later version; `introduced` for one without a parent, but `observed` where its
birth cannot be known (`boundary`: shallow = the history is cut off there, snapshot = first look at a folder,
unreadable = the content before could not be parsed); `removed` for one without a child; `deprecated` when the mark of
deprecation appears. `detail` of renamed and moved: from and to, names, paths or (inside a file) places in the order,
of modified: the weight. An event at an unreadable content is dated as its occurrence.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage import chain, occurrences
from stemma.lineage.similarity import weigh
from stemma.lineage.successors import pair, renamed_files
from stemma.progress import phase
from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database, Transaction
from stemma.tables import lineage_edges, lineage_events, lineage_nodes, polars_schema

STEP = "lineage"
OUTCOMES_STEP = "outcomes"  # what `feedback.outcomes` derives from here; it starts over when nodes are retired
RULES = "1"  # raise it when other rows would come of the same occurrences
VERSION = f"{EXTRACTOR_VERSION}/{RULES}"
ROWS_PER_BATCH = 50_000


@dataclass(frozen=True)
class LineageCounts:
    """Rows written, and nodes retired because their commits are gone."""

    n_nodes: int = 0
    n_edges: int = 0
    n_events: int = 0
    n_retired: int = 0


def update_lineage(db: Database, repo_id: str) -> LineageCounts:
    """Bring the repository's nodes, edges and events to where its occurrences are.

    Each batch of commits is one transaction that also moves the position; ids are made of content, so a rerun and
    two at once give the same rows. After a rewritten history what hangs on commits that are gone is retired first.
    """
    name = chain.repository_name(db, repo_id)
    n_retired = _retire(db, repo_id)
    pending, last = _pending(db, repo_id)
    n_nodes = n_edges = n_events = 0
    if last is not None:
        with phase(STEP, repository=name, total=int(pending["n_rows"].sum()), unit="versions") as told:
            for upto in chain.batch_ends(pending, ROWS_PER_BATCH, last):
                nodes, edges, events, n_read = _advance(db, repo_id, upto)
                n_nodes, n_edges, n_events = n_nodes + nodes, n_edges + edges, n_events + events
                told.advance(n_read)
    return LineageCounts(n_nodes, n_edges, n_events, n_retired)


def _retire(db: Database, repo_id: str) -> int:
    with db.transaction() as transaction:
        at = chain.lock(transaction, repo_id, STEP)
        if at.index < 0 or (at.version == VERSION and chain.stands(transaction, repo_id, at)):
            return 0
        kept = _last_standing(transaction, repo_id) if at.version == VERSION else -1
        stands = "SELECT c.sha FROM stemma.commits c WHERE c.repo_id = $1 AND c.first_parent_index <= $2::int"
        for table in (lineage_events, lineage_nodes):  # edges and outcomes go with their nodes
            statement = f"DELETE FROM {table.fullname} WHERE repo_id = $1 AND sha NOT IN ({stands})"
            n_retired = chain.delete(transaction, statement, [repo_id, kept])
        chain.move(transaction, repo_id, STEP, VERSION, kept)
        chain.move(transaction, repo_id, OUTCOMES_STEP, VERSION, -1)
    return n_retired


def _last_standing(transaction: Transaction, repo_id: str) -> int:
    found = transaction.read(
        "SELECT coalesce(max(n.first_parent_index), -1) AS index FROM stemma.lineage_nodes n JOIN stemma.commits c "
        "ON c.repo_id = n.repo_id AND c.sha = n.sha AND c.first_parent_index = n.first_parent_index "
        "WHERE n.repo_id = $1",
        [repo_id],
    )
    return int(found["index"].item())


def _pending(db: Database, repo_id: str) -> tuple[pl.DataFrame, int | None]:
    """Versions per commit still to be read, and the position to end at; None when there is nothing to do."""
    with db.transaction() as transaction:
        at = chain.position(transaction, repo_id, STEP)
        source = chain.position(transaction, repo_id, occurrences.STEP)
        commits = transaction.read(
            "SELECT index, sum(n)::bigint AS n_rows FROM ("
            "  SELECT valid_from AS index, count(*) AS n FROM stemma.occurrences"
            "  WHERE repo_id = $1 AND valid_from > $2::int GROUP BY 1 UNION ALL"
            "  SELECT valid_to, count(*) FROM stemma.occurrences WHERE repo_id = $1 AND valid_to > $2::int GROUP BY 1"
            ") AS ends GROUP BY 1 ORDER BY 1",
            [repo_id, at.index],
        )
        is_due = source.index > at.index and chain.stands(transaction, repo_id, source)
    return commits, source.index if is_due else None


def _advance(db: Database, repo_id: str, upto: int) -> tuple[int, int, int, int]:
    with db.transaction() as transaction:
        at = chain.lock(transaction, repo_id, STEP)
        source = chain.position(transaction, repo_id, occurrences.STEP, lock_clause="FOR SHARE")
        is_void = at.index >= 0 and at.version != VERSION  # marked since to start over: the next call does
        if at.index >= upto or source.index < upto or is_void:  # another process was here, or cut the occurrences back
            return 0, 0, 0, 0
        span = (repo_id, at.index, upto)
        begun = _with_node_ids(transaction.read(_BEGUN, [*span, EXTRACTOR_VERSION]), repo_id, "sha")
        ended = _with_node_ids(transaction.read(_ENDED, [*span, EXTRACTOR_VERSION]), repo_id, "valid_from_sha")
        files = transaction.read(_FILES, span)
        pairs = _pairs(transaction, ended, begun, files)
        nodes, edges, events = _nodes(begun), _edges(pairs), _events(pairs, ended, begun)
        if not events.is_empty():
            ensure_months(transaction, lineage_events, events)
        written = [
            transaction.insert(table, frame.with_columns(repo_id=pl.lit(repo_id)), "nothing")
            for table, frame in ((lineage_nodes, nodes), (lineage_edges, edges), (lineage_events, events))
        ]
        chain.move(transaction, repo_id, STEP, VERSION, upto)
    return written[0], written[1], written[2], begun.height + ended.height


_VERSION_COLUMNS = (
    "o.path, o.kind, o.qualified_name, o.duplicate_index, o.blob_oid, o.ordinal, o.language, o.exact_hash, "
    "o.pattern_id, s.name, s.is_deprecated, coalesce(p.is_trivial, false) AS is_trivial, "
    "c.committed_at AS occurred_at, c.authored_at"
)
_VERSION_JOINS = (
    "JOIN stemma.snippets s ON s.blob_oid = o.blob_oid AND s.extractor_version = $4 AND s.ordinal = o.ordinal "
    "LEFT JOIN stemma.patterns p ON p.pattern_id = o.pattern_id"
)

_BEGUN = (
    f"SELECT {_VERSION_COLUMNS}, o.valid_from AS index, o.valid_from_sha AS sha, CASE "
    "  WHEN c.is_shallow_boundary THEN 'shallow' WHEN c.kind = 'snapshot' AND o.valid_from = 0 THEN 'snapshot' "
    "  WHEN unread.blob_oid IS NOT NULL THEN 'unreadable' END AS boundary "
    f"FROM stemma.occurrences o {_VERSION_JOINS} "
    "JOIN stemma.commits c ON c.repo_id = o.repo_id AND c.sha = o.valid_from_sha "
    "LEFT JOIN stemma.file_changes f ON f.repo_id = o.repo_id AND f.sha = o.valid_from_sha AND f.path = o.path "
    "LEFT JOIN stemma.blobs unread ON unread.blob_oid = f.old_blob AND unread.extractor_version = $4 "
    "  AND unread.status = 'skipped' "
    "WHERE o.repo_id = $1 AND o.valid_from > $2::int AND o.valid_from <= $3::int"
)

_ENDED = (
    f"SELECT {_VERSION_COLUMNS}, o.valid_to AS index, o.valid_to_sha AS sha, o.valid_from_sha "
    f"FROM stemma.occurrences o {_VERSION_JOINS} "
    "JOIN stemma.commits c ON c.repo_id = o.repo_id AND c.sha = o.valid_to_sha "
    "WHERE o.repo_id = $1 AND o.valid_to > $2::int AND o.valid_to <= $3::int"
)

_FILES = (
    "SELECT first_parent_index AS index, path, new_blob IS NULL AS is_vanished FROM stemma.file_changes "
    "WHERE repo_id = $1 AND first_parent_index > $2::int AND first_parent_index <= $3::int "
    "AND (old_blob IS NULL OR new_blob IS NULL)"
)


def _with_node_ids(versions: pl.DataFrame, repo_id: str, sha: str) -> pl.DataFrame:
    key = versions.select(
        pl.lit(repo_id), "path", "kind", "qualified_name", pl.col("duplicate_index").cast(pl.String), sha
    )
    return versions.with_columns(node_id=_row_ids(key))


def _row_ids(parts: pl.DataFrame) -> pl.Series:
    """`content_id` of each row. About 5 s per million, the one place where rows pass through Python."""
    return pl.Series([content_id(*row) for row in parts.iter_rows()], dtype=pl.String)


def _pairs(transaction: Transaction, ended: pl.DataFrame, begun: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Each version that follows another, beside it (columns of the parent end in `_parent`), with weight and types."""
    renamed = renamed_files(ended, begun, files.filter("is_vanished"), files.filter(~pl.col("is_vanished")))
    found = pair(ended, begun, renamed)
    joined = found.join(begun, left_on="child", right_on="node_id").join(
        ended, left_on="parent", right_on="node_id", suffix="_parent"
    )
    own_name, path, qualified_name, order, pattern, text = (
        pl.col(name) != pl.col(f"{name}_parent")
        for name in ("name", "path", "qualified_name", "duplicate_index", "pattern_id", "exact_hash")
    )
    is_moved_inside = ~path & ~qualified_name & order & ~text
    return weigh(transaction, joined).with_columns(
        is_renamed=qualified_name,
        is_moved=path | is_moved_inside,
        is_modified=text & (pattern | ~own_name),
    )


_TYPES = (("is_modified", "modified"), ("is_renamed", "renamed"), ("is_moved", "moved"))


def _nodes(begun: pl.DataFrame) -> pl.DataFrame:
    renamed = begun.rename({"index": "first_parent_index"})
    return renamed.select(name for name in polars_schema(lineage_nodes) if name != "repo_id")


def _edges(pairs: pl.DataFrame) -> pl.DataFrame:
    evidence = pl.struct("matched_by", pl.col("n_candidates").alias("candidates")).struct.json_encode()
    edges = pl.concat(
        pairs.filter(flag).select(
            child_id="child",
            parent_id="parent",
            edge_type=pl.lit(f"{kind}_from"),
            weight="weight",
            confidence="confidence",
            evidence=evidence,
        )
        for flag, kind in _TYPES
    )
    return edges.with_columns(edge_id=_row_ids(edges.select("child_id", "parent_id", "edge_type")))


def _events(pairs: pl.DataFrame, ended: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    born = begun.join(pairs, left_on="node_id", right_on="child", how="anti")
    gone = ended.join(pairs, left_on="node_id", right_on="parent", how="anti")
    later = pairs.rename({"child": "node_id"})
    is_marked = pl.col("is_deprecated") & ~pl.col("is_deprecated_parent")
    parts = [
        _event(born.filter(pl.col("boundary").is_null()), "introduced"),
        _event(born.filter(pl.col("boundary").is_not_null()), "observed", pl.struct("boundary")),
        _event(later.filter("is_modified"), "body_changed", pl.struct("weight")),
        _event(later.filter("is_renamed"), "renamed", _from_to("qualified_name")),
        _event(
            later.filter("is_moved", pl.col("path") != pl.col("path_parent")), "moved_across_files", _from_to("path")
        ),
        _event(
            later.filter("is_moved", pl.col("path") == pl.col("path_parent")),
            "moved_within_file",
            _from_to("duplicate_index"),
        ),
        _event(later.filter(is_marked), "deprecated"),
        _event(gone, "removed"),
    ]
    events = pl.concat(parts)
    return events.with_columns(event_id=_row_ids(events.select("node_id", "event_type", "sha")))


def _event(versions: pl.DataFrame, event_type: str, detail: pl.Expr | None = None) -> pl.DataFrame:
    return versions.select(
        "node_id",
        "occurred_at",
        "sha",
        event_type=pl.lit(event_type),
        detail=pl.lit("{}") if detail is None else detail.struct.json_encode(),
    )


def _from_to(column: str) -> pl.Expr:
    return pl.struct(pl.col(f"{column}_parent").alias("from"), pl.col(column).alias("to"))
