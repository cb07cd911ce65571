"""Code that was given, and never indexed: its texts put to the members and judged, without a database.

How they are put to the members lives in `poll`, what the votes come to in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from stemma.config import Settings, worker_count
from stemma.extract.extractor import File, Limits, extract
from stemma.extract.source import prepare
from stemma.git.blob import blob_id
from stemma.languages import LANGUAGES, grammar_of
from stemma.progress import phase
from stemma.quorum.calibration import calibration_in_force
from stemma.quorum.evidence import SEATED_VOTES
from stemma.quorum.members import open_members
from stemma.quorum.members.base import GRAVITY, TOLD_FINDINGS, Member
from stemma.quorum.poll import BATCH_BYTES, BATCH_FILES, SIGNED_VOTES, TEXTS, answers, seats_of, sheet_of, with_problems
from stemma.quorum.process import Limits as MemberLimits
from stemma.quorum.rule import Rule
from stemma.quorum.verdicts import decide

# One row per definition of a given file, in the order of the files; trivial ones are judged too.
GIVEN_TEXTS = pl.Schema(
    [
        *((name, kind) for name, kind in TEXTS.items() if name != "voted"),
        ("n_tokens", pl.Int32()),
        ("is_trivial", pl.Boolean()),
    ]
)
MODULE = "module"
_LANGUAGES = {grammar: name for name, language in LANGUAGES.items() for grammar in language.grammars}


@dataclass(frozen=True)
class Polled:
    """What the members say of given files.

    Attributes:
        texts: schema `GIVEN_TEXTS`.
        files: path, status and reason of each file: parsed, partial, skipped, or unknown where its name tells no
            language.
        votes: schema `poll.SIGNED_VOTES`, one row per distinct text and member.
        families: member, member_version and family of those that have a seat.
    """

    texts: pl.DataFrame
    files: pl.DataFrame
    votes: pl.DataFrame
    families: pl.DataFrame

    @property
    def seated_votes(self) -> pl.DataFrame:
        """The votes as verdicts are made of them: schema `SEATED_VOTES`."""
        return _seated(self.votes, self.families)


@dataclass(frozen=True)
class Judged(Polled):
    """What the quorum says of given files.

    Attributes:
        verdicts: schema `verdicts.VERDICTS`, one row per distinct text.
    """

    verdicts: pl.DataFrame


def poll_given(
    files: Sequence[tuple[str, bytes]],
    settings: Settings,
    members: Sequence[Member] | None = None,
    *,
    grammars: Mapping[str, str] | None = None,
    with_modules: bool = False,
) -> Polled:
    """Have the definitions of files voted on. A text that stands in several is judged where it stands first.

    Args:
        files: path and content of each; the path tells the language, and nothing is read from there.
        members: who votes; by default all that have a seat without a database.
        grammars: by path, of files whose names tell no language.
        with_modules: take each file as a whole for a text too, of kind `module`: what stands in no definition is voted
            on only so.

    Raises:
        ConfigError: nobody has a seat.
    """
    seats = seats_of(open_members(settings) if members is None else members)
    read, texts = _texts(files, settings, grammars or {})
    if with_modules:
        texts = pl.concat([texts, _modules(files, read, grammars or {})])
    first = texts.unique(["pattern_id", "exact_hash"], keep="first", maintain_order=True)
    contents = {blob_id(content): content for _, content in files}
    limits = MemberLimits(settings.member_timeout_s)
    batches = (sheet_of(*batch) for batch in _batches(first, contents, settings))
    votes = [SIGNED_VOTES.to_frame()]
    with phase("vote", total=len(first) * len(seats), unit="votes") as progress:
        for some in answers(batches, seats, limits, worker_count(settings)):
            votes.append(some)
            progress.advance(len(some))
    rows = [(seat.member.name, seat.version, seat.member.family) for seat in seats]
    families = pl.DataFrame(rows, ["member", "member_version", "family"], orient="row")
    return Polled(texts, read, pl.concat(votes).sort("pattern_id", "exact_hash", "member"), families)


def judge_given(
    files: Sequence[tuple[str, bytes]],
    settings: Settings,
    members: Sequence[Member] | None = None,
    *,
    grammars: Mapping[str, str] | None = None,
) -> Judged:
    """Judge the definitions of files, trivial ones too; arguments and errors are those of `poll_given`."""
    polled = poll_given(files, settings, members, grammars=grammars)
    rule, calibration = Rule(target_error=settings.quorum_target_error), calibration_in_force(settings)
    verdicts = decide(polled.seated_votes, rule, calibration, polled.texts)
    return Judged(**vars(polled), verdicts=verdicts)


def _seated(votes: pl.DataFrame, families: pl.DataFrame) -> pl.DataFrame:
    """Each vote with its member's family and its gravest finding."""
    worst = (
        pl.col("findings")
        .str.json_decode(TOLD_FINDINGS)
        .list.eval(pl.element().sort_by(pl.element().struct.field("severity").cast(GRAVITY), maintain_order=True))
        .list.first()
    )
    return (
        votes.join(families, on=["member", "member_version"])
        .with_columns(worst=worst)
        .with_columns(pl.col("worst").struct.field("rule", "severity", "line", "message"))
        .select(pl.col(name).cast(kind) for name, kind in SEATED_VOTES.items())
    )


