"""Stands in for a coding agent in tests: changes files and tells of it as the hooks of the real ones do.

The forms are those of https://code.claude.com/docs/en/hooks (PostToolUse). What Stemma makes of them is tested beside.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from stemma.config import Settings
from stemma.store.postgres import Database
from stemma.track import spool
from tests.repositories import GitRepository

SESSION, MODEL = "session-1", "claude-opus-4-5"


class Agent:
    """Writes into the work tree of a repository; each call is dated as the repository's next commit, or `at`."""

    def __init__(self, repository: GitRepository, settings: Settings) -> None:
        self.repository = repository
        self.n_calls = 0
        self._file = spool.folder(settings) / "events.jsonl"
        self._file.parent.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: str, *, at: datetime | None = None, **more: Any) -> None:
        """`Write`: the whole file."""
        target = self.repository.path / path
        original = target.read_text() if target.exists() else None
        self.repository.write({path: content})
        response = {"type": "create" if original is None else "update", "filePath": str(target)}
        self.tell(
            "Write",
            {"file_path": str(target), "content": content},
            response | {"originalFile": original},
            at=at,
            **more,
        )

    def edit(self, path: str, old: str, new: str, *, at: datetime | None = None, tells_file: bool = True) -> None:
        """`Edit`: one string for another; `tells_file` False is an agent that does not say what the file was."""
        target = self.repository.path / path
        original = target.read_text()
        assert original.count(old) == 1
        self.repository.write({path: original.replace(old, new)})
        response = {"filePath": str(target), "originalFile": original} if tells_file else {"success": True}
        self.tell("Edit", {"file_path": str(target), "old_string": old, "new_string": new}, response, at=at)

    def tell(
        self, tool: str, given: dict[str, Any], response: dict[str, Any], *, at: datetime | None = None, **more: Any
    ) -> None:
        self.n_calls += 1
        event = {
            "hook_event_name": "PostToolUse",
            "session_id": SESSION,
            "cwd": str(self.repository.path),
            "tool_name": tool,
            "tool_input": given,
            "tool_response": response,
            "tool_use_id": f"toolu_{self.n_calls:04}",
            "model": MODEL,
            "occurred_at": (at or self.repository.date(self.repository.n_commits)).isoformat(),
        }
        with self._file.open("a") as lines:
            lines.write(json.dumps(event | more) + "\n")


def origins(database: Database) -> dict[tuple[str, str], tuple[str, float | None]]:
    """Origin and share of agents, rounded to hundredths, of each version: by its name and the subject of its commit."""
    rows = database.read(
        "SELECT n.qualified_name, c.subject, o.origin, o.agent_share FROM stemma.origins o "
        "JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha"
    ).rows()
    return {
        (name, subject): (origin, share if share is None else round(share, 2)) for name, subject, origin, share in rows
    }
