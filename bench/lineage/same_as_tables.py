"""`python -m bench.lineage.same_as_tables FOLDER [REPOSITORY...]`: the history asked on demand against the tables.

The whole history of each repository (junit4 and javaparser, unless others are named) is brought into a database of its
own as a run does, up to the commit that the labelled methods are asked of; then each method's events are compared.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.lineage import java_oracle
from bench.lineage.clones import repository_at
from bench.lineage.labels import Labelled
from bench.lineage.own import LIMITS
from bench.pipeline import read_history
from stemma.config import Settings
from stemma.git.store import open_store
from stemma.lineage.asked import FOLLOWED, JOINED, Asking
from stemma.lineage.history import update_lineage
from stemma.store import open_database
from stemma.store.postgres import Database

# The version and all that it was before; over `merged_from` only where two branches came together.
_EVENTS = """
WITH RECURSIVE chain AS (
    SELECT $1::text AS node_id
    UNION
    SELECT e.parent_id FROM chain
    JOIN stemma.lineage_edges e ON e.child_id = chain.node_id
    JOIN stemma.lineage_nodes n ON n.node_id = e.child_id
    JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
    WHERE e.edge_type = ANY($2::text[]) OR (e.edge_type = $3 AND cardinality(c.parents) > 1)
)
SELECT e.sha, e.event_type FROM chain JOIN stemma.lineage_events e USING (node_id)
"""
_UNASKED = frozenset({"removed", "copied", "forked"})
"""Told of an element by what others are, which the question does not read."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lineage.same_as_tables")
    parser.add_argument("folder", type=Path)
    parser.add_argument("repositories", nargs="*", default=["junit4", "javaparser"])
    given = parser.parse_args()
    methods = list(java_oracle.methods(given.folder.resolve()))
    for name in given.repositories:
        chosen = [method for method in methods if method.repository.folder == name]
        n_same = compared(given.folder.resolve(), chosen)
        print(f"{name}: {n_same} of {len(chosen)} methods have the same events on demand as in the tables")


def compared(folder: Path, methods: Sequence[Labelled]) -> int:
    """How many of the methods of one repository have the same events either way; the others are named."""
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as scratch:
        Path(scratch).chmod(0o755)
        clone = _clone(repository_at(folder, methods[0].repository), methods[0].repository.commit, Path(scratch))
        settings = Settings(data_dir=Path(scratch, "data"))
        with open_database(settings) as db:
            repo_id = read_history(db, settings, clone)
            update_lineage(db, repo_id)
            return sum(_is_same(db, Asking(open_store(clone), LIMITS, repo_id), method) for method in methods)


def _clone(git_dir: Path, commit: str, scratch: Path) -> Path:
    target = scratch / "clone"
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", str(git_dir), str(target)], check=True)
    git = ["git", f"--git-dir={target}"]
    subprocess.run([*git, "update-ref", "refs/heads/asked", commit], check=True)
    subprocess.run([*git, "symbolic-ref", "HEAD", "refs/heads/asked"], check=True)
    return target


def _is_same(db: Database, asking: Asking, method: Labelled) -> bool:
    place = asking.named(method.path, method.element, method.line, method.repository.commit)
    history = asking.history(place)
    stored = set(db.read(_EVENTS, [history.node_id, list(FOLLOWED), JOINED]).rows())
    found = set(history.events.select("sha", "event_type").rows())
    differing = sorted(row for row in stored ^ found if row[1] not in _UNASKED)
    for sha, event in differing:
        where = "in the tables" if (sha, event) in stored else "on demand"
        print(f"{method.name}: {event} at {sha[:12]} only {where}", file=sys.stderr)
    return not differing


if __name__ == "__main__":
    main()
