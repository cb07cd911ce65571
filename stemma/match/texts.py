"""The different texts of one pattern, read from the repositories they stand in: by names and literals they differ.

The text of one of them is in `patterns`; what is told of the differences lives in `skeleton` and `explain`.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from stemma.config import Settings
from stemma.errors import NotFoundError, SourceError
from stemma.extract.extractor import CODE_CHARS
from stemma.extract.source import prepare
from stemma.git import registry
from stemma.git.objects import read_blobs
from stemma.store.postgres import Database

# Of each text one place at a head, where the file that is there now holds it.
_PLACES = """
SELECT DISTINCT ON (o.exact_hash) o.exact_hash, r.name AS repository, s.blob_oid, s.start_byte, s.end_byte
FROM stemma.occurrences AS o
JOIN stemma.repositories AS r USING (repo_id)
JOIN stemma.files AS i ON i.repo_id = o.repo_id AND i.path = o.path
JOIN stemma.snippets AS s ON s.blob_oid = i.blob_oid AND s.extractor_version = r.extractor_version
    AND s.kind = o.kind AND s.qualified_name = o.qualified_name AND s.duplicate_index = o.duplicate_index
    AND s.exact_hash = o.exact_hash
WHERE o.pattern_id = $1 AND o.valid_to IS NULL AND o.category = 'source'
ORDER BY o.exact_hash, r.name, o.path
LIMIT $2
"""


def texts_of(db: Database, settings: Settings, pattern_id: str, *, most: int) -> pl.DataFrame:
    """The first `most` live texts of a pattern: exact_hash, code. Those of a repository that is gone are left out."""
    places = db.read(_PLACES, [pattern_id, most])
    found: dict[str, str] = {}
    for (repository,), rows in places.group_by("repository", maintain_order=True):
        found |= _read(db, settings, str(repository), rows)
    return pl.DataFrame(sorted(found.items()), {"exact_hash": pl.String(), "code": pl.String()}, orient="row")


def _read(db: Database, settings: Settings, repository: str, rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    contents: dict[str, bytes] = {}
    try:
        repo = registry.find(db, repository, settings)
        for oid, content in read_blobs(repo, rows["blob_oid"].unique().sort().to_list()):
            if content is not None:
                contents[oid] = prepare(content, settings.max_file_bytes).text
    except (NotFoundError, SourceError):
        return
    for exact_hash, oid, start, end in rows.select("exact_hash", "blob_oid", "start_byte", "end_byte").iter_rows():
        if oid in contents:
            yield exact_hash, contents[oid][start:end].decode("utf-8", "replace")[:CODE_CHARS]
