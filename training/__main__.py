"""`python -m training FOLDER [STEP ...]`: make the embedded model again; without steps, all of them in order.

The steps are download, mine, prepare, train and install; each continues what an earlier run left. What is in the
wheel is measured by `python -m bench.retrieval FOLDER`, with `heldout.parquet` of the same folder.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from training.download import download
from training.mine import mine
from training.packages import read_recipe
from training.prepare import prepare
from training.train import train

MODEL = Path(__file__).parent.parent / "stemma/embed/model/static.npz"
STEPS: dict[str, Callable[[Path], object]] = {
    "download": lambda folder: download(read_recipe(), folder / "packages"),
    "mine": mine,
    "prepare": prepare,
    "train": train,
    "install": lambda folder: shutil.copy(folder / "static.npz", MODEL),
}


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or STEPS:
        STEPS[name](folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
