"""How far family ids stay put while a repository is worked on: `python -m bench.churn REPOSITORY [--commits N]`.

REPOSITORY is a clone with its history, by default of pallets/flask at 2ac89889f4cc330eabd50f295dcef02828522c69. It is
read at N + 1 commits, oldest first: once the N latest of the first-parent chain, once N commits far apart, so that most
members of many families change between two of them. Written are bench/results/churn.json and churn.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from bench.figures import measured_at, write
from bench.pipeline import derive, git, open_empty
from stemma.store.postgres import Database

FAR = 100  # commits between two of the second series
MEMBERS = "SELECT family_id, pattern_id FROM stemma.family_members"
PLACES = """
SELECT m.family_id, concat_ws(' ', o.path, o.kind, o.qualified_name, o.duplicate_index) AS place
FROM stemma.family_members AS m JOIN stemma.occurrences AS o USING (pattern_id)
WHERE o.valid_to IS NULL AND o.category = 'source'
"""


@dataclass(frozen=True)
class Step:
    """What became of the families from one commit to the next.

    Attributes:
        kept: ids that are there before and after. born, died: ids that are there only after, only before.
        merged: of those that died, families most of whose members are in a family that has more of another's.
        renamed: of those that died, families most of whose members are together in one that continues no other: an id
            that changed without need.
        surviving_members: patterns in a family before and after; and of them, those under another id.
        surviving_places: definitions (path and name) in a family before and after, edited or not; and of them likewise.
    """

    commit: str
    families: int
    kept: int
    born: int
    died: int
    merged: int
    renamed: int
    surviving_members: int
    changed_members: int
    surviving_places: int
    changed_places: int


def compare(commit: str, before: tuple[pl.DataFrame, pl.DataFrame], after: tuple[pl.DataFrame, pl.DataFrame]) -> Step:
    """Members (family_id, pattern_id) and places (family_id, place) of two moments."""
    (members, places), (new_members, new_places) = before, after
    old, new = set(members["family_id"]), set(new_members["family_id"])
    continued = _continued(members, new_members).filter(~pl.col("family_id").is_in(sorted(new)))
    n_merged = continued["family_id_after"].is_in(sorted(old)).sum()
    survivors, moved = _moved(members, new_members, "pattern_id"), _moved(places, new_places, "place")
    return Step(
        commit=commit,
        families=len(new),
        kept=len(old & new),
        born=len(new - old),
        died=len(old - new),
        merged=n_merged,
        renamed=len(continued) - n_merged,
        surviving_members=survivors[0],
        changed_members=survivors[1],
        surviving_places=moved[0],
        changed_places=moved[1],
    )


def _continued(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Families more than half of whose members are together afterwards: family_id, family_id_after."""
    shares = before.join(after, on="pattern_id", suffix="_after").group_by("family_id", "family_id_after").len()
    sizes = before.group_by("family_id").len("size")
    return shares.join(sizes, on="family_id").filter(2 * pl.col("len") > pl.col("size"))


def _moved(before: pl.DataFrame, after: pl.DataFrame, key: str) -> tuple[int, int]:
    both = before.join(after, on=key, suffix="_after")
    return len(both), int((both["family_id"] != both["family_id_after"]).sum())


def snapshot(database: Database) -> tuple[pl.DataFrame, pl.DataFrame]:
    return database.read(MEMBERS), database.read(PLACES)


def follow(source: Path, commits: Sequence[str]) -> list[Step]:
    """Read a copy of the repository at each commit, one after another, and compare each with the one before."""
    steps: list[Step] = []
    with open_empty() as (database, settings, folder):
        copy = folder / source.name
        git(folder, "clone", "--quiet", "--no-checkout", "--shared", str(source), str(copy))
        before = None
        for commit in commits:
            git(copy, "update-ref", "--no-deref", "HEAD", commit)
            derive(database, settings, [copy])
            after = snapshot(database)
            steps += [] if before is None else [compare(commit, before, after)]
            before = after
    return steps


def markdown(series: dict[str, list[Step]], machine: dict[str, object]) -> str:
    names = list(asdict(next(iter(series.values()))[0]))
    lines = [
        f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']}: "
        f"{machine['repository']} at {machine['head']}."
    ]
    for title, steps in series.items():
        lines += ["", f"## {title}", "", f"| {' | '.join(names)} |", f"|---|{'---:|' * (len(names) - 1)}"]
        for step in steps:
            lines.append(f"| {' | '.join([step.commit[:10], *(f'{n:,}' for n in list(asdict(step).values())[1:])])} |")
        lines += ["", _summary(steps)]
    return "\n".join(lines) + "\n"


def _summary(steps: list[Step]) -> str:
    members, places = (sum(getattr(step, f"surviving_{what}") for step in steps) for what in ("members", "places"))
    changed, moved = (sum(getattr(step, f"changed_{what}") for step in steps) for what in ("members", "places"))
    return (
        f"Of {members:,} surviving members {changed:,} ({changed / max(members, 1):.2%}) changed their family id, of "
        f"{places:,} surviving places {moved:,} ({moved / max(places, 1):.2%}); "
        f"{sum(step.renamed for step in steps)} families that kept most of their members were renamed."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=10)
    arguments = parser.parse_args()
    source, n = arguments.repository.resolve(), arguments.commits
    chain = git(source, "rev-list", "--first-parent", "HEAD").splitlines()
    series = {
        f"The {n} latest commits": follow(source, chain[: n + 1][::-1]),
        f"{n} commits, each {FAR} after the one before": follow(source, chain[::FAR][: n + 1][::-1]),
    }
    machine = measured_at() | {"repository": source.name, "head": chain[0]}
    told = {"machine": machine, "series": {title: [asdict(step) for step in steps] for title, steps in series.items()}}
    write("churn", told, table := markdown(series, machine))
    print(table)


if __name__ == "__main__":
    main()
