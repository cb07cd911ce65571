"""What a file of a commit has no more: where it stood last, which commit ended that, and what it became there.

What an element had been before is asked in `asked`, as of any other; which file and name are meant, in `git_answers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.git.history import real_parents
from stemma.git.path_history import TreeChange, path_history, tree_changes
from stemma.git.store import Store
from stemma.languages import family_of, grammar_of
from stemma.lineage.asked import FOLLOWED, Asking, steps_of
from stemma.lineage.asked_births import heirs
from stemma.lineage.asked_contents import Found
from stemma.lineage.asked_joints import Place, same_element


@dataclass(frozen=True)
class Gone:
    """An element as it stood last; `sha`, the commit that ended that; `became`, path:name of what followed it there."""

    place: Place
    sha: str
    became: str | None


def last_seen(asking: Asking, store: Store, path: str, commit: str, name: str) -> Gone | None:
    """The newest version of a definition of that name that the path has held behind a commit; None: it held none."""
    grammar = grammar_of(path)
    changes = path_history(store, path, commit).changes
    asking.contents.expect(change.old_blob for change in changes.values() if change.old_blob)
    merged = None
    for sha, change in changes.items() if grammar else ():
        named = _named(asking, change.old_blob, str(grammar), name)
        if named and change.parents and not _named(asking, change.new_blob, str(grammar), name):
            place = Place(path, change.parents[0], named[0].key)
            if len(change.parents) == 1:
                return Gone(place, sha, _became(asking, store, path, sha, named[0]))
            merged = merged or Gone(place, sha, None)  # unless a commit of its branches did it
    return merged


def _named(asking: Asking, blob: str | None, grammar: str, name: str) -> list[Found]:
    own = name.rpartition(".")[2].encode()
    text = asking.contents.text(blob) if blob else None
    return asking.contents.parsed(blob, grammar).named(name) if blob and text and own in text else []


def _became(asking: Asking, store: Store, path: str, sha: str, found: Found) -> str | None:
    parent = next(iter(real_parents(store, [sha]).get(sha, [])), None)
    if parent is None:
        return None
    family = family_of(path)
    changes = [change for change in tree_changes(store, parent, sha) if family_of(change.path) == family]
    own = next((change for change in changes if change.path == path), None)
    if own is None or own.old_blob is None:  # a merge: another of its parents had it
        return None
    text = (asking.contents.text(own.old_blob) or b"")[found.start_byte : found.end_byte]
    chosen: list[TreeChange] = [own, *heirs(asking.contents, text, [change for change in changes if change != own])]
    told = asking.trace(steps_of(parent, sha, chosen))
    stood = told.nodes.filter(
        pl.col("sha") == parent, pl.col("path") == path, pl.col("kind") == found.key.kind,
        pl.col("qualified_name") == found.key.qualified_name, pl.col("duplicate_index") == found.key.duplicate_index,
    )  # fmt: skip
    edges = same_element(told.edges).filter(pl.col("edge_type").is_in(FOLLOWED))
    next_ = edges.join(stood, left_on="parent_id", right_on="node_id", how="semi").select(node_id="child_id")
    places = told.nodes.join(next_, on="node_id", how="semi").select("path", "qualified_name").rows()
    return ":".join(places[0]) if places else None
