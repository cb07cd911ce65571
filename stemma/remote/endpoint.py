"""One JSON endpoint, asked by POST: bounded in time and bytes, tried again where that helps, left alone while broken.

What is sent and what an answer means is the caller's; what is remembered of it lives in `memory`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pybreaker
import tenacity

from stemma.errors import ConfigError, StoreError
from stemma.remote.breakers import Breaker
from stemma.remote.memory import Memory

T = TypeVar("T")

MAX_ANSWER_BYTES = 64 << 20  # 64 vectors of 4,096 numbers as JSON are 6 MB
MAX_WAIT_S = 60.0  # an endpoint that asks for a longer pause than this is given up for now
MAX_BACKOFF_S = 30.0
SHOWN_CHARACTERS = 200
_KEY_LIKE = re.compile(r"\b(?:sk|pk|key|token|bearer|basic)[-_ ]+[\w*.+/=-]{6,}", re.IGNORECASE)

# It logs every URL it asks, and a URL may hold a password or a key.
logging.getLogger("httpx").setLevel(logging.WARNING)


class AnswerError(Exception):
    """An answer that came, and is not what was asked for. Raised by the caller's `read`; counts as a failure."""


class LeftAloneError(StoreError):
    """The breaker is open: the last try of this question was not sent."""


class _FailureError(Exception):
    """What the breaker counts: the endpoint is not there, is broken, or talks nonsense."""


class _PassingError(_FailureError):
    """A failure that may be over at the next try."""


