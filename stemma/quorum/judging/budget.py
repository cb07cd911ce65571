"""What the judges used today, and whether they may use more: rows of `judge_requests`, shared by all processes.

A request is written before it is sent, at the most it can use, and settled by what the endpoint says it used; one that
was killed, refused or lost counts as the most. So a budget is never overrun, whoever asks and whenever it stops. Days
are UTC, by the clock of Postgres.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import polars as pl

from stemma.judge_settings import JudgeBudget, JudgeSettings
from stemma.store.postgres import Database
from stemma.tables import judge_requests

_TOKENS_PER_PRICE = 1_000_000

_USED = """
SELECT count(*) AS n_requests,
       coalesce(sum(coalesce(input_tokens + output_tokens, reserved_tokens)), 0)::bigint AS tokens,
       sum(coalesce(cost, reserved_cost))::double precision AS dollars
FROM stemma.judge_requests
WHERE asked_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.judge_requests'))"
_SETTLE = """
UPDATE stemma.judge_requests SET input_tokens = $2::bigint, output_tokens = $3::bigint, cost = nullif($4, '')::real
WHERE request_id = $1
"""


class SpentError(Exception):
    """The day's budget does not hold another request; the message says which."""


@dataclass(frozen=True)
class Used:
    """What the judges used today; `dollars` is null where no price is known."""

    n_requests: int
    tokens: int
    dollars: float | None


@dataclass(frozen=True)
class Request:
    """One request that is about to be sent."""

    judge: JudgeSettings
    pattern_id: str
    exact_hash: str
    n_characters: int
    input_tokens: int
    output_tokens: int


class Budget:
    """The budget of a day, kept in `db`."""

    def __init__(self, db: Database, budget: JudgeBudget) -> None:
        self._db = db
        self._budget = budget

    def used(self) -> Used:
        return _used(self._db.read(_USED))

    def reserve(self, request: Request) -> str:
        """Write a request down, and return its id.

        Raises:
            SpentError: the budget does not hold it.
        """
        request_id = secrets.token_hex(16)
        tokens = request.input_tokens + request.output_tokens
        dollars = price(request.judge, request.input_tokens, request.output_tokens)
        row = {
            "request_id": request_id,
            "judge": request.judge.name,
            "pattern_id": request.pattern_id,
            "exact_hash": request.exact_hash,
            "n_characters": request.n_characters,
            "reserved_tokens": tokens,
            "reserved_cost": dollars,
        }
        with self._db.transaction() as transaction:
            transaction.execute(_LOCK)
            self._check(_used(transaction.read(_USED)), tokens, dollars)
            now = transaction.read("SELECT now() AS now")["now"]
            frame = pl.DataFrame([row]).with_columns(asked_at=now)
            transaction.insert(judge_requests, frame)
        return request_id

    def settle(self, request_id: str, judge: JudgeSettings, used: tuple[int | None, int | None]) -> float | None:
        """Note what a request used, as far as it was told; returns what it cost in US dollars, null where unknown."""
        asked, answered = used
        if asked is None or answered is None:
            return None
        cost = price(judge, asked, answered)
        self._db.execute(_SETTLE, [request_id, asked, answered, "" if cost is None else str(cost)])
        return cost

    def take_back(self, request_id: str) -> None:
        """A request was not sent after all."""
        self._db.execute("DELETE FROM stemma.judge_requests WHERE request_id = $1", [request_id])

    def _check(self, used: Used, tokens: int, dollars: float | None) -> None:
        limits = self._budget
        if used.n_requests + 1 > limits.requests_per_day:
            raise SpentError(f"the judges' {limits.requests_per_day:,} requests of today (UTC) are used")
        if used.tokens + tokens > limits.tokens_per_day:
            raise SpentError(
                f"of the judges' {limits.tokens_per_day:,} tokens of today (UTC) {used.tokens:,} are used, and this "
                f"may take {tokens:,}"
            )
        if limits.dollars_per_day is None:
            return
        if dollars is None:
            raise SpentError("a budget in dollars is set, and this judge's prices are not")
        if (used.dollars or 0) + dollars > limits.dollars_per_day:
            raise SpentError(
                f"of the judges' {limits.dollars_per_day:g} dollars of today (UTC) {used.dollars or 0:.4f} are used, "
                f"and this may take {dollars:.4f}"
            )


def price(judge: JudgeSettings, input_tokens: int, output_tokens: int) -> float | None:
    """US dollars; null where a price is not set."""
    if judge.input_price is None or judge.output_price is None:
        return None
    return (input_tokens * judge.input_price + output_tokens * judge.output_price) / _TOKENS_PER_PRICE


def _used(found: pl.DataFrame) -> Used:
    n_requests, tokens, dollars = found.row(0)
    return Used(n_requests, tokens, dollars)
