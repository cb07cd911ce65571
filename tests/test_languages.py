"""Claims of the table of languages: what a path says, and that every row fits its grammar."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest
from tree_sitter_language_pack import get_language

from stemma.extract.grammars import load
from stemma.languages import LANGUAGES, grammar_of, language_of

GRAMMARS = sorted({(grammar, row.name) for row in LANGUAGES.values() for grammar in row.grammars})


@pytest.mark.parametrize(
    ("path", "language", "grammar"),
    [
        ("src/a.py", "python", "python"),
        ("a.pyi", "python", "python"),
        ("a.jsx", "javascript", "javascript"),
        ("a.mjs", "javascript", "javascript"),
        ("a.cts", "typescript", "typescript"),
        ("a.tsx", "typescript", "tsx"),
        ("A.java", "java", "java"),
        ("a_test.go", "go", "go"),
        ("lib.rs", "rust", "rust"),
        ("a.h", "c", "c"),
        ("A.C", "c", "c"),
        ("a.hxx", "cpp", "cpp"),
        ("A.cs", "csharp", "csharp"),
        ("a.rb", "ruby", "ruby"),
        ("a.gemspec", "ruby", "ruby"),
        ("a.php", "php", "php"),
        ("A.kt", "kotlin", "kotlin"),
        ("build.gradle.kts", "kotlin", "kotlin"),
        ("A.swift", "swift", "swift"),
        ("a.dart", "dart", "dart"),
        ("Makefile", None, None),
        (".py", None, None),
        ("a.py/b", None, None),
        ("", None, None),
    ],
)
def test_a_path_says_its_language_and_its_grammar(path: str, language: str | None, grammar: str | None) -> None:
    assert (language_of(path), grammar_of(path)) == (language, grammar)


def test_there_are_fourteen_languages_each_with_a_query_and_suffixes_of_its_own() -> None:
    suffixes = [suffix for row in LANGUAGES.values() for suffix in row.suffixes]
    assert len(LANGUAGES) == 14
    assert len(suffixes) == len(set(suffixes))
    assert all(files("stemma.extract").joinpath("queries", f"{name}.scm").is_file() for name in LANGUAGES)


def test_asking_for_a_language_loads_no_grammar() -> None:
    code = "import sys, stemma.languages; sys.exit(any('tree_sitter' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("grammar", "language"), GRAMMARS)
def test_every_query_fits_its_grammar(grammar: str, language: str) -> None:
    loaded = load(grammar)
    assert loaded.language.name == language
    assert loaded.definitions.pattern_count > 0


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_node_type_of_a_row_exists_in_a_grammar_of_its_family(language: str) -> None:
    family = {"javascript": ["javascript", "typescript"], "c": ["c", "cpp"]}.get(language, [])
    known = set()
    for name in {*family, *LANGUAGES[language].grammars}:
        grammar = get_language(name)  # type: ignore[arg-type]
        known |= {grammar.node_kind_for_id(kind) for kind in range(grammar.node_kind_count)}
    row = LANGUAGES[language]
    named = row.identifiers | set(row.literals) | row.silent | row.interpolated | row.blocks | row.statement_lists
    assert not (named | row.terminated | row.kept_commas) - known
