"""Claims of the exact text, the normal form, its windows and its words."""

from __future__ import annotations

import keyword
import re
from hashlib import blake2b

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemma.extract.grammars import load
from stemma.extract.normal_form import Sequences, exact_hash, loose_hash, sub_tokens, text_hashes
from stemma.extract.vocabulary import VOCABULARY
from stemma.extract.walk import Walk
from stemma.ids import content_id
from stemma.languages import BOOLEAN, NUMBER, STRING
from tests.extract.reading import read, rows, snippets

# One function per language. NAMES are identifiers, `7` a number, "s" a string; an op stands in OPS' place.
_BRACED = '(SECOND%s) {\n\tif (SECOND > 7) {\n\t\treturn THIRD(SECOND, "s");\n\t}\n\treturn 7;\n}\n'
TEXTS = {
    "python": 'def FIRST(SECOND):\n\tif SECOND > 7:\n\t\treturn THIRD(SECOND, "s")\n\tSECOND += 7\n\treturn SECOND\n',
    "javascript": "function FIRST" + _BRACED % "",
    "typescript": "function FIRST" + _BRACED % ": FOURTH",
    "java": "class FOURTH { int FIRST" + _BRACED.replace("(SECOND%s", "(int SECOND") + "}\n",
    "go": 'func FIRST(SECOND int) string {\n\tif SECOND > 7 {\n\t\treturn THIRD(SECOND)\n\t}\n\treturn "s"\n}\n',
    "rust": 'fn FIRST(SECOND: u8) -> u8 {\n\tif SECOND > 7 {\n\t\treturn THIRD(SECOND, "s");\n\t}\n\t7\n}\n',
    "c": "int FIRST" + _BRACED.replace("(SECOND%s", "(int SECOND"),
    "cpp": "int FIRST" + _BRACED.replace("(SECOND%s", "(int SECOND"),
    "csharp": "class FOURTH { int FIRST" + _BRACED.replace("(SECOND%s", "(int SECOND") + "}\n",
    "dart": "int FIRST" + _BRACED.replace("(SECOND%s", "(int SECOND"),
    "php": "<?php function FIRST" + _BRACED.replace("SECOND", "$SECOND") % "",
    "kotlin": "fun FIRST(SECOND: FOURTH): FOURTH {\n"
    '\tif (SECOND > 7) {\n\t\treturn THIRD(SECOND, "s")\n\t}\n\treturn 7\n}\n',
    "swift": "func FIRST(SECOND: FOURTH) -> FOURTH {\n"
    '\tif SECOND > 7 {\n\t\treturn THIRD(SECOND, "s")\n\t}\n\treturn 7\n}\n',
    "ruby": "def FIRST(SECOND)\n"
    '\tif SECOND > 7\n\t\treturn THIRD(SECOND, "s")\n\tend\n\tSECOND += 7\n\treturn SECOND\nend\n',
}
NAMES = ("FIRST", "SECOND", "THIRD", "FOURTH")
LANGUAGES = sorted(TEXTS)
KEYWORDS = {*keyword.kwlist, "val", "value", "var", "vararg", "virtual", "void", "volatile"}

name = st.from_regex(r"v[a-zA-Z0-9_]{0,12}", fullmatch=True).filter(lambda text: text not in KEYWORDS)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pattern(language: str, text: str) -> str:
    found = snippets(language, text)
    assert found, text
    return str(found[0]["pattern_id"])


def tokens(language: str, text: str) -> list[str]:
    """The normal form of a whole text, read from the vocabulary: names behind \x01, literals by their type."""
    VOCABULARY.forget()
    grammar = load(language)
    source = text.encode()
    walk = Walk(grammar, source, lambda: False)
    walk.add(0, [grammar.parse(source, lambda: False).root_node])
    told = {number: mark for mark, number in VOCABULARY._marks.items()}
    told |= {number: name.decode() for name, number in VOCABULARY.rare.items()}
    told |= {number: f"\x01{name.decode()}" for name, number in VOCABULARY.names.items()}
    for placeholder, numbers in VOCABULARY._literals.items():
        told |= dict.fromkeys(numbers.values(), placeholder)
    return [told[token] for token in walk.tokens[1:]]  # the first stands between two definitions


