"""Real functions of released packages, cut out so that each stands alone in a file; what is mutated and what is not.

Which packages is said in `released`; a function is kept when it is of the sizes clone benchmarks count.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench.clones.functions import extracted, runs_only
from bench.clones.released import Package
from bench.clones.syntax import DIALECTS, is_sound, parse
from stemma.languages import LANGUAGES

MIN_TOKENS, MAX_TOKENS, MIN_LINES = 50, 1_500, 6
"""BigCloneBench's bounds below; above it a function is a table."""
MAX_FILES = 150
PER_PACKAGE = 400
_LEFT_OUT = ("/node_modules/", "/dist/", "/umd/", "/vendor/", "/_vendor/", ".min.", "/tests/data/", "/__pycache__/", ".d.ts")


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
    """Functions of a package, each normal form once, in an order that is the same on every run."""
    files = dict(_files(package))
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
    found = []
    for row in wanted.iter_rows(named=True):
        text = _alone(package.language, files[row["blob_oid"]], row["start_byte"], row["end_byte"])
        if text is not None:
            place = f"{row['blob_oid']}:{row['qualified_name']}"
            key = (package.language, package.label, place, row["name"], row["pattern_id"], row["n_tokens"])
            found.append(Original(*key, text))
    return sorted(found, key=lambda one: _order(one.package, one.place))[:PER_PACKAGE]


def _order(*parts: str) -> bytes:
    """A shuffle that a new release does not change for the functions that stay."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()


def _files(package: Package) -> Iterator[tuple[str, bytes]]:
    suffixes = {suffix for suffix, grammar in LANGUAGES[package.language].suffixes.items() if grammar == package.language}
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


def _alone(language: str, content: bytes, start: int, end: int) -> bytes | None:
    """The definition's own lines, wrapped where its language needs that; None where it does not parse alone."""
    line = content.rfind(b"\n", 0, start) + 1
    lead = content[line:start]
    body = (lead if not lead.strip() else b"") + content[start:end]
    if language == "python":
        body = textwrap.dedent(body.decode()).encode()
    for opening in DIALECTS[language].wrappers:
        text = opening + body.rstrip() + (b"\n}\n" if opening else b"\n")
        if is_sound(parse(language, text)):
            return text
    return None
