"""`python -m bench.quorum.packages FOLDER [--sample N]`: what the quorum says of functions that are known to be good.

FOLDER holds what `WANTED` names; it is read, and nothing of it is run or kept here. Of the rejects a sample with a
fixed seed is read by hand: `rejects.csv` beside this file says by package, place and content hash which were right.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import polars as pl

from bench.figures import measured_at, write
from stemma.config import Settings
from stemma.ids import content_id
from stemma.languages import grammar_of
from stemma.quorum.calibration import calibration_in_force
from stemma.quorum.evidence import SEATED_VOTES, TEXT
from stemma.quorum.given import GIVEN_TEXTS, poll_given
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member
from stemma.quorum.rule import Rule
from stemma.quorum.verdicts import decide

# Packages whose makers review and test what they release; most of the rules were written without looking at them.
WANTED: dict[str, dict[str, str]] = {
    "python": {  # pip install --no-deps --target FOLDER/python NAME==VERSION ...
        "arrow": "1.4.0", "astroid": "4.3.4", "bottle": "0.13.4", "celery": "5.7.0", "dnspython": "2.9.2",
        "gunicorn": "27.0.1", "isort": "9.0.2", "jsonschema": "4.26.0", "loguru": "0.7.3", "mkdocs": "1.6.1",
        "oauthlib": "4.0.1", "parso": "0.8.7", "peewee": "4.5.3", "psutil": "7.2.2", "PyJWT": "2.15.1",
        "pyparsing": "3.3.3", "sanic": "25.12.1", "Scrapy": "2.19.0", "structlog": "26.1.0", "tox": "4.67.13",
        "uvicorn": "0.54.0", "virtualenv": "21.15.7", "websockets": "17.4",
    },
    "npm": {  # npm pack NAME@VERSION, unpacked to FOLDER/npm/NAME
        "async": "3.2.6", "axios": "1.21.1", "commander": "14.0.3", "express": "5.3.0", "fastify": "5.12.8",
        "koa": "3.3.0", "lodash": "4.18.1", "minimatch": "11.0.9", "semver": "7.8.6", "undici": "7.30.2",
        "ws": "8.23.0", "yargs-parser": "22.0.0",
    },
    "java": {  # git clones at these commits, in FOLDER/java/NAME
        "gson": "9835b6f90192f79cdf5300c528fc6212455fb6c1",  # google/gson
        "junit4": "71c33ce555230d9dfb6cab5e133e22a4cc95cdff",  # junit-team/junit4
    },
    "go": {"gin": "dcaa4296d111981ffb31ac3eba90bb63e1eb5ab9"},  # gin-gonic/gin, in FOLDER/go/gin
}  # fmt: skip

LABELS = Path(__file__).with_name("rejects.csv")
LABEL_COLUMNS = ("package", "path", "name", "line", "exact_hash", "outcome", "is_right", "why")
SEED, SAMPLE = 20, 50
CALLABLE = ("function", "method", "constructor")

_FILES = 400  # asked at once
_LEFT_OUT = re.compile(r"(^|/)(tests?|testing|\.git|node_modules)/|\.min\.[a-z]+$")


def problems(folder: Path) -> list[str]:
    """What of `WANTED` is not there, or there in another version."""
    have = {
        "python": {found.metadata["Name"]: found.version for found in distributions(path=[str(folder / "python")])},
        "npm": {
            path.parent.name: json.loads(path.read_bytes())["version"]
            for path in sorted((folder / "npm").glob("*/package.json"))
        },
        **{kind: {name: _head(folder / kind / name) for name in WANTED[kind]} for kind in ("java", "go")},
    }
    return [
        f"{kind}/{name} {version} is wanted, and {have[kind].get(name, 'nothing')} is there"
        for kind, wanted in WANTED.items()
        for name, version in wanted.items()
        if have[kind].get(name) != version
    ]


def _head(clone: Path) -> str:
    done = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "nothing"


def sources(folder: Path) -> list[tuple[str, bytes]]:
    """Every source file, tests and minified ones left out; paths begin with the kind of package."""
    return [
        (path, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if grammar_of(path := file.relative_to(folder).as_posix()) and not _LEFT_OUT.search(path) and file.is_file()
    ]


def polled(files: Sequence[tuple[str, bytes]], cache: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(texts, votes of all members on the functions among them); a member is asked again when its version changes."""
    settings, votes, texts = Settings(), [], pl.DataFrame()
    for member in open_members(settings):
        texts, cast = _of_member(member, files, cache, settings)
        votes.append(cast)
    callables = texts.filter(~pl.col("is_trivial") & pl.col("kind").is_in(CALLABLE))
    return callables, pl.concat(votes).join(callables, on=list(TEXT), how="semi")


