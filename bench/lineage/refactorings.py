"""Renames, moves and extractions in Python as RefactoringMiner's authors labelled them, read from their data set.

The set is `src/test/resources/oracle/python-dataset/data.json` of tsantalis/RefactoringMiner; none of it is kept here.
Of its three projects the two named below are used. What Stemma finds is held against it in `refactoring_scoring`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.lineage.clones import git, repository_at
from bench.lineage.labels import Repository

MINER = Repository("tsantalis/RefactoringMiner", "RefactoringMiner", "HEAD")
DATA = "src/test/resources/oracle/python-dataset/data.json"
PROJECTS = ("dit/dit", "kkroening/ffmpeg-python")
MODULE = "__module__"
_TRUE = ("TP", "CTP")

Family = Literal["rename", "move", "module", "extract", "inline"]
_ELEMENT = r"(?:public|protected|private) (?P<{0}>\w+)\(.*?\)"
_OLD, _NEW = _ELEMENT.format("old"), _ELEMENT.format("new")
_SENTENCES = {
    "Rename Method": rf"{_OLD} renamed to {_NEW} in class (?P<holder>\S+)",
    "Move Method": rf"{_OLD} from class (?P<old_holder>\S+) to {_NEW} from class (?P<new_holder>\S+)",
    "Rename Class": r"(?P<old>\S+) renamed to (?P<new>\S+)",
    "Move Class": r"(?P<old>\S+) moved to (?P<new>\S+)",
    "Move And Rename Class": r"(?P<old>\S+) moved and renamed to (?P<new>\S+)",
    "Extract Method": rf"{_NEW} extracted from {_OLD} in class (?P<holder>\S+)",
    "Extract And Move Method": (
        rf"{_NEW} extracted from {_OLD} in class (?P<old_holder>\S+) & moved to class (?P<new_holder>\S+)"
    ),
    "Inline Method": rf"{_OLD} inlined to {_NEW} in class (?P<holder>\S+)",
}
_SENTENCES |= dict.fromkeys(("Move And Rename Method", "Pull Up Method", "Push Down Method"), _SENTENCES["Move Method"])
_FAMILIES: dict[str, Family] = {
    "Rename Method": "rename",
    "Rename Class": "rename",
    "Extract Method": "extract",
    "Extract And Move Method": "extract",
    "Inline Method": "inline",
}


@dataclass(frozen=True, slots=True)
class Refactoring:
    """One labelled refactoring; `old` and `new` are dotted ends: module, class and own name, without the packages.

    `family` is module where a whole file was moved or renamed; the two ends are then modules. Unless
    `has_both_holders`, the label names one holder for both ends: the later, where the holder was renamed as well.
    """

    repository: Repository
    commit: str
    kind: str
    family: Family
    old: str
    new: str
    has_both_holders: bool


def refactorings(folder: Path) -> Iterator[Refactoring]:
    """Those of the kinds above that were found to be true, by commit, in the order of the data.

    Raises:
        MissingCloneError: the repository of the labels is not in the folder.
    """
    content = json.loads(git(repository_at(folder, MINER), "show", f"{MINER.commit}:{DATA}"))
    for commit in content:
        name = re.sub(r"^https://github\.com/|\.git$", "", commit["repository"])
        if name in PROJECTS:
            repository = Repository(name, name.partition("/")[2], commit["sha1"])
            for said in commit["refactorings"]:
                if said["type"] in _SENTENCES and said["validation"] in _TRUE:
                    yield _read(repository, said["type"], said["description"])


def _read(repository: Repository, kind: str, description: str) -> Refactoring:
    found = re.fullmatch(rf"{kind} {_SENTENCES[kind]}", description)
    if found is None:
        raise ValueError(f"{repository.name} {repository.commit}: {description!r} is no {kind} as known.")
    said = found.groupdict()
    old, new = (
        ".".join(filter(None, (said.get(f"{side}_holder") or said.get("holder"), said[side])))
        for side in ("old", "new")
    )
    family = "module" if old.endswith(MODULE) and new.endswith(MODULE) else _FAMILIES.get(kind, "move")
    return Refactoring(repository, repository.commit, kind, family, _end(old), _end(new), "holder" not in said)


def _end(dotted: str) -> str:
    return ".".join(part for part in dotted.split(".") if part != MODULE)
