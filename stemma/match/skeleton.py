"""What a family has in common and where its members differ: a skeleton with numbered holes, and what fills them.

How two pieces of code differ, line by line, is said in `explain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stemma.match.alignment import align
from stemma.match.tokens import Text, read

MAX_MEMBERS = 40
"""So many members are aligned with the medoid; holes of more could be read by nobody."""
FILL_CHARS = 500


@dataclass(frozen=True)
class Hole:
    """A variation point: what stands there in each member, in the order of the members, the medoid first.

    Where one name is used in several places and each member has its own for all of them, the places are one hole.
    """

    number: int
    fills: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    """What all members have in common, as the medoid writes it: texts, and the number of the hole between two of them.

    Attributes:
        share_common: 0-1, tokens of the medoid that every member has; null when it has no tokens.
        n_compared: members compared, the medoid included; those beyond `MAX_MEMBERS` were left out.
        is_cut: one of them is longer than what was compared (`tokens.MAX_TOKENS`).
    """

    pieces: tuple[str | int, ...]
    holes: tuple[Hole, ...]
    share_common: float | None
    n_compared: int
    is_cut: bool


def skeleton(medoid: str, others: Sequence[str], language: str) -> Skeleton:
    """Align each member with the medoid, token by token; what all of them have there is common, the rest are holes.

    Bounded in time and memory whatever the code holds.
    """
    texts = [read(code, language) for code in (medoid, *others[: MAX_MEMBERS - 1])]
    centre = texts[0]
    partners = [{i: i for i in range(len(centre.tokens))}, *(_equal(centre, text) for text in texts[1:])]
    common = [i for i in range(len(centre.tokens)) if all(i in known for known in partners)]
    places = [[known[i] for known in partners] for i in common]
    numbers: dict[tuple[str, ...], int] = {}
    pieces: list[str | int] = []
    before = [-1] * len(texts)
    for place in [*places, [len(text.tokens) for text in texts]]:
        fills = tuple(_fill(text, a + 1, b) for text, a, b in zip(texts, before, place, strict=True))
        if any(fills):
            pieces += [_blank(centre, before[0], before[0] + 1), numbers.setdefault(fills, len(numbers) + 1)]
        if place[0] < len(centre.tokens):
            pieces += [_blank(centre, place[0] - 1, place[0]), centre.tokens[place[0]].text]
        before = place
    return Skeleton(
        pieces=tuple(_joined(pieces)),
        holes=tuple(Hole(number, fills) for fills, number in numbers.items()),
        share_common=len(common) / len(centre.tokens) if centre.tokens else None,
        n_compared=len(texts),
        is_cut=any(text.is_cut for text in texts),
    )


def _equal(centre: Text, text: Text) -> dict[int, int]:
    """Tokens of the medoid that this member has in the same place, as written."""
    return {i: j for i, j in align(centre, text) if centre.tokens[i].text == text.tokens[j].text}


def _fill(text: Text, start: int, end: int) -> str:
    """What tokens `start` to `end` are written as, blanks between them folded."""
    if start >= end:
        return ""
    first, last = text.tokens[start].start, text.tokens[end - 1].end
    written = " ".join(text.between(first, min(last, first + 4 * FILL_CHARS)).split())
    return written if len(written) <= FILL_CHARS else f"{written[: FILL_CHARS - 1]}…"


def _blank(text: Text, before: int, after: int) -> str:
    """The layout between two neighbouring tokens of the medoid: comments and blank lines are left out."""
    if before < 0 or after >= len(text.tokens):
        return ""
    between = text.between(text.tokens[before].end, text.tokens[after].start)
    lines = between.split("\n")
    if len(lines) == 1:
        return between if between.isspace() else ""
    return f"\n{lines[-1][text.margin :]}"


def _joined(pieces: Sequence[str | int]) -> list[str | int]:
    joined: list[str | int] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return joined
