"""The user's own labels: read from a file, and a calibration learned from them and kept in place of the packaged one.

What labels are in force lives in `truth`, how a calibration is learned in `learning`, where it is kept in
`calibration`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError, NotFoundError
from stemma.ids import content_id
from stemma.quorum.calibration import FILE, Calibration, calibration_in_force, packaged, write_calibration
from stemma.quorum.calibrators import expected_calibration_error, log_loss
from stemma.quorum.evidence import TEXT
from stemma.quorum.learning import held_out_probabilities, learn
from stemma.quorum.members import open_members
from stemma.quorum.review import find_text
from stemma.quorum.sitting import seats_frame, votes_of
from stemma.quorum.truth import labels_at_odds, labels_in_force
from stemma.secrets import redact_text
from stemma.store.postgres import Database
from stemma.tables import labels, polars_schema

MIN_LABELS = 100
"""Labelled texts with votes below which the packaged calibration stays: at a target error of 5 % no fewer could show
anything, even without an error among them (1 - 0.05 ** (1 / 59) is 0.05, for each class)."""
MIN_OF_EITHER = 25

_YES = frozenset({"true", "1", "yes", "fit"})
_NO = frozenset({"false", "0", "no", "unfit"})
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Refit:
    """What came of the labels.

    Attributes:
        n_read: labels read from the file; `n_new` of them were not known.
        left_out: one sentence for each line, or text, that was left out, and why.
        n_labelled: texts with a label in force that members have voted on; `n_fit` of them are fit.
        is_learned: whether a calibration was learned from them; `reason` says why, or why not.
        before, after: log loss and calibration error on them of the calibration before, and of the one learned, held
            out; None where none was learned.
    """

    n_read: int
    n_new: int
    left_out: tuple[str, ...]
    n_labelled: int
    n_fit: int
    is_learned: bool
    reason: str
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None


def recalibrate(db: Database, settings: Settings, file: Path | None = None) -> Refit:
    """Learn a calibration from the labels in force, those of a file added first, and keep it for the next sitting.

    A file has a header (CSV) or one object a line (JSONL): `is_fit` (true or false), and `place` (what `stemma verdict`
    takes) or `pattern` and `exact_hash`; `reason` and `labelled_by` where given are kept. Labels that contradict each
    other are left out, each named in a sentence; with too few the calibration stays as it is.

    Raises:
        ConfigError: the file cannot be read, or has no such columns.
    """
    n_read, n_new, left_out = (0, 0, ()) if file is None else _import(db, file)
    at_odds = [
        f"Text {row['exact_hash'][:10]} of pattern {row['pattern_id'][:10]}: its labels ({row['source']}) contradict "
        "each other; none of them counts."
        for row in labels_at_odds(db).to_dicts()
    ]
    labelled = labels_in_force(db)
    votes = votes_of(db, seats_frame(open_members(settings, db)), labelled.select(*TEXT))
    cast = votes.filter(pl.col("vote") != "abstain").select(*TEXT).unique()
    labelled = labelled.join(cast, on=list(TEXT), how="semi").sort(*TEXT)
    n, n_fit = labelled.height, int(labelled["is_fit"].sum())
    told = (*left_out, *at_odds)
    if n < MIN_LABELS or min(n_fit, n - n_fit) < MIN_OF_EITHER:
        reason = (
            f"Too few labels: {n} texts with votes are labelled, {n_fit} fit and {n - n_fit} unfit; it takes "
            f"{MIN_LABELS}, and {MIN_OF_EITHER} of either. The calibration stays as it is."
        )
        return Refit(n_read, n_new, told, n, n_fit, is_learned=False, reason=reason)
    before, after = _errors_of(votes, labelled, calibration_in_force(settings)), _errors(votes, labelled, n_fit / n)
    if after["log_loss"] >= before["log_loss"]:
        reason = (
            f"The calibration in force foresees the {n} labels better (log loss {before['log_loss']:.3f}) than one "
            f"learned from them, held out ({after['log_loss']:.3f}). It stays."
        )
        return Refit(n_read, n_new, told, n, n_fit, is_learned=False, reason=reason, before=before, after=after)
    learned = learn(votes, labelled, prior=n_fit / n, provenance=_provenance(labelled, after), base=packaged().answers)
    write_calibration(learned, settings.data_dir / FILE)
    reason = f"Learned from {n} labelled texts, {n_fit} of them fit. The next `stemma run` decides by it."
    return Refit(n_read, n_new, told, n, n_fit, is_learned=True, reason=reason, before=before, after=after)


def _errors(votes: pl.DataFrame, labelled: pl.DataFrame, prior: float) -> dict[str, float]:
    return _measured(held_out_probabilities(votes, labelled, prior=prior, base=packaged().answers))


def _errors_of(votes: pl.DataFrame, labelled: pl.DataFrame, calibration: Calibration) -> dict[str, float]:
    stated = labelled.join(calibration.probabilities(votes), on=list(TEXT), how="left")
    return _measured(stated.with_columns(pl.col("probability").fill_null(calibration.prior)))


def _measured(stated: pl.DataFrame) -> dict[str, float]:
    probability, is_fit = stated["probability"].to_numpy(), stated["is_fit"].to_numpy()
    error = expected_calibration_error(probability, is_fit)
    return {"log_loss": log_loss(probability, is_fit), "calibration_error": float(error or 0.0)}


def _provenance(labelled: pl.DataFrame, after: dict[str, float]) -> dict[str, object]:
    counts = labelled.group_by("source").agg(fit=pl.col("is_fit").sum(), unfit=(~pl.col("is_fit")).sum())
    return {
        "sets": sorted(labelled["source"].unique()),
        "commits": {},
        "counts": {row["source"]: {"fit": row["fit"], "unfit": row["unfit"]} for row in counts.to_dicts()},
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": "stemma calibrate",
        "figures": {"prior": "the share of fit texts among the labels", "held out": after},
    }


# --- labels from a file ----------------------------------------------------------------------------------------------


def _import(db: Database, file: Path) -> tuple[int, int, tuple[str, ...]]:
    """Read labels, and write those that contradict no other line: how many were read, how many are new, and why the
    others were left out."""
    rows = _rows(file)
    known = _known(db, rows)
    left_out: list[str] = []
    read: dict[tuple[str, str], list[tuple[int, bool, str, str | None]]] = {}
    for line, row in enumerate(rows.iter_rows(named=True), start=1):
        try:
            said = (line, _is_fit(row), str(row.get("labelled_by") or file.name), row.get("reason"))
            read.setdefault(_text(db, row, known), []).append(said)
        except (ConfigError, NotFoundError) as error:
            left_out.append(f"Label {line} of {file.name} is left out: {error.problem}")
    agreed = []
    for text, told in read.items():
        if len({is_fit for _, is_fit, _, _ in told}) == 1:
            agreed.append((*text, *told[-1][1:]))
            continue
        lines = " and ".join(str(line) for line, *_ in told)
        left_out.append(f"Labels {lines} of {file.name} contradict each other about text {text[1][:10]}: left out.")
    return len(rows), _write(db, agreed), tuple(left_out)


def _rows(file: Path) -> pl.DataFrame:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{file} is larger than {_MAX_BYTES >> 20} MiB.", "Split it.")
        if file.suffix.lower() == ".csv":
            rows = pl.read_csv(file, infer_schema=False)
        else:
            rows = pl.read_ndjson(file, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError, UnicodeError) as error:
        reason = str(error).split("\n")[0][:200]
        raise ConfigError(
            f"The labels in {file} cannot be read: {reason}.", "Give CSV with a header, or JSONL."
        ) from error
    if "is_fit" not in rows.columns or not (
        {"place"} <= set(rows.columns) or {"pattern", "exact_hash"} <= set(rows.columns)
    ):
        raise ConfigError(
            f"{file} has the columns {', '.join(rows.columns) or 'none'}.",
            "It takes is_fit, and place or pattern and exact_hash.",
        )
    return rows


def _is_fit(row: dict[str, object]) -> bool:
    said = str(row["is_fit"]).strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    raise ConfigError(f"is_fit is '{said[:50]}', neither true nor false.", "Say true or false.")


_KNOWN = """
SELECT DISTINCT s.pattern_id, s.exact_hash FROM stemma.snippets s
JOIN {named} n ON n.pattern = s.pattern_id AND n.exact_hash = s.exact_hash
"""


def _known(db: Database, rows: pl.DataFrame) -> set[tuple[str, str]]:
    """Of the texts named by their ids, those that there are."""
    if not {"pattern", "exact_hash"} <= set(rows.columns):
        return set()
    named = rows.select(
        pl.col("pattern", "exact_hash").cast(pl.String).str.replace_all("\0", "", literal=True)
    ).unique()
    with db.transaction() as transaction, transaction.staged("named", named.drop_nulls()) as staged:
        return set(transaction.read(_KNOWN.format(named=staged)).iter_rows())


def _text(db: Database, row: dict[str, object], known: set[tuple[str, str]]) -> tuple[str, str]:
    """The text a label is about.

    Raises:
        ConfigError, NotFoundError: there is none, or several.
    """
    pattern, exact_hash = str(row.get("pattern") or "").strip(), str(row.get("exact_hash") or "").strip()
    if not (pattern and exact_hash):
        return find_text(db, str(row.get("place") or ""))
    if (pattern, exact_hash) not in known:
        raise NotFoundError(f"No text {exact_hash[:10]} of pattern {pattern[:10]} is known.", "Run: stemma run")
    return pattern, exact_hash


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
    clean, _ = redact_text(str(words).encode("utf-8", "replace").decode().replace("\0", ""))
    return " ".join(clean.split())[:500] or "unknown"
