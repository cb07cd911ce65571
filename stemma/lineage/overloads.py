"""Which of several definitions of one name a declaration means: the types of its parameters, as they are written.

How overloads are paired by them is told in `pairing`; what a parameter list is, in `stemma.extract`.
"""

from __future__ import annotations

import re

import polars as pl

from stemma.lineage.contents import Contents

_OPEN, _CLOSE = "([{<", ")]}>"
_ANNOTATION = re.compile(r"@[\w.]+(?:\([^()]*\))?\s*")
_MODIFIER = re.compile(r"\b(?:final|const|out|ref|in|params|vararg|mut)\b\s*")
_BLANKS = re.compile(r"\s+")


# Where a name may be defined several times, and its parameters' types say which is meant.
TYPED = frozenset({"java", "csharp", "cpp", "kotlin", "swift", "typescript", "tsx"})


def with_types(contents: Contents, versions: pl.DataFrame) -> pl.DataFrame:
    """The versions with `types`; null where the language does not tell definitions apart by them."""
    typed = versions.filter(pl.col("language").is_in(TYPED))
    wanted = typed.select("exact_hash", "language").unique(maintain_order=True)
    lists = contents.texts(wanted).select("exact_hash", "language", "parameter_list")
    distinct = lists["parameter_list"].drop_nulls().unique(maintain_order=True)
    types = pl.DataFrame(
        {"parameter_list": distinct, "types": pl.Series([parameter_types(each) for each in distinct], dtype=pl.String)}
    )
    known = lists.join(types, on="parameter_list", how="left", maintain_order="left").drop("parameter_list")
    return versions.join(known, on=["exact_hash", "language"], how="left", maintain_order="left")


def parameter_types(written: str) -> str:
    """Types of a parameter list, joined by commas: names, defaults, annotations and modifiers left out.

    `int a` and `a: int` are both `int`; a parameter without a type is itself, for there its name is all there is.
    """
    text = _MODIFIER.sub("", _ANNOTATION.sub("", written.strip()))
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return ",".join(_type(part) for part in _split(text) if part.strip())


def _split(text: str) -> list[str]:
    """At the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth = max(depth - 1, 0)
        elif character == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _type(parameter: str) -> str:
    declared = parameter.split("=", 1)[0].strip()
    name, colon, after = declared.partition(":")
    if colon and not after.startswith(":"):  # `std::string` names a type
        return _BLANKS.sub("", after)
    before, blank, name = declared.rpartition(" ")
    if not blank:
        return declared
    return _BLANKS.sub("", before) + "".join(mark for mark in name if mark in "*&[]")
