"""The commits of a repository: which are reachable from HEAD, in which order, which stand on its chain, who made them.

What a commit changed is told in `changes`; what is stored of all this, in `ingest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

import polars as pl

from stemma.errors import SourceError
from stemma.git import cat_file, command
from stemma.git.repository import LEFT_OUT
from stemma.git.store import Store
from stemma.secrets import PREFILTER, redact_text

SUBJECT_CHARACTERS, NAME_CHARACTERS = 500, 200
# A date is whatever its author's clock or script said. Years that neither Postgres' partitions nor Python's datetime
# can hold are brought to the nearest that both can; a date that is no number at all becomes the first.
FIRST_SECOND, LAST_SECOND = 0, 253_402_300_799  # 1970-01-01, 9999-12-31T23:59:59

MAX_TRAILERS, TRAILER_CHARACTERS = 50, 300

_FIELDS = ("sha", "parents", "author_name", "author_email", "authored_at", "committed_at", "subject", "trailers")
_TRAILER_END = "\x1f"
_TRAILERS = "%(trailers:only=true,unfold=true,separator=%x1f)"
_FORMAT = f"--format=tformat:%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%s%x00{_TRAILERS}"


@dataclass
class Damage:
    """Objects that could not be read, and the commits left out or cut short because of them."""

    missing: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        """One sentence, or None when all is whole."""
        if not self.missing:
            return None
        named = ", ".join(sorted(self.missing)[:3]) + (", ..." if len(self.missing) > 3 else "")
        return f"{len(self.missing)} objects are missing or corrupt ({named}); what hangs on them is {LEFT_OUT}"


def head_commit(store: Store) -> str | None:
    """Id of HEAD's commit; None where there is no commit yet.

    Raises:
        SourceError: HEAD's commit cannot be read.
    """
    answer = command.run(store.git_dir, "rev-parse", "--verify", "--quiet", "HEAD")
    if answer.code != 0:
        return None
    sha = answer.output.strip()
    if next(cat_file.headers(store, [sha])).kind != "commit":
        raise SourceError(
            f"HEAD of {store.name} is {sha}, which cannot be read.", "Run `git fsck` in it, or clone it again."
        )
    return sha


def first_parent_chain(store: Store, head: str, damage: Damage) -> list[str]:
    """HEAD's first-parent chain, oldest first. Where a commit is missing the chain begins after it."""
    with store.stream("rev-list", "--first-parent", head) as listed:
        chain = [sha for block in listed.line_blocks() for sha in block]
    if listed.code != 0:
        parents = _reachable(store, head, damage)
        chain, sha = [], head
        while sha in parents:
            chain.append(sha)
            sha = parents[sha][0] if parents[sha] else ""
    return chain[::-1]


def in_order(store: Store, head: str, known_head: str | None, damage: Damage) -> list[str]:
    """The commits reachable from `head` and not from `known_head`, parents before their children.

    Dates do not count. Where a commit is missing: all that can be reached without it, `known_head` or not.
    """
    wanted = [head, *([f"^{known_head}"] if known_head else [])]
    with store.stream("rev-list", "--topo-order", "--reverse", "--stdin", lines=wanted) as listed:
        found = [sha for block in listed.line_blocks() for sha in block]
    return found if listed.code == 0 else _parents_first(_reachable(store, head, damage))


def commits(store: Store, shas: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Batches of the commits, in the order asked: sha, parents, author, dates, subject, trailers.

    Raises:
        SourceError: one of them cannot be read.
    """
    if not shas:
        return
    arguments = ["--no-walk=unsorted", "--no-commit-header", _FORMAT, "--stdin"]
    with store.stream("rev-list", *arguments, lines=shas) as listed:
        yield from map(_parse, listed.line_blocks())
    if listed.code != 0:
        raise SourceError(f"The history of {store.name} cannot be read: {listed.message}.", "Run `git fsck` in it.")


def real_parents(store: Store, shas: list[str]) -> dict[str, list[str]]:
    """Parents as the commit itself names them, where git hides those beyond a shallow boundary."""
    return dict(_parents(store, shas))


def _parse(lines: list[str]) -> pl.DataFrame:
    text = pl.col("line").str.split_exact("\0", len(_FIELDS) - 1).struct.rename_fields(list(_FIELDS))
    frame = pl.DataFrame({"line": lines}).select(text.alias("record")).unnest("record")
    return frame.select(
        "sha",
        pl.col("parents").str.extract_all("[0-9a-f]+"),
        pl.col("author_name").str.slice(0, NAME_CHARACTERS),
        pl.col("author_email").str.slice(0, NAME_CHARACTERS),
        _timestamp("authored_at"),
        _timestamp("committed_at"),
        pl.col("subject").str.slice(0, SUBJECT_CHARACTERS),
        pl.col("trailers").map_batches(_trailers, return_dtype=pl.List(pl.String)),
    )


def _trailers(joined: pl.Series) -> pl.Series:
    """The trailers of each message, secrets removed; a commit's author vouches for none of them."""
    suspect = joined.filter(joined.str.contains(PREFILTER)).unique().to_list()
    if suspect:
        joined = joined.replace_strict(suspect, [redact_text(text)[0] for text in suspect], default=joined)
    each = pl.element().str.strip_chars().str.slice(0, TRAILER_CHARACTERS)
    return joined.str.split(_TRAILER_END).list.eval(each.filter(each != "")).list.head(MAX_TRAILERS)


def _timestamp(name: str) -> pl.Expr:
    digits = pl.col(name).str.strip_chars()
    seconds = (
        pl.when(digits.str.len_bytes() > 18)
        .then(LAST_SECOND)
        .otherwise(digits.cast(pl.Int64, strict=False).fill_null(FIRST_SECOND))
        .clip(FIRST_SECOND, LAST_SECOND)
    )
    return (seconds * 1_000_000).cast(pl.Datetime("us", "UTC")).alias(name)


def _reachable(store: Store, head: str, damage: Damage) -> dict[str, list[str]]:
    """Every readable commit reachable from `head`, with its parents, readable or not, where `rev-list` gives up."""
    parents = dict(_parents(store, cat_file.all_of_kind(store, "commit")))
    parents.update((sha, []) for sha in store.shallow_commits() if sha in parents)
    found: dict[str, list[str]] = {}
    pending, missing = [head], set(damage.missing)
    while pending:
        sha = pending.pop()
        if sha in found or sha in missing:
            continue
        if sha not in parents:
            missing.add(sha)
            continue
        found[sha] = parents[sha]
        pending += parents[sha]
    damage.missing = sorted(missing)
    return found


def _parents_first(parents: Mapping[str, list[str]]) -> list[str]:
    """The keys in a topological order; commit ids hash their parents', so there is no cycle."""
    return [sha for sha in TopologicalSorter(parents).static_order() if sha in parents]


def _parents(store: Store, shas: list[str]) -> Iterator[tuple[str, list[str]]]:
    for header, content in cat_file.contents(store, shas):
        if content is not None and header.kind == "commit":
            lines = content.partition(b"\n\n")[0].split(b"\n")
            yield header.oid, [line[7:].decode() for line in lines if line.startswith(b"parent ")]
