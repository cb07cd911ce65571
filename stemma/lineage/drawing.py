"""Where the versions of a lineage graph stand in its drawing: time from left to right, one lane per element and file.

The page around the drawing, its words and its marks are made in `page`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.lineage.graph import Graph

MARGIN, LANE, COLUMN = 40, 56, 34
LEVEL = 38  # of a lane's marks below its top, where its name stands
AXIS = 26
GAP_PER_DECADE = 16  # pixels more for every tenfold of the days between two commits
TICK_ROOM = 96
BOW = 26


@dataclass(frozen=True)
class Lane:
    """One element in one file: what it is called, and the top of its band."""

    repository: str
    path: str
    name: str
    y: int
    is_first_of_file: bool


@dataclass(frozen=True)
class Spot:
    """Where a version stands: its commit's column and the level of its lane."""

    x: int
    y: int
    lane: int


@dataclass(frozen=True)
class Layout:
    """Places of everything that is drawn, in pixels.

    `ends` are the removals: version, and where the mark of its end stands. `ticks` are dates along the axis.
    """

    width: int
    height: int
    lanes: list[Lane]
    spots: dict[str, Spot]
    ends: list[tuple[str, Spot]]
    ticks: list[tuple[int, str]]

    def curve(self, a: Spot, b: Spot) -> str:
        """The path of an edge: straight along a lane, in a bow over marks between, bent from lane to lane."""
        if a.lane != b.lane:
            middle = (a.x + b.x) // 2
            return f"M{a.x} {a.y}C{middle} {a.y} {middle} {b.y} {b.x} {b.y}"
        if not any(min(a.x, b.x) < spot.x < max(a.x, b.x) for spot in self.spots.values() if spot.lane == a.lane):
            return f"M{a.x} {a.y}L{b.x} {b.y}"
        return f"M{a.x} {a.y}C{a.x + BOW} {a.y - BOW} {b.x - BOW} {b.y - BOW} {b.x} {b.y}"


def nearest(graph: Graph, most: int) -> Graph:
    """The graph itself, or those versions of it that are the fewest steps from the ones asked for, either way."""
    if graph.nodes.height <= most:
        return graph
    pairs = graph.edges.select(pl.col("child_id").alias("a"), pl.col("parent_id").alias("b"))
    pairs = pl.concat([pairs, pairs.select(a="b", b="a")]).unique()
    known = pl.DataFrame({"a": list(graph.focus) or graph.nodes["node_id"].head(1).to_list()})
    frontier = known
    while known.height < most and not frontier.is_empty():
        frontier = pairs.join(frontier, on="a").select(pl.col("b").alias("a")).unique().join(known, on="a", how="anti")
        known = pl.concat([known, frontier.sort("a")])
    return graph.only(known["a"].head(most))


def lay_out(graph: Graph) -> Layout:
    """Lanes in the order of their first versions, those of one repository together, the one asked for first."""
    nodes = list(graph.nodes.iter_rows(named=True))
    removals = graph.events.filter(pl.col("event_type") == "removed").to_dicts()
    columns = _columns(nodes, removals)
    lanes, lane_of = _lanes(nodes, graph.focus)
    at = {key: x for key, (x, _) in columns.items()}
    by_id = {node["node_id"]: node for node in nodes}

    def spot(node: dict[str, Any], sha: str) -> Spot:
        lane = lane_of[_lane_key(node)]
        return Spot(at[node["repo_id"], sha], lanes[lane].y + LEVEL, lane)

    spots = {node["node_id"]: spot(node, node["sha"]) for node in nodes}
    ends = [(row["node_id"], spot(by_id[row["node_id"]], row["sha"])) for row in removals]
    width = max((x for x, _ in columns.values()), default=0) + MARGIN
    height = AXIS + LANE * len(lanes) + 8
    return Layout(width, height, lanes, spots, ends, _ticks(columns.values()))


_Columns = dict[tuple[str, str], tuple[int, dt.datetime]]


def _columns(nodes: list[dict[str, Any]], removals: list[dict[str, Any]]) -> _Columns:
    """By repository and commit its x and date. Commits of a repository keep their order, whatever their clocks said."""
    repos = {node["node_id"]: node["repo_id"] for node in nodes}
    rows = [(node["repo_id"], node["position"], node["occurred_at"], node["sha"]) for node in nodes]
    rows += [(repos[row["node_id"]], row["position"], row["occurred_at"], row["sha"]) for row in removals]
    ordered = sorted(set(rows), key=lambda row: (row[0], -1 if row[1] is None else row[1], row[2], row[3]))
    latest: dict[str, dt.datetime] = {}
    timed = []
    for place, (repo, _, moment, sha) in enumerate(ordered):
        latest[repo] = max(moment, latest.get(repo, moment))
        timed.append((latest[repo], place, repo, sha))
    columns: _Columns = {}
    x, before = MARGIN, None
    for when, _, repo, sha in sorted(timed):
        if before is not None:
            days = (when - before).total_seconds() / 86_400
            x += COLUMN + round(GAP_PER_DECADE * math.log10(1 + days))
        columns[repo, sha] = (x, when)
        before = when
    return columns


def _lane_key(node: dict[str, Any]) -> tuple[Any, ...]:
    return (node["repo_id"], node["path"], node["kind"], node["qualified_name"], node["duplicate_index"])


def _lanes(nodes: list[dict[str, Any]], focus: tuple[str, ...]) -> tuple[list[Lane], dict[tuple[Any, ...], int]]:
    asked = {node["repo_id"] for node in nodes if node["node_id"] in focus}
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for node in sorted(nodes, key=lambda node: (node["occurred_at"], node["path"], node["qualified_name"])):
        first.setdefault(_lane_key(node), node)
    files: dict[tuple[str, str], int] = {}
    for key in first:
        files.setdefault((key[0], key[1]), len(files))
    repositories: dict[str, int] = {}
    for key in first:
        repositories.setdefault(key[0], len(repositories))

    def place(key: tuple[Any, ...]) -> tuple[Any, ...]:
        return (key[0] not in asked, repositories[key[0]], files[key[0], key[1]])

    lanes: list[Lane] = []
    lane_of: dict[tuple[Any, ...], int] = {}
    for key in sorted(first, key=place):
        node, above = first[key], lanes[-1] if lanes else None
        is_first = above is None or (above.repository, above.path) != (node["repository"], node["path"])
        lane_of[key] = len(lanes)
        y = AXIS + LANE * len(lanes)
        lanes.append(Lane(node["repository"], node["path"], node["qualified_name"], y, is_first))
    return lanes, lane_of


def _ticks(columns: Iterable[tuple[int, dt.datetime]]) -> list[tuple[int, str]]:
    ticks: list[tuple[int, str]] = []
    for x, moment in sorted(columns):
        if not ticks or x - ticks[-1][0] >= TICK_ROOM:
            ticks.append((x, f"{moment:%Y-%m-%d}"))
    return ticks
