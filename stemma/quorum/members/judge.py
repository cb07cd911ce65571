"""LLM judges: a model of an OpenAI-compatible endpoint as a member of the family `judges`. None unless configured.

What is asked, when an answer is believed, and what may be spent live in `stemma.quorum.judging`; when judges sit, in
`stemma.quorum.sitting`. A judge that fails or passes is one family's evidence: by `rule` it neither forbids nor lifts
what is forbidden, and a quorum is made without it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError, StoreError
from stemma.ids import content_id
from stemma.judge_settings import JudgeSettings
from stemma.languages import LANGUAGES
from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.judging.answer import Belief, Reply, believe, read_reply
from stemma.quorum.judging.budget import Budget, Request, SpentError
from stemma.quorum.judging.question import MAX_ANSWER_TOKENS, PROMPT, NotAskedError, Text, compose, prepare
from stemma.quorum.members.base import FILES, VOTES, Family, storable, version_of
from stemma.quorum.process import Limits
from stemma.remote import Endpoint, LeftAloneError, Memory, Patience, open_memory
from stemma.store.postgres import Database

JUDGES: Family = "judges"

MAX_ANSWER_BYTES = 1 << 20
N_RETRIES = 2
_AT_ONCE = 4  # requests of one judge


@dataclass(frozen=True)
class _Wanted:
    """A text to ask about, and one of the rows it stands for."""

    text: Text
    pattern_id: str
    exact_hash: str


@dataclass(frozen=True)
class _Said:
    """What came of it: the belief, and what it cost in US dollars."""

    belief: Belief
    cost: float | None


class Judge:
    """One judge. What it said is kept in `memory` under a hash of what it was shown, how it was asked, and the model.

    One request asks about one text, so that no text can speak for another. Texts that get no answer (an endpoint that
    is down, a budget that is spent) abstain with the reason, and are asked about again in a later run; an answer that
    came and is not believed is an abstention that stays.

    Raises:
        ConfigError: its URL is none, or its key is to come from a variable that is not set.
    """

    family: Family = JUDGES
    languages = frozenset(LANGUAGES)
    is_lasting = True

    def __init__(self, settings: JudgeSettings, memory: Memory, budget: Budget, patience: Patience) -> None:
        self.name = f"judge:{settings.name}"
        self._settings = settings
        self._memory = memory
        self._budget = budget
        self._endpoint = _endpoint(settings, memory, patience)
        self._space = f"{self.name} {settings.model}@{self._endpoint.base}"

    def version(self) -> str:
        return version_of(self.name, self._settings.model, PROMPT, self._endpoint.keyed)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        deadline = time.monotonic() + limits.timeout_s
        said: dict[int, _Said] = {}
        wanted: dict[str, _Wanted] = {}
        asked_by: dict[str, list[int]] = {}
        for row in batch.iter_rows(named=True):
            try:
                text = prepare(
                    row["code"], _before(folder, row["file"], row["start_line"]), row["language"], row["kind"]
                )
            except NotAskedError as error:
                said[row["unit"]] = _Said(_abstention(str(error)), None)
                continue
            key = content_id(PROMPT, self._endpoint.keyed, self._settings.model, text.key)
            wanted.setdefault(key, _Wanted(text, row["pattern_id"], row["exact_hash"]))
            asked_by.setdefault(key, []).append(row["unit"])
        for key, answer in self._answers(wanted, deadline, limits).items():
            for position, unit in enumerate(asked_by[key]):
                said[unit] = answer if position == 0 else _Said(answer.belief, self._free(answer.cost))
        return _votes(batch["unit"], said)

    def _answers(self, wanted: dict[str, _Wanted], deadline: float, limits: Limits) -> dict[str, _Said]:
        known = {key: _Said(_belief(kept), self._free(0)) for key, kept in self._memory.get(list(wanted)).items()}
        missing = {key: one for key, one in wanted.items() if key not in known}

        def ask(key: str) -> _Said:
            if time.monotonic() > deadline:
                return _Said(_abstention(f"{NO_ANSWER}timed out after {limits.timeout_s:.0f} s"), None)
            return self._ask(key, missing[key])

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="judge") as pool:
            return known | dict(zip(missing, pool.map(ask, missing), strict=True))

    def _ask(self, key: str, wanted: _Wanted) -> _Said:
        """Ask about one text; every try is a request of its own to the budget."""
        question = compose(wanted.text)
        body = question.body(self._settings.model)
        # No tokenizer makes more tokens of a text than it has bytes.
        n_tokens = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
        request = Request(
            self._settings, wanted.pattern_id, wanted.exact_hash, wanted.text.n_characters, n_tokens, MAX_ANSWER_TOKENS
        )
        sent: list[str] = []
        try:
            reply: Reply = self._endpoint.ask(body, read_reply, lambda: sent.append(self._budget.reserve(request)))
        except SpentError as error:
            return _Said(_abstention(f"{NO_ANSWER}{error}"), None)
        except LeftAloneError as error:
            self._budget.take_back(sent[-1])
            return _Said(_abstention(f"{NO_ANSWER}{error.problem}"), None)
        except StoreError as error:
            return _Said(_abstention(f"{NO_ANSWER}{error.problem}"), None)
        cost = self._budget.settle(sent[-1], self._settings, (reply.input_tokens, reply.output_tokens))
        belief = believe(question, reply)
        if belief.vote != "abstain":
            self._memory.put(self._space, {key: json.dumps(asdict(belief)).encode()})
        return _Said(belief, cost)

    def _free(self, cost: float | None) -> float | None:
        """What an answer costs that is had already: nothing, where a price is known at all."""
        return None if cost is None or self._settings.input_price is None else 0.0


def open_judges(settings: Settings, db: Database) -> tuple[Judge, ...]:
    """The judges that the settings name, in their order; none by default.

    Raises:
        ConfigError: one of them cannot be used.
    """
    memory, budget = open_memory(settings), Budget(db, settings.judge_budget)
    patience = Patience(min(settings.remote_timeout_s, settings.member_timeout_s), N_RETRIES)
    return tuple(Judge(judge, memory, budget, patience) for judge in settings.judges)


def shown_judges(settings: Settings) -> list[str]:
    """Name, model and endpoint of each judge, as people may see them; nothing is asked.

    Raises:
        ConfigError: one of them cannot be used.
    """
    memory = open_memory(settings)
    return [f"{one.name} ({one.model} at {_endpoint(one, memory).base})" for one in settings.judges]


def _endpoint(settings: JudgeSettings, memory: Memory, patience: Patience | None = None) -> Endpoint:
    return Endpoint(
        settings.base_url,
        path="/chat/completions",
        setting="judges",
        purpose="judge",
        memory=memory,
        key=_key(settings),
        patience=patience or Patience(),
        fallback=f", or take judge {settings.name} out of the settings",
        max_bytes=MAX_ANSWER_BYTES,
        is_strict=True,
    )


def _key(settings: JudgeSettings) -> str | None:
    if settings.api_key_variable is not None:
        if key := os.environ.get(settings.api_key_variable):
            return key
        raise ConfigError(
            f"The key of judge {settings.name} is to come from {settings.api_key_variable}, which is not set.",
            "Set it in the environment, or take that judge out of the settings.",
        )
    return settings.api_key.get_secret_value() if settings.api_key else None


def _before(folder: Path, file: str, start_line: int) -> str:
    """What stands before a text in its file."""
    path = folder / FILES / file
    if not path.is_file():
        return ""
    lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    return "\n".join(lines[: start_line - 1])


def _belief(kept: bytes) -> Belief:
    return Belief(**json.loads(kept))


def _abstention(reason: str) -> Belief:
    return Belief("abstain", None, reason, "[]")


def _votes(units: Iterable[int], said: dict[int, _Said]) -> pl.DataFrame:
    rows = [
        {
            "unit": unit,
            "vote": said[unit].belief.vote,
            "probability": said[unit].belief.probability,
            "reason": None if said[unit].belief.reason is None else storable(str(said[unit].belief.reason)),
            "findings": said[unit].belief.findings,
            "cost": said[unit].cost,
        }
        for unit in units
    ]
    return pl.DataFrame(rows, schema=VOTES)
