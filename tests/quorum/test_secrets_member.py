"""The member that looks for secrets: it fails on real ones in every language, and never passes."""

from __future__ import annotations

import base64
import json

import pytest

from stemma.languages import LANGUAGES
from stemma.quorum.members.secrets import Secrets, inspect
from tests.quorum.conftest import Judge

# Put together here, so that no tool that looks for secrets takes this file for a leak.
REAL = [
    ("python", 'def f():\n    api_key = "8f14e45fceea167a' + '5a36dedd4bea2543"\n    return api_key\n'),
    ("python", 'def f():\n    return connect("postgres://app:s3Kd92Lm!x@db7.corp' + '.net/shop")\n'),
    ("javascript", "function f() { return 'AKIAJQ3X7Z2P" + "LN6WQ5TB'; }"),
    ("typescript", "function f() { return { Authorization: 'Bearer 9f8a7b6c5d4e" + "3f2a1b0c9d8e' }; }"),
    ("java", 'class f { String dbPassword = "P9x!k' + 'L2mQ"; }'),
    ("go", 'package a\nfunc f() string { return "ghp_aZ3kQ9xP1mW7rT5v' + 'B2nL8cD4fG6hJ0sYqUeR" }\n'),
    ("ruby", "def f\n  secret = 'k9$Lm2_p" + "Q7zX'\nend\n"),
]  # fmt: skip
NONE = [
    'def f():\n    api_key = os.environ["API_KEY"]\n    return api_key\n',
    'def f():\n    password = "changeme"\n    return password\n',
    'def f():\n    secret = "your-secret-here"\n    return secret\n',
    'def f():\n    token = "STRING_LITERAL"\n    return token\n',
    'def f():\n    return connect("postgres://user:pass@localhost/shop")\n',
    'def f():\n    password_pattern = "[a-z0-9]{8,}"\n    return password_pattern\n',
    'def f():\n    access_key = "x-access-key-2"\n    return access_key\n',
]


SHOWN = [
    ("python", 'def f():\n    """Asks.\n\n    {"access_token":"2YotnFZFEjr1z' + 'CsicMWpAA"}\n    """\n    return 1\n'),
    ("python", 'def f():\n    # for example: password = "s3Kd92' + 'Lm!x"\n    return 1\n'),
    ("java", 'class f {\n  /** password = "P9x!k' + 'L2mQ" */\n  String a() { return b; }\n}'),
    ("go", 'package a\nfunc f() string {\n// e.g.\n// password := "P9x!k' + 'L2mQ"\nreturn b }\n'),
]
HIDDEN = [
    ("python", 'def f():\n    # password = "s3Kd92' + 'Lm!x"\n    return 1\n'),
    ("python", 'def f():\n    """By ghp_aZ3kQ9xP1mW7rT5v' + 'B2nL8cD4fG6hJ0sYqUeR."""\n    return 1\n'),
    ("python", 'def f():\n    g("""password = "s3Kd92' + 'Lm!x" """)\n    return 1\n'),
]


@pytest.mark.parametrize(("language", "code"), SHOWN)
def test_what_documentation_shows_is_told_and_not_held_against_the_text(judge: Judge, language: str, code: str) -> None:
    vote, _, findings = judge(Secrets(), code, language)
    assert vote == "abstain"
    assert [(finding["severity"], "taken for an example" in finding["message"]) for finding in findings] == [
        ("low", True)
    ]


@pytest.mark.parametrize(("language", "code"), HIDDEN)
def test_a_secret_commented_out_or_in_a_providers_form_is_one_anywhere(judge: Judge, language: str, code: str) -> None:
    assert judge(Secrets(), code, language).vote == "fail"


@pytest.mark.parametrize(("language", "code"), REAL)
def test_a_secret_in_the_source_is_a_veto(judge: Judge, language: str, code: str) -> None:
    vote, _, findings = judge(Secrets(), code, language)
    assert vote == "fail"
    assert findings[0]["severity"] == "high"


@pytest.mark.parametrize("code", NONE)
def test_a_placeholder_a_name_or_the_environment_is_no_secret(judge: Judge, code: str) -> None:
    vote, _, findings = judge(Secrets(), code)
    assert vote == "abstain"
    assert findings == []


def test_an_example_key_of_a_vendor_is_told_and_not_held_against_the_text(judge: Judge) -> None:
    vote, _, findings = judge(Secrets(), "def f():\n    return 'AKIAIOSFODNN7EXAMPLE'\n")
    assert vote == "abstain"
    assert [finding["severity"] for finding in findings] == ["low"]


def test_that_no_secret_was_found_is_not_a_clean_bill(judge: Judge) -> None:
    vote, reason, _ = judge(Secrets(), "def f():\n    return eval(input())\n")
    assert vote == "abstain"
    assert reason == "not applicable: no secret stands in it, which says nothing of the rest"


def test_the_secret_itself_is_never_told() -> None:
    for language, code in REAL:
        found, _ = inspect(language, "x", code.encode())
        told = json.dumps([each._asdict() for each in found])
        for part in ("8f14e45f", "s3Kd92Lm", "AKIAJQ3X", "9f8a7b6c", "P9x!k", "ghp_aZ3k", "k9$Lm2"):
            assert part not in told


def test_a_secret_beside_a_text_is_not_held_against_it(judge: Judge) -> None:
    code = REAL[0][1] + "\n\ndef g():\n    return 1\n"
    assert judge(Secrets(), code, "python", "g").vote == "abstain"


def test_it_reads_every_language() -> None:
    assert Secrets().languages == frozenset(LANGUAGES)


def token(claims: dict[str, object]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "p9Zk3Qx7Lm2Vt8Rb"])


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "u-88213", "role": "admin", "iss": "https://id.corp.net"}, "fail"),
        ({"foo": "bar"}, "abstain"),
        ({"sub": "1234567890", "name": "John Doe", "admin": True}, "abstain"),
        ({"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}, "abstain"),
    ],
)
def test_a_token_of_made_up_claims_opens_nothing(judge: Judge, claims: dict[str, object], expected: str) -> None:
    assert judge(Secrets(), f'def f():\n    return "{token(claims)}"\n').vote == expected
