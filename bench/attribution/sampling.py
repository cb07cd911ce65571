"""Real functions of a package, taken out of its files so that agents and people can write them again.

Functions are those Stemma's extractor finds, in any of its languages; what is done with them is told in `scenarios`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemma.extract.extractor import Columns, File, Limits, extract
from stemma.git.paths import SOURCE, categorise
from stemma.languages import grammar_of

AGENT, AGENT_PART, PERSON_PART, PERSON = "agent", "agent_part", "person_part", "person"
KINDS = (AGENT, AGENT_PART, PERSON_PART, PERSON)
"""Written by an agent; an agent's lines within a person's; a person's lines within an agent's; written by a person."""

LEAST_LINES, MOST_LINES = 6, 80
PART_LINES = 3
MOST_PER_FILE = 12
MOST_PARTS_TRIED = 6
LIMITS = Limits(max_file_bytes=1_000_000, parse_timeout_s=10.0)
_COMMENTS = {"python": ("#",), "ruby": ("#",), "php": ("#", "//", "/*", "*")}
_C_COMMENTS = ("//", "/*", "*")
# What goes on with, or closes, the statement before it: nothing begins there.
_GOES_ON = (
    *("}", ")", "]", "#", "else", "elif", "except", "finally", "catch", "case", "default", "while", "end", "rescue"),
    *("when", "ensure", ".", "?", ":", "&&", "||", "and ", "or "),
)


@dataclass(frozen=True)
class Sample:
    """One function: its file, name and lines (first and last, from 0), and those lines of it that come apart.

    It begins at line `head`; comments that belong to it stand before that.
    """

    path: str
    name: str
    first: int
    head: int
    last: int
    part: tuple[int, int]
    kind: str

    @property
    def parted(self) -> range:
        return range(self.part[0], self.part[1] + 1)


@dataclass(frozen=True)
class State:
    """Which samples of a file are there, and of which the part is still missing."""

    lines: tuple[str, ...]
    samples: tuple[Sample, ...]

    def text(self, present: set[Sample], parted: set[Sample]) -> str:
        """The file with these samples, those in `parted` without their part."""
        left_out = self._left_out(present, parted)
        return "".join(line for number, line in enumerate(self.lines) if number not in left_out)

    def place(self, line: int, present: set[Sample], parted: set[Sample]) -> int:
        """Where a line of the whole file stands, or would stand, in that text."""
        return line - sum(number < line for number in self._left_out(present, parted))

    def _left_out(self, present: set[Sample], parted: set[Sample]) -> set[int]:
        found: set[int] = set()
        for sample in self.samples:
            if sample not in present:
                found.update(range(sample.first, sample.last + 1))
            elif sample in parted:
                found.update(sample.parted)
        return found


def sample(folder: Path, n: int, seed: int = 0) -> dict[str, State]:
    """About `n` functions of each kind from the source files of a folder, by file; at most half of a file's.

    Functions in functions, and those of which no part can be taken out, are left alone.
    """
    draw = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if _is_source(path, folder))
    draw.shuffle(files)
    states: dict[str, State] = {}
    n_left = dict.fromkeys(KINDS, n)
    for path in files:
        if not any(n_left.values()):
            break
        name = path.relative_to(folder).as_posix()
        lines = _lines(path)
        found = [_Function(name, lines, *each) for each in _functions(name, lines)]
        if len(found) < 4:
            continue
        chosen = []
        for function in draw.sample(found, min(len(found) // 2, MOST_PER_FILE)):
            kinds = [kind for kind in KINDS if n_left[kind]]
            if not kinds:
                break
            if (part := function.part()) is None:
                continue
            kind = max(kinds, key=lambda kind: n_left[kind])
            n_left[kind] -= 1
            chosen.append(Sample(name, function.name, function.first, function.head, function.last, part, kind))
        state = State(tuple(lines), tuple(sorted(chosen, key=lambda it: it.first)))
        if chosen and _is_sound(name, state):
            states[name] = state
        else:
            for it in chosen:
                n_left[it.kind] += 1
    return states


def samples(states: dict[str, State]) -> list[Sample]:
    return [sample for state in states.values() for sample in state.samples]


def _is_source(path: Path, folder: Path) -> bool:
    name = path.relative_to(folder).as_posix()
    is_read = grammar_of(name) is not None and categorise(name) == SOURCE
    return is_read and ".git" not in path.parts and path.is_file() and not path.is_symlink()


def _lines(path: Path) -> list[str]:
    """The lines of a file; none of one that does not end its lines as git and the formatters write them."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return []
    lines = text.splitlines(keepends=True)
    return lines if all(line.endswith("\n") and line.count("\r") == 0 for line in lines) and "\f" not in text else []


