"""Where the silence of our security rules is no clean bill: code that reaches a shell, an interpreter or reflection by
an alias or a computed name. What is looked for is data, `stemma/quorum/packs/doubts.yaml`; who abstains over it is
`stemma.quorum.members.packs`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl
import yaml  # type: ignore[import-untyped]

from stemma.ids import content_id
from stemma.quorum.members.base import FILES

_PACK = "doubts.yaml"
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_IS_WORD = r"(?<![\w$])(?:{})(?![\w$])"
_ASSIGNED = re.compile(
    r"(?<![\w$])(?P<name>[A-Za-z_$][\w$]*+)(?:\s*:\s*[\w.<>\[\], |]{1,200}?)?\s*"
    r"(?::=|=(?![=>]))(?P<value>[^;\n]{0,2000})"
)
# What is taken out of an object at once; what is set in one; what a short function makes of its parameters.
_TAKEN_APART = re.compile(r"\{(?P<names>[^{}=;]{1,300})\}\s*=(?![=>])(?P<value>[\w$.\s]{1,200}[;\n])")
_SET_IN = re.compile(
    r"(?<![\w$])(?P<name>[A-Za-z_$][\w$]*+)(?P<value>(?:\.\w{1,60}|\[[^\]\n]{1,200}\])\s*=(?![=>])[^;\n]{0,500})"
)
_SHORT = (
    re.compile(
        r"(?<![\w$])(?P<name>[A-Za-z_$][\w$]*+)\s*\((?P<taken>[^(){};]{1,300})\)[^(){};=]{0,120}"
        r"\{(?P<value>[^{}]{0,300}(?:\{[^{}]{0,300}\}[^{}]{0,100}){0,2})\}"
    ),
    re.compile(
        r"(?m)^[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>\w+)\((?P<taken>[^()]{1,300})\)[^:\n]{0,100}:"
        r"(?P<value>[^\n]{0,200}\n(?:[ \t]+[^\n]{0,200}\n){0,4})(?![ \t]+\S)"
    ),
)
_HANDED_ON = re.compile(
    r"^\s*(?:async\s*)?(?:<[^>]{0,80}>\s*)?(?:\([^()]{0,300}\)|[\w$]+)[^=\n]{0,80}[-=]>|^\s*lambda\b"
)
_NOT_CALLED_SO = frozenset(
    {"if", "for", "while", "switch", "catch", "function", "return", "func", "with", "synchronized"}
)
_CALLED = re.compile(r"(?:\s*\.\s*\w+)*?(?<!bind)(?<!partial)\s*\(")
_RENAMED = re.compile(r"[\w$]+\s*(?::|\bas\b)\s*([A-Za-z_$][\w$]*)")
_WRAPS = "=>"
_EVERYTHING = "*"  # a module's names all taken at once: whatever the file calls may be one of them
_MAX_STEPS = 5  # from one variable to the next; whoever goes further is doubted for it
_MAX_NAMES = 200  # of one file: minified code gives thousands, and then all of it is doubted
_CONNECTIVES = frozenset({"import", "as", "from", "const", "let", "var", "type", "default", "await"})


@dataclass(frozen=True)
class Reach:
    """What reaches further than rules see, and how it gets into a file: taken from a module, or by an expression."""

    modules: re.Pattern[str]
    expressions: re.Pattern[str]
    why: str


@dataclass(frozen=True)
class Doubts:
    """All of one language."""

    imports: tuple[re.Pattern[str], ...]
    powers: Reach
    sensitive: Reach
    mentions: tuple[tuple[str, str], ...]


def digest() -> str:
    """Of everything that decides a doubt but this module's code."""
    return content_id(files("stemma.quorum.packs").joinpath(_PACK).read_text(encoding="utf-8"))


@cache
def read_doubts() -> dict[str, Doubts]:
    """What is looked for, by language."""
    stated = yaml.load(files("stemma.quorum.packs").joinpath(_PACK).read_text(encoding="utf-8"), yaml.CSafeLoader)
    return {
        language: Doubts(
            imports=tuple(re.compile(pattern) for pattern in told["imports"]),
            powers=_reach(told["powers"]),
            sensitive=_reach(told["sensitive"]),
            mentions=tuple((mention["regex"], mention["why"]) for mention in told["mentions"]),
        )
        for language, told in stated.items()
    }


def _reach(told: dict[str, str]) -> Reach:
    return Reach(re.compile(told["modules"] or r"(?!)"), re.compile(told["expressions"]), told["why"])


def doubted(batch: pl.DataFrame, folder: Path) -> dict[int, str]:
    """Why texts (schema `BATCH`, their files below `folder`) cannot be vouched for, by unit."""
    return {
        unit: f"cannot vouch: {why}"
        for (language,), texts in batch.group_by("language", maintain_order=True)
        if (doubts := read_doubts().get(str(language))) is not None
        for unit, why in _doubted(texts, doubts, folder)
    }


