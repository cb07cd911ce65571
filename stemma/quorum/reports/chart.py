"""The chart of the quorum, from the marts: how reliable its verdicts are, and how far its members agree.

What the marts hold is said in `dbt_project`; how each diagram is drawn, in `diagrams`. A report on one repository has
the same diagram of reliability, and tells more: `page`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from stemma.config import Settings
from stemma.errors import StoreError
from stemma.quorum.reports import diagrams, wording
from stemma.quorum.reports.document import document, text
from stemma.quorum.reports.model import Bin
from stemma.store import marts

FOLDER = "charts"
FILE = "quorum.html"
MAX_MEMBERS = 20
MAX_SITTINGS = 200

_RELIABILITY = "SELECT bin, n_texts, mean_probability, share_fit FROM quorum_reliability ORDER BY bin"
_PAIRS = """
SELECT member_a, member_b, is_one_family, n_texts, n_agreeing, kappa, kappa_unknown_reason FROM quorum_pairs
ORDER BY member_a, member_b
"""
_SITTINGS = f"""
SELECT * FROM (
    SELECT sat_at, n_texts, share_accepted, share_rejected, share_needs_review, alpha, calibration_error
    FROM quorum_sittings ORDER BY sat_at DESC LIMIT {MAX_SITTINGS}
) ORDER BY sat_at
"""
_FIGURES = {
    "share_accepted": "Texts accepted",
    "share_rejected": "Texts rejected",
    "share_needs_review": "Texts that need a review",
    "alpha": "Agreement of the members (Krippendorff's alpha)",
    "calibration_error": "Expected calibration error",
}
_AGREEMENT = (
    "Cohen's kappa of each two members on the texts that both voted on: 1 is full agreement, 0 what chance would give, "
    "and below 0 they contradict each other. Two that agree on nearly all see the same, and one of them adds little."
)


def write_chart(settings: Settings) -> tuple[Path, dict[str, int]]:
    """Draw the chart into the data folder, in one step; returns the file, and how many of what are in it.

    Raises:
        NotFoundError: the marts were never built.
        StoreError: the file cannot be written.
    """
    reliability, pairs, sittings = (marts.query(settings, query) for query in (_RELIABILITY, _PAIRS, _SITTINGS))
    file = settings.data_dir / FOLDER / FILE
    aside = file.with_name(f"{FILE}.{os.getpid()}.writing")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(to_chart(reliability, pairs, sittings), encoding="utf-8")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"{file} cannot be written: {error.strerror}.", "Mend the folder's mode or space.") from error
    counts = {"n_labelled": int(reliability["n_texts"].sum()), "n_pairs": len(pairs), "n_sittings": len(sittings)}
    return file, counts


def to_chart(reliability: pl.DataFrame, pairs: pl.DataFrame, sittings: pl.DataFrame) -> str:
    """The chart as an HTML document that needs nothing else; arguments are rows of the marts of these names."""
    body = (*_reliability(reliability), *_agreement(pairs), *_sittings(sittings))
    return document("The quorum: reliability and agreement", ("<h1>The quorum: reliability and agreement</h1>", *body))


def _reliability(rows: pl.DataFrame) -> Iterator[str]:
    yield f"<h2>Do its probabilities mean what they say?</h2><p>{wording.RELIABILITY}</p>"
    if rows.is_empty():
        yield '<p class="note">No text with a verdict has a label yet, so nobody knows.</p>'
        return
    bins = [
        Bin(
            low=row["bin"] / 10,
            high=(row["bin"] + 1) / 10,
            n=row["n_texts"],
            mean_probability=row["mean_probability"],
            share_fit=row["share_fit"],
        )
        for row in rows.iter_rows(named=True)
    ]
    n = wording.count(sum(one.n for one in bins), "labelled text")
    yield f"<figure>{diagrams.reliability(bins)}<figcaption>On {n}. {wording.DIAGRAM}</figcaption></figure>"


def _agreement(rows: pl.DataFrame) -> Iterator[str]:
    yield f"<h2>How far do its members agree?</h2><p>{_AGREEMENT}</p>"
    names = sorted({*rows["member_a"], *rows["member_b"]})
    if not names:
        yield '<p class="note">No two members have voted on one text yet.</p>'
        return
    pairs = {(row["member_a"], row["member_b"]): (row["kappa"], _told(row)) for row in rows.iter_rows(named=True)}
    yield '<figure><div class="scroll" tabindex="0" role="region" aria-label="Agreement by pairs">'
    yield f"{diagrams.agreement(names[:MAX_MEMBERS], pairs)}</div><figcaption>The stronger the colour, the more alike. "
    yield "A dash: unknown, because the two never voted on one text, or one of them always says the same.</figcaption>"
    yield "</figure>"
    if len(names) > MAX_MEMBERS:
        yield f'<p class="note">{len(names) - MAX_MEMBERS} more members are in the mart quorum_pairs.</p>'
    alike = [(told, row) for (_, told), row in zip(pairs.values(), rows.iter_rows(named=True), strict=True)]
    yield "<details><summary>The same in words</summary><ul>"
    yield from (f"<li>{text(told)}</li>" for told, _ in alike)
    yield "</ul></details>"


def _told(row: dict[str, object]) -> str:
    kappa = row["kappa"]
    value = f"kappa {kappa:.2f}" if isinstance(kappa, float) else f"kappa unknown: {row['kappa_unknown_reason']}"
    family = " (one family)" if row["is_one_family"] else ""
    a, b = row["member_a"], row["member_b"]
    return f"{a} and {b}{family}: {value}; the same vote on {row['n_agreeing']:,} of {row['n_texts']:,} texts"


def _sittings(rows: pl.DataFrame) -> Iterator[str]:
    if rows.height < 2:
        return
    yield '<h2>From sitting to sitting</h2><div class="figures">'
    for column, title in _FIGURES.items():
        points = [
            (row["sat_at"], row[column], wording.count(row["n_texts"], "text")) for row in rows.iter_rows(named=True)
        ]
        drawn = diagrams.over_time(title, points, is_share=column.startswith("share_"))
        unknown = sum(value is None for _, value, _ in points)
        known = f"{len(points) - unknown} of {len(points)} sittings know it" if unknown else f"{len(points)} sittings"
        yield f"<figure><h3>{title}</h3>{drawn}<figcaption>{known}.</figcaption></figure>"
    yield "</div>"
