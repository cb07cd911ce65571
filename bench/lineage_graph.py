"""Ancestors, descendants and paths on a lineage graph of 1 M nodes and 2 M edges: `python -m bench.lineage_graph`.

Two shapes of derivation are loaded into a database of the bench's own, at the Postgres of STEMMA_DATABASE_URL or the
embedded one, and dropped at the end: `elements` (versions of elements one after another, joined by copies of which some
sources are popular) and `random` (every node from two earlier ones at random, which is wider than any history). The
SQL functions are asked from 200 random nodes; beside them stands the plain recursive CTE on the same nodes, connection
and indexes. Written are bench/results/lineage_graph.json and .md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
import sqlalchemy as sa

from bench.figures import measured_at, write
from stemma.config import load_settings
from stemma.store import open_database
from stemma.store.migrations import migrate
from stemma.store.postgres import Database
from stemma.tables import lineage_edges, lineage_nodes

DATABASE = "stemma_bench_lineage_graph"
N_STARTS = 200
N_UNBOUNDED = 40
VERSIONS_PER_ELEMENT = 8
ALL = 2**31 - 1
MANY = 10_000_000  # more nodes than there are
DEFAULT_NODES = 10_000

_CTE = """
WITH RECURSIVE walk (node_id, depth) AS (
    SELECT %s::text, 0
    UNION
    SELECT e.{far}, w.depth + 1 FROM walk w JOIN stemma.lineage_edges e ON e.{near} = w.node_id WHERE w.depth < %s
) SELECT node_id, min(depth) FROM walk WHERE depth > 0 GROUP BY node_id
"""
_ENDS = {"ancestors": ("child_id", "parent_id"), "descendants": ("parent_id", "child_id")}


@dataclass(frozen=True)
class Spent:
    """Milliseconds over all questions: of the client's clock, and of the server's process alone (from /proc).

    CPU is None where the server is out of sight.
    """

    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float | None
    cpu_p95_ms: float | None


@dataclass(frozen=True)
class Timed:
    """One question asked from many nodes, twice each: the first time its pages may have to be found, then not."""

    shape: str
    question: str
    depth: str
    by: str
    n: int
    rows_p50: int
    rows_max: int
    first: Spent
    again: Spent


def elements(rng: np.random.Generator, n_nodes: int, n_edges: int) -> tuple[np.ndarray, np.ndarray]:
    """Versions in the order of time, each from the one before of its element; the other edges copy from older ones."""
    element = rng.integers(0, n_nodes // VERSIONS_PER_ELEMENT, n_nodes)
    order = np.lexsort((np.arange(n_nodes), element))
    follows = element[order][1:] == element[order][:-1]
    child, parent = order[1:][follows], order[:-1][follows]
    more = n_edges - child.size
    copies = rng.integers(1, n_nodes, more)
    popular = np.minimum(rng.zipf(1.5, more) % n_nodes, copies - 1)
    anywhere = (rng.random(more) * copies).astype(np.int64)
    sources = np.where(rng.random(more) < 0.7, anywhere, popular)
    return np.concatenate([child, copies]), np.concatenate([parent, sources])


def random(rng: np.random.Generator, n_nodes: int, n_edges: int) -> tuple[np.ndarray, np.ndarray]:
    """Every node but the first from earlier ones at random."""
    child = np.repeat(np.arange(1, n_nodes), n_edges // n_nodes)
    return child, (rng.random(child.size) * child).astype(np.int64)


SHAPES: dict[str, Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]] = {
    "elements": elements,
    "random": random,
}


@contextmanager
def own_database() -> Iterator[Database]:
    """A migrated database beside the one of the settings, dropped at the end."""
    with open_database(load_settings()) as main:
        url = sa.make_url(main.url)
        with psycopg.connect(main.url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {DATABASE}")
            try:
                with Database(url.set(database=DATABASE).render_as_string(hide_password=False)) as database:
                    migrate(database)
                    yield database
            finally:
                admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def load(database: Database, ids: list[str], child: np.ndarray, parent: np.ndarray) -> dict[str, float]:
    """Write the graph by COPY; returns the seconds it took. Foreign keys are not checked: every end is there."""
    begun = time.perf_counter()
    database.execute("TRUNCATE stemma.repositories CASCADE")
    database.execute(
        "INSERT INTO stemma.repositories (repo_id, name, kind, location, tags, added_at, is_shallow) "
        "VALUES ('r', 'r', 'git', '/r', '{}', now(), false)"
    )
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    id_ = pl.col("node_id")
    nodes = pl.DataFrame({"node_id": ids}).with_columns(
        repo_id=pl.lit("r"), path=pl.lit("src/package/module.py"), kind=pl.lit("function"), qualified_name=pl.lit("f"),
        duplicate_index=pl.lit(0), language=pl.lit("python"), exact_hash=id_, pattern_id=id_, blob_oid=id_,
        ordinal=pl.lit(0), sha=id_, first_parent_index=pl.lit(0), occurred_at=pl.lit(moment),
        authored_at=pl.lit(moment),
    )  # fmt: skip
    names = np.array(ids)
    pairs = pl.DataFrame({"child": child, "parent": parent}).unique(maintain_order=True).with_row_index("number")
    edges = pl.DataFrame(
        {
            "edge_id": pairs.select(pl.format("{}", pl.col("number")).str.zfill(32))["number"],
            "child_id": names[pairs["child"].to_numpy()],
            "parent_id": names[pairs["parent"].to_numpy()],
        }
    ).with_columns(
        repo_id=pl.lit("r"), edge_type=pl.lit("modified_from"), weight=pl.lit(0.5), confidence=pl.lit(1.0),
        evidence=pl.lit('{"matched_by": "place"}'),
    )  # fmt: skip
    with database.transaction() as transaction:
        transaction.execute("SET LOCAL session_replication_role = replica")
        transaction.insert(lineage_nodes, nodes)
        transaction.insert(lineage_edges, edges)
    loaded = time.perf_counter() - begun
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE stemma.lineage_edges")
        admin.execute("VACUUM ANALYZE stemma.lineage_nodes")
    size = "SELECT pg_indexes_size('stemma.lineage_edges') / 1e6 AS mb"
    return {
        "load_s": round(loaded, 1),
        "n_edges": edges.height,
        "index_mb": round(float(database.read(size)["mb"].item())),
    }


class Session:
    """One connection with prepared statements, as a program that asks often has it."""

    def __init__(self, database: Database) -> None:
        self._connection = psycopg.connect(database.url, autocommit=True, prepare_threshold=0)
        self._cpu = Path(f"/proc/{self._connection.info.backend_pid}/schedstat")

    def cpu_ns(self) -> int | None:
        try:
            return int(self._cpu.read_text().split()[0])
        except OSError:  # the server is on another machine, or in another container
            return None

    def ask(self, query: str, asked: Sequence[tuple[object, ...]]) -> tuple[list[int], Spent, Spent]:
        """Rows of each question, and what they cost the first and the second time."""
        rows: list[int] = []
        times: tuple[list[float], list[float]] = ([], [])
        cpu: tuple[list[float], list[float]] = ([], [])
        with self._connection.cursor() as cursor:
            for arguments in asked:
                for turn in (0, 1):
                    before, begun = self.cpu_ns(), time.perf_counter()
                    found = cursor.execute(query, arguments).fetchall()
                    times[turn].append((time.perf_counter() - begun) * 1e3)
                    after = self.cpu_ns()
                    if before is not None and after is not None:
                        cpu[turn].append((after - before) / 1e6)
                rows.append(len(found))
        return rows, _spent(times[0], cpu[0]), _spent(times[1], cpu[1])

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _spent(times: list[float], cpu: list[float]) -> Spent:
    def at(values: list[float], percent: int) -> float:
        return round(float(np.percentile(values, percent)), 3)

    of_cpu = (at(cpu, 50), at(cpu, 95)) if cpu else (None, None)
    return Spent(at(times, 50), at(times, 95), *of_cpu)


def measure(database: Database, shape: str, ids: list[str], pairs: list[tuple[str, str]]) -> Iterator[Timed]:
    """Every question by the functions as the database has them, and by the CTE."""

    def timed(question: str, depth: str, how: str, query: str, asked: Sequence[tuple[object, ...]]) -> Timed:
        rows, first, again = session.ask(query, asked)
        return Timed(shape, question, depth, how, len(asked), int(statistics.median(rows)), max(rows), first, again)

    with Session(database) as session:
        for question, (near, far) in _ENDS.items():
            function = f"SELECT * FROM stemma.{question}(%s, %s, %s)"
            for depth in (5, 10):
                yield timed(question, str(depth), "functions", function, [(start, depth, MANY) for start in ids])
                cte = _CTE.format(near=near, far=far)
                yield timed(question, str(depth), "recursive CTE", cte, [(start, depth) for start in ids])
            unbounded = [(start, ALL, DEFAULT_NODES) for start in ids[:N_UNBOUNDED]]
            yield timed(question, f"all, {DEFAULT_NODES:,} nodes at most", "functions", function, unbounded)
        path = "SELECT * FROM stemma.lineage_path(%s, %s, %s, %s)"
        for depth, n_most in ((5, MANY), (10, MANY), (ALL, DEFAULT_NODES)):
            name = str(depth) if depth < ALL else f"all, {DEFAULT_NODES:,} nodes at most"
            ends = pairs if depth < ALL else pairs[:N_UNBOUNDED]
            yield timed("path", name, "functions", path, [(*pair, depth, n_most) for pair in ends])


def distant(
    child: np.ndarray, parent: np.ndarray, ids: list[str], starts: np.ndarray, steps: int
) -> list[tuple[str, str]]:
    """For each start an ancestor up to so many steps up, always along the edge written last: ends of a real path."""
    last = np.full(len(ids), -1)
    last[child] = parent
    at = starts.copy()
    for _ in range(steps):
        at = np.where(last[at] >= 0, last[at], at)
    return [(ids[a], ids[b]) for a, b in zip(starts.tolist(), at.tolist(), strict=True)]


def run(n_nodes: int, n_edges: int) -> tuple[list[Timed], dict[str, dict[str, float]]]:
    ids = [hashlib.blake2b(b"%d" % number, digest_size=16).hexdigest() for number in range(n_nodes)]
    found: list[Timed] = []
    loads = {}
    with own_database() as database:
        for shape, make in SHAPES.items():
            rng = np.random.default_rng(4)
            child, parent = make(rng, n_nodes, n_edges)
            loads[shape] = load(database, ids, child, parent)
            starts = rng.integers(0, n_nodes, N_STARTS)
            pairs = distant(child, parent, ids, starts, 4)
            found += measure(database, shape, [ids[start] for start in starts], pairs)
    return found, loads


def markdown(found: list[Timed], loads: dict[str, dict[str, float]], machine: dict[str, object], n_nodes: int) -> str:
    lines = [
        f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']}: {n_nodes:,} nodes; "
        + "; ".join(f"{shape} {it['n_edges']:,} edges, loaded in {it['load_s']} s" for shape, it in loads.items())
        + ".",
        "",
        "Every question is asked twice of one connection: `first` may have to find its pages, `again` has them. CPU is "
        "that of the server's process; the other times are of the client's clock and hold whatever else runs.",
        "",
        "| shape | question | depth | by | asked | rows p50 | rows max | first p50 ms | p95 | CPU p50 | CPU p95 "
        "| again p50 ms | p95 | CPU p50 | CPU p95 |",
        "|---|---|---|---|" + "---:|" * 11,
    ]
    for it in found:
        spent = [ms for turn in (it.first, it.again) for ms in asdict(turn).values()]
        shown = " | ".join("–" if ms is None else f"{ms:.2f}" for ms in spent)
        lines.append(
            f"| {it.shape} | {it.question} | {it.depth} | {it.by} | {it.n} | {it.rows_p50:,} | {it.rows_max:,} "
            f"| {shown} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=2_000_000)
    given = parser.parse_args()
    found, loads = run(given.nodes, given.edges)
    machine = measured_at()
    result = {"machine": machine, "nodes": given.nodes, "loads": loads, "questions": [asdict(it) for it in found]}
    write("lineage_graph", result, markdown(found, loads, machine, given.nodes))


if __name__ == "__main__":
    main()
