"""Time `stemma similar` on 100,000 patterns, cold (a new process) and warm; write JSON and a Markdown table.

The patterns are those of installed packages, as many as are asked for; the code asked about is theirs too: as it
stands, with every name of one identifier changed, and with a statement put in. Times are wall seconds beside CPU
seconds: on a machine that does other work only the latter repeat.

    python -m bench.similar                     a database of its own, filled first (some minutes)
    python -m bench.similar --data-dir FOLDER   what STEMMA_DATABASE_URL and that folder hold already
"""

from __future__ import annotations

import argparse
import keyword
import os
import random
import re
import resource
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.__main__ import open_folder
from bench.figures import measured_at, write
from stemma.config import Settings, load_settings
from stemma.embed import open_embedder
from stemma.embed.base import Embedder
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.match.given import read_given
from stemma.match.index import Index, open_index, path_of
from stemma.match.publish import publish_index
from stemma.match.similar import find_similar
from stemma.store import open_database
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors

PATTERNS, WARM, COLD, SEED = 100_000, 300, 20, 20_261_120
NAME = re.compile(r"\b[a-z_][a-z0-9_]{2,}\b")
KEYWORDS = frozenset({*keyword.kwlist, "self", "cls"})

# Of one language and of a usual size: what is asked about is a function somebody would ask about.
ASKED = """
SELECT pattern_id, name, code FROM stemma.patterns
WHERE n_live > 0 AND NOT is_trivial AND language = 'python' AND kind IN ('function', 'method')
  AND n_tokens BETWEEN 60 AND 600 ORDER BY pattern_id
"""
ASLEEP = """
UPDATE stemma.patterns SET n_live = 0 WHERE pattern_id IN (
    SELECT pattern_id FROM stemma.patterns WHERE n_live > 0 AND NOT is_trivial ORDER BY pattern_id OFFSET $1)
"""


@dataclass(frozen=True)
class Asked:
    """One piece of code to ask about, and the pattern it was made from."""

    kind: str
    origin: str
    code: str


@dataclass(frozen=True)
class Times:
    """Milliseconds of one way to ask, and how often the pattern the code was made from came first, or at all."""

    way: str
    n: int
    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float
    cpu_p95_ms: float
    first: float | None = None
    found: float | None = None


def fill(database: Database, settings: Settings, n_patterns: int) -> None:
    """Installed packages into the database, and the patterns beyond the number wanted put to sleep."""
    location = sysconfig.get_path("purelib")
    repo = registry.find(database, registry.register(database, settings, location, name="packages"))
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    update_occurrences(database, repo.repo_id)
    refresh_patterns(database)
    database.execute(ASLEEP, [n_patterns])


def publish(database: Database, settings: Settings, embedder: Embedder) -> dict[str, float]:
    """Vectors brought up to date and the index published from nothing; what that took."""
    with open_vectors(settings, embedder) as vectors:
        embed_patterns(database, vectors, embedder)
        path_of(settings).unlink(missing_ok=True)
        wall, cpu = time.monotonic(), time.process_time()
        counts = publish_index(database, vectors, settings)
        seconds = {"publish_s": time.monotonic() - wall, "publish_cpu_s": time.process_time() - cpu}
    return {**counts, **seconds, "publish_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def asked(database: Database, n: int) -> list[Asked]:
    """Pieces of code of each kind in turn, drawn with a fixed seed."""
    rows = database.read(ASKED)
    drawn = random.Random(SEED)
    ways: list[tuple[str, Callable[[str, random.Random], str | None]]] = [
        ("equal", lambda code, _: code), ("renamed", renamed), ("edited", edited)
    ]  # fmt: skip
    found: list[Asked] = []
    for at in drawn.sample(range(len(rows)), min(len(rows), 3 * n)):
        origin, _, code = rows.row(at)
        kind, change = ways[len(found) % len(ways)]
        if (changed := change(code, drawn)) is not None and len(found) < n:
            found.append(Asked(kind, origin, changed))
    return found


def renamed(code: str, drawn: random.Random) -> str | None:
    """One name another one everywhere."""
    names = sorted({name for name in NAME.findall(code) if name not in KEYWORDS})
    return re.sub(rf"\b{drawn.choice(names)}\b", "renamed_here", code) if names else None


def edited(code: str, drawn: random.Random) -> str | None:
    """One statement more, where a statement begins and ends on its line."""
    lines = code.splitlines()
    after = [at for at, line in enumerate(lines) if re.fullmatch(r"\s+\w+ = [\w.]+(\(\w*\))?", line)]
    if not after:
        return None
    at = drawn.choice(after)
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return "\n".join([*lines[: at + 1], f"{indent}trace.append(('entered', {at}))", *lines[at + 1 :]])


def written(pieces: list[Asked], folder: Path) -> list[Path]:
    """The pieces as files, unindented as far as their first line is."""
    paths = []
    for number, piece in enumerate(pieces):
        lines = piece.code.splitlines()
        deep = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=4) - 4
        path = folder / f"asked_{number}.py"
        path.write_text("\n".join([lines[0], *(line[max(deep, 0) :] for line in lines[1:])]) + "\n")
        paths.append(path)
    return paths


