"""Claims about taking secrets out: what goes, what stays, and that no text takes long. Every secret here is made up."""

from __future__ import annotations

import json
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.secret_rules import RULES
from stemma.secrets import PREFILTER, names_secret, redact, redact_text

BASE64_LINE = "MIIEpAIBAAKCAQEAx1Zb7TtvYw0q8nJv5kq3Yb2mXc9dEfGh"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BASE64_LINE}\n{BASE64_LINE}\nq8nJ==\n-----END RSA PRIVATE KEY-----"

# (what it is, text around it, the secret): built in pieces, so that no scanner takes this file for a leak.
SECRETS = [
    ("aws-access-key", "key {}", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("github-token", "git push https://github.com {}", "ghp" + "_" + "aB3dE6gH9j" * 4),
    ("github-token", "x={}", "github_pat" + "_" + "11ABCDEFG0" * 6),
    ("gitlab-token", "GL {}", "glpat" + "-" + "xYz12AbC34dEf56GhI78"),
    ("slack-token", "'{}'", "xoxb" + "-1234567890-abcdefGHIJKL"),
    ("slack-webhook", "https://hooks.slack.com/services/{}", "T00000000/B00000000/" + "a1B2c3D4" * 3),
    ("stripe-key", "stripe {}", "sk" + "_live_" + "4eC39HqLyjWDarjtT1zdp7dc"),
    ("anthropic-key", "{}", "sk-ant" + "-api03-" + "aB3_-" * 18),
    ("openai-key", "{}", "sk-proj" + "-" + "aB3_-" * 12),
    ("openai-key", "{}", "sk" + "-" + "aB3dE6gH" * 6),
    ("google-key", "{}", "AIza" + "SyA1234567890abcdefghijklmnopqrstuv"),
    ("jwt", "{}", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
    ("private-key", "before {} after", KEY),
    ("private-key", "json: {}", KEY.replace("\n", "\\n")),
    ("private-key", "cut off: {}", KEY[:120]),
    ("url-credentials", "postgres://bob:{}@db.example/x", "hunter2"),
    ("url-credentials", "https://x:{}@example.com", "p@ss@word"),
    ("authorization", "curl -H 'Authorization: {}'", "Bearer abcdefghijklmnop"),
    ("authorization", "Authorization: {}", "Basic dXNlcjpwYXNz"),
    ("bearer", "bearer {}", "abcdef0123456789abcdef"),
    ("cookie", "Cookie: {}", "session=abcdef123456; theme=dark"),
    ("curl-user", "curl -u bob:{} https://example.com", "hunter2"),
    ("command-flag", "mysql --password {} -e 'select 1'", "hunter2"),
    ("assignment", 'password = "{}"', "hunter2"),
    ("assignment", "export DB_PASSWORD={}", "letmein"),
    ("assignment", "password: {}", "hunter2"),
    ("assignment", 'password: str = "{}"', "hunter2"),
    ("assignment", '{{"client_secret": "{}"}}', "hunter2"),
    ("assignment", '{{\\"password\\": \\"{}\\", \\"user\\": 1}}', "hunter2"),
    ("assignment", "AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("assignment", 'apiKey: "{}"', "sdf7kj2384jsdf"),
    ("assignment", "https://example.com/?token={}&page=2", "abcdef123456"),
    ("assignment", "ALTER USER bob PASSWORD '{}'", "hunter2"),
    ("assignment", "<password>{}</password>", "hunter2"),
    ("assignment", '{{"password":"{}', "hunter2"),
]

HARMLESS = [
    "token = get_token()",
    "def login(password: str, token: Token) -> None:",
    "password = os.environ['PASSWORD']",
    "login(password=password, token=self.token)",
    'password = "${DB_PASSWORD}"',
    "max_tokens=4096, token_count: 100000",
    'tokenizer = "gpt2abc99"',
    "PWD=/home/bob/project",
    'if text.startswith("-----BEGIN RSA PRIVATE KEY-----"): load(text)',
    "https://example.com:8080/a?email=bob@example.com",
    'password_label = "Your password, please"',
    "the token is passed as the bearer of the request",
    "sk-learn and sk-loading-spinner-large-and-blue",
]


@pytest.mark.parametrize(
    ("rule", "around", "secret"), SECRETS, ids=[f"{rule}-{i}" for i, (rule, *_) in enumerate(SECRETS)]
)
def test_a_secret_is_replaced_by_its_rule_and_the_text_around_it_stays(rule: str, around: str, secret: str) -> None:
    assert redact_text(around.format(secret)) == (around.format(f"[redacted:{rule}]"), 1)


@pytest.mark.parametrize("text", HARMLESS)
def test_code_that_speaks_of_secrets_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == (text, 0)


@pytest.mark.parametrize(("rule", "around", "secret"), SECRETS)
def test_redacting_twice_is_redacting_once(rule: str, around: str, secret: str) -> None:
    once, _ = redact_text(around.format(secret))
    assert redact_text(once) == (once, 0)


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [
        ("password", True),
        ("db_password", True),
        ("apiKey", True),
        ("x-api-key", True),
        ("Authorization", True),
        ("clientSecret", True),
        ("credentials", True),
        ("max_tokens", False),
        ("input_tokens", False),
        ("tokenizer", False),
        ("key", False),
        ("password_policy", False),
    ],
)
def test_a_key_names_a_secret_by_its_last_word(key: str, is_secret: bool) -> None:
    assert names_secret(key) is is_secret


def test_everything_below_a_key_that_names_a_secret_goes() -> None:
    value = {"a": {"password": "x", "credentials": {"user": "bob", "pins": [1234, None, True]}}, "n": 1}
    gone = {
        "a": {
            "password": "[redacted:key]",
            "credentials": {"user": "[redacted:key]", "pins": ["[redacted:key]", None, True]},
        },
        "n": 1,
    }
    assert redact(value) == (gone, 3)


def test_a_secret_used_as_a_key_goes_and_its_value_stays() -> None:
    one, two = "AKIA" + "IOSFODNN7EXAMPL1", "AKIA" + "IOSFODNN7EXAMPL2"
    cleaned, n_redactions = redact({one: 1, two: 2})
    assert (sorted(cleaned.values()), n_redactions) == ([1, 2], 2)
    assert "AKIA" not in json.dumps(cleaned)


def test_a_private_key_across_the_lines_of_a_patch_goes() -> None:
    lines = ["+x = 1", *("+" + line for line in KEY.split("\n")), "+y = 2"]
    cleaned, n_redactions = redact({"lines": lines})
    assert BASE64_LINE not in json.dumps(cleaned)
    assert (cleaned["lines"][0], cleaned["lines"][-1], n_redactions) == ("+x = 1", "+y = 2", 1)


def test_the_value_after_a_flag_in_a_list_of_arguments_goes() -> None:
    assert redact(["mysql", "--password", "hunter2", "db"]) == (["mysql", "--password", "[redacted:key]", "db"], 1)


@pytest.mark.parametrize(("rule", "around", "secret"), SECRETS)
def test_the_prefilter_lets_no_secret_by(rule: str, around: str, secret: str) -> None:
    assert pl.Series([json.dumps(around.format(secret), ensure_ascii=False)]).str.contains(PREFILTER).item()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_without_secrets_comes_out_as_it_went_in(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    if "\0" in text or "\\u0000" in text or pl.Series([text]).str.contains(PREFILTER).item():
        return
    assert redact(value) == (value, 0)


def test_every_rule_names_its_source() -> None:
    assert [rule.name for rule in RULES if not rule.source or not rule.needs] == []


ONE_MEGABYTE = 1_000_000
SLOW_FOR_A_BACKTRACKING_SEARCH = [
    "a",
    "eyJ",
    "eyJaaaaaaaaaa.",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 64 + "\n",
    "password=",
    "password='",
    'password="',
    "password=\\",
    'token="\\',
    "token: aaaa ",
    "pwd:a ",
    "://a:",
    "://",
    "bearer aaaaaaaaa",
    "bearer " + "a" * 300,
    "authorization: ",
    "cookie: a",
    "cookie:a=",
    "curl -u a:",
    "curl -u a",
    "--password ",
    "--a-a-a-token ",
    "sk-ant-",
    "xoxb-",
    "glpat-",
    "github_pat_",
    "AKIA",
    "hooks.slack.com/services/",
    "AIza.",
    "api_key" + "\\" * 9,
    "token" + " " * 9,
    "token>",
    "secret_",
    "1:AA",
]


@pytest.mark.parametrize("unit", SLOW_FOR_A_BACKTRACKING_SEARCH)
def test_a_megabyte_of_anything_takes_less_than_two_seconds(unit: str) -> None:
    text = (unit * (ONE_MEGABYTE // len(unit) + 1))[:ONE_MEGABYTE]
    began = time.process_time()
    redact_text(text)
    assert time.process_time() - began < 2
