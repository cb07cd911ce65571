"""What others say of who wrote what, into `attributions`: git-ai notes, Agent Trace records, authors and trailers.

The formats are read in `git_ai`, `agent_trace` and `agents`; how the statements are weighed against each other and
against an agent's own edits is told in `labels`. A note is read once, and again when it changes; what a note said that
is gone is taken back, and a row that says nothing stays in its place, so that what was decided from it is decided anew.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.attribution import agent_trace, agents, git_ai
from stemma.attribution.agent_trace import Contributor, Record
from stemma.attribution.git_ai import Note
from stemma.attribution.labels import AGENT, AGENT_TRACE, AUTHOR, GIT_AI, HUMAN, MIXED, TRAILER, UNKNOWN
from stemma.git import cat_file, command
from stemma.git.paths import escape
from stemma.git.repository import GIT, Repository
from stemma.git.standing import rows_changed, storable
from stemma.git.store import Store, open_store
from stemma.ids import content_id
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import attributions, polars_schema

NOTES_PER_BATCH = 2_000
MAX_NOTE_BYTES = 5_000_000
MAX_TRACE_BYTES = 100_000_000
_ORIGINS = {"human": HUMAN, "ai": AGENT, "mixed": MIXED, "unknown": UNKNOWN}
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.attributions'), hashtext($1))"

Row = dict[str, Any]


@dataclass(frozen=True)
class StatementCounts:
    """Rows written, rows taken back, and notes that are of no known form."""

    n_statements: int = 0
    n_retired: int = 0
    n_unreadable: int = 0


def update_attributions(db: Database, repo: Repository) -> StatementCounts:
    """Bring what others say of the repository's commits up to date, in one transaction.

    Raises:
        SourceError: the repository is gone.
        StoreError: Postgres refuses.
    """
    with phase("attributions", repository=repo.name, unit="notes") as told, db.transaction() as transaction:
        transaction.read(_LOCK, [repo.repo_id])
        n_retired = rows_changed(
            transaction,
            "DELETE FROM stemma.attributions a WHERE a.repo_id = $1 AND NOT EXISTS ("
            "SELECT FROM stemma.commits c WHERE c.repo_id = a.repo_id AND c.sha = a.sha)",
            [repo.repo_id],
        )
        n_statements = _insert(transaction, repo.repo_id, _of_commits(transaction, repo.repo_id))
        n_unreadable = 0
        if repo.kind == GIT:
            store = open_store(repo.git_dir)
            n_statements += _insert(transaction, repo.repo_id, _of_traces(transaction, store, repo))
            changed, gone = _changed_notes(transaction, store, repo)
            n_retired += _take_back(transaction, repo.repo_id, [*changed, *gone])
            n_statements += _insert(transaction, repo.repo_id, [_silent(sha, None) for sha in gone])
            told.total = len(changed)
            for shas in _parts(sorted(changed), NOTES_PER_BATCH):
                rows, n_bad = _of_notes(store, {sha: changed[sha] for sha in shas})
                n_unreadable += n_bad
                n_statements += _insert(transaction, repo.repo_id, rows)
                told.advance(len(shas))
    return StatementCounts(n_statements, n_retired, n_unreadable)


def state(repo: Repository) -> str:
    """Changes whenever a note or a record outside of history does; a few milliseconds."""
    if repo.kind != GIT:
        return ""
    notes = command.run(repo.git_dir, "rev-parse", "--verify", "--quiet", git_ai.REF).output.strip()
    try:
        found = (repo.path / agent_trace.FILE).lstat()
    except OSError:
        return notes
    return f"{notes} {found.st_size} {found.st_mtime_ns}"


def _parts(items: list[str], size: int) -> Iterator[list[str]]:
    yield from (items[at : at + size] for at in range(0, len(items), size))


def _insert(transaction: Transaction, repo_id: str, rows: list[Row]) -> int:
    """Rows that are not there yet, dated now: under the lock, so later than all that were written before."""
    if not rows:
        return 0
    for row in rows:
        place = (row["sha"], row["path"] or "", str(row["start_line"]), str(row["end_line"]))
        who = (row["origin"], row["agent"] or "", row["model"] or "", row["session_id"] or "", row["evidence"])
        row["attribution_id"] = content_id("attribution", repo_id, row["source"], *place, *who)
    schema = {name: kind for name, kind in _SCHEMA.items() if name not in ("repo_id", "written_at")}
    frame = pl.DataFrame(rows, schema=schema).unique("attribution_id")
    now = dt.datetime.now(dt.UTC)
    frame = frame.with_columns(repo_id=pl.lit(repo_id), written_at=pl.lit(now))
    return transaction.insert(attributions, frame, "nothing")


_SCHEMA = polars_schema(attributions)


def _row(source: str, origin: str, sha: str, evidence: dict[str, Any], **more: Any) -> Row:
    names = ("path", "start_line", "end_line", "agent", "model", "session_id")
    row = {"source": source, "origin": origin, "sha": sha, **dict.fromkeys(names), **more}
    texts = {name: storable(row[name]) for name in ("path", "agent", "model", "session_id")}
    told = {name: value for name, value in evidence.items() if value is not None}
    return row | texts | {"evidence": storable(json.dumps(told, sort_keys=True).replace("\\u0000", "\\ufffd"))}


# --- commits ---------------------------------------------------------------------------------------------------

_SIGNED = """
SELECT sha, author_name, author_email, trailers FROM stemma.commits
WHERE repo_id = $1 AND kind = 'commit' AND (
    array_to_string(trailers, E'\\n') ~* $2
    OR lower(regexp_replace(author_email, '^[0-9]+\\+', '')) = ANY (string_to_array($3, ','))
)
"""


def _of_commits(transaction: Transaction, repo_id: str) -> list[Row]:
    parameters = [repo_id, agents.TRAILER_PATTERN, ",".join(agents.addresses())]
    rows = []
    for sha, name, address, trailers in transaction.read(_SIGNED, parameters).iter_rows():
        if (agent := agents.of_address(address)) is not None:
            rows.append(_row(AUTHOR, AGENT, sha, {"author": name}, agent=agent))
        for trailer in trailers or ():
            if (named := agents.of_trailer(trailer)) is not None:
                key = trailer.partition(":")[0]
                rows.append(_row(TRAILER, MIXED, sha, {"trailer": key}, agent=named[0], model=named[1]))
    return rows


# --- git-ai ----------------------------------------------------------------------------------------------------


def _changed_notes(transaction: Transaction, store: Store, repo: Repository) -> tuple[dict[str, str], list[str]]:
    """Notes to read (commit -> object of the note), and commits whose note is gone."""
    notes = list_notes(store, repo)
    known = dict(
        transaction.read(
            "SELECT DISTINCT sha, evidence ->> 'note' AS note FROM stemma.attributions "
            "WHERE repo_id = $1 AND source = $2",
            [repo.repo_id, GIT_AI],
        ).iter_rows()
    )
    listed = pl.DataFrame({"sha": list(notes)}, schema={"sha": pl.String})
    with transaction.staged("noted_commits", listed) as name:
        here = transaction.read(
            f"SELECT sha FROM {name} JOIN stemma.commits USING (sha) WHERE repo_id = $1", [repo.repo_id]
        )
    changed = {sha: notes[sha] for sha in here["sha"] if known.get(sha) != notes[sha]}
    return changed, [sha for sha, note in known.items() if note is not None and sha not in notes]


def list_notes(store: Store, repo: Repository) -> dict[str, str]:
    """Object of the git-ai note of each commit that has one."""
    answer = command.run(repo.git_dir, "rev-parse", "--verify", "--quiet", f"{git_ai.REF}^{{tree}}")
    if answer.code != 0:
        return {}
    with store.stream("ls-tree", "-r", answer.output.strip()) as listed:
        lines = [line for block in listed.line_blocks() for line in block if "\t" in line]
    # Past some hundred notes git spreads them over folders named by the first digits.
    parts = (line.partition("\t") for line in lines)
    return {path.replace("/", ""): meta.split(" ")[2] for meta, _, path in parts if " blob " in meta}


def _of_notes(store: Store, notes: dict[str, str]) -> tuple[list[Row], int]:
    rows: list[Row] = []
    n_bad = 0
    by_oid: dict[str, list[str]] = {}
    for sha, oid in notes.items():
        by_oid.setdefault(oid, []).append(sha)
    for header, content in cat_file.contents(store, sorted(by_oid)):
        said: list[Row] = []
        try:
            if content is not None and len(content) <= MAX_NOTE_BYTES:
                note = git_ai.read_note(content.decode("utf-8", "replace"))
                said = [row for sha in by_oid[header.oid] for row in of_note(note, sha, header.oid)]
            else:
                n_bad += 1
        except git_ai.NoteError:
            n_bad += 1
        spoken = {row["sha"] for row in said}
        rows += [*said, *(_silent(sha, header.oid) for sha in by_oid[header.oid] if sha not in spoken)]
    return rows, n_bad


def of_note(note: Note, sha: str, oid: str) -> Iterator[Row]:
    """A row for each run of lines that a note gives to someone."""
    for path, entries in note.files.items():
        for entry, (first, last) in git_ai.attested(entries):
            record = note.record(entry.key)
            who = record.get("agent_id")
            agent = who if isinstance(who, dict) else {}
            evidence = {"note": oid, "key": _text(entry.key), "author": _text(record.get("author"))}
            named = {
                "agent": agents.of_tool(_text(agent.get("tool"))),
                "model": _text(agent.get("model")),
                "session_id": _text(agent.get("id")),
            }
            yield _row(
                GIT_AI,
                HUMAN if entry.is_human else AGENT,
                sha,
                evidence,
                path=escape(path.encode("utf-8", "replace")),
                start_line=first,
                end_line=last,
                **({} if entry.is_human else named),
            )


def _silent(sha: str, oid: str | None) -> Row:
    """A note that says nothing of any line, or is gone."""
    return _row(GIT_AI, UNKNOWN, sha, {"note": oid})


def _take_back(transaction: Transaction, repo_id: str, shas: list[str]) -> int:
    if not shas:
        return 0
    with transaction.staged("changed_notes", pl.DataFrame({"sha": shas})) as name:
        statement = (
            f"DELETE FROM stemma.attributions a USING {name} g WHERE a.repo_id = $1 AND a.sha = g.sha AND a.source = $2"
        )
        return rows_changed(transaction, statement, [repo_id, GIT_AI])


# --- Agent Trace -----------------------------------------------------------------------------------------------


def _of_traces(transaction: Transaction, store: Store, repo: Repository) -> list[Row]:
    records = [record for text in _trace_files(store, repo) for record in agent_trace.read_records(text.split("\n"))]
    if not records:
        return []
    commits = set(transaction.read("SELECT sha FROM stemma.commits WHERE repo_id = $1", [repo.repo_id])["sha"])
    return [row for record in records for row in of_record(record) if row["sha"] in commits]


def _trace_files(store: Store, repo: Repository) -> Iterator[str]:
    """The file of records as committed at the head, and as it lies in the work tree."""
    answer = command.run(repo.git_dir, "rev-parse", "--verify", "--quiet", f"HEAD:{agent_trace.FILE}")
    if answer.code == 0:
        for header, content in cat_file.contents(store, [answer.output.strip()]):
            if content is not None and header.kind == "blob":
                yield content[:MAX_TRACE_BYTES].decode("utf-8", "replace")
    file = repo.path / agent_trace.FILE
    if not repo.is_remote and file.is_file() and not file.is_symlink() and not file.parent.is_symlink():
        try:
            with file.open("rb") as opened:
                yield opened.read(MAX_TRACE_BYTES).decode("utf-8", "replace")
        except OSError:
            return


def of_record(record: Record) -> Iterator[Row]:
    """A row for each range of a record about a git commit; lines are those of the file at that commit."""
    if record.vcs is None or record.vcs.type != "git":
        return
    tool = agents.of_tool(record.tool.name if record.tool else None)
    for file in record.files:
        for conversation in file.conversations:
            for lines in conversation.ranges:
                who = lines.contributor or conversation.contributor or Contributor(type="unknown")
                is_agent = who.type in ("ai", "mixed")
                yield _row(
                    AGENT_TRACE,
                    _ORIGINS[who.type],
                    _text(record.vcs.revision) or "",
                    {"record": _text(record.id), "url": _text(conversation.url), "content_hash": lines.content_hash},
                    path=escape(file.path.encode("utf-8", "replace")),
                    start_line=lines.start_line,
                    end_line=lines.end_line,
                    agent=tool if is_agent else None,
                    model=who.model_id if is_agent else None,
                    session_id=_session(record) if is_agent else None,
                )


def _session(record: Record) -> str | None:
    """The session, where the metadata names one as the reference implementation does."""
    metadata = record.metadata or {}
    found = metadata.get("session_id") or metadata.get("conversation_id")
    return _text(found)


def _text(value: Any) -> str | None:
    return value[:500] if isinstance(value, str) and value else None
