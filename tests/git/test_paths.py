"""What a path says of its file, and how it is written."""

from __future__ import annotations

import pytest

from stemma.git import paths
from stemma.git.ignore import IgnoreRules


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("src/app.py", "source"),
        ("vendor/app.py", "vendored"),
        ("src/vendor/lib/app.go", "vendored"),
        ("web/node_modules/x/index.js", "vendored"),
        ("deps/lua/src/lapi.c", "vendored"),
        ("src/deps/graph.py", "source"),
        ("src/vendors.py", "source"),
        ("api/user_pb2.py", "generated"),
        ("api/user_pb2_grpc.py", "generated"),
        ("api/user.pb.go", "generated"),
        ("lib/model.g.dart", "generated"),
        ("dist/app.js", "generated"),
        ("src/distance.py", "source"),
        ("k8s/zz_generated.deepcopy.go", "generated"),
        ("web/app.min.js", "minified"),
        ("dist/app.min.js", "minified"),
        ("vendor/app.min.js", "vendored"),
        ("admin.js", "source"),
    ],
)
def test_a_path_tells_its_category(path: str, category: str) -> None:
    assert paths.categorise(path) == category


ODD_PATHS = [
    b"plain.py", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.py".encode(), b"caf\xe9.py", b"caf\\xe9.py", b"caf\\x5cxe9.py",
    b"caf\\\xe9.py", b"\\", b"\\\\", b"\\x", b"\\xg1", b"\\\\xff", b"\xff\xfe", b"\\x5c", b"\\x5cx5c", b"\xed\xb3\xa9",
    b"a\nb", b"a\tb", b"-rf", bytes(range(1, 256)),
]  # fmt: skip


def test_every_path_has_a_text_of_its_own_and_comes_back_from_it() -> None:
    texts = [paths.escape(path) for path in ODD_PATHS]
    assert len(set(texts)) == len(ODD_PATHS)
    assert [paths.unescape(text) for text in texts] == ODD_PATHS
    for text in texts:
        text.encode("utf-8")  # no lone surrogate


@pytest.mark.parametrize(
    ("quoted", "plain"),
    [
        ("a.py", "a.py"),
        (r'"a\tb.py"', "a\tb.py"),
        (r'"\303\251.py"', "é.py"),
        (r'"\351.py"', r"\xe9.py"),
        (r'"\"\\\a"', '"\\\a'),
    ],
)
def test_gits_quoting_is_undone(quoted: str, plain: str) -> None:
    assert paths.unquote(quoted) == plain


def test_an_ignored_folder_hides_what_a_later_line_would_bring_back() -> None:
    rules = IgnoreRules()
    rules.add("", "out/\n!out/keep.py\n*.log\n!keep.log\n")
    assert [rules.ignores(path) for path in ("out/keep.py", "a.log", "keep.log", "x/keep.log", "a.py")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_a_pattern_made_to_take_for_ever_is_left_out() -> None:
    rules = IgnoreRules()
    rules.add("", "*a" * 30 + "b\n*.tmp\n" + "x" * 600 + "\n# a comment\n\n")
    assert rules.ignores("x.tmp") and not rules.ignores("a" * 200)
