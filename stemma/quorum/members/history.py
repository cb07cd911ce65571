"""History: how long a text stood while others worked around it, and whether fixes followed.

Lives, outcomes and events are written by `stemma.feedback` and `stemma.lineage`; they are only asked here. What became
of a text is evidence on the very texts whose labels come from outcomes: how that circle is broken is decided where
verdicts are calibrated.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from stemma.languages import LANGUAGES
from stemma.quorum.members.base import Family, Ground, findings_on, version_of, votes_from
from stemma.quorum.process import Limits
from stemma.store.postgres import Database

_RULES = "1"  # raise it when the queries below count otherwise

# Exposure, as of patients: days in each repository that went on (a text stands still where nobody works), summed over
# repositories that brought it in by different commits. Ninety is the longer of the ages at which outcomes are decided;
# it takes thirty in one place, for many fresh copies of one afternoon have stood no test of time.
_EXPOSURE_DAYS = 90
_OLDEST_DAYS = 30
_COMMITS_SINCE = 10

# What was fixed of late will be fixed again (Kim et al. 2007, "Predicting Faults from Cached History"), and what
# changes often breaks (Nagappan and Ball 2005). Of the 608 texts at the head of psf/requests none had three fixes or
# five changes of its element within the year before, 2 had two fixes and 5 three or four changes: these are rare.
_FIXES = 3
_FIX_WINDOW_DAYS = 365
_CHANGES = 5

# One row per unit and repository where it stands. A text stood since the beginning of the last run of commits that all
# have it, over moves and renames of files: `range_agg` joins the spans of its occurrences.
_STANDING = f"""
WITH spans AS (
    SELECT u.unit, o.repo_id, range_agg(int4range(o.valid_from, o.valid_to)) AS stood
    FROM {{units}} u
    JOIN stemma.occurrences o ON o.pattern_id = u.pattern_id AND o.exact_hash = u.exact_hash
    WHERE o.category = 'source' GROUP BY 1, 2
), standing AS (
    SELECT s.unit, s.repo_id, lower(span) AS born_index
    FROM spans s CROSS JOIN LATERAL unnest(s.stood) AS span WHERE upper_inf(span)
), heads AS (
    SELECT DISTINCT ON (repo_id) repo_id, first_parent_index, committed_at FROM stemma.commits
    WHERE first_parent_index IS NOT NULL AND repo_id IN (SELECT repo_id FROM standing)
    ORDER BY repo_id, first_parent_index DESC
), lived AS (
    SELECT s.unit, s.repo_id, born.sha AS born_sha, born.committed_at AS born_at,
        h.first_parent_index - s.born_index AS n_commits_since,
        greatest(extract(epoch FROM h.committed_at - born.committed_at) / 86400, 0)::float8 AS age_days
    FROM standing s
    JOIN heads h USING (repo_id)
    JOIN stemma.commits born ON born.repo_id = s.repo_id AND born.first_parent_index = s.born_index
), fixes AS (
    SELECT DISTINCT u.unit, o.sha, o.decided_at
    FROM {{units}} u
    JOIN stemma.lineage_nodes n ON n.pattern_id = u.pattern_id AND n.exact_hash = u.exact_hash
    JOIN stemma.outcomes o ON o.node_id = n.node_id AND o.outcome = 'fixed'
), fixed AS (
    -- A fix that this repository has too, and after which the text came back, was thought better of.
    SELECT l.unit, l.repo_id, count(*)::int AS n_fixed_elsewhere
    FROM lived l
    JOIN fixes f USING (unit)
    LEFT JOIN stemma.commits own ON own.repo_id = l.repo_id AND own.sha = f.sha
    WHERE own.sha IS NULL OR f.decided_at > l.born_at
    GROUP BY 1, 2
), changes AS (
    SELECT u.unit, n.repo_id, count(DISTINCT c.sha)::int AS n_changes,
        (count(DISTINCT c.sha) FILTER (WHERE stemma.reads_as_fix(c.subject)))::int AS n_fixes
    FROM {{units}} u
    JOIN stemma.occurrences o ON o.pattern_id = u.pattern_id AND o.exact_hash = u.exact_hash AND o.valid_to IS NULL
        AND o.category = 'source'
    JOIN heads h ON h.repo_id = o.repo_id
    JOIN stemma.lineage_nodes n ON n.repo_id = o.repo_id AND n.path = o.path AND n.qualified_name = o.qualified_name
        AND n.kind = o.kind AND n.duplicate_index = o.duplicate_index AND n.first_parent_index IS NOT NULL
    JOIN stemma.lineage_events e ON e.node_id = n.node_id AND e.event_type IN ('body_changed', 'signature_changed')
        AND e.occurred_at > h.committed_at - make_interval(days => {_FIX_WINDOW_DAYS})
    JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = e.sha
    GROUP BY 1, 2
)
SELECT l.unit, l.repo_id, l.born_sha, l.n_commits_since, l.age_days,
    coalesce(f.n_fixed_elsewhere, 0) AS n_fixed_elsewhere, coalesce(c.n_changes, 0) AS n_changes,
    coalesce(c.n_fixes, 0) AS n_fixes
