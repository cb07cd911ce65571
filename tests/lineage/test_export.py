"""A lineage graph as other tools read it: their own readers take it, and say back what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pydot
import pytest
from openlineage.client import event_v2
from openlineage.client.generated import (
    dataset_version_dataset,
    job_type_job,
    lifecycle_state_change_dataset,
    source_code_location_job,
)
from prov.constants import PROV_ATTR_TIME
from prov.model import ProvActivity, ProvDerivation, ProvDocument, ProvGeneration, ProvInvalidation

from stemma.lineage.export import to_dot, to_mermaid, to_openlineage, to_prov
from stemma.lineage.graph import Graph
from stemma.lineage.queries import family, life
from stemma.store.postgres import Database
from tests.lineage.planted import LIB_URL, PATH_A, PATH_B, day, node_id, plant, sha

FACETS = {
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "lifecycleStateChange": lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet,
}


@pytest.fixture
def graph(database: Database) -> Graph:
    plant(database)
    return family(database, [node_id("uno2")])


@pytest.fixture
def with_successor(database: Database) -> Graph:
    plant(database)
    return life(database, [node_id("one0")])[0]


def told(document: ProvDocument, kind: type) -> list[Any]:
    return list(document.get_records(kind))


def test_prov_json_is_read_back_without_loss(graph: Graph) -> None:
    text = json.dumps(to_prov(graph))
    document = ProvDocument.deserialize(content=text, format="json")
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert document == again
    assert len(told(document, ProvGeneration)) == 8 and len(told(document, ProvDerivation)) == 8
    (end,) = told(document, ProvInvalidation)
    assert end.get_attribute(PROV_ATTR_TIME) == {day("l1")}


def test_prov_keeps_the_constraints_of_its_data_model(graph: Graph) -> None:
    """Event ordering (PROV-CONSTRAINTS 5): no activity ends before it begins, nothing is derived from what is later."""
    document = ProvDocument.deserialize(content=json.dumps(to_prov(graph)), format="json")
    generated = {str(record.args[0]): record.args[2] for record in told(document, ProvGeneration)}
    assert len(generated) == 8, "each entity is generated once"
    for activity in told(document, ProvActivity):
        start, end = activity.get_startTime(), activity.get_endTime()
        assert start is None or end is None or start <= end
    for record in told(document, ProvDerivation):
        child, parent = (str(argument) for argument in record.args[:2])
        assert generated[parent] <= generated[child]


def test_prov_tells_a_revision_from_a_quotation_and_an_agent_from_a_person(graph: Graph) -> None:
    document = to_prov(graph)
    kinds = {
        (derived["prov:generatedEntity"], derived["stemma:edgeType"]): derived["prov:type"]["$"]
        for derived in document["wasDerivedFrom"].values()
    }
    assert kinds[f"version:{node_id('copy')}", "copied_from"] == "prov:Quotation"
    assert kinds[f"version:{node_id('uno3')}", "moved_from"] == "prov:Revision"
    agents = {agent["prov:label"]: agent["prov:type"]["$"] for agent in document["agent"].values()}
    assert agents == {"Ada": "prov:Person", "Bob <b>": "prov:Person", "Eve": "prov:Person",
                      "claude-code": "prov:SoftwareAgent"}  # fmt: skip
    (session,) = (activity for name, activity in document["activity"].items() if name.startswith("session:"))
    assert session["prov:label"] == "session 1"
    assert len(document["wasInformedBy"]) == 2  # two commits hold what that session wrote


def events_of(graph: Graph) -> list[dict[str, Any]]:
    return [json.loads(line) for line in to_openlineage(graph)]


def facets_of(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from event["run"]["facets"].items()
    yield from event["job"]["facets"].items()
    for dataset in (*event["inputs"], *event["outputs"]):
        yield from dataset["facets"].items()
        yield from dataset.get("inputFacets", {}).items()


def test_openlineage_events_are_what_its_own_client_would_have_made(graph: Graph) -> None:
    """The client's classes check names, times, UUIDs and URIs, and name the schema of each facet."""
    events = events_of(graph)
    assert len(events) == 9  # eight versions and one removal
    assert len({event["run"]["runId"] for event in events}) == 9
    for event in events:
        made = event_v2.RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=event_v2.Run(runId=event["run"]["runId"]),
            job=event_v2.Job(namespace=event["job"]["namespace"], name=event["job"]["name"]),
            eventType=event_v2.RunState(event["eventType"]),
            inputs=[event_v2.InputDataset(namespace=it["namespace"], name=it["name"]) for it in event["inputs"]],
            outputs=[event_v2.OutputDataset(namespace=it["namespace"], name=it["name"]) for it in event["outputs"]],
        )
        assert made.schemaURL == event["schemaURL"] and made.eventTime == event["eventTime"]
        for name, facet in facets_of(event):
            assert facet["_producer"] and facet["_schemaURL"]
            fields = {key: value for key, value in facet.items() if not key.startswith("_")}
            if name in FACETS:
                assert FACETS[name](**fields)._get_schema() == facet["_schemaURL"]
            else:
                assert name.startswith("stemma_")


