"""`python -m bench.history PLACE...`: what the whole history of every function costs, beside `git log -L`.

A place is a git repository, or a folder of bare clones; which commits they were at is written beside the figures. Of
each, a copy that shares its objects is read from an empty data folder up to the hundred-and-first commit before its
head on the first-parent chain, then on by a hundred of those commits, then by one: git, extraction, occurrences and
lineage, as the main job calls them, each measured on its own. With `--curve`, an eighth, a quarter and a half of the
chain are read from empty, too. `git log -L :name:path` is timed on functions of the head drawn at random, with the
attributes that name git's own patterns of the languages. Results: `bench/results/history.json` and `.md`.

CPU seconds are compared, Postgres included, for they repeat on a busy machine where wall time does not. What a command
costs is measured in `watch`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.__main__ import ROOT, open_folder
from bench.figures import measured_at, write
from bench.pipeline import git
from bench.speed import exponent
from bench.watch import Cost, watch
from stemma import runs
from stemma.config import Settings, load_settings
from stemma.errors import StemmaError
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store import embedded, open_database
from stemma.store.postgres import Database

CURVE = (0.125, 0.25, 0.5)
INCREMENTS = (100, 1)  # commits of the first-parent chain that come on top, one after another
SAMPLE, DRAWN, LOG_TIMEOUT_S, SEED = 20, 200, 900.0, 4  # functions timed; drawn, should git not find some
# Patterns of function heads that git has for these, and does not use unless it is told (gitattributes(5)).
DRIVERS = {
    **{"*.py": "python", "*.java": "java", "*.go": "golang", "*.rs": "rust", "*.rb": "ruby", "*.php": "php"},
    **dict.fromkeys(("*.c", "*.h", "*.cc", "*.cpp", "*.hpp"), "cpp"),
    **{"*.cs": "csharp", "*.kt": "kotlin", "*.sh": "bash"},
}
_SPECIAL, _ESCAPED = re.compile(r"[][.*^$\\]"), r"\\\g<0>"
_KINDS = "('function', 'method', 'constructor')"
_COUNTS = f"""
SELECT (SELECT count(*) FROM stemma.commits) AS commits,
       (SELECT count(*) FROM stemma.commits WHERE first_parent_index IS NOT NULL) AS chain,
       (SELECT count(*) FROM stemma.file_changes) AS file_changes,
       (SELECT count(*) FROM stemma.blobs) AS blobs,
       (SELECT coalesce(sum(n_bytes), 0)::bigint FROM stemma.blobs) AS bytes,
       (SELECT count(*) FROM stemma.lineage_nodes) AS nodes,
       (SELECT count(*) FROM stemma.lineage_edges) AS edges,
       (SELECT count(*) FROM stemma.lineage_events) AS events,
       (SELECT count(*) FROM (SELECT DISTINCT path, kind, qualified_name, duplicate_index
                              FROM stemma.lineage_nodes WHERE kind IN {_KINDS}) e) AS functions_ever,
       (SELECT count(*) FROM stemma.occurrences WHERE valid_to IS NULL AND kind IN {_KINDS}) AS functions_at_head
