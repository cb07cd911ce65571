"""What tells two pieces of code from each other, for people: the lines side by side, names, calls and literals.

How a whole family differs is said in `skeleton`; how alike a pair is in numbers, in `scores`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

from stemma.match.alignment import Pairs, align
from stemma.match.tokens import LITERAL, NAME, Text, Token, read
from stemma.words import split_identifier

SAME, CHANGED, ONLY_A, ONLY_B = "same", "changed", "only in A", "only in B"

LISTED = 3  # of each kind, in the line of text
SHOWN_CHARS = 40
LINE_CHARS = 300
_DEFINES = frozenset({"def", "class", "function", "func", "fn", "fun", "struct", "interface", "trait", "enum"})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_BEGINS = frozenset({"=", "=>", "{", "return"})  # behind these comes what a definition does, not its name


@dataclass(frozen=True)
class Substitution:
    """`a` stands in one where `b` stands in the other, so many times."""

    a: str
    b: str
    times: int


@dataclass(frozen=True)
class Part:
    """A stretch of a line, and whether the other piece of code has something else there."""

    text: str
    is_different: bool


@dataclass(frozen=True)
class Line:
    """One row of the aligned diff; `kind` is same, changed, only in A or only in B. Blanks and comments are no rows."""

    kind: str
    a: tuple[Part, ...] | None
    b: tuple[Part, ...] | None


@dataclass(frozen=True)
class Explanation:
    """How A and B differ. Calls and names are listed once each, in the order in which they appear.

    Attributes:
        n_lines: lines of the longer of the two, blanks and comments left out.
        n_alike: lines of A that B has too, up to names and literals.
        renamed: names that stand for each other, the most frequent first.
        literals: literals that stand for each other.
        names_only_a, names_only_b: names that are neither calls nor renamed.
        lines: the aligned diff.
        is_cut: one of the two is longer than what was compared (`tokens.MAX_TOKENS`).
    """

    n_lines: int
    n_alike: int
    renamed: tuple[Substitution, ...]
    literals: tuple[Substitution, ...]
    calls_shared: tuple[str, ...]
    calls_only_a: tuple[str, ...]
    calls_only_b: tuple[str, ...]
    names_only_a: tuple[str, ...]
    names_only_b: tuple[str, ...]
    lines: tuple[Line, ...]
    is_cut: bool

    @property
    def text(self) -> str:
        """One line: `41 of 47 lines alike; renamed: x->y (3); calls only in A: close(); literals differ: 2`."""
        told = [f"{self.n_alike} of {self.n_lines} lines alike"]
        told += _told("renamed", [f"{_short(it.a)}->{_short(it.b)} ({it.times})" for it in self.renamed])
        told += _told("calls only in A", [f"{_short(name)}()" for name in self.calls_only_a])
        told += _told("calls only in B", [f"{_short(name)}()" for name in self.calls_only_b])
        told += [f"literals differ: {sum(it.times for it in self.literals)}"] if self.literals else []
        told += ["only the beginning was compared"] if self.is_cut else []
        return "; ".join(told)


def explain_pair(code_a: str, code_b: str, language: str) -> Explanation:
    """What differs between two definitions of one language. Bounded in time and memory whatever the code holds."""
    a, b = read(code_a, language), read(code_b, language)
    pairs = align(a, b)
    partners = dict(pairs)
    renamed, literals = (_substitutions(a, b, pairs, kind) for kind in (NAME, LITERAL))
    calls_a, calls_b = _calls(a), _calls(b)
    names_a, names_b = ({token.text: None for token in text.tokens if token.kind == NAME} for text in (a, b))
    from_a, to_b = {it.a for it in renamed}, {it.b for it in renamed}
    return Explanation(
        n_lines=max(len(a.lines), len(b.lines)),
        n_alike=_n_alike(a, b, partners),
        renamed=renamed,
        literals=literals,
        calls_shared=tuple(name for name in calls_a if name in calls_b),
        calls_only_a=_only(calls_a, calls_b, from_a),
        calls_only_b=_only(calls_b, calls_a, to_b),
        names_only_a=_only(names_a, names_b, from_a | calls_a.keys()),
        names_only_b=_only(names_b, names_a, to_b | calls_b.keys()),
        lines=tuple(_diff(a, b, partners)),
        is_cut=a.is_cut or b.is_cut,
    )


def explain_meaning(code_a: str, language_a: str, code_b: str, language_b: str) -> str:
    """What two definitions of two languages have in common, and what each calls besides, in one line."""
    a, b = read(code_a, language_a), read(code_b, language_b)
    calls_a, calls_b = ({_plain(name): name for name in _calls(text)} for text in (a, b))
    words_a, words_b = _words_of(a), _words_of(b)
    common = [word for word in words_a if word in words_b]
    told = [f"{len(common)} of {len(words_a.keys() | words_b.keys())} words in common"]
    told += _told("calls in both", [f"{_short(name)}()" for key, name in calls_a.items() if key in calls_b])
    told += _told("words", sorted(common, key=len, reverse=True))
    told += _told("calls only in A", [f"{_short(name)}()" for key, name in calls_a.items() if key not in calls_b])
    told += _told("calls only in B", [f"{_short(name)}()" for key, name in calls_b.items() if key not in calls_a])
    return "; ".join(told + (["only the beginning was compared"] if a.is_cut or b.is_cut else []))


def _words_of(text: Text) -> dict[str, None]:
    names = (token.text for token in text.tokens if token.kind == NAME)
    return {word: None for name in names for word in split_identifier(name)}


def _plain(name: str) -> str:
    """A name as every language's custom would have it: `read_line` and `readLine` are one."""
    return "".join(split_identifier(name))


