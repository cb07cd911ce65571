"""What an outside endpoint may do to us, and what it may not."""

from __future__ import annotations

import json
import logging
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from stemma.errors import ConfigError, StemmaError, StoreError
from stemma.remote import AnswerError, LeftAloneError, Memory, Patience, breakers, endpoint
from stemma.remote import Endpoint as Asker
from tests.misbehaving import Answer, Endpoint, endless, serving, stall, trickle, trickled_headers

QUICK = Patience(timeout_s=5, n_retries=2, backoff_s=0.001)


def echo(body: Any) -> Answer:
    return Answer(content=json.dumps(body).encode())


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with serving(echo) as endpoint:
        yield endpoint


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "remote.sqlite", 1 << 20)


@pytest.fixture
def ask(server: Endpoint, memory: Memory) -> Callable[..., Any]:
    def ask(patience: Patience = QUICK, url: str = server.url, **options: Any) -> Any:
        asker = Asker(url, setting="a_setting", purpose="test", memory=memory, patience=patience, **options)
        return asker.ask({"question": "code"}, lambda answer: answer)

    return ask


def test_the_answer_comes_back(ask: Callable[..., Any], server: Endpoint) -> None:
    assert ask(path="/ask") == {"question": "code"}
    assert server.asked[0].path == "/v1/ask"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(ask: Callable[..., Any], server: Endpoint, status: int) -> None:
    server.answers = [Answer(status), Answer(status)]
    assert ask() == {"question": "code"}
    assert len(server.asked) == 3


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_kept_to(ask: Callable[..., Any], server: Endpoint, as_date: bool) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    value = format_datetime(until, usegmt=True) if as_date else "1"
    server.answers = [Answer(429, headers={"Retry-After": value})]
    started = time.monotonic()
    assert ask() == {"question": "code"}
    assert time.monotonic() - started > 0.8


def test_a_pause_too_long_is_not_waited_for(ask: Callable[..., Any], server: Endpoint, memory: Memory) -> None:
    server.answers = [Answer(429, headers={"Retry-After": "3600"})]
    with pytest.raises(StoreError, match="answered 429"):
        ask()
    assert len(server.asked) == 1
    assert breakers.states(memory) == [] or breakers.states(memory)[0].failures == 0


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_is_not_tried_again_and_does_not_count(
    ask: Callable[..., Any], server: Endpoint, memory: Memory, status: int
) -> None:
    server.answers = [Answer(status)] * 2 * breakers.FAILURES
    for _ in range(2 * breakers.FAILURES):
        with pytest.raises(StoreError, match=f"refused: {status}"):
            ask()
    assert len(server.asked) == 2 * breakers.FAILURES
    assert all(state.state == "closed" for state in breakers.states(memory))


def test_failures_open_the_breaker_and_a_reset_closes_it(
    ask: Callable[..., Any], server: Endpoint, memory: Memory
) -> None:
    server.answers = [Answer(500, b"out of memory")] * 50
    with pytest.raises(StoreError, match=r"answered 500: out of memory, 3 times"):
        ask()
    with pytest.raises(StoreError, match=r"failed 5 times in a row and is left alone until .* out of memory"):
        ask()
    assert len(server.asked) == breakers.FAILURES
    with pytest.raises(StoreError, match="left alone"):
        ask()
    assert len(server.asked) == breakers.FAILURES
    (state,) = breakers.states(memory)
    assert (state.state, state.failures) == ("open", 5)
    assert state.name == f"test {server.url}"
    assert state.asked_again_at is not None
    assert breakers.reset(memory) == 1
    server.answers = []
    assert ask() == {"question": "code"}


def test_after_its_rest_one_request_is_a_trial(server: Endpoint, memory: Memory) -> None:
    class TestedError(Exception):
        pass

    def fail() -> None:
        raise TestedError("no")

    breaker = breakers.Breaker(memory, "b", TestedError, failures=1, rest_s=0.05)
    with pytest.raises(TestedError):
        breaker.call(fail)
    time.sleep(0.1)
    with pytest.raises(TestedError):  # the trial, which fails: open again at once
        breaker.call(fail)
    assert breaker.look().state == "open"
    time.sleep(0.1)
    assert breaker.call(lambda: 7) == 7
    assert breaker.look().state == "closed"


def test_a_breaker_is_shared_by_all_who_use_the_folder(
    ask: Callable[..., Any], server: Endpoint, memory: Memory
) -> None:
    server.answers = [Answer(500)] * 50
    for _ in range(2):
        with pytest.raises(StoreError):
            ask()
    other = Memory(memory.path, 1 << 20)
    asker = Asker(server.url, setting="s", purpose="test", memory=other, patience=QUICK)
    with pytest.raises(StoreError, match="left alone"):
        asker.ask({}, lambda answer: answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (stall(3), "does not answer within 0.3 s"),
        (trickle(0.01), "does not answer within 0.3 s"),
        (trickled_headers(0.01), "does not answer within 0.3 s"),
        (Answer(wire=lambda handler: handler.connection.close()), "does not answer"),
        (Answer(wire=lambda handler: handler.wfile.write(b"HTTP/9 nonsense\r\n\r\n") and None), "does not answer"),
        (Answer(content=b"<html>"), "cannot be used"),
        (Answer(content=b'{"a": '), "cannot be used"),
        (Answer(content=b"\xff\xfe"), "cannot be used"),
        (Answer(content=b"[" * 100_000), "cannot be used"),
        (Answer(content=b"9" * 10_000), "cannot be used"),
        (Answer(204), "answered 204 in place of 200"),
    ],
)
def test_misbehaviour_is_named_and_bounded(
    ask: Callable[..., Any], server: Endpoint, answer: Answer, said: str
) -> None:
    server.answers = [answer]
    started = time.monotonic()
    with pytest.raises(StoreError, match=said):
        ask(Patience(timeout_s=0.3, n_retries=0))
    assert time.monotonic() - started < 2.5


