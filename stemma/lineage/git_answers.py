"""The answer to a question about one element of a checkout, read from git just now: no database, no run before.

How the element's history is found lives in `asked`; the answer has the form of `answers`, whatever it comes from.
"""

from __future__ import annotations

import os

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.extract.extractor import Limits
from stemma.git import command, history
from stemma.git.checkouts import Place
from stemma.git.history import Damage
from stemma.git.location import parse_location
from stemma.git.paths import shown, unescape
from stemma.git.store import Store, open_store
from stemma.ids import content_id
from stemma.languages import grammar_of
from stemma.lineage import asked_joints
from stemma.lineage.answers import ELEMENT, Answer, View
from stemma.lineage.asked import Asking, History
from stemma.lineage.asked_contents import Found, Parsed
from stemma.lineage.asked_gone import last_seen
from stemma.lineage.graph import EDGES, EVENTS, NODES, Graph
from stemma.lineage.kept_contents import KeptContents
from stemma.lineage.queries import MAX_DEPTH

SHOWN = 8


def from_checkout(settings: Settings, place: Place, what: str, view: View, *, why: str) -> Answer:
    """The element that stands at a name or line of a file as HEAD has it, and its life up to there; or the one of that
    name that stood there last.

    What came from it, and its copies elsewhere, are not known here.

    Args:
        why: the sentence that says why the database was not asked.

    Raises:
        ConfigError: the name means several definitions of the file, or the view needs the database.
        NotFoundError: HEAD has no such file, or no such definition in it.
        SourceError: the repository cannot be read.
    """
    if view.kind in ("descendants", "path"):
        raise ConfigError(
            f"{why} What came from a piece of code is not to be read from git alone.",
            f"Register it and read it: stemma repo add {shown(place.root)}, then stemma run.",
        )
    store, head = _open(place)
    repo_id = content_id("repository", parse_location(str(place.root)).key)
    limits, gone = Limits(settings.max_file_bytes, settings.parse_timeout_s), None
    with KeptContents(settings, limits) as kept:
        asking = Asking(store, limits, repo_id, kept)
        try:
            found = _chosen(_definitions(asking, store, place, head), what, place)
            asked = asked_joints.Place(place.path, head, found.key)
        except NotFoundError:
            gone = None if what.isdecimal() else last_seen(asking, store, place.path, head, what)
            if gone is None:
                raise
            asked = gone.place
        told = asking.history(asked)
    graph = _graph(store, head, place, told, is_live=gone is None)
    remark = (
        f"{why} Read from git just now: HEAD is {head[:10]}; {told.n_commits:,} commits of its files were looked at."
    )
    if gone is not None:
        ended = f"made it {gone.became}" if gone.became else "took it out, and nothing there follows it"
        remark += f" It is not in HEAD: {gone.sha[:10]} {ended}."
    element = graph.nodes.filter(pl.col("node_id") == told.node_id)
    starts = [told.node_id]
    walked = None
    own = pl.concat([pl.Series(starts), graph.walk(starts, is_upward=True, is_of_one=True)["node_id"]]).alias("node_id")
    if view.kind == "ancestors":
        walked = graph.walk(starts, is_upward=True).filter(pl.col("depth") <= (view.max_depth or MAX_DEPTH))
        graph = graph.only(pl.concat([pl.Series(starts), walked["node_id"]]))
    label = f"{place.path}:{what}"
    return Answer(label, view, "git", remark, element.select(ELEMENT).to_dicts(), graph, own, walked)


def _open(place: Place) -> tuple[Store, str]:
    folder = command.run(None, "rev-parse", "--absolute-git-dir", folder=place.root)
    if folder.code != 0:
        raise SourceError(f"git cannot read {shown(place.root)}: {folder.message}.", "Mend the checkout (git status).")
    store = open_store(parse_location(folder.output.removesuffix("\n")).path)
    head = history.head_commit(store)
    if head is None:
        raise NotFoundError(f"{shown(place.root)} has no commit yet.", "Commit the file first.")
    return store, head


def _definitions(asking: Asking, store: Store, place: Place, head: str) -> Parsed:
    """The file's definitions as HEAD has it."""
    grammar, git_path = grammar_of(place.path), os.fsdecode(unescape(place.path))
    with store.stream("--literal-pathspecs", "ls-tree", "--full-tree", head, "--", git_path) as listed:
        rows = [line for block in listed.line_blocks() for line in block if line]
    parts = rows[0].split() if rows else []
    if listed.code != 0 or len(parts) < 3 or parts[1] != "blob":
        raise NotFoundError(f"HEAD of {shown(place.root)} has no file {place.path}.", "Commit the file first.")
    if grammar is None:
        raise ConfigError(f"The name of {place.path} tells no language Stemma reads.", "Give a file of source code.")
    return asking.contents.parsed(parts[2], grammar)


def _chosen(parsed: Parsed, what: str, place: Place) -> Found:
    if what.isascii() and what.isdigit():
        found = parsed.at_line(int(what[:10]))
        if found is None:
            raise NotFoundError(
                f"No definition stands at line {what} of {place.path} in HEAD.", "Lines count in the committed text."
            )
        return found
    named = parsed.named(what)
    if not named:
        names = list(dict.fromkeys(each.key.qualified_name for each in parsed.found))
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        holds = f"It holds: {', '.join(names[:SHOWN])}{more}." if names else "It holds no definition."
        raise NotFoundError(f"{place.path} has no definition called '{what}' in HEAD.", holds)
    if len(named) > 1:
        several = ", ".join(f"{each.key.qualified_name} at line {each.start_line}" for each in named[:5])
        raise ConfigError(f"'{what}' means several in {place.path}: {several}.", "Give one of the lines.")
    return named[0]


def _graph(store: Store, head: str, place: Place, told: History, *, is_live: bool) -> Graph:
    shas = pl.concat([told.nodes["sha"], told.events["sha"]]).unique()
    order = history.in_order(store, head, None, Damage())
    positions = pl.DataFrame({"sha": order}).with_row_index("position").join(shas.to_frame(), on="sha", how="semi")
    commits = pl.concat(history.commits(store, positions["sha"].to_list()))
    commits = commits.join(positions, on="sha", how="left").select(
        "sha", "position", "author_name", "subject", commit_authored_at="authored_at"
    )
    nodes = told.nodes.join(commits, on="sha", how="left", maintain_order="left").with_columns(
        repository=pl.lit(place.root.name),
        location=pl.lit(shown(place.root)),
        start_line=pl.lit(None, pl.Int32),
        is_live=(pl.col("node_id") == told.node_id) & is_live,
        **dict.fromkeys(("origin", "agent", "session_id"), pl.lit(None, pl.String)),
    )
    events = told.events.join(commits, on="sha", how="left", maintain_order="left").rename(
        {"commit_authored_at": "authored_at"}
    )
    return Graph(
        nodes.select(pl.col(name).cast(kind) for name, kind in NODES.items()).sort("position", "path", "node_id"),
        told.edges.with_columns(
            is_other_element=pl.col("evidence").str.json_path_match("$.other_element").eq_missing("true")
        ).select(pl.col(name).cast(kind) for name, kind in EDGES.items()),
        events.select(pl.col(name).cast(kind) for name, kind in EVENTS.items()).sort("position", "node_id"),
        (told.node_id,),
    )
