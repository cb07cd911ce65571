"""What the gates on lineage cost over 1 M versions: `python -m bench.lineage_gates [versions]`.

Ten repositories of a thousand commits are planted by SQL into a database of the bench's own, beside the Postgres of
STEMMA_DATABASE_URL or the embedded one, and dropped at the end: elements of eight versions, each continuing the one
before, every other one also taking a part of an older element, one element in ten copied from the repository before.
Printed, and written to bench/results/lineage_gates.json: wall seconds of each gate, asked once after another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa

from assets.checks.gates import violations
from assets.checks.invariants import INVARIANTS
from bench.figures import measured_at, write
from stemma.config import load_settings
from stemma.store import open_database
from stemma.store.migrations import migrate
from stemma.store.postgres import Database

DATABASE = "stemma_bench_lineage_gates"
ASSETS = ("copies", "lineage_nodes", "lineage_edges", "lineage_events")
N_REPOSITORIES, N_VERSIONS = 10, 8
PLANT = Path(__file__).with_name("lineage_gates.sql")


@contextmanager
def planted(n_versions: int) -> Iterator[Database]:
    """A database of its own with so many versions, dropped at the end."""
    elements = n_versions // N_REPOSITORIES // N_VERSIONS
    with open_database(load_settings()) as main:
        url = sa.make_url(main.url)
        with psycopg.connect(main.url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {DATABASE}")
            try:
                with Database(url.set(database=DATABASE).render_as_string(hide_password=False)) as database:
                    migrate(database)
                    with psycopg.connect(database.url, autocommit=True) as writer:
                        writer.execute("SET session_replication_role = replica")  # every end is there
                        writer.execute("SET synchronous_commit = off")
                        for statement in PLANT.read_text().split(";\n"):
                            writer.execute(statement.replace(":elements", str(elements)))
                        writer.execute("VACUUM ANALYZE")
                    yield database
            finally:
                admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="?", type=int, default=1_000_000, help="versions of elements in the graph")
    with planted(parser.parse_args().versions) as database:
        counted = ", ".join(f"(SELECT count(*) FROM stemma.{name}) AS {name}" for name in ASSETS[1:])
        found: dict[str, object] = {**database.read(f"SELECT {counted}").row(0, named=True)}
        for invariant in INVARIANTS:
            if invariant.asset in ASSETS:
                begun = time.perf_counter()
                n_violations, _ = violations(database, invariant)
                found[invariant.name] = {"s": round(time.perf_counter() - begun, 2), "n_violations": n_violations}
                print(f"{invariant.name:40} {found[invariant.name]}", flush=True)
    found["machine"] = measured_at()
    write("lineage_gates", found)


if __name__ == "__main__":
    main()