def _texts(
    files: Sequence[tuple[str, bytes]], settings: Settings, grammars: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was read of the files, and their definitions."""
    limits = Limits(settings.max_file_bytes, settings.parse_timeout_s)
    statuses, texts = [], [GIVEN_TEXTS.to_frame()]
    for path, content in files:
        grammar = grammars.get(path) or grammar_of(path)
        if grammar is None:
            statuses.append((path, "unknown", "its name tells no language"))
            continue
        found = extract([File(blob_id(content), grammar, content)], limits)
        statuses.append((path, found.blobs["status"][0], found.blobs["reason"][0]))
        if not found.snippets["blob_oid"]:
            continue
        trivial = dict(zip(found.patterns["pattern_id"], found.patterns["is_trivial"], strict=True))
        columns = {name: found.snippets[name] for name in GIVEN_TEXTS if name in found.snippets}
        columns |= {
            "language": [found.blobs["language"][0]] * len(columns["pattern_id"]),
            "path": [path] * len(columns["pattern_id"]),
            "problem": [None] * len(columns["pattern_id"]),
            "is_trivial": [trivial[pattern] for pattern in columns["pattern_id"]],
        }
        texts.append(pl.DataFrame({name: columns[name] for name in GIVEN_TEXTS}, schema=GIVEN_TEXTS))
    schema = {"path": pl.String, "status": pl.String, "reason": pl.String}
    return pl.DataFrame(statuses, schema=schema, orient="row"), pl.concat(texts)


def _modules(files: Sequence[tuple[str, bytes]], read: pl.DataFrame, grammars: Mapping[str, str]) -> pl.DataFrame:
    """Each file that was read as one text: its content's id stands for pattern and text."""
    is_read = {path for path, status in read.select("path", "status").iter_rows() if status in ("parsed", "partial")}
    rows = [
        {
            "pattern_id": (oid := blob_id(content)),
            "exact_hash": oid,
            "language": _LANGUAGES[grammar],
            "kind": MODULE,
            "name": path.rpartition("/")[2],
            "qualified_name": path,
            "path": path,
            "start_line": 1,
            "end_line": content.rstrip(b"\n").count(b"\n") + 1,
            "blob_oid": oid,
            "start_byte": 0,
            "end_byte": len(content),
            "is_trivial": False,
        }
        for path, content in files
        if path in is_read and (grammar := grammars.get(path) or grammar_of(path))
    ]
    return pl.DataFrame(rows, schema=GIVEN_TEXTS)


def _batches(
    texts: pl.DataFrame, contents: Mapping[str, bytes], settings: Settings
) -> Iterator[tuple[pl.DataFrame, dict[str, bytes], dict[str, str]]]:
    """Texts of whole files, and their contents as the extractor parsed them."""
    batch: list[pl.DataFrame] = []
    sources: dict[str, bytes] = {}
    for (oid, _), rows in with_problems(texts.with_columns(voted=pl.lit(0, pl.Int64))).group_by(
        "blob_oid", "path", maintain_order=True
    ):
        batch.append(rows.select(TEXTS.names()))
        sources[str(oid)] = prepare(contents[str(oid)], settings.max_file_bytes).text
        if len(batch) == BATCH_FILES or sum(map(len, sources.values())) > BATCH_BYTES:
            yield pl.concat(batch), sources, {}
            batch, sources = [], {}
    if batch:
        yield pl.concat(batch), sources, {}
