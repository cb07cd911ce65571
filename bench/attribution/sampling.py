"""Real functions of a package, taken out of its files so that agents and people can write them again.

What they do with them is told in `scenarios`.
"""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

AGENT, AGENT_PART, PERSON_PART, PERSON = "agent", "agent_part", "person_part", "person"
KINDS = (AGENT, AGENT_PART, PERSON_PART, PERSON)
"""Written by an agent; an agent's lines within a person's; a person's lines within an agent's; written by a person."""

LEAST_LINES, MOST_LINES = 6, 80
PART_LINES = 3
MOST_PER_FILE = 12


@dataclass(frozen=True)
class Sample:
    """One function: its file, name and lines (first and last, from 0), and those lines of it that come apart."""

    path: str
    name: str
    first: int
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
    """About `n` functions of each kind from the Python files of a folder, by file; at most half of a file's.

    Functions in functions, and those of which no part can be taken out, are left alone.
    """
    draw = random.Random(seed)
    files = sorted(path for path in folder.rglob("*.py") if ".git" not in path.parts)
    draw.shuffle(files)
    states: dict[str, State] = {}
    n_left = dict.fromkeys(KINDS, n)
    for path in files:
        if not any(n_left.values()):
            break
        found = _functions(path)
        if len(found) < 4:
            continue
        text = path.read_text("utf-8")
        name = path.relative_to(folder).as_posix()
        chosen = []
        for function, first, last, part in draw.sample(found, min(len(found) // 2, MOST_PER_FILE)):
            kinds = [kind for kind in KINDS if n_left[kind]]
            if not kinds:
                break
            kind = max(kinds, key=lambda kind: n_left[kind])
            n_left[kind] -= 1
            chosen.append(Sample(name, function, first, last, part, kind))
        state = State(tuple(text.splitlines(keepends=True)), tuple(sorted(chosen, key=lambda it: it.first)))
        if _is_sound(state):
            states[name] = state
        else:
            for it in chosen:
                n_left[it.kind] += 1
    return states


def samples(states: dict[str, State]) -> list[Sample]:
    return [sample for state in states.values() for sample in state.samples]


def _functions(path: Path) -> list[tuple[str, int, int, tuple[int, int]]]:
    """Name, first and last line, and part of each function that can be used."""
    try:
        text = path.read_text("utf-8")
        tree = ast.parse(text)
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return []
    lines = text.splitlines(keepends=True)
    if "\f" in text or len(lines) != len(text.split("\n")) - text.endswith("\n"):
        return []  # ast and splitlines count lines differently
    found = []
    named = list(_named(tree.body, ""))
    n_of = Counter(name for name, _ in named)
    for name, node in named:
        first = min([node.lineno, *(it.lineno for it in node.decorator_list)]) - 1
        last = (node.end_lineno or node.lineno) - 1
        part = _part(lines, node, first, last)
        following = next((line.strip() for line in lines[last + 1 :] if line.strip()), "")
        if following.startswith("#"):  # whose comment it is, the parsers of the two sides do not agree on
            continue
        if n_of[name] == 1 and LEAST_LINES <= last - first + 1 <= MOST_LINES and part:  # not a property's two halves
            found.append((name, first, last, part))
    return found


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _named(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, Function):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{prefix}{node.name}.")


def _part(lines: list[str], node: Function, first: int, last: int) -> tuple[int, int] | None:
    """Whole statements of its body, of three lines or more and at most half of it, that can be taken out."""
    body = node.body[1:] if len(node.body) > 1 else []
    for at in range(len(body)):
        for end in range(at, len(body)):
            begin, stop = body[at].lineno - 1, (body[end].end_lineno or 0) - 1
            size = stop - begin + 1
            words = sum(len(line.split()) for line in lines[begin : stop + 1])
            if size >= PART_LINES and 2 * size <= last - first + 1 and words >= 2 * PART_LINES:
                return begin, stop
    return None


def _is_sound(state: State) -> bool:
    """Whether the file can be parsed with all of them taken out, and with only the parts taken out."""
    everything = set(state.samples)
    try:
        ast.parse(state.text(set(), set()))
        ast.parse(state.text(everything, everything))
    except SyntaxError:
        return False
    return True