def forms(*sequence: str) -> Sequences:
    """The forms of tokens written as `tokens` gives them."""
    numbers = [
        VOCABULARY.names[token[1:].encode()]
        if token[0] == "\x01"
        else VOCABULARY.literals(token)[b"x"]
        if token[0] == "0"
        else VOCABULARY.rare[token.encode()]
        for token in sequence
    ]
    return Sequences("python", numbers)


def shingles(*sequence: str) -> list[int]:
    return forms(*sequence).shingles([(0, len(sequence))])[0].tolist()


def exact(language: str, text: str) -> str:
    """Hash of the exact tokens of the first definition."""
    extracted = read(language, text)
    by_text = dict(zip(extracted.texts["exact_hash"], extracted.texts["token_hash"], strict=True))
    return str(by_text[extracted.snippets["exact_hash"][0]])


def renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("language", LANGUAGES)
@quick
@given(
    indent=st.sampled_from([" ", "  ", "    ", "\t", "\t\t"]),
    gap=st.integers(0, 3),
    comment=st.text("ab '{(", max_size=8),
)
def test_layout_and_comments_do_not_change_the_pattern(language: str, indent: str, gap: int, comment: str) -> None:
    mark = "#" if language in ("python", "ruby") else "//"
    laid_out = TEXTS[language].replace("\t", indent).replace("\n", f"  {mark} {comment}\n" + "\n" * gap)
    assert pattern(language, laid_out) == pattern(language, TEXTS[language])
    assert exact(language, laid_out) == exact(language, TEXTS[language])


@pytest.mark.parametrize("language", LANGUAGES)
@quick
@given(new=st.lists(name, min_size=4, max_size=4, unique=True))
def test_consistent_renaming_does_not_change_the_pattern(language: str, new: list[str]) -> None:
    text = renamed(TEXTS[language], dict(zip(NAMES, new, strict=True)))
    assert pattern(language, text) == pattern(language, TEXTS[language])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("old", "new"), [("SECOND", "OTHER"), ("7", "8"), ('"s"', '"t"'), ("> 7", "< 7")])
def test_another_name_literal_or_operator_changes_the_exact_tokens(language: str, old: str, new: str) -> None:
    text = TEXTS[language].replace(old, new)
    assert text != TEXTS[language]
    assert exact(language, text) != exact(language, TEXTS[language])


@pytest.mark.parametrize(
    ("language", "text", "other", "is_same"),
    [
        ("python", "def f(): return f'a{b}'\n", "def f(): return f'c{b}'\n", False),
        ("python", "def f(): return f'{b:>3}'\n", "def f(): return f'{b:<3}'\n", False),
        ("python", "def f(): return f'{b!r}'\n", "def f(): return f'{b!s}'\n", False),
        ("python", "def f(): return f'{b+1}'\n", "def f():\n  return f'{b + 1}' # c\n", True),
        ("python", "def f():\n  'Doc.'\n  g()\n", "def f():\n  'Another.'\n  g()\n", True),
        ("javascript", "function f() { return `a${b}` }\n", "function f() { return `c${b}` }\n", False),
        ("javascript", "function f() { return `a${b+1}` }\n", "function f() {\n  return `a${b + 1}`;\n}\n", True),
        ("tsx", "const f = () => <a>one two</a>;", "const f = () =>\n  <a>\n    one\n    two\n  </a>;", True),
        ("tsx", "const f = () => <a>one two</a>;", "const f = () => <a>one three</a>;", False),
        ("c", "void f() {\n#define A (1  + 2)\n}\n", "void f() {\n#define A (1 + 2)\n}\n", True),
        ("c", "void f() {\n#define A (1 + 2)\n}\n", "void f() {\n#define A (1 + 3)\n}\n", False),
    ],
)
def test_what_a_string_says_is_in_the_exact_tokens_and_its_layout_is_not(
    language: str, text: str, other: str, is_same: bool
) -> None:
    assert pattern(language, text) == pattern(language, other)
    assert (exact(language, text) == exact(language, other)) is is_same


