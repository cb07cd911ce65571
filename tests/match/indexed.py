"""A function that tests copy, and a repository taken into Postgres as far as `stemma similar` needs, without a run."""

from __future__ import annotations

from pathlib import Path

from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database

PARSE = """
def parse_header(line, separator):
    name, found, value = line.partition(separator)
    if not found:
        raise ValueError("no separator in " + line)
    values = [part.strip() for part in value.split(",") if part.strip()]
    return name.strip().lower(), values
"""
HEADER_TS = """
export function parseHeader(line: string, separator: string): Map<string, string> {
  const values = new Map<string, string>();
  if (line.indexOf(separator) < 0) throw new Error("no separator in header line");
  for (const part of line.split(separator)) {
    const [name, value] = part.trim().split("=");
    values.set(name.toLowerCase(), value);
  }
  return values;
}
"""
HEADER_JS = """
function parseHeader(line, separator) {
  var values = new Map();
  if (line.indexOf(separator) < 0) throw new Error("no separator in header line");
  line.split(separator).forEach(function (part) {
    var pieces = part.trim().split("=");
    values.set(pieces[0].toLowerCase(), pieces[1]);
  });
  return values;
}
"""


def ingest(database: Database, settings: Settings, path: Path, name: str = "project") -> None:
    repo_id = registry.register(database, settings, str(path), name=name)
    repo = registry.find(database, repo_id)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    update_occurrences(database, repo_id)
    refresh_patterns(database)
