"""The page of a lineage answer: its graph drawn, and a row for each thing that happened. One file, no network.

Where things stand in the drawing is decided in `drawing`; what is in the answer, in `answers`. Everything that comes
from a repository is escaped, and a content security policy allows the page its own style and script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import Any

import polars as pl

from stemma.lineage.answers import Answer
from stemma.lineage.drawing import Layout, lay_out, nearest
from stemma.lineage.export.labels import edge_types, kinds_of, told
from stemma.lineage.graph import SUCCESSION, Graph
from stemma.lineage.timeline import KINDS, timeline, told_change
from stemma.readable import readable

MAX_DRAWN = 400
MAX_ROWS = 1_000

GROUPS = {
    "joined": ("copied", "forked", "extracted", "split", "merged", "inlined"),
    "born": ("introduced", "observed", "revived"),
    "moved": ("renamed", "moved_across_files", "moved_within_file", "file_renamed"),
    "changed": ("body_changed", "signature_changed"),
    "marked": ("deprecated",),
    "quiet": ("documentation_changed", "formatting_changed"),
}
"""What a version's mark tells, the first that applies: shape and colour."""
_GROUP = {kind: group for group, kinds in GROUPS.items() for kind in kinds}
_MARKS = {
    "born": '<path class="mark {0}" d="M0-9 9 0 0 9-9 0Z"/>',
    "joined": '<path class="mark {0}" d="M0-9 9 7-9 7Z"/>',
    "moved": '<path class="mark {0}" d="M-7-7H7V7H-7Z"/>',
    "changed": '<circle class="mark {0}" r="7.5"/>',
    "marked": '<path class="mark {0}" d="M-9-6H9L0 9Z"/>',
    "quiet": '<circle class="mark {0}" r="5"/>',
}
_LEGEND = {
    "born": "introduced, first seen, revived",
    "joined": "copied, extracted, merged, forked",
    "moved": "renamed, moved",
    "changed": "body or signature changed",
    "quiet": "documentation or format",
    "marked": "deprecated",
}
_ORIGINS = {"human": "person", "agent": "agent", "mixed": "both", "unknown": "unknown"}


def to_page(answer: Answer) -> str:
    """The answer as an HTML document that needs nothing else."""
    graph = nearest(answer.graph, MAX_DRAWN)
    own = None if answer.view.kind == "family" else answer.own
    return "".join(_document(answer, graph, timeline(answer.graph, own)))