"""
_FUNCTIONS = f"""
SELECT path, regexp_replace(qualified_name, '^.*[.]', '') AS name FROM stemma.occurrences
WHERE valid_to IS NULL AND kind IN {_KINDS} AND category = 'source' ORDER BY path, qualified_name, duplicate_index
"""


@dataclass
class Reading:
    """One run over what is new: seconds by phase (wall; CPU of Stemma; CPU of Postgres), and what is stored after.

    `drawn` are functions of its head at random: path, name.
    """

    cost: Cost
    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    server_cpu_s: dict[str, float]
    counts: dict[str, int]
    drawn: list[list[str]] = field(repr=False)

    @property
    def all_cpu_s(self) -> float:
        return sum(self.cpu_s.values()) + sum(self.server_cpu_s.values())


@dataclass
class Result:
    """What one repository came to; `git_log` are CPU seconds of `git log -L` by function."""

    name: str
    head: str
    first: Reading
    increments: dict[str, Reading] = field(default_factory=dict)
    curve: dict[str, Reading] = field(default_factory=dict)
    git_log: dict[str, float] = field(default_factory=dict)
    not_timed: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """The figures that goals are stated in."""
        first, counts = self.first, self.first.counts
        per_function = first.all_cpu_s / counts["functions_at_head"] if counts["functions_at_head"] else None
        log_s = sum(self.git_log.values()) / len(self.git_log) if self.git_log else None
        found: dict[str, float | None] = {
            **counts,
            "seconds": sum(first.wall_s.values()),
            "CPU seconds, Postgres included": first.all_cpu_s,
            "commits per second": counts["commits"] / max(sum(first.wall_s.values()), 1e-9),
            "contents per second of extraction": counts["blobs"] / max(first.wall_s["extraction"], 1e-9),
            "peak memory, MiB (PSS, all processes)": first.cost.peak_mib,
            "peak memory of one process, MiB": first.cost.peak_of_one_mib,
            "CPU ms per function at the head": per_function and 1000 * per_function,
            "CPU ms per function that ever was": 1000 * first.all_cpu_s / max(counts["functions_ever"], 1),
            "git log -L, CPU seconds per function": log_s,
            "git log -L, times what Stemma takes": log_s / per_function if log_s and per_function else None,
            "git log -L, functions timed": len(self.git_log),
            "git log -L, functions it did not find": len(self.not_timed),
        }
        for name, reading in self.increments.items():
            found[f"{name}, commits read"] = reading.counts["new_commits"]
            found[f"{name}, seconds"] = sum(reading.wall_s.values())
            found[f"{name}, CPU seconds"] = reading.all_cpu_s
        return found


# --- one reading, in a process of its own ----------------------------------------------------------------------


def read(data_dir: Path, source: Path) -> dict[str, Any]:
    """Bring everything up to the source's head, and tell what each phase took."""
    settings = load_settings(data_dir=data_dir)
    with open_database(settings) as database:
        run_id = f"{time.time_ns()}"
        server: dict[str, float] = {}
        before = database.read("SELECT count(*) AS n FROM stemma.commits")["n"].item()
        registry.register(database, settings, str(source))
        repository = registry.find(database, str(source), settings)
        refresh(database, settings, repository)
        with _phase(database, settings, run_id, "git", server):
            ingest_history(database, settings, repository)
        with _phase(database, settings, run_id, "extraction", server):
            extract_blobs(database, settings, repository)
        with _phase(database, settings, run_id, "occurrences", server):
            update_occurrences(database, repository.repo_id)
        with _phase(database, settings, run_id, "lineage", server):
            update_lineage(database, repository.repo_id)
        phases = database.read("SELECT phase, seconds, cpu_seconds FROM stemma.run_phases WHERE run_id = $1", [run_id])
        counts = database.read(_COUNTS).row(0, named=True)
        functions = database.read(_FUNCTIONS).sample(fraction=1, shuffle=True, seed=SEED)
    return {
        "drawn": functions.head(DRAWN).rows(),
        "wall_s": {phase: round(seconds, 3) for phase, seconds, _ in phases.iter_rows()},
        "cpu_s": {phase: round(seconds, 3) for phase, _, seconds in phases.iter_rows()},
        "server_cpu_s": {phase: round(seconds, 3) for phase, seconds in server.items()},
        "counts": {**counts, "new_commits": counts["commits"] - before},
    }


@contextmanager
def _phase(database: Database, settings: Settings, run_id: str, name: str, server: dict[str, float]) -> Iterator[None]:
    before = _server_cpu_s(postmaster(settings.data_dir))
    with runs.measure(database, run_id, name):
        yield
    server[name] = _server_cpu_s(postmaster(settings.data_dir)) - before


def _server_cpu_s(pid: int | None) -> float:
    """CPU seconds, so far, of all its processes: those that run, and those that the first one has seen end."""
    if pid is None:
        return 0.0
    root = psutil.Process(pid)
    ended = root.cpu_times()
    spent = ended.user + ended.system + ended.children_user + ended.children_system
    for process in root.children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system
    return float(spent)


def postmaster(data_dir: Path) -> int | None:
    """The embedded Postgres of the data folder, once it runs."""
    try:
        return embedded.status(Settings(data_dir=data_dir)).pid
    except (OSError, ValueError, StemmaError):  # it is just being made
        return None


# --- all of one repository -------------------------------------------------------------------------------------


