"""Time the main job on this project's history and on the files of installed packages; write JSON and a Markdown table.

Each corpus is run three times from an empty data folder: everything new, nothing new, one file changed. Times are
wall seconds of the whole command on this machine, its load beside them; CPU seconds are summed over the phases.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures import measured_at, write

ROOT = Path(__file__).parent.parent
# Enough packages for two thousand files, of several authors and styles.
PACKAGES = ("dagster", "sqlalchemy", "great_expectations", "pydantic", "rich", "typer", "networkx", "alembic")


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that others may enter: under root, Postgres runs as another user."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@dataclass(frozen=True)
class Run:
    """One `stemma run`: seconds of the whole command, and what it reported itself."""

    wall_s: float
    report: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What one corpus came to. Rates are over the phase that does the work; None where that phase had nothing to do."""

    corpus: str
    files: int
    megabytes_parsed: float
    snippets: int
    first_run_s: float
    cpu_s: float
    peak_memory_mib: float
    extraction_files_per_s: float | None
    extraction_mb_per_s: float | None
    extraction_snippets_per_s: float | None
    second_run_s: float
    second_run_ratio: float
    one_file_run_s: float
    one_file_contents_parsed: int
    phases: dict[str, float]


def stemma(data_dir: Path, *arguments: str) -> Any:
    """Run the command on data of its own; its JSON.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    command = [sys.executable, "-m", "stemma", *arguments, "--json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "STEMMA_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def run(data_dir: Path) -> Run:
    start = time.monotonic()
    report = stemma(data_dir, "run")
    return Run(time.monotonic() - start, report)


def measure(corpus: str, source: Path, changed_file: Path) -> Result:
    """Run a corpus three times; `changed_file` is appended a function before the third."""
    with open_folder("stemma-bench-") as folder:
        data_dir = folder / "data"
        stemma(data_dir, "repo", "add", str(source), "--name", corpus)
        first, second = run(data_dir), run(data_dir)
        with changed_file.open("a") as file:
            file.write("\n\ndef added_by_the_benchmark(values):\n    return [value * 2 for value in values if value]\n")
        if (source / ".git").exists():
            subprocess.run(["git", "-C", source, "commit", "--quiet", "--all", "--message", "One file"], check=True)
        third = run(data_dir)
    return _result(corpus, first, second, third)


def _result(corpus: str, first: Run, second: Run, third: Run) -> Result:
    counts = first.report["counts"]
    phases = {phase["phase"]: phase["seconds"] for phase in first.report["phases"]}
    megabytes = counts["bytes_parsed"] / 1e6
    seconds = phases.get("extraction")
    return Result(
        corpus=corpus,
        files=counts["files"],
        megabytes_parsed=megabytes,
        snippets=counts["snippets"],
        first_run_s=first.wall_s,
        cpu_s=sum(phase["cpu_seconds"] for phase in first.report["phases"]),
        peak_memory_mib=first.report["last_run"]["peak_memory_mib"],
        extraction_files_per_s=counts["contents_parsed"] / seconds if seconds else None,
        extraction_mb_per_s=megabytes / seconds if seconds else None,
        extraction_snippets_per_s=counts["snippets"] / seconds if seconds else None,
        second_run_s=second.wall_s,
        second_run_ratio=second.wall_s / first.wall_s,
        one_file_run_s=third.wall_s,
        one_file_contents_parsed=third.report["counts"]["contents_parsed"] - counts["contents_parsed"],
        phases=phases,
    )


def corpora(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Name, source and the file to change of each corpus; copies, so that nothing here is touched."""
    own = folder / "stemma"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(own)], check=True)
    for key, value in (("user.name", "bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "-C", own, "config", key, value], check=True)
    yield "stemma", own, own / "stemma" / "ids.py"
    packages = folder / "packages"
    for package in PACKAGES:
        shutil.copytree(
            Path(sysconfig.get_path("purelib")) / package,
            packages / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    yield "packages", packages, packages / "rich" / "console.py"


def markdown(results: list[Result], machine: dict[str, Any]) -> str:
    names = [name for name in asdict(results[0]) if name not in ("corpus", "phases")]
    lines = [f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']}.", ""]
    lines += [f"| | {' | '.join(result.corpus for result in results)} |", f"|---|{'---:|' * len(results)}"]
    for name in names:
        lines.append(f"| {name} | {' | '.join(_cell(getattr(result, name)) for result in results)} |")
    for phase in sorted({phase for result in results for phase in result.phases}):
        lines.append(f"| seconds in {phase} | {' | '.join(_cell(result.phases.get(phase)) for result in results)} |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def main() -> None:
    machine = measured_at()
    with open_folder("stemma-corpora-") as folder:
        results = [measure(*corpus) for corpus in corpora(folder)]
    table = markdown(results, machine)
    write("phases", {"machine": machine, "results": [asdict(result) for result in results]}, table)
    print(table)


if __name__ == "__main__":
    main()