def _read(path: str, text: str) -> Columns | None:
    """The definitions of a file; None where it has an error of syntax."""
    found = extract([File("", grammar_of(path) or "", text.encode())], LIMITS)
    return found.snippets if found.blobs["status"] == ["parsed"] else None


def _functions(path: str, lines: list[str]) -> Iterator[tuple[str, int, int, int]]:
    """Name, first line with its comments, line it begins at and last line of each function that can be used."""
    text = "".join(lines)
    if not lines or (found := _read(path, text)) is None:
        return
    rows = list(zip(*(found[name] for name in _COLUMNS), strict=True))
    n_of = Counter(row[1] for row in rows)
    marks = _COMMENTS.get(grammar_of(path) or "", _C_COMMENTS)
    content = text.encode()
    for kind, name, start, end, first_byte, end_byte, parent in rows:
        is_inner = parent is not None and rows[parent][0] in {*_KINDS, "closure"}
        if kind not in _KINDS or n_of[name] > 1 or is_inner:
            continue
        before, after = content[:first_byte].rpartition(b"\n")[2], content[end_byte:].partition(b"\n")[0]
        head, last = start - 1, end - 1
        first = head
        while first and lines[first - 1].lstrip().startswith(marks):
            first -= 1
        is_whole = first == head or not lines[first].lstrip().startswith("*")
        following = next((line.strip() for line in lines[last + 1 :] if line.strip()), "")
        # Whose comment it is, the parsers of the two sides do not agree on.
        is_clear = grammar_of(path) not in _COMMENTS or not following.startswith(marks)
        is_fit = LEAST_LINES <= last - head + 1 <= MOST_LINES and is_whole and is_clear
        if is_fit and not before.strip() and not after.strip():
            yield name, first, head, last


_COLUMNS = ("kind", "qualified_name", "start_line", "end_line", "start_byte", "end_byte", "parent_ordinal")
_KINDS = frozenset({"function", "method", "constructor"})


@dataclass(frozen=True)
class _Function:
    path: str
    lines: list[str]
    name: str
    first: int
    head: int
    last: int

    def part(self) -> tuple[int, int] | None:
        """Whole statements of its body, of three lines or more and at most half of it, that can be taken out."""
        for begin, stop in self._parts():
            without = "".join(self.lines[:begin] + self.lines[stop + 1 :])
            if (found := _read(self.path, without)) is not None and self.name in found["qualified_name"]:
                return begin, stop
        return None

    def _parts(self) -> list[tuple[int, int]]:
        """Runs of lines from one that begins a statement to the one before the next."""
        body = [number for number in range(self.head + 2, self.last) if self.lines[number].strip()]
        if not body:
            return []
        indent = min(_indent(self.lines[number]) for number in body)
        starts = [
            number
            for number in body
            if _indent(self.lines[number]) == indent and not self.lines[number].strip().startswith(_GOES_ON)
        ]
        ends = [number - 1 for number in starts[1:]] + [self.last - 1]
        runs = [(begin, end) for at, begin in enumerate(starts) for end in ends[at:]]
        return [run for run in runs if self._is_fit(*run)][:MOST_PARTS_TRIED]

    def _is_fit(self, begin: int, end: int) -> bool:
        size, words = end - begin + 1, sum(len(line.split()) for line in self.lines[begin : end + 1])
        return size >= PART_LINES and 2 * size <= self.last - self.head + 1 and words >= 2 * PART_LINES


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_sound(path: str, state: State) -> bool:
    """Whether the file can be parsed with all of them taken out, and with only the parts taken out."""
    everything = set(state.samples)
    texts = state.text(set(), set()), state.text(everything, everything)
    return all(_read(path, text) is not None for text in texts)
