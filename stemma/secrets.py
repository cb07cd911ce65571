"""Takes secrets out of text and JSON, leaving `[redacted:<rule>]`. What secrets look like lives in `secret_rules`.

detect-secrets was measured and left: 1,900 events a second on one core, last released in May 2024.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from stemma.secret_rules import (
    ABOUT_SECRETS,
    ASSIGNMENT,
    KEY_LINE,
    NEEDS,
    RULES,
    SECRET_FLAG,
    SECRET_KEYS,
    Rule,
)

# Rust's regex syntax, for a whole column at once: text that it does not match holds nothing that `redact` would change.
PREFILTER = "(?i)" + "|".join(re.escape(need) for need in NEEDS)

_ALL_NEEDS = sorted({need for rule in RULES for need in rule.needs})
_KEY_NEEDS = [need for need in _ALL_NEEDS if "key" in need]
_NEEDS = [need for need in _ALL_NEEDS if "key" not in need]
_MARK = "[redacted:"
_PLACEHOLDER = re.compile(r"\$|\{|<|%[(s]|\.\.\.|\*+$|(.)\1*$", re.ASCII | re.IGNORECASE)
_CONSTANTS = frozenset({"none", "null", "nil", "true", "false", "undefined", "empty", "required", "optional"})
_WORDS = re.compile(r"[a-z]+(?:[ _.:/-]+[a-z]+)*", re.ASCII | re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BASE64_LINE = re.compile(r"[A-Za-z0-9+/]{16}")
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_LONGEST_KEY = 80  # characters of an object key, from its end, that say whether it names a secret


def redact(value: Any, canonical_text: str | None = None) -> tuple[Any, int]:
    """The JSON value without the secrets in its strings, keys and secret-named fields, and how many were removed.

    NUL characters, which Postgres cannot store, become U+FFFD. `canonical_text` is the value's JSON, if it is at hand.
    """
    redactor = _Redactor(canonical_text or json.dumps(value, ensure_ascii=False))
    return redactor.value(value), redactor.n_redactions


def redact_text(text: str) -> tuple[str, int]:
    """The text without secrets, and how many were removed. Linear in its length."""
    redactor = _Redactor(text)
    return redactor.text(text), redactor.n_redactions


class _Redactor:
    """Removes and counts. The whole is searched once for what rules need, and its strings only for what was found."""

    def __init__(self, whole: str) -> None:
        self.n_redactions = 0
        lowered = whole.lower()
        found = {need for need in _NEEDS if need in lowered}
        if "key" in lowered:
            found.update(need for need in _KEY_NEEDS if need in lowered)
        self._rules = [(rule, needs) for rule in RULES if (needs := found.intersection(rule.needs))]

    def value(self, value: Any, *, is_secret: bool = False) -> Any:
        if isinstance(value, str):
            return self._mark("key") if is_secret and value and not value.startswith(_MARK) else self.text(value)
        if isinstance(value, dict):
            return self._object(value, is_secret=is_secret)
        if isinstance(value, list):
            return self._list(value, is_secret=is_secret)
        if is_secret and value is not None and not isinstance(value, bool):
            return self._mark("key")
        return value

    def text(self, text: str) -> str:
        lowered = text.lower()
        for rule, needs in self._rules:
            for need in needs:
                if need in lowered:
                    text = rule.pattern.sub(partial(self._replaced, rule), text)
                    break
        return text.replace("\0", "\ufffd")

    def _mark(self, rule: str) -> str:
        self.n_redactions += 1
        return f"{_MARK}{rule}]"

    def _object(self, fields: dict[str, Any], *, is_secret: bool) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for key, value in fields.items():
            name = self.text(key)
            while name in cleaned:  # two keys that were secrets: both values are kept
                name += "'"
            cleaned[name] = self.value(value, is_secret=is_secret or names_secret(key))
        return cleaned

    def _list(self, items: list[Any], *, is_secret: bool) -> list[Any]:
        """A key may lie across the items, one line each (a patch), and a flag before its value (a command line)."""
        cleaned: list[Any] = []
        in_key = is_counted = follows_flag = False
        for item in items:
            if in_key and isinstance(item, str) and KEY_LINE.fullmatch(item):
                self.n_redactions += not is_counted
                is_counted = True
                cleaned.append(f"{_MARK}private-key]")
                in_key = "-----END" not in item
                continue
            cleaned.append(self.value(item, is_secret=is_secret or follows_flag))
            in_key = isinstance(item, str) and _PEM_BEGIN.search(item) is not None and "-----END" not in item
            is_counted = is_counted and in_key
            follows_flag = isinstance(item, str) and SECRET_FLAG.fullmatch(item) is not None
        return cleaned

    def _replaced(self, rule: Rule, match: re.Match[str]) -> str:
        span = _span(rule, match)
        if span is None:
            return match.group()
        whole = match.group()
        start, end = (position - match.start() for position in span)
        return whole[:start] + self._mark(rule.name) + whole[end:]


def secrets_in(text: str) -> Iterator[tuple[Rule, re.Match[str], tuple[int, int]]]:
    """Each secret that `redact_text` would take out of the text: its rule, the match, and where the secret itself lies.
    One place may be told by several rules."""
    lowered = text.lower()
    for rule in RULES:
        if any(need in lowered for need in rule.needs):
            for match in rule.pattern.finditer(text):
                if (span := _span(rule, match)) is not None:
                    yield rule, match, span


def _span(rule: Rule, match: re.Match[str]) -> tuple[int, int] | None:
    """Where the secret of a match lies in the text; None if what matched is none."""
    if rule is ASSIGNMENT:
        return _assigned(match)
    if rule.name == "private-key" and _BASE64_LINE.search(match.group()) is None:
        return None  # the marker alone, as code that looks for keys has it
    if "secret" not in rule.pattern.groupindex:
        return match.span()
    secret = match.group("secret")
    return None if _MARK in secret or _PLACEHOLDER.match(secret) else match.span("secret")


def _assigned(match: re.Match[str]) -> tuple[int, int] | None:
    group = next(name for name in ("quoted", "bare", "spaced") if match.group(name) is not None)
    value = match.group(group)
    bare_value = value.rstrip("\\").removeprefix("'")
    if not _looks_secret(match, bare_value, is_quoted=group != "bare"):
        return None
    start = match.start(group) + value.index(bare_value)
    return start, start + len(bare_value)


def names_secret(key: str) -> bool:
    """Whether an object's key says that its value is a secret: `db_password`, `apiKey`, `Authorization`."""
    return _end_names_secret(key[-_LONGEST_KEY:])


