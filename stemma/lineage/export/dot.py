"""A lineage graph for Graphviz. What its versions and edges are called lives in `labels`."""

from __future__ import annotations

from collections.abc import Iterator

from stemma.lineage.export.labels import edge_types, kinds_of, lines_of
from stemma.lineage.graph import SUCCESSION, Graph


def to_dot(graph: Graph) -> str:
    """The graph in the DOT language, time from left to right: one cluster per repository, arrows from old to new.

    Names of a repository are quoted: in a DOT string only `"` and `\\` mean anything.
    """
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    kinds, numbers = kinds_of(graph), {node: f"n{number}" for number, node in enumerate(graph.nodes["node_id"])}
    yield "digraph lineage {"
    yield '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif"]; edge [fontname="sans-serif"];'
    for number, (repository, nodes) in enumerate(graph.nodes.group_by("repository", maintain_order=True)):
        yield f"  subgraph cluster_{number} {{ label={_quoted(str(repository[0]))};"
        for node in nodes.iter_rows(named=True):
            label = "\\n".join(_escaped(line) for line in lines_of(node, kinds.get(node["node_id"], [])))
            weight = ", penwidth=2" if node["node_id"] in graph.focus else ""
            yield f'    {numbers[node["node_id"]]} [label="{label}"{weight}];'
        yield "  }"
    for (child, parent), types in edge_types(graph).items():
        is_successor = all(edge_type in SUCCESSION for edge_type in types)
        style = ", style=dashed, constraint=false" if is_successor else ""
        yield f"  {numbers[parent]} -> {numbers[child]} [label={_quoted(', '.join(types))}{style}];"
    yield "}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
