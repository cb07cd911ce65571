"""Labels read from a file (CSV or JSONL) into `labels`; what cannot be read, or contradicts another line, is named and
left out.

How reviews and outcomes become labels lives in `labels`; what is learned from them, in `refit`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.ids import content_id
from stemma.quorum.evidence import TEXT
from stemma.quorum.review import find_text
from stemma.secrets import redact_text
from stemma.store.postgres import Database
from stemma.tables import labels, polars_schema

_YES = frozenset({"true", "1", "yes", "fit"})
_NO = frozenset({"false", "0", "no", "unfit"})
_MAX_BYTES = 64 << 20
_COLUMNS = ("is_fit", "place", "pattern", "exact_hash", "reason", "labelled_by")

_Row = dict[str, str]


def import_labels(db: Database, file: Path) -> tuple[int, int, tuple[str, ...]]:
    """Read labels, and write those that contradict no other line: how many were read, how many are new, and why the
    others were left out.

    Raises:
        ConfigError: the file cannot be read, or has no such columns.
    """
    rows, left_out = _rows(file)
    find = _Texts(db, [row for _, row in rows])
    read: dict[tuple[str, str], list[tuple[int, bool, str, str | None]]] = {}
    for line, row in rows:
        try:
            said = (line, _is_fit(row), row.get("labelled_by") or file.name, row.get("reason") or None)
            read.setdefault(find(row), []).append(said)
        except (ConfigError, NotFoundError) as error:
            left_out.append((line, f"Line {line} of {file.name} is left out: {error.problem}"))
    agreed = []
    for text, told in read.items():
        if len({is_fit for _, is_fit, _, _ in told}) == 1:
            agreed.append((*text, *told[-1][1:]))
            continue
        lines = " and ".join(str(line) for line, *_ in told)
        sentence = f"Lines {lines} of {file.name} contradict each other about text {text[1][:10]}: left out."
        left_out.append((told[0][0], sentence))
    return len(rows), _write(db, agreed), tuple(sentence for _, sentence in sorted(left_out))


def _rows(file: Path) -> tuple[list[tuple[int, _Row]], list[tuple[int, str]]]:
    """The number and the columns of each line that can be read, and a sentence on each other."""
    is_csv = file.suffix.lower() == ".csv"
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{file} is larger than {_MAX_BYTES >> 20} MiB.", "Split it.")
        text = file.read_bytes().decode("utf-8-sig", "replace").replace("\0", "")
        found = list(_of_csv(text, file) if is_csv else _of_jsonl(text))
    except (OSError, csv.Error) as error:
        raise ConfigError(
            f"The labels in {file} cannot be read: {error}.", "Give CSV with a header, or JSONL."
        ) from error
    rows = [(line, row) for line, row in found if isinstance(row, dict)]
    broken = [(line, f"Line {line} of {file.name} is left out: {row}.") for line, row in found if isinstance(row, str)]
    if found and not rows and not is_csv:
        raise ConfigError(f"No line of {file} is a JSON object.", "Give CSV with a header, or JSONL.")
    return rows, broken


def _of_csv(text: str, file: Path) -> Iterator[tuple[int, _Row | str]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    if "is_fit" not in header or not ({"place"} <= set(header) or {"pattern", "exact_hash"} <= set(header)):
        raise ConfigError(
            f"{file} has the columns {', '.join(header)[:200] or 'none'}.",
            "It takes is_fit, and place or pattern and exact_hash.",
        )
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(header):
            yield reader.line_num, f"it has {len(values)} values for {len(header)} columns"
        else:
            yield reader.line_num, dict(zip(header, values, strict=True))


def _of_jsonl(text: str) -> Iterator[tuple[int, _Row | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "it is no JSON"
            continue
        if isinstance(told, dict):
            yield number, {name: _plain(told[name]) for name in _COLUMNS if told.get(name) is not None}
        else:
            yield number, "it is no JSON object"


def _plain(value: Any) -> str:
    """As Postgres can hold it: JSON may spell U+0000 and halves of a pair."""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")


def _is_fit(row: _Row) -> bool:
    said = row.get("is_fit", "").strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    told = f"is_fit is '{said[:50]}', neither true nor false." if said else "it has no is_fit."
    raise ConfigError(told, "Say true or false.")


_KNOWN = """
SELECT DISTINCT s.pattern_id, s.exact_hash FROM stemma.snippets s
JOIN {named} n ON n.pattern = s.pattern_id AND n.exact_hash = s.exact_hash
"""


class _Texts:
    """Finds the text that a label is about; those named by their ids are looked up together, each place once."""

    def __init__(self, db: Database, rows: list[_Row]) -> None:
        self._db = db
        self._found: dict[str, tuple[str, str] | ConfigError | NotFoundError] = {}
        ids = {ids for row in rows if all(ids := _ids(row))}
        named = pl.DataFrame(sorted(ids), schema={"pattern": pl.String, "exact_hash": pl.String}, orient="row")
        with db.transaction() as transaction, transaction.staged("named", named) as staged:
            self._known = set(transaction.read(_KNOWN.format(named=staged)).iter_rows())

    def __call__(self, row: _Row) -> tuple[str, str]:
        """
        Raises:
            ConfigError, NotFoundError: there is no such text, or several.
        """
        pattern, exact_hash = _ids(row)
        if pattern and exact_hash:
            if (pattern, exact_hash) not in self._known:
                raise NotFoundError(f"No text {exact_hash[:10]} of pattern {pattern[:10]} is known.", "Run: stemma run")
            return pattern, exact_hash
        place = row.get("place", "").strip()
        if not place:
            raise ConfigError("it names no place, and no pattern and exact_hash.", "Name the text.")
        if place not in self._found:
            try:
                self._found[place] = find_text(self._db, place)
            except (ConfigError, NotFoundError) as error:
                self._found[place] = error
        found = self._found[place]
        if isinstance(found, tuple):
            return found
        raise found


def _ids(row: _Row) -> tuple[str, str]:
    return row.get("pattern", "").strip(), row.get("exact_hash", "").strip()


def _write(db: Database, agreed: list[tuple[str, str, bool, str, str | None]]) -> int:
    """Add labels that say something else than the same labeller said last; returns how many."""
    rows = pl.DataFrame(
        [(*row[:3], _clean(row[3]), None if row[4] is None else _clean(row[4])) for row in agreed],
        schema={
            "pattern_id": pl.String,
            "exact_hash": pl.String,
            "is_fit": pl.Boolean,
            "labelled_by": pl.String,
            "reason": pl.String,
        },
        orient="row",
    )
    with db.transaction() as transaction, transaction.staged("told", rows) as staged:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('stemma.labels'))")
        new = transaction.read(_NEW.format(told=staged), (), rows.schema)
        now = transaction.read("SELECT clock_timestamp() AS now")["now"][0]
        ids = [
            content_id("label", *row, "file", now.isoformat()) for row in new.select(*TEXT, "labelled_by").iter_rows()
        ]
        full = new.with_columns(
            label_id=pl.Series(ids, dtype=pl.String), source=pl.lit("file"), labelled_at=pl.lit(now)
        )
        return transaction.insert(labels, full.select(list(polars_schema(labels))))


_NEW = """
SELECT t.* FROM {told} t LEFT JOIN LATERAL (
    SELECT l.is_fit FROM stemma.labels l
    WHERE l.pattern_id = t.pattern_id AND l.exact_hash = t.exact_hash AND l.source = 'file'
        AND l.labelled_by = t.labelled_by
    ORDER BY l.labelled_at DESC, l.label_id LIMIT 1
) AS last ON true
WHERE last.is_fit IS DISTINCT FROM t.is_fit
"""


def _clean(words: str) -> str:
    """On one line, without secrets, in what a Postgres text can hold."""
    clean, _ = redact_text(words)
    return " ".join(clean.split())[:500] or "unknown"
