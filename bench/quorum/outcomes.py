"""`python -m bench.quorum.outcomes FOLDER`: what members say of code as it stood at moments of its past, and what
became of it afterwards.

FOLDER holds clones of the repositories of `WANTED`; copies of them are moved through their history and read into a
database in FOLDER/.standing. Votes are cast before what they are held against happens, so that how long code had stood
and which tests reached it are evidence like any other. What is learned from them is said in `discrimination`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench.pipeline import git, read_history
from stemma.config import Settings, load_settings
from stemma.embed.patterns import refresh_patterns
from stemma.feedback.life_sql import stage_lives
from stemma.feedback.outcomes import update_outcomes
from stemma.lineage.history import update_lineage
from stemma.quorum.evidence import TEXT
from stemma.quorum.labels import MAX_ENDED
from stemma.quorum.members import open_members
from stemma.quorum.members.tests import TEST_PATH
from stemma.quorum.scales import LABELLED
from stemma.quorum.sitting import seats_frame, votes_of
from stemma.quorum.votes import update_votes
from stemma.store import open_database
from stemma.store.postgres import Database

WANTED = {
    "axios": ("axios/axios", "23a25af0688d1db2c396deb09229d2271cc24f6c"),
    "cobra": ("spf13/cobra", "adbc8813901bba65827259daa8e22ff94ec1f30e"),
    "dit": ("dit/dit", "f6dca796a54e31f5ec7b7757132c4e6a596f845c"),
    "express": ("expressjs/express", "a3714473feb3d2908add734d340e7755fd85e0a3"),
    "ffmpeg-python": ("kkroening/ffmpeg-python", "df129c7ba30aaa9ffffb81a48f53aa7253b0b4e6"),
    "flask": ("pallets/flask", "2ac89889f4cc330eabd50f295dcef02828522c69"),
    "gin": ("gin-gonic/gin", "dcaa4296d111981ffb31ac3eba90bb63e1eb5ab9"),
    "gson": ("google/gson", "9835b6f90192f79cdf5300c528fc6212455fb6c1"),
    "junit4": ("junit-team/junit4", "71c33ce555230d9dfb6cab5e133e22a4cc95cdff"),
    "requests": ("psf/requests", "1f6589ec3a1ee910f9a65cc3ceac60b26677bc0e"),
}
"""By folder: repository and commit whose history is read."""

MOMENTS = (0.5, 0.75)
"""When members vote: after so much of the commits of HEAD's chain."""

WITHIN_DAYS = 365
"""How long after it was judged code is watched: so long it must stand to be fit, and by then a fix tells it unfit."""

# Every life that stands in the repository's source at a commit of HEAD's chain, and how it ended.
_STANDING = f"""
WITH RECURSIVE at AS (
    SELECT first_parent_index AS index, committed_at FROM stemma.commits WHERE repo_id = $1 AND sha = $2
), members AS (
    SELECT root_id, root_id AS node_id FROM pg_temp.life_spans
    UNION ALL
    SELECT m.root_id, f.to_id FROM members m JOIN pg_temp.life_follows f ON f.from_id = m.node_id AND NOT f.is_changed
), ended AS (
    SELECT sha, count(*) AS n FROM pg_temp.life_lives WHERE sha IS NOT NULL GROUP BY sha
)
SELECT n.pattern_id, n.exact_hash, b.language,
    extract(epoch FROM at.committed_at - l.began_at)::float8 / 86400 AS age_days,
    extract(epoch FROM l.ended_at - at.committed_at)::float8 / 86400 AS ended_after_days,
    extract(epoch FROM h.committed_at - at.committed_at)::float8 / 86400 AS watched_days,
    coalesce(stemma.reads_as_fix(l.subject) OR l.subject LIKE 'Revert "%', false) AS is_against,
    coalesce(e.n <= {MAX_ENDED}, false) AS is_telling
FROM at
JOIN pg_temp.life_stands s ON s.valid_from <= at.index AND (s.valid_to IS NULL OR s.valid_to > at.index)
JOIN members m ON m.node_id = s.node_id
JOIN pg_temp.life_lives l ON l.node_id = m.root_id
JOIN stemma.lineage_nodes n ON n.node_id = s.node_id
JOIN stemma.patterns p ON p.pattern_id = n.pattern_id AND NOT p.is_trivial
JOIN stemma.snippets t ON t.blob_oid = n.blob_oid AND t.ordinal = n.ordinal
    AND t.extractor_version = p.extractor_version
JOIN stemma.blobs b ON b.blob_oid = t.blob_oid AND b.extractor_version = t.extractor_version
CROSS JOIN pg_temp.life_head h
LEFT JOIN ended e ON e.sha = l.sha
WHERE NOT t.is_test AND s.path !~* '{TEST_PATH}'
"""


@dataclass(frozen=True)
class Moment:
    """Repository and commit at which members were asked."""

    name: str
    share: float
    sha: str

    @property
    def key(self) -> str:
        return f"{self.name} at {self.sha[:10]}"


def problems(folder: Path) -> list[str]:
    """What of `WANTED` is not there."""
    return [
        f"{folder / name} is missing: clone github.com/{repository} there; {sha[:12]} was read."
        for name, (repository, sha) in WANTED.items()
        if not (folder / name).is_dir()
    ]


def moments(folder: Path) -> Iterator[Moment]:
    for name, (_, head) in WANTED.items():
        chain = git(folder / name, "rev-list", "--first-parent", head).splitlines()
        yield from (Moment(name, share, chain[int(len(chain) * (1 - share))]) for share in MOMENTS)


