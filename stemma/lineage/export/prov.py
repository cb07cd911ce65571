"""A lineage graph as W3C PROV-JSON (https://www.w3.org/submissions/2013/SUBM-prov-json-20130424/).

Versions are entities, commits and agent sessions activities, authors and coding agents agents. A person is known by the
name in the commits: e-mail addresses are left out, and so is the path of a repository on this machine.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from stemma.ids import content_id
from stemma.lineage.export.labels import kinds_of
from stemma.lineage.graph import SUCCESSION, Graph, is_same_element

PREFIXES = {
    "stemma": "urn:stemma:term:",
    "version": "urn:stemma:version:",
    "commit": "urn:stemma:commit:",
    "session": "urn:stemma:session:",
    "person": "urn:stemma:person:",
    "tool": "urn:stemma:tool:",
}

_Statements = defaultdict[str, dict[str, dict[str, Any]]]


def to_prov(graph: Graph) -> dict[str, Any]:
    """The graph as a PROV-JSON document, to be written with `json.dump`.

    `wasDerivedFrom` is a prov:Revision where the element goes on and a prov:Quotation where another one begins from it
    (copied, extracted, forked). `replaced_by` and `deprecated_by`, which are no derivation, are left out.
    """
    said: _Statements = defaultdict(dict)
    kinds = kinds_of(graph)
    nodes = {row["node_id"]: row for row in graph.nodes.iter_rows(named=True)}
    for node in nodes.values():
        _version(said, node, kinds.get(node["node_id"], []))
    for edge in graph.edges.iter_rows(named=True):
        if edge["edge_type"] not in SUCCESSION:
            _derivation(said, edge, nodes[edge["child_id"]])
    for event in graph.events.iter_rows(named=True):
        if event["event_type"] == "removed":
            node = nodes[event["node_id"]]
            activity = _commit(said, node["repo_id"], event)
            said["wasInvalidatedBy"][f"_:end{len(said['wasInvalidatedBy'])}"] = {
                "prov:entity": f"version:{node['node_id']}",
                "prov:activity": activity,
                "prov:time": _time(event["occurred_at"]),
            }
    return {"prefix": PREFIXES, **said}


def _version(said: _Statements, node: Mapping[str, Any], kinds: list[str]) -> None:
    entity, activity = f"version:{node['node_id']}", _commit(said, node["repo_id"], node)
    said["entity"][entity] = {
        "prov:label": f"{node['path']}:{node['qualified_name']}",
        "prov:type": _name("stemma:Version"),
        "stemma:repository": node["repository"],
        "stemma:path": node["path"],
        "stemma:qualifiedName": node["qualified_name"],
        "stemma:definition": node["kind"],
        "stemma:language": node["language"],
        "stemma:exactHash": node["exact_hash"],
        "stemma:patternId": node["pattern_id"],
        **({"stemma:happened": kinds} if kinds else {}),
        **({"stemma:origin": node["origin"]} if node["origin"] else {}),
    }
    said["wasGeneratedBy"][f"_:birth{len(said['wasGeneratedBy'])}"] = {
        "prov:entity": entity,
        "prov:activity": activity,
        "prov:time": _time(node["occurred_at"]),
    }
    if node["agent"]:
        _agent_session(said, node, entity, activity)


def _commit(said: _Statements, repo_id: str, about: Mapping[str, Any]) -> str:
    """The activity of a commit, and its author's part in it; both are said once."""
    activity = f"commit:{repo_id}.{about['sha']}"
    if activity in said["activity"]:
        return activity
    began, ended = about["authored_at"], about["occurred_at"]
    said["activity"][activity] = {
        "prov:label": about["subject"] or about["sha"],
        "prov:type": _name("stemma:Commit"),
        "stemma:sha": about["sha"],
        # An author date after the committer's is a clock's error: an activity does not end before it begins.
        **({"prov:startTime": _time(began)} if began is not None and began <= ended else {}),
        "prov:endTime": _time(ended),
    }
    if about["author_name"]:
        person = f"person:{content_id('person', about['author_name'])}"
        said["agent"][person] = {"prov:type": _name("prov:Person"), "prov:label": about["author_name"]}
        said["wasAssociatedWith"][f"_:part{len(said['wasAssociatedWith'])}"] = {
            "prov:activity": activity,
            "prov:agent": person,
            "prov:role": "author",
        }
    return activity


def _agent_session(said: _Statements, node: Mapping[str, Any], entity: str, activity: str) -> None:
    tool = f"tool:{content_id('tool', node['agent'])}"
    said["agent"][tool] = {"prov:type": _name("prov:SoftwareAgent"), "prov:label": node["agent"]}
    said["wasAttributedTo"][f"_:wrote{len(said['wasAttributedTo'])}"] = {"prov:entity": entity, "prov:agent": tool}
    if not node["session_id"]:
        return
    session = f"session:{content_id('session', node['agent'], node['session_id'])}"
    if session not in said["activity"]:
        said["activity"][session] = {"prov:type": _name("stemma:AgentSession"), "prov:label": node["session_id"]}
        said["wasAssociatedWith"][f"_:part{len(said['wasAssociatedWith'])}"] = {
            "prov:activity": session,
            "prov:agent": tool,
        }
    informed = {"prov:informed": activity, "prov:informant": session}
    if informed not in said["wasInformedBy"].values():
        said["wasInformedBy"][f"_:led{len(said['wasInformedBy'])}"] = informed


def _derivation(said: _Statements, edge: Mapping[str, Any], child: Mapping[str, Any]) -> None:
    activity, parent = f"commit:{child['repo_id']}.{child['sha']}", f"version:{edge['parent_id']}"
    said["wasDerivedFrom"][f"_:from{len(said['wasDerivedFrom'])}"] = {
        "prov:generatedEntity": f"version:{child['node_id']}",
        "prov:usedEntity": parent,
        "prov:activity": activity,
        "prov:type": _name("prov:Revision" if is_same_element(edge) else "prov:Quotation"),
        "stemma:edgeType": edge["edge_type"],
        **({"stemma:weight": _number(edge["weight"])} if edge["weight"] is not None else {}),
        "stemma:confidence": _number(edge["confidence"]),
    }
    used = f"_:used.{child['repo_id']}.{child['sha']}.{edge['parent_id']}"
    said["used"].setdefault(used, {"prov:activity": activity, "prov:entity": parent})


def _name(qualified: str) -> dict[str, str]:
    return {"$": qualified, "type": "prov:QUALIFIED_NAME"}


def _number(value: float) -> dict[str, str]:
    return {"$": f"{value:.6g}", "type": "xsd:double"}


def _time(moment: dt.datetime) -> str:
    return moment.isoformat()
