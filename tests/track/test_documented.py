"""What docs/agent-events.md shows is what happens: its hook is run, its examples are read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from stemma.config import Settings
from stemma.store.postgres import Database
from stemma.track import spool
from stemma.track.documents import clean, read_document
from stemma.track.events import Envelope, read_event
from tests.track.test_events import WRITE

TEXT = (Path(__file__).parents[2] / "docs/agent-events.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_hook_appends_an_event_that_is_stored(database: Database, settings: Settings) -> None:
    (script,) = [text for kind, text in BLOCKS if kind == "python"]
    for _ in range(2):  # delivered twice, at two times
        subprocess.run(
            [sys.executable, "-I", "-c", script],
            input=json.dumps(WRITE, indent=2).encode(),
            env={"STEMMA_DATA_DIR": str(settings.data_dir)},
            check=True,
        )
    counts = spool.ingest_spool(database, settings)
    assert (counts["agent_events"], counts["duplicates"], counts["rejected_events"]) == (1, 1, 0)
    assert (spool.folder(settings) / "claude-code.jsonl").stat().st_mode & 0o077 == 0


def test_the_hook_settings_name_the_hook_that_is_shown() -> None:
    hooks = json.loads(next(text for kind, text in BLOCKS if kind == "json"))["hooks"]
    assert set(hooks) == {"PostToolUse", "PostToolUseFailure"}
    commands = {hook["command"] for entries in hooks.values() for entry in entries for hook in entry["hooks"]}
    assert commands == {"python3 -I ~/.claude/stemma_hook.py"}
    assert "`~/.claude/stemma_hook.py`" in TEXT


def test_the_envelope_that_is_shown_is_an_event_with_every_field() -> None:
    line = [text for kind, text in BLOCKS if kind == "json"][1]
    document = read_document(line.encode())
    assert set(document.fields) == set(Envelope.model_fields)
    assert read_event(document, clean(document, may_hold_secrets=True)).event_id == "7f3c"


def test_the_table_of_fields_is_whole() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", TEXT, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Envelope.model_fields)
