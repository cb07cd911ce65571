"""Members that are libraries, asked in a child process: the names of the files go in as JSON lines, what was seen in
them comes out as such.

Run as `python -m stemma.quorum.members.child MODULE`; the module's `inspect` looks at one file. What the child may
use is bounded in `stemma.quorum.process`; what its findings mean for the texts is decided by the member.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

    from stemma.quorum.process import Limits


class Found(NamedTuple):
    """A row of `base.FINDINGS`, but for its file."""

    rule: str
    severity: str
    line: int
    end_line: int
    message: str
    is_failing: bool


Seen = tuple[list[Found], str | None]
"""What was found in a file, or why it could not be read."""

_BATCH, _FINDINGS, _UNREAD = "batch.jsonl", "findings.jsonl", "unread.jsonl"


def ask_child(module: str, batch: pl.DataFrame, folder: Path, limits: Limits) -> tuple[pl.DataFrame, dict[str, str]]:
    """What a library member found in the files of a batch (schema `FINDINGS`), and why it could not read some.

    Raises:
        NoAnswerError: the child ran out of a bound or crashed, or what it wrote cannot be read.
    """
    import polars as pl

    from stemma.quorum.members.base import FINDINGS
    from stemma.quorum.process import NoAnswerError, run_bounded

    batch.select("file", "language").unique("file", maintain_order=True).write_ndjson(folder / _BATCH)
    argv = [sys.executable, "-P", "-s", "-m", "stemma.quorum.members.child", module]
    run_bounded(argv, folder, limits, env={"PYTHONPATH": str(Path(__file__).parents[3])})
    try:
        found = folder / _FINDINGS
        findings = pl.read_ndjson(found, schema=FINDINGS) if found.stat().st_size else FINDINGS.to_frame()
        unread = dict(json.loads(line) for line in (folder / _UNREAD).read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return findings, unread


def main(module: str) -> None:
    from stemma.quorum.members.base import FILES, storable

    inspect = importlib.import_module(module).inspect
    with (
        Path(_BATCH).open("rb") as batch,
        Path(_FINDINGS).open("w", encoding="utf-8") as findings,
        Path(_UNREAD).open("w", encoding="utf-8") as unread,
    ):
        for line in batch:
            asked = json.loads(line)
            found, reason = inspect(asked["language"], asked["file"], Path(FILES, asked["file"]).read_bytes())
            for each in found:
                row = {"file": asked["file"], **each._asdict(), "message": storable(each.message)}
                findings.write(json.dumps(row) + "\n")
            if reason is not None:
                unread.write(json.dumps([asked["file"], storable(reason)]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
