"""`stemma run` from git to marts, on odd input, twice, and after one change.

It does what is new and names what it could not read.
"""

from __future__ import annotations

from pathlib import Path

from stemma.runs import last_inputs
from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.repositories import GitRepository

FUNCTION = '''
def total_of_positives(values):
    """Sum of the values above zero."""
    total = 0
    for value in values:
        if value > 0:
            total += value
    return total
'''
ODD_FILES: dict[str, str | bytes] = {
    "good.py": FUNCTION,
    "copy.py": FUNCTION.replace("total", "amount"),
    "one_line.py": b"x = [" + b"1, " * 16_000_000 + b"]\n",  # 48 MB
    "syntax_error.py": FUNCTION + "\ndef broken(:\n",
    "nul.py": FUNCTION.replace("Sum", "S\0m").replace("positives", "all"),
    "notes.unknown": "no language has this ending",
}
SOURCE = 3
# Rows as Postgres wrote them: the same row written again has another xmin.
WRITTEN = "SELECT count(*) AS n, max(xmin::text::bigint) AS newest FROM stemma.{table}"
TABLES = (
    "repositories",
    "commits",
    "files",
    "blobs",
    "snippets",
    "occurrences",
    "patterns",
    "matches",
    "votes",
    "runs",
)


def written(database: Database) -> list[tuple[int, int]]:
    return [database.read(WRITTEN.format(table=table)).row(0) for table in TABLES]


def break_head_tree(repository: GitRepository) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    (repository.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()


def test_a_run_names_what_it_cannot_read_and_does_only_what_is_new(
    stemma: Stemma, database: Database, tmp_path: Path
) -> None:
    odd = GitRepository(tmp_path / "odd")
    odd.commit("Odd files", ODD_FILES)
    corrupt = GitRepository(tmp_path / "corrupt")
    corrupt.commit("Fine so far", {"a.py": FUNCTION})
    break_head_tree(corrupt)
    assert stemma("repo", "add", str(odd.path)).code == 0
    assert stemma("repo", "add", str(corrupt.path)).code == 0

    first = stemma("run", "--json")
    assert first.code == SOURCE
    assert "corrupt" in first.sentence
    assert "Next:" in first.sentence
    assert first.json["not_parsed_whole"] == {"binary": 1, "syntax_error": 1, "too_large": 1}
    assert first.json["counts"]["files"] == len(ODD_FILES)
    assert first.json["gates"].get("failed", 0) == 0
    assert stemma("sql", "SELECT repository FROM repositories", "--json").json

    assert stemma("repo", "remove", "corrupt").code == 0
    assert stemma("run").code == 0
    before = written(database)
    again = stemma("run", "--json")
    assert again.code == 0
    assert again.json["note"].startswith("Nothing new")
    assert written(database) == before

    odd.commit("One file", {"good.py": FUNCTION.replace("> 0", ">= 0")})
    third = stemma("run", "--json")
    assert third.code == 0
    assert third.json["counts"]["contents_parsed"] == again.json["counts"]["contents_parsed"] + 1
    timeline = stemma("lineage", "good.py:total_of_positives", "--json").json["timeline"]
    assert [change["kinds"] for change in timeline] == [["introduced"], ["body_changed"]]


def test_a_run_until_families_finds_copies_and_leaves_the_rest_to_the_next(
    stemma: Stemma, database: Database, tmp_path: Path
) -> None:
    repository = GitRepository(tmp_path / "twice")
    repository.commit("The same twice", {"one.py": FUNCTION, "two.py": FUNCTION})
    assert stemma("repo", "add", str(repository.path)).code == 0

    copies = stemma("run", "--until", "families", "--json")
    assert copies.code == 0
    assert copies.json["counts"]["families"] == 1
    phases = {phase["phase"] for phase in copies.json["phases"]}
    assert phases == {"repositories", "history", "extraction", "occurrences", "patterns", "embeddings", "matches"} | {
        "families"
    }
    assert {asset for asset, _ in gates(database)} >= {"blobs", "occurrences", "patterns", "families"}
    assert database.read("SELECT count(*) AS n FROM stemma.votes")["n"].item() == 0

    assert last_inputs(database) == {}  # as after a run that failed: the next has something to do


def gates(database: Database) -> list[tuple[str, str]]:
    return database.read("SELECT asset, gate FROM stemma.gate_results").rows()
