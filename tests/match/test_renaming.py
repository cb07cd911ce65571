"""Whether names stand one for one: counted by hand, and told of copies with other names in the frame and the tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from stemma.config import Settings
from stemma.extract.extractor import File, Limits, extract
from stemma.match.evidence import TYPE_3, is_match
from stemma.match.matches import update_matches
from stemma.match.pairs import compare, find_matches
from stemma.match.renaming import consistency
from stemma.match.tokens import read
from stemma.store.postgres import Database

LIMITS = Limits(max_file_bytes=1 << 20, parse_timeout_s=10.0)
ORIGINAL = """
def merge_ranges(ranges, gap):
    merged = []
    for first, last in sorted(ranges):
        if last < first:
            raise ValueError(first)
        if merged and first - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    total = sum(last - first for first, last in merged)
    if total > gap * len(merged):
        return merged, total
    return [pair for pair in merged if pair[1] - pair[0] > gap], total
"""
NAMES = {
    "merge_ranges": "joinSpans", "ranges": "spans", "gap": "slack", "merged": "out", "first": "lo", "last": "hi",
    "total": "covered", "pair": "span", "sorted": "arranged", "sum": "added", "max": "upper", "len": "count",
    "append": "push", "ValueError": "BadInput",
}  # fmt: skip
EDITS = {
    "    out = []\n": "    out = []\n    if not spans:\n        return out, 0\n    slack = slack or default[spans]\n",
    "raise BadInput(lo)": "continue",
    "(out[-1][0], upper(hi, out[-1][1]))": "lo, hi",
    "    covered = ": "    audit(out, level=3)\n    while out[0] is None:\n        out.pop(0)\n    covered = ",
    "covered > slack * count(out)": "covered",
    "for span in out if span[1] - span[0] > slack]": "for span in out]",
}


def renamed(code: str) -> str:
    """Every name another, and about every third statement another."""
    found = code
    for name, new in NAMES.items():
        found = found.replace(name, new)
    for old, other in EDITS.items():
        assert old in found
        found = found.replace(old, other)
    return found


def scrambled(code: str) -> str:
    """The same outline, where names stand in other places: what was one name is one of four by turns."""
    turns = itertools.cycle(("one", "two", "three", "four"))
    return re.sub(r"\b(lo|hi|out|spans|slack)\b", lambda _: next(turns), renamed(code))


def share(a: str, b: str) -> float | None:
    return consistency(read(a, "python"), read(b, "python"))


def patterns(*codes: str) -> pl.DataFrame:
    read_ = extract([File(str(n), "python", code.encode()) for n, code in enumerate(codes)], LIMITS)
    return pl.DataFrame(read_.patterns, schema_overrides={"docstring": pl.String, "shingles": pl.List(pl.Int32)})


def test_a_name_used_again_agrees_or_does_not() -> None:
    # x stands beside a three times: two uses again, both agree.
    assert share("def f(x):\n    return x + x\n", "def g(a):\n    return a + a\n") == 1.0
    # x beside a (twice) and b (once), y beside b (once): one use again agrees; x-b is against, and so y's b is new.
    assert share("f(x, x, x)\n", "g(a, a, b)\n") == pytest.approx(1 / 2)


def test_where_no_name_is_used_twice_nothing_is_told() -> None:
    assert share("f(x, y)\n", "g(a, b)\n") is None


def test_one_name_for_two_is_counted_once() -> None:
    # f-g; x-a twice (one again); y-a twice, but a is taken: two against.
    assert share("f(x, x, y, y)\n", "g(a, a, a, a)\n") == pytest.approx(1 / 3)


def test_a_copy_with_all_names_changed_and_a_statement_more_is_a_type_3() -> None:
    found = find_matches(patterns(ORIGINAL, renamed(ORIGINAL)))
    assert found["clone_type"].to_list() == [TYPE_3]
    assert found["lexical"].item() < 0.15


def test_the_same_outline_with_names_in_other_places_is_none() -> None:
    both = patterns(ORIGINAL, scrambled(ORIGINAL))
    compared = compare(both, np.array([0]), np.array([1]))
    assert compared["structural"].item() > 0.7
    assert not is_match(compared, None).item()


def test_without_texts_names_say_nothing() -> None:
    assert find_matches(patterns(ORIGINAL, renamed(ORIGINAL)).drop("code")).is_empty()


def test_a_copy_with_other_names_in_the_tables_is_found_by_its_stored_text(
    database: Database, settings: Settings, add_pattern: Callable[..., str]
) -> None:
    for letter in "ab":
        add_pattern(letter)
    found = patterns(ORIGINAL, renamed(ORIGINAL)).with_columns(pattern_id=pl.Series(["a" * 32, "b" * 32]))
    columns = "pattern_id", "structure", "shingles", "sub_tokens", "code"
    with database.transaction() as transaction, transaction.staged("found", found.select(columns)) as name:
        transaction.execute(
            "UPDATE stemma.patterns AS p SET structure = f.structure, shingles = f.shingles, "
            f"sub_tokens = f.sub_tokens, code = f.code FROM {name} AS f WHERE p.pattern_id = f.pattern_id"
        )
    calibrated = settings.model_copy(update={"match_threshold": None})
    assert update_matches(database, None, calibrated)["n_matches"] == 1
