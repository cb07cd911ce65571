"""Agent Trace records, read and written: who contributed which lines of which files at a revision.

The format is that of https://agent-trace.dev (cursor/agent-trace, version 0.1.0). It leaves open where records are
kept; the reference implementation appends them to `.agent-trace/traces.jsonl`, so they are read from there. What is
made of them is told in `statements` and `export`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = ".agent-trace/traces.jsonl"
VERSION = "0.1.0"
MEDIA_TYPE = "application/vnd.agent-trace.record+json"
MAX_LINE = 2**31 - 1

LineNumber = Annotated[int, Field(ge=1, le=MAX_LINE)]


class _Part(BaseModel):
    """Fields that the format does not know are kept, so that a record is written as it was read."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Contributor(_Part):
    type: Literal["human", "ai", "mixed", "unknown"]
    model_id: str | None = Field(default=None, max_length=250)


class Range(_Part):
    start_line: LineNumber
    end_line: LineNumber
    content_hash: str | None = None
    contributor: Contributor | None = None


class Related(_Part):
    type: str
    url: str


class Conversation(_Part):
    ranges: tuple[Range, ...]
    url: str | None = None
    contributor: Contributor | None = None
    related: tuple[Related, ...] | None = None


class File(_Part):
    path: str
    conversations: tuple[Conversation, ...]


class Vcs(_Part):
    type: Literal["git", "jj", "hg", "svn"]
    revision: str


class Tool(_Part):
    name: str | None = None
    version: str | None = None


class Record(_Part):
    version: str
    id: str
    timestamp: str
    files: tuple[File, ...]
    vcs: Vcs | None = None
    tool: Tool | None = None
    metadata: dict[str, Any] | None = None


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """The records of JSON lines; a line that is none is left out."""
    for line in lines:
        if line.strip():
            try:
                yield Record.model_validate_json(line)
            except (ValidationError, RecursionError):
                continue


def write_record(record: Record) -> str:
    """The record as one line of JSON; what it does not say is left out."""
    return json.dumps(record.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":"))
