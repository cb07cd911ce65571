"""What Stemma holds and how the last run went, counted. How it is printed lives in `cli`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from stemma.quorum.scope import VERDICTS_IN_FORCE
from stemma.store.postgres import Database

_COUNTS = """
SELECT (SELECT count(*) FROM stemma.repositories) AS repositories,
       (SELECT count(*) FROM stemma.commits WHERE kind = 'commit') AS commits,
       (SELECT count(*) FROM stemma.commits WHERE kind = 'snapshot') AS snapshots,
       (SELECT count(*) FROM stemma.files) AS files,
       (SELECT count(*) FROM stemma.files WHERE language IS NOT NULL) AS files_of_a_known_language,
       (SELECT count(*) FROM stemma.blobs) AS contents_parsed,
       (SELECT coalesce(sum(n_bytes), 0)::bigint FROM stemma.blobs WHERE status <> 'skipped') AS bytes_parsed,
       (SELECT count(*) FROM stemma.snippets) AS snippets,
       (SELECT count(*) FROM stemma.occurrences WHERE valid_to IS NULL) AS snippets_at_the_heads,
       (SELECT count(*) FROM stemma.patterns) AS patterns,
       (SELECT count(*) FROM stemma.patterns WHERE n_live > 0) AS patterns_at_the_heads,
       (SELECT count(*) FROM stemma.matches) AS matches,
       (SELECT count(*) FROM stemma.families) AS families,
       (SELECT count(*) FROM stemma.lineage_nodes) AS lineage_nodes,
       (SELECT count(*) FROM stemma.agent_events) AS agent_events,
       (SELECT count(*) FROM stemma.rejected_events) AS rejected_events
"""
# Of texts, as they are judged, that stand in a source file now.
_VERDICTS = f"""
SELECT v.outcome, count(*) AS n
FROM ({VERDICTS_IN_FORCE}) AS v
JOIN (
    SELECT DISTINCT pattern_id, exact_hash FROM stemma.occurrences WHERE valid_to IS NULL AND category = 'source'
) live USING (pattern_id, exact_hash)
GROUP BY v.outcome ORDER BY v.outcome
"""
_EDGES = "SELECT edge_type, count(*) AS n FROM stemma.lineage_edges GROUP BY edge_type ORDER BY edge_type"
_NOT_PARSED = """
SELECT b.reason, count(*) AS n FROM stemma.files f JOIN stemma.blobs b USING (blob_oid)
WHERE f.language IS NOT NULL AND b.status <> 'parsed' GROUP BY b.reason ORDER BY n DESC
"""
_EXAMPLES = """
SELECT b.reason, string_agg(r.name || ' ' || f.path, ', ' ORDER BY r.name, f.path) AS files
FROM (SELECT *, row_number() OVER (PARTITION BY reason ORDER BY blob_oid) AS nth FROM stemma.blobs
      WHERE status <> 'parsed' AND blob_oid IN (SELECT blob_oid FROM stemma.files WHERE language IS NOT NULL)) b
JOIN stemma.files f USING (blob_oid) JOIN stemma.repositories r USING (repo_id)
WHERE b.nth <= 3
GROUP BY b.reason ORDER BY b.reason
"""
_LOST_FILES = """
SELECT r.name AS repository, count(*) AS n, min(f.path) AS path
FROM stemma.files f JOIN stemma.blobs b USING (blob_oid) JOIN stemma.repositories r USING (repo_id)
WHERE b.reason IN ('missing', 'corrupt') AND r.status = 'ok'
GROUP BY r.name ORDER BY r.name
"""
_LAST_RUN = """
SELECT run_id, status, started_at, ended_at, error, degraded, peak_memory_mib,
       extract(epoch FROM coalesce(ended_at, now()) - started_at)::float8 AS seconds
