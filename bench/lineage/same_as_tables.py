"""`python -m bench.lineage.same_as_tables FOLDER [REPOSITORY...]`: the history asked on demand against the tables.

The whole history of each repository (junit4, flask and requests, unless others of the labelled sets are named) is
brought into a database of its own as a run does, up to the commit that the labelled methods and functions are asked of;
then the events of each are compared. Writes bench/results/same_as_tables.*.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.lineage import java_oracle, python_set
from bench.lineage.clones import repository_at
from bench.lineage.labels import Labelled
from bench.lineage.own import LIMITS
from bench.lineage.python_report import write
from bench.pipeline import read_history
from stemma.config import Settings
from stemma.git.store import open_store
from stemma.lineage.asked import FOLLOWED, JOINED, Asking
from stemma.lineage.history import update_lineage
from stemma.store import open_database
from stemma.store.postgres import Database

# The version and all that it was before; over `merged_from` only where two branches came together. What it was cut out
# of, or took in, has a life of its own.
_EVENTS = """
WITH RECURSIVE chain AS (
    SELECT $1::text AS node_id
    UNION
    SELECT e.parent_id FROM chain
    JOIN stemma.lineage_edges e ON e.child_id = chain.node_id AND e.evidence -> 'other_element' IS DISTINCT FROM 'true'
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
    parser.add_argument("repositories", nargs="*", default=["junit4", "flask", "requests"])
    given = parser.parse_args()
    folder = given.folder.resolve()
    labelled = [
        *_python(),
        *(java_oracle.methods(folder) if set(given.repositories) & {*java_oracle.REPOSITORIES} else ()),
    ]
    lines, differences = ["| repository | asked | same events either way |", "|---|---:|---:|"], []
    for name in given.repositories:
        chosen = [method for method in labelled if method.repository.folder == name]
        rows = compared(folder, chosen)
        n_same = len(chosen) - len({row["name"] for row in rows})
        lines.append(f"| {chosen[0].repository.name} | {len(chosen)} | {n_same} |")
        differences += rows
    lines += [
        "",
        *(f"- {row['name']}: {row['event']} at {row['commit'][:12]} only {row['only']}" for row in differences),
    ]
    command = "python -m bench.lineage.same_as_tables FOLDER"
    print(write("same_as_tables", command, lines, {"differences": differences}))


def _python() -> list[Labelled]:
    """The functions of the labelled Python set, each as the line it stands at."""
    return [
        Labelled(
            f"{each.repository.folder}-{each.qualified_name}:{each.start_line}", each.repository, each.path,
            each.start_line, each.qualified_name.rpartition(".")[2], {},
        )
        for each in python_set.functions()
    ]  # fmt: skip


def compared(folder: Path, methods: Sequence[Labelled]) -> list[dict[str, str]]:
    """The events of the methods of one repository that are told only on demand, or only in the tables."""
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as scratch:
        Path(scratch).chmod(0o755)
        clone = _clone(repository_at(folder, methods[0].repository), methods[0].repository.commit, Path(scratch))
        settings = Settings(data_dir=Path(scratch, "data"))
        with open_database(settings) as db:
            repo_id = read_history(db, settings, clone)
            update_lineage(db, repo_id)
            asking = Asking(open_store(clone), LIMITS, repo_id)
            return [row for method in methods for row in _differing(db, asking, method)]


def _clone(git_dir: Path, commit: str, scratch: Path) -> Path:
    target = scratch / "clone"
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", str(git_dir), str(target)], check=True)
    git = ["git", f"--git-dir={target}"]
    subprocess.run([*git, "update-ref", "refs/heads/asked", commit], check=True)
    subprocess.run([*git, "symbolic-ref", "HEAD", "refs/heads/asked"], check=True)
    return target


def _differing(db: Database, asking: Asking, method: Labelled) -> Iterator[dict[str, str]]:
    place = asking.named(method.path, method.element, method.line, method.repository.commit)
    history = asking.history(place)
    stored = set(db.read(_EVENTS, [history.node_id, list(FOLLOWED), JOINED]).rows())
    found = set(history.events.select("sha", "event_type").rows())
    for sha, event in sorted(stored ^ found):
        if event not in _UNASKED:
            where = "in the tables" if (sha, event) in stored else "on demand"
            yield {"name": method.name, "event": event, "commit": sha, "only": where}


if __name__ == "__main__":
    main()
