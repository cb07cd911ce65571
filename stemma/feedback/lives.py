"""How long snippets and lines live, by who wrote them: rows of `lives`, for survival analysis with right-censoring.

What a life of a snippet is, is told in `life_sql`; who wrote it, in `stemma.attribution`. A line's life begins where it
first stood on HEAD's chain with a known author (most of its tokens are theirs, `origin_spans.lines`) and is followed
through every later version of its element, whatever else changed there: it ends when the line is gone, or when most of
its tokens are another's. Lines of one version that began and ended together are one row with their number.

A life that stands is censored at the date of the head commit, to which its age is counted when it is asked for. A life
whose birth is unknown makes no row, because its age is unknown. The Kaplan-Meier estimator over these rows (Kaplan and
Meier 1958) is computed by `survival`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import scipy  # type: ignore[import-untyped]

from stemma.feedback.life_sql import stage_lives
from stemma.git.standing import rows_changed
from stemma.ids import content_id
from stemma.lineage import chain
from stemma.store.postgres import Database, Transaction
from stemma.tables import lives, polars_schema

STEP = "lives"
RULES = "1"  # raise it when other rows would come of the same lineage and origins
SNIPPET, LINE = "snippet", "line"
AGES = (30, 90)
_DAY_S = 86_400


@dataclass(frozen=True)
class LifeCounts:
    """Rows written or changed, and rows that no longer hold."""

    n_lives: int = 0
    n_retired: int = 0


def update_lives(db: Database, repo_id: str) -> LifeCounts:
    """Bring the repository's lives to where its lineage and origins are, in one transaction.

    Where any of what they are made of changed, all are computed, because a change of origin reaches as far back as
    history; only rows that differ are written.
    """
    with db.transaction() as transaction:
        if chain.lock(transaction, repo_id, STEP).version == _state(transaction, repo_id):
            return LifeCounts()
        stage_lives(transaction, repo_id)
        snippets = transaction.read(_SNIPPETS)
        lines = _line_lives(transaction, repo_id)
        found = pl.concat([snippets.with_columns(unit=pl.lit(SNIPPET), n=pl.lit(1)), lines], how="diagonal_relaxed")
        found = _with_ids(found, repo_id)
        with transaction.staged("found_lives", found.select("life_id")) as name:
            gone = f"DELETE FROM stemma.lives l WHERE l.repo_id = $1 AND l.life_id NOT IN (SELECT life_id FROM {name})"
            n_retired = rows_changed(transaction, gone, [repo_id])
        n_lives = transaction.insert(lives, found, "update")
        chain.move(transaction, repo_id, STEP, _state(transaction, repo_id), -1)
    return LifeCounts(n_lives, n_retired)


def _state(transaction: Transaction, repo_id: str) -> str:
    """What lives are made of, and how many there are, in a few numbers: a tenth of what it costs to make them."""
    return f"{RULES} {transaction.read(_STATE, [repo_id]).item()}"


def _digest(table: str, *columns: str) -> str:
    row = f"concat_ws(' ', {', '.join(columns)})"
    return (
        f"(SELECT concat_ws(' ', count(*), bit_xor(hashtextextended({row}, 0))) FROM stemma.{table} WHERE repo_id = $1)"
    )


_WHO = ("origin", "agent", "model", "session_id")
_STATE = f"""
SELECT concat_ws('/',
    {_digest("commits", "sha", "first_parent_index")},
    {_digest("occurrences", "path", "kind", "qualified_name", "duplicate_index", "valid_from", "valid_to_sha")},
    {_digest("lineage_nodes", "node_id", "exact_hash", "first_parent_index")},
    {_digest("lineage_edges", "edge_id", "edge_type", "evidence ->> 'other_element'")},
    {_digest("lineage_events", "event_id")},
    {_digest("origins", "node_id", *_WHO)},
    {_digest("origin_spans", "node_id", "born_id", "lines::text", *_WHO)},
    (SELECT count(*) FROM stemma.lives WHERE repo_id = $1)
) AS state
"""
_SNIPPETS = """
SELECT l.node_id, coalesce(o.origin, 'unknown') AS origin, o.agent, o.model, o.session_id, l.began_at, l.ended_at,
       l.sha AS ended_sha, l.ended_at IS NOT NULL AS is_ended,
       CASE WHEN l.ended_at IS NOT NULL
            THEN greatest(extract(epoch FROM l.ended_at - l.began_at) / 86400, 0) END::real AS days
