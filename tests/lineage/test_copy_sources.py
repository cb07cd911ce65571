"""Sources of copies as frames: dates that are believed or not, and an order that leaves no cycle."""

from __future__ import annotations

import datetime as dt
from graphlib import TopologicalSorter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.lineage.copy_sources import VERSIONS, between, inside
from stemma.lineage.first_seen import ALWAYS, NEVER, first_seen

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def day(number: int, year: int = 2024) -> dt.datetime:
    return dt.datetime(year, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=number)


def micros(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def seen(*commits: tuple[str, list[str], dt.datetime, dt.datetime]) -> dict[str, tuple[int, int, int]]:
    """seen_at, earliest_at and latest_at of commits given in order as sha, parents, author's and committer's date."""
    rows = [
        {"sha": sha, "position": place, "parents": parents, "authored_at": authored, "committed_at": committed}
        | {"is_birth_known": True}
        for place, (sha, parents, authored, committed) in enumerate(commits)
    ]
    schema = {
        "parents": pl.List(pl.String),
        "authored_at": pl.Datetime("us", "UTC"),
        "committed_at": pl.Datetime("us", "UTC"),
    }
    found = first_seen(pl.DataFrame(rows, schema_overrides=schema), NOW)
    return {row[0]: row[2:] for row in found.iter_rows()}


def test_an_authors_date_that_can_be_is_the_moment() -> None:
    found = seen(("a", [], day(0), day(3)), ("b", ["a"], day(1), day(9)))
    assert found == {"a": (micros(day(0)),) * 3, "b": (micros(day(1)),) * 3}


def test_a_commit_is_never_seen_before_its_parents() -> None:
    found = seen(("a", [], day(9), day(9)), ("b", ["a"], day(2), day(3)), ("c", ["b"], day(10), day(10)))
    assert found["b"] == (micros(day(9)), micros(day(2)), micros(day(9)))
    assert found["c"] == (micros(day(10)),) * 3


def test_of_dates_nobody_can_believe_the_span_is_open() -> None:
    past, future = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2090, 1, 1, tzinfo=dt.UTC)
    found = seen(("a", [], past, future), ("b", ["a"], future, day(5)))
    assert found["a"] == (NEVER, NEVER, ALWAYS)
    assert found["b"] == (micros(day(5)), NEVER, micros(day(5)))


versions = st.lists(
    st.fixed_dictionaries(
        {
            "repo_id": st.sampled_from("abc"),
            "exact_hash": st.sampled_from("xyz"),
            "position": st.integers(0, 3),
            "seen_at": st.integers(0, 3).map(lambda hours: hours * 3_600_000_000),
            "is_lent": st.booleans(),
            "until": st.none() | st.integers(1, 5),
        }
    ),
    max_size=12,
)


@given(versions)
@settings(deadline=None)  # the first example pays for what is made once
def test_every_birth_has_one_source_at_most_and_derivation_has_no_cycle(drawn: list[dict[str, object]]) -> None:
    rows = [
        row
        | {"node_id": f"n{number}", "pattern_id": "p", "token_hash": row["exact_hash"], "index": row["position"]}
        | {"earliest_at": row["seen_at"], "latest_at": row["seen_at"], "is_birth": True, "is_shared": False}
        | {"category": "source"}
        for number, row in enumerate(drawn)
    ]
    frame = pl.DataFrame(rows, VERSIONS)
    own = inside(frame)
    found = pl.concat([own, between(frame, own["child_id"])])
    assert found["child_id"].is_unique().all()
    # What is lent stays lent inside its repository: `copies` sees to that, here such an edge may not be asked for.
    lent = dict(frame.select("node_id", "is_lent").iter_rows())
    edges = [(c, p) for c, p in found.select("child_id", "parent_id").iter_rows() if lent[c] >= lent[p]]
    graph: dict[str, set[str]] = {}
    for child, parent in edges:
        graph.setdefault(child, set()).add(parent)
    list(TopologicalSorter(graph).static_order())  # raises CycleError
