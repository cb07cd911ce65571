"""The lexical channel: BM25 by hand, and fusion with the cosine."""

from __future__ import annotations

import numpy as np
import pytest

from stemma.embed.bm25 import Bm25, stem, sub_tokens
from stemma.embed.fusion import Weights, fuse, learned


def test_a_score_is_what_the_hand_computes() -> None:
    index = Bm25(["open file", "open socket now", "read"])
    # "file" is in one text of three: idf ln(1 + 2.5/1.5); length 2 of a mean of 2; k1 2.5, b 1; Lucene has no k1 + 1.
    rarity = np.log(1 + 2.5 / 1.5)
    assert index.scores("the File, a file") == pytest.approx([rarity / (1 + 2.5), 0, 0], abs=1e-5)
    assert index.bound("file file") == pytest.approx(rarity, abs=1e-5)
    assert index.bound("unheard") == pytest.approx(np.log(1 + 3.5 / 0.5), abs=1e-5)


def test_a_query_without_a_known_word_scores_nothing() -> None:
    assert Bm25(["open file"]).scores("??? zyzzyva").tolist() == [0]
    assert Bm25(["", "+"]).scores("open").tolist() == [0, 0]
    assert Bm25([]).scores("open").shape == (0,)


def test_identifiers_are_read_as_their_words() -> None:
    assert sub_tokens("parseHTTPHeader(max_age)") == ["parse", "http", "header", "max", "age"]


@pytest.mark.parametrize("words", [("parses", "parsed", "parsing", "parser"), ("files", "file"), ("copies", "copied")])
def test_the_forms_of_a_word_meet(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1


def test_a_text_is_found_by_its_name_before_one_that_says_the_word_by_the_way() -> None:
    texts = ["def run(queue): close(queue)", "def close(queue): run(queue)"]
    scores = Bm25([*texts, "other"]).scores("close")
    assert scores[1] > scores[0] > 0


def test_fusion_is_the_cosine_and_a_share_of_the_lexical_score() -> None:
    cosines = np.array([[0.5, 0.2], [0.1, 0.3]], np.float32)
    lexical = np.array([[0, 2], [0, 0]], np.float32)
    bounds = np.array([8, 5], np.float32)
    fused = fuse(cosines, lexical, bounds, is_text=True, weights=Weights(text=0.6, code=0))
    # The first query scored 2 at most of the 8 it could: its scale is sqrt(2 * 8) = 4. The second found nothing.
    assert fused == pytest.approx(np.array([[0.5, 0.2 + 0.6 * 0.5], [0.1, 0.3]]), abs=1e-6)
    assert fuse(cosines, lexical, bounds, is_text=False, weights=Weights(text=0.6, code=0)) == pytest.approx(cosines)


def test_the_learned_weights_are_there_and_use_both_channels() -> None:
    assert learned().text > 0
    assert learned().code > 0
