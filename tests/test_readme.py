"""The README's commands run, in its order, and print what it shows: same columns, same lines, other figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docs import readme
from tests.conftest import open_folder

pytestmark = pytest.mark.timeout(900)  # the first of them waits for the whole demo, beside other tests

FIRST = "make demo"
BLOCKS = readme.blocks(readme.README.read_text())


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A data folder of its own and, whatever the other tests use, the embedded Postgres: what a newcomer has."""
    with open_folder() as folder:
        yield {"STEMMA_DATA_DIR": str(folder / "data"), "STEMMA_DATABASE_URL": ""}


@pytest.fixture(scope="module")
def first_output(environment: dict[str, str]) -> str:
    """What `make demo` prints the first time."""
    return readme.run(FIRST, environment)


def test_the_queries_shown_are_the_queries_run() -> None:
    shown = re.findall(r"```sql\n(.*?)```", readme.README.read_text(), re.DOTALL)
    files = sorted((readme.ROOT / "dbt_project" / "analyses").glob("question_*.sql"))
    assert shown == [file.read_text() for file in files]


@pytest.mark.parametrize("block", BLOCKS, ids=[block.command[:60] for block in BLOCKS])
def test_a_command_of_the_readme_prints_what_it_shows(
    block: readme.Block, environment: dict[str, str], first_output: str
) -> None:
    assert block.output.strip(), "run `make docs` to fill it in"
    printed = first_output if block.command == FIRST else readme.run(block.command, environment)
    assert readme.shape(printed) == readme.shape(block.output)
