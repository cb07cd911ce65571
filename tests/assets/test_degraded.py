"""Where vectors or the outside analyser cannot be had, the assets go on without, say so, and make up for it later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.embedding import embeddings, pattern_semantics
from assets.matching import matches
from orchestration.resources import VectorsResource
from stemma import doctor, rebuild, runs
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.errors import MixtureError, StoreError
from stemma.remote import breakers, endpoint, open_memory
from stemma.store.postgres import Database
from tests.misbehaving import Answer, Endpoint, serving

Materialise = Callable[..., dg.ExecuteInProcessResult]
DOWN = Answer(500, b"out of memory")


def letters(body: Any) -> Answer:
    """Embeddings: counts of letters, so that like texts have near vectors."""
    rows = []
    for index, text in enumerate(body["input"]):
        counts = np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=256)[97:123] + 1
        rows.append({"index": index, "embedding": [float(count) for count in counts]})
    return Answer(content=json.dumps({"data": rows}).encode())


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_BACKOFF_S", 0.001)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with serving(letters) as server:
        yield server


@pytest.fixture
def settings(ingested: Database, server: Endpoint, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url=ingested.url,
        embedder="openai:letters",
        openai_base_url=server.url,
        workers=1,
    )


@pytest.fixture
def materialise(ingested: Database) -> Materialise:
    """Make these assets as a run of its own does, with an embedder and a store opened for it."""

    def materialise(settings: Settings, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
        embedder = open_embedder(settings)
        vectors = VectorsResource(settings=settings, embedder=embedder)
        resources = {"database": ingested, "settings": settings, "embedder": embedder, "vectors": vectors}
        return dg.materialize(list(assets), resources=resources, raise_on_error=False)

    return materialise


def semantic(database: Database) -> list[float | None]:
    found: list[float | None] = database.read("SELECT semantic FROM stemma.matches")["semantic"].to_list()
    assert found
    return found


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (made,) = [made for made in result.get_asset_materialization_events() if made.asset_key.to_user_string() == asset]
    return {key: value.value for key, value in made.materialization.metadata.items()}


def test_an_embedder_that_was_never_there_costs_only_the_semantic_component(
    settings: Settings, ingested: Database, materialise: Materialise, server: Endpoint
) -> None:
    for table in ("matches", "matched_patterns"):  # those of the embedder of before would be left as they are
        ingested.execute(f"DELETE FROM stemma.{table}")
    server.otherwise = lambda body: DOWN
    without = materialise(settings, embeddings, matches)
    assert without.success
    said = runs.degraded(ingested, without.run_id) or ""
    assert "Patterns have no vectors" in said
    assert "Matched by structure and words alone" in said
    assert "out of memory" in said
    assert "out of memory" in metadata(without, "matches")["degraded"]
    assert set(semantic(ingested)) == {None}
    assert ingested.read("SELECT note FROM stemma.matches WHERE note IS NULL").is_empty()

    server.otherwise = letters
    breakers.reset(open_memory(settings))
    healed = materialise(settings, embeddings, matches)
    assert healed.success
    assert runs.degraded(ingested, healed.run_id) is None
    assert None not in semantic(ingested)


def test_an_embedder_that_fails_later_leaves_what_was_matched(
    settings: Settings, ingested: Database, materialise: Materialise, server: Endpoint
) -> None:
    assert materialise(settings, embeddings, matches).success
    before = ingested.read("SELECT * FROM stemma.matches")
    lose_one_vector(ingested, settings)
    server.otherwise = lambda body: DOWN
    without = materialise(settings, embeddings, matches)
    assert without.success
    assert "1 patterns have no vector yet" in (runs.degraded(ingested, without.run_id) or "")
    assert ingested.read("SELECT * FROM stemma.matches").equals(before)
    opened = [finding for finding in doctor.examine(settings) if finding.what.startswith("breaker of embedder")]
    assert [finding.state for finding in opened] == ["missing"]
    assert "out of memory" in opened[0].detail
    assert "--reset-breakers" in opened[0].mend


def test_another_model_behind_the_name_stops_the_run_until_all_is_embedded_anew(
    settings: Settings, ingested: Database, materialise: Materialise, server: Endpoint
) -> None:
    assert materialise(settings, embeddings, matches).success
    lose_one_vector(ingested, settings)
    server.otherwise = lambda body: Answer(content=letters(body).content.replace(b".0]", b".0, 1.0]"))
    failed = materialise(settings, embeddings)
    assert not failed.success
    (failure,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert "stemma run --re-embed" in failure.user_failure_data.metadata["hint"].value
    assert failure.user_failure_data.metadata["exit_code"].value == MixtureError.exit_code

    rebuild.forget_vectors(ingested, settings)
    assert ingested.read("SELECT 1 FROM stemma.matches").is_empty()
    assert materialise(settings, embeddings, matches).success
    assert ingested.read("SELECT DISTINCT dimensions FROM stemma.embeddings WHERE embedder LIKE 'openai%'").rows() == [
        (27,)
    ]
    assert None not in semantic(ingested)


def test_a_store_that_fails_while_matching_is_done_without(
    settings: Settings, ingested: Database, materialise: Materialise, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert materialise(settings, embeddings).success

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("Qdrant is gone.")

    monkeypatch.setattr("stemma.store.vectors.Vectors.search", refuse)
    monkeypatch.setattr("stemma.store.vectors.Vectors.fetch", refuse)
    without = materialise(settings, matches)
    assert without.success
    assert "Qdrant is gone" in (runs.degraded(ingested, without.run_id) or "")
    assert set(semantic(ingested)) == {None}


def test_an_analyser_that_is_down_is_said_and_asked_again(
    settings: Settings, ingested: Database, materialise: Materialise, server: Endpoint
) -> None:
    outside = settings.model_copy(update={"semantic_analyser": f"http:{server.url}"})
    server.otherwise = lambda body: DOWN
    without = materialise(outside, pattern_semantics)
    assert without.success
    assert "Patterns are not analysed" in (runs.degraded(ingested, without.run_id) or "")
    assert ingested.read("SELECT 1 FROM stemma.pattern_semantics").is_empty()
    breakers.reset(open_memory(outside))
    server.otherwise = lambda body: Answer(
        content=json.dumps(
            {
                "patterns": [
                    {"id": pattern["id"], "concepts": ["mean"], "themes": [], "domains": []}
                    for pattern in body["patterns"]
                ]
            }
        ).encode()
    )
    healed = materialise(outside, pattern_semantics)
    assert runs.degraded(ingested, healed.run_id) is None
    assert ingested.read("SELECT DISTINCT concepts FROM stemma.pattern_semantics").rows() == [(["mean"],)]


def lose_one_vector(database: Database, settings: Settings) -> None:
    """As if a pattern had come that was never embedded."""
    database.execute(
        "DELETE FROM stemma.embeddings WHERE embedder LIKE 'openai%' AND pattern_id = "
        "(SELECT min(pattern_id) FROM stemma.embeddings WHERE embedder LIKE 'openai%')"
    )
    with open_memory(settings).connected() as connection:
        connection.execute("DELETE FROM answers")