def warm(settings: Settings, index: Index, embedder: Embedder, pieces: list[Asked], paths: list[Path]) -> list[Times]:
    """Ask in this process, by kind and over all; the first ten are not counted."""
    walls, cpus, ranks = [], [], []
    for path, piece in zip([*paths[:10], *paths], [*pieces[:10], *pieces], strict=True):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = find_similar(index, read_given(f"{path}:1", settings), embedder)
        walls.append((time.perf_counter() - wall) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
        ids = rows["pattern_id"].to_list()
        ranks.append(ids.index(piece.origin) if piece.origin in ids else None)
    walls, cpus, ranks = walls[10:], cpus[10:], ranks[10:]
    kinds = np.array([piece.kind for piece in pieces])
    return [
        _times(f"warm, {kind}", np.array(walls)[kinds == kind], np.array(cpus)[kinds == kind],
               [rank for rank, is_kind in zip(ranks, kinds == kind, strict=True) if is_kind])
        for kind in dict.fromkeys(kinds.tolist())
    ] + [_times("warm, all", np.array(walls), np.array(cpus), ranks)]  # fmt: skip


def cold(data_dir: Path, paths: list[Path]) -> list[Times]:
    """Ask in a new process each; beside it what a new process costs that asks nothing."""
    environment = {**os.environ, "STEMMA_DATA_DIR": str(data_dir), "NO_COLOR": "1"}
    python = [sys.executable]
    start_up = ("import stemma.cli.copies, stemma.match.similar, stemma.match.given, stemma.embed.static\n"
                "from stemma.config import load_settings; load_settings()")  # fmt: skip
    ways = {
        "cold: stemma similar FILE:1": [[*python, "-m", "stemma", "similar", f"{path}:1", "--json"] for path in paths],
        "start-up alone: the same imports and settings": [[*python, "-c", start_up]] * len(paths),
        "python -c pass": [[*python, "-c", "pass"]] * len(paths),
    }
    found = []
    for way, commands in ways.items():
        walls, cpus = [], []
        for command in commands:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.perf_counter()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            walls.append((time.perf_counter() - wall) * 1e3)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpus.append((after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3)
        found.append(_times(way, np.array(walls), np.array(cpus), None))
    return found


def _times(way: str, walls: Any, cpus: Any, ranks: list[int | None] | None) -> Times:
    p50, p95 = np.percentile(walls, [50, 95])
    cpu_p50, cpu_p95 = np.percentile(cpus, [50, 95])
    first = None if ranks is None else sum(rank == 0 for rank in ranks) / len(ranks)
    seen = None if ranks is None else sum(rank is not None for rank in ranks) / len(ranks)
    return Times(way, len(walls), *(float(value) for value in (p50, p95, cpu_p50, cpu_p95)), first, seen)


def neighbours_recall(index: Index, n: int = 200, k: int = 20) -> float | None:
    """Share of the true k nearest vectors that the signs lead to, over n patterns drawn with a fixed seed."""
    has_vector = index.arrays["has_vector"]
    rows = np.flatnonzero(has_vector)
    if not len(rows):
        return None
    drawn = np.random.default_rng(SEED).choice(rows, min(n, len(rows)), replace=False)
    every = index.arrays["vectors"].astype(np.float32)
    found = 0
    for row in drawn:
        cosines = np.where(has_vector, every @ every[row], -1)
        true = np.argpartition(-cosines, k)[:k]
        found += len(np.intersect1d(true, index.nearest(every[row], has_vector, k)))
    return found / (k * len(drawn))


@contextmanager
def place(data_dir: Path | None) -> Iterator[tuple[Settings, bool]]:
    """Settings, and whether the database has to be filled first."""
    if data_dir is not None:
        yield load_settings(data_dir=data_dir), False
        return
    with open_folder("stemma-bench-similar-") as folder:
        yield load_settings(data_dir=folder), True


def markdown(times: list[Times], facts: dict[str, Any]) -> str:
    lines = [
        f"{name}: {value:,.4g}" if isinstance(value, float) else f"{name}: {value}" for name, value in facts.items()
    ]
    table = ["| | n | p50 ms | p95 ms | CPU p50 ms | CPU p95 ms | origin first | origin found |", f"|---|{'---:|' * 7}"]
    for row in times:
        shares = ["–" if share is None else f"{share:.3f}" for share in (row.first, row.found)]
        numbers = [f"{value:,.1f}" for value in (row.p50_ms, row.p95_ms, row.cpu_p50_ms, row.cpu_p95_ms)]
        table.append(f"| {' | '.join([row.way, str(row.n), *numbers, *shares])} |")
    return "\n".join([*(f"- {line}" for line in lines), "", *table]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="a data folder that is filled already")
    parser.add_argument("--patterns", type=int, default=PATTERNS)
    options = parser.parse_args()
    with place(options.data_dir) as (settings, is_empty), open_folder("stemma-asked-") as folder:
        embedder = open_embedder(settings)
        with open_database(settings) as database:
            if is_empty:
                fill(database, settings, options.patterns)
            published = publish(database, settings, embedder)
            pieces = asked(database, WARM)
            index = open_index(settings)
            paths = written(pieces, folder)
            times = [*warm(settings, index, embedder, pieces, paths), *cold(settings.data_dir, paths[:COLD])]
        facts = {
            **measured_at(),
            "patterns indexed": len(index),
            "of them not trivial": int((~index.arrays["is_trivial"]).sum()),
            "embedder": embedder.name,
            **published,
            "recall of the 20 nearest vectors": neighbours_recall(index),
        }
    document = {"facts": facts, "times": [asdict(row) for row in times]}
    write("similar", document, markdown(times, facts))
    print(markdown(times, facts))


if __name__ == "__main__":
    main()