def _of_member(
    member: Member, files: Sequence[tuple[str, bytes]], cache: Path, settings: Settings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    key = content_id(member.version(), *(content_id(content) for _, content in files))[:16]
    kept = cache / f"{member.name.replace(' ', '-')}-{key}"
    if not kept.is_dir():
        started, found = time.monotonic(), []
        for begin in range(0, len(files), _FILES):
            found.append(poll_given(files[begin : begin + _FILES], settings, [member]))
        kept.mkdir(parents=True)
        pl.concat([each.texts for each in found]).write_parquet(kept / "texts.parquet")
        pl.concat([each.seated_votes for each in found]).unique([*TEXT, "member"], keep="first").write_parquet(
            kept / "votes.parquet"
        )
        print(f"{member.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    texts = pl.read_parquet(kept / "texts.parquet").unique(TEXT, keep="first", maintain_order=True)
    return texts.cast(dict(GIVEN_TEXTS)), pl.read_parquet(kept / "votes.parquet").cast(dict(SEATED_VOTES))  # type: ignore[arg-type]


def shares(judged: pl.DataFrame, *by: str) -> list[dict[str, Any]]:
    """n and the share of each outcome, in all or by some columns."""
    outcomes = [
        (pl.col("outcome") == name).mean().round(4).alias(name) for name in ("accept", "reject", "needs_review")
    ]
    if not by:
        return judged.select(pl.len().alias("n"), *outcomes).to_dicts()
    return judged.group_by(by).agg(pl.len().alias("n"), *outcomes).sort(by).to_dicts()


def sampled(judged: pl.DataFrame, n: int) -> pl.DataFrame:
    """Rejects to read, drawn by the hash of their text: the others stay when a rule takes one of them out. Where there
    are too few, the least fit by their probability follow: what would be rejected next."""
    drawn = pl.col("exact_hash").map_elements(lambda text: content_id(str(SEED), text), pl.String)
    rejects = judged.filter(pl.col("outcome") == "reject").sort(drawn).head(n)
    least = judged.filter((pl.col("outcome") != "reject") & pl.col("probability").is_not_null())
    return pl.concat([rejects, least.sort("probability", drawn).head(n - len(rejects))])


def labels() -> dict[str, tuple[bool, str]]:
    if not LABELS.is_file():
        return {}
    with LABELS.open(newline="", encoding="utf-8") as lines:
        return {row["exact_hash"]: (row["is_right"] == "1", row["why"]) for row in csv.DictReader(lines)}


def _package(path: str) -> str:
    kind, name, *_ = path.split("/")
    return f"{kind}/{name.removesuffix('.py')}"


def measured(folder: Path, n_sampled: int) -> tuple[dict[str, Any], pl.DataFrame]:
    files = sources(folder)
    texts, votes = polled(files, folder / ".votes")
    settings = Settings()
    rule, calibration = Rule(target_error=settings.quorum_target_error), calibration_in_force(settings)
    judged = decide(votes, rule, calibration, texts).join(
        texts.select(*TEXT, "language", "path", "qualified_name", "start_line", "end_line"), on=list(TEXT)
    )
    sample = sampled(judged, n_sampled)
    known = labels()
    read = {
        outcome: [known[text] for text in texts if text in known]
        for outcome, texts in sample.group_by("outcome").agg("exact_hash").iter_rows()
    }
    failing = votes.filter(pl.col("vote") == "fail").group_by("member", "rule").len("n").sort("n", descending=True)
    return {
        "machine": measured_at(),
        "rule": rule.version,
        "n_files": len(files),
        "all": shares(judged)[0],
        "by_language": shares(judged, "language"),
        "needs_review": list(_reasons(judged, "needs_review")),
        "rejected_for": list(_reasons(judged, "reject")),
        "failing": failing.head(40).to_dicts(),
        "sample": {
            outcome: {"n_read": len(labelled), "n_right": sum(is_right for is_right, _ in labelled)}
            for outcome, labelled in sorted(read.items())
        },
    }, sample


def _reasons(judged: pl.DataFrame, outcome: str) -> Iterator[dict[str, Any]]:
    """Why, names and numbers left out, the most common first."""
    told = pl.col("reason").str.replace_all(r"\([^()]*\)|line \d+", "").str.replace_all(r"[\d.]+ ?%|\d+(\.\d+)?", "N")
    counted = judged.filter(pl.col("outcome") == outcome).group_by(told.alias("reason")).len("n")
    yield from counted.sort("n", descending=True).head(15).to_dicts()


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0])
    if wrong := problems(folder):
        sys.exit("\n".join(wrong))
    n_sampled = int(arguments[arguments.index("--sample") + 1]) if "--sample" in arguments else SAMPLE
    result, sample = measured(folder, n_sampled)
    known = labels()
    writer = csv.writer(sys.stdout)
    writer.writerow((*LABEL_COLUMNS, "reason"))
    for row in sample.iter_rows(named=True):
        is_right, why = known.get(row["exact_hash"], ("", ""))
        names = ("path", "qualified_name", "start_line", "exact_hash", "outcome")
        place = (_package(row["path"]), *(row[name] for name in names))
        writer.writerow((*place, is_right if is_right == "" else int(is_right), why, row["reason"]))
    write("quorum_packages", result)
    print(json.dumps(result, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
