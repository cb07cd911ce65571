"""Real functions of released packages, cut out so that each stands alone in a file; what is mutated and what is not.

Which packages is said in `released`; a function is kept when it is of the sizes clone benchmarks count.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from bench.clones.functions import extracted, patterns_of, runs_only
from bench.clones.released import Package
from bench.clones.syntax import DIALECTS, is_sound, parse
from stemma.languages import LANGUAGES

MIN_TOKENS, MAX_TOKENS, MIN_LINES = 50, 1_500, 6
"""BigCloneBench's bounds below; above it a function is a table."""
MAX_FILES = 150
PER_PACKAGE = 400
_LEFT_OUT = (
    "/node_modules/",
    "/dist/",
    "/umd/",
    "/vendor/",
    "/_vendor/",
    ".min.",
    "/tests/data/",
    "/__pycache__/",
    ".d.ts",
)


@dataclass(frozen=True)
class Original:
    """One function in a file of its own."""

    language: str
    package: str
    place: str
    """path:qualified name, within the package."""
    name: str
    pattern_id: str
    n_tokens: int
    text: bytes


def originals(package: Package) -> list[Original]:
    """Functions of a package, each normal form once, in an order that is the same on every run.

    Those are left out that are no function when they stand alone, as a method of an object literal.
    """
    files = dict(files_of(package))
    if not files:
        return []
    snippets, _ = extracted(files, package.language)
    wanted = (
        runs_only(snippets)
        .filter(
            pl.col("n_tokens").is_between(MIN_TOKENS, MAX_TOKENS)
            & (pl.col("end_line") - pl.col("start_line") + 1 >= MIN_LINES)
        )
        .unique("pattern_id", keep="first", maintain_order=True)
    )
    rows = sorted(wanted.iter_rows(named=True), key=lambda row: _order(package.label, _place(row)))
    texts: dict[int, bytes] = {}
    for opening in DIALECTS[package.language].wrappers:
        tried = {
            n: _alone(package.language, opening, files[row["blob_oid"]], row["start_byte"], row["end_byte"])
            for n, row in enumerate(rows)
            if n not in texts
        }
        sound = {n: text for n, text in tried.items() if is_sound(parse(package.language, text))}
        read = patterns_of(sound, package.language) if sound else pl.DataFrame()
        for n, pattern_id in read.select("function_id", "pattern_id").iter_rows() if len(read) else ():
            if pattern_id == rows[n]["pattern_id"]:
                texts[n] = sound[n]
    return [_original(package, rows[n], texts[n]) for n in sorted(texts)][:PER_PACKAGE]


def _place(row: dict[str, Any]) -> str:
    return f"{row['blob_oid']}:{row['qualified_name']}"


def _original(package: Package, row: dict[str, Any], text: bytes) -> Original:
    place = (package.language, package.label, _place(row), row["name"])
    return Original(*place, row["pattern_id"], row["n_tokens"], text)


def _order(*parts: str) -> bytes:
    """A shuffle that a new release does not change for the functions that stay."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()


def files_of(package: Package) -> Iterator[tuple[str, bytes]]:
    suffixes = {
        suffix for suffix, grammar in LANGUAGES[package.language].suffixes.items() if grammar == package.language
    }
    paths = []
    for path in package.folder.rglob("*"):
        inside = "/" + path.relative_to(package.folder).as_posix()
        is_wanted = path.suffix in suffixes and not any(mark in inside for mark in _LEFT_OUT)
        if is_wanted and path.is_file() and not path.is_symlink() and path.stat().st_size < 400_000:
            paths.append((inside[1:], path))
    for inside, path in sorted(paths, key=lambda pair: _order(package.label, pair[0]))[:MAX_FILES]:
        content = path.read_bytes()
        if _is_plain(content):
            yield inside, content


def _is_plain(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\r" not in content and b"\0" not in content and not content.startswith(b"\xef\xbb\xbf")


def _alone(language: str, opening: bytes, content: bytes, start: int, end: int) -> bytes:
    """The definition's own lines, wrapped where its language needs that."""
    line = content.rfind(b"\n", 0, start) + 1
    lead = content[line:start]
    body = (lead if not lead.strip() else b"") + content[start:end]
    if language == "python":
        body = textwrap.dedent(body.decode()).encode()
    return opening + body.rstrip() + (b"\n}\n" if opening else b"\n")
