"""Which texts of the platform are judged, the one place where each is read, and whose vote it still wants.

How they are put to the members lives in `poll`; where the votes go, in `votes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from stemma.config import Settings
from stemma.errors import NotFoundError, SourceError
from stemma.extract.source import prepare
from stemma.git import registry
from stemma.git.objects import read_blobs
from stemma.git.repository import Repository
from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.poll import (
    BATCH_BYTES,
    BATCH_FILES,
    TEXTS,
    Seat,
    Sheet,
    is_asked,
    sheet_of,
    with_problems,
)
from stemma.store.postgres import Database

SOURCE_SNIPPETS = """
stemma.files f
JOIN stemma.repositories r USING (repo_id)
JOIN stemma.snippets s ON s.blob_oid = f.blob_oid AND s.extractor_version = r.extractor_version
    AND f.category = 'source'
"""
"""SQL: what stands at the heads of the repositories, in their source; the files are `f`, the snippets `s`."""

IS_JUDGED = "p.n_live > 0 AND NOT p.is_trivial"
"""SQL: of a pattern `p`, whether its texts are judged."""

TEXTS_IN_SCOPE = f"""
SELECT DISTINCT s.pattern_id, s.exact_hash
FROM {SOURCE_SNIPPETS} JOIN stemma.patterns p USING (pattern_id)
WHERE {IS_JUDGED}
"""

VERDICTS_IN_FORCE = """
SELECT DISTINCT ON (pattern_id, exact_hash) * FROM stemma.verdicts ORDER BY pattern_id, exact_hash, decided_at DESC
"""
"""SQL: the latest verdict on each text, the one that holds."""

_SLICE_TEXTS = 20_000  # of texts that nobody reads

# The distinct texts at heads, in source, of patterns that are live and not trivial, each at one place.
_STANDING = f"""
SELECT DISTINCT ON (s.pattern_id, s.exact_hash)
    s.pattern_id, s.exact_hash, f.repo_id, f.path, f.blob_oid, f.n_bytes, s.ordinal
FROM {SOURCE_SNIPPETS} JOIN stemma.patterns p USING (pattern_id)
WHERE {IS_JUDGED} {{only}}
ORDER BY s.pattern_id, s.exact_hash, f.repo_id, f.path, s.ordinal
"""
# The same of texts that were chosen, wherever they stood, in the first file that had them.
_FORMER = """
SELECT DISTINCT ON (n.pattern_id, n.exact_hash)
    n.pattern_id, n.exact_hash, n.repo_id, n.path, n.blob_oid, b.n_bytes, n.ordinal
FROM stemma.lineage_nodes n
JOIN {texts} o ON o.pattern_id = n.pattern_id AND o.exact_hash = n.exact_hash
JOIN stemma.repositories r ON r.repo_id = n.repo_id
JOIN stemma.blobs b ON b.blob_oid = n.blob_oid AND b.extractor_version = r.extractor_version
ORDER BY n.pattern_id, n.exact_hash, n.occurred_at, n.node_id
"""
# Of every file in which one of the texts wants a vote, which texts those are and which seats have voted on them.
_WANTED = f"""
WITH texts AS ({{found}}), votes AS (
    SELECT v.pattern_id, v.exact_hash, bit_or(1::bigint << seat.bit) AS voted
    FROM stemma.votes v JOIN {{seats}} seat USING (member, member_version)
    WHERE seat.is_lasting AND NOT (v.vote = 'abstain' AND v.reason LIKE '{NO_ANSWER}%')
    GROUP BY v.pattern_id, v.exact_hash
)
SELECT repo_id, path, blob_oid, coalesce(max(n_bytes), 0) AS n_bytes,
    array_agg(ordinal ORDER BY ordinal) AS ordinal, array_agg(coalesce(voted, 0) ORDER BY ordinal) AS voted
FROM texts LEFT JOIN votes USING (pattern_id, exact_hash)
WHERE coalesce(voted, 0) <> (SELECT bit_or(1::bigint << bit) FROM {{seats}})
GROUP BY repo_id, path, blob_oid
ORDER BY repo_id, path
"""
_ONLY = "AND EXISTS (SELECT FROM {texts} o WHERE o.pattern_id = s.pattern_id AND o.exact_hash = s.exact_hash)"
_FILES = pl.Schema(
    [
        *((name, pl.String()) for name in ("repo_id", "path", "blob_oid")),
        ("n_bytes", pl.Int64()),
        ("ordinal", pl.List(pl.Int32)),
        ("voted", pl.List(pl.Int64)),
    ]
)

_TEXTS = """
SELECT w.path, w.repo_id, w.voted, s.blob_oid, s.pattern_id, s.exact_hash, b.language, s.kind, s.name,
    s.qualified_name, s.start_line, s.end_line, s.start_byte, s.end_byte, NULL::text AS problem
