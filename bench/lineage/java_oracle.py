"""The Java oracle of CodeShovel, its training half, and HistoryFinder's corrected labels of the same methods.

Both are public and none of it is kept here: the user gives a folder of clones. How labels become words is in `labels`.

Of CodeShovel's ten training repositories two, junit5 and flink, are left out: 80 methods in eight repositories remain.
Files with the prefix `Z_` are its validation half, and HistoryFinder's `oracle/historyfinder-oracle` is another set:
neither is read. The corrected labels are found by the repository, file, method and start commit they name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.lineage.clones import MissingCloneError, git, repository_at
from bench.lineage.labels import INTRODUCTION, Changes, Labelled, Repository

CODESHOVEL = Repository("ataraxie/codeshovel", "codeshovel", "HEAD")
HISTORYFINDER = Repository("SQMLab/history-finder", "history-finder", "HEAD")
OWN, CORRECTED = "src/test/resources/oracles/java", "oracle/codeshovel-oracle-updated"
REPOSITORIES = {
    "checkstyle": "checkstyle/checkstyle",
    "commons-lang": "apache/commons-lang",
    "hibernate-orm": "hibernate/hibernate-orm",
    "javaparser": "javaparser/javaparser",
    "jgit": "eclipse-jgit/jgit",
    "junit4": "junit-team/junit4",
    "okhttp": "square/okhttp",
    "spring-framework": "spring-projects/spring-framework",
}
_OWN_WORDS = {
    "Yintroduced": INTRODUCTION, "Ybodychange": "body", "Ydocchange": "documentation", "Yformatchange": "format",
    "Yparameterchange": "parameter", "Yparametermetachange": "parameter", "Yreturntypechange": "return_type",
    "Ymodifierchange": "modifier", "Yexceptionschange": "exception", "Yannotationchange": "annotation",
    "Yrename": "rename", "Ymovefromfile": "move", "Yfilerename": "file_move",
}  # fmt: skip


def wanted() -> list[Repository]:
    """The repositories that the set is made of, with the two that hold the labels."""
    return [
        CODESHOVEL,
        HISTORYFINDER,
        *(Repository(name, name.partition("/")[2], "") for name in REPOSITORIES.values()),
    ]


def methods(folder: Path) -> Iterator[Labelled]:
    """The 80 methods; `changes` are the corrected labels, `other` CodeShovel's own.

    Raises:
        MissingCloneError: one of the two repositories of labels is not in the folder.
    """
    own = {_identity(content): content for content in _read(folder, CODESHOVEL, OWN, r"(?!Z_)")}
    for content in _read(folder, HISTORYFINDER, CORRECTED, r"\d+-(?!Z_)"):
        repository = content["repositoryName"]
        if repository in REPOSITORIES:
            labelled = own[_identity(content)]
            name = f"{repository}-{Path(content['file']).stem}-{content['element']}:{content['startLine']}"
            public = REPOSITORIES[repository]
            yield Labelled(
                name=name,
                repository=Repository(public, public.partition("/")[2], content["startCommitHash"]),
                path=content["file"],
                line=content["startLine"],
                element=content["element"],
                changes=_corrected(content),
                other=_own(labelled),
            )


def _read(folder: Path, repository: Repository, under: str, name: str) -> Iterator[dict[str, Any]]:
    git_dir = repository_at(folder, repository)
    known = "|".join(map(re.escape, REPOSITORIES))
    is_training = re.compile(rf"{re.escape(under)}/{name}({known})-[^/]*\.json")
    paths = git(git_dir, "ls-tree", "-r", "--name-only", repository.commit, f"{under}/").splitlines()
    chosen = [path for path in paths if is_training.fullmatch(path)]
    if not chosen:
        raise MissingCloneError(f"{repository.name} in {git_dir} holds no {under}: fetch a later commit.")
    for path in chosen:
        yield json.loads(git(git_dir, "show", f"{repository.commit}:{path}"))


def _identity(content: dict[str, Any]) -> tuple[str, str, str, int, str]:
    if "functionName" in content:
        names = ("repositoryName", "filePath", "functionName", "functionStartLine", "startCommitName")
    else:
        names = ("repositoryName", "file", "element", "startLine", "startCommitHash")
    repository, path, name, line, commit = (content[each] for each in names)
    return repository, path, name, line, commit


def _corrected(content: dict[str, Any]) -> Changes:
    return {
        commit["commitHash"]: frozenset(tag.lower() for tag in commit["changeTags"]) for commit in content["commits"]
    }


def _own(content: dict[str, Any]) -> Changes:
    return {
        sha: frozenset(_OWN_WORDS[word] for word in re.findall(r"Y(?!multichange)\w+", said))
        for sha, said in content["expectedResult"].items()
    }
