"""Lineage out of frames: the same rows in whatever batches, order and portions the commits come."""

from __future__ import annotations

from unittest.mock import patch

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemma.lineage import trace as tracing
from stemma.lineage.trace import Traced, Tracer, trace
from tests.lineage.code import file, function
from tests.lineage.frames import Made, changes, commits, contents, sha

POOL = (
    function("one"),
    function("one", extra="print(items)"),
    function("one", "parse"),
    function("two", "parse"),
    function("two"),
    function("two", "retry"),
    "def two(items):\n    return items\n",
    f"class A:\n{function('one').replace('def', '    def').replace(chr(10) + '    ', chr(10) + '        ')}",
)
FILES = st.dictionaries(
    st.sampled_from(("a.py", "b.py")), st.lists(st.sampled_from(POOL), max_size=3).map(lambda parts: file(*parts))
)


@st.composite
def histories(draw: st.DrawFn) -> list[Made]:
    """Up to seven commits; a merge takes each file from one of its parents or writes it itself."""
    made: list[Made] = []
    for number in range(draw(st.integers(2, 7))):
        parents = ()
        if number:
            last = st.just(number - 1) if number == 1 else st.integers(max(0, number - 3), number - 1)
            parents = tuple(draw(st.lists(last, min_size=1, max_size=3, unique=True)))
        files = dict(made[draw(st.sampled_from(parents))].files) if parents else {}
        if not parents or draw(st.booleans()):
            files |= draw(FILES)
        for path in draw(st.sets(st.sampled_from(("a.py", "b.py")), max_size=1)):
            files.pop(path, None)
        made.append(Made(parents, files))
    head = Made(tuple(_heads(made)), dict(made[-1].files))
    return [*made, head]


def _heads(made: list[Made]) -> list[int]:
    taken = {parent for each in made for parent in each.parents}
    return [number for number in range(len(made)) if number not in taken][::-1]


def rows(traced: Traced, *, with_landing: bool = True) -> dict[str, list[tuple[object, ...]]]:
    nodes = traced.nodes if with_landing else traced.nodes.drop("first_parent_index")
    return {
        "nodes": sorted(nodes.rows(), key=str),
        "edges": sorted(traced.edges.rows(), key=str),
        "events": sorted(traced.events.rows(), key=str),
    }


def whole(history: list[Made]) -> Traced:
    return trace("repo", commits(history), changes(history), contents(history))


SETTINGS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(histories())
def test_the_size_of_batches_does_not_show(history: list[Made]) -> None:
    with patch.object(tracing, "CHANGES_PER_STEP", 1), patch.object(tracing, "VERSIONS_PER_BATCH", 1):
        in_parts = whole(history)
    assert rows(in_parts) == rows(whole(history))


@SETTINGS
@given(histories(), st.randoms(use_true_random=False))
def test_another_order_of_the_same_graph_gives_the_same_rows(history: list[Made], random: object) -> None:
    order: list[int] = []
    while len(order) < len(history):
        ready = [
            number
            for number, made in enumerate(history)
            if number not in order and all(parent in order for parent in made.parents)
        ]
        order.append(random.choice(ready))  # type: ignore[attr-defined]
    other = trace("repo", commits(history, order=order), changes(history), contents(history))
    assert rows(other) == rows(whole(history))


@SETTINGS
@given(histories(), st.data())
def test_new_commits_cost_the_paths_they_touch_and_give_the_rows_of_the_whole(
    history: list[Made], data: st.DataObject
) -> None:
    n_known = data.draw(st.integers(1, len(history) - 1))
    known, all_changes = history[:n_known], changes(history)
    wanted = [number >= n_known for number in range(len(history))]
    new = range(n_known, len(history))
    before = [parent for number in new for parent in history[number].parents[:1]]  # what that removed may come back
    touched = all_changes.filter(pl.col("sha").is_in([sha(number) for number in (*new, *before)]))
    tracer = Tracer("repo", commits(history), contents(history), wanted=wanted)
    later = list(tracer.run(all_changes.join(touched.select("path").unique(), on="path", how="semi")))
    first, complete = rows(whole(known), with_landing=False), rows(whole(history), with_landing=False)
    for table in ("nodes", "edges", "events"):
        new = [row for part in later for row in rows(part, with_landing=False)[table]]
        assert sorted([*first[table], *new], key=str) == complete[table]


@SETTINGS
@given(histories())
def test_the_graph_leads_back_in_time_and_every_text_on_the_chain_has_one_version(history: list[Made]) -> None:
    traced = whole(history)
    at = {sha(number): number for number in range(len(history))}
    made = {row["node_id"]: at[row["sha"]] for row in traced.nodes.iter_rows(named=True)}
    ends = traced.edges.select("child_id", "parent_id").iter_rows()
    assert all(made[child] > made[parent] for child, parent in ends)
    assert traced.nodes["node_id"].is_unique().all()
    births = traced.events.filter(pl.col("event_type") == "introduced")
    assert births["node_id"].is_unique().all()
    landed = traced.nodes.drop_nulls("first_parent_index")
    place = ["path", "kind", "qualified_name", "duplicate_index", "first_parent_index"]
    assert landed.select(place).is_unique().all()
    assert _texts_on_chain(history) <= set(landed.select(*place, "exact_hash").iter_rows())


def _texts_on_chain(history: list[Made]) -> set[tuple[object, ...]]:
    """Where a text begins to stand on the chain: what occurrences say, told without any lineage."""
    known, found = contents(history), set()
    on_chain = commits(history).drop_nulls("first_parent_index").sort("first_parent_index")
    before: dict[tuple[object, ...], tuple[object, ...]] = {}
    blobs = changes(history).select("sha", "path", "new_blob")
    files: dict[str, str | None] = {}
    for name, index in on_chain.select("sha", "first_parent_index").iter_rows():
        files |= dict(blobs.filter(pl.col("sha") == name).select("path", "new_blob").iter_rows())
        now: dict[tuple[object, ...], tuple[object, ...]] = {}
        for path, blob in files.items():
            for row in known.outlines([blob]).iter_rows(named=True) if blob else ():
                key = (path, row["kind"], row["qualified_name"], row["duplicate_index"])
                now[key] = (row["exact_hash"], row["doc_hash"], row["loose_hash"])
        found |= {(*key, index, text[0]) for key, text in now.items() if before.get(key) != text}
        before = now
    return found


def test_ten_thousand_new_functions_in_one_commit_are_paired_in_bounded_work() -> None:
    def many(name: str) -> dict[str, str]:
        return {
            f"{name}{number}.py": "".join(
                f"def {name}_{number}_{each}(x):\n    return x + {each}\n" for each in range(20)
            )
            for number in range(100)
        }

    history = [Made((), many("old")), Made((0,), many("new"))]
    traced = whole(history)
    assert traced.events.filter(pl.col("event_type") == "introduced").height >= 2_000