FROM lived l LEFT JOIN fixed f USING (unit, repo_id) LEFT JOIN changes c USING (unit, repo_id)
"""

_STOOD = pl.Schema(
    {
        "unit": pl.Int32,
        "repo_id": pl.String,
        "born_sha": pl.String,
        "n_commits_since": pl.Int32,
        "age_days": pl.Float64,
        "n_fixed_elsewhere": pl.Int32,
        "n_changes": pl.Int32,
        "n_fixes": pl.Int32,
    }
)


class History:
    """Its answer changes with every commit, so it is asked anew in every run."""

    name = "history"
    family: Family = "history"
    languages = frozenset(LANGUAGES)
    is_lasting = False

    def __init__(self, db: Database | None) -> None:
        self._db = db

    def version(self) -> str:
        rules = (_EXPOSURE_DAYS, _OLDEST_DAYS, _COMMITS_SINCE, _FIXES, _FIX_WINDOW_DAYS, _CHANGES)
        return version_of("history", _RULES, *rules)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        if self._db is None:
            return _votes(batch, pl.DataFrame(schema=_STOOD))
        ids = batch.select("unit", "pattern_id", "exact_hash")
        with self._db.transaction() as transaction, transaction.staged("history_units", ids) as units:
            return _votes(batch, transaction.read(_STANDING.format(units=units), schema=_STOOD))


def _votes(batch: pl.DataFrame, stood: pl.DataFrame) -> pl.DataFrame:
    # Forks have the commit that brought it in common: their days are the same days.
    once = stood.group_by("unit", "born_sha").agg(
        pl.col("age_days", "n_commits_since", "n_fixed_elsewhere", "n_changes", "n_fixes").max()
    )
    went_on = pl.col("n_commits_since") >= _COMMITS_SINCE
    lived = once.group_by("unit").agg(
        exposure_days=pl.col("age_days").filter(went_on).sum(),
        oldest_days=pl.col("age_days").filter(went_on).max().fill_null(0.0),
        n_repositories=pl.len(),
        n_fixed_elsewhere=pl.col("n_fixed_elsewhere").max(),
        n_changes=pl.col("n_changes").max(),
        n_fixes=pl.col("n_fixes").max(),
    )
    texts = batch.join(lived, on="unit", how="left").with_columns(file=pl.col("unit").cast(pl.String))
    silent = texts.with_columns(why=_silence()).filter(pl.col("why").is_not_null()).select("unit", "why")
    return votes_from(texts, _found(texts), unsure=dict(silent.iter_rows()))


def _found(texts: pl.DataFrame) -> pl.DataFrame:
    year = f"in the {_FIX_WINDOW_DAYS} days before the head"
    grounds = (
        Ground(
            "fixed-elsewhere",
            "medium",
            pl.col("n_fixed_elsewhere") > 0,
            pl.format("the same text was ended by a fix in {} other places", "n_fixed_elsewhere"),
        ),
        Ground("often-fixed", "low", pl.col("n_fixes") >= _FIXES, pl.format("fixed {} times " + year, "n_fixes")),
        Ground("churn", "low", pl.col("n_changes") >= _CHANGES, pl.format("changed {} times " + year, "n_changes")),
    )
    return findings_on(texts, grounds)


def _silence() -> pl.Expr:
    days = pl.format(
        "not applicable: it stood {} days in repositories that went on, and {} are asked",
        pl.col("exposure_days").floor().cast(pl.Int32),
        pl.lit(_EXPOSURE_DAYS),
    )
    is_young = (pl.col("exposure_days") < _EXPOSURE_DAYS) | (pl.col("oldest_days") < _OLDEST_DAYS)
    return (
        pl.when(pl.col("exposure_days").is_null())
        .then(pl.lit("not applicable: no repository's history has it"))
        .when(is_young)
        .then(days)
    )