@pytest.mark.parametrize("language", LANGUAGES)
@quick
@given(number=st.integers(0, 10**9), string=st.text("abc éß(){}#", max_size=10))
def test_other_literals_of_the_same_type_do_not_change_the_pattern(language: str, number: int, string: str) -> None:
    string = re.sub(r"#\{+", "#", string) if language == "ruby" else string  # an expression begins there
    text = TEXTS[language].replace("7", str(number)).replace('"s"', f'"{string}"').replace("'s'", f"'{string}'")
    assert pattern(language, text) == pattern(language, TEXTS[language])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("old", "new"), [("> 7", "< 7"), ("> 7", ">= 7"), ("if", "while"), ("return", ""), ("THIRD(", "THIRD(SECOND, ")]
)
def test_another_operator_keyword_or_argument_changes_the_pattern(language: str, old: str, new: str) -> None:
    text = TEXTS[language].replace(old, "for" if (language, new) == ("go", "while") else new)
    assert text != TEXTS[language]
    assert pattern(language, text) != pattern(language, TEXTS[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_swapping_two_names_in_one_place_changes_the_pattern(language: str) -> None:
    head, _, tail = TEXTS[language].rpartition("SECOND")
    assert pattern(language, head + "OTHER" + tail) != pattern(language, TEXTS[language])


def test_the_same_tokens_in_two_languages_are_two_patterns() -> None:
    assert pattern("c", TEXTS["c"]) != pattern("cpp", TEXTS["cpp"])


def test_the_normal_form_of_a_python_function() -> None:
    text = 'def f(a):\n    """Doc."""\n    x = f"{a}!" "b"; return True\n'
    f, a, x = "\x01f", "\x01a", "\x01x"
    expected = [
        "def",
        f,
        "(",
        a,
        ")",
        ":",
        "{",
        x,
        "=",
        STRING,
        "{",
        a,
        "}",
        STRING,
        ";",
        "return",
        BOOLEAN,
        ";",
        "}",
        ";",
    ]
    assert tokens("python", text) == expected
    # In the id a name is how far back its last use is, 0 at the first, and any other token the hash of its text.
    renamed: list[str | int] = ["def", 0, "(", 0, ")", ":", "{", 0, "=", STRING, "{", 8, "}", STRING, ";", "return"]
    renamed += [BOOLEAN, ";", "}"]
    hashes = [
        token.to_bytes(8, "little") if isinstance(token, int) else blake2b(token.encode(), digest_size=8).digest()
        for token in renamed
    ]
    assert pattern("python", text) == content_id("python", b"".join(hashes))


def test_the_normal_form_of_a_javascript_function() -> None:
    text = "function f(a) { for (;;a) { g(`${a}`, [1,]) } }"
    f, a, g = "\x01f", "\x01a", "\x01g"
    loop = ["for", "(", ";", ";", a, ")", "{", g, "(", STRING, "${", a, "}", ",", "[", NUMBER, "]", ")", ";", "}"]
    assert tokens("javascript", text) == ["function", f, "(", a, ")", "{", *loop, "}"]


@pytest.mark.parametrize(
    ("language", "text", "same"),
    [
        ("python", "def f(): a(); b()\n", "def f():\n    a()\n    b()\n"),
        ("python", "def f(x): g(1, 2)\n", "def f(\n    x,\n):\n    g(\n        1,\n        2,\n    )\n"),
        ("python", "def f(): return 1\n", "def f():\n    'Doc.'\n    return 1\n"),
        ("javascript", "function f() { a(); return b }\n", "function f() {\n  a()\n  return b;\n}\n"),
        ("javascript", "class A { x = 1; f() {} }\n", "class A {\n  x = 1\n  f() {}\n}\n"),
        ("typescript", "interface A { x: string, y: B }\n", "interface A {\n  x: string;\n  y: B\n}\n"),
        ("go", "package a\nfunc f() { a(); b() }\n", "package a\n\nfunc f() {\n\ta()\n\tb()\n}\n"),
        ("rust", "fn f() { g(1, 2) }\n", "fn f() {\n    g(\n        1,\n        2,\n    )\n}\n"),
    ],
)
def test_what_a_formatter_rewrites_is_the_same_pattern(language: str, text: str, same: str) -> None:
    assert pattern(language, text) == pattern(language, same)


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("python", "def f():\n    if a:\n        b()\n        c()\n", "def f():\n    if a:\n        b()\n    c()\n"),
        ("python", "def f():\n    return\n    g()\n", "def f():\n    return g()\n"),
        ("python", "def f(): return (a,)\n", "def f(): return (a)\n"),
        ("python", "def f(): return None\n", "def f(): return 0\n"),
        ("javascript", "function f() { return\ng() }\n", "function f() { return g() }\n"),
        ("javascript", "function f() { for (;a;) {} }\n", "function f() { for (;;a) {} }\n"),
        ("rust", "fn f() { (a,) }\n", "fn f() { (a) }\n"),
        ("rust", "fn f() { a; }\n", "fn f() { a }\n"),
    ],
)
def test_layout_that_has_a_meaning_is_another_pattern(language: str, text: str, other: str) -> None:
    assert pattern(language, text) != pattern(language, other)


