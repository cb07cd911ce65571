"""What Stemma needs, looked at one thing after another: what is missing or broken, and how to mend it.

Starts nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from stemma.config import Settings, find_config_file
from stemma.embed import open_embedder
from stemma.errors import StemmaError
from stemma.quorum.members import open_members
from stemma.quorum.poll import current_version
from stemma.remote import breakers, open_memory
from stemma.semantics.patterns import outside_url
from stemma.store import embedded, marts, open_database
from stemma.store.vectors import open_vectors

State = Literal["ok", "missing", "broken"]
MIN_FREE_BYTES = 1 << 30
MIN_GIT = (2, 38)  # the first with every plumbing option that stemma.git uses


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `missing` is less than there could be, `broken` stops Stemma, `mend` says what to do."""

    what: str
    state: State
    detail: str
    mend: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; a look that itself fails is a finding."""
    looks: list[tuple[str, Callable[[Settings], Finding]]] = [
        ("settings", _settings),
        ("python", _python),
        ("git", _git),
        ("data folder", _data_folder),
        ("postgres", _postgres),
        ("marts", _marts),
        ("dagster", _dagster),
        ("quorum", _quorum),
        ("judges", _judges),
        ("embedder", _embedder),
        ("analyser", _analyser),
    ]
    for what, look in looks:
        try:
            yield look(settings)
        except StemmaError as error:
            yield Finding(what, "broken", error.problem, error.hint)
        except OSError as error:
            yield Finding(
                what, "broken", f"{error.filename or what}: {error.strerror}", "Mend its permissions or the disk."
            )
    yield from _breakers(settings)


def _settings(settings: Settings) -> Finding:
    path = find_config_file()
    return Finding(
        "settings", "ok", f"read from {path} and the environment" if path else "defaults and the environment"
    )


def _python(settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        mend = "unset PYTHONDONTWRITEBYTECODE: every start compiles every package again."
        return Finding("python", "missing", f"{version} at {sys.executable}, forbidden to keep bytecode", mend)
    return Finding("python", "ok", f"{version} at {sys.executable}")


def _git(settings: Settings) -> Finding:
    if (path := shutil.which("git")) is None:
        return Finding("git", "broken", "git is not on PATH", "Install it: apt-get install git")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    version = tuple(int(part) for part in text.split(".")[:2])
    if version < MIN_GIT:
        return Finding("git", "broken", f"git {text} is too old", f"Install git {MIN_GIT[0]}.{MIN_GIT[1]} or newer.")
    return Finding("git", "ok", f"{text} at {path}")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Finding(
            "data folder", "broken", f"{existing} cannot be written", "Set STEMMA_DATA_DIR to a folder of yours."
        )
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        return Finding(
            "data folder", "broken", f"{free >> 20} MiB free on the disk of {folder}", "Make room: 1 GiB at least."
        )
    return Finding("data folder", "ok", f"{folder} ({free >> 30} GiB free)")


def _postgres(settings: Settings) -> Finding:
    if settings.database_url is not None:
        with open_database(settings) as database:  # says what is wrong with it, if something is
            version = database.read("SHOW server_version").item()
        return Finding("postgres", "ok", f"your own, version {version}")
    found = embedded.status(settings)
    if not found.is_created:
        return Finding("postgres", "ok", f"embedded {found.version}, made by the first command that needs it")
    password = settings.data_dir / embedded.PASSWORD_FILE
    if not password.is_file():
        return Finding(
            "postgres", "broken", f"{password} is gone", "Bring it back; without it the data cannot be opened."
        )
    state = f"running on port {found.port}" if found.is_running else "not running; commands start it and stop it"
    elsewhere = f" ({found.why_elsewhere})" if found.why_elsewhere else ""
    return Finding(
        "postgres", "ok", f"embedded {found.version} in {found.folder}{elsewhere}, user {found.user}, {state}"
    )


def _marts(settings: Settings) -> Finding:
    path = marts.path(settings)
    if not path.exists():
        return Finding("marts", "missing", f"{path} is not there yet", "Build it: stemma run")
    return Finding("marts", "ok", f"{path}, {marts.tables(settings).height} tables")


def _dagster(settings: Settings) -> Finding:
    needed = ("dagster", "dagster_webserver", "dagster_postgres", "dbt", "great_expectations")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        return Finding("dagster", "broken", f"not installed: {', '.join(absent)}", "In Stemma's checkout: make setup")
    return Finding("dagster", "ok", f"all {len(needed)} packages of the platform are installed")


def _quorum(settings: Settings) -> Finding:
    versions = {member.name: current_version(member) for member in open_members(settings)}
    absent = [name for name, version in versions.items() if version == "missing"]
    if absent:
        return Finding("quorum", "missing", f"cannot vote: {', '.join(absent)}", "In Stemma's checkout: make setup")
    return Finding("quorum", "ok", f"{len(versions)} members can vote: {', '.join(versions)}")


def _judges(settings: Settings) -> Finding:
    """Which judges there are, and what leaves this machine because of them; none is asked."""
    if not settings.judges:
        return Finding("judges", "ok", "none; no code leaves this machine")
    from stemma.quorum.members.judge import shown_judges

    told = ", ".join(shown_judges(settings))
    budget = settings.judge_budget
    dollars = "" if budget.dollars_per_day is None else f", {budget.dollars_per_day:g} dollars"
    most = f"{budget.requests_per_day:,} requests, {budget.tokens_per_day:,} tokens{dollars}"
    detail = f"{told}: texts that the quorum leaves open are sent there, secrets removed; a day at most {most}"
    return Finding("judges", "ok", detail)


def _embedder(settings: Settings) -> Finding:
    embedder = open_embedder(settings)
    folder = settings.data_dir / "vectors"
    if settings.qdrant_url is None:
        return Finding("embedder", "ok", f"{embedder.name}, vectors in Qdrant Edge in {folder}")
    with open_vectors(settings, embedder) as vectors:
        return Finding("embedder", "ok", f"{embedder.name}, {vectors.count():,} vectors in your Qdrant")


def _analyser(settings: Settings) -> Finding:
    if settings.semantic_analyser == "offline":
        return Finding("analyser", "ok", "built in; no code leaves this machine")
    from stemma.semantics.http import HttpAnalyser

    analyser = HttpAnalyser(outside_url(settings), open_memory(settings))
    return Finding("analyser", "ok", f"{analyser.name}: the code of patterns is sent there")


def _breakers(settings: Settings) -> Iterator[Finding]:
    """One finding for each outside service that was ever asked."""
    try:
        found = breakers.states(open_memory(settings))
    except StemmaError as error:
        yield Finding("breakers", "broken", error.problem, error.hint)
        return
    for state in found:
        what = f"breaker of {state.name}"
        if state.asked_again_at is None:
            failed = f", {state.failures} failures in a row" if state.failures else ""
            yield Finding(what, "ok", f"{state.state}{failed}")
            continue
        detail = (
            f"{state.state} since {state.opened_at:%Y-%m-%d %H:%M:%S} UTC after {state.failures} failures in a row, "
            f"asked again from {state.asked_again_at:%H:%M:%S} on; the last time it {state.last_problem}"
        )
        yield Finding(what, "missing", detail, "Mend the service, then: stemma doctor --reset-breakers")
