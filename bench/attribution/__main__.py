"""Replay agents' edits in a real package, then do to it what git, a formatter and people do; print what is left.

    python -m bench.attribution FOLDER [--samples 60] [--seed 0] [--only NAME ...]

FOLDER is a git repository (bare or not; its head is taken) or any folder of source files in Stemma's languages, such
as an unpacked package from PyPI; `formatting` says what formats which. Agents write real functions of it again, whole
or a few lines of them, told by the hooks of four agents; people write others, and change what agents wrote, without a
word. What Stemma then says of each at the head is printed beside what git-ai says of itself: the table of its README
(git-ai-project/git-ai at 55a1d728, "What are the capabilities and known limitations?"), which states support and no
figures.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.attribution.sampling import KINDS
from bench.attribution.scenarios import SCENARIOS
from bench.attribution.scoring import Score, measure
from bench.figures import write
from stemma.config import load_settings
from stemma.store import open_database

GIT_AI = {
    "as committed": "recorded",
    "rebase": "preserved",
    "squash": "preserved (on a forge: with its CI action)",
    "amend": "preserved",
    "cherry-pick": "preserved",
    "reformat": "will not change attribution to human",
    "reformat before commit": "will not change attribution to human",
    "rename": "git mv: not tracked",
    "rename before commit": "git mv: not tracked",
    "squash, reformat and rename in one": "git mv: not tracked",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=60, help="functions of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], choices=list(SCENARIOS))
    parser.add_argument("--misses", action="store_true", help="name each sample that was not rightly attributed")
    parser.add_argument("--name", help="of the results, by default the folder's")
    given = parser.parse_args()
    scores = []
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as folder:
        Path(folder).chmod(0o755)
        settings = load_settings(data_dir=Path(folder))
        with open_database(settings) as database:
            only = tuple(given.only)
            for score in measure(given.folder, database, settings, n=given.samples, only=only, seed=given.seed):
                scores.append(score)
                _show(score, misses=given.misses)
    _write_scores(scores, given.name or given.folder.name.removesuffix(".git"), given.samples, given.seed)


def _show(score: Score, *, misses: bool) -> None:
    kinds = ", ".join(f"{kind} {score.n_right[kind]}/{score.n[kind]}" for kind in KINDS)
    said = GIT_AI[score.scenario]
    print(
        f"{score.scenario:36} right {score.right:.3f}  wrong {score.wrong:.3f}  ({kinds})  git-ai: {said}", flush=True
    )
    for miss in score.misses if misses else ():
        print(f"    {miss}")


def _write_scores(scores: list[Score], name: str, n: int, seed: int) -> None:
    rows = [
        {
            **asdict(score),
            "right": round(score.right, 4),
            "wrong": round(score.wrong, 4),
            "git_ai": GIT_AI[score.scenario],
        }
        for score in scores
    ]
    write(f"attribution-{name}", {"of": name, "samples": n, "seed": seed, "scenarios": rows})


if __name__ == "__main__":
    main()