def collect(folder: Path) -> None:
    """Write FOLDER/.standing/votes.parquet and standing.parquet; what is there already is not asked again."""
    work = folder / ".standing"
    work.mkdir(exist_ok=True, mode=0o755)
    settings = load_settings(data_dir=work / "data")
    known = list(moments(folder))
    with open_database(settings) as db:
        for share in MOMENTS:
            chosen = [moment for moment in known if moment.share == share]
            if not all(_kept(work, moment).is_file() for moment in chosen):
                _ask(db, settings, folder, chosen)
        for name, (_, head) in WANTED.items():
            here = [moment for moment in known if moment.name == name]
            if not all(_kept(work, moment, "standing").is_file() for moment in here):
                repo_id = _move(db, settings, folder, name, head)
                for moment in here:
                    _standing(db, repo_id, moment).write_parquet(_kept(work, moment, "standing"))


def _kept(work: Path, moment: Moment, what: str = "votes") -> Path:
    return work / f"{moment.name}-{moment.sha[:10]}-{what}.parquet"


def _ask(db: Database, settings: Settings, folder: Path, chosen: Sequence[Moment]) -> None:
    """Move all repositories to the moment first: what one copied from another is then as old as it was."""
    repo_ids = {moment: _move(db, settings, folder, moment.name, moment.sha) for moment in chosen}
    refresh_patterns(db)
    members = open_members(settings, db)
    update_votes(db, settings, members)
    for moment, repo_id in repo_ids.items():
        texts = db.read(_TEXTS, [repo_id])
        votes = votes_of(db, seats_frame(members), texts)
        votes.write_parquet(_kept(folder / ".standing", moment))


_TEXTS = """
SELECT DISTINCT s.pattern_id, s.exact_hash FROM stemma.files f
JOIN stemma.repositories r USING (repo_id)
JOIN stemma.snippets s ON s.blob_oid = f.blob_oid AND s.extractor_version = r.extractor_version
WHERE f.repo_id = $1 AND f.category = 'source'
"""


def _move(db: Database, settings: Settings, folder: Path, name: str, sha: str) -> str:
    """Bring a copy of the clone, which knows of nothing later, to a commit, and the database to that."""
    place = folder / ".standing" / name
    if not place.is_dir():
        place.mkdir(mode=0o755)
        git(place, "init", "--quiet", "--initial-branch", "main")
        (place / ".git" / "objects" / "info" / "alternates").write_text(f"{_objects(folder / name)}\n")
    git(place, "update-ref", "refs/heads/main", sha)
    git(place, "reset", "--quiet", "--hard")
    repo_id = read_history(db, settings, place)
    update_lineage(db, repo_id)
    update_outcomes(db, repo_id)
    print(f"{name} at {sha[:10]}", file=sys.stderr)
    return repo_id


def _objects(clone: Path) -> str:
    told = subprocess.run(
        ["git", "-C", str(clone), "rev-parse", "--path-format=absolute", "--git-path", "objects"],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


def _standing(db: Database, repo_id: str, moment: Moment) -> pl.DataFrame:
    with db.transaction() as transaction:
        stage_lives(transaction, repo_id)
        return transaction.read(_STANDING, [repo_id, moment.sha])


def labelled(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Votes (`SEATED_VOTES`) and labels (`LABELLED`, one source a repository) of all texts of which something is known.

    A text is unfit where a commit that ended at most `MAX_ENDED` lives, and that says that it fixes something or takes
    something back, ended it within `WITHIN_DAYS`; fit where it stood as long, and nowhere was ended so. Of a text that
    was changed for another reason nothing is known.
    """
    work, votes, labels = folder / ".standing", [], []
    for moment in moments(folder):
        standing = pl.read_parquet(_kept(work, moment, "standing"))
        cast = pl.read_parquet(_kept(work, moment))
        known = _labels(standing).with_columns(
            exact_hash=pl.format("{} {}", "exact_hash", pl.lit(moment.key)),
            group="pattern_id",
            source=pl.lit(f"outcomes of {moment.name}"),
        )
        labels.append(known.select(list(LABELLED)))
        votes.append(cast.with_columns(exact_hash=pl.format("{} {}", "exact_hash", pl.lit(moment.key))))
    found = pl.concat(labels)
    said = pl.concat(votes).join(found, on=list(TEXT), how="semi")
    return said, found.join(said.select(*TEXT).unique(), on=list(TEXT), how="semi")


def _labels(standing: pl.DataFrame) -> pl.DataFrame:
    """pattern_id, exact_hash, is_fit."""
    is_ended = (pl.col("ended_after_days") <= WITHIN_DAYS).fill_null(False)
    is_unfit = is_ended & pl.col("is_against") & pl.col("is_telling")
    has_stood = ~is_ended & (pl.col("watched_days") >= WITHIN_DAYS)
    by_text = standing.group_by(*TEXT).agg(
        is_unfit=is_unfit.any(), has_stood=has_stood.any(), is_doubted=(is_ended & pl.col("is_against")).any()
    )
    known = by_text.filter(pl.col("is_unfit") | (pl.col("has_stood") & ~pl.col("is_doubted")))
    return known.select(*TEXT, is_fit=~pl.col("is_unfit"))


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    if wrong := problems(folder):
        raise SystemExit("\n".join(wrong))
    collect(folder)
    _, labels = labelled(folder)
    print(labels.group_by("source").agg(fit=pl.col("is_fit").sum(), unfit=(~pl.col("is_fit")).sum()).sort("source"))


if __name__ == "__main__":
    main(sys.argv[1:])
