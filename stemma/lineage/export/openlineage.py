"""A lineage graph as OpenLineage run events (https://openlineage.io/spec/2-0-2/OpenLineage.json).

An element is a dataset and the job that makes it; a version of it is a run of that job, which reads the versions it
came from. People are named as their commits name them, without e-mail address; a repository on this machine goes by its
name, not by its path.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from stemma.lineage.export.labels import kinds_of
from stemma.lineage.graph import Graph, is_same_element

SPECIFICATION = "https://openlineage.io/spec"
RUN_EVENT = f"{SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_RUNS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:stemma:run")


def to_openlineage(graph: Graph) -> Iterator[str]:
    """One COMPLETE event per version and one per removal, each a line of JSON, in the order of commits.

    Outputs carry the standard facets `version` and `lifecycleStateChange` (created, altered, renamed, dropped), jobs
    `jobType` and, where the repository has a URL, `sourceCodeLocation`; the commit and the kinds of change are in the
    run facet `stemma_commit`, the derivations in `stemma_derivation` of the inputs.
    """
    nodes = {row["node_id"]: row for row in graph.nodes.iter_rows(named=True)}
    parents: dict[str, list[dict[str, Any]]] = {}
    for edge in graph.derivations.iter_rows(named=True):
        parents.setdefault(edge["child_id"], []).append(edge)
    kinds = kinds_of(graph)
    for node in nodes.values():
        made = [kind for kind in kinds.get(node["node_id"], []) if kind != "removed"]
        yield _line(_made(node, made, [(edge, nodes[edge["parent_id"]]) for edge in parents.get(node["node_id"], [])]))
    for event in graph.events.iter_rows(named=True):
        if event["event_type"] == "removed":
            yield _line(_removed(nodes[event["node_id"]], event))


def _made(
    node: Mapping[str, Any], kinds: list[str], origins: list[tuple[dict[str, Any], dict[str, Any]]]
) -> dict[str, Any]:
    inputs: dict[str, dict[str, Any]] = {}
    for edge, parent in origins:
        dataset = inputs.setdefault(parent["node_id"], {**_dataset(parent), "inputFacets": {}})
        known = dataset["inputFacets"].setdefault("stemma_derivation", _facet("derivation", edges=[]))
        known["edges"].append({"type": edge["edge_type"], "weight": edge["weight"], "confidence": edge["confidence"]})
    before = [parent for edge, parent in origins if is_same_element(edge)]
    change: dict[str, Any] = {"lifecycleStateChange": "ALTER" if before else "CREATE"}
    if before and _key(before[0]) != _key(node):
        namespace, name = _key(before[0])
        change = {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": namespace, "name": name}}
    return _event(node, node, f"made {node['node_id']}", kinds=kinds, inputs=list(inputs.values()), change=change)


def _removed(node: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    change = {"lifecycleStateChange": "DROP"}
    run = f"removed {node['node_id']} {event['sha']}"
    return _event(node, event, run, kinds=["removed"], inputs=[_dataset(node)], change=change)


def _event(
    node: Mapping[str, Any],
    commit: Mapping[str, Any],
    run: str,
    *,
    kinds: list[str],
    inputs: list[dict[str, Any]],
    change: dict[str, Any],
) -> dict[str, Any]:
    namespace, name = _key(node)
    output = _dataset(node)
    output["facets"]["lifecycleStateChange"] = _standard("1-0-1/LifecycleStateChangeDatasetFacet", **change)
    told = {key: node[key] for key in ("origin", "agent") if node[key] is not None and commit is node}
    about = _facet(
        "commit", sha=commit["sha"], author=commit["author_name"], subject=commit["subject"], kinds=kinds, **told
    )
    return {
        "eventType": "COMPLETE",
        "eventTime": _time(commit["occurred_at"]),
        "producer": _producer(),
        "schemaURL": RUN_EVENT,
        "run": {"runId": str(uuid.uuid5(_RUNS, run)), "facets": {"stemma_commit": about}},
        "job": {"namespace": namespace, "name": name, "facets": _job_facets(node, commit["sha"])},
        "inputs": inputs,
        "outputs": [output],
    }


def _job_facets(node: Mapping[str, Any], sha: str) -> dict[str, Any]:
    kind = _standard("2-0-4/JobTypeJobFacet", processingType="BATCH", integration="STEMMA", jobType="COMMIT")
    if not _is_url(node["location"]):
        return {"jobType": kind}
    where = _standard(
        "1-1-0/SourceCodeLocationJobFacet",
        type="git",
        url=node["location"],
        repoUrl=node["location"],
        path=node["path"],
        version=sha,
    )
    return {"jobType": kind, "sourceCodeLocation": where}


def _dataset(node: Mapping[str, Any]) -> dict[str, Any]:
    namespace, name = _key(node)
    facet = _standard("1-0-1/DatasetVersionDatasetFacet", datasetVersion=node["node_id"])
    return {"namespace": namespace, "name": name, "facets": {"version": facet}}


def _key(node: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of the element: which repository, and where in it."""
    namespace = node["location"] if _is_url(node["location"]) else f"stemma:{node['repository']}"
    twin = f"#{node['duplicate_index']}" if node["duplicate_index"] else ""
    return namespace, f"{node['path']}:{node['qualified_name']}{twin}"


def _is_url(location: str | None) -> bool:
    return "://" in (location or "") and not str(location).startswith("file:")


def _standard(name: str, **fields: Any) -> dict[str, Any]:
    """A facet of the specification; `name` as in `1-0-1/DatasetVersionDatasetFacet`."""
    number, facet = name.split("/")
    url = f"{SPECIFICATION}/facets/{number}/{facet}.json#/$defs/{facet}"
    return {"_producer": _producer(), "_schemaURL": url, **fields}


def _facet(name: str, **fields: Any) -> dict[str, Any]:
    return {"_producer": _producer(), "_schemaURL": f"urn:stemma:facet:{name}:1", **fields}


def _producer() -> str:
    return f"urn:stemma:codestemma:{version('codestemma')}"


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)
