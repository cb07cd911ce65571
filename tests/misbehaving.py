"""An endpoint on this machine that answers as it is told, or misbehaves: a real server, real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Wire = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Answer:
    """One answer; `wire` writes to the socket itself in place of status, headers and content."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire: Wire | None = None


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class Endpoint:
    """Answers with `answers`, one a request, then with `otherwise`; keeps what it was asked."""

    def __init__(self, otherwise: Callable[[Any], Answer]) -> None:
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.otherwise = otherwise
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(Asked(self.path, dict(self.headers), body))
                answer = endpoint.answers.pop(0) if endpoint.answers else endpoint.otherwise(body)
                try:
                    self._give(answer)
                except OSError:  # the client has had enough, as it should
                    self.close_connection = True

            def _give(self, answer: Answer) -> None:
                if answer.wire is not None:
                    answer.wire(self)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def serving(otherwise: Callable[[Any], Answer]) -> Iterator[Endpoint]:
    endpoint = Endpoint(otherwise)
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
        thread.join()


def trickle(pause_s: float, content: bytes = b"x" * 10_000) -> Answer:
    """Headers at once, then a byte at a time: no single read ever times out."""

    def wire(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        _drip(handler, content, pause_s)

    return Answer(wire=wire)


def trickled_headers(pause_s: float) -> Answer:
    return Answer(wire=lambda handler: _drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000, pause_s))


def _drip(handler: BaseHTTPRequestHandler, content: bytes, pause_s: float) -> None:
    waiting = threading.Event()
    for position in range(len(content)):
        handler.wfile.write(content[position : position + 1])
        handler.wfile.flush()
        waiting.wait(pause_s)


def stall(seconds: float) -> Answer:
    return Answer(wire=lambda _: threading.Event().wait(seconds) and None)


def endless(chunk: bytes = b" " * (1 << 20)) -> Answer:
    """A body without end and without a length."""

    def wire(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(chunk)

    return Answer(wire=wire)