def _document(answer: Answer, graph: Graph, rows: list[dict[str, Any]]) -> Iterator[str]:
    room = files("stemma.lineage")
    style, script = ((room / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    title = _title(answer)
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
    yield f"<title>Lineage of {_text(title)}</title><style>{style}</style></head><body><main>"
    yield from _head(answer, graph, title)
    yield from _drawing(graph)
    yield '<div id="details" aria-live="polite"><span class="soft">Choose a version to see what it is and to trace its '
    yield "line: with the mouse, or with the arrow keys once one has the focus.</span></div>"
    yield from _table(rows)
    yield f'</main><script type="application/json" id="lineage">{_data(graph)}</script><script>{script}</script>'
    yield "</body></html>\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(answer: Answer) -> str:
    if answer.view.kind == "path":
        return f"{answer.reference} to {answer.view.to}"
    return answer.elements[0]["qualified_name"] if len(answer.elements) == 1 else answer.reference


_VIEWS = {
    "ancestors": "What it came from",
    "descendants": "What came from it",
    "path": "The way from one to the other",
}


def _head(answer: Answer, graph: Graph, title: str) -> Iterator[str]:
    first = answer.elements[0]
    place = f"{first['kind']} in {first['repository']} {first['path']}"
    if len(answer.elements) > 1:
        place = f"{len(answer.elements):,} elements, the first a {place}"
    yield f'<header><h1>{_text(title)}<span class="place">{_text(place)}</span></h1>'
    nodes = answer.graph.nodes
    n_files, n_repositories = nodes.select("repo_id", "path").n_unique(), nodes["repo_id"].n_unique()
    first_day, last_day = nodes.select(first=pl.min("occurred_at"), last=pl.max("occurred_at")).row(0)
    told_of = [
        *([_VIEWS[answer.view.kind]] if answer.view.kind in _VIEWS else []),
        f"{nodes.height:,} versions in {_count(n_files, 'file')} of {_count(n_repositories, 'repository')}",
        f"{first_day:%Y-%m-%d} to {last_day:%Y-%m-%d}",
        answer.state_of(answer.elements[0]),
    ]
    yield f"<p>{_text(' · '.join(told_of))}</p>"
    if answer.remark:
        yield f'<p class="soft">{_text(answer.remark)}</p>'
    if graph.nodes.height < nodes.height:
        left_out = nodes.height - graph.nodes.height
        yield f'<p class="note">Drawn are the {graph.nodes.height:,} versions nearest to the one asked for; '
        yield f"{left_out:,} more are known.</p>"
    if answer.graph.is_cut:
        yield '<p class="note">There are more versions than were looked up; <code>--limit</code> finds more.</p>'
    yield "</header>"


def _count(n: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{n:,} {what if n == 1 else plural}"


def _drawing(graph: Graph) -> Iterator[str]:
    layout, kinds = lay_out(graph), kinds_of(graph)
    yield '<h2>The graph</h2><ul class="legend">'
    for group, words in _LEGEND.items():
        mark = _MARKS[group].format(group)
        yield f'<li><svg width="22" height="22" viewBox="-11 -11 22 22" aria-hidden="true">{mark}</svg>{words}</li>'
    yield '<li><svg width="22" height="22" viewBox="-11 -11 22 22" aria-hidden="true"><path class="removed" '
    yield 'd="M-5-5 5 5M-5 5 5-5"/></svg>removed</li></ul>'
    origins = {origin for origin in graph.nodes["origin"].unique() if origin}
    if origins:
        dots = "".join(
            f'<span class="dot {origin}"></span>{words} ' for origin, words in _ORIGINS.items() if origin in origins
        )
        yield '<fieldset><legend>Colour by</legend><label><input type="radio" name="colour" value="kind" checked> '
        yield 'what happened</label><label><input type="radio" name="colour" value="origin"> who wrote it</label>'
        yield f"<span>{dots}</span></fieldset>"
    yield '<div class="scroll" tabindex="0" role="region" aria-label="Drawing of the graph, scrolls sideways">'
    yield '<div class="drawing"><div class="lanes">'
    for lane in layout.lanes:
        of_file = f"{lane.repository} {lane.path}" if lane.is_first_of_file else ""
        yield f'<div class="lane{" of-file" if of_file else ""}">'
        yield f"<span><b>{_text(lane.name)}</b> {_text(of_file)}</span></div>"
    size = f'width="{layout.width}" height="{layout.height}"'
    yield f'</div><svg {size} role="group" aria-label="Versions, oldest on the left">'
    yield from _axis(layout)
    yield from _edges(graph, layout)
    yield from _versions(graph, layout, kinds)
    yield "</svg></div></div>"


def _axis(layout: Layout) -> Iterator[str]:
    for x, date in layout.ticks:
        yield f'<text class="tick" x="{x}" y="14">{date}</text>'
        yield f'<line class="tick-line" x1="{x}" x2="{x}" y1="20" y2="{layout.height}"/>'


def _edges(graph: Graph, layout: Layout) -> Iterator[str]:
    for (child, parent), types in edge_types(graph).items():
        a, b = layout.spots[parent], layout.spots[child]
        words = ", ".join(edge_type.replace("_", " ") for edge_type in types)
        yield f'<path class="edge {_edge_group(types)}" d="{layout.curve(a, b)}" data-child="{child}" '
        yield f'data-parent="{parent}"><title>{_text(words)}</title></path>'
    for node, end in layout.ends:
        line = layout.curve(layout.spots[node], end)
        yield f'<path class="edge end" d="{line}" data-child="{node}" data-parent="{node}"/>'
        yield f'<path class="removed" transform="translate({end.x} {end.y})" d="M-5-5 5 5M-5 5 5-5">'
        yield "<title>removed</title></path>"


def _edge_group(types: Iterable[str]) -> str:
    if all(edge_type in SUCCESSION for edge_type in types):
        return "successor"
    if {"copied_from", "forked_from", "extracted_from"} & set(types):
        return "joined"
    return "moved" if {"renamed_from", "moved_from"} & set(types) else "same"


def _versions(graph: Graph, layout: Layout, kinds: dict[str, list[str]]) -> Iterator[str]:
    rows = sorted(graph.nodes.iter_rows(named=True), key=lambda node: (layout.spots[node["node_id"]].x, node["path"]))
    for place, node in enumerate(rows):
        spot, happened = layout.spots[node["node_id"]], kinds.get(node["node_id"], [])
        label = f"{node['qualified_name']}, {node['occurred_at']:%Y-%m-%d}: {told(happened) or 'version'}"
        asked = " asked" if node["node_id"] in graph.focus else ""
        yield f'<g class="version{asked}" data-node="{node["node_id"]}" transform="translate({spot.x} {spot.y})" '
        yield f'role="button" aria-pressed="false" tabindex="{0 if place == 0 else -1}" aria-label="{_text(label)}">'
        yield f'<circle class="ring" r="12.5"/>{_mark(node, happened)}<title>{_text(_tip(node, happened))}</title></g>'


def _mark(node: dict[str, Any], kinds: list[str]) -> str:
    found = {_GROUP[kind] for kind in kinds if kind in _GROUP}
    group = next((group for group in GROUPS if group in found), "quiet")
    return _MARKS[group].format(f"{group} {node['origin'] or ''}".rstrip())


def _tip(node: dict[str, Any], kinds: list[str]) -> str:
    lines = (f"{node['occurred_at']:%Y-%m-%d} {node['sha'][:10]}", told(kinds), node["subject"] or "")
    return "\n".join(line for line in lines if line)


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield '<h2>What happened</h2><div class="table"><table><thead><tr><th>Date</th><th>Commit</th><th>What</th>'
    yield "<th>Where</th><th>Author</th><th>Subject</th></tr></thead><tbody>"
    for row in rows[:MAX_ROWS]:
        kinds = " ".join(
            f'<span class="kind {_badge(kind)}">{_text(KINDS.get(kind, kind))}</span>' for kind in row["kinds"]
        )
        changes = "".join(
            f'<br><span class="soft">{_text(words)}</span>' for words in map(told_change, row["changes"]) if words
        )
        written = f'<br><span class="soft">{_text(_ORIGINS.get(row["origin"], ""))} {_text(row["agent"] or "")}</span>'
        yield f'<tr data-node="{row["node_id"]}"><td class="date">{row["occurred_at"]:%Y-%m-%d}</td>'
        yield f'<td class="commit mono">{row["sha"][:10]}</td><td class="what">{kinds}{changes}</td>'
        yield f'<td class="where">{_breakable(row["path"])}:<wbr>{_breakable(row["qualified_name"])}</td>'
        yield f'<td class="author">{_text(row["author_name"])}{written if row["origin"] else ""}</td>'
        yield f'<td class="subject">{_text(row["subject"])}</td></tr>'
    yield "</tbody></table></div>"
    if len(rows) > MAX_ROWS:
        yield f'<p class="note">{len(rows) - MAX_ROWS:,} more rows; <code>--json</code> has all.</p>'


def _badge(kind: str) -> str:
    return "ended" if kind == "removed" else _GROUP.get(kind, "quiet")


def _data(graph: Graph) -> str:
    """What the script tells of a version, as JSON that no `<` of can end the element it stands in."""
    kinds = kinds_of(graph)
    nodes = {
        node["node_id"]: _facts(node, kinds.get(node["node_id"], [])) for node in graph.nodes.iter_rows(named=True)
    }
    edges = [
        {
            "child": child,
            "parent": parent,
            "told": ", ".join(edge_type.replace("_", " ") for edge_type in types),
            "successor": all(edge_type in SUCCESSION for edge_type in types),
        }
        for (child, parent), types in edge_types(graph).items()
    ]
    told_of = json.dumps({"focus": list(graph.focus), "nodes": nodes, "edges": edges}, ensure_ascii=False)
    return told_of.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _facts(node: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    line = "" if node["start_line"] is None else f":{node['start_line']}"
    facts = (
        ("what", told(kinds)),
        ("where", f"{node['repository']} {node['path']}{line}"),
        ("commit", f"{node['sha'][:10]}, {node['occurred_at']:%Y-%m-%d %H:%M} UTC"),
        ("author", node["author_name"]),
        ("subject", node["subject"]),
        (
            "written by",
            " ".join(filter(None, (_ORIGINS.get(node["origin"] or "", ""), node["agent"], node["session_id"]))),
        ),
        ("stands", "at the head" if node["is_live"] else None),
        ("version", node["node_id"]),
    )
    shown = [[term, readable(value, 500)] for term, value in facts if value]
    return {"title": readable(f"{node['qualified_name']} {node['occurred_at']:%Y-%m-%d}"), "facts": shown}


def _breakable(text: str) -> str:
    """A path or name that may go on on the next line after its parts."""
    return _text(text).replace("/", "/<wbr>").replace(".", ".<wbr>").replace("_", "_<wbr>")


def _text(text: str | None) -> str:
    return escape(readable(text, 500))


__all__ = ["MAX_DRAWN", "to_page"]
