"""An LLM judge's side of the conversation: what it was shown, and answers to it, honest or not.

The endpoint these are served by lives in `tests.misbehaving`; what must come of them is claimed in `test_judge`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.misbehaving import Answer

UNSOUND = re.compile(r"eval\(|os\.system\(|SELECT .*\+|pickle\.loads\(|shell=True")
JSON = {"Content-Type": "application/json; charset=utf-8"}


def shown(body: Any) -> tuple[str, dict[str, list[str]]]:
    """The token of a request, and the lines of its items by label."""
    system, user = (message["content"] for message in body["messages"])
    (fence,) = set(re.findall(r"begin with the mark (\w+)", system))
    (token,) = re.findall(r"`token` is (\w+)", system)
    items: dict[str, list[str]] = {}
    label = ""
    for line in user.split("\n"):
        if line.startswith(fence):
            found = re.fullmatch(rf"{fence} item (\w+): \w+ \w+", line)
            label = found[1] if found else ""
            if label:
                items[label] = []
        elif label:
            items[label].append(re.sub(r"^ *\d+ \| ", "", line))
    return token, items


def opinion(label: str, lines: list[str]) -> dict[str, Any]:
    """What an honest judge says: it fails what looks unsound, and quotes the line."""
    bad = next((number for number, line in enumerate(lines, 1) if UNSOUND.search(line)), None)
    line = bad or next(number for number, line in enumerate(lines, 1) if len(line.strip()) > 3)
    evidence = {
        "line": line,
        "quote": lines[line - 1].strip(),
        "severity": "high" if bad else "none",
        "rule": "unsafe-input" if bad else "input-handling",
        "message": "Runs what a stranger wrote." if bad else "Nothing here can go wrong.",
    }
    return {
        "item": label,
        "verdict": "fail" if bad else "pass",
        "probability": 0.03 if bad else 0.97,
        "addresses_reviewer": False,
        "evidence": [evidence],
        "reason": "Seen.",
    }


def judgement(body: Any) -> dict[str, Any]:
    token, items = shown(body)
    return {"token": token, "items": [opinion(label, lines) for label, lines in items.items()]}


def completion(content: Any, **fields: Any) -> Answer:
    """A chat completion with this content; `fields` replace those of the message, `finish_reason` and `usage`."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    finish = fields.pop("finish_reason", "stop")
    usage = fields.pop("usage", {"prompt_tokens": 1_000, "completion_tokens": 200})
    message = {"role": "assistant", "content": text, **fields}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
    return Answer(content=json.dumps(answer).encode(), headers=JSON)


def honest(body: Any) -> Answer:
    return completion(judgement(body))


def lying(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Callable[[Any], Answer]:
    """An honest answer, changed: `change` is given the whole answer and what it says of the text in question.

    The text in question is the one that is neither of the controls, whose functions are known by name.
    """

    def answer(body: Any) -> Answer:
        _, items = shown(body)
        said = judgement(body)
        known = re.compile(r"def (clamp|most_common_word|read_lines|calculate|remove_upload|find_user)\(")
        (asked,) = (label for label, lines in items.items() if not known.search(lines[0]))
        change(said, next(one for one in said["items"] if one["item"] == asked))
        return completion(said)

    return answer
