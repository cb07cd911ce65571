"""The published index holds what is live, is swapped whole, and says when it is not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemma.config import Settings
from stemma.embed.patterns import embed_patterns
from stemma.embed.static import StaticEmbedder
from stemma.errors import NotFoundError
from stemma.match.candidates import sketch
from stemma.match.index import MAGIC, Index, open_index, path_of, rotation_for, signs_of, write_index
from stemma.match.publish import publish_index, read_index
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors

AddPattern = Callable[..., str]
LONG = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def three(add_pattern: AddPattern) -> None:
    add_pattern("c", [5, -7, 9], ["gamma"], structure=LONG + "cc")
    add_pattern("a", [1, 2], ["alpha", "gamma"], structure=LONG)
    add_pattern("b", [], [], structure="", is_trivial=True, language="go", kind="method")


def test_a_row_reads_back_as_it_stands_in_postgres(database: Database, settings: Settings, three: None) -> None:
    publish_index(database, None, settings)
    index = open_index(settings)
    assert [index.row_of(letter * 32) for letter in "abcd"] == [0, 1, 2, None]
    assert [index.pattern_id(row) for row in range(3)] == ["a" * 32, "b" * 32, "c" * 32]
    assert index.part("shingles", 2).tolist() == [-7, 5, 9]
    assert [index.vocabulary[code] for code in index.part("words", 0)] == ["alpha", "gamma"]
    assert (index.part("words", 1).size, index.structures[1], index.structures[2]) == (0, "", LONG + "cc")
    assert [index.about["languages"][code] for code in index.arrays["language"]] == ["python", "go", "python"]


def test_what_is_dead_is_not_in_it(database: Database, settings: Settings, three: None) -> None:
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE pattern_id = $1", ["a" * 32])
    assert publish_index(database, None, settings)["indexed"] == 2
    assert open_index(settings).row_of("a" * 32) is None


def test_patterns_that_share_runs_of_tokens_are_found_and_trivial_ones_are_not(
    database: Database, settings: Settings, three: None, add_pattern: AddPattern
) -> None:
    add_pattern("d", structure=LONG + "d", is_trivial=True)
    publish_index(database, None, settings)
    index = open_index(settings)
    # LONG has 15 runs of 12; with two letters more it has 17, all 15 among them.
    found = index.sharing(sketch(pl.Series([LONG])).values, np.ones(len(index), np.bool_), 10)
    assert found.tolist() == [0, 2]


def test_patterns_of_the_same_words_are_found_up_to_a_share(
    database: Database, settings: Settings, three: None
) -> None:
    index = read_index(database, None)
    words = [{index.vocabulary[code] for code in index.part("words", row)} for row in range(len(index))]
    everybody = np.ones(len(index), np.bool_)
    for asked in [*words, {"separator", "line", "unheard"}, {"unheard"}, set()]:
        for least in (0.01, 0.3, 0.5, 1.0):
            expected = [
                row for row, own in enumerate(words) if asked & own and len(asked & own) >= least * len(asked | own)
            ]
            assert index.worded(sorted(asked), everybody, least).tolist() == expected
    assert index.worded(sorted(words[0]), ~everybody, 0.01).tolist() == []


def test_nothing_is_written_while_nothing_changes(database: Database, settings: Settings, three: None) -> None:
    assert publish_index(database, None, settings)["index_bytes"] > 0
    before = path_of(settings).stat()
    assert publish_index(database, None, settings)["index_bytes"] == 0
    assert path_of(settings).stat().st_ino == before.st_ino
    database.execute("UPDATE stemma.patterns SET is_trivial = true WHERE pattern_id = $1", ["a" * 32])
    assert publish_index(database, None, settings)["index_bytes"] > 0


def test_an_open_index_stays_what_it_was_when_another_takes_its_place(
    database: Database, settings: Settings, three: None, add_pattern: AddPattern
) -> None:
    publish_index(database, None, settings)
    before = open_index(settings)
    add_pattern("e")
    publish_index(database, None, settings)
    assert (len(before), before.row_of("e" * 32), len(open_index(settings))) == (3, None, 4)


def test_without_a_file_and_with_half_a_file_there_is_no_index(
    database: Database, settings: Settings, three: None
) -> None:
    with pytest.raises(NotFoundError, match="There is no index"):
        open_index(settings)
    publish_index(database, None, settings)
    whole = path_of(settings).read_bytes()
    for damaged in (b"", whole[:-1], whole[: len(MAGIC) + 20], b"STEMMA0\n" + whole[len(MAGIC) :]):
        path_of(settings).write_bytes(damaged)
        with pytest.raises(NotFoundError, match="index at"):
            open_index(settings)
    assert publish_index(database, None, settings)["index_bytes"] == len(whole)  # and it is made anew


def test_what_a_killed_build_left_behind_is_removed(database: Database, settings: Settings, three: None) -> None:
    left = settings.data_dir / "similar.index.0123.building"
    left.write_bytes(b"half")
    publish_index(database, None, settings)
    assert not left.exists()


def test_two_that_publish_at_once_take_turns(
    database: Database, settings: Settings, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr("stemma.match.publish.write_index", lambda *both: (made.append(1), write_index(*both))[1])
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: publish_index(database, None, settings)["index_bytes"], range(4)))
    assert sorted(count > 0 for count in counts) == [False, False, False, True]  # the others find it made
    assert (len(made), len(open_index(settings))) == (1, 3)


def test_a_full_disk_leaves_the_former_index(
    database: Database, settings: Settings, three: None, add_pattern: AddPattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_index(database, None, settings)
    add_pattern("e")

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(Exception, match="No space left"):
        publish_index(database, None, settings)
    assert len(open_index(settings)) == 3
    assert [path.name for path in settings.data_dir.glob("*.building")] == []


def test_vectors_come_from_the_store_and_then_from_the_former_index(
    database: Database, settings: Settings, three: None, monkeypatch: pytest.MonkeyPatch, add_pattern: AddPattern
) -> None:
    embedder = StaticEmbedder()
    with open_vectors(settings, embedder) as vectors:
        embed_patterns(database, vectors, embedder)
        publish_index(database, vectors, settings)
        asked: list[str] = []
        fetch = vectors.fetch
        monkeypatch.setattr(vectors, "fetch", lambda ids: (asked.extend(ids), fetch(ids))[1])
        add_pattern("d", words=["delta"])
        embed_patterns(database, vectors, embedder)
        publish_index(database, vectors, settings)
        _, stored = fetch(["a" * 32, "c" * 32, "d" * 32])
    index = open_index(settings)
    assert asked == ["d" * 32]
    assert index.arrays["has_vector"].tolist() == [True, False, True, True]
    np.testing.assert_allclose(index.vectors_of(np.array([0, 2, 3])), stored, atol=1e-3)
    assert index.nearest(stored[2], np.ones(4, np.bool_), 1).tolist() == [3]


def told(index: Index) -> dict[str, object]:
    """All that an index says, without the numbers that words happen to have in it."""
    arrays = {name: array.tolist() for name, array in index.arrays.items() if "voc" not in name and name != "words"}
    words = [[index.vocabulary[code] for code in index.part("words", row)] for row in range(len(index))]
    about = {name: value for name, value in index.about.items() if name not in ("digest", "built_at")}
    return {"words": words, **about, **arrays}


def test_an_index_carried_over_is_the_one_that_is_made_anew(
    database: Database, settings: Settings, three: None, add_pattern: AddPattern
) -> None:
    for letter in "d0f9":
        add_pattern(letter, [3, len(letter)], ["gamma", letter], structure=LONG + letter * 3)
    publish_index(database, None, settings)
    # Between, before and after those that stay: new ones, one gone, one that is trivial now, one that was read anew.
    for letter in "e17":
        add_pattern(letter, [9, 8], ["epsilon", "alpha"], structure="é" + LONG + letter)
    add_pattern("8", structure=LONG, is_trivial=True)
    changes = (
        "UPDATE stemma.patterns SET n_live = 0, n_repositories = 0 WHERE pattern_id = repeat('d', 32)",
        "UPDATE stemma.patterns SET is_trivial = true WHERE pattern_id = repeat('0', 32)",
        "UPDATE stemma.patterns SET extractor_version = 'x', code = 'new', sub_tokens = '{zeta}', shingles = '{}' "
        "WHERE pattern_id = repeat('f', 32)",
    )
    for change in changes:
        database.execute(change)
    publish_index(database, None, settings)
    carried, made = open_index(settings), read_index(database, None)
    assert told(carried) == told(made)
    assert carried.codes[carried.row_of("f" * 32) or 0] == "new"


def test_what_holds_is_not_read_again(
    database: Database, settings: Settings, three: None, add_pattern: AddPattern
) -> None:
    publish_index(database, None, settings)
    database.execute("UPDATE stemma.patterns SET code = 'not read'")
    add_pattern("d")
    publish_index(database, None, settings)
    index = open_index(settings)
    assert [index.codes[row] == "not read" for row in range(4)] == [False, False, False, False]
    assert len(index) == 4


def test_an_index_of_nothing_finds_nothing(database: Database) -> None:
    index = read_index(database, None)
    assert (len(index), index.row_of("a" * 32)) == (0, None)
    assert index.sharing(np.array([1, 2], np.uint32), np.ones(0, np.bool_), 5).size == 0
    assert index.nearest(np.ones(0, np.float32), np.ones(0, np.bool_), 5).size == 0


def test_signs_are_one_bit_a_direction_in_whole_words() -> None:
    signs = signs_of(np.array([[1.0, -1.0, 0.5] + [0.0] * 67]), np.eye(70, dtype=np.float32))
    assert signs.shape == (1, 2)
    assert [int(word).bit_count() for word in signs[0]] == [2, 0]


@pytest.mark.parametrize(("dimensions", "bits"), [(384, 384), (256, 512), (1024, 1024), (0, 0)])
def test_a_rotation_keeps_lengths_and_gives_enough_bits(dimensions: int, bits: int) -> None:
    rotation = rotation_for(dimensions)
    assert rotation.shape == (dimensions, bits)
    first = rotation[:, :dimensions]
    np.testing.assert_allclose(first @ first.T, np.eye(dimensions), atol=1e-5)


def test_the_nearest_of_many_are_found_by_their_signs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemma.match.index.SIGNED", 4)
    drawn = np.random.default_rng(1)
    vectors = drawn.normal(size=(500, 384)).astype(np.float32)
    vectors[7] = vectors[400] + 0.1 * vectors[3]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rotation = rotation_for(384)
    empty = read_index(database, None)
    arrays = {**empty.arrays, "ids": np.zeros((500, 2), np.uint64), "vectors": vectors, "rotation": rotation}
    arrays |= {"signs": signs_of(vectors, rotation), "has_vector": np.ones(500, np.bool_)}
    assert Index(arrays, empty.about).nearest(vectors[400], np.ones(500, np.bool_), 2).tolist() == [400, 7]


def test_the_index_stands_in_the_data_folder(settings: Settings, tmp_path: Path) -> None:
    assert path_of(settings) == tmp_path / "similar.index"
