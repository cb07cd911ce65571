"""The benchmark and the clean machine's run keep their data where Postgres, which is not root, can enter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import bench.__main__ as bench


class SeenError(Exception):
    """The first command was about to run; `args` are its data folder and that folder's parent's mode."""


def test_the_benchmark_keeps_its_data_where_another_user_may_enter_and_removes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def look(data_dir: Path, *_: str) -> Any:
        raise SeenError(data_dir, data_dir.parent.stat().st_mode & 0o777)

    monkeypatch.setattr(bench, "stemma", look)
    with pytest.raises(SeenError) as seen:
        bench.measure("any", tmp_path, tmp_path / "a.py")
    data_dir, mode = seen.value.args
    assert mode == 0o755
    assert not data_dir.parent.exists()


def test_the_run_of_a_clean_machine_does_so_too() -> None:
    script = (Path(__file__).parents[1] / ".ci/run").read_text()
    assert re.search(r'data=\$\(mktemp -d\).*\nchmod 755 "\$data"', script)
