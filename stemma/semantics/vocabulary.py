"""The curated words, verbs and libraries of `vocabulary.toml` as frames. How they are weighed is said in `evidence`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import polars as pl

from stemma.ids import content_id

_SEPARATORS = re.compile(r"[./:\\]+")
_HEADER = re.compile(r"\.(?:h|hpp|hh|hxx|js|mjs|ts|dart|php|rb)$")
_MAX_PARTS = 6
_MAX_CHARACTERS = 200


@dataclass(frozen=True)
class Vocabulary:
    """Frames (word, domain) and (verb, theme), libraries with their domains, and a version that is their hash."""

    words: pl.DataFrame
    verbs: pl.DataFrame
    libraries: dict[str, tuple[str, ...]]
    version: str


@cache
def load_vocabulary() -> Vocabulary:
    text = (files("stemma.semantics") / "vocabulary.toml").read_text("utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    words = [(word, domain) for domain, entry in data["domains"].items() for word in entry["words"]]
    verbs = [(verb, theme) for theme, found in data["themes"].items() for verb in found]
    libraries: dict[str, tuple[str, ...]] = {}
    for domain, entry in data["domains"].items():
        for library in entry["libraries"]:
            libraries[library] = (*libraries.get(library, ()), domain)
    return Vocabulary(
        pl.DataFrame(words, schema={"word": pl.String, "domain": pl.String}, orient="row"),
        pl.DataFrame(verbs, schema={"word": pl.String, "theme": pl.String}, orient="row"),
        libraries,
        content_id(text)[:8],
    )


@lru_cache(maxsize=100_000)
def library_of(imported: str) -> tuple[str, tuple[str, ...]] | None:
    """The known library that an import, as written, belongs to, and its domains; the longest name decides.

    `java.util.concurrent.atomic.AtomicLong` belongs to java.util.concurrent, `<openssl/ssl.h>` to openssl.
    """
    text = _HEADER.sub("", imported.strip("<>\"' ").lower()[:_MAX_CHARACTERS])
    parts = [part for part in _SEPARATORS.split(text) if part][:_MAX_PARTS]
    if parts and parts[0] in ("node", "package", "crate") and len(parts) > 1 and imported.startswith("node:"):
        parts = parts[1:]
    known = load_vocabulary().libraries
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in known:
            return name, known[name]
    return None


@lru_cache(maxsize=100_000)
def local_name(imported: str) -> str:
    """By what name code speaks of an import: its last part, `get` of `requests.get` called as `requests` aside."""
    parts = [part for part in _SEPARATORS.split(_HEADER.sub("", imported.strip("<>\"' ")[:_MAX_CHARACTERS])) if part]
    return ALIASES.get(parts[-1], parts[-1]) if parts else ""


ALIASES = {
    "numpy": "np",
    "pandas": "pd",
    "pyplot": "plt",
    "tensorflow": "tf",
    "seaborn": "sns",
    "networkx": "nx",
    "polars": "pl",
    "sqlalchemy": "sa",
}
"""Names under which nearly everybody imports these."""
