"""The answer to one question about lineage: which elements were meant, and the part of the graph that tells of them.

It comes from the database, or, for a file of a checkout that the database does not know, from git itself (`asked`). How
it is printed lives in `cli`, how it is drawn and exported in `page` and `export`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from stemma.errors import NotFoundError
from stemma.lineage import queries
from stemma.lineage.graph import Graph
from stemma.store.postgres import Database

NAMED = 5
Kind = Literal["timeline", "family", "ancestors", "descendants", "path"]
ELEMENT = (
    "repository",
    "path",
    "qualified_name",
    "kind",
    "duplicate_index",
    "language",
    "node_id",
    "pattern_id",
    "is_live",
)


@dataclass(frozen=True)
class View:
    """What is asked of the elements.

    Attributes:
        kind: their own life (timeline), all they are related to (family), what they came from, what came from them, or
            the way between them and `to`.
        max_depth: steps from them at most; None: all. max_nodes: versions at most, the nearest first.
    """

    kind: Kind
    to: str | None = None
    max_depth: int | None = None
    max_nodes: int = queries.MAX_NODES

    @property
    def bounds(self) -> dict[str, int]:
        return {"max_depth": self.max_depth or queries.MAX_DEPTH, "max_nodes": self.max_nodes}


@dataclass(frozen=True)
class Answer:
    """What was meant, and what is known of it.

    Attributes:
        read_from: database or git. remark: what must be known of where it comes from; None when nothing.
        elements: newest version of each element meant: repository, path, qualified_name, kind, node_id, ...
        own: ids of the elements' own versions; the graph holds others beside them.
        walked: of relatives node_id, depth, via, edge_type, weight; of a path step, node_id, edge_type, weight,
            is_upward; None for a timeline and a family.
    """

    reference: str
    view: View
    read_from: Literal["database", "git"]
    remark: str | None
    elements: list[dict[str, Any]]
    graph: Graph
    own: pl.Series
    walked: pl.DataFrame | None = None

    def state_of(self, element: dict[str, Any]) -> str:
        """Whether one of the elements still stands, or under which name and in which file it goes on."""
        if element["is_live"]:
            return "stands at the head"
        later = self.graph.walk([element["node_id"]], is_upward=False, is_of_one=True)["node_id"]
        live = self.graph.nodes.filter("is_live", pl.col("node_id").is_in(later.implode()))
        names = [f"{path}:{name}" for path, name in live.select("path", "qualified_name").iter_rows()]
        return f"goes on as {', '.join(names[:NAMED])}" if names else "gone from the head"


def from_database(db: Database, reference: str, repo_id: str | None, view: View) -> Answer:
    """The answer as the last run left it.

    Raises:
        ConfigError: the reference means several things; names them.
        NotFoundError: it means nothing here, or nothing joins the two ends of a path.
    """
    meant = queries.resolve(db, reference, repo_id)
    ids = meant["node_id"].to_list()
    elements = meant.select(ELEMENT).to_dicts()
    walked = None
    if view.kind == "timeline":
        graph, own = queries.life(db, ids, max_nodes=view.max_nodes)
    elif view.kind == "family":
        graph, own = queries.family(db, ids, **view.bounds), meant["node_id"]
    elif view.kind == "path":
        graph, walked = _path(db, elements[0], str(view.to), repo_id, view)
        own = walked["node_id"]
    else:
        graph, walked = queries.relatives(db, ids, view.kind, **view.bounds)
        own = meant["node_id"]
    return Answer(reference, view, "database", _as_of(db, meant["repo_id"].to_list()), elements, graph, own, walked)


def _path(
    db: Database, element: dict[str, Any], to: str, repo_id: str | None, view: View
) -> tuple[Graph, pl.DataFrame]:
    other = queries.resolve(db, to, repo_id).row(0, named=True)
    graph, steps = queries.path(db, element["node_id"], other["node_id"], **view.bounds)
    if steps.is_empty():
        first, second = (f"{end['repository']} {end['path']}:{end['qualified_name']}" for end in (element, other))
        raise NotFoundError(
            f"Neither {first} nor {second} derives from the other, and they have no common origin.",
            "See what each comes from with --ancestors; raise --depth or --limit where they are set.",
        )
    return graph, steps


def _as_of(db: Database, repo_ids: Sequence[str]) -> str | None:
    """The heads that were read last, where they are few enough to be named."""
    found = db.read(
        "SELECT r.name, r.head_sha, r.ingested_at FROM unnest(string_to_array($1, ',')) AS a (repo_id) "
        "JOIN stemma.repositories r ON r.repo_id = a.repo_id WHERE r.head_sha IS NOT NULL ORDER BY r.name",
        [",".join(sorted(set(repo_ids)))],
    )
    if not 0 < found.height <= 3:
        return None
    heads = (f"{name} at {sha[:10]}, read {at:%Y-%m-%d %H:%M} UTC" for name, sha, at in found.iter_rows())
    return f"As of {'; '.join(heads)}."