def test_openlineage_tells_of_the_birth_the_new_name_and_the_end_of_an_element(graph: Graph) -> None:
    by_version = {event["outputs"][0]["facets"]["version"]["datasetVersion"]: event for event in events_of(graph)[:8]}

    def change(name: str) -> dict[str, Any]:
        facet = by_version[node_id(name)]["outputs"][0]["facets"]["lifecycleStateChange"]
        return {key: value for key, value in facet.items() if not key.startswith("_")}

    assert change("one0") == {"lifecycleStateChange": "CREATE"}
    assert change("one1") == {"lifecycleStateChange": "ALTER"}
    assert change("uno2") == {
        "lifecycleStateChange": "RENAME",
        "previousIdentifier": {"namespace": "stemma:app", "name": f"{PATH_A}:one"},
    }
    assert change("copy") == {"lifecycleStateChange": "CREATE"}
    copy = by_version[node_id("copy")]
    assert [(it["namespace"], it["name"]) for it in copy["inputs"]] == [("stemma:app", f"{PATH_B}:uno")]
    assert copy["job"]["namespace"] == LIB_URL
    assert copy["job"]["facets"]["sourceCodeLocation"]["version"] == sha("l0")
    removed = events_of(graph)[8]["outputs"][0]["facets"]["lifecycleStateChange"]
    assert removed["lifecycleStateChange"] == "DROP"


def test_no_export_holds_an_address_or_a_path_of_this_machine(graph: Graph) -> None:
    exports = (json.dumps(to_prov(graph)), "".join(to_openlineage(graph)), to_dot(graph), to_mermaid(graph))
    for text in exports:
        assert "@example.org" not in text and "secret place" not in text
        assert "Ada" in text or "uno" in text


def test_graphviz_reads_a_graph_whose_names_hold_its_own_signs(with_successor: Graph) -> None:
    (drawn,) = pydot.graph_from_dot_data(to_dot(with_successor)) or []
    clusters = drawn.get_subgraphs()
    assert [cluster.get_label() for cluster in clusters] == ['"app"', '"lib"']
    assert [len(cluster.get_nodes()) for cluster in clusters] == [8, 1]
    assert len(drawn.get_edges()) == 9
    dashed = [edge.get_label() for edge in drawn.get_edges() if edge.get_style() == "dashed"]
    assert dashed == ['"replaced_by"']
    labels = [node.get_label() for cluster in clusters for node in cluster.get_nodes()]
    assert sum(r"`%s\\n]|x" in label for label in labels) == 3, "a backslash of a path is no line break"
    ending = with_successor.nodes.with_columns(qualified_name=pl.lit('\\" ]; evil [label="\\'))
    (drawn,) = pydot.graph_from_dot_data(to_dot(replace(with_successor, nodes=ending))) or []
    assert sum(len(cluster.get_nodes()) for cluster in drawn.get_subgraphs()) == 9


def test_mermaid_meets_no_sign_of_its_own_in_a_name(graph: Graph) -> None:
    lines = to_mermaid(graph).splitlines()
    assert lines[0] == "flowchart LR" and lines[1] == '  subgraph r0["app"]'
    for line in lines:
        if "<br/>" in line:
            inside = line.split('("', 1)[1].rsplit('")', 1)[0].replace("<br/>", "")
            assert not set('"<>`\\{}[]|&\u202e') & set(inside)
            assert "#lt;" in inside or "#60;" in inside or "util" in inside
