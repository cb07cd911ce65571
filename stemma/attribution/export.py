"""Origins written as others read them: Agent Trace records and git-ai notes, one for each commit.

The formats live in `agent_trace` and `git_ai`; where the lines come from, in `origins`; how notes get into a
repository, where somebody asks for it, in `note_writing`. A line is told of at the commit in which its tokens first
stood, with its number in the file of that commit, as both formats ask; lines of an unknown author are left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stemma.attribution import agent_trace, agents, git_ai
from stemma.attribution.agent_trace import Contributor, Conversation, File, Range, Record, Related, Tool, Vcs
from stemma.attribution.git_ai import Entry, Note
from stemma.attribution.labels import HUMAN
from stemma.git.paths import unescape
from stemma.git.repository import Repository
from stemma.languages import EXTRACTOR_VERSION
from stemma.store.postgres import Database

TOOL = "stemma"
_NAMESPACE = uuid.UUID("6f0b8f0e-5a7c-4f0d-9d5e-6a1c9a1b2c3d")
NOBODY = "unknown"

# Spans of the versions in which their tokens first stood. `lines` are counted from the definition's first line.
_LINES = """
SELECT n.sha, n.path, s.start_line, o.lines, o.origin, o.source, o.agent, o.model, o.session_id, o.event_id,
       c.committed_at
FROM stemma.origin_spans o
JOIN stemma.lineage_nodes n ON n.node_id = o.node_id
JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
JOIN stemma.snippets s ON s.blob_oid = n.blob_oid AND s.ordinal = n.ordinal AND s.extractor_version = $2
WHERE o.repo_id = $1 AND o.born_id = o.node_id AND cardinality(o.lines) > 0
ORDER BY c.position, n.path, s.start_line, o.span
"""


@dataclass(frozen=True)
class _Lines:
    """Lines of a file at a commit that one call, note or record accounts for."""

    sha: str
    path: str
    first: int
    last: int
    about: dict[str, Any]


def _lines(db: Database, repo: Repository) -> Iterator[tuple[str, list[_Lines]]]:
    """Lines of each commit, commit after commit."""
    rows = db.read(_LINES, [repo.repo_id, EXTRACTOR_VERSION])
    for (sha,), group in rows.group_by("sha", maintain_order=True):
        found = [
            _Lines(str(sha), row["path"], row["start_line"] + first - 1, row["start_line"] + last - 1, row)
            for row in group.iter_rows(named=True)
            for first, last in list(pairwise(row["lines"]))[::2]
        ]
        yield str(sha), _joined(found)


def _joined(lines: list[_Lines]) -> list[_Lines]:
    """Neighbouring lines of one file and one source as one; each line once."""
    found: list[_Lines] = []
    for item in sorted(lines, key=lambda item: (item.path, item.first)):
        last = found[-1] if found else None
        if last and last.path == item.path and item.first <= last.last:
            continue
        if last and last.path == item.path and item.first == last.last + 1 and _who(last) == _who(item):
            found[-1] = _Lines(last.sha, last.path, last.first, item.last, last.about)
        else:
            found.append(item)
    return found


def _who(lines: _Lines) -> tuple[Any, ...]:
    return tuple(lines.about[name] for name in ("origin", "agent", "model", "session_id", "event_id"))


# --- Agent Trace -----------------------------------------------------------------------------------------------


def records(db: Database, repo: Repository) -> Iterator[Record]:
    """A record for each commit that has lines of a known author; its id is made of repository and commit."""
    for sha, lines in _lines(db, repo):
        by_path: dict[str, list[_Lines]] = {}
        for item in lines:
            by_path.setdefault(item.path, []).append(item)
        yield Record(
            version=agent_trace.VERSION,
            id=str(uuid.uuid5(_NAMESPACE, f"{repo.repo_id} {sha}")),
            timestamp=lines[0].about["committed_at"].isoformat(),
            vcs=Vcs(type="git", revision=sha),
            tool=Tool(name=TOOL),
            files=tuple(
                File(path=_written(path), conversations=tuple(_conversations(items))) for path, items in by_path.items()
            ),
        )


def _conversations(lines: list[_Lines]) -> Iterator[Conversation]:
    grouped: dict[tuple[Any, ...], list[_Lines]] = {}
    for item in lines:
        grouped.setdefault(_who(item)[:4], []).append(item)
    for (origin, agent, model, session_id), items in grouped.items():
        contributor: dict[str, Any] = {"type": "human" if origin == HUMAN else "ai"}
        if model:
            contributor["model_id"] = model[:250]
        more: dict[str, Any] = {}
        if session_id:
            address = f"urn:stemma:session:{uuid.uuid5(_NAMESPACE, f'{agent} {session_id}')}"
            more = {"url": address, "related": (Related(type="session", url=address),)}
        yield Conversation(
            contributor=Contributor(**contributor),
            ranges=tuple(Range(start_line=item.first, end_line=item.last) for item in items),
            **more,
        )


def _written(path: str) -> str:
    return unescape(path).decode("utf-8", "replace")


# --- git-ai ----------------------------------------------------------------------------------------------------

_PEOPLE = """
SELECT sha, path, start_line, end_line, evidence ->> 'author' AS author FROM stemma.attributions
WHERE repo_id = $1 AND source = 'git-ai' AND origin = 'human' AND evidence ->> 'author' IS NOT NULL
"""


def notes(db: Database, repo: Repository) -> Iterator[tuple[str, Note]]:
    """A git-ai note for each commit that has lines of a known author.

    A person is named as a note that was read names them; where none does, as nobody.
    """
    people: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for sha, path, *rest in db.read(_PEOPLE, [repo.repo_id]).iter_rows():
        people.setdefault((sha, path), []).append((rest[0], rest[1], rest[2]))
    for sha, lines in _lines(db, repo):
        yield sha, _note(sha, lines, people)


def _note(sha: str, lines: list[_Lines], people: dict[tuple[str, str], list[tuple[int, int, str]]]) -> Note:
    sessions: dict[str, Any] = {}
    humans: dict[str, Any] = {}
    files: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for item in lines:
        if item.about["origin"] == HUMAN:
            stated = people.get((sha, item.path), ())
            author = next((name for first, last, name in stated if first <= item.first <= last), NOBODY)
            key = git_ai.human_key(author)
            humans[key] = {"author": author}
        else:
            key, record = _session(item)
            sessions[key.partition("::")[0]] = record
        files.setdefault(_written(item.path), {}).setdefault(key, []).append((item.first, item.last))
    metadata = {
        "schema_version": git_ai.SCHEMA_VERSION,
        "git_ai_version": TOOL,
        "base_commit_sha": sha,
        "prompts": {},
        **({"humans": humans} if humans else {}),
        **({"sessions": sessions} if sessions else {}),
    }
    entries = {path: tuple(Entry(key, tuple(ranges)) for key, ranges in keys.items()) for path, keys in files.items()}
    return Note(entries, metadata)


def _session(item: _Lines) -> tuple[str, dict[str, Any]]:
    """Key and record of the session that wrote some lines; where it is not known, the commit stands for it."""
    about = item.about
    tool, session_id = agents.at_git_ai(about["agent"] or NOBODY), about["session_id"] or item.sha
    key = f"{git_ai.session_key(tool, session_id)}::{git_ai.trace_key(about['event_id'] or item.sha)}"
    agent_id = {"tool": tool, "id": session_id, "model": about["model"] or NOBODY}
    return key, {"agent_id": agent_id, "human_author": None}
