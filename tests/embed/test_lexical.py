"""The built-in embedder: the same everywhere, of length one, and nothing where there is nothing."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.embed.base import present
from stemma.embed.lexical import LexicalEmbedder

TEXT = "def parseHTTPHeader(max_age): return max_age + parseInt(header)"


def test_the_cosine_is_what_the_hand_computes() -> None:
    # Four words, once each, of which two are shared; one word twice weighs 1 + ln 2. None of these share a column.
    vectors = LexicalEmbedder().embed(["open file read line", "open file parse byte", "open open", "openFile", "open"])
    assert vectors[0] @ vectors[1] == pytest.approx(2 / 4, abs=1e-6)
    assert vectors[2] @ vectors[4] == pytest.approx(1, abs=1e-6)
    assert vectors[3] @ vectors[4] == pytest.approx(1 / np.sqrt(2), abs=1e-6)
    twice = LexicalEmbedder().embed(["open open file", "open"])
    weight = 1 + np.log(2)
    assert twice[0] @ twice[1] == pytest.approx(weight / np.sqrt(weight**2 + 1), abs=1e-6)


def test_a_text_without_words_has_no_vector() -> None:
    vectors = LexicalEmbedder().embed(["", "   ", "+ - 1 2", "x"])
    assert present(vectors).tolist() == [False, False, False, True]
    assert LexicalEmbedder().embed([]).shape == (0, 384)


def test_another_process_makes_the_same_bits() -> None:
    script = f"from stemma.embed.lexical import LexicalEmbedder as E; print(E().embed([{TEXT!r}]).tobytes().hex())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert outputs == {LexicalEmbedder().embed([TEXT]).tobytes().hex()}


def test_the_bits_do_not_depend_on_what_was_embedded_before() -> None:
    used = LexicalEmbedder()
    used.embed(["some other words come first", "header age max"])
    assert (used.embed(["x", TEXT])[1] == LexicalEmbedder().embed([TEXT])[0]).all()


@given(st.lists(st.text(max_size=60), max_size=6))
def test_every_row_has_length_one_or_is_absent(texts: list[str]) -> None:
    vectors = LexicalEmbedder().embed(texts)
    assert vectors.shape == (len(texts), 384)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.allclose(lengths[present(vectors)], 1, atol=1e-5)


def test_hostile_identifiers_fill_no_cache_and_take_no_time() -> None:
    embedder = LexicalEmbedder()
    started = time.process_time()
    vectors = embedder.embed(["a" * 100_000, "aB" * 50_000, " ".join(f"w{i}" for i in range(20_000)), "\ud800 x"])
    assert time.process_time() - started < 2
    assert present(vectors).all()
    assert max(map(len, embedder._words)) <= 200
