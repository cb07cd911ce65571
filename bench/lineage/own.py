"""Histories as Stemma finds them: on demand, straight from the clone. What they are held against is read elsewhere."""

from __future__ import annotations

import resource
from pathlib import Path

from bench.lineage.clones import repository_at
from bench.lineage.labels import Labelled, Told, changes_of
from stemma.extract.extractor import Limits
from stemma.git.store import open_store
from stemma.lineage.asked import Asking

LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=10.0)


def told(folder: Path, element: Labelled) -> Told:
    """The history of one element, asked of a repository of which nothing was read before."""
    before = cpu_seconds()
    asking = Asking(open_store(repository_at(folder, element.repository)), LIMITS, "bench")
    place = asking.named(element.path, element.element, element.line, element.repository.commit)
    history = asking.history(place)
    cpu_s = cpu_seconds() - before
    detail = {
        "commits": history.n_commits, "contents": history.n_contents, "versions": history.nodes.height,
        "last_line": asking.last_line(place),
    }  # fmt: skip
    return Told(changes_of(history.events), cpu_s, detail)


def cpu_seconds() -> float:
    """Of this process and of all that it started and that has ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