FROM stemma.runs r
WHERE EXISTS (SELECT FROM stemma.run_phases p WHERE p.run_id = r.run_id AND p.phase <> 'agent_events')
ORDER BY started_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class Summary:
    """Counts of everything, by name; `phases` and `gates` are those of the last run.

    `remarks` names, in sentences, files that were not parsed whole and gates that were not passed.
    """

    counts: dict[str, int]
    verdicts: dict[str, int]
    lineage_edges: dict[str, int]
    not_parsed_whole: dict[str, int]
    last_run: dict[str, Any] | None
    phases: list[dict[str, Any]]
    gates: dict[str, int]
    remarks: list[str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def counts_frame(self) -> pl.DataFrame:
        """Columns what, n: one row per count."""
        rows = [(name.replace("_", " "), n) for name, n in self.counts.items()]
        rows += [(f"files not parsed whole: {reason}", n) for reason, n in self.not_parsed_whole.items()]
        rows += [(f"verdicts: {outcome}", n) for outcome, n in self.verdicts.items()]
        rows += [(f"lineage edges: {kind}", n) for kind, n in self.lineage_edges.items()]
        rows += [(f"gates {outcome} in the last run", n) for outcome, n in self.gates.items()]
        return pl.DataFrame(rows, schema={"what": pl.String, "n": pl.Int64}, orient="row")

    def phases_frame(self) -> pl.DataFrame:
        """Columns phase, seconds, cpu_seconds, n_rows; the last row is the whole run with its peak memory."""
        schema = {"phase": pl.String, "seconds": pl.Float64, "cpu_seconds": pl.Float64, "rows written": pl.Int64}
        rows = [(p["phase"], p["seconds"], p["cpu_seconds"], p["n_rows"]) for p in self.phases]
        if self.last_run is not None and rows:
            memory = self.last_run["peak_memory_mib"]
            whole = f"whole run ({self.last_run['status']}, peak {memory:,.0f} MiB)"
            rows.append((whole, self.last_run["seconds"], sum(row[2] for row in rows), None))
        return pl.DataFrame(rows, schema=schema, orient="row")

    def next_commands(self, program: str) -> list[str]:
        """Three commands worth trying on what there is."""
        if not self.counts["snippets"]:
            return [f"{program} repo list", f"{program} status", f"{program} doctor"]
        return [
            f"{program} families",
            f'{program} sql "SELECT * FROM repositories"',
            f"{program} up",
        ]


def summarise(db: Database) -> Summary:
    """Count everything, in one transaction, so that the figures belong together."""
    with db.transaction() as transaction:
        counts = transaction.read(_COUNTS).row(0, named=True)
        verdicts = dict(transaction.read(_VERDICTS).iter_rows())
        edges = dict(transaction.read(_EDGES).iter_rows())
        not_parsed = {reason or "unknown": n for reason, n in transaction.read(_NOT_PARSED).iter_rows()}
        last = transaction.read(_LAST_RUN)
        last_run = last.row(0, named=True) if last.height else None
        run_id = last_run["run_id"] if last_run else ""
        phases = transaction.read(
            "SELECT phase, seconds::float8, cpu_seconds::float8, n_rows FROM stemma.run_phases "
            "WHERE run_id = $1 ORDER BY seconds DESC",
            [run_id],
        )
        gates = transaction.read(
            "SELECT CASE WHEN is_passed THEN 'passed' WHEN is_blocking THEN 'failed' ELSE 'warned' END AS outcome, "
            "count(*) FROM stemma.gate_results WHERE run_id = $1 GROUP BY 1 ORDER BY 1",
            [run_id],
        )
        remarks = [f"Not parsed whole ({reason}): {files}" for reason, files in transaction.read(_EXAMPLES).iter_rows()]
        failed = transaction.read(
            "SELECT asset, gate, is_blocking, description FROM stemma.gate_results "
            "WHERE run_id = $1 AND NOT is_passed ORDER BY asset, gate",
            [run_id],
        )
    if last_run and last_run["degraded"]:
        remarks.insert(0, f"Degraded: {last_run['degraded']}")
    for asset, gate, is_blocking, description in failed.iter_rows():
        remarks.append(f"Gate {'failed' if is_blocking else 'warned'}: {asset} {gate}. {description}")
    return Summary(counts, verdicts, edges, not_parsed, last_run, phases.to_dicts(), dict(gates.iter_rows()), remarks)


def lost_files(db: Database) -> pl.DataFrame:
    """Repositories with files at their head whose object is missing or corrupt: repository, n, path of the first."""
    return db.read(_LOST_FILES)


def failed_gates(db: Database, run_id: str) -> list[dict[str, Any]]:
    """The blocking gates that a run did not pass."""
    return db.read(
        "SELECT asset, gate, description FROM stemma.gate_results "
        "WHERE run_id = $1 AND is_blocking AND NOT is_passed ORDER BY asset, gate",
        [run_id],
    ).to_dicts()
