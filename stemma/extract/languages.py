"""The languages Stemma reads, one row each: which files are written in it, and by which grammar they are parsed.

Cheap to import: no grammar is loaded here. What counts as a definition in each grammar lives in `grammars`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """One language: its name in every table, and the grammar of each file-name suffix (lower case)."""

    name: str
    grammar_of_suffix: dict[str, str]


def _language(name: str, suffixes: str, **others: str) -> Language:
    """A language whose own grammar reads `suffixes`; `others` maps further grammars to the suffixes they read."""
    grammars = {name: suffixes, **others}
    return Language(name, {suffix: grammar for grammar, them in grammars.items() for suffix in them.split()})


LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        _language("python", ".py .pyi .pyw"),
        _language("javascript", ".js .jsx .mjs .cjs"),
        _language("typescript", ".ts .mts .cts", tsx=".tsx"),  # `<T>x` is a cast in one, an element in the other
        _language("java", ".java"),
        _language("go", ".go"),
        _language("rust", ".rs"),
        _language("c", ".c .h"),
        _language("cpp", ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .tpp .inl"),
    )
}

_BY_SUFFIX = {
    suffix: (language.name, grammar)
    for language in LANGUAGES.values()
    for suffix, grammar in language.grammar_of_suffix.items()
}
_UNKNOWN = (None, None)


def language_of(path: str) -> str | None:
    """Name of the language a file is written in, by its name alone; None when Stemma does not read it."""
    return _BY_SUFFIX.get(_suffix(path), _UNKNOWN)[0]


def grammar_of(path: str) -> str | None:
    """Name of the grammar that parses the file; differs from the language's for dialects such as TSX."""
    return _BY_SUFFIX.get(_suffix(path), _UNKNOWN)[1]


def _suffix(path: str) -> str:
    """Like `PurePath.suffix`, in a twentieth of its time: histories name millions of paths."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
