"""`python -m bench.quorum.throughput SOURCE...`: how many texts a second the members vote on, and what runs after cost.

SOURCE is a folder or a git repository; its code is read into an empty database of the benchmark's own. What a run costs
besides the quorum is timed by `python -m bench`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from bench.figures import measured_at, write
from bench.pipeline import open_empty, read_history
from stemma.config import Settings, worker_count
from stemma.embed.patterns import refresh_patterns
from stemma.languages import grammar_of
from stemma.lineage.history import update_lineage
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member
from stemma.quorum.process import Limits
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database

RENEWED = "vulture"  # the member that comes in a new version
N_CHANGED = 10


class Renewed:
    """A member in another version, which votes as before."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self.name, self.family, self.languages = member.name, member.family, member.languages
        self.is_lasting = member.is_lasting

    def version(self) -> str:
        return f"{self._member.version()} renewed"

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        return self._member.judge(batch, folder, limits)


def read(database: Database, settings: Settings, sources: Sequence[Path]) -> None:
    for source in sources:
        update_lineage(database, read_history(database, settings, source))
    refresh_patterns(database)


def each_alone(database: Database, settings: Settings) -> list[dict[str, Any]]:
    """Every member by itself on all texts, as many batches at once as there are workers."""
    rows = []
    for member in open_members(settings, database):
        seconds, counts = timed(lambda member=member: update_votes(database, settings, [member]))  # type: ignore[misc]
        asked = counts["asked"]
        rate = round(asked / seconds, 1) if asked else None
        rows.append({"member": member.name, **counts, "seconds": round(seconds, 1), "texts_per_s": rate})
        print(json.dumps(rows[-1]), file=sys.stderr)
    database.execute("TRUNCATE stemma.votes")
    return rows


def sitting(database: Database, settings: Settings, members: Sequence[Member] | None = None) -> dict[str, Any]:
    """Votes and verdicts brought up to date."""
    members = open_members(settings, database) if members is None else members
    votes_s, counts = timed(lambda: update_votes(database, settings, members))
    verdicts_s, decided = timed(lambda: update_verdicts(database, settings, members))
    return {"votes_s": round(votes_s, 2), "verdicts_s": round(verdicts_s, 2), **counts, **decided}


def change(folder: Path) -> None:
    """One more line in the first function of ten files of the folder, which then hold texts nobody has voted on."""
    files = [path for path in sorted(folder.rglob("*.py")) if grammar_of(path.name) and _has_function(path)]
    for path in files[:: max(1, len(files) // N_CHANGED)][:N_CHANGED]:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        head, mark, tail = text.partition("\ndef ")
        signature, colon, body = tail.partition(":\n")
        path.write_text(f"{head}{mark}{signature}{colon}    benchmarked = 1\n{body}", errors="surrogateescape")


def _has_function(path: Path) -> bool:
    return "\ndef " in path.read_text(encoding="utf-8", errors="replace")


def timed(work: Callable[[], dict[str, int]]) -> tuple[float, dict[str, int]]:
    started = time.monotonic()
    counts = work()
    return time.monotonic() - started, counts


def measured(sources: Sequence[Path]) -> dict[str, Any]:
    with open_empty() as (database, settings, folder):
        copies = [
            Path(shutil.copytree(source, folder / f"source{n}" / source.name)) for n, source in enumerate(sources)
        ]
        read(database, settings, copies)
        result: dict[str, Any] = {**measured_at(), "workers": worker_count(settings)}
        result["each_alone"] = each_alone(database, settings)
        result["first"] = sitting(database, settings)
        n_texts = database.read("SELECT count(DISTINCT (pattern_id, exact_hash)) FROM stemma.votes").item()
        result |= {"n_texts": n_texts, "texts_per_s": round(n_texts / result["first"]["votes_s"], 1)}
        result["nothing_new"] = sitting(database, settings)
        members = open_members(settings, database)
        renewed = [Renewed(member) if member.name == RENEWED else member for member in members]
        result["renewed_member"] = {"member": RENEWED, **sitting(database, settings, renewed)}
        change(copies[0])
        read(database, settings, copies[:1])
        result["ten_changed_files"] = sitting(database, settings, renewed)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="folders or git repositories")
    result = measured(parser.parse_args().sources)
    write("quorum_throughput", result)
    print(json.dumps(result, indent=1, default=str))


if __name__ == "__main__":
    main()
