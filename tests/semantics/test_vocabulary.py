"""The curated vocabulary keeps to its own rules."""

from __future__ import annotations

from stemma.semantics.vocabulary import library_of, load_vocabulary


def test_every_word_is_one_that_identifiers_are_split_into() -> None:
    known = load_vocabulary()
    for word in [*known.words["word"], *known.verbs["word"]]:
        assert word.isalpha()
        assert word == word.lower()


def test_a_verb_means_one_theme() -> None:
    verbs = load_vocabulary().verbs["word"]
    assert verbs.filter(verbs.is_duplicated()).to_list() == []


def test_the_longest_name_of_a_library_decides() -> None:
    assert library_of("java.util.concurrent.Future") == ("java.util.concurrent", ("concurrency",))
    assert library_of("java.util.zip.GZIPInputStream") == ("java.util.zip", ("compression",))
    assert library_of("java.util.Random") is None
    assert library_of("") is None
    assert library_of("\0/../" * 1_000) is None
