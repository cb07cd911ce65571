"""A lineage graph as a Mermaid flow chart. What its versions and edges are called lives in `labels`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stemma.lineage.export.labels import edge_types, kinds_of, lines_of
from stemma.lineage.graph import SUCCESSION, Graph
from stemma.readable import readable

# Whatever is no letter, digit or harmless sign is written as its code, which Mermaid turns back into the character
# after parsing: neither its own grammar nor the HTML that its labels are meets any of it.
_CODED = re.compile(r"[^\w .,:/()+*=!?@-]|(?<=-)-")


def to_mermaid(graph: Graph) -> str:
    """The graph as `flowchart LR`: one subgraph per repository, arrows from old to new, dotted ones to a successor."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    kinds, numbers = kinds_of(graph), {node: f"n{number}" for number, node in enumerate(graph.nodes["node_id"])}
    yield "flowchart LR"
    for number, (repository, nodes) in enumerate(graph.nodes.group_by("repository", maintain_order=True)):
        yield f'  subgraph r{number}["{_coded(readable(str(repository[0])))}"]'
        for node in nodes.iter_rows(named=True):
            label = "<br/>".join(map(_coded, lines_of(node, kinds.get(node["node_id"], []))))
            yield f'    {numbers[node["node_id"]]}("{label}")'
        yield "  end"
    for (child, parent), types in edge_types(graph).items():
        arrow = "-.->" if all(edge_type in SUCCESSION for edge_type in types) else "-->"
        yield f'  {numbers[parent]} {arrow}|"{", ".join(types)}"| {numbers[child]}'
    if asked := [numbers[node] for node in graph.focus if node in numbers]:
        yield "  classDef asked stroke-width:3px"
        yield f"  class {','.join(asked)} asked"


def _coded(text: str) -> str:
    return _CODED.sub(lambda found: f"#{ord(found[0])};", text)
