"""Which lines tests ran, as coverage.py, lcov and Cobertura tell it, in one form.

Where reports are found lives in `reports`; what share is enough, in `coverage`.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Set
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from stemma.gates.answers import CannotTellError
from stemma.gates.reports import Report, read_json

PLACES = (
    ".coverage", "coverage.json", "coverage.xml", "coverage.lcov", "lcov.info", "cobertura.xml",
    "cobertura-coverage.xml", "coverage/lcov.info", "coverage/cobertura-coverage.xml", "coverage/coverage.xml",
    "coverage/coverage.json", "reports/coverage.xml", "build/coverage.xml", "target/site/cobertura/coverage.xml",
)  # fmt: skip

LINES = pl.Schema({"path": pl.String, "line": pl.Int64, "is_run": pl.Boolean})
"""One row per line that can be run; `path` as the report has it, joined to its source folder."""

_Line = tuple[str, int, bool]
_LCOV_LINE = re.compile(r"DA:(\d{1,9}),(-?\d{1,18})(?:,.*)?")
_NUMBER = re.compile(r"\d{1,9}")


def read_lines(report: Report, root: Path, known: Set[str]) -> pl.DataFrame:
    """The lines of a report (`LINES`), each once: run where any of its tests ran it.

    Args:
        known: files of the checkout, relative to `root`. A database of coverage.py holds which lines were run and not
            which could have been: that is read from these files, which are parsed and never run.

    Raises:
        CannotTellError: it is in none of the formats, or not well-formed in its own.
    """
    rows = pl.DataFrame(list(_rows(report, root, known)), schema=LINES, orient="row")
    if rows.is_empty():
        raise CannotTellError(f"{report.name} names no line that could be run.")
    return rows.group_by("path", "line").agg(pl.col("is_run").any()).sort("path", "line")


def in_checkout(path: str, root: Path, known: Set[str]) -> str | None:
    """The file of the checkout that a report means; None where there is none.

    A report may come from another machine, where the checkout stood elsewhere: then folders are left off from the
    start, as long as a folder and a name stay.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    top = root.parts
    if parts[: len(top)] == top:
        parts = parts[len(top) :]
    is_absolute = bool(parts) and (parts[0] == "/" or re.fullmatch("[A-Za-z]:", parts[0]) is not None)
    for start in range(1 if is_absolute else 0, max(1, len(parts) - 1)):
        if (found := "/".join(parts[start:])) in known:
            return found
    return None


def _rows(report: Report, root: Path, known: Set[str]) -> Iterator[_Line]:
    start = report.content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"SQLite format 3\0"):
        return _database(report, root, known)
    if start.startswith(b"<"):
        return _cobertura(report)
    if start.startswith(b"{"):
        return _coverage_json(report)
    if re.match(rb"(TN|SF):", start):
        return _lcov(report)
    raise CannotTellError(f"{report.name} is no report of coverage.py, lcov or Cobertura.")


def _coverage_json(report: Report) -> Iterator[_Line]:
    files = read_json(report).get("files")
    if not isinstance(files, dict):
        raise CannotTellError(f"{report.name} is no JSON report of coverage.py: it has no files.")
    for path, told in files.items():
        text = path.encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair
        for name, is_run in (("executed_lines", True), ("missing_lines", False)):
            lines = told.get(name) if isinstance(told, dict) else None
            if not isinstance(lines, list) or not all(_is_line(line) for line in lines):
                raise CannotTellError(f"{report.name} is no JSON report of coverage.py: a file has no {name}.")
            yield from ((text, line, is_run) for line in lines)


def _is_line(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _lcov(report: Report) -> Iterator[_Line]:
    path = None
    for number, line in enumerate(io.StringIO(report.content.decode("utf-8", "replace")), 1):
        told = line.strip()
        if told.startswith("SF:"):
            path = told[3:]
        elif told == "end_of_record":
            path = None
        elif told.startswith("DA:"):
            found = _LCOV_LINE.fullmatch(told)
            if found is None or path is None:
                raise CannotTellError(f"{report.name} is not well-formed lcov: line {number} cannot be read.")
            if int(found[1]):  # geninfo tells of line 0 what belongs to none
                yield path, int(found[1]), int(found[2]) > 0


def _cobertura(report: Report) -> Iterator[_Line]:
    """Element by element, so that a large report is no large tree. Entities are refused: they swell without bound."""
    sources: list[str] = []
    path, is_cobertura = "", False
    try:
        for event, element in iterparse(io.BytesIO(report.content), events=("start", "end")):
            if event == "start":
                if not is_cobertura and element.tag != "coverage":
                    raise CannotTellError(f"{report.name} is XML, and no Cobertura report.")
                is_cobertura = True
                if element.tag == "class":
                    path = _below(sources, element.get("filename", ""))
                continue
            if element.tag == "source":
                sources.append((element.text or "").strip())
            elif element.tag == "line":
                number, hits = element.get("number", ""), element.get("hits", "")
                if not _NUMBER.fullmatch(number) or not _NUMBER.fullmatch(hits):
                    raise CannotTellError(f"{report.name} is not well-formed Cobertura: a line has no number or hits.")
                yield path, int(number), int(hits) > 0
            element.clear()
    except DefusedXmlException as error:
        raise CannotTellError(f"{report.name} holds XML entities, which no Cobertura report needs.") from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise CannotTellError(f"{report.name} is not well-formed Cobertura: {str(error)[:200]}.") from error


def _below(sources: Iterable[str], name: str) -> str:
    """Where there is one source folder the name is relative to it; of several nobody says to which."""
    folders = [source for source in sources if source]
    return f"{folders[0].rstrip('/')}/{name}" if len(folders) == 1 and not name.startswith("/") else name


def _database(report: Report, root: Path, known: Set[str]) -> Iterator[_Line]:
    """A `.coverage` file, through coverage.py itself, under no configuration and with no plugin of the project."""
    from coverage import Coverage, CoverageData
    from coverage.exceptions import CoverageException

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "recorded")
        copy.write_bytes(report.content)
        try:
            recorded, here = CoverageData(str(copy)), CoverageData(str(Path(folder, "here")))
            recorded.read()
            places = {path: in_checkout(path, root, known) for path in recorded.measured_files()}
            here.update(recorded, map_path=lambda path: _on_disk(root, places.get(path) or path))
            here.write()
            analysed = Coverage(data_file=here.data_filename(), config_file=False)
            analysed.load()
        except CoverageException as error:
            raise CannotTellError(f"{report.name} is no database that coverage.py can read.") from error
        for path in sorted(filter(None, places.values())):
            try:
                _, statements, _, missing, _ = analysed.analysis2(_on_disk(root, path))
            except (CoverageException, RecursionError):  # no Python, or no longer: nothing is known of it
                continue
            gone = set(missing)
            yield from ((path, line, line not in gone) for line in statements)


def _on_disk(root: Path, path: str) -> str:
    return os.path.join(root, path)  # noqa: PTH118 - coverage.py knows files by their text