def test_a_decorator_and_an_attribute_belong_to_the_pattern() -> None:
    assert pattern("python", "@cache\ndef f(): pass\n") != pattern("python", "def f(): pass\n")
    assert pattern("rust", "#[inline]\nfn f() {}\n") != pattern("rust", "fn f() {}\n")


@pytest.mark.parametrize(
    ("language", "text", "inner", "n_tokens"),
    [
        # @ cached def f ( self ) : { return 1 ; }
        (
            "python",
            "class A:\n    @cached\n    def f(self):\n        return 1\n",
            "@cached\ndef f(self): return 1\n",
            13,
        ),
        # # [ inline ] fn f ( ) { 1 }
        ("rust", "trait A {\n    fn g() {}\n    #[inline]\n    fn f() { 1 }\n}\n", "#[inline]\nfn f() { 1 }\n", 11),
        # @ x ( ) ; f ( ) { return 1 ; }: a decorator is a member of the class's list
        (
            "typescript",
            "class A {\n  @x() f() { return 1 }\n}\n",
            "class B {\n  x = 2\n  @x() f() { return 1 }\n}\n",
            13,
        ),
    ],
)
def test_a_method_walked_with_its_class_is_what_it_is_alone(
    language: str, text: str, inner: str, n_tokens: int
) -> None:
    together, alone = read(language, text), read(language, inner)
    assert together.snippets["pattern_id"][-1] == alone.snippets["pattern_id"][-1]
    for extracted in (together, alone):
        row = next(row for row in rows(extracted.patterns) if row["pattern_id"] == alone.snippets["pattern_id"][-1])
        assert (row["name"], row["n_tokens"]) == ("f", n_tokens)
        assert len(row["shingles"]) == n_tokens - 4  # all its windows differ


