"""Whose each token of a version is: carried along lineage, brought by an edit, or stated by an outside source.

Which edit a token is credited to is found in `acceptance`; what is carried from a parent, by `diff`; what is read and
stored, by `origins`.

A token that came from a parent keeps the parent's label, known or not. For a token that is new in the version, the
strongest evidence wins:

1. an edit that matched as a whole definition (`exact`, `tokens`, `pattern`): the agent's own call, by its very text;
2. a git-ai note on its line, agent or human: written at the commit by a tool that watched the lines;
3. an Agent Trace record on its line;
4. an edit that matched by similarity;
5. the author of the commit, where that is an agent.

A trailer, and a record that says `mixed` or `unknown`, gives no token to anyone: it makes a version of which nothing
better is known `mixed` with an unknown share, and only where the source says so. Nobody's token is human by default.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stemma.attribution.acceptance import EXACT, PATTERN, SIMILARITY, TOKENS
from stemma.attribution.diff import Carried
from stemma.attribution.tokens import Tokens

AGENT, HUMAN, MIXED, UNKNOWN = "agent", "human", "mixed", "unknown"
GIT_AI, AGENT_TRACE, AUTHOR, TRAILER, CARRIED = "git-ai", "agent-trace", "author", "trailer", "carried"

STRENGTH = {EXACT: 5, TOKENS: 5, PATTERN: 5, GIT_AI: 4, AGENT_TRACE: 3, SIMILARITY: 2, AUTHOR: 1}
CONFIDENCE_OF = {GIT_AI: 0.95, AGENT_TRACE: 0.9, AUTHOR: 0.8, TRAILER: 0.5}

_UNTOLD = ("born_id", "confidence", "model")
MAX_EVIDENCE = 20

LabelArray = npt.NDArray[np.int32]


class Source(NamedTuple):
    """Who wrote some tokens, by what evidence, and in which version they first stood."""

    origin: str
    source: str
    confidence: float
    born_id: str
    agent: str | None = None
    model: str | None = None
    session_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class Statement:
    """What an outside source says of lines of a file at a commit; without lines, of the whole commit."""

    source: str
    origin: str
    start_line: int | None
    end_line: int | None
    agent: str | None
    model: str | None
    session_id: str | None


class Sources:
    """Numbers of the sources met."""

    def __init__(self) -> None:
        self.all: list[Source] = []
        self._numbers: dict[Source, int] = {}

    def number(self, source: Source) -> int:
        found = self._numbers.get(source)
        if found is None:
            found = self._numbers[source] = len(self.all)
            self.all.append(source)
        return found


@dataclass
class Version:
    """One version while its tokens are given to their authors."""

    node_id: str
    tokens: Tokens
    first_line: int
    """Line of the file it begins at."""
    parents: list[tuple[str, Carried]] = field(default_factory=list)
    """Versions it came from, the likeliest first, and from where in them each token was carried."""
    inner: tuple[tuple[int, int], ...] = ()
    """First and last line of the file of each definition inside it."""
    labels: LabelArray = field(default_factory=lambda: np.zeros(0, np.int32))
    strength: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    is_part_of: Source | None = None
    """What a whole-commit statement says, where nothing better is known."""

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Its tokens that no parent has."""
        is_open = np.ones(len(self.tokens), np.bool_)
        for _, carried in self.parents:
            is_open &= carried < 0
        return is_open

    def give(self, mask: npt.NDArray[np.bool_], number: int, source: Source) -> None:
        """Tokens to a source, where it is stronger than what has them."""
        strength = STRENGTH[source.source]
        stronger = mask & (self.strength < strength)
        self.labels[stronger] = number
        self.strength[stronger] = strength


def begin(version: Version, labels_of: dict[str, LabelArray]) -> None:
    """Labels carried from the parents: of several that have a token, one whose author is known."""
    version.labels = np.full(len(version.tokens), -1, np.int32)
    for parent_id, carried in version.parents:
        labels = labels_of.get(parent_id)
        if labels is None:
            continue
        taken = (version.labels < 0) & (carried >= 0) & (carried < len(labels))
        version.labels[taken] = labels[carried[taken]]
    version.strength = np.where(version.is_open, 0, 127).astype(np.int8)


def state(version: Version, statements: Sequence[Statement], sources: Sources) -> None:
    """What outside sources say of the version's lines, and of its commit."""
    for said in statements:
        source = Source(
            said.origin,
            said.source,
            CONFIDENCE_OF[said.source],
            version.node_id,
            said.agent,
            said.model,
            said.session_id,
        )
        mask = np.ones(len(version.tokens), np.bool_)
        if said.start_line is not None and said.end_line is not None:
            lines = version.tokens.lines + version.first_line - 1
            mask = (lines >= said.start_line) & (lines <= said.end_line)
        if said.origin in (AGENT, HUMAN) and said.source != TRAILER:
            version.give(mask, sources.number(source), source)
        elif (mask & version.is_open).any() and said.origin != UNKNOWN:
            version.is_part_of = version.is_part_of or source


