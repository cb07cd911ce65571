"""How like one another the members of a family are, by method: `python -m bench.cohesion FOLDER_OR_REPOSITORY...`.

Without an argument, the files of the installed packages. Everything is matched by the main job's own steps; then the
same matches are made families by connected components and by average linkage at several bounds. Pairs of a family that
do not match are scored here, so that the figures are of true scores. Written: bench/results/cohesion.json and .md.
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.figures import measured_at, write
from bench.pipeline import derive, open_empty
from stemma.embed import open_embedder
from stemma.match.families import LIVE, MATCHED
from stemma.match.grouping import keys_of
from stemma.match.linkage import Edges, Rows, average_linkage
from stemma.match.pairs import compare
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors, open_vectors

BOUNDS = (0.3, 0.35, 0.4, 0.5, 0.6)
CUTS = (0.7, 0.8)
SAMPLED = 300  # pairs of a family of more than 25 members
WHOLE = 25
SCORED = 200_000  # pairs compared at once
CONTENTS = """
SELECT p.pattern_id, p.language, p.kind, p.shingles, p.sub_tokens, p.structure
FROM {} AS w JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
"""


@dataclass(frozen=True)
class Cohesion:
    """What one method makes of the matches.

    Attributes:
        mean: of the true scores of all pairs of a family, families weighed by their members.
        lowest_family: the least mean of a family. lowest_pair: the mean over families of their least pair.
        below: share of members whose true score with their medoid is below the least score of any match.
    """

    method: str
    families: int
    members: int
    largest: int
    mean: float
    lowest_family: float
    lowest_pair: float
    below: float
    seconds: float


class Truth:
    """True scores of pairs of live patterns: that of the match, or else computed as the matcher would."""

    def __init__(self, database: Database, vectors: Vectors | None) -> None:
        self._database, self._vectors = database, vectors
        self.live = database.read(LIVE).with_row_index("row")
        with (
            database.transaction() as transaction,
            transaction.staged("live", self.live.select("row", "pattern_id")) as name,
        ):
            matched = transaction.read(MATCHED.format(live=name))
        a, b = (matched[column].cast(pl.Int64).to_numpy() for column in ("a", "b"))
        self.edges = Edges(a, b, matched["score"].cast(pl.Float64).to_numpy())
        keys = self._keys(a, b)
        self._order = np.argsort(keys)
        self._known = keys[self._order]

    def _keys(self, a: Rows, b: Rows) -> Rows:
        keys: Rows = np.minimum(a, b) * len(self.live) + np.maximum(a, b)
        return keys

    def scores(self, a: Rows, b: Rows) -> NDArray[np.float64]:
        keys = self._keys(a, b)
        at = np.minimum(np.searchsorted(self._known, keys), len(self._known) - 1)
        scores = np.where(self._known[at] == keys, self.edges.score[self._order[at]], np.nan)
        open_pairs = np.flatnonzero(np.isnan(scores))
        for start in range(0, len(open_pairs), SCORED):
            part = open_pairs[start : start + SCORED]
            scores[part] = self._compared(a[part], b[part])
        return scores

    def _compared(self, a: Rows, b: Rows) -> NDArray[np.float64]:
        rows, at = np.unique(np.concatenate([a, b]), return_inverse=True)
        wanted = self.live[rows].select("pattern_id").with_row_index("row")
        with self._database.transaction() as transaction, transaction.staged("wanted", wanted) as name:
            patterns = transaction.read(CONTENTS.format(name))
        matrix = None if self._vectors is None else self._matrix(self._vectors, wanted["pattern_id"])
        scores = compare(patterns, at[: len(a)], at[len(a) :], matrix=matrix)["score"]
        return scores.cast(pl.Float64).fill_null(0).to_numpy()

    @staticmethod
    def _matrix(vectors: Vectors, ids: pl.Series) -> NDArray[np.float32]:
        matrix = np.zeros((len(ids), vectors.dimensions), np.float32)
        known, found = vectors.fetch(ids.to_list())
        place = dict(zip(ids, range(len(ids)), strict=True))
        matrix[[place[pattern_id] for pattern_id in known]] = found
        return matrix


def measure(truth: Truth, method: str, cluster: Callable[[], Rows]) -> Cohesion:
    started = time.perf_counter()
    root = np.unique(cluster(), return_inverse=True)[1]
    seconds = time.perf_counter() - started
    size = np.bincount(root)
    a, b, medoids, others = _pairs(truth.edges, root)
    scores, near = truth.scores(a, b), truth.scores(medoids, others)
    n = np.bincount(root[a], minlength=len(size))
    has_pairs = n > 0
    means = np.bincount(root[a], scores, len(size))[has_pairs] / n[has_pairs]
    least = np.full(len(size), np.inf)
    np.minimum.at(least, root[a], scores)
    return Cohesion(
        method=method,
        families=int(has_pairs.sum()),
        members=int(size[has_pairs].sum()),
        largest=int(size.max()),
        mean=float(np.average(means, weights=size[has_pairs])),
        lowest_family=float(means.min()),
        lowest_pair=float(least[has_pairs].mean()),
        below=float(np.mean(near < truth.edges.score.min())),
        seconds=seconds,
    )


def _pairs(edges: Edges, root: Rows) -> tuple[Rows, Rows, Rows, Rows]:
    """Pairs within clusters, all or a sample of each; and each medoid with each other member."""
    inside = edges.where(root[edges.a] == root[edges.b])
    closeness = np.bincount(inside.a, inside.score, len(root)) + np.bincount(inside.b, inside.score, len(root))
    order = np.lexsort((np.arange(len(root)), -closeness, root))  # the medoid first
    ends = np.cumsum(np.bincount(root))
    random = np.random.default_rng(0)
    found: list[tuple[Rows, Rows]] = []
    beside: list[tuple[Rows, Rows]] = []
    for members in np.split(order, ends[:-1]):
        if len(members) > 1:
            if len(members) <= WHOLE:
                a, b = np.triu_indices(len(members), 1)
            else:  # all pairs of the largest component would be 17 GB
                a = random.integers(0, len(members), SAMPLED)
                b = (a + random.integers(1, len(members), SAMPLED)) % len(members)
            found.append((members[a], members[b]))
            beside.append((np.full(len(members) - 1, members[0]), members[1:]))
    a, b = (np.concatenate(side) for side in zip(*found, strict=True))
    medoids, others = (np.concatenate(side) for side in zip(*beside, strict=True))
    return a, b, medoids, others


def components(edges: Edges, n: int, least: float) -> Rows:
    kept = edges.where(edges.score >= least)
    graph = coo_array((kept.score, (kept.a, kept.b)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def compare_methods(truth: Truth) -> list[Cohesion]:
    n, keys = len(truth.live), keys_of(truth.live["pattern_id"])
    methods: dict[str, Callable[[], Rows]] = {"connected components": partial(components, truth.edges, n, 0)}
    methods |= {f"the same, of scores from {cut}": partial(components, truth.edges, n, cut) for cut in CUTS}
    methods |= {
        f"average linkage from {least}": partial(average_linkage, truth.edges, keys, least=least) for least in BOUNDS
    }
    return [measure(truth, method, cluster) for method, cluster in methods.items()]


def markdown(rows: list[Cohesion], machine: dict[str, Any]) -> str:
    names = list(asdict(rows[0]))
    lines = [
        f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']}.",
        f"{machine['patterns']:,} live patterns of {machine['files']:,} files of {', '.join(machine['sources'])}; "
        f"{machine['matches']:,} matches of {machine['least_score']:.3f} or more.",
        "",
        f"| {' | '.join(names)} |",
        f"|---|{'---:|' * (len(names) - 1)}",
    ]
    for row in rows:
        cells = [f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for value in list(asdict(row).values())[1:]]
        lines.append(f"| {row.method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("sources", type=Path, nargs="*", default=[Path(sysconfig.get_path("purelib"))])
    parser.add_argument("--without-vectors", action="store_true", help="match by structure and words alone")
    arguments = parser.parse_args()
    sources = [source.resolve() for source in arguments.sources]
    with open_empty() as (database, settings, _), ExitStack() as opened:
        derive(database, settings, sources, with_vectors=not arguments.without_vectors)
        n_files = int(database.read("SELECT count(*) AS n FROM stemma.files")["n"].item())
        vectors = None
        if not arguments.without_vectors:
            vectors = opened.enter_context(open_vectors(settings, open_embedder(settings)))
        truth = Truth(database, vectors)
        rows = compare_methods(truth)
    machine = measured_at() | {"sources": [source.name for source in sources], "files": n_files}
    machine |= {
        "patterns": len(truth.live),
        "matches": len(truth.edges.a),
        "least_score": float(truth.edges.score.min()),
    }
    told = {"machine": machine, "methods": [asdict(row) for row in rows]}
    write("cohesion", told, table := markdown(rows, machine))
    print(table)


if __name__ == "__main__":
    main()
