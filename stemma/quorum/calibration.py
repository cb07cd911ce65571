"""Calibrations as they are kept: the packaged one and the user's own, as JSON that says on which labels it was learned.

What one says of votes lives in `worth`; how it is learned, in `learning`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from stemma.config import Settings
from stemma.errors import StemmaError
from stemma.ids import content_id
from stemma.quorum.calibrators import Calibrator
from stemma.quorum.evidence import SIGNALS
from stemma.quorum.thresholds import Thresholds
from stemma.quorum.worth import ANSWERS, RULES, Calibration, Scale

PROVENANCE = ("sets", "commits", "counts", "date", "command", "figures")
FILE = "quorum_calibration.json"
"""In the data folder: what was learned from the user's own labels, in place of the packaged one."""


class CalibrationError(StemmaError):
    """A calibration that cannot be used."""


@cache
def packaged() -> Calibration:
    """The calibration that comes with Stemma.

    Raises:
        CalibrationError: it is not complete or not sound.
    """
    return read_calibration(files("stemma.quorum").joinpath("calibration.json").read_text("utf-8"), "calibration.json")


def calibration_in_force(settings: Settings) -> Calibration:
    """What was learned from the user's own labels where there is such a thing, else the packaged one.

    Raises:
        CalibrationError: it is not complete or not sound.
    """
    own = settings.data_dir / FILE
    return read_calibration(own.read_text("utf-8", errors="replace"), str(own)) if own.is_file() else packaged()


def read_calibration(text: str, name: str) -> Calibration:
    """A calibration from its JSON.

    Raises:
        CalibrationError: it is not complete or not sound; says what is wrong.
    """
    try:
        raw = json.loads(text)
        rows = [
            (member, signal, float(row["unfit"][i]), float(row["fit"][i]))
            for member, row in raw["answers"].items()
            for i, signal in enumerate(SIGNALS)
        ]
        found = Calibration(
            scale=_scale_of(raw["scale"]),
            used=_scale_of(raw["used"]),
            answers=pl.DataFrame(rows, schema=ANSWERS, orient="row"),
            rules=pl.DataFrame(_rule_rows(raw["rules"]), schema=RULES, orient="row"),
            provenance={key: raw["provenance"][key] for key in PROVENANCE},
            version=content_id(text)[:8],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(name, f"{type(error).__name__} {error}") from error
    _check(found, name)
    return found


def as_json(found: Calibration) -> str:
    """The text that `read_calibration` reads; equal calibrations have equal texts."""
    by_member = found.answers.sort("member", maintain_order=True).partition_by("member", as_dict=True)
    return (
        json.dumps(
            {
                "scale": _told_scale(found.scale),
                "used": _told_scale(found.used),
                "signals": list(SIGNALS),
                "answers": {str(key[0]): _by_class(rows) for key, rows in by_member.items()},
                "rules": {
                    str(key[0]): {
                        f"{row['signal']}: {row['rule']}": [
                            *(round(row[kind], 4) for kind in ("unfit", "fit")),
                            *(row[kind] for kind in ("n_unfit", "n_fit", "n_sources")),
                        ]
                        for row in rows.sort("signal", "rule").to_dicts()
                    }
                    for key, rows in found.rules.sort("member")
                    .partition_by("member", as_dict=True, maintain_order=True)
                    .items()
                },
                "provenance": dict(found.provenance),
            },
            indent=2,
        )
        + "\n"
    )


def write_calibration(found: Calibration, path: Path) -> None:
    """Put it where `calibration_in_force` finds it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.new")  # another process may be writing one of its own
    try:
        aside.write_text(as_json(found), encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _scale_of(raw: Mapping[str, Any]) -> Scale:
    calibrator = raw["calibrator"]
    return Scale(
        prior=float(raw["prior"]),
        calibrator=Calibrator(
            kind=calibrator["kind"],
            slope=float(calibrator["slope"]),
            offset=float(calibrator["offset"]),
            scores=tuple(map(float, calibrator["scores"])),
            probabilities=tuple(map(float, calibrator["probabilities"])),
        ),
        thresholds={
            float(target): Thresholds(row["accept_at"], row["reject_at"]) for target, row in raw["thresholds"].items()
        },
    )


def _told_scale(scale: Scale) -> dict[str, Any]:
    calibrator = scale.calibrator
    return {
        "prior": scale.prior,
        "calibrator": {
            "kind": calibrator.kind,
            "slope": round(calibrator.slope, 4),
            "offset": round(calibrator.offset, 4),
            "scores": [round(value, 4) for value in calibrator.scores],
            "probabilities": [round(value, 4) for value in calibrator.probabilities],
        },
        "thresholds": {
            str(target): {"accept_at": _rounded(row.accept_at), "reject_at": _rounded(row.reject_at)}
            for target, row in sorted(scale.thresholds.items())
        },
    }


def _rule_rows(raw: Mapping[str, Mapping[str, list[float]]]) -> list[tuple[Any, ...]]:
    return [
        # One learned before sources were counted says nothing of them.
        (member, *key.split(": ", 1), float(row[0]), float(row[1]), *map(int, [*row, 0][2:5]))
        for member, of_member in raw.items()
        for key, row in of_member.items()
    ]


def _by_class(rows: pl.DataFrame) -> dict[str, list[float]]:
    return {kind: rows[kind].round(4).to_list() for kind in ("unfit", "fit")}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _check(found: Calibration, name: str) -> None:
    for scale in (found.scale, found.used):
        _check_scale(scale, name)
    if not (found.answers["unfit"] > 0).all() or not (found.answers["fit"] > 0).all():
        raise _unusable(name, "answers of a member are no counts above 0")


def _check_scale(scale: Scale, name: str) -> None:
    if not 0 < scale.prior < 1:
        raise _unusable(name, f"its prior {scale.prior} is no share between 0 and 1")
    if scale.calibrator.kind not in ("platt", "isotonic") or scale.calibrator.slope < 0:
        raise _unusable(name, "its calibrator is no rising sigmoid or step function")
    steps = scale.calibrator.probabilities
    if list(steps) != sorted(steps) or len(steps) != len(scale.calibrator.scores):
        raise _unusable(name, "its steps do not rise")
    limits = [value for row in scale.thresholds.values() for value in (row.accept_at, row.reject_at)]
    if any(value is not None and not 0 <= value <= 1 for value in limits):
        raise _unusable(name, "a threshold is no probability")


def _unusable(name: str, why: str) -> CalibrationError:
    return CalibrationError(
        f"The quorum's calibration {name} cannot be used: {why}.",
        "Make it again: `stemma calibrate`, or remove the file.",
    )
