"""Where the quorum may decide: on code in use by what became of such code, and on no other by that."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemma.quorum.evidence import SEATED_VOTES
from stemma.quorum.learning import learn
from stemma.quorum.rule import Rule
from stemma.quorum.scales import EVEN, LABELLED, PRIORS, Standing, share_of_fit
from stemma.quorum.verdicts import decide

FAMILIES = {"safe": "security", "sound": "correctness", "shape": "structure", "age": "history"}


def texts(name: str, n_fit: int, n_unfit: int) -> pl.DataFrame:
    rows = [(f"{name}{i}", "", i >= n_unfit, f"{name}{i}", name) for i in range(n_fit + n_unfit)]
    return pl.DataFrame(rows, schema=LABELLED, orient="row")


def passes(labelled: pl.DataFrame, members: tuple[str, ...] = tuple(FAMILIES)) -> pl.DataFrame:
    rows = [
        (pattern, "", member, "1", FAMILIES[member], "pass", *[None] * 6)
        for pattern in labelled["pattern_id"]
        for member in members
    ]
    return pl.DataFrame(rows, schema=SEATED_VOTES, orient="row")


def test_the_share_of_fit_code_is_known_as_well_as_repositories_agree() -> None:
    """0.9, 0.95 and 1: 0.95, and 0.95 - 1.8856 * 0.05 / sqrt(3) with a confidence of 0.9; a fourth of five texts says
    nothing."""
    labelled = pl.concat([texts("a", 90, 10), texts("b", 19, 1), texts("c", 50, 0), texts("d", 0, 5)])
    assert share_of_fit(labelled) == pytest.approx((0.95, 0.8956), abs=1e-4)
    assert share_of_fit(pl.concat([texts("a", 90, 10), texts("b", 19, 1)])) == (EVEN, EVEN)
    assert share_of_fit(pl.concat([texts(name, 100, 0) for name in "abc"])) == (PRIORS[1], PRIORS[1])


def cases() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A labelled set on which `safe` fails nine of ten unfit texts, and nobody else any; none of it is in use."""
    labelled = texts("case", 200, 200)
    votes = passes(labelled, ("safe", "sound", "shape"))
    fails = (
        np.repeat(~labelled["is_fit"].to_numpy() & (np.arange(400) % 10 > 0), 3)
        & (votes["member"] == "safe").to_numpy()
    )
    return votes.with_columns(vote=pl.when(pl.Series(fails)).then(pl.lit("fail")).otherwise("vote")), labelled


def test_code_in_use_is_accepted_where_so_many_repositories_show_it_safe_and_no_other() -> None:
    """Of 4 repositories with 400 texts one in a hundred was mended: a target of 5 % holds, one of 1 % does not."""
    stood = pl.concat([texts(name, 396, 4) for name in ("a", "b", "c", "d")])
    known = learn(*cases(), provenance={}, standing=Standing(passes(stood), stood))
    assert known.used.prior == 0.99
    assert known.scale.prior == EVEN
    new = pl.DataFrame({"pattern_id": ["new"]})
    outcome = {
        (target, members): decide(passes(new, members), Rule(target_error=target), known)["outcome"].item()
        for target in (0.05, 0.01)
        for members in (tuple(FAMILIES), ("safe", "sound", "shape"))
    }
    assert outcome == {
        (0.05, tuple(FAMILIES)): "accept",
        (0.05, ("safe", "sound", "shape")): "needs_review",
        (0.01, tuple(FAMILIES)): "needs_review",
        (0.01, ("safe", "sound", "shape")): "needs_review",
    }


def test_where_repositories_disagree_nothing_is_accepted() -> None:
    """None, 40, none and one of 400 were mended: 0.974 of a mean repository's are fit, 0.974 - 1.6377 * 0.0496 / 2 =
    0.934 of the next one's at the least, and that is too few."""
    stood = pl.concat([texts("a", 400, 0), texts("b", 360, 40), texts("c", 400, 0), texts("d", 399, 1)])
    known = learn(*cases(), provenance={}, standing=Standing(passes(stood), stood))
    assert known.used.thresholds_at(0.05).accept_at is None