@lru_cache(maxsize=4096)
def _end_names_secret(key: str) -> bool:
    return SECRET_KEYS.search(_CAMEL.sub("_", key)) is not None


def _looks_secret(match: re.Match[str], value: str, *, is_quoted: bool) -> bool:
    name, suffix = match.group("name"), match.group("suffix")
    if suffix[:1].isalpha() and (suffix[0].islower() or name.isupper()):
        return False  # another word that begins so: tokens, TOKENIZER, secretary
    suffix = _CAMEL.sub("_", suffix).strip("_-").lower()
    if not value or _MARK in value or _PLACEHOLDER.match(value) or value.lower() in _CONSTANTS:
        return False
    if ABOUT_SECRETS.search(suffix) or (name.lower() == "pwd" and value.startswith(("/", "~"))):
        return False
    is_strong = name.lower().startswith(("pass", "pwd", "secret", "credential", "private"))
    if is_quoted:
        return _quoted_looks_secret(value, is_strong=is_strong, has_suffix=bool(suffix))
    before = match.string[max(match.start() - 1, 0) : match.start()]
    is_environment = match.group("sign") == "=" and (name.isupper() or before in {"?", "&"})
    return _bare_looks_secret(value, is_strong=is_strong, is_environment=is_environment)


def _quoted_looks_secret(value: str, *, is_strong: bool, has_suffix: bool) -> bool:
    if is_strong and not has_suffix:
        return len(value) >= 4
    if len(value) < (4 if is_strong else 8) or any(character.isspace() for character in value):
        return False
    return _has_digit(value) or (entropy(value) >= 3.5 and _WORDS.fullmatch(value) is None)


def _bare_looks_secret(value: str, *, is_strong: bool, is_environment: bool) -> bool:
    if "(" in value or "[" in value:
        return False  # an expression
    if is_environment:
        return is_strong or _has_digit(value) or entropy(value) >= 3.5
    if is_strong:
        return len(value) >= 6 and _has_digit(value)
    return len(value) >= 12 and _has_digit(value) and not value.isdigit() and entropy(value) >= 3.0


def _has_digit(value: str) -> bool:
    return any("0" <= character <= "9" for character in value)


def entropy(text: str) -> float:
    """Shannon entropy of its characters, in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
