"""A lineage graph in the languages of other tools: DOT, Mermaid, W3C PROV-JSON, OpenLineage; one module each.

What is in the graph lives in `stemma.lineage.graph`. People are named as their commits name them; their e-mail
addresses are in no export.
"""

from __future__ import annotations

from stemma.lineage.export.dot import to_dot
from stemma.lineage.export.mermaid import to_mermaid
from stemma.lineage.export.openlineage import to_openlineage
from stemma.lineage.export.prov import to_prov

__all__ = ["to_dot", "to_mermaid", "to_openlineage", "to_prov"]
