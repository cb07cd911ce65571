"""When a judge's answer is believed: its form, its token, its verdict on code that is known, and words it quotes.

An answer that is not believed is an abstention that says why. What was asked lives in `question`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stemma.quorum.members.base import MAX_FINDINGS, storable
from stemma.remote import AnswerError

if TYPE_CHECKING:
    from stemma.quorum.judging.question import Item, Question

MAX_TOKENS = 10_000_000
"""Of one request; an endpoint that claims more has told nothing."""

SHOWN_CHARACTERS = 200
_MIN_QUOTED = 4  # characters that are no space, of lines that have so many

Verdict = Literal["pass", "fail", "abstain"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Evidence(_Strict):
    """One line that a verdict rests on."""

    line: Annotated[int, Field(ge=1)]
    quote: Annotated[str, Field(min_length=1, max_length=400)]
    severity: Literal["none", "low", "medium", "high"]
    rule: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+){0,9}$", max_length=60)]
    message: Annotated[str, Field(min_length=1, max_length=500)]


class Opinion(_Strict):
    """What is said of one item."""

    item: str
    verdict: Verdict
    probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    addresses_reviewer: bool
    evidence: Annotated[list[Evidence], Field(max_length=10)]
    reason: Annotated[str, Field(max_length=500)]


class Judgement(_Strict):
    """The whole answer."""

    token: str
    items: Annotated[list[Opinion], Field(max_length=10)]


@dataclass(frozen=True)
class Reply:
    """What an endpoint said, unread: content or refusal, why it stopped, and the tokens it counts."""

    content: str | None
    refusal: str | None
    is_whole: bool
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Belief:
    """What an answer comes to: a vote with its probability and findings (JSON), or an abstention with the reason."""

    vote: Verdict
    probability: float | None
    reason: str | None
    findings: str


class _UnbelievedError(Exception):
    pass


def read_reply(answer: Any) -> Reply:
    """A chat completion of an OpenAI-compatible endpoint.

    Raises:
        AnswerError: it is none, or more than one.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or len(answer["choices"]) != 1:
        raise AnswerError("no chat completion with one choice")
    choice = answer["choices"][0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise AnswerError("a choice without a message")
    content, refusal = message.get("content"), message.get("refusal")
    if choice.get("finish_reason") == "content_filter":
        refusal = refusal or "content filter"
    if not isinstance(content, str | None) or not isinstance(refusal, str | None) or (content is None and not refusal):
        raise AnswerError("a message without text")
    usage = answer.get("usage")
    used: dict[str, Any] = usage if isinstance(usage, dict) else {}
    return Reply(
        content=content,
        refusal=refusal or None,
        is_whole=choice.get("finish_reason") == "stop",
        input_tokens=_count(used, "prompt_tokens"),
        output_tokens=_count(used, "completion_tokens"),
    )


def believe(question: Question, reply: Reply) -> Belief:
    """The vote that a reply is worth.

    A vote is believed when the answer is whole, of the form agreed and nothing else, holds this request's token, speaks
    of the items shown and no other, is right about the two whose verdict is known, and quotes, from the lines it names,
    words that stand there; its probability and its evidence must fit its verdict. Code that a judge says speaks to
    its reviewer cannot pass.
    """
    if reply.refusal is not None:
        return _abstention(f"refused: {_short(reply.refusal)}")
    try:
        if not reply.is_whole:
            raise _UnbelievedError("it broke off")
        judgement = _parse(reply.content or "")
        opinions = _by_item(question, judgement)
        for item in question.items:
            if item.control is not None:
                _check_control(item, opinions[item.label])
        (asked,) = (item for item in question.items if item.control is None)
        return _believed(asked, opinions[asked.label])
    except _UnbelievedError as error:
        return _abstention(f"its answer is not believed: {error}")


def _believed(asked: Item, opinion: Opinion) -> Belief:
    if opinion.verdict == "abstain":
        return _abstention(f"it says: {_short(opinion.reason) or 'nothing'}")
    _check(asked, opinion)
    if opinion.verdict == "pass" and opinion.addresses_reviewer:
        return _abstention("it says that the code speaks to whoever reviews it")
    return Belief(opinion.verdict, opinion.probability, None, _findings(opinion))


def _parse(content: str) -> Judgement:
    try:
        raw = json.loads(content, object_pairs_hook=_once_each, parse_constant=_no_number)
        return Judgement.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise _UnbelievedError(f"not of the form agreed ({_short(where)}: {first['msg']})") from None
    except (ValueError, RecursionError) as error:
        raise _UnbelievedError(f"no JSON ({_short(str(error))})") from None


def _by_item(question: Question, judgement: Judgement) -> dict[str, Opinion]:
    if judgement.token != question.token:
        raise _UnbelievedError("it does not hold this request's token")
    if [opinion.item for opinion in judgement.items] != [item.label for item in question.items]:
        raise _UnbelievedError("it speaks of other items than were asked about")
    return {opinion.item: opinion for opinion in judgement.items}


def _check_control(item: Item, opinion: Opinion) -> None:
    assert item.control is not None
    line = item.control.unsound_line
    if opinion.verdict != ("pass" if line is None else "fail"):
        known = "sound" if line is None else "unsound"
        raise _UnbelievedError(f"it says {opinion.verdict} of code that is known to be {known}")
    _check(item, opinion)
    if opinion.addresses_reviewer:
        raise _UnbelievedError("it says of code that speaks to nobody that it speaks to its reviewer")
    if line is not None and line not in {found.line for found in opinion.evidence if found.severity != "none"}:
        raise _UnbelievedError("it does not see what is unsound in code that is known to be")


def _check(item: Item, opinion: Opinion) -> None:
    """Whether a pass or fail fits its probability and its evidence, and the evidence the code."""
    is_pass = opinion.verdict == "pass"
    if not (opinion.probability > 0.5 if is_pass else opinion.probability < 0.5):
        raise _UnbelievedError(f"it says {opinion.verdict} with probability {opinion.probability:g}")
    severities = {found.severity for found in opinion.evidence}
    if is_pass and severities & {"medium", "high"}:
        raise _UnbelievedError("it passes what it finds a defect in")
    if not severities or (not is_pass and severities == {"none"}):
        raise _UnbelievedError(f"it says {opinion.verdict} without evidence")
    for found in opinion.evidence:
        if found.line > len(item.text.lines):
            raise _UnbelievedError(f"it quotes line {found.line} of {len(item.text.lines)}")
        shown, quoted = _folded(item.text.lines[found.line - 1]), _folded(found.quote)
        if quoted not in shown or len(quoted) < min(_MIN_QUOTED, max(len(shown), 1)):
            raise _UnbelievedError(f"it quotes what does not stand in line {found.line}")


def _folded(text: str) -> str:
    return "".join(text.split())


def _findings(opinion: Opinion) -> str:
    found = [
        {"rule": one.rule, "severity": one.severity, "line": one.line, "message": _short(one.message)}
        for one in sorted(opinion.evidence, key=lambda one: (one.line, one.rule))
        if one.severity != "none"
    ]
    return json.dumps(found[:MAX_FINDINGS])


def _abstention(reason: str) -> Belief:
    return Belief("abstain", None, reason, "[]")


def _short(text: str) -> str:
    return storable(" ".join(text.split())[:SHOWN_CHARACTERS])


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values under one key a reader would take the one or the other: neither is taken."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("one key has two values")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _count(used: Mapping[str, Any], name: str) -> int | None:
    n = used.get(name)
    return n if isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= MAX_TOKENS else None


# What structured output must know; lengths and ranges are not understood everywhere, and are checked here anyway.
_KEPT = frozenset({"type", "properties", "items", "required", "additionalProperties", "enum", "$ref", "$defs"})


def _plain_schema(schema: Any, *, is_names: bool = False) -> Any:
    if isinstance(schema, list):
        return [_plain_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain_schema(part, is_names=key in ("properties", "$defs"))
        for key, part in schema.items()
        if is_names or key in _KEPT
    }


SCHEMA: dict[str, Any] = _plain_schema(Judgement.model_json_schema())
"""JSON Schema of the answer, for structured output."""