FROM {wanted} w
JOIN stemma.repositories r USING (repo_id)
JOIN stemma.snippets s ON s.blob_oid = w.blob_oid AND s.ordinal = w.ordinal
    AND s.extractor_version = r.extractor_version
JOIN stemma.blobs b ON b.blob_oid = s.blob_oid AND b.extractor_version = s.extractor_version
ORDER BY w.repo_id, w.path, s.ordinal
"""


def wanted_files(
    db: Database, seats: Sequence[Seat], texts: pl.DataFrame | None = None, *, former: bool = False
) -> pl.DataFrame:
    """The files in which a text wants the vote of one of the seats, with these texts (`ordinal`) and who has voted on
    each: one row a file, in the order in which they are read. Of a member that is not lasting, every text does.

    Args:
        texts: pattern_id and exact_hash of those that are looked at; by default all in scope.
        former: look at them whether or not they still stand, each in the first file that had it.
    """
    rows = [(seat.member.name, seat.version, seat.bit, seat.member.is_lasting) for seat in seats]
    schema = {"member": pl.String, "member_version": pl.String, "bit": pl.Int32, "is_lasting": pl.Boolean}
    with (
        db.transaction() as transaction,
        transaction.staged("seats", pl.DataFrame(rows, schema=schema, orient="row")) as staged,
    ):
        if texts is None:
            found = _STANDING.format(only="")
            return transaction.read(_WANTED.format(seats=staged, found=found), schema=_FILES)
        with transaction.staged("chosen", texts.select("pattern_id", "exact_hash").unique()) as chosen:
            found = _FORMER.format(texts=chosen) if former else _STANDING.format(only=_ONLY.format(texts=chosen))
            return transaction.read(_WANTED.format(seats=staged, found=found), schema=_FILES)


def sheets(db: Database, settings: Settings, files: pl.DataFrame, seats: Sequence[Seat]) -> Iterator[Sheet]:
    """The texts of these files in batches, with the contents that a member will read; memory holds one batch.

    A file is read from git only where a member is asked that reads it; one that cannot be read is its texts' problem.
    """
    readers = [seat for seat in seats if seat.member.is_lasting]
    repositories: dict[str, Repository | str] = {}
    for batch in _batches(files, BATCH_FILES if readers else _SLICE_TEXTS):
        wanted = batch.drop("n_bytes").explode("ordinal", "voted")
        with db.transaction() as transaction, transaction.staged("wanted", wanted) as staged:
            rows = transaction.read(_TEXTS.format(wanted=staged))
        texts = with_problems(rows.cast({name: kind for name, kind in TEXTS.items() if name in rows.columns}))
        read = texts.filter(pl.any_horizontal([pl.lit(value=False), *map(is_asked, readers)]))
        contents: dict[str, bytes] = {}
        reasons: dict[str, str] = {}
        for (repo_id,), oids in read.select("repo_id", "blob_oid").unique().group_by("repo_id"):
            repository = repositories.setdefault(str(repo_id), _open(db, settings, str(repo_id)))
            _read(repository, settings, oids["blob_oid"].to_list(), contents, reasons)
        yield sheet_of(texts.select(TEXTS.names()), contents, reasons)


def _batches(files: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
    """Runs of files: of so many at most, and of so many bytes unless one file alone has more."""
    begin, n_bytes = 0, 0
    for at, size in enumerate(files["n_bytes"]):
        if at > begin and (at - begin == most or n_bytes + size > BATCH_BYTES):
            yield files[begin:at]
            begin, n_bytes = at, 0
        n_bytes += size
    if begin < len(files):
        yield files[begin:]


def _open(db: Database, settings: Settings, repo_id: str) -> Repository | str:
    try:
        return registry.find(db, repo_id, settings)
    except (NotFoundError, SourceError) as error:
        return error.problem


def _read(
    repository: Repository | str,
    settings: Settings,
    oids: Sequence[str],
    contents: dict[str, bytes],
    reasons: dict[str, str],
) -> None:
    """Add the contents, as the extractor parsed them, and why there are none of some."""
    if isinstance(repository, str):
        reasons.update(dict.fromkeys(oids, repository))
        return
    try:
        for oid, content in read_blobs(repository, oids, max_bytes=settings.max_file_bytes, reasons=reasons):
            if content is not None:
                source = prepare(content, settings.max_file_bytes)
                if source.reason is None:
                    contents[oid] = source.text
                else:
                    reasons[oid] = source.reason
    except SourceError as error:
        reasons.update({oid: error.problem for oid in oids if oid not in contents})
