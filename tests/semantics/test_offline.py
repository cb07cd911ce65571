"""What the built-in analyser says of a pattern, and when it says nothing."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from stemma.semantics.base import ANALYSIS, QUESTION
from stemma.semantics.keyness import STATISTICS
from stemma.semantics.offline import OfflineAnalyser


def question(**fields: Any) -> dict[str, Any]:
    given = {
        "pattern_id": "a" * 32,
        "language": "python",
        "kind": "function",
        "name": "",
        "signature": "",
        "docstring": None,
        "code": "",
        "sub_tokens": [],
        "calls": [],
        "imports": [],
    }
    return given | fields


def statistics(**counts: int) -> pl.DataFrame:
    """A corpus of 1,000 Python patterns with 20,000 sub-tokens."""
    rows = [("python", token, n, 1_000, 20_000, 1_000) for token, n in counts.items()]
    return pl.DataFrame(rows, schema=STATISTICS, orient="row")


def analyse(*questions: dict[str, Any], corpus: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    analyser = OfflineAnalyser(statistics() if corpus is None else corpus)
    said = analyser.analyse(pl.DataFrame(questions, schema=QUESTION))
    assert said.schema == ANALYSIS
    return said.to_dicts()


def test_a_library_that_the_pattern_uses_names_its_domain() -> None:
    (said,) = analyse(question(name="fetch_page", calls=["requests.get"], imports=["requests", "sqlite3"]))
    assert said["domains"] == ["http"]
    assert said["themes"] == ["reading"]
    detail = json.loads(said["detail"])
    assert detail["domains"] == [{"label": "http", "score": 2.0, "evidence": ["uses: requests"]}]
    assert detail["themes"] == [{"label": "reading", "score": 2.0, "evidence": ["name: fetch"]}]


@pytest.mark.parametrize(
    ("imported", "call", "domain"),
    [
        ("java.util.concurrent.atomic.AtomicLong", "AtomicLong.get", "concurrency"),
        ("crypto/sha256", "sha256.Sum256", "cryptography"),
        ("<openssl/ssl.h>", "ssl.connect", "cryptography"),
        ("node:fs", "fs.readFileSync", "files"),
        ("numpy", "np.dot", "numerics"),
        ("std::collections::HashMap", "HashMap::new", "collections"),
        ("Symfony\\Component\\HttpFoundation\\Response", "Response", "http"),
        ("@angular/core", "core.inject", "ui"),
    ],
)
def test_libraries_are_known_in_every_languages_spelling(imported: str, call: str, domain: str) -> None:
    (said,) = analyse(question(name="x", calls=[call], imports=[imported]))
    assert said["domains"] == [domain]


def test_what_the_file_imports_alone_says_nothing() -> None:
    (said,) = analyse(question(name="x", imports=["requests", "sqlite3", "threading"]))
    assert said["domains"] == []


def test_one_word_in_a_body_says_nothing_and_agreement_does() -> None:
    alone, agreed = analyse(
        question(name="x", sub_tokens=["url"]),
        question(pattern_id="b" * 32, name="join_url", sub_tokens=["join", "url"], imports=["urllib.parse"]),
    )
    assert alone["domains"] == []
    assert agreed["domains"] == ["http"]
    assert json.loads(agreed["detail"])["domains"][0]["evidence"] == ["name: url", "imports: urllib"]


def test_a_word_of_the_name_is_not_counted_again_in_the_body() -> None:
    (said,) = analyse(question(name="url", sub_tokens=["url"]))
    assert said["domains"] == []


def test_the_docstrings_verb_names_a_theme() -> None:
    (said,) = analyse(question(name="x", docstring="Parses the header."))
    assert said["themes"] == ["parsing"]


def test_the_name_of_a_type_is_no_deed() -> None:
    (said,) = analyse(question(name="SendBuffer", kind="class"))
    assert said["themes"] == []
    (said,) = analyse(question(name="TestBuffer", kind="class"))
    assert said["themes"] == ["testing"]


def test_calls_name_a_theme_where_three_agree() -> None:
    two, three = analyse(
        question(name="x", calls=["a.write", "b.save_all"]),
        question(pattern_id="b" * 32, name="x", calls=["a.write", "b.save_all", "store"]),
    )
    assert two["themes"] == []
    assert three["themes"] == ["writing"]


def test_accessors_and_nonsense_are_about_nothing() -> None:
    for name in ("get_x", "is_x", "q", "__", "运行", "x" * 10_000):
        (said,) = analyse(question(name=name, sub_tokens=["x"]))
        assert (said["concepts"], said["themes"], said["domains"]) == ([], [], [])


def test_concepts_are_the_words_that_the_corpus_does_not_use() -> None:
    corpus = statistics(parse=40, value=900, self=950, subnet=2)
    (said,) = analyse(
        question(name="parse_subnet", sub_tokens=["subnet", "parse", "self", "value"], calls=["self.parse"]),
        corpus=corpus,
    )
    # subnet: a = 3 (name 2, body 1) of c = 3 + 4 (parse) + 1 (value) = 8, b = 2 of d = 20,000:
    # G2 = 2 (3 ln(3 / (8 * 5 / 20008)) + 2 ln(2 / (20000 * 5 / 20008))) = 2 (21.94 - 1.83) = 40.2
    concepts = json.loads(said["detail"])["concepts"]
    assert said["concepts"] == ["subnet", "parse"]
    assert concepts[0]["score"] == pytest.approx(40.2, abs=0.1)


def test_a_small_corpus_tells_nothing_of_concepts() -> None:
    rows = [("python", "subnet", 2, 10, 60, 10)]
    (said,) = analyse(
        question(name="parse_subnet", sub_tokens=["subnet", "parse"]),
        corpus=pl.DataFrame(rows, schema=STATISTICS, orient="row"),
    )
    assert said["concepts"] == []


def test_a_language_without_statistics_has_no_concepts() -> None:
    (said,) = analyse(question(name="parse_subnet", language="go", sub_tokens=["subnet"]), corpus=statistics(subnet=2))
    assert said["concepts"] == []


def test_rows_come_back_in_order_whatever_is_said_of_them() -> None:
    ids = [f"{number:032x}" for number in (3, 1, 2)]
    said = analyse(*(question(pattern_id=id_, name=name) for id_, name in zip(ids, ("x", "sort", "y"), strict=True)))
    assert [row["pattern_id"] for row in said] == ids
    assert [row["themes"] for row in said] == [[], ["ordering"], []]


def test_nothing_asked_is_nothing_said() -> None:
    assert analyse() == []