def measure(place: Path, name: str, *, sample: int, with_curve: bool) -> Result:
    head = git(place, "rev-parse", "HEAD")
    chain = git(place, "rev-list", "--first-parent", "--reverse", "HEAD").splitlines()
    left = [n for n in INCREMENTS if n < len(chain) // 2]
    with _copy(place) as (data_dir, copy):
        result = Result(name, head, _watched(data_dir, copy, chain[len(chain) - 1 - sum(left)]))
        for position, n_commits in enumerate(left):
            end = len(chain) - 1 - sum(left[position + 1 :])
            result.increments[f"{n_commits} on top"] = _watched(data_dir, copy, chain[end])
        drawn = [result.first, *result.increments.values()][-1].drawn
        _time_git_log(result, copy, drawn, sample)
    for share in CURVE if with_curve else ():
        with _copy(place) as (data_dir, copy):
            result.curve[f"{share:g}"] = _watched(data_dir, copy, chain[int(len(chain) * share)])
    return result


@contextmanager
def _copy(place: Path) -> Iterator[tuple[Path, Path]]:
    """A data folder, and a bare copy of the repository that borrows its objects."""
    with open_folder("stemma-history-") as folder:
        copy = folder / f"{place.name}.git"
        git(folder, "clone", "--quiet", "--bare", "--shared", str(place.resolve()), str(copy))
        yield folder / "data", copy


def _watched(data_dir: Path, copy: Path, commit: str) -> Reading:
    """What it costs to read the copy on to the commit.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    git(copy, "update-ref", "--no-deref", "HEAD", commit)
    cost, done = watch(
        [sys.executable, "-m", "bench.history", "--read", str(data_dir), str(copy)],
        server=lambda: postmaster(data_dir),
        cwd=ROOT,
        env={**os.environ, "STEMMA_DATABASE_URL": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"Reading {copy.name} ended with {done.returncode}: {done.stderr}")
    return Reading(cost, **json.loads(done.stdout.splitlines()[-1]))


def _time_git_log(result: Result, copy: Path, drawn: list[list[str]], sample: int) -> None:
    """CPU seconds of `git log -L` for the functions drawn, as many as asked; one that git does not find is left out."""
    attributes = copy / "functions.gitattributes"
    attributes.write_text("".join(f"{pattern} diff={driver}\n" for pattern, driver in DRIVERS.items()))
    for path, name in drawn:
        if len(result.git_log) == sample:
            return
        what = f":{_SPECIAL.sub(_ESCAPED, name)}:{path}"
        command = ["git", "-C", str(copy), "-c", f"core.attributesFile={attributes}", "log", "-L", what, "HEAD"]
        cost, done = watch(
            ["timeout", f"{LOG_TIMEOUT_S:.0f}", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            result.not_timed.append(f"{path}:{name}: {done.stderr.strip()[-200:] or f'ended with {done.returncode}'}")
        else:
            result.git_log[f"{path}:{name}"] = round(cost.cpu_s, 3)


# --- what is told ----------------------------------------------------------------------------------------------


def markdown(machine: dict[str, Any], results: list[Result]) -> str:
    lines = [
        f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']} at the start.",
        "",
        *(f"- {result.name} at {result.head}" for result in results),
        "",
        f"| | {' | '.join(result.name for result in results)} |",
        f"|---|{'---:|' * len(results)}",
    ]
    figures = [result.figures() for result in results]
    names = list(dict.fromkeys(name for row in figures for name in row))
    lines += [f"| {name} | {' | '.join(_cell(row.get(name)) for row in figures)} |" for name in names]
    for phase in results[0].first.wall_s:
        cells = [_by_phase(result, phase) for result in results]
        lines.append(
            f"| {phase}: CPU seconds first / {' / '.join(map(str, INCREMENTS))} on top | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, *_curves(results)]) + "\n"


def _by_phase(result: Result, phase: str) -> str:
    readings = [result.first, *(result.increments.get(f"{n} on top") for n in INCREMENTS)]
    spent = [reading.cpu_s[phase] + reading.server_cpu_s[phase] if reading else None for reading in readings]
    return " / ".join(map(_cell, spent))


def _curves(results: list[Result]) -> Iterator[str]:
    for result in results:
        if result.curve:
            told, slope = _curve([*result.curve.values(), result.first])
            yield from ("", f"{result.name}, CPU seconds by commits: {told}; exponent {slope:.2f}.")
    if len(results) > 1:
        told, slope = _curve([result.first for result in results])
        yield from ("", f"Across repositories, CPU seconds by commits: {told}; exponent {slope:.2f}.")


def _curve(readings: list[Reading]) -> tuple[str, float]:
    sizes = [float(reading.counts["commits"]) for reading in readings]
    seconds = [reading.all_cpu_s for reading in readings]
    told = ", ".join(f"{size:,.0f}: {second:,.0f} s" for size, second in zip(sizes, seconds, strict=True))
    return told, exponent(sizes, seconds)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _repositories(places: list[Path]) -> Iterator[tuple[Path, str]]:
    """The repositories named, and those in the folders named; a clone called `repo` goes by its folder's name."""
    for place in places:
        if (place / "HEAD").is_file() or (place / ".git").exists():
            yield place, place.parent.name if place.name == "repo" else place.name.removesuffix(".git")
        else:
            yield from _repositories(sorted(inner for inner in place.iterdir() if inner.is_dir()))


def _without_drawn(told: Any) -> Any:
    """All that was measured; of the functions drawn, only those that were timed."""
    if isinstance(told, dict):
        return {key: _without_drawn(value) for key, value in told.items() if key != "drawn"}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("places", nargs="*", type=Path, help="git repositories, or folders of them")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="functions to time `git log -L` on")
    parser.add_argument("--curve", action="store_true", help="also read shares of each history")
    parser.add_argument("--read", nargs=2, type=Path, metavar=("DATA", "REPOSITORY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(read(*given.read)))
        return
    machine, results = measured_at(), []
    for place, name in _repositories(given.places):
        results.append(measure(place, name, sample=given.sample, with_curve=given.curve))
        found = [_without_drawn(asdict(result)) | {"figures": result.figures()} for result in results]
        write("history", {"machine": machine, "results": found}, table := markdown(machine, results))
        print(table, flush=True)


if __name__ == "__main__":
    main()
