"""Where the silence of our security rules is no clean bill: code that reaches a shell, an interpreter or reflection by
an alias or a computed name. What is looked for is data, `stemma/quorum/packs/doubts.yaml`; who abstains over it is
`stemma.quorum.members.packs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
_ASSIGNED = r"(?P<name>[A-Za-z_$][\w$]*)(?:\s*:\s*[\w.<>\[\], |]+?)?\s*(?::=|=(?![=>]))(?P<value>[^;\n]*)"
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
    told = texts.select("unit", "file", "code", why=said)
    yield from told.filter(pl.col("why").is_not_null()).select("unit", "why").iter_rows()
    for (file,), rest in told.filter(pl.col("why").is_null()).group_by("file", maintain_order=True):
        names = names_in((folder / FILES / str(file)).read_text("utf-8", "replace"), doubts)
        patterns = [(_word(group), why) for group, why in names if group]
        for unit, code in rest.select("unit", "code").iter_rows():
            why = next((why for pattern, why in patterns if pattern.search(code)), None)
            if why is not None:
                yield unit, why


def names_in(text: str, doubts: Doubts) -> list[tuple[frozenset[str], str]]:
    """The names in a file by which something is reached, and why each group of them is doubted."""
    assigned = [(match["name"], match["value"]) for match in re.finditer(_ASSIGNED, text)]
    powers = _taken(text, doubts.imports, doubts.powers.modules)
    powers |= _spread(powers, assigned, doubts.powers.expressions)
    sensitive = _taken(text, doubts.imports, doubts.sensitive.modules)
    kept = _spread(sensitive, [pair for pair in assigned if _is_kept(pair[1])], doubts.sensitive.expressions)
    return [(frozenset(powers), doubts.powers.why), (frozenset(kept - sensitive), doubts.sensitive.why)]


def _is_kept(value: str) -> bool:
    """Whether a function itself is put into a variable, and not what it returned."""
    return "(" not in value or "promisify(" in value or ".bind(" in value


def _taken(text: str, imports: Iterable[re.Pattern[str]], modules: re.Pattern[str]) -> set[str]:
    """The names that a file gives to modules and to what it takes from them."""
    names: set[str] = set()
    for pattern in imports:
        for match in pattern.finditer(text):
            if modules.fullmatch(match["module"]):
                own = _NAME.findall(match["names"] or "")
                names |= set(own) or {re.split(r"[/:]", match["module"])[-1]}
    return names - _CONNECTIVES - {"_"}


def _spread(names: set[str], assigned: list[tuple[str, str]], expressions: re.Pattern[str]) -> set[str]:
    """The variables that one of the names or of the expressions was put into, and those that these were put into."""
    reached = {name for name, value in assigned if expressions.search(value)}
    for _ in range(_MAX_STEPS):
        known = reached | names
        if not known or len(known) > _MAX_NAMES:
            break
        word = _word(known)
        more = {name for name, value in assigned if name not in known and word.search(value)}
        if not more:
            break
        reached |= more
    return reached


def _word(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(_IS_WORD.format("|".join(re.escape(name) for name in sorted(names))))
