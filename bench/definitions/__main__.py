"""Compare the definitions Stemma finds with those of ctags and ast: `python -m bench.definitions [FOLDER ...]`.

Without folders it reads the packages installed beside this interpreter; with them, every file in them that Stemma has
a language for. Its figures were made on the packages and repositories named in `corpus.json`, unpacked into one
folder that was given beside that of the installed packages, with `--at-most 500`. Results are written to
`bench/results/definitions.json` and `.md`.
"""

from __future__ import annotations

import argparse
import sysconfig
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.definitions.compare import Comparison, compare
from bench.definitions.oracles import CTAGS, ctags_version
from bench.figures import RESULTS, measured_at, write
from stemma.languages import LANGUAGES, language_of


def files_of(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Files of each language, each content of one name once, in order of their paths."""
    found: dict[str, list[Path]] = defaultdict(list)
    seen: set[tuple[str, int, bytes]] = set()
    for folder in folders:
        for path in sorted([folder] if folder.is_file() else folder.rglob("*")):
            language = language_of(path.name)
            if language is None or path.is_symlink() or not path.is_file() or "\n" in str(path):
                continue
            with path.open("rb") as file:
                key = (path.name, path.stat().st_size, file.read(4_096))
            if key not in seen:
                seen.add(key)
                found[language].append(path)
    return found


def spread(paths: list[Path], at_most: int | None) -> list[Path]:
    """At most so many, evenly spread."""
    if at_most is None or len(paths) <= at_most:
        return paths
    return [paths[position * len(paths) // at_most] for position in range(at_most)]


def _within(example: str, folders: list[Path]) -> str:
    """Where it is in the folder that was given: where that one stands is nobody else's matter."""
    return next((example.removeprefix(f"{folder}/") for folder in folders if example.startswith(f"{folder}/")), example)


def readers_of(language: str) -> list[str]:
    return [*(["ctags"] if language in CTAGS else []), *(["ast"] if language == "python" else [])]


def report(comparisons: list[Comparison], machine: dict[str, Any], unread: dict[str, int]) -> str:
    lines = [
        f"Measured {machine['at']} with {machine['ctags']} on {sum(item.files for item in comparisons):,} files read "
        "(Python's twice).",
        "",
        "| language | other reader | files | it finds | Stemma too | not | unexplained | Stemma in all |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for item in comparisons:
        lines.append(
            f"| {item.language} | {item.reader} | {item.files - item.files_not_read:,} | {item.found:,} "
            f"| {item.by_both:,} | {item.found - item.by_both:,} | {item.unexplained:,} | {item.by_stemma:,} |"
        )
    lines += [f"| {language} | has none | {n:,} | | | | | |" for language, n in sorted(unread.items())]
    lines += ["", "Why Stemma has not what the other reader has, by rule (`bench/definitions/reasons.py`):", ""]
    lines += ["| reason | " + " | ".join(f"{item.language}, {item.reader}" for item in comparisons) + " |"]
    lines += ["|---|" + "---:|" * len(comparisons)]
    for why in sorted({why for item in comparisons for why in item.reasons}):
        cells = (f"{item.reasons[why]:,}" if why in item.reasons else "" for item in comparisons)
        lines.append(f"| {why} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.definitions", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="what to read; the installed packages when none is given")
    parser.add_argument("--language", choices=sorted(LANGUAGES), action="append", help="only this; repeatable")
    parser.add_argument("--at-most", type=int, help="files of each language, evenly spread over the sorted paths")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of definitions.json and definitions.md")
    arguments = parser.parse_args(given)
    found = files_of(arguments.folders or [Path(sysconfig.get_path("purelib"))])
    wanted = arguments.language or sorted(found)
    comparisons: list[Comparison] = []
    for language in sorted(set(wanted) & set(found)):
        paths = spread(found[language], arguments.at_most)
        comparisons += compare(language, paths, readers_of(language))
    for item in comparisons:
        item.examples = {
            why: [_within(text, arguments.folders) for text in texts] for why, texts in item.examples.items()
        }
    unread = {language: len(found[language]) for language in wanted if not readers_of(language)}
    machine = measured_at() | {"ctags": ctags_version()}
    table = report(comparisons, machine, unread)
    results = {"machine": machine, "no_other_reader": unread, "results": [asdict(item) for item in comparisons]}
    write("definitions", results, table, folder=arguments.output)
    print(table)


if __name__ == "__main__":
    main()
