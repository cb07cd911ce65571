"""jscpd 5 on the same functions: its reports, joined into classes, by the setting that does best here.

It reports pairs of fragments, and of a family a chain of them: two functions count as reported when a chain of reports
leads from one to the other, each of which covers a stated share of the lines of both. Which settings and shares are
tried is said here; the best is picked with the labels in hand, in its favour.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bench.clones.detection import Classes, Clock, Detection, flags
from bench.clones.functions import suffix_of
from bench.clones.sets import CloneSet, MissingSetError

NORMALISED = ("--ignore-identifiers", "--ignore-literals", "--mode", "weak")  # weak: comments are no tokens
SIZES = ((50, 5), (30, 3), (20, 3))
"""Least tokens and lines of a fragment; the first is its default."""
COVERS = (0.0, 0.3, 0.5, 0.7)

Covers = dict[tuple[int, int], float]
"""Pair of functions -> the smaller of the shares of their lines that reports cover."""


@dataclass(frozen=True)
class Setting:
    min_tokens: int
    min_lines: int
    is_normalised: bool

    @property
    def label(self) -> str:
        what = "identifiers, literals and comments ignored" if self.is_normalised else "plain"
        return f"{what}, at least {self.min_tokens} tokens and {self.min_lines} lines"


def binary(folder: Path) -> Path:
    """The program `python -m bench.clones.released` installed.

    Raises:
        MissingSetError: it is not there.
    """
    found = sorted((folder / "jscpd").glob("node_modules/jscpd-*/bin/jscpd"))
    if not found:
        raise MissingSetError("jscpd is not in the folder: run `python -m bench.clones.released FOLDER`.")
    return found[0]


def detections(clones: CloneSet, program: Path) -> Iterator[Detection]:
    """A detection for each setting and share of lines to cover."""
    with tempfile.TemporaryDirectory(prefix="stemma-jscpd-") as place:
        trees = {language: _write(clones, language, Path(place) / language) for language in clones.languages}
        for (min_tokens, min_lines), is_normalised in product(SIZES, (False, True)):
            setting = Setting(min_tokens, min_lines, is_normalised)
            clock = Clock()
            covers: Covers = {}
            for language, tree in trees.items():
                with clock.running("whole"):
                    report = _run(program, tree, setting)
                covers |= _covers(clones, language, report)
            for share in COVERS:
                yield _detection(clones, covers, setting, share, clock)


def _detection(clones: CloneSet, covers: Covers, setting: Setting, share: float, clock: Clock) -> Detection:
    classes = Classes()
    for (one, other), covered in covers.items():
        if covered >= share:
            classes.join(one, other)
    reported = [pair for pair in clones.pairs.select("a", "b").iter_rows() if classes.are_one(*pair)]
    cover = f"covering {share:.0%} of the lines" if share else "of any extent"
    name = f"jscpd, {setting.label}, closure of reports {cover}"
    return Detection(name, flags(clones, reported), dict(clock.spent), {"fragments": len(covers)})


def _write(clones: CloneSet, language: str, tree: Path) -> Path:
    tree.mkdir(parents=True)
    for key, text in clones.texts(language).items():
        (tree / f"{key}{suffix_of(language)}").write_bytes(text)
    return tree


def _run(program: Path, tree: Path, setting: Setting) -> list[dict]:  # type: ignore[type-arg]
    out = tree.with_name(f"{tree.name}-report")
    command = [
        str(program), str(tree), "--no-tips", "--silent", "--no-gitignore", "--reporters", "json", "--output", str(out),
        "--min-tokens", str(setting.min_tokens), "--min-lines", str(setting.min_lines),
        *(NORMALISED if setting.is_normalised else ()),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "jscpd-report.json").read_bytes())["duplicates"]  # type: ignore[no-any-return]


def _covers(clones: CloneSet, language: str, report: list[dict]) -> Covers:  # type: ignore[type-arg]
    n_lines = {key: max(1, text.count(b"\n")) for key, text in clones.texts(language).items()}
    lines: dict[tuple[int, int], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for duplicate in report:
        first, second = sorted(
            (int(Path(part["name"]).stem), part["start"], part["end"])
            for part in (duplicate["firstFile"], duplicate["secondFile"])
        )
        if first[0] != second[0]:
            for covered, part in zip(lines[first[0], second[0]], (first, second), strict=True):
                covered.update(range(part[1], part[2] + 1))
    return {
        pair: min(len(covered) / n_lines[key] for covered, key in zip(both, pair, strict=True))
        for pair, both in lines.items()
    }
