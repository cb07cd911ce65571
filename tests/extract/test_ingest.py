"""Claims of bringing a repository's contents into Postgres: once each, whole or not at all, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import SourceError
from stemma.extract import ingest
from stemma.extract.extractor import Extracted, File, Limits, extract
from stemma.extract.ingest import extract_blobs
from stemma.git import fetch, registry
from stemma.git.ingest import ingest_history
from stemma.git.repository import Repository
from stemma.store.postgres import Database
from tests.repositories import GitRepository

SHOP = "class Shop:\n    def price(self):\n        return 1\n"
MAIN = "package main\n\nfunc main() {\n\tprintln(1)\n}\n"


@pytest.fixture
def read_history(database: Database, settings: Settings) -> Callable[[Path], Repository]:
    def run(path: Path) -> Repository:
        repo_id = registry.register(database, settings, str(path))
        repo = registry.find(database, repo_id, settings)
        fetch.refresh(database, settings, repo)
        ingest_history(database, settings, repo)
        return repo

    return run


@pytest.fixture
def project(make_repository: Callable[[str], GitRepository]) -> GitRepository:
    project = make_repository("project")
    project.commit(files={"shop.py": SHOP, "main.go": MAIN, "notes.txt": "no code\n"})
    project.commit(files={"shop.py": SHOP + "\n    def close(self): ...\n", "copy.py": SHOP})
    return project


def blob_rows(database: Database) -> list[tuple[str, str, str | None, int]]:
    query = "SELECT language, status, reason, n_snippets FROM stemma.blobs ORDER BY language, n_bytes"
    return database.read(query).rows()


def everything(database: Database) -> list[pl.DataFrame]:
    """All that extraction wrote, without times."""
    return [
        database.read(f"SELECT * FROM stemma.{table} ORDER BY {key}").drop("parse_ms", strict=False)
        for table, key in (("blobs", "blob_oid"), ("snippets", "blob_oid, ordinal"), ("patterns", "pattern_id"))
    ]


def test_every_content_of_history_and_head_is_read_once(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    counts = extract_blobs(database, settings, repo)
    assert blob_rows(database) == [
        ("go", "parsed", None, 1),
        ("python", "parsed", None, 2),
        ("python", "parsed", None, 3),
    ]
    snippets = database.read("SELECT count(*) AS n, count(DISTINCT pattern_id) AS p FROM stemma.snippets").row(0)
    assert (counts["n_blobs"], counts["n_snippets"], counts["parsed"]) == (3, 6, 3)
    assert snippets == (6, counts["n_patterns"])
    patterns = database.read(
        "SELECT pattern_id, code, n_live, n_repositories, shingles, sub_tokens FROM stemma.patterns"
    )
    assert patterns.height == counts["n_patterns"]
    price = patterns.filter(pl.col("code") == "def price(self):\n        return 1").row(0, named=True)
    assert (price["n_live"], price["n_repositories"]) == (0, 0)
    assert price["sub_tokens"] == ["price", "self"]
    # def price ( self ) : { return 1 ; }: 11 tokens, 7 windows
    assert len(price["shingles"]) == 7


def test_a_second_call_reads_and_writes_nothing(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    extract_blobs(database, settings, repo)
    before = everything(database)
    counts = extract_blobs(database, settings, repo)
    assert {key: value for key, value in counts.items() if value} == {}
    assert all(one.equals(other) for one, other in zip(before, everything(database), strict=True))


def test_after_one_changed_file_only_its_content_is_read(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    extract_blobs(database, settings, read_history(project.path))
    project.commit(files={"main.go": MAIN + "\nfunc again() {}\n"})
    counts = extract_blobs(database, settings, read_history(project.path))
    assert (counts["n_blobs"], counts["n_snippets"], counts["n_patterns"]) == (1, 2, 1)


def test_a_content_known_from_another_repository_is_not_read_again(
    project: GitRepository,
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
) -> None:
    extract_blobs(database, settings, read_history(project.path))
    other = make_repository("other")
    other.commit(files={"elsewhere/shop.py": SHOP})
    assert extract_blobs(database, settings, read_history(other.path))["n_blobs"] == 0


def test_one_content_under_two_languages_is_read_as_the_first_path_says(
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
) -> None:
    project = make_repository("twice")
    project.commit(files={"b.js": "function f() {}\n", "a.ts": "function f() {}\n"})
    extract_blobs(database, settings, read_history(project.path))
    assert [row[0] for row in blob_rows(database)] == ["typescript"]


def test_processes_write_the_same_rows_as_one(
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_repository("many")
    project.commit(files={f"f{n}.py": SHOP.replace("1", f"{n} + x{n % 3}") for n in range(12)})
    repo = read_history(project.path)
    monkeypatch.setattr(ingest, "BATCH_FILES", 3)
    extract_blobs(database, settings, repo)
    alone = everything(database)
    database.execute("TRUNCATE stemma.blobs, stemma.snippets, stemma.patterns CASCADE")
    extract_blobs(database, settings.model_copy(update={"workers": 2}), repo)
    assert all(one.equals(other) for one, other in zip(alone, everything(database), strict=True))


def test_two_extractions_at_once_leave_the_rows_of_one(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: extract_blobs(database, settings, repo), range(2)))
    assert [row[1] for row in blob_rows(database)] == ["parsed"] * 3
    assert database.read("SELECT count(*) AS n FROM stemma.snippets")["n"][0] == 6


def test_a_killed_extraction_leaves_whole_groups_and_the_next_goes_on(
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_repository("many")
    project.commit(files={f"f{n}.py": SHOP.replace("1", str(n)) for n in range(10)})
    repo = read_history(project.path)
    monkeypatch.setattr(ingest, "BATCH_FILES", 2)
    monkeypatch.setattr(ingest, "GROUP_FILES", 4)
    n_batches = 0

    def die_in_the_fourth(files: Sequence[File], limits: Limits) -> Extracted:
        nonlocal n_batches
        n_batches += 1
        if n_batches == 4:
            raise KeyboardInterrupt
        return extract(files, limits)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "extract", die_in_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            extract_blobs(database, settings, repo)
    assert len(blob_rows(database)) == 4
    orphans = (
        "SELECT count(*) AS n FROM stemma.snippets LEFT JOIN stemma.patterns USING (pattern_id) WHERE code IS NULL"
    )
    assert database.read(orphans)["n"][0] == 0
    assert extract_blobs(database, settings, repo)["n_blobs"] == 6
    assert [row[3] for row in blob_rows(database)] == [2] * 10


def extract_or_die(files: Sequence[File], limits: Limits) -> Extracted:
    if any(b"deadly" in (file.content or b"") for file in files):
        os.kill(os.getpid(), signal.SIGSEGV)
    return extract(files, limits)


def test_a_file_that_kills_the_parser_is_named_and_the_others_are_read(
    project: GitRepository,
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.commit(files={"deadly.py": "deadly = 1\n"})
    repo = read_history(project.path)
    monkeypatch.setattr(ingest, "extract", extract_or_die)
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "extracting").touch()  # what the run before left when it died
    counts = extract_blobs(database, settings, repo)
    assert (counts["n_blobs"], counts["skipped_crashed"]) == (4, 1)
    assert ("python", "skipped", "crashed", 0) in blob_rows(database)
    assert not (settings.data_dir / "extracting").exists()


def test_a_lost_content_is_named_and_read_when_it_is_back(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    oid = project.git("rev-parse", "HEAD:copy.py")
    lost = project.path / ".git" / "objects" / oid[:2] / oid[2:]
    kept = lost.read_bytes()
    lost.unlink()
    assert extract_blobs(database, settings, repo)["skipped_missing"] == 1
    assert ("python", "skipped", "missing", 0) in blob_rows(database)
    assert extract_blobs(database, settings, repo)["n_blobs"] == 0
    lost.write_bytes(kept)
    assert extract_blobs(database, settings, repo)["n_snippets"] == 2
    assert [row[1] for row in blob_rows(database)] == ["parsed"] * 3


def test_a_file_too_large_is_named_and_read_under_a_larger_limit(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    small = settings.model_copy(update={"max_file_bytes": 60})
    assert extract_blobs(database, small, repo)["skipped_too_large"] == 1
    assert extract_blobs(database, settings, repo)["n_blobs"] == 1
    assert [row[1] for row in blob_rows(database)] == ["parsed"] * 3


def test_a_new_extractor_reads_all_again_and_replaces_the_old_rows(
    project: GitRepository,
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = read_history(project.path)
    extract_blobs(database, settings, repo)
    monkeypatch.setattr(ingest, "EXTRACTOR_VERSION", "next")
    assert extract_blobs(database, settings, repo)["n_blobs"] == 3
    for table, n_rows in (("blobs", 3), ("snippets", 6)):
        versions = database.read(f"SELECT extractor_version, count(*) AS n FROM stemma.{table} GROUP BY 1").rows()
        assert versions == [("next", n_rows)]


def test_a_new_extractor_renews_patterns_and_forgets_those_that_nothing_holds(
    project: GitRepository,
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = read_history(project.path)
    extract_blobs(database, settings, repo)
    found = database.read("SELECT pattern_id FROM stemma.patterns ORDER BY 1")["pattern_id"].to_list()
    database.execute("UPDATE stemma.patterns SET n_live = 7, structure = 'old', trivial_reason = 'old'")
    database.execute("UPDATE stemma.snippet_texts SET calls = '{old}'")
    database.execute(
        "INSERT INTO stemma.patterns SELECT 'gone', language, kind, name, signature, docstring, code, n_lines, "
        "n_tokens, shingles, sub_tokens, is_trivial, 0, 0, trivial_reason, structure, extractor_version "
        "FROM stemma.patterns LIMIT 1"
    )
    database.execute(
        "INSERT INTO stemma.snippet_texts SELECT 'gone', b.language, b.extractor_version, 'gone', '{}', '{}', '{}', "
        "'{}', 1, NULL, NULL, NULL, NULL, '{}', '{}' FROM stemma.snippets AS s JOIN stemma.blobs AS b USING (blob_oid) "
        "ORDER BY s.blob_oid, s.ordinal LIMIT 1"
    )
    database.execute(
        "UPDATE stemma.snippets SET pattern_id = 'gone', exact_hash = 'gone' "
        "WHERE (blob_oid, ordinal) IN (SELECT blob_oid, ordinal FROM stemma.snippets ORDER BY 1, 2 LIMIT 1)"
    )
    monkeypatch.setattr(ingest, "EXTRACTOR_VERSION", "next")
    extract_blobs(database, settings, repo)
    patterns = database.read("SELECT * FROM stemma.patterns ORDER BY pattern_id")
    assert patterns["pattern_id"].to_list() == found, "the one that only an older extractor made is forgotten"
    assert set(patterns["extractor_version"]) == {"next"}
    assert set(patterns["n_live"]) == {7}, "what is live is still counted"
    assert "old" not in [*patterns["structure"], *patterns["trivial_reason"]]
    texts = database.read("SELECT exact_hash, extractor_version, calls FROM stemma.snippet_texts")
    assert "gone" not in set(texts["exact_hash"])
    assert set(texts["extractor_version"]) == {"next"}
    assert ["old"] not in texts["calls"].to_list()


def test_a_pattern_met_in_generated_code_first_is_renewed_when_it_is_met_elsewhere(
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
) -> None:
    body = "def f(items):\n    total = 0\n    for item in items:\n        if item.x:\n            total += item.x\n"
    reasons = []
    for name, head in (("first", "# @generated\n"), ("second", ""), ("third", "# @generated, again\n")):
        project = make_repository(name)
        project.commit(files={"f.py": head + body})
        extract_blobs(database, settings, read_history(project.path))
        reasons.append(database.read("SELECT trivial_reason, is_trivial FROM stemma.patterns").rows())
    assert reasons == [[("generated", True)], [(None, False)], [(None, False)]]


def test_the_texts_of_a_repository_are_written_with_its_snippets(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    counts = extract_blobs(database, settings, read_history(project.path))
    missing = (
        "SELECT s.exact_hash FROM stemma.snippets AS s LEFT JOIN stemma.snippet_texts AS t USING (exact_hash) "
        "WHERE t.exact_hash IS NULL"
    )
    assert database.read(missing).is_empty()
    trivial = database.read("SELECT count(*) AS n FROM stemma.patterns WHERE is_trivial")["n"].item()
    assert sum(n for reason, n in counts.items() if reason.startswith("trivial_")) == trivial > 0


def test_contents_without_a_language_and_links_are_left_alone(
    make_repository: Callable[[str], GitRepository],
    read_history: Callable[[Path], Repository],
    database: Database,
    settings: Settings,
) -> None:
    project = make_repository("links")
    project.write({"real.py": SHOP})
    (project.path / "link.py").symlink_to("real.py")
    project.commit(files={"readme.md": "# Shop\n"})
    assert extract_blobs(database, settings, read_history(project.path))["n_blobs"] == 1


def test_a_repository_that_is_gone_is_said_to_be(
    project: GitRepository, read_history: Callable[[Path], Repository], database: Database, settings: Settings
) -> None:
    repo = read_history(project.path)
    subprocess.run(["rm", "-rf", str(project.path)], check=True)
    with pytest.raises(SourceError):
        extract_blobs(database, settings, repo)
    assert blob_rows(database) == []
