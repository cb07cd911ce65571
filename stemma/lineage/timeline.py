"""What happened to elements, told commit by commit: the kinds of one commit together, from what to what, and by whom.

Which versions and events there are is read in `queries` or `asked`; how the rows are printed lives in `cli`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import takewhile, zip_longest
from typing import Any

import polars as pl

from stemma.lineage.graph import Graph

KINDS = {
    "introduced": "introduced",
    "observed": "first seen",
    "revived": "revived",
    "forked": "forked",
    "copied": "copied",
    "extracted": "extracted",
    "split": "split",
    "merged": "merged",
    "inlined": "inlined",
    "renamed": "renamed",
    "moved_across_files": "moved",
    "moved_within_file": "moved within file",
    "file_renamed": "file renamed",
    "signature_changed": "signature changed",
    "body_changed": "body changed",
    "documentation_changed": "documentation changed",
    "formatting_changed": "formatting only",
    "deprecated": "deprecated",
    "removed": "removed",
}
"""Types of event, the weightiest first, and what people are told of them."""

LONG = 60  # characters of a text from which only what differs is told

# Edges that tell what an event came from, where its own detail does not.
_EDGE_OF = {
    "renamed": "renamed_from",
    "moved_across_files": "moved_from",
    "moved_within_file": "moved_from",
    "file_renamed": "moved_from",
    "extracted": "extracted_from",
    "split": "extracted_from",
    "merged": "merged_from",
    "copied": "copied_from",
    "forked": "forked_from",
}
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


def timeline(graph: Graph, own: pl.Series | None = None) -> list[dict[str, Any]]:
    """One row per version and commit at which something happened to it, in the order of commits.

    Keys: occurred_at (committer date), authored_at, repository, path, qualified_name, kind, kinds (all of that commit,
    the weightiest first), changes (kind, part, from and to of what has them), sha, author_name, subject,
    similarity (with the nearest version it came from), node_id, pattern_id, start_line, origin, agent, session_id.

    Args:
        own: the versions to tell of; by default all.
    """
    nodes = {row["node_id"]: row for row in graph.nodes.iter_rows(named=True)}
    parents = _parents(graph)
    events = graph.events
    if own is not None:
        events = events.filter(pl.col("node_id").is_in(own.implode()))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events.iter_rows(named=True):
        node = nodes[event["node_id"]]
        key = (event["node_id"], event["sha"])
        row = rows.setdefault(key, _row(node, event, parents))
        row["kinds"].append(event["event_type"])
        row["changes"].extend(_changes(event, node, parents, nodes))
    told = list(rows.values())
    for row in told:
        row["kinds"].sort(key=lambda kind: _ORDER.get(kind, len(_ORDER)))
        row["changes"].sort(key=lambda change: _ORDER.get(change["kind"], len(_ORDER)))
    told.sort(key=_place)
    for row in told:
        del row["position"]
    return told


def _parents(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    parents: dict[str, list[dict[str, Any]]] = {}
    for edge in graph.derivations.iter_rows(named=True):
        parents.setdefault(edge["child_id"], []).append(edge)
    return parents


def _row(node: dict[str, Any], event: dict[str, Any], parents: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    known = [edge["weight"] for edge in parents.get(node["node_id"], []) if edge["weight"] is not None]
    is_birth = event["sha"] == node["sha"]  # a removal has a commit of its own, and no text of its own
    return {
        "occurred_at": event["occurred_at"],
        "authored_at": event["authored_at"],
        "repository": node["repository"],
        "path": node["path"],
        "qualified_name": node["qualified_name"],
        "kind": node["kind"],
        "kinds": [],
        "changes": [],
        "sha": event["sha"],
        "author_name": event["author_name"],
        "subject": event["subject"],
        "similarity": max(known) if known and is_birth else None,
        "node_id": node["node_id"],
        "pattern_id": node["pattern_id"],
        "start_line": node["start_line"],
        "origin": node["origin"] if is_birth else None,
        "agent": node["agent"] if is_birth else None,
        "session_id": node["session_id"] if is_birth else None,
        "position": event["position"],
    }


def _changes(
    event: dict[str, Any],
    node: dict[str, Any],
    parents: dict[str, list[dict[str, Any]]],
    nodes: dict[str, dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """From what to what, as the event tells it, or else as the version's edges do."""
    kind = event["event_type"]
    detail = json.loads(event["detail"] or "{}")
    before, after, parts = detail.get("from"), detail.get("to"), detail.get("parts") or []
    if isinstance(before, list) or isinstance(after, list) or (parts and before is after is None):
        for part, old, new in zip_longest(parts, before or [], after or []):
            yield {"kind": kind, "part": part, "from": old, "to": new}
    elif other := next((detail[key] for key in ("into", "with") if detail.get(key)), None):
        yield {"kind": kind, "part": None, "from": None, "to": f"{detail.get('path', node['path'])}:{other}"}
    elif "path" in detail and before is not None:  # it came out of another element, in that file
        yield {"kind": kind, "part": None, "from": f"{detail['path']}:{before}", "to": None}
    elif before is not None or after is not None:
        yield {"kind": kind, "part": None, "from": before, "to": after}
    else:
        for edge in parents.get(node["node_id"], []):
            parent = nodes.get(edge["parent_id"])
            if parent is None or edge["edge_type"] != _EDGE_OF.get(kind):
                continue
            if (name := named(parent, beside=node)) != named(node, beside=node):  # as where a merge joins two branches
                yield {"kind": kind, "part": None, "from": name, "to": None}


def told_change(change: Mapping[str, Any]) -> str:
    """A change in words, as `one → uno`; of long texts the part that differs. Empty where the kind says it all."""
    before, after, part = change["from"], change["to"], change["part"]
    if not before and not after:
        return part.replace("_", " ") if part and part not in ("documentation", "declaration") else ""
    if after is None and part is None:
        return f"from {before}"
    if before is None and part is None:
        return f"{'with' if change['kind'] == 'merged' else 'into'} {after}"
    before, after = _apart(str(before or ""), str(after or ""))
    name = f"{part.replace('_', ' ')}: " if part else ""
    return f"{name}{before or 'nothing'} → {after or 'nothing'}"


def _apart(before: str, after: str) -> tuple[str, str]:
    """Two texts without the words that both begin or end with, where they are long."""
    if max(len(before), len(after)) <= LONG:
        return before, after
    old, new = before.split(), after.split()
    begin = _n_alike(old, new)
    end = _n_alike(old[begin:][::-1], new[begin:][::-1])

    def middle(words: list[str]) -> str:
        kept = words[begin : len(words) - end]
        return " ".join(["…"] * bool(begin) + kept + ["…"] * bool(end)) if kept else ""

    return middle(old), middle(new)


def _n_alike(old: list[str], new: list[str]) -> int:
    """With how many equal words the two begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def named(node: dict[str, Any], *, beside: dict[str, Any] | None = None) -> str:
    """An element by path and name; the repository only where it is another one than that of `beside`."""
    place = f"{node['path']}:{node['qualified_name']}"
    is_elsewhere = beside is None or node["repository"] != beside["repository"]
    return f"{node['repository']} {place}" if is_elsewhere else place


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    """Within a repository the order of commits; among repositories that of their names, for no clock is common."""
    position = row["position"] if row["position"] is not None else -1
    return (row["repository"], position, row["occurred_at"], row["path"], row["qualified_name"], row["node_id"])
