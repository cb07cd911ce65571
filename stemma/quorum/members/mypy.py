"""mypy: Python whose declared types contradict each other. It is asked about all files of a batch in one child process.

How mypy is run there, with nothing but its own stubs of the standard library, lives in `mypy_child`; which of its
errors count is decided here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl

from stemma.quorum.members.base import FILES, FINDINGS, Family, MemberMissingError, version_of, votes_from
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# mypy sees one file without what it imports, so half of what it says is about what it cannot see. Decided by reading
# what it says of 2,026 files of 40 packages that are kept well (1.19.1):
# - In a function that declares no type, all but a handful were inferred from a first assignment (`x = None`, `v = []`)
#   that was not meant as a declaration. mypy does not look into such functions, and a text of only such abstains.
# - Left out: assignment, var-annotated, override and misc (how a class is laid out), union-attr (nearly always `None`
#   that cannot come there), name-defined (pyflakes sees it in Ruff), return (a branch that always raises, by a function
#   that is imported), typeddict-item (a union of which one part has the key), abstract, has-type, import.
# What was left failed 87 of their 23,400 definitions with types, most of them by an annotation that is not true, and 29
# of 13,258 functions of 23 other packages; 15 of these led to what is said below of receivers, mixins and pleas.
_CODES = ("arg-type", "attr-defined", "call-arg", "call-overload", "index", "operator", "return-value")

# Errors that are about a type which is not declared as such: unions of which a part would do, what is narrowed by a
# check that only mypy's knowledge of an import would understand, literals, unresolved names (`X?`), a bare `return`.
_UNSURE = "|".join(
    (
        r"\b(?:Any|None|Never)\b|\"(?:object|super|type)\"| \| |\?|\b_T",
        r"overloaded function|not callable|^Module has|Literal\[|type\[|special form",
    )
)
_UNSURE_RETURN = "return value expected"

# What a class of the same file has may come from what mixes it in, from `setattr`, or from a decorator; what one of
# the standard library has, from another platform or version than mypy was asked about. These have no more anywhere.
_UNSURE_OF_OWN = ("attr-defined", "index")
_SURE_RECEIVERS = r"^\"(?:str|int|float|complex|bool|bytes|bytearray|list|dict|set|frozenset|tuple)\b"

# Of the lines of a text in which something has a type, the share in which all types must be known. Two thirds of the
# definitions with types in those packages have it: 15,400 pass, 7,400 abstain for want of it.
_MIN_SHARE_KNOWN = 0.5

_CHILD = "stemma.quorum.members.mypy_child"

ERRORS = pl.Schema(
    {
        "file": pl.String,
        "code": pl.String,
        "line": pl.Int32,
        "message": pl.String,
        "is_own": pl.Boolean,
        "is_decorated": pl.Boolean,
        "is_excused": pl.Boolean,
    }
)
KNOWN = pl.Schema({"unit": pl.Int32, "is_declared": pl.Boolean, "n_known": pl.Int32, "n_checked": pl.Int32})
UNREAD = pl.Schema({"file": pl.String, "reason": pl.String})


class Mypy:
    name = "mypy"
    family: Family = "correctness"
    languages = frozenset({"python"})
    is_lasting = True

    def version(self) -> str:
        try:
            tool = version("mypy")
        except PackageNotFoundError as error:
            raise MemberMissingError("mypy is not installed") from error
        rules = (_CODES, _UNSURE, _UNSURE_RETURN, _UNSURE_OF_OWN, _SURE_RECEIVERS, _MIN_SHARE_KNOWN)
        return version_of("mypy", tool, *rules, sys.version_info[:2])  # it reads as the Python it runs on

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        errors, known, unread = _ask(batch, folder, limits)
        findings = _findings(errors)
        excused = batch.join(findings.filter(errors["is_excused"]), on="file").filter(
            pl.col("line").is_between("start_line", "end_line")
        )
        unsure = dict.fromkeys(excused["unit"].to_list(), "cannot vouch: it silences a type error itself")
        return votes_from(batch, findings, unread=dict(unread.iter_rows()), unsure=dict(_unknown(known)) | unsure)


def _ask(batch: pl.DataFrame, folder: Path, limits: Limits) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    batch.select("unit", "file", "start_line", "end_line").write_ndjson(folder / "batch.jsonl")
    argv = [sys.executable, "-P", "-s", "-m", _CHILD, FILES, ",".join(_CODES)]
    run_bounded(argv, folder, limits, env={"PYTHONPATH": str(Path(__file__).parents[3])})
    try:
        errors, known, unread = (
            _rows(folder / name, schema)
            for name, schema in (("errors.jsonl", ERRORS), ("known.jsonl", KNOWN), ("unread.jsonl", UNREAD))
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return errors, known, unread


def _rows(path: Path, schema: pl.Schema) -> pl.DataFrame:
    return pl.read_ndjson(path, schema=schema) if path.stat().st_size else pl.DataFrame(schema=schema)


def _findings(errors: pl.DataFrame) -> pl.DataFrame:
    """The errors as findings, in their order: those that are held against a text, and those only told."""
    is_unsure = (
        pl.col("message").str.contains(_UNSURE)
        | pl.col("message").str.to_lowercase().str.contains(_UNSURE_RETURN, literal=True)
        | (pl.col("is_own") & pl.col("code").is_in(_UNSURE_OF_OWN))
        | ((pl.col("code") == "attr-defined") & ~pl.col("message").str.contains(_SURE_RECEIVERS))
        | pl.col("is_decorated")
    )
    is_failing = ~is_unsure & ~pl.col("is_excused")
    return errors.select(
        "file",
        "line",
        "message",
        rule="code",
        severity=pl.when(is_failing).then(pl.lit("medium")).otherwise(pl.lit("low")),
        end_line=pl.lit(None, pl.Int32),
        is_failing=is_failing,
    ).select(FINDINGS.names())


def _unknown(known: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Why mypy's silence means nothing, by unit: no declared type, or too few that it could resolve."""
    few = known.filter(pl.col("n_known") < pl.max_horizontal(1, _MIN_SHARE_KNOWN * pl.col("n_checked")))
    for unit, is_declared, n_known, n_checked in few.iter_rows():
        if not is_declared or not n_checked:
            yield unit, "not applicable: nothing in it has a type to check"
        else:
            yield unit, f"cannot vouch: types are known in only {n_known} of its {n_checked} lines"