def summary(version: Version, sources: Sources) -> dict[str, Any]:
    """The row of `origins`, without repository and rules."""
    n_tokens = len(version.tokens)
    counted = Counter(version.labels[version.labels >= 0].tolist())
    known = {sources.all[number]: n for number, n in counted.items()}
    n_of = {origin: sum(n for source, n in known.items() if source.origin == origin) for origin in (AGENT, HUMAN)}
    origin = _origin(n_tokens, n_of[AGENT], n_of[HUMAN])
    row: dict[str, Any] = {
        "node_id": version.node_id,
        "origin": origin,
        "agent_share": n_of[AGENT] / n_tokens if origin != UNKNOWN else None,
        "n_tokens": n_tokens,
        "n_agent": n_of[AGENT],
        "n_human": n_of[HUMAN],
        **_most(known),
        "matched_by": _matched_by(version.node_id, known),
        "confidence": sum(source.confidence * n for source, n in known.items()) / sum(known.values())
        if known
        else None,
        "evidence": json.dumps(_evidence(known), ensure_ascii=False),
    }
    part = version.is_part_of
    if part is not None and not known:
        row |= {"origin": MIXED, "agent": part.agent, "model": part.model, "session_id": part.session_id}
        row |= {"matched_by": part.source, "confidence": part.confidence}
        row["evidence"] = json.dumps([{"source": part.source, "agent": part.agent}], ensure_ascii=False)
    return row


def _origin(n_tokens: int, n_agent: int, n_human: int) -> str:
    if n_agent:
        return AGENT if n_agent == n_tokens else MIXED
    return HUMAN if n_human and n_human == n_tokens else UNKNOWN


def _most(known: dict[Source, int]) -> dict[str, str | None]:
    """Agent, model, session and event that most of an agent's tokens came from."""
    by_session: Counter[tuple[str | None, ...]] = Counter()
    for source, n in known.items():
        if source.origin == AGENT:
            by_session[source.agent, source.model, source.session_id] += n
    if not by_session:
        return dict.fromkeys(("agent", "model", "session_id", "event_id"))
    most = min(by_session, key=lambda key: (-by_session[key], str(key)))
    events: Counter[str | None] = Counter()
    for source, n in known.items():
        if source.origin == AGENT and source[4:7] == most:
            events[source.event_id] += n
    event = min(events, key=lambda key: (-events[key], str(key)))
    return {"agent": most[0], "model": most[1], "session_id": most[2], "event_id": event}


def _matched_by(node_id: str, known: dict[Source, int]) -> str | None:
    """By what most of the tokens that are new here became known; `carried` when all known ones are older."""
    own: Counter[str] = Counter()
    for source, n in known.items():
        if source.born_id == node_id:
            own[source.source] += n
    return min(own, key=lambda key: (-own[key], key)) if own else CARRIED if known else None


def _evidence(known: dict[Source, int]) -> list[dict[str, Any]]:
    grouped: Counter[Source] = Counter()
    for source, n in known.items():
        grouped[source._replace(born_id="")] += n
    told = [
        {name: value for name, value in source._asdict().items() if value is not None and name not in _UNTOLD}
        | {"n_tokens": n}
        for source, n in grouped.items()
    ]
    return sorted(told, key=lambda item: (-item["n_tokens"], json.dumps(item, sort_keys=True)))[:MAX_EVIDENCE]


def spans(version: Version, sources: Sources) -> list[dict[str, Any]]:
    """The rows of `origin_spans`: one for each run of tokens of one source."""
    labels, lines = version.labels, version.tokens.lines
    if not len(labels):
        return []
    starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
    ends = np.concatenate([starts[1:], [len(labels)]])
    owned = _owned_lines(version)
    rows: list[dict[str, Any]] = []
    for first, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if labels[first] < 0:
            continue
        place = {
            "node_id": version.node_id,
            "span": len(rows),
            "first_token": first,
            "n_tokens": end - first,
            "first_line": int(lines[first]),
            "last_line": int(lines[end - 1]),
            "lines": _taken(owned, int(labels[first]), np.unique(lines[first:end]).tolist()),
        }
        rows.append(place | sources.all[labels[first]]._asdict())
    return rows


def _owned_lines(version: Version) -> dict[int, int]:
    """Of each line in no inner definition, the label (-1: unknown) of most of its tokens; among equals the first's."""
    counted: dict[int, Counter[int]] = {}
    lines = version.tokens.lines
    is_own = np.ones(len(lines), np.bool_)
    for first, last in version.inner:
        is_own &= (lines < first - version.first_line + 1) | (lines > last - version.first_line + 1)
    for line, label in zip(lines[is_own].tolist(), version.labels[is_own].tolist(), strict=True):
        counted.setdefault(line, Counter())[label] += 1
    return {line: found.most_common(1)[0][0] for line, found in counted.items()}


def _taken(owned: dict[int, int], label: int, lines: list[int]) -> list[int]:
    """First and last of each run of the lines that are the label's; a line is taken once, by its first span."""
    runs: list[int] = []
    for line in lines:
        if owned.get(line) != label:
            continue
        del owned[line]
        if runs and runs[-1] == line - 1:
            runs[-1] = line
        else:
            runs += [line, line]
    return runs