def test_a_body_without_end_is_cut_off(
    ask: Callable[..., Any], server: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MAX_ANSWER_BYTES", 8 << 20)
    server.answers = [endless()]
    with pytest.raises(StoreError, match="more than 8 MiB"):
        ask()
    assert len(server.asked) == 1


def test_nonsense_counts_as_a_failure(server: Endpoint, memory: Memory) -> None:
    def read(answer: Any) -> Any:
        raise AnswerError("not what was asked")

    asker = Asker(server.url, setting="s", purpose="test", memory=memory, patience=QUICK)
    with pytest.raises(StoreError, match="not what was asked"):
        asker.ask({}, read)
    assert breakers.states(memory)[0].failures == 1
    assert len(server.asked) == 1


def test_code_goes_nowhere_else(
    ask: Callable[..., Any], server: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(echo) as elsewhere:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        monkeypatch.setenv("ALL_PROXY", elsewhere.url)
        server.answers = [Answer(status, headers={"Location": elsewhere.url}) for status in (301, 307, 308)]
        for _ in range(3):
            with pytest.raises(StoreError, match="redirects are not followed"):
                ask()
        assert elsewhere.asked == []
    assert len(server.asked) == 3


def test_a_netrc_gives_nothing_away(
    ask: Callable[..., Any], server: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ask()
    assert "Authorization" not in server.asked[0].headers


def test_secrets_are_sent_and_never_shown(
    ask: Callable[..., Any], server: Endpoint, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{server.url.replace('//', '//ada:hunter2@')}/?key=hunter3%2Fx"
    said = "bad password hunter2 for hunter3/x hunter3%2Fx sk-hunter4-abcdef Bearer hunter5"
    server.answers = [Answer(status, said.encode()) for status in (500, 401, 500, 200, 429)]
    for _ in range(5):
        with pytest.raises(StemmaError) as failure:
            ask(Patience(n_retries=0), url=url)
        assert f"{server.url}" in str(failure.value)
        assert "hunter" not in "".join(traceback.format_exception(failure.value))
    assert server.asked[0].path == "/v1?key=hunter3%2Fx"
    assert server.asked[0].headers["Authorization"] == "Basic " + b64encode(b"ada:hunter2").decode()
    memory.close()
    assert "hunter" not in caplog.text
    assert b"hunter" not in memory.path.read_bytes()


def test_a_key_is_sent_as_bearer_and_not_shown(ask: Callable[..., Any], server: Endpoint) -> None:
    server.answers = [Answer(403, b"no such key: topsecretkey")]
    with pytest.raises(StoreError) as failure:
        ask(key="topsecretkey")
    assert server.asked[0].headers["Authorization"] == "Bearer topsecretkey"
    assert "topsecret" not in str(failure.value)


@pytest.mark.parametrize("url", ["http://ada:hunter2/3@127.0.0.1/v1", "ftp://hunter2", "hunter2", ""])
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str, memory: Memory) -> None:
    with pytest.raises(ConfigError, match="'a_setting' is no URL") as failure:
        Asker(url, setting="a_setting", purpose="test", memory=memory)
    assert "hunter" not in "".join(traceback.format_exception(failure.value))


def test_an_endpoint_that_is_not_there_is_named(memory: Memory) -> None:
    asker = Asker("http://127.0.0.1:9", setting="s", purpose="test", memory=memory, patience=Patience(2, 0))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9 does not answer"):
        asker.ask({}, lambda answer: answer)


def test_a_strict_endpoint_takes_only_what_is_marked_as_json(ask: Callable[..., Any], server: Endpoint) -> None:
    server.answers = [Answer(content=b"{}", headers={"Content-Type": "text/html"})]
    with pytest.raises(StoreError, match="marked as text/html, not as JSON"):
        ask(is_strict=True)
    server.answers = [Answer(content=b"{}", headers={"Content-Type": "application/json; charset=utf-8"})]
    assert ask(is_strict=True) == {}


def test_an_answer_may_be_bounded_more_narrowly(ask: Callable[..., Any], server: Endpoint) -> None:
    server.answers = [Answer(content=b'"' + b"x" * (1 << 19) + b'"')]
    with pytest.raises(StoreError, match=r"more than 0\.5 MiB"):
        ask(max_bytes=1 << 19)


def test_whoever_must_agree_to_every_try_can_end_it_and_is_not_held_against_the_endpoint(
    server: Endpoint, memory: Memory
) -> None:
    asker = Asker(server.url, setting="a_setting", purpose="test", memory=memory, patience=QUICK)
    server.answers = [Answer(500)] * 9
    n_agreed = 0

    def agree() -> None:
        nonlocal n_agreed
        if n_agreed == 2:
            raise PermissionError
        n_agreed += 1

    with pytest.raises(PermissionError):
        asker.ask({}, lambda answer: answer, agree)
    assert (n_agreed, len(server.asked)) == (2, 2)
    assert breakers.states(memory)[0].failures == 2


def test_a_try_that_an_open_breaker_kept_back_is_told_from_one_that_failed(server: Endpoint, memory: Memory) -> None:
    asker = Asker(server.url, setting="a_setting", purpose="test", memory=memory, patience=Patience(5, 9, 0.001))
    server.answers = [Answer(500)] * 99
    with pytest.raises(LeftAloneError):
        asker.ask({}, lambda answer: answer)
    assert len(server.asked) == breakers.FAILURES
