"""Members that are libraries, asked in a child process: the batch goes in as JSON lines, the votes come out as them.

Run as `python -m stemma.quorum.members.child MODULE`; the module's `inspect` judges one pattern. What the child may
use is bounded in `stemma.quorum.process`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stemma.quorum.members.base import Finding, as_json, storable

if TYPE_CHECKING:
    import polars as pl

    from stemma.quorum.process import Limits

Answer = tuple[str, str | None, list[Finding]]  # vote, reason, findings

_BATCH, _VOTES = "batch.jsonl", "votes.jsonl"


def ask_child(module: str, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
    """The votes of a library member on a batch.

    Raises:
        NoAnswerError: the child ran out of a bound, crashed, or answered for other patterns than it was asked about.
    """
    import polars as pl

    from stemma.quorum.members.base import VOTES
    from stemma.quorum.process import NoAnswerError, run_bounded

    batch.select("pattern_id", "language", "kind", "code").write_ndjson(folder / _BATCH)
    argv = [sys.executable, "-P", "-s", "-m", "stemma.quorum.members.child", module]
    run_bounded(argv, folder, limits, env={"PYTHONPATH": str(Path(__file__).parents[3])})
    try:
        votes = pl.read_ndjson(folder / _VOTES, schema=VOTES) if len(batch) else pl.DataFrame(schema=VOTES)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error
    return votes


def main(module: str) -> None:
    inspect = importlib.import_module(module).inspect
    with Path(_BATCH).open("rb") as batch, Path(_VOTES).open("w", encoding="utf-8") as votes:
        for line in batch:
            pattern = json.loads(line)
            vote, reason, findings = inspect(pattern["language"], pattern["kind"], pattern["code"])
            row = {
                "pattern_id": pattern["pattern_id"],
                "vote": vote,
                "reason": storable(reason) if reason else None,
                "findings": as_json(findings),
            }
            votes.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
