"""What Stemma forgets with a repository: everything that only it held. Registration is in `registry`."""

from __future__ import annotations

from dataclasses import dataclass

from stemma.git.fetch import discard
from stemma.git.repository import Repository
from stemma.store.postgres import Database, Transaction


@dataclass(frozen=True)
class Removal:
    """What was forgotten. Vectors go with the next run, which drops those without a live pattern."""

    n_commits: int
    n_blobs: int
    n_snippets: int
    n_patterns: int


# Contents of the repository, before its rows go.
_HELD = (
    "SELECT old_blob AS blob_oid FROM stemma.file_changes WHERE repo_id = $1 AND old_blob IS NOT NULL "
    "UNION SELECT new_blob FROM stemma.file_changes WHERE repo_id = $1 AND new_blob IS NOT NULL "
    "UNION SELECT blob_oid FROM stemma.files WHERE repo_id = $1"
)
_STILL_NAMED = (
    "SELECT old_blob AS blob_oid FROM stemma.file_changes WHERE old_blob IS NOT NULL "
    "UNION SELECT new_blob FROM stemma.file_changes WHERE new_blob IS NOT NULL "
    "UNION SELECT blob_oid FROM stemma.files"
)


# What an agent wrote is the agent's: it stays, under the path that its event named, as if nobody had ever registered
# the repository. The lock is that of those who write edits, so that `written_at` only grows.
_EDITS_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.agent_edits'))"
_LET_EDITS_GO = (
    "UPDATE stemma.agent_edits SET repo_id = NULL, written_at = clock_timestamp(), "
    "path = CASE WHEN $2 LIKE '/%' THEN concat($2::text, '/', path) ELSE path END WHERE repo_id = $1"
)


def forget(db: Database, repo: Repository) -> Removal:
    """Delete the repository, its history and lineage, then the contents no other repository names, then the patterns
    and texts no content holds, with their votes, matches and embeddings: all in one transaction. Its clone goes last.

    A folder or repository registered by path is not touched.
    """
    with db.transaction() as transaction:
        transaction.read("SELECT 1 FROM stemma.repositories WHERE repo_id = $1 FOR UPDATE", [repo.repo_id])
        removal = _forget(transaction, repo.repo_id)
        transaction.read(_EDITS_LOCK)
        transaction.execute(_LET_EDITS_GO, [repo.repo_id, repo.location])
    discard(repo)
    return removal


def _forget(transaction: Transaction, repo_id: str) -> Removal:
    transaction.execute("CREATE TEMPORARY TABLE doomed_blobs (blob_oid text) ON COMMIT DROP")
    transaction.execute(
        "CREATE TEMPORARY TABLE doomed_snippets (pattern_id text, exact_hash text, language text) ON COMMIT DROP"
    )
    transaction.execute(f"INSERT INTO pg_temp.doomed_blobs {_HELD}", [repo_id])
    n_commits = transaction.read("SELECT count(*) AS n FROM stemma.commits WHERE repo_id = $1", [repo_id]).item()
    transaction.execute("DELETE FROM stemma.lineage_events WHERE repo_id = $1", [repo_id])
    transaction.execute("DELETE FROM stemma.repositories WHERE repo_id = $1", [repo_id])
    transaction.execute(f"DELETE FROM pg_temp.doomed_blobs d USING ({_STILL_NAMED}) k WHERE d.blob_oid = k.blob_oid")
    n_snippets = transaction.execute(
        "WITH gone AS (DELETE FROM stemma.snippets s USING pg_temp.doomed_blobs d, stemma.blobs b "
        "WHERE s.blob_oid = d.blob_oid AND b.blob_oid = s.blob_oid AND b.extractor_version = s.extractor_version "
        "RETURNING s.pattern_id, s.exact_hash, b.language) INSERT INTO pg_temp.doomed_snippets SELECT * FROM gone"
    )
    n_blobs = transaction.execute(
        "DELETE FROM stemma.blobs b USING pg_temp.doomed_blobs d WHERE b.blob_oid = d.blob_oid"
    )
    n_patterns = transaction.execute(
        "DELETE FROM stemma.patterns p USING (SELECT DISTINCT pattern_id FROM pg_temp.doomed_snippets) d "
        "WHERE p.pattern_id = d.pattern_id "
        "AND NOT EXISTS (SELECT FROM stemma.snippets s WHERE s.pattern_id = p.pattern_id)"
    )
    transaction.execute(
        "DELETE FROM stemma.snippet_texts t USING (SELECT DISTINCT * FROM pg_temp.doomed_snippets) d "
        "WHERE t.exact_hash = d.exact_hash AND t.language = d.language AND NOT EXISTS "
        "(SELECT FROM stemma.snippets s WHERE s.pattern_id = d.pattern_id AND s.exact_hash = d.exact_hash)"
    )
    for table in ("votes", "verdicts"):  # of texts that are gone, of patterns that are not
        transaction.execute(
            f"DELETE FROM stemma.{table} v "
            "USING (SELECT DISTINCT pattern_id, exact_hash FROM pg_temp.doomed_snippets) d "
            "WHERE v.pattern_id = d.pattern_id AND v.exact_hash = d.exact_hash AND NOT EXISTS "
            "(SELECT FROM stemma.snippets s WHERE s.pattern_id = d.pattern_id AND s.exact_hash = d.exact_hash)"
        )
    transaction.execute(
        "DELETE FROM stemma.families f "
        "WHERE NOT EXISTS (SELECT FROM stemma.family_members m WHERE m.family_id = f.family_id)"
    )
    return Removal(int(n_commits), n_blobs, n_snippets, n_patterns)
