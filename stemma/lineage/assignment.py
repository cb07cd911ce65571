"""The order in which evidence is taken when what commits ended is paired with what they began.

Each kind of evidence lives in `pairing`, `containers`, `swaps` and `company`; what is made of the pairs, in `kinds`.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage import company, containers, pairing, swaps
from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents

NESTING = 4  # types inside types that are followed when the outermost moves


def pair(
    contents: Contents, ended: pl.DataFrame, begun: pl.DataFrame, files: pl.DataFrame, calibration: Calibration
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs (`pairing.PAIRS`), and the files renamed as a whole: problem, old_path, new_path, share.

    A problem is a commit held against one of its parents: no pair crosses it, and each version is paired once in it.

    Args:
        ended, begun: as `pairing.prepared`.
        files: problem, path, is_added, of the files that commits added or removed.
    """
    left, right = pairing.prepared(ended), pairing.prepared(begun)
    unpaired = pairing.Unpaired(left.join(right, on="problem", how="semi"), right.join(left, on="problem", how="semi"))
    renamed = containers.renamed_files(contents, unpaired, files, calibration)
    containers.at_home(unpaired, renamed)
    pairing.same_place(contents, unpaired, calibration)
    pairing.same_name_other_kind(unpaired)
    containers.by_votes(contents, unpaired, calibration)
    _follow(contents, unpaired, left, right, calibration)
    unpaired.doubted = swaps.doubtful(contents, unpaired, left, right, calibration)
    pairing.by_text(unpaired)
    company.by_overrides(contents, unpaired, calibration)
    pairing.by_likeness(contents, unpaired, calibration)
    # Who is called instead of it says more than the likeness of something in another file.
    company.by_callers(contents, unpaired, left, right, calibration)
    pairing.by_likeness_anywhere(contents, unpaired, calibration)
    company.by_company(contents, unpaired, left, right, calibration)
    swaps.settle_again(unpaired, unpaired.doubted)
    company.by_callers(contents, unpaired, left, right, calibration)
    _follow(contents, unpaired, left, right, calibration)
    further = containers.renamed_by_members(unpaired.pairs, (left, right), files, renamed, calibration)
    return unpaired.pairs, pl.concat([renamed, further])


def pair_by_text(
    contents: Contents, ended: pl.DataFrame, begun: pl.DataFrame, files: pl.DataFrame, calibration: Calibration
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As `pair`, but only what has the same text or normal form."""
    left, right = pairing.prepared(ended), pairing.prepared(begun)
    unpaired = pairing.Unpaired(left.join(right, on="problem", how="semi"), right.join(left, on="problem", how="semi"))
    renamed = containers.renamed_files(contents, unpaired, files, calibration)
    containers.at_home(unpaired, renamed)
    pairing.by_text(unpaired)
    return unpaired.pairs, renamed


def _follow(
    contents: Contents, unpaired: pairing.Unpaired, left: pl.DataFrame, right: pl.DataFrame, calibration: Calibration
) -> None:
    for _ in range(NESTING):
        if unpaired.is_done or not containers.moved_members(unpaired, left, right):
            return
        pairing.same_place(contents, unpaired, calibration)
