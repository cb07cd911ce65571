"""Questions about origins that a person asks: who wrote these versions, line by line, and by what evidence.

Which versions a reference means is told by `stemma.references`; how the answer is drawn, by `cli`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from stemma.store.postgres import Database

MAX_NODES = 10_000

_ORIGINS = """
SELECT n.node_id, r.name AS repository, n.path, n.qualified_name, n.sha, n.occurred_at, c.subject,
       coalesce(o.origin, 'unknown') AS origin, o.agent_share, o.n_tokens, o.agent, o.model, o.session_id, o.matched_by,
       o.confidence, o.evidence::text AS evidence
FROM {nodes} w JOIN stemma.lineage_nodes n USING (node_id)
JOIN stemma.repositories r ON r.repo_id = n.repo_id
LEFT JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
LEFT JOIN stemma.origins o ON o.node_id = n.node_id
ORDER BY c.position NULLS LAST, n.path, n.qualified_name, n.node_id
"""
_SPANS = """
SELECT s.node_id, s.first_line, s.last_line, s.n_tokens, s.origin, s.source, s.confidence, s.agent, s.model,
       s.session_id, s.event_id, e.occurred_at AS called_at, born.sha AS born_sha
FROM {nodes} w JOIN stemma.origin_spans s USING (node_id)
LEFT JOIN stemma.lineage_nodes born ON born.node_id = s.born_id
LEFT JOIN LATERAL (SELECT min(occurred_at) AS occurred_at FROM stemma.agent_edits a WHERE a.event_id = s.event_id) e
    ON true
ORDER BY s.node_id, s.span
"""


@dataclass(frozen=True)
class Answer:
    """Who wrote some versions: a row for each, and its runs of tokens whose author is known (node_id, lines, who)."""

    origins: pl.DataFrame
    spans: pl.DataFrame


def life_of(db: Database, node_ids: Sequence[str]) -> list[str]:
    """All versions of the elements that these are versions of."""
    query = f"SELECT node_id FROM stemma.lineage_life(string_to_array($1, ','), {MAX_NODES})"
    return db.read(query, [",".join(node_ids)])["node_id"].to_list()


def origins_of(db: Database, node_ids: Sequence[str]) -> Answer:
    """Origin and spans of these versions, in the order of their commits; a version not yet decided is `unknown`."""
    wanted = pl.DataFrame({"node_id": list(dict.fromkeys(node_ids))}, schema={"node_id": pl.String})
    with db.transaction() as transaction, transaction.staged("asked_versions", wanted) as nodes:
        return Answer(transaction.read(_ORIGINS.format(nodes=nodes)), transaction.read(_SPANS.format(nodes=nodes)))
