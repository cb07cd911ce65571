"""The built-in embedder: what the hand computes, the same bits everywhere, nothing where there is nothing."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.embed.base import present, stable_hash
from stemma.embed.features import Tokens
from stemma.embed.static import Model, StaticEmbedder, built_in
from stemma.embed.vocabulary import Vocabulary

TEXT = "def parseHTTPHeader(max_age): return max_age + parseInt(header)"
NOTHING = np.zeros(0, np.uint64)


def a_model(words: list[str], vectors: list[list[int]], scales: list[float] | None = None) -> Model:
    """A model that knows these words alone; the last two of the vectors are those of unknown words."""
    hashes = np.array([stable_hash(word) for word in words], np.uint64)
    numbers = np.array(vectors, np.int8)
    return Model(Vocabulary(hashes, NOTHING, NOTHING, 2), numbers, np.array(scales or [1.0] * len(numbers), np.float32))


def test_the_vector_is_what_the_hand_computes() -> None:
    model = a_model(["open", "file"], [[3, 0], [0, 4], [0, 0], [0, 0]], [1.0, 0.5, 1.0, 1.0])
    vectors = StaticEmbedder(model).embed(["open file", "open open", "file_open_file"])
    assert vectors[0] == pytest.approx(np.array([3, 2]) / np.sqrt(13), abs=1e-6)
    assert vectors[1] == pytest.approx([1, 0], abs=1e-6)
    twice = np.array([3, 2 * (1 + np.log(2))])
    assert vectors[2] == pytest.approx(twice / np.linalg.norm(twice), abs=1e-6)


def test_the_words_of_the_name_count_six_times() -> None:
    model = a_model(["open", "file"], [[1, 0], [0, 1], [0, 0], [0, 0]])
    named = StaticEmbedder(model).embed(["open(file)"])[0]
    expected = np.array([1 + np.log(6), 1])
    assert named == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_a_word_that_was_never_seen_has_the_vectors_of_its_buckets() -> None:
    model = a_model(["open"], [[0, 1, 0], [5, 0, 0], [0, 0, 7]])
    place = stable_hash("zyzzyva")
    expected = np.array([0.0, 0.0, 0.0])
    for bucket in (place % 2, (place >> 20) % 2):
        expected += [[5, 0, 0], [0, 0, 7]][bucket]
    assert StaticEmbedder(model).embed(["zyzzyva"])[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_names_change_no_structure_and_operators_do() -> None:
    runs = Tokens().read(["if (total > 0) return total;", "if (x > 0) return x;", "if (x < 0) return x;"]).runs
    found = [sorted(runs.hashes[runs.rows == row].tolist()) for row in range(3)]
    assert found[0] == found[1] != found[2]


def test_one_word_in_two_languages_is_one_word_of_structure() -> None:
    runs = Tokens().read(["a && b || !c", "a and b or not c"]).runs
    assert sorted(runs.hashes[runs.rows == 0].tolist()) == sorted(runs.hashes[runs.rows == 1].tolist())


def test_a_text_without_a_feature_has_no_vector() -> None:
    vectors = StaticEmbedder().embed(["", "   ", "\n", "x"])
    assert present(vectors).tolist() == [False, False, False, True]
    assert StaticEmbedder().embed([]).shape == (0, 384)


def test_another_process_makes_the_same_bits() -> None:
    script = f"from stemma.embed.static import StaticEmbedder as E; print(E().embed([{TEXT!r}]).tobytes().hex())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert outputs == {StaticEmbedder().embed([TEXT]).tobytes().hex()}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_a_text_has_the_same_bits_in_any_batch_and_length_one(texts: list[str]) -> None:
    used = StaticEmbedder()
    used.embed(["some other words come first", "header age max"])
    vectors = used.embed([*texts, TEXT])
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1)[present(vectors)], 1, atol=1e-5)
    for text, vector in zip([*texts, TEXT], vectors, strict=True):
        assert StaticEmbedder().embed([text])[0].tobytes() == vector.tobytes()


def test_hostile_text_fills_no_cache_and_takes_no_time() -> None:
    embedder = StaticEmbedder()
    started = time.process_time()
    texts = ["a" * 100_000, "aB" * 50_000, " ".join(f"w{i}" for i in range(20_000)), "\ud800 x", "(" * 60_000]
    vectors = embedder.embed(texts)
    assert time.process_time() - started < 2
    assert present(vectors).tolist() == [True, True, True, True, False]
    assert max(map(len, embedder._tokens._ids)) <= 200


def test_what_means_the_same_is_nearer_than_what_does_not() -> None:
    vectors = StaticEmbedder().embed(
        [
            "Return the sum of all numbers in a list.",
            "def add_up(values):\n    total = 0\n    for value in values:\n        total += value\n    return total",
            "def connect(host, port):\n    sock = socket.socket()\n    sock.connect((host, port))\n    return sock",
        ]
    )
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_the_artefact_fits_the_wheel_and_the_card_says_its_size() -> None:
    model = built_in()
    assert model.vectors.dtype == np.int8
    assert model.vectors.shape == (model.vocabulary.n_rows, 384)
    assert model.vectors.nbytes < 25_000_000
