"""Which files of a repository are kept, and as what: language and category by path, ignore lists, attributes.

The lists are read from the head that is being ingested (`read_rules`); a change of them is a reason to read all again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from stemma.git import paths
from stemma.git.ignore import GIT_ATTRIBUTES, STEMMA_IGNORE, IgnoreRules, LinguistAttributes

# Names are parts of keys, and a Postgres index entry ends at 2,700 bytes.
MAX_PATH_BYTES = 1024
OTHER, BINARY, LFS, SUBMODULE, SYMLINK = "other", "binary", "lfs", "submodule", "symlink"
RULE_FILES = (STEMMA_IGNORE, GIT_ATTRIBUTES)

_CLASSES = pl.Schema({"path": pl.String, "language": pl.String, "category": pl.String})


@dataclass
class Selection:
    """What is kept of a repository's files. Each distinct path is judged once."""

    language_of: Callable[[str], str | None]
    ignored: IgnoreRules = field(default_factory=IgnoreRules)
    attributes: LinguistAttributes = field(default_factory=LinguistAttributes)
    _judged: dict[str, tuple[str | None, str] | None] = field(default_factory=dict, repr=False)

    def classify(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of `frame` whose path is kept, with `language` and `category` by the path."""
        distinct = frame["path"].unique()
        kept = [(path, *found) for path in distinct.to_list() if (found := self._judge(path))]
        return frame.join(
            pl.DataFrame(kept, schema=_CLASSES, orient="row"), on="path", how="inner", maintain_order="left"
        )

    def _judge(self, path: str) -> tuple[str | None, str] | None:
        if path not in self._judged:
            is_rule = path.rpartition("/")[2] in RULE_FILES
            if len(path.encode()) > MAX_PATH_BYTES or (not is_rule and self.ignored.ignores(path)):
                self._judged[path] = None
            else:
                self._judged[path] = self.language_of(path), self.attributes.category(path) or paths.categorise(path)
        return self._judged[path]


def read_rules(language_of: Callable[[str], str | None], texts: Iterable[tuple[str, str]]) -> Selection:
    """The selection that the repository's own lists ask for; `texts` are (path, content) of its rule files."""
    by_name: dict[str, list[tuple[str, str]]] = {name: [] for name in RULE_FILES}
    for path, text in sorted(texts):
        folder, _, name = path.rpartition("/")
        by_name[name].append((folder, text))
    ignored = IgnoreRules()
    for folder, text in by_name[STEMMA_IGNORE]:
        ignored.add(folder, text)
    return Selection(language_of, ignored, LinguistAttributes(by_name[GIT_ATTRIBUTES]))


def is_rule_file() -> pl.Expr:
    """Whether `path` names one of the files that rules are read from."""
    name = pl.col("path").str.split("/").list.last()
    return name.is_in(RULE_FILES)


def head_category() -> pl.Expr:
    """The category a file has in `files`, from its mode, its language and what its path says."""
    by_path = pl.col("category")
    is_plain = by_path == paths.SOURCE
    return (
        pl.when(pl.col("mode") == "160000")
        .then(pl.lit(SUBMODULE))
        .when(pl.col("mode") == "120000")
        .then(pl.lit(SYMLINK))
        .when(pl.col("language").is_null() & pl.col("path").map_batches(_are_binary, return_dtype=pl.Boolean))
        .then(pl.lit(BINARY))
        .when(pl.col("language").is_null() & is_plain)
        .then(pl.lit(OTHER))
        .otherwise(by_path)
    )


def _are_binary(path: pl.Series) -> pl.Series:
    return pl.Series([paths.is_binary_name(name) for name in path.to_list()], dtype=pl.Boolean)
