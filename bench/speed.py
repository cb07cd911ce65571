"""`python -m bench.speed FOLDER...`: how fast a clean clone becomes families, beside jscpd and the bare parse.

Each folder holds unpacked released packages, side by side; which they were is written beside the figures. Of each the
files of languages that Stemma reads become a git repository, which `stemma run` reads from an empty data folder, as a
user would; then again after ten files changed. With `--until families` its runs end there: what comes after, the votes
above all, takes ten times as long. On the first folder, with `--curve`, the same at 1/8, 1/4 and 1/2 of its files.
jscpd 5 (npm packages `jscpd@5` and `jscpd-linux-x64-gnu@5`, with `--jscpd` the path of its program) and a bare
tree-sitter parse read the same clone in the same run. Results: `bench/results/speed.json` and `.md`.

CPU seconds are compared, for they repeat on a busy machine where wall time does not. What a command costs is measured
in `watch`; how the trees are made is said in `trees`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.__main__ import ROOT, open_folder
from bench.figures import measured_at, write
from bench.trees import Tree, as_clone, change, packages, read_tree
from bench.watch import Cost, watch
from stemma.config import Settings
from stemma.errors import StemmaError
from stemma.store import embedded

DETECTION = ("matches", "families")
"""Phases that find Type-3 copies and group them; Type-1 and Type-2 are equal ids, found by extraction itself."""
AFTER_FAMILIES = ("votes", "verdicts", "index", "dbt", "marts", "charts")
"""Phases that a whole run goes on with once families are fresh."""
WHOLE = ("extraction", "occurrences", "patterns", "embeddings", *DETECTION)
CURVE = (0.125, 0.25, 0.5)
CHANGED_FILES = 10
JSCPD = ("--no-tips", "--silent", "--no-gitignore", "--max-size", "5mb", "--reporters", "json")
NORMALISED = ("--ignore-identifiers", "--ignore-literals")


@dataclass
class Run:
    """One `stemma run`: what it cost, and its own report. `phases` and `phases_cpu` are seconds by phase."""

    cost: Cost
    counts: dict[str, int]
    phases: dict[str, float]
    phases_cpu: dict[str, float]
    rows: dict[str, int | None]

    @property
    def until_families_s(self) -> float:
        """Wall seconds from the call, start of the command included, to fresh families."""
        return self.cost.wall_s - sum(self.phases.get(phase, 0.0) for phase in AFTER_FAMILIES)

    @property
    def all_cpu_s(self) -> float:
        return self.cost.cpu_s + self.cost.server_cpu_s


@dataclass
class Result:
    """What one tree came to."""

    name: str
    files: int
    megabytes: float
    languages: dict[str, int]
    packages: dict[str, int]
    first: Run
    again: Run | None = None
    increment: Run | None = None
    changed_files: int = 0
    parse_cpu_s: float | None = None
    jscpd: dict[str, Any] = field(default_factory=dict)

    def ratios(self) -> dict[str, float | None]:
        """The figures that goals are stated in."""
        cpu = self.first.phases_cpu
        whole, detection = (sum(cpu.get(phase, 0.0) for phase in phases) for phases in (WHOLE, DETECTION))
        extraction, parse = cpu.get("extraction"), self.parse_cpu_s
        jscpd = self.jscpd.get("normalised", {}).get("cpu_s")
        return {
            "files_per_cpu_s": self.files / extraction if extraction else None,
            "mb_per_cpu_s": self.megabytes / extraction if extraction else None,
            "functions_per_cpu_s": self.first.counts["snippets"] / extraction if extraction else None,
            "extraction_to_parse": extraction / parse if extraction and parse else None,
            "whole_to_parse": whole / parse if parse else None,
            "detection_cpu_s": detection,
            "detection_to_jscpd": detection / jscpd if jscpd else None,
            "increment_to_first": self.increment.cost.wall_s / self.first.cost.wall_s if self.increment else None,
            "increment_cpu_to_first": self.increment.all_cpu_s / self.first.all_cpu_s if self.increment else None,
            "increment_until_families_to_first": (
                self.increment.until_families_s / self.first.cost.wall_s if self.increment else None
            ),
        }


def stemma(data_dir: Path, *arguments: str) -> Run:
    """Run the command on data of its own and watch it, Postgres beside it.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    cost, done = watch(
        [sys.executable, "-m", "stemma", *arguments, "--json"],
        server=lambda: _postmaster(data_dir),
        cwd=ROOT,
        env={**os.environ, "STEMMA_DATA_DIR": str(data_dir), "STEMMA_DATABASE_URL": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    phases = report.get("phases", []) if isinstance(report, dict) else []
    return Run(
        cost,
        report.get("counts", {}) if isinstance(report, dict) else {},
        {phase["phase"]: round(phase["seconds"], 2) for phase in phases},
        {phase["phase"]: round(phase["cpu_seconds"], 2) for phase in phases},
        {phase["phase"]: phase["n_rows"] for phase in phases},
    )


def _postmaster(data_dir: Path) -> int | None:
    """The embedded Postgres of the data folder, once it runs."""
    try:
        return embedded.status(Settings(data_dir=data_dir)).pid
    except (OSError, ValueError, StemmaError):  # it is just being made
        return None


def measure(tree: Tree, name: str, options: list[str], *, jscpd: Path | None, with_increment: bool) -> Result:
    with open_folder("stemma-speed-") as folder:
        data_dir, clone = folder / "data", as_clone(tree, folder / "clone")
        result = Result(
            name,
            len(tree.paths),
            tree.n_bytes / 1e6,
            tree.languages,
            packages(tree),
            _first(data_dir, clone, name, options),
        )
        result.parse_cpu_s = _parse(clone, tree)
        if jscpd is not None:
            result.jscpd = {
                "plain": _jscpd(jscpd, clone, folder / "plain", ()),
                "normalised": _jscpd(jscpd, clone, folder / "normalised", NORMALISED),
            }
        if with_increment:
            result.again = stemma(data_dir, "run", *options)
            result.changed_files = len(change(clone, tree.paths, CHANGED_FILES))
            result.increment = stemma(data_dir, "run", *options)
    return result


def _first(data_dir: Path, clone: Path, name: str, options: list[str]) -> Run:
    stemma(data_dir, "repo", "add", str(clone), "--name", name)
    return stemma(data_dir, "run", *options)


def _parse(clone: Path, tree: Tree) -> float:
    command = [sys.executable, "-m", "bench.parse", str(clone)]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(tree.paths), check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["cpu_s"])


def _jscpd(program: Path, clone: Path, out: Path, options: tuple[str, ...]) -> dict[str, Any]:
    command = [str(program), str(clone), *JSCPD, "--output", str(out), *options]
    cost, done = watch(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    report = out / "jscpd-report.json"
    if not report.exists():
        return {"failed": done.stderr.strip()[-300:] or f"ended with {done.returncode}", **asdict(cost)}
    total = json.loads(report.read_bytes())["statistics"]["total"]
    return {**asdict(cost), "files": total.get("sources"), "lines": total.get("lines"), "clones": total.get("clones")}


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """Slope of log seconds on log size, by least squares: 1 is linear."""
    x, y = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--jscpd", type=Path, help="program of jscpd 5")
    parser.add_argument("--curve", action="store_true", help="also measure shares of the first folder")
    ends = ["families", "similar_index"]
    parser.add_argument("--until", action="append", choices=ends, default=[], help="where runs end, without votes")
    given = parser.parse_args()
    machine = measured_at()
    options = [word for asset in given.until for word in ("--until", asset)]
    results: list[Result] = []
    curve: list[Result] = []
    for number, folder in enumerate(given.folders):
        tree = read_tree(folder)
        if given.curve and number == 0:
            shares = ((tree.sample(share), f"{share:g}") for share in CURVE)
            curve = [measure(*share, options, jscpd=None, with_increment=False) for share in shares]
        results.append(measure(tree, folder.name, options, jscpd=given.jscpd, with_increment=True))
        _write(machine, results, [*curve, results[0]] if curve else [])


def _write(machine: dict[str, Any], results: list[Result], curve: list[Result]) -> None:
    """After each folder, so that what was measured is not lost with a later one."""
    costs = {
        "megabytes": [round(result.megabytes, 2) for result in curve],
        "wall_s": [result.first.cost.wall_s for result in curve],
        "cpu_s": [result.first.all_cpu_s for result in curve],
        "phases_cpu": [result.first.phases_cpu for result in curve],
    }
    found: dict[str, Any] = {
        "machine": machine,
        "results": [{**asdict(result), "ratios": result.ratios()} for result in results],
    }
    if curve:
        found["curve"] = {**costs, "exponent_cpu": exponent(costs["megabytes"], costs["cpu_s"])}
    table = markdown(machine, results, found.get("curve"))
    write("speed", found, table)
    print(table)


def markdown(machine: dict[str, Any], results: list[Result], curve: dict[str, Any] | None) -> str:
    lines = [
        f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']} at the start.",
        "",
        f"| | {' | '.join(result.name for result in results)} |",
        f"|---|{'---:|' * len(results)}",
    ]
    rows = [_figures(result) for result in results]
    lines += [f"| {name} | {' | '.join(_cell(row.get(name)) for row in rows)} |" for name in rows[0]]
    phases = sorted({phase for result in results for phase in result.first.phases})
    for phase in phases:
        cells = [
            f"{_cell(result.first.phases_cpu.get(phase))} / "
            f"{_cell(result.increment.phases_cpu.get(phase) if result.increment else None)}"
            for result in results
        ]
        lines.append(f"| CPU seconds in {phase}: first run / ten files changed | {' | '.join(cells)} |")
    if curve:
        sizes = ", ".join(
            f"{size:,.1f} MB: {cpu:,.0f} s" for size, cpu in zip(curve["megabytes"], curve["cpu_s"], strict=True)
        )
        lines += ["", f"Cost curve, CPU seconds with Postgres: {sizes}; exponent {curve['exponent_cpu']:.2f}."]
    return "\n".join(lines) + "\n"


def _figures(result: Result) -> dict[str, float | None]:
    first, increment = result.first, result.increment
    found: dict[str, float | None] = {
        "files": result.files,
        "megabytes": result.megabytes,
        "definitions": first.counts.get("snippets"),
        "patterns": first.counts.get("patterns"),
        "families": first.counts.get("families"),
        "first run, seconds": first.cost.wall_s,
        "first run, CPU seconds": first.cost.cpu_s,
        "first run, CPU seconds of Postgres": first.cost.server_cpu_s,
        "peak memory, MiB (PSS, all processes)": first.cost.peak_mib,
        "peak memory of one process, MiB": first.cost.peak_of_one_mib,
        "nothing new, seconds": result.again.cost.wall_s if result.again else None,
        "ten files changed, seconds": increment.cost.wall_s if increment else None,
        "ten files changed, seconds until families": increment.until_families_s if increment else None,
        "ten files changed, CPU seconds": increment.cost.cpu_s if increment else None,
        "ten files changed, CPU seconds of Postgres": increment.cost.server_cpu_s if increment else None,
        "bare parse, CPU seconds": result.parse_cpu_s,
    }
    for name, said in result.jscpd.items():
        found |= {
            f"jscpd {name}, CPU seconds": said["cpu_s"],
            f"jscpd {name}, MiB": said["peak_mib"],
            f"jscpd {name}, clones": said.get("clones"),
        }
    return found | {name.replace("_", " "): value for name, value in result.ratios().items()}


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
