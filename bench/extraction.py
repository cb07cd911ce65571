"""Time extraction against the bare parse of the same bytes, per language: `python -m bench.extraction [FOLDER ...]`.

Without folders it reads the packages installed beside this interpreter. With `--history`, the folders are git
repositories, and what is read are the versions of the files that changed most often: most definitions of a history
are met again. Both run in this process on one core, in turn, several times, each time as if nothing had been read
before; figures are medians of CPU seconds, and of the ratios of neighbours in time, for a busy machine slows both. It
was tried on the Python packages networkx and sqlalchemy, npm's rxjs 7.8.2, and google/gson, gin-gonic/gin, redis/redis,
pallets/flask; and on the histories of apache/commons-lang, pallets/flask and gin-gonic/gin. Results:
`bench/results/extraction.json` and `.md`, of histories `extraction_history.*`.
"""

from __future__ import annotations

import argparse
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.figures import RESULTS, measured_at, write
from stemma.extract.contents import CACHE
from stemma.extract.extractor import File, Limits, extract
from stemma.extract.grammars import load
from stemma.extract.source import prepare
from stemma.extract.vocabulary import VOCABULARY
from stemma.git.blob import blob_id
from stemma.languages import grammar_of

ROUNDS = 3
MAX_BYTES = 1_000_000
"""Of each grammar, at most so much is read, in the order of the paths."""
MIN_BYTES = 200_000
LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=60)
BATCH_FILES = 100
MAX_VERSIONS = 40
MAX_HISTORY_BYTES = 4_000_000
MAX_COMMITS = 2_000


@dataclass(frozen=True)
class Speed:
    """One grammar's figures; MB are 10**6 bytes, seconds the CPU's."""

    grammar: str
    files: int
    megabytes: float
    definitions: int
    parse_s: float
    extract_s: float
    ratio: float
    parse_mb_per_s: float
    extract_mb_per_s: float
    definitions_per_s: float


def sources(folders: Iterable[Path]) -> dict[str, list[File]]:
    """Files by grammar, each content once; those that extraction would skip are left out."""
    found: dict[str, dict[str, File]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            grammar = grammar_of(path.name)
            if grammar is None or path.is_symlink() or not path.is_file():
                continue
            known = found.setdefault(grammar, {})
            if sum(len(file.content or b"") for file in known.values()) >= MAX_BYTES:
                continue
            content = path.read_bytes()
            if prepare(content, LIMITS.max_file_bytes).reason is None:
                oid = blob_id(content)
                known[oid] = File(oid, grammar, content, len(content))
    return {grammar: list(files.values()) for grammar, files in sorted(found.items())}


def versions(repositories: Iterable[Path]) -> dict[str, list[File]]:
    """Versions of the files of each grammar that changed most often, versions of one file next to one another."""
    found: dict[str, dict[str, File]] = {}
    for repository in repositories:
        changed: dict[str, list[str]] = {}
        raw = ("log", "--first-parent", f"-n{MAX_COMMITS}", "--format=", "--raw", "--no-abbrev", "--no-renames", "-z")
        fields = iter(_git(repository, *raw, "HEAD").decode("utf-8", "replace").split("\0"))
        for field in fields:
            if field.startswith(":"):
                oid, path = field.split()[3], next(fields)
                if oid.strip("0") and grammar_of(path) is not None:
                    changed.setdefault(path, []).append(oid)
        for path in sorted(changed, key=lambda path: (-len(changed[path]), path)):
            known = found.setdefault(str(grammar_of(path)), {})
            for oid in changed[path][:MAX_VERSIONS]:
                if sum(file.n_bytes for file in known.values()) < MAX_HISTORY_BYTES:
                    content = _git(repository, "cat-file", "blob", oid)
                    if prepare(content, LIMITS.max_file_bytes).reason is None:
                        known[oid] = File(oid, str(grammar_of(path)), content, len(content))
    return {grammar: list(files.values()) for grammar, files in sorted(found.items())}


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", repository, *arguments], check=True, capture_output=True).stdout


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def parse(files: list[File]) -> None:
    parser = load(files[0].grammar).parser
    for file in files:
        parser.parse(file.content or b"")


def read(files: list[File]) -> int:
    """Definitions found, by an extractor that has read nothing before."""
    VOCABULARY.forget()
    CACHE.clear()
    batches = (files[at : at + BATCH_FILES] for at in range(0, len(files), BATCH_FILES))
    return sum(len(extract(batch, LIMITS).snippets["name"]) for batch in batches)


def measure(grammar: str, files: list[File]) -> Speed:
    n_definitions = read(files)  # also loads the grammar
    times = [(cpu_seconds(lambda: parse(files)), cpu_seconds(lambda: read(files))) for _ in range(ROUNDS)]
    parse_s, extract_s = (median(column) for column in zip(*times, strict=True))
    megabytes = sum(len(file.content or b"") for file in files) / 1e6
    return Speed(
        grammar=grammar,
        files=len(files),
        megabytes=megabytes,
        definitions=n_definitions,
        parse_s=parse_s,
        extract_s=extract_s,
        ratio=median(extracted / parsed for parsed, extracted in times),
        parse_mb_per_s=megabytes / parse_s,
        extract_mb_per_s=megabytes / extract_s,
        definitions_per_s=n_definitions / extract_s,
    )


def table(speeds: list[Speed], machine: dict[str, object]) -> str:
    lines = [
        f"Measured {machine['at']} on one of {machine['cores']} cores, load {machine['load']}; medians of {ROUNDS}.",
        "",
        "| grammar | files | MB | definitions | parse MB/s | extraction MB/s | definitions/s | extraction / parse |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for speed in speeds:
        cells = (
            speed.grammar,
            f"{speed.files:,}",
            f"{speed.megabytes:.2f}",
            f"{speed.definitions:,}",
            f"{speed.parse_mb_per_s:.1f}",
            f"{speed.extract_mb_per_s:.2f}",
            f"{speed.definitions_per_s:,.0f}",
            f"{speed.ratio:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what was asked for, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(sysconfig.get_path("purelib"))])
    parser.add_argument("--history", action="store_true", help="the folders are git repositories: read versions")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    arguments = parser.parse_args()
    found = versions(arguments.folders) if arguments.history else sources(arguments.folders)
    speeds = [
        measure(grammar, files)
        for grammar, files in found.items()
        if sum(len(file.content or b"") for file in files) >= MIN_BYTES
    ]
    machine = measured_at()
    results = {"machine": machine, "results": [asdict(speed) for speed in speeds]}
    name = "extraction_history" if arguments.history else "extraction"
    write(name, results, table(speeds, machine), folder=arguments.output)
    print(table(speeds, machine))


if __name__ == "__main__":
    main()