FROM pg_temp.life_lives l LEFT JOIN stemma.origins o ON o.node_id = l.node_id
WHERE NOT l.is_unknown
"""

_STANDING = """
SELECT s.node_id, s.valid_from, f.to_id, born.committed_at AS began_at, stop.committed_at AS ended_at,
       s.valid_to_sha AS ended_sha
FROM pg_temp.life_stands s
JOIN stemma.commits born ON born.repo_id = $1 AND born.sha = s.valid_from_sha
LEFT JOIN stemma.commits stop ON stop.repo_id = $1 AND stop.sha = s.valid_to_sha
LEFT JOIN pg_temp.life_follows f ON f.from_id = s.node_id
WHERE s.node_id IN (SELECT node_id FROM stemma.origin_spans WHERE repo_id = $1)
ORDER BY s.valid_from, s.node_id
"""

_COUNTED = """
SELECT s.node_id, s.born_id, s.origin, s.agent, s.model, s.session_id, sum(r.n_lines)::int AS n_lines
FROM stemma.origin_spans s CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.lines[i + 1] - s.lines[i] + 1), 0) AS n_lines
    FROM generate_series(1, cardinality(s.lines), 2) AS i
) AS r
WHERE s.repo_id = $1 GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(r.n_lines) > 0 ORDER BY 1, 2, 3, 4, 5, 6
"""


class _Who(NamedTuple):
    """Lines of one author that first stood in one version are followed together."""

    born_id: str
    origin: str
    agent: str | None
    model: str | None
    session_id: str | None


class _Group(NamedTuple):
    node_id: str
    began_at: datetime
    n: int


def _line_lives(transaction: Transaction, repo_id: str) -> pl.DataFrame:
    counted: dict[str, dict[_Who, int]] = {}
    for node_id, *who, n_lines in transaction.read(_COUNTED, [repo_id]).iter_rows():
        counted.setdefault(node_id, {})[_Who(*who)] = n_lines
    standing = transaction.read(_STANDING, [repo_id])
    rows = list(_followed(standing.iter_rows(named=True), counted))
    schema = {name: kind for name, kind in _SCHEMA.items() if name not in ("life_id", "repo_id")}
    return pl.DataFrame(rows, schema=schema)


_SCHEMA = polars_schema(lives)


def _followed(standing: Iterator[dict[str, Any]], counted: dict[str, dict[_Who, int]]) -> Iterator[dict[str, Any]]:
    """Go through the versions in the order in which they came to stand, each handing its lines to the one after it.

    Lines can only become fewer: a line that a formatter breaks in two is still one.
    """
    handed: dict[str, tuple[dict[_Who, _Group], str, datetime]] = {}
    for row in standing:
        now = counted.get(row["node_id"], {})
        before, ended_sha, ended_at = handed.pop(row["node_id"], ({}, "", row["began_at"]))
        alive: dict[_Who, _Group] = {}
        for who, group in before.items():
            n_kept = min(group.n, now.get(who, 0))
            if n_kept < group.n:
                yield _row(who, group._replace(n=group.n - n_kept), ended_at, ended_sha)
            if n_kept:
                alive[who] = group._replace(n=n_kept)
        for who, n_lines in now.items():
            if who not in before:
                alive[who] = _Group(row["node_id"], row["began_at"], n_lines)
        if row["to_id"] is not None and row["ended_at"] is not None and _is_read(row["to_id"], counted):
            handed[row["to_id"]] = (alive, row["ended_sha"], row["ended_at"])
            continue
        for who, group in alive.items():
            yield _row(who, group, row["ended_at"], row["ended_sha"])


def _is_read(node_id: str, counted: dict[str, dict[_Who, int]]) -> bool:
    """Whether a version has lines of a known author at all; one that has none ends all that are handed to it."""
    return node_id in counted


def _row(who: _Who, group: _Group, ended_at: datetime | None, ended_sha: str | None) -> dict[str, Any]:
    days = None if ended_at is None else max((ended_at - group.began_at).total_seconds() / _DAY_S, 0.0)
    return {
        "unit": LINE,
        "node_id": group.node_id,
        **who._asdict(),
        "n": group.n,
        "began_at": group.began_at,
        "ended_at": ended_at,
        "ended_sha": ended_sha,
        "is_ended": ended_at is not None,
        "days": days,
    }


def _with_ids(found: pl.DataFrame, repo_id: str) -> pl.DataFrame:
    """Rows of one id (lines of one author that began in different versions before) are one."""
    names = ("unit", "node_id", "origin", "agent", "model", "session_id", "ended_sha")
    ids = [content_id("life", *(value or "" for value in row)) for row in found.select(names).iter_rows()]
    found = found.with_columns(life_id=pl.Series(ids, dtype=pl.String), repo_id=pl.lit(repo_id))
    others = [name for name in _SCHEMA if name not in ("life_id", "n")]
    return found.group_by("life_id", maintain_order=True).agg(
        pl.col(others).first(), n=pl.col("n").sum().cast(pl.Int32)
    )


# --- Kaplan-Meier ----------------------------------------------------------------------------------------------


def survival(
    db: Database, *, unit: str = SNIPPET, by: tuple[str, ...] = ("origin",), ages: tuple[int, ...] = AGES
) -> pl.DataFrame:
    """Share that survives each age in days, by the Kaplan-Meier estimator, with its 95 % interval (log-log).

    Columns: those of `by` (of repository, origin, agent, model), n, n_ended, and for each age `survived_<age>d`, `_low`
    and `_high`; null where nothing was observed for that long, because the curve says nothing beyond.
    """
    names = {"repository": "r.name AS repository", **{name: f"l.{name}" for name in ("origin", "agent", "model")}}
    chosen = ", ".join(names[name] for name in by)
    rows = db.read(_AGED.format(chosen=chosen), [unit])
    told = [
        {**dict(zip(by, key, strict=True)), **curve(group, ages)}
        for key, group in rows.group_by(list(by), maintain_order=True)
    ]
    return pl.DataFrame(told, infer_schema_length=None).sort(by) if told else pl.DataFrame()


# The head's date stands for that of the newest commit on its chain.
_AGED = """
WITH head AS (
    SELECT DISTINCT ON (repo_id) repo_id, committed_at FROM stemma.commits
    WHERE first_parent_index IS NOT NULL ORDER BY repo_id, first_parent_index DESC
)
SELECT {chosen}, l.n, l.is_ended,
    coalesce(l.days, greatest(extract(epoch FROM head.committed_at - l.began_at) / 86400, 0)::real) AS days
