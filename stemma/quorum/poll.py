"""Texts put to all members: who is asked about which, in batches of whole files, each written once for all of them.

How one batch is put to one member lives in `ask`; which texts there are, in `scope` (of the database) and `given` (of
files that were never indexed).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from stemma.errors import ConfigError
from stemma.quorum.ask import ANSWERS, NO_ANSWER, abstentions, ask, file_suffix
from stemma.quorum.members.base import BATCH, Member, MemberMissingError
from stemma.quorum.process import Limits

MISSING = "missing"
MAX_BYTES = 100_000
"""Of a text: longer ones are data, or generated."""

BATCH_FILES = 100
BATCH_BYTES = 2_000_000

# Texts before they are put to members, one row each: where they stand. `voted` has a bit for each seat that need not
# be asked, `problem` says why nobody can judge the text.
TEXTS = pl.Schema(
    [
        *((name, kind) for name, kind in BATCH.items() if name not in ("unit", "file", "code")),
        ("blob_oid", pl.String()),
        ("start_byte", pl.Int32()),
        ("end_byte", pl.Int32()),
        ("voted", pl.Int64()),
        ("problem", pl.String()),
    ]
)
SIGNED_VOTES = pl.Schema(
    [
        *((name, pl.String()) for name in ("pattern_id", "exact_hash", "member", "member_version")),
        *((name, kind) for name, kind in ANSWERS.items() if name != "unit"),
    ]
)

_LONE_RETURN = re.compile(rb"\r(?!\n)")


@dataclass(frozen=True)
class Seat:
    """A member and the version of it that votes now; `bit` is its place in `voted`."""

    member: Member
    version: str
    bit: int

    @property
    def languages(self) -> frozenset[str]:
        return frozenset() if self.version == MISSING else self.member.languages


def seats_of(members: Sequence[Member]) -> list[Seat]:
    """The seats of a quorum.

    Raises:
        ConfigError: nobody has one, or two have the same name.
    """
    if not members:
        raise ConfigError("No member has a seat in the quorum, so nothing can be judged.", "Give it members.")
    if len({member.name for member in members}) < len(members):
        raise ConfigError("Two members of the quorum have one name.", "Give each its own.")
    return [Seat(member, current_version(member), bit) for bit, member in enumerate(members)]


def current_version(member: Member) -> str:
    """The member's version, or `missing`: when its tool comes back, the version differs and it votes anew."""
    try:
        return member.version()
    except MemberMissingError:
        return MISSING


def is_asked(seat: Seat) -> pl.Expr:
    """Whether a row of TEXTS is put to the member, and not only its abstention written."""
    return is_wanted(seat) & pl.col("language").is_in(seat.languages) & pl.col("problem").is_null()


def is_wanted(seat: Seat) -> pl.Expr:
    return (pl.col("voted") // (1 << seat.bit)) % 2 == 0


def with_problems(texts: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with a text whatever its file holds."""
    too_long = pl.col("end_byte") - pl.col("start_byte") > MAX_BYTES
    reason = pl.lit(f"not judged: longer than {MAX_BYTES} bytes")
    return texts.with_columns(problem=pl.coalesce("problem", pl.when(too_long).then(reason)))


@dataclass
class Sheet:
    """One batch of texts, and the files they stand in, which lie in a folder until all members have answered."""

    texts: pl.DataFrame
    folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="stemma-quorum-", ignore_cleanup_errors=True)
    )
    open_questions: int = 0


def sheet_of(texts: pl.DataFrame, contents: Mapping[str, bytes], reasons: Mapping[str, str]) -> Sheet:
    """Write the files of a batch for its members.

    Args:
        texts: schema `TEXTS`.
        contents: file contents by id, as the extractor parsed them; of those that nobody reads there need be none.
        reasons: why a content is not to be had, by id; its texts are asked about again in the next run.
    """
    why = {oid: f"{NO_ANSWER}its file cannot be read ({reason})" for oid, reason in reasons.items()}
    why |= {
        oid: "not judged: a carriage return alone ends a line of its file, and not all tools count that line"
        for oid, content in contents.items()
        if _LONE_RETURN.search(content)
    }
    places = texts.select("blob_oid", "language", "path").iter_rows()
    spans = texts.select("blob_oid", "start_byte", "end_byte").iter_rows()
    sheet = Sheet(
        texts.with_columns(
            pl.coalesce("problem", pl.col("blob_oid").replace_strict(why, default=None, return_dtype=pl.String)),
            unit=pl.int_range(pl.len(), dtype=pl.Int32),
            file=pl.Series([f"f{oid}{file_suffix(language, path)}" for oid, language, path in places], dtype=pl.String),
            code=pl.Series(
                [contents.get(oid, b"")[start:end].decode("utf-8", "replace") for oid, start, end in spans],
                dtype=pl.String,
            ),
        )
    )
    for oid, file in sheet.texts.select("blob_oid", "file").unique().iter_rows():
        if oid in contents:
            Path(sheet.folder.name, file).write_bytes(contents[oid])
    return sheet


def answers(sheets: Iterable[Sheet], seats: Sequence[Seat], limits: Limits, workers: int) -> Iterator[pl.DataFrame]:
    """Votes (schema `SIGNED_VOTES`) as they come, of every seat on every text that wants its vote.

    The members are processes of their own, so threads are enough to wait for them; at most `workers` run at once, of
    all members together, and a few more questions lie ready.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="quorum") as pool:
        running: dict[Future[pl.DataFrame], tuple[Sheet, Seat]] = {}
        for sheet in sheets:
            for seat in seats:
                yield _unasked(sheet, seat)
                asked = sheet.texts.filter(is_asked(seat))
                if asked.is_empty():
                    continue
                batch, files = asked.select(BATCH.names()), Path(sheet.folder.name)
                sheet.open_questions += 1
                running[pool.submit(ask, seat.member, batch, files, limits)] = sheet, seat
            while len(running) > workers + len(seats):
                yield from _done(running)
            if not sheet.open_questions:
                sheet.folder.cleanup()
        while running:
            yield from _done(running)


def _done(running: dict[Future[pl.DataFrame], tuple[Sheet, Seat]]) -> Iterator[pl.DataFrame]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        sheet, seat = running.pop(future)
        sheet.open_questions -= 1
        if not sheet.open_questions:
            sheet.folder.cleanup()
        yield _signed(future.result(), sheet, seat)


def _unasked(sheet: Sheet, seat: Seat) -> pl.DataFrame:
    """Abstentions on the texts that the member is not asked about, each with the reason."""
    texts = sheet.texts.filter(is_wanted(seat) & ~is_asked(seat))
    name = seat.member.name
    missing = pl.lit(f"missing: {name} is not installed" if seat.version == MISSING else None, pl.String)
    foreign = pl.when(~pl.col("language").is_in(seat.member.languages)).then(
        pl.format("not applicable: {} does not read {}", pl.lit(name), "language")
    )
    votes = abstentions(texts, "").with_columns(
        reason=texts.select(reason=pl.coalesce(foreign, missing, "problem"))["reason"],
        seconds=pl.lit(None, pl.Float64),
    )
    return _signed(votes, sheet, seat)


def _signed(votes: pl.DataFrame, sheet: Sheet, seat: Seat) -> pl.DataFrame:
    return (
        votes.join(sheet.texts.select("unit", "pattern_id", "exact_hash"), on="unit", how="left", maintain_order="left")
        .with_columns(member=pl.lit(seat.member.name), member_version=pl.lit(seat.version))
        .select(SIGNED_VOTES.names())
    )
