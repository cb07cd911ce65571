"""An OpenAI-compatible endpoint on this machine, whose embeddings go wrong in every way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemma.embed.openai import BATCH, MAX_CHARACTERS, PROBE, OpenAIEmbedder
from stemma.errors import MixtureError, StoreError
from stemma.remote import Memory, Patience
from tests.misbehaving import Answer, Endpoint, serving

Make = Callable[..., OpenAIEmbedder]


def embeddings(body: Any, dimensions: int = 3, seed: float = 1.0) -> Answer:
    """Vectors (length of the text, seed, 0, ...), last first: the index says which is which."""
    rows = [
        {"index": index, "embedding": [float(len(text)), seed, *[0.0] * (dimensions - 2)]}
        for index, text in enumerate(body["input"])
    ]
    return Answer(content=json.dumps({"data": rows[::-1]}).encode())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(embeddings) as endpoint:
        yield endpoint


@pytest.fixture
def make(endpoint: Endpoint, tmp_path: Path) -> Make:
    """An embedder as a new process would have it; all share one memory."""

    def make(**options: Any) -> OpenAIEmbedder:
        memory = Memory(tmp_path / "remote.sqlite", 64 << 20)
        patience = Patience(timeout_s=5, n_retries=2, backoff_s=0.001)
        return OpenAIEmbedder("tiny", endpoint.url, memory, patience=patience, **options)

    return make


def inputs(endpoint: Endpoint) -> list[list[str]]:
    """What was asked about, the probe left out."""
    return [asked.body["input"] for asked in endpoint.asked if asked.body["input"] != [PROBE]]


def test_vectors_come_back_in_order_in_batches_and_of_length_one(endpoint: Endpoint, make: Make) -> None:
    embedder = make(api_key="secret")
    texts = [f"{i:03}" + "x" * (i % 4) for i in range(BATCH + 1)]
    vectors = embedder.embed(texts)
    assert embedder.dimensions == 3
    assert vectors[2] == pytest.approx(np.array([5, 1, 0]) / np.sqrt(26))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(BATCH + 1))
    assert [len(texts) for texts in inputs(endpoint)] == [BATCH, 1]
    assert {asked.headers["Authorization"] for asked in endpoint.asked} == {"Bearer secret"}
    assert endpoint.asked[0].path == "/v1/embeddings"


def test_an_empty_text_is_not_sent_and_has_no_vector(endpoint: Endpoint, make: Make) -> None:
    vectors = make().embed(["ab", " ", ""])
    assert vectors[1:].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert inputs(endpoint) == [["ab"]]


def test_nothing_is_asked_before_it_is_needed(endpoint: Endpoint, make: Make) -> None:
    assert make().name == f"openai:tiny@{endpoint.url}"
    assert endpoint.asked == []


def test_a_vector_once_made_is_not_made_again_not_even_by_another_process(endpoint: Endpoint, make: Make) -> None:
    first = make().embed(["a", "b", "a"])
    endpoint.answers = [Answer(500)] * 9
    again = make()
    assert again.embed(["b", "a", "a"]).tolist() == first[[1, 0, 0]].tolist()
    assert again.dimensions == 3
    assert inputs(endpoint) == [["a", "b"]]


def test_a_failure_in_the_middle_loses_no_batch_before_it(endpoint: Endpoint, make: Make) -> None:
    texts = [f"{i}" for i in range(2 * BATCH)]
    make().embed(["x"])
    endpoint.answers = [embeddings({"input": [PROBE]}), embeddings({"input": texts[:BATCH]}), *[Answer(500)] * 3]
    with pytest.raises(StoreError, match="answered 500"):
        make().embed(texts)
    endpoint.asked.clear()
    make().embed(texts)
    assert inputs(endpoint) == [texts[BATCH:]]


def test_other_words_another_model_and_another_service_are_other_vectors(
    endpoint: Endpoint, make: Make, tmp_path: Path
) -> None:
    make().embed(["a"])
    memory = Memory(tmp_path / "remote.sqlite", 64 << 20)
    OpenAIEmbedder("large", endpoint.url, memory).embed(["a"])
    OpenAIEmbedder("tiny", f"{endpoint.url}?api-version=2", memory).embed(["a"])
    long = "a" * MAX_CHARACTERS
    make().embed([f"{long}b"])
    make().embed([f"{long}c"])  # what is not sent makes no difference
    assert inputs(endpoint) == [["a"], ["a"], ["a"], [long]]


def test_a_refusal_is_not_tried_again(endpoint: Endpoint, make: Make) -> None:
    endpoint.answers = [Answer(401)]
    with pytest.raises(StoreError, match="refused: 401"):
        make().embed(["x"])
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"[]",
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": ["a"]}]}',
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [1' + b"0" * 400 + b"]}]}",
        b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [1e300, 1]}]}',
        b'{"data": [{"index": 1, "embedding": [1, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [1, 1]}, {"index": 0, "embedding": [1, 1]}]}',
    ],
)
def test_an_answer_that_is_no_embedding_is_named_and_kept_nowhere(
    endpoint: Endpoint, make: Make, content: bytes
) -> None:
    endpoint.answers = [Answer(content=content)]
    with pytest.raises(StoreError, match="cannot be used"):
        make().embed(["x"])
    assert make().embed(["x"])[0] == pytest.approx(np.array([1, 1, 0]) / np.sqrt(2))


@pytest.mark.parametrize("content", [["x"], ["x", "y", "z"]])
def test_too_few_and_too_many_vectors_are_an_error(endpoint: Endpoint, make: Make, content: list[str]) -> None:
    embedder = make()
    embedder.embed(["w"])
    endpoint.answers = [embeddings({"input": content})]
    with pytest.raises(StoreError, match="asked for 2 vectors"):
        embedder.embed(["x", "y"])


def test_a_changed_dimension_in_one_answer_is_an_error(endpoint: Endpoint, make: Make) -> None:
    embedder = make()
    embedder.embed(["x"])
    endpoint.answers = [embeddings({"input": ["y"]}, dimensions=5)]
    with pytest.raises(StoreError, match=r"of 3 dimensions, it gave 1 of \[5\]"):
        embedder.embed(["y"])


def test_a_model_of_other_dimensions_behind_the_name_is_never_mixed_in(endpoint: Endpoint, make: Make) -> None:
    make().embed(["x"])
    endpoint.otherwise = lambda body: embeddings(body, dimensions=5)
    with pytest.raises(MixtureError, match=r"3 dimensions and now gives 5.*stemma run --re-embed"):
        make().embed(["y"])
    assert make().dimensions == 3


def test_another_model_behind_the_name_is_never_mixed_in(endpoint: Endpoint, make: Make) -> None:
    make().embed(["x"])
    endpoint.otherwise = lambda body: embeddings(body, seed=20)
    with pytest.raises(MixtureError, match=r"another vector for the same text.*stemma run --re-embed"):
        make().embed(["y"])
    changed = make()
    changed.forget()
    assert changed.embed(["x"])[0] == pytest.approx(np.array([1, 20, 0]) / np.sqrt(401))


def test_a_model_that_rounds_otherwise_today_is_the_same(endpoint: Endpoint, make: Make) -> None:
    make().embed(["x"])
    endpoint.otherwise = lambda body: embeddings(body, seed=1.01)
    assert make().embed(["y"]).shape == (1, 3)
