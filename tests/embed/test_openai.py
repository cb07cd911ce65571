"""An OpenAI-compatible endpoint on this machine, which also misbehaves."""

from __future__ import annotations

import json
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from stemma.embed.openai import BATCH, OpenAIEmbedder
from stemma.errors import ConfigError, StemmaError, StoreError

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


def embeddings(body: dict[str, Any], dimensions: int = 3) -> tuple[int, bytes]:
    """Vectors (length of the text, 1, 0, ...), last first: the index says which is which."""
    rows = [
        {"index": index, "embedding": [float(len(text)), 1.0, *[0.0] * (dimensions - 2)]}
        for index, text in enumerate(body["input"])
    ]
    return 200, json.dumps({"data": rows[::-1]}).encode()


class Endpoint:
    """Answers with `answers`, one a request, then with embeddings; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.bodies.append(body)
                endpoint.keys.append(self.headers["Authorization"])
                endpoint.paths.append(self.path)
                answer = endpoint.answers.pop(0) if endpoint.answers else embeddings
                status, content = answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def embedder(self, **options: Any) -> OpenAIEmbedder:
        return OpenAIEmbedder("tiny", self.url, **({"timeout_s": 5, "n_retries": 2, "backoff_s": 0.001} | options))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    endpoint.server.daemon_threads = True
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
    thread.join()


def failing(status: int) -> Answer:
    return lambda _: (status, b'{"error": "no"}')


def test_vectors_come_back_in_order_in_batches_and_of_length_one(endpoint: Endpoint) -> None:
    embedder = endpoint.embedder(api_key="secret")
    texts = ["x" * (1 + i % 4) for i in range(BATCH + 1)]
    vectors = embedder.embed(texts)
    assert embedder.dimensions == 3
    assert vectors[2] == pytest.approx(np.array([3, 1, 0]) / np.sqrt(10))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(BATCH + 1))
    assert [len(body["input"]) for body in endpoint.bodies] == [1, BATCH, 1]
    assert set(endpoint.keys) == {"Bearer secret"}


def test_an_empty_text_is_not_sent_and_has_no_vector(endpoint: Endpoint) -> None:
    vectors = endpoint.embedder().embed(["ab", " ", ""])
    assert vectors[1:].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert endpoint.bodies[-1]["input"] == ["ab"]


def test_nothing_is_asked_before_it_is_needed(endpoint: Endpoint) -> None:
    assert endpoint.embedder().name == f"openai:tiny@{endpoint.url}"
    assert endpoint.bodies == []


def test_the_secrets_of_a_url_are_sent_and_never_named(endpoint: Endpoint) -> None:
    with_secrets = f"{endpoint.url.replace('//', '//ada:hunter2@')}/?key=hunter3"
    embedder = OpenAIEmbedder("tiny", with_secrets, n_retries=0)
    assert embedder.name == f"openai:tiny@{endpoint.url}"
    assert embedder.dimensions == 3
    assert endpoint.paths == ["/v1/embeddings?key=hunter3"]
    assert endpoint.keys == ["Basic " + b64encode(b"ada:hunter2").decode()]
    for answer in (failing(500), failing(401), lambda _: (200, b"<html>")):
        endpoint.answers = [answer]
        with pytest.raises(StemmaError) as failure:
            embedder.embed(["x"])
        assert f"{endpoint.url}/embeddings" in str(failure.value)
        assert "hunter" not in str(failure.value)


def test_a_url_that_is_none_is_refused_without_quoting_it() -> None:
    with pytest.raises(ConfigError, match="'openai_base_url' is no URL") as failure:
        OpenAIEmbedder("tiny", "http://ada:hunter2/3@127.0.0.1/v1")
    assert "hunter" not in "".join(traceback.format_exception(failure.value.with_traceback(None)))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.answers = [failing(status), failing(status)]
    assert endpoint.embedder().dimensions == 3
    assert len(endpoint.bodies) == 3


def test_a_lasting_failure_is_given_up_and_named(endpoint: Endpoint) -> None:
    endpoint.answers = [failing(500)] * 9
    with pytest.raises(StoreError, match=r"answered 500.* 3 times"):
        endpoint.embedder().embed(["x"])
    assert len(endpoint.bodies) == 3


def test_a_refusal_is_not_tried_again(endpoint: Endpoint) -> None:
    endpoint.answers = [failing(401)]
    with pytest.raises(ConfigError, match="refused the model 'tiny': 401"):
        endpoint.embedder().embed(["x"])
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"[]", b'{"data": [{"index": 0}]}', b'{"data": [{"index": 0, "embedding": ["a"]}]}', b'{"data": null}'],
)
def test_an_answer_that_is_no_embedding_is_named(endpoint: Endpoint, content: bytes) -> None:
    endpoint.answers = [lambda _: (200, content)]
    with pytest.raises(StoreError, match="no embeddings"):
        endpoint.embedder().embed(["x"])


def test_a_changed_dimension_is_an_error_and_never_a_mixture(endpoint: Endpoint) -> None:
    embedder = endpoint.embedder()
    embedder.embed(["x"])
    endpoint.answers = [lambda body: embeddings(body, dimensions=5)]
    with pytest.raises(StoreError, match=r"vectors of 3 dimensions and gave 1 of \[5\]"):
        embedder.embed(["x"])


def test_too_few_vectors_are_an_error(endpoint: Endpoint) -> None:
    embedder = endpoint.embedder()
    embedder.embed(["x"])
    endpoint.answers = [lambda body: embeddings({"input": body["input"][:1]})]
    with pytest.raises(StoreError, match="asked for 2 vectors"):
        embedder.embed(["x", "y"])


def test_no_number_is_an_error(endpoint: Endpoint) -> None:
    endpoint.answers = [lambda _: (200, b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}')]
    with pytest.raises(StoreError, match="no number"):
        endpoint.embedder().embed(["x"])


def test_an_endpoint_that_hangs_is_given_up_in_time(endpoint: Endpoint) -> None:
    def hang(body: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(1)
        return embeddings(body)

    endpoint.answers = [hang, hang]
    started = time.monotonic()
    with pytest.raises(StoreError, match="does not answer"):
        endpoint.embedder(timeout_s=0.1, n_retries=1).embed(["x"])
    assert time.monotonic() - started < 5


def test_an_endpoint_that_is_not_there_is_named() -> None:
    embedder = OpenAIEmbedder("tiny", "http://127.0.0.1:9", n_retries=0, timeout_s=2)
    with pytest.raises(StoreError, match="does not answer"):
        embedder.embed(["x"])