@given(st.lists(st.text("ab \t", max_size=6), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_exact_hash_folds_trailing_space_and_line_ends(lines: list[str], end: str) -> None:
    folded = "\n".join(line.rstrip() for line in lines).rstrip()
    assert exact_hash((end.join(lines) + end).encode()) == content_id(folded)


def test_the_exact_hash_keeps_indentation_and_inner_space() -> None:
    assert len({exact_hash(text) for text in (b"a b", b"a  b", b" a b", b"a\n b", b"a\nb", b"a\n\nb")}) == 6


def test_windows_are_of_five_tokens_with_identifiers_alike() -> None:
    assert shingles("a", "b", "c", "d") == []
    assert len(shingles("a", "b", "c", "d", "e")) == 1
    assert len(shingles("a", "b", "c", "d", "e", "f")) == 2
    assert len(shingles(*["a"] * 50)) == 1
    one, other = ("(", "\x01x", ")", "+", "\x01y"), ("(", "\x01p", ")", "+", "\x01p")
    assert shingles(*one) == shingles(*other)
    assert forms(*one).pattern_ids([(0, 5)]) != forms(*other).pattern_ids([(0, 5)])
    assert shingles(*one) != shingles("(", "\x01x", ")", "-", "\x01y")


@given(st.lists(st.sampled_from(["\x01a", "\x01b", "+", "(", ")", "if"]), max_size=40))
def test_windows_are_sorted_distinct_and_at_most_one_a_position(sequence: list[str]) -> None:
    windows = shingles(*sequence)
    blanked = ["\x01" if token[0] == "\x01" else token for token in sequence]
    assert windows == sorted(set(windows))
    assert len(windows) == len({tuple(blanked[i : i + 5]) for i in range(len(blanked) - 4)})


def numbered(sequence: list[str]) -> list[str]:
    """The normal form as its definition says it: names by the number of their first use."""
    first_uses = list(dict.fromkeys(token for token in sequence if token[0] == "\x01"))
    return [str(first_uses.index(token)) if token in first_uses else token for token in sequence]


@given(
    st.lists(st.sampled_from(["\x01a", "\x01b", "\x01c", "+"]), min_size=1, max_size=8),
    st.lists(st.sampled_from(["\x01a", "\x01b", "\x01c", "+"]), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_two_parts_have_one_id_exactly_if_first_uses_number_them_alike(
    one: list[str], other: list[str], skipped: int
) -> None:
    around = ["\x01a", "\x01c", "\x01b"][:skipped]  # what stands before a part says nothing about it
    parts = ((one, forms(*around, *one, *around)), (other, forms(*around, *other, *around)))
    ids = [found.pattern_ids([(0, 1), (skipped, skipped + len(part))])[1] for part, found in parts]
    assert (ids[0] == ids[1]) == (numbered(one) == numbered(other))
    exact_ids = [forms(*around, *part).token_hash((skipped, skipped + len(part))) for part in (one, other)]
    assert (exact_ids[0] == exact_ids[1]) == (one == other)


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("parseHTTPResponse2", ["2", "http", "parse", "response"]),
        ("snake_case__name", ["case", "name", "snake"]),
        ("SHA256Sum", ["256", "sha", "sum"]),
        ("XMLHttpRequest", ["http", "request", "xml"]),
        ("größeMax", ["größe", "max"]),
        ("_", []),
    ],
)
def test_identifiers_split_into_words(identifier: str, words: list[str]) -> None:
    assert sub_tokens(forms(f"\x01{identifier}", "if").tokens) == words


def test_words_are_distinct_over_all_identifiers() -> None:
    assert sub_tokens(forms("\x01getName", "\x01set_name", "return", STRING).tokens) == ["get", "name", "set"]


def test_trailing_space_alone_has_a_hash_of_its_own() -> None:
    tidy, loose, windows = b"def f():\n    return 1\n", b"def f(): \n    return 1\n", b"def f():\r\n    return 1\r\n"
    assert exact_hash(tidy) == exact_hash(loose) == exact_hash(windows)
    assert loose_hash(tidy) is None
    assert loose_hash(windows) is None
    assert loose_hash(loose) not in (None, loose_hash(b"def f():  \n    return 1\n"))


@given(
    st.lists(st.sampled_from(["a", "b", " ", "\t", "\n", "\r\n", "\r", "\f"]), max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4),
)
def test_the_spans_of_a_text_have_the_hashes_of_their_own_texts(
    pieces: list[str], spans: list[tuple[int, int]]
) -> None:
    text = "".join(pieces).encode()
    # Definitions begin and end with something that is no layout.
    visible = [at for at, byte in enumerate(text) if byte in b"ab"]
    inside = [(min(pair), max(pair) + 1) for pair in spans if visible and min(pair) in visible and max(pair) in visible]
    expected = [(exact_hash(text[start:end]), loose_hash(text[start:end])) for start, end in inside]
    assert text_hashes(text, inside) == expected