def _doubted(texts: pl.DataFrame, doubts: Doubts, folder: Path) -> Iterator[tuple[int, str]]:
    said = pl.coalesce(pl.when(pl.col("code").str.contains(regex)).then(pl.lit(why)) for regex, why in doubts.mentions)
    # As a Python compiler reads it: compatibility letters are the plain ones, and a backslash joins two lines.
    code = pl.col("code").str.normalize("NFKC").str.replace_all(r"\\\r?\n", " ")
    told = texts.select("unit", "file", code).with_columns(why=said)
    yield from told.filter(pl.col("why").is_not_null()).select("unit", "why").iter_rows()
    for (file,), rest in told.filter(pl.col("why").is_null()).group_by("file", maintain_order=True):
        content = unicodedata.normalize("NFKC", (folder / FILES / str(file)).read_text("utf-8", "replace"))
        patterns = [(_word(names), why) for names, why in names_in(content, doubts) if names]
        for unit, text in rest.select("unit", "code").iter_rows():
            why = next((why for pattern, why in patterns if pattern.search(text)), None)
            if why is not None:
                yield unit, why


def names_in(content: str, doubts: Doubts) -> list[tuple[frozenset[str], str]]:
    """The names in a file by which something is reached, and why each group of them is doubted."""
    assigned = [(match["name"], match["value"]) for match in _ASSIGNED.finditer(content)]
    assigned += [
        (name, match["value"])
        for match in _TAKEN_APART.finditer(content)
        for name in _NAME.findall(match["names"])
        if name not in _CONNECTIVES
    ]
    set_in = [(match["name"], match["value"]) for match in _SET_IN.finditer(content)]
    wrapped = list(_wrappers(content))
    powers, _ = _taken(content, doubts.imports, doubts.powers.modules)
    powers |= _spread(powers, assigned + set_in + wrapped, doubts.powers.expressions.search)
    sensitive, renamed = _taken(content, doubts.imports, doubts.sensitive.modules)
    kept = renamed | _spread(sensitive, assigned, doubts.sensitive.expressions.search)
    kept |= {name for name, value in set_in if doubts.sensitive.expressions.search(value)}
    spoken = [(_either(regex), why) for regex, why in doubts.mentions]
    held = [(_spread(set(), assigned, at.search), why) for at, why in spoken]
    groups = [(powers, doubts.powers.why), (kept, doubts.sensitive.why), *held]
    return [(frozenset(names), why) for names, why in groups]


def _wrappers(content: str) -> Iterator[tuple[str, str]]:
    """Short functions that speak of a parameter of theirs, and what they do, as if it were put into their name."""
    for match in (match for short in _SHORT for match in short.finditer(content)):
        taken = frozenset(_NAME.findall(match["taken"]))
        if match["name"] not in _NOT_CALLED_SO and not taken.isdisjoint(_NAME.findall(match["value"])):
            yield match["name"], f"{_WRAPS}{match['value']}"


@cache
def _either(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def _taken(content: str, imports: Iterable[re.Pattern[str]], modules: re.Pattern[str]) -> tuple[set[str], set[str]]:
    """The names that a file gives to modules and to what it takes from them, and which of them are its own."""
    names: set[str] = set()
    renamed: set[str] = set()
    for pattern in imports:
        for match in pattern.finditer(content):
            if modules.fullmatch(match["module"]):
                given = match["names"] or ""
                names |= {_EVERYTHING} if given.strip() in {".", "*"} else set(_NAME.findall(given))
                names |= set() if given else {re.split(r"[/:.]", match["module"])[-1]}
                renamed |= set(_RENAMED.findall(given))
    return names - _CONNECTIVES - {"_"}, renamed


def _spread(names: set[str], assigned: list[tuple[str, str]], is_reached: Callable[[str], object]) -> set[str]:
    """The variables into which one of the names was put, or what is reached, and those into which these were put."""
    reached = {name for name, value in assigned if is_reached(value)}
    for _ in range(_MAX_STEPS):
        known = (reached | names) - {_EVERYTHING}
        if not known or len(known) > _MAX_NAMES:
            break
        word = _word(known)
        more = {name for name, value in assigned if name not in known and _is_put(word, value)}
        if not more:
            break
        reached |= more
    return reached


def _is_put(word: re.Pattern[str], value: str) -> bool:
    """Whether the value holds what is called so, or calls it with what it is given, and not only what it returned."""
    if value.startswith(_WRAPS) or _HANDED_ON.match(value):
        return word.search(value) is not None
    return any(_CALLED.match(value, match.end()) is None for match in word.finditer(value))


def _word(names: Iterable[str]) -> re.Pattern[str]:
    if _EVERYTHING in names:
        return re.compile("")
    return re.compile(_IS_WORD.format("|".join(re.escape(name) for name in sorted(names))))
