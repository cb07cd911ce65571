"""What definitions say of themselves: run as `python -m stemma.quorum.members.documented FOLDER` over a batch's files.

Reads `batch.jsonl` and writes one row per definition of the files in it to `documented.jsonl`. What is expected of
whom, and what is held against a definition, is decided in `documentation`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docstring_parser import ParseError, parse

from stemma.extract.extractor import File, Limits, extract
from stemma.languages import LANGUAGES

# JSDoc, Javadoc, KDoc, Doxygen, PHPDoc: `@param {type} [name=default].part`, `\\param[in] name`, `@param Type $name`.
_TAGGED = re.compile(
    r"[@\\](?:param|arg|argument)\b(?:\[[^\]\n]{0,20}\])?[ \t]+"
    r"(?:\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}[ \t\n]+)?(?:[^\s$]{1,200}[ \t]+(?=[&.]*\$))?"
    r"\[?[ \t]*(?:&|\.\.\.)*\$?([A-Za-z_$][\w$]*)"
)
_XML = re.compile(r"<param\s+name\s*=\s*\"([^\"]{1,200})\"")  # C#
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")  # what else stands in such a place is prose
_TAGGED_IN = frozenset({"javascript", "typescript", "java", "kotlin", "php", "c", "cpp"})
_BYTES = 4 << 20  # what extraction read; a longer file has no text to judge
_PARSE_S = 60.0  # of one file; the whole batch is bounded from outside


def main(folder: str) -> None:
    with Path("batch.jsonl").open("rb") as lines:
        languages = {row["file"]: row["language"] for row in map(json.loads, lines)}
    with Path("documented.jsonl").open("w", encoding="utf-8") as out:
        for file, language in languages.items():
            out.writelines(json.dumps(row) + "\n" for row in _definitions(Path(folder), file, language))


def _definitions(folder: Path, file: str, language: str) -> Iterator[dict[str, Any]]:
    suffixes = LANGUAGES[language].suffixes
    grammar = suffixes.get(Path(file).suffix.lower()) or next(iter(suffixes.values()))
    read = extract([File(file, grammar, (folder / file).read_bytes())], Limits(_BYTES, _PARSE_S))
    texts = dict(zip(read.texts["exact_hash"], _rows(read.texts), strict=True))
    found = list(_rows(read.snippets))
    for definition in found:
        said = texts[definition["exact_hash"]]
        parent = None if definition["parent_ordinal"] is None else found[definition["parent_ordinal"]]
        around = texts[parent["exact_hash"]] if parent else {"modifiers": []}
        doc = definition["docstring"] or ""
        yield {
            "file": file,
            **{name: definition[name] for name in ("kind", "qualified_name", "start_line", "end_line", "is_test")},
            "docstring": doc.encode("utf-8", "replace").decode(),
            "named": sorted({name for name in named(language, doc) if _NAME.fullmatch(name)}),
            **{name: said[name] for name in ("modifiers", "annotations")},
            "parameters": [name.lstrip("$") if language == "php" else name for name in said["parameters"]],
            "parameter_list": said["parameter_list"] or "",
            "parent_kind": parent["kind"] if parent else None,
            "parent_modifiers": around["modifiers"],
        }


def named(language: str, doc: str) -> Iterable[str]:
    """Parameters that a docstring or comment names as such, in the formats of its language."""
    if language == "python":
        return _named_in_docstring(doc)
    if language == "csharp":
        return _XML.findall(doc)
    return _TAGGED.findall(doc) if language in _TAGGED_IN else ()


def _named_in_docstring(doc: str) -> Iterator[str]:
    try:
        told = parse(doc).params
    except (ParseError, ValueError, IndexError, RecursionError):
        return  # written in no format, or half in one
    for parameter in told:
        if parameter.args and parameter.args[0] in ("attribute", "raises"):
            continue
        for name in parameter.arg_name.split(","):
            yield name.strip().lstrip("\\*").replace("\\", "")


def _rows(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


if __name__ == "__main__":
    main(sys.argv[1])
