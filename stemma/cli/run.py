"""`stemma run` and `stemma status`: start the main job, draw its progress, print what it found."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from stemma import freshness, rebuild, runs, summary
from stemma.cli import show
from stemma.cli.bars import Bars
from stemma.cli.platform import environment, project_dir
from stemma.config import Settings, load_settings
from stemma.errors import BusyError, GateError, NotFoundError, SourceError, StemmaError, StoreError
from stemma.git import registry
from stemma.progress import FD_VARIABLE
from stemma.store import embedded, open_database
from stemma.store.postgres import Database
from stemma.track import spool

MAIN_JOB = "stemma"
FULL_BYTES = 16 << 20  # with less than one segment of write-ahead log, Postgres stops


class Until(StrEnum):
    """Assets that a run may stop at: copies, the index of `stemma similar`, the lineage, all but dbt and the marts."""

    FAMILIES = "families"
    INDEX = "similar_index"
    LINEAGE = "lineage_events"
    VERDICTS = "verdicts"


def run(
    repo: Annotated[list[str] | None, typer.Option(help="Only this repository; may be given more than once.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Forget what was derived and do all of it again.")] = False,
    re_embed: Annotated[
        bool, typer.Option("--re-embed", help="Forget the embedder's vectors; embed and match everything again.")
    ] = False,
    until: Annotated[
        list[Until] | None,
        typer.Option("--until", help="Stop at this asset, or these: only they and what they are made from are run."),
    ] = None,
    as_json: show.Json = False,
) -> None:
    """Bring everything up to date: history, code, copies, verdicts, lineage, marts. Does only what is new."""
    settings = load_settings()
    with open_database(settings) as database, runs.hold_lock(database):
        runs.bury_killed(database)
        repositories = _chosen(settings, database, repo)
        if full:
            rebuild.forget_derived(database, repositories)
        if re_embed:
            rebuild.forget_vectors(database, settings)
        inputs = freshness.current_inputs(database, settings, repositories, project_dir() / "dbt_project")
        last = runs.last_inputs(database)
        if freshness.is_fresh(inputs, last) and not (full or re_embed):
            _report(database, as_json=as_json, note="Nothing new since the last run.")
            _raise_for_unreadable(database, repositories)
            return
        names = [repository.name for repository in repositories]
        degraded = _run_jobs(settings, database, names, {**last, **inputs}, whole=not repo, until=until)
        _report(database, as_json=as_json, note=None)
        if degraded:
            raise StoreError(degraded, "The rest is up to date; the next run makes up for it.")
        _raise_for_unreadable(database, repositories)


def status(as_json: show.Json = False) -> None:
    """What Stemma holds, and how the last run went."""
    with open_database(load_settings()) as database:
        with suppress(BusyError), runs.hold_lock(database):  # nobody runs, so what is said to run was killed
            runs.bury_killed(database)
        _report(database, as_json=as_json, note=None, with_next=False)


def _chosen(settings: Settings, database: Database, names: list[str] | None) -> list[registry.Repository]:
    chosen = names or registry.list_repositories(database)["name"].to_list()
    if not chosen:
        raise NotFoundError("No repository is registered.", "Add one: stemma repo add <path or URL>")
    return [registry.find(database, name, settings) for name in chosen]


def _run_jobs(
    settings: Settings,
    database: Database,
    names: list[str],
    inputs: dict[str, str],
    *,
    whole: bool,
    until: list[Until] | None,
) -> str | None:
    """Run what is to be run, and note how it ended; returns what it had to do without, None when it had everything."""
    degraded = None
    variables = environment(settings, database) | {runs.LOCK_HELD: "1"}
    for job, partitions in _jobs(settings, database, names, whole=whole, until=until):
        result = _execute(settings, variables, {"job": job, "partitions": partitions, "until": until})
        failures = result["failures"]
        if result["is_success"]:
            degraded = runs.degraded(database, result["run_id"])
            is_whole = job == MAIN_JOB and degraded is None and not until
            kept = _read_whole(settings, database, inputs) if is_whole else None
            runs.end(database, result["run_id"], status="succeeded", inputs=kept)
            continue
        problem = "; ".join(failure["problem"] for failure in failures) or "the run failed"
        runs.end(database, result["run_id"], status="failed", error=problem)
        _raise_for(database, result)
    return degraded


def _jobs(
    settings: Settings, database: Database, names: list[str], *, whole: bool, until: list[Until] | None
) -> list[tuple[str, list[str]]]:
    """Jobs to run, in order, with their partitions."""
    jobs = []
    if spool.pending(settings, database):
        jobs.append(("ingest_events", [dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")]))
    if whole:
        return [*jobs, (MAIN_JOB, names)]
    # A run covers a range of partitions; some that were named may have others between them.
    job = MAIN_JOB if until else "ingest_repository"
    return [*jobs, *((job, [name]) for name in names[:-1]), (MAIN_JOB, names[-1:])]


def _read_whole(settings: Settings, database: Database, inputs: dict[str, str]) -> dict[str, str]:
    """What the run read whole: a repository that turned out unreadable must be looked at again by the next one."""
    unreadable = {freshness.repository_key(name) for name in _unreadable(database)}
    kept = {name: state for name, state in inputs.items() if name not in unreadable}
    return kept | freshness.store_states(settings, database)


def _unreadable(database: Database) -> dict[str, str]:
    """Status and reason of each repository that could not be read, by name."""
    rows = registry.list_repositories(database).filter(~pl.col("status").is_in(["ok", "empty"]))
    return {
        row["name"]: f"{row['name']} is {row['status']}: {row['status_reason']}" for row in rows.iter_rows(named=True)
    }


def _execute(settings: Settings, variables: dict[str, str], request: dict[str, Any]) -> dict[str, Any]:
    """Run one job in a process of its own, draw what it tells, and return its result.

    Raises:
        StemmaError: the process ended without one; names its log.
    """
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{request['job']}-{os.getpid()}.log"
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "orchestration.execute", json.dumps(request)]
    with log.open("wb") as output, Bars(show.errors) as bars:
        child = subprocess.Popen(
            command,
            cwd=project_dir(),
            env=variables | {FD_VARIABLE: str(writer)},
            pass_fds=(writer,),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        os.close(writer)
        result = _follow(reader, bars)
        child.wait()
    if result is None:
        _raise_for_stores(settings)
        raise StemmaError(f"The run ended without a result (exit status {child.returncode}).", _log_hint(log))
    result["log"] = str(log)
    return result


def _raise_for_stores(settings: Settings) -> None:
    """Say which store a run died of, where it was one.

    Raises:
        StoreError: the disk is full, or Postgres is gone.
    """
    free = shutil.disk_usage(settings.data_dir).free
    if free < FULL_BYTES:
        raise StoreError(
            f"The disk of {settings.data_dir} is full ({free >> 20} MiB free).",
            "Make room, then run again; nothing is lost.",
        )
    found = embedded.status(settings)
    if settings.database_url is None and not found.is_running:
        raise StoreError(f"Postgres ended during the run; its log is {found.log}.", "Run again: it is started anew.")


def _follow(reader: int, bars: Bars) -> dict[str, Any] | None:
    """Draw messages until their writer is gone; the result among them, or None."""
    result = None
    with os.fdopen(reader, encoding="utf-8") as messages:
        for line in messages:
            message = json.loads(line)
            if "result" in message:
                result = message["result"]
            else:
                bars.draw(message)
    return result


def _raise_for(database: Database, result: dict[str, Any]) -> None:
    """Turn a failed run into the one error that explains it best.

    Raises:
        StemmaError: always.
    """
    for failure in result["failures"]:
        if failure.get("exit_code", 1) != StemmaError.exit_code:
            error = StemmaError(failure["problem"], failure["hint"])
            error.exit_code = failure["exit_code"]
            raise error
    gates = summary.failed_gates(database, result["run_id"])
    if gates:
        names = "; ".join(f"{gate['asset']}: {gate['gate']} ({gate['description']})" for gate in gates)
        raise GateError(f"A blocking gate stopped the run: {names}", "Look at those rows, mend them and run again.")
    first = (
        result["failures"][0] if result["failures"] else {"step": "the run", "problem": "it failed without a reason"}
    )
    raise StemmaError(f"{first['step']} failed: {first['problem']}", _log_hint(Path(result["log"])))


def _log_hint(log: Path) -> str:
    return f"The log is {log}. Nothing that was finished is lost; the next run goes on from there."


def _raise_for_unreadable(database: Database, repositories: list[registry.Repository]) -> None:
    """Name what could not be read of the repositories: whole ones, and files of their heads.

    Raises:
        SourceError: there is something.
    """
    names = {repository.name for repository in repositories}
    problems = [sentence for name, sentence in _unreadable(database).items() if name in names]
    problems += [
        f"{row['repository']}: {row['n']} file(s) have a missing or corrupt object, the first {row['path']}."
        for row in summary.lost_files(database).iter_rows(named=True)
        if row["repository"] in names
    ]
    if problems:
        raise SourceError(
            " ".join(problems),
            "The rest is up to date. Mend it (git fsck, git fetch), then: stemma run --full --repo <name>; "
            "or: stemma repo remove <name>",
        )


def _report(database: Database, *, as_json: bool, note: str | None, with_next: bool = True) -> None:
    found = summary.summarise(database)
    if as_json:
        show.value({"note": note, **found.to_dict()})
        return
    summary_table(found, note)
    if with_next and (commands := found.next_commands(_program())):
        show.console.print("\n[bold]Try next[/]")
        for command in commands:
            show.console.print(f"  {command}", markup=False, highlight=False)


def summary_table(found: summary.Summary, note: str | None) -> None:
    if note:
        show.console.print(note)
    show.frame(found.counts_frame(), as_json=False, title="Stemma holds")
    show.frame(found.phases_frame(), as_json=False, title="Last run, by phase", empty="No run yet. Run: stemma run")
    for line in found.remarks:
        show.console.print(show.plain(line), markup=False, highlight=False)


def _program() -> str:
    """How to call this program from here."""
    called = Path(sys.argv[0])
    try:
        relative = called.resolve().relative_to(Path.cwd())
    except ValueError:
        return called.name
    return called.name if called.parent == Path() else str(relative)