class _BusyError(Exception):
    """429: the endpoint is well, and wants to be asked later."""

    def __init__(self, problem: str, wait_s: float | None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class _RefusedError(Exception):
    """4xx: the question is wrong, not the endpoint."""


@dataclass(frozen=True)
class Patience:
    """Seconds one request may take, all in; tries after the first; the pause before them, doubled each time."""

    timeout_s: float = 60.0
    n_retries: int = 4
    backoff_s: float = 1.0


class Endpoint:
    """A URL that takes JSON and gives JSON.

    Requests go to this URL and nowhere else: redirects are not followed, and proxies, `.netrc` and the like of the
    environment are not used. User, password and query of the URL are sent and never shown, logged or stored.

    Args:
        url: where to; `path` is appended to its own.
        setting: the setting it came from, named in errors.
        purpose: whose breaker it is, with the URL.
        fallback: what to do without it, as the end of a sentence.
        max_bytes: of an answer, in place of 64 MiB; more is nonsense.
        is_strict: whether an answer must be marked as JSON, or it is somebody else's (a login page, a proxy).

    Raises:
        ConfigError: the URL is none.
        StoreError: in use, it does not answer, answers nonsense, refuses (4xx), or its breaker is open
            (`LeftAloneError`).
    """

    def __init__(
        self,
        url: str,
        *,
        setting: str,
        purpose: str,
        memory: Memory,
        path: str = "",
        key: str | None = None,
        patience: Patience = Patience(),
        fallback: str = "",
        max_bytes: int | None = None,
        is_strict: bool = False,
    ) -> None:
        base = _parse(url, setting)
        own = base.path.rstrip("/")
        self._url = base.copy_with(path=f"{own}{path}", username=None, password=None, fragment=None)
        self._auth = httpx.BasicAuth(base.username, base.password) if base.username or base.password else None
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._secrets = _secrets(base, key)
        self.base = str(self._url.copy_with(path=own, query=None)).rstrip("/")
        self.shown = str(self._url.copy_with(query=None))
        self.keyed = str(self._url)
        self._setting = setting
        self._patience = patience
        self._fallback = fallback
        self._max_bytes = max_bytes or MAX_ANSWER_BYTES
        self._is_strict = is_strict
        self.breaker = Breaker(memory, f"{purpose} {self.shown}", _FailureError)
        self._tls = httpx.create_ssl_context(trust_env=False)

    def ask(self, body: Mapping[str, Any], read: Callable[[Any], T], before: Callable[[], None] = lambda: None) -> T:
        """What `read` makes of the answer to `body`. `before` is called ahead of every try, and what it raises ends it
        all: by a budget, say."""
        content = json.dumps(body, ensure_ascii=True).encode()
        patience = self._patience
        tries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(patience.n_retries + 1),
            wait=self._pause,
            retry=tenacity.retry_if_exception(_is_worth_a_try),
            reraise=True,
        )

        def once() -> T:
            before()  # outside the breaker, for whatever it raises is not the endpoint's doing
            return self.breaker.call(lambda: self._once(content, read))

        try:
            found: T = tries(once)
            return found
        except pybreaker.CircuitBreakerError as error:
            raise self._left_alone() from error
        except _RefusedError as error:
            raise StoreError(
                f"{self.shown} {error}.", f"Check `{self._setting}`, its model and its key{self._fallback}."
            ) from None
        except (_FailureError, _BusyError) as error:
            n_tries = int(tries.statistics.get("attempt_number", 1))
            times = f", {n_tries} times" if n_tries > 1 else ""
            raise StoreError(f"{self.shown} {error}{times}.", f"Mend the endpoint{self._fallback}.") from None

    def _once(self, content: bytes, read: Callable[[Any], T]) -> T:
        status, headers, answer = asyncio.run(self._post(content))
        said = f"answered {status}: {self._quote(answer)}"
        if status == 429:
            raise _BusyError(said, _retry_after(headers.get("retry-after")))
        if status >= 500:
            raise _PassingError(said)
        if status >= 400:
            raise _RefusedError(f"refused: {status} {self._quote(answer)}")
        if status != 200:  # a redirect would send the code elsewhere than the setting says
            raise _FailureError(f"answered {status} in place of 200; redirects are not followed")
        if self._is_strict and not _is_json(headers):
            kind = self._clean(headers.get("content-type", "nothing"))
            raise _FailureError(f"gave an answer that is marked as {kind}, not as JSON")
        try:
            return read(json.loads(answer))
        except (AnswerError, ValueError, RecursionError) as error:
            raise _FailureError(f"gave an answer that cannot be used: {self._clean(str(error))}") from None

    async def _post(self, content: bytes) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body; whole within the time-out, also where single bytes trickle in."""
        timeout_s = self._patience.timeout_s
        answer = bytearray()
        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(trust_env=False, verify=self._tls, timeout=timeout_s, auth=self._auth) as client,
                client.stream("POST", self._url, content=content, headers=self._headers) as response,
            ):
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > self._max_bytes:
                        raise _FailureError(f"answered with more than {self._max_bytes / (1 << 20):g} MiB")
                return response.status_code, response.headers, bytes(answer)
        except TimeoutError:
            raise _PassingError(f"does not answer within {timeout_s:g} s") from None
        except httpx.TransportError as error:
            raise _PassingError(f"does not answer ({type(error).__name__}: {self._clean(str(error))})") from None

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next try: as asked, else exponential with full jitter (Brooker, AWS, 2015)."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _BusyError) and error.wait_s is not None:
            return error.wait_s
        jittered = tenacity.wait_random_exponential(self._patience.backoff_s, MAX_BACKOFF_S)
        return jittered(state)

    def _left_alone(self) -> LeftAloneError:
        state = self.breaker.look()
        until = f" until {state.asked_again_at:%H:%M:%S} UTC" if state.asked_again_at else ""
        return LeftAloneError(
            f"{self.shown} failed {state.failures} times in a row and is left alone{until}; the last time it "
            f"{state.last_problem or 'failed'}.",
            f"Mend the endpoint, then: stemma doctor --reset-breakers{self._fallback}.",
        )

    def _quote(self, answer: bytes) -> str:
        return self._clean(answer[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace"))

    def _clean(self, text: str) -> str:
        """On one line, short, and without what was sent as a secret, should the endpoint repeat it."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(_KEY_LIKE.sub("***", text).split())[:SHOWN_CHARACTERS]


def _parse(url: str, setting: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        # Neither quoted nor chained: what httpx takes for a bad port may be half a password.
        raise ConfigError(f"The setting '{setting}' is no URL.", "Set it to https://<host>/<path>.") from None
    return parsed


def _secrets(url: httpx.URL, key: str | None) -> list[str]:
    """What must not be shown, the longest first."""
    found = {key or "", url.username, url.password, *url.params.values()}
    found |= {quote(secret, safe="") for secret in found}
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def _is_json(headers: httpx.Headers) -> bool:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower() == "application/json"


def _is_worth_a_try(error: BaseException) -> bool:
    if isinstance(error, _BusyError):
        return error.wait_s is None or error.wait_s <= MAX_WAIT_S
    return isinstance(error, _PassingError)


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3): a number or a date; None where it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
