"""An outside analyser by HTTP. Off unless the setting names it: the patterns' code is sent there, and nowhere else.

Request, POST: `{"version": 1, "patterns": [{"id", "language", "kind", "name", "signature", "docstring", "code",
"calls", "imports"}]}`. Answer, 200: `{"patterns": [{"id", "concepts", "themes", "domains", "detail"}]}`, one for each
that was asked, the three lists of strings strongest first, empty to abstain, `detail` any JSON object. Retries, breaker
and memory live in `remote`.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from stemma.ids import content_id
from stemma.remote import AnswerError, Endpoint, Memory, Patience
from stemma.semantics.base import ANALYSIS

VERSION = 1
PATTERNS_PER_REQUEST = 16
MAX_CHARACTERS = 24_000  # of code; a longer definition is told by its beginning
MAX_LABELS = 20
MAX_LABEL_CHARACTERS = 80
MAX_DETAIL_CHARACTERS = 20_000
LISTS = ("concepts", "themes", "domains")
FIELDS = ("language", "kind", "name", "signature", "docstring", "code", "calls", "imports")


class HttpAnalyser:
    """An analyser behind a URL. What it said is kept in `memory` under a hash of everything it was told.

    Raises:
        ConfigError: the URL is none.
        StoreError: in use, it does not answer, refuses, or answers with something else.
    """

    batch = 256

    def __init__(self, url: str, memory: Memory, key: str | None = None, patience: Patience | None = None) -> None:
        self._endpoint = Endpoint(
            url,
            setting="semantic_analyser",
            purpose="analyser",
            memory=memory,
            key=key,
            patience=patience or Patience(),
            fallback=", or set semantic_analyser to offline",
        )
        self._memory = memory
        self.name = f"http-{VERSION}:{self._endpoint.shown}"

    def analyse(self, patterns: pl.DataFrame) -> pl.DataFrame:
        asked = patterns.with_columns(pl.col("code").str.slice(0, MAX_CHARACTERS)).select(*FIELDS).to_dicts()
        questions = [json.dumps(fields, sort_keys=True) for fields in asked]
        keys = [content_id(self.name, self._endpoint.keyed, question) for question in questions]
        known = self._memory.get(list(dict.fromkeys(keys)))
        missing = {key: fields for key, fields in zip(keys, asked, strict=True) if key not in known}
        waiting = list(missing)
        for start in range(0, len(waiting), PATTERNS_PER_REQUEST):
            part = waiting[start : start + PATTERNS_PER_REQUEST]
            body = {"version": VERSION, "patterns": [{"id": key, **missing[key]} for key in part]}
            answers = self._endpoint.ask(body, lambda answer, ids=part: _read(answer, ids))  # type: ignore[misc]
            self._memory.put(self.name, answers)
            known |= answers
        said = [json.loads(known[key]) for key in keys]
        columns = {name: [answer[name] for answer in said] for name in (*LISTS, "detail")}
        return pl.DataFrame({"pattern_id": patterns["pattern_id"], **columns}, schema=ANALYSIS)


def _read(answer: Any, ids: list[str]) -> dict[str, bytes]:
    """What it said of each id, as JSON.

    Raises:
        AnswerError: it is about others than were asked, or not of the form agreed.
    """
    try:
        said = {str(entry["id"]): entry for entry in answer["patterns"]}
        if sorted(said) != sorted(ids) or len(answer["patterns"]) != len(ids):
            raise AnswerError(f"asked about {len(ids)} patterns, it spoke of {len(answer['patterns'])}, or of others")
        return {id_: json.dumps(_plain(entry)).encode() for id_, entry in said.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise AnswerError(f"not of the form agreed ({type(error).__name__}: {error})") from None


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in LISTS:
        labels = entry[name]
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise AnswerError(f"{name} is no list of strings")
        clean = [str(_storable(label))[:MAX_LABEL_CHARACTERS].strip() for label in labels[:MAX_LABELS]]
        found[name] = list(dict.fromkeys(label for label in clean if label))
    detail = entry.get("detail", {})
    if not isinstance(detail, dict):
        raise AnswerError("detail is no object")
    try:
        text = json.dumps(_storable(detail), allow_nan=False)
    except ValueError:
        raise AnswerError("detail holds a value that is no number") from None
    if len(text) > MAX_DETAIL_CHARACTERS:
        raise AnswerError(f"detail is longer than {MAX_DETAIL_CHARACTERS} characters")
    found["detail"] = text
    return found


def _storable(value: Any) -> Any:
    """The same JSON value without what Postgres does not take in a text: U+0000 and lone surrogates."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {str(_storable(key)): _storable(item) for key, item in value.items()}
        case _:
            return value