FROM stemma.lives l JOIN stemma.repositories r USING (repo_id) JOIN head USING (repo_id)
WHERE l.unit = $1 ORDER BY l.life_id
"""


def curve(rows: pl.DataFrame, ages: tuple[int, ...] = AGES) -> dict[str, float | int | None]:
    """The estimate over rows of `lives` (n, is_ended, days): see `survival`."""
    days = np.repeat(rows["days"].to_numpy().astype(float), rows["n"].to_numpy())
    is_ended = np.repeat(rows["is_ended"].to_numpy(), rows["n"].to_numpy())
    told: dict[str, float | int | None] = {"n": len(days), "n_ended": int(is_ended.sum())}
    found = scipy.stats.ecdf(scipy.stats.CensoredData(days[is_ended], right=days[~is_ended])).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # at 0 and 1 it is undefined, which is then null here
        interval = found.confidence_interval(method="log-log") if is_ended.any() else None
    for age in ages:
        is_observed = len(days) > 0 and days.max() >= age
        value = float(found.evaluate([age])[0]) if is_observed else None
        told[f"survived_{age}d"] = value
        for side in ("low", "high"):
            bound = float(getattr(interval, side).evaluate([age])[0]) if interval and is_observed else None
            told[f"survived_{age}d_{side}"] = None if bound is None or np.isnan(bound) else bound
    return told