def _substitutions(a: Text, b: Text, pairs: Pairs, kind: str) -> tuple[Substitution, ...]:
    aligned = ((a.tokens[i], b.tokens[j]) for i, j in pairs)
    counts = Counter((one.text, other.text) for one, other in aligned if one.kind == kind and one.text != other.text)
    return tuple(Substitution(one, other, times) for (one, other), times in counts.most_common())


def _calls(text: Text) -> dict[str, None]:
    """Names before an opening bracket, but for what is defined: after `def` and the like, or the first of them all."""
    found: dict[str, None] = {}
    depth, is_own = 0, True
    for i, (token, after) in enumerate(pairwise(text.tokens)):
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        is_own = is_own and (depth > 0 or token.text not in _BEGINS)
        before = text.tokens[i - 1].text if i else ""
        if token.kind != NAME or after.text != "(":
            continue
        if before in _DEFINES or (is_own and depth == 0 and before != "@"):
            is_own = False
        else:
            found[token.text] = None
    return found


def _only(mine: Iterable[str], theirs: Iterable[str], told: set[str]) -> tuple[str, ...]:
    known = told.union(theirs)
    return tuple(name for name in mine if name not in known)


def _n_alike(a: Text, b: Text, partners: dict[int, int]) -> int:
    whole = {(line.start, line.stop) for line in b.lines}
    return sum(
        (partners.get(line.start, -1), partners.get(line.stop - 1, -1) + 1) in whole
        and all(i in partners for i in line)
        for line in a.lines
    )


def _diff(a: Text, b: Text, partners: dict[int, int]) -> Iterator[Line]:
    """The lines of both in order; those of which most tokens correspond stand beside each other."""
    back = {j: i for i, j in partners.items()}
    beside = _beside(a, b, partners)
    next_b = 0
    for position, line in enumerate(a.lines):
        other = beside.get(position)
        if other is None:
            yield Line(ONLY_A, _whole(a, line), None)
            continue
        yield from (Line(ONLY_B, None, _whole(b, b.lines[k])) for k in range(next_b, other))
        next_b = other + 1
        left = _parts(a, line, b, b.lines[other], partners)
        right = _parts(b, b.lines[other], a, line, back)
        is_same = not any(part.is_different for part in (*left, *right))
        yield Line(SAME if is_same else CHANGED, left, right)
    yield from (Line(ONLY_B, None, _whole(b, line)) for line in b.lines[next_b:])


def _beside(a: Text, b: Text, partners: dict[int, int]) -> dict[int, int]:
    """Line of A -> the line of B that at least half of the shorter one's tokens correspond with; both ascending."""
    line_of = {j: k for k, line in enumerate(b.lines) for j in line}
    beside: dict[int, int] = {}
    last = -1
    for position, line in enumerate(a.lines):
        counts = Counter(line_of[partners[i]] for i in line if i in partners)
        counts = Counter({k: n for k, n in counts.items() if k > last})
        if counts:
            other, n_common = counts.most_common(1)[0]
            if 2 * n_common >= min(len(line), len(b.lines[other])):
                beside[position] = last = other
    return beside


def _whole(text: Text, line: range) -> tuple[Part, ...]:
    return _parts(text, line, text, range(0), {})


def _parts(text: Text, line: range, other: Text, beside: range, partners: dict[int, int]) -> tuple[Part, ...]:
    """A line as written, without its comments, told apart by whether the line beside it has the same tokens.

    Indented as if the definition stood at the margin; how far makes no difference.
    """
    indent = text.indent(text.tokens[line.start])[text.margin :]
    found: list[tuple[str, bool]] = [(indent, False)] if indent.isspace() else []
    room = LINE_CHARS
    for i in line:
        token, partner = text.tokens[i], partners.get(i, -1)
        differs = partner not in beside or other.tokens[partner].text != token.text
        gap = _gap(text, text.tokens[i - 1], token) if i > line.start else ""
        found += [(gap, found[-1][1] and differs)] if gap else []
        found.append((token.text if len(token.text) <= room else f"{token.text[: max(room, 0)]}…", differs))
        room -= len(gap) + len(token.text)
        if room < 0:
            break
    grouped = groupby(found, key=itemgetter(1))
    return tuple(Part("".join(part for part, _ in parts), differs) for differs, parts in grouped)


def _gap(text: Text, before: Token, after: Token) -> str:
    between = text.between(before.end, after.start)
    return between if not between or (between.isspace() and "\n" not in between) else " "


def _told(what: str, items: list[str]) -> list[str]:
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return [f"{what}: {', '.join(items[:LISTED])}{more}"] if items else []


def _short(name: str) -> str:
    return name if len(name) <= SHOWN_CHARS else f"{name[: SHOWN_CHARS - 1]}…"
