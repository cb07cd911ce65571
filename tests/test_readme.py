"""The README's commands run, in its order, and print what it shows: same columns, same lines, other figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docs import readme
from tests.demo import demo

BLOCKS = readme.blocks(readme.README.read_text())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    yield demo(tmp_path_factory)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.command[:60] for block in BLOCKS])
def test_a_command_of_the_readme_prints_what_it_shows(block: readme.Block, environment: dict[str, str]) -> None:
    assert block.output.strip(), "run `make docs` to fill it in"
    assert readme.shape(readme.run(block.command, environment)) == readme.shape(block.output)
