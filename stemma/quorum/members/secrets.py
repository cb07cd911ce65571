"""Secrets: keys, tokens and passwords that stand in a text, in every language. It fails or abstains, and never passes:
that no secret stands there says nothing of the rest.

What secrets look like lives in `stemma.secret_rules`, where a reader of logs would rather take out one word too many;
what is so sure that code may be turned down for it is decided here.
"""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode
from bisect import bisect_right
from pathlib import Path

import polars as pl
from tree_sitter import Node
from tree_sitter_language_pack import get_parser

from stemma.languages import LANGUAGES, grammar_of
from stemma.quorum.members.base import Family, version_of, votes_from
from stemma.quorum.members.child import Found, Seen, ask_child
from stemma.quorum.process import Limits
from stemma.secret_rules import ASSIGNMENT, HEADER_RULES, VENDOR_RULES
from stemma.secrets import entropy, secrets_in

_RULES = "3"  # raise it when this module decides otherwise

# What these forms mean in logs and shells, they do not mean in source code: a message or a usage text holds them.
_NOT_IN_CODE = frozenset({"cookie", "curl-user", "command-flag"})

# Words that say that a value stands for a secret and is none. They are looked for in the value, and in a URL's also in
# what stands around it; the documentation of the providers uses EXAMPLE, and test keys of Stripe begin with sk_test_.
_STANDS_FOR = re.compile(
    r"example|sample|dummy|fake|mock|placeholder|change[-_ ]?me|replace|insert|enter|your|my[-_]|<|>|\bfoo|\bbar\b|"
    r"redacted|xxx|\.\.\.|\*\*\*|todo|none|null|undefined|1234|abcdef|qwerty|deadbeef|_test_|test|secret|password|"
    r"passw|token|letmein$|hunter2|admin|username|\buser\b|don'?t[-_ ]?use",
    re.IGNORECASE,
)
# What the claims of a token say that was made up: the words of RFC 7519, of jwt.io and of whoever tries a library out.
_MADE_UP = re.compile(r"\bfoo\b|\bj(?:oh|a)ne? doe\b|1234567890|\bexample\b|\"test\"", re.IGNORECASE)
_LOCAL = re.compile(
    r"@(?:localhost|127\.|0\.0\.0\.0|\[::1\]|[\w.-]*\.?(?:example|test|invalid|local)\b|host\b|db\b)", re.I
)

# A value that names something: words, a path, a dotted or hyphened name, a format, a sentence, an address.
_NAMES_SOMETHING = re.compile(
    r"[A-Za-z]+(?:[ _.:/@-]+[A-Za-z]+)*[:=]?|[A-Za-z_$][\w$]*(?:[.:/-][\w$]+)+|[/~.%\\].*|.*[{}()\[\]%\s].*|\w+://.*|#\w+"
)
# What documentation shows is an example: all nine that 6,307 files of well-kept packages have there were. A provider's
# own form is not among them, for who makes one up follows none.
_SHOWN = frozenset({"private-key", "jwt", "url-credentials", "assignment", *(rule.name for rule in HEADER_RULES)})
_DOC_COMMENT = re.compile(r"/\*\*|///|//!")
_SAYS_EXAMPLE = re.compile(r"\b(?:examples?|e\.g|for instance|such as|usage|looks? like)\b|>>>", re.IGNORECASE)
_MAX_COMMENTS = 20  # of one block of comments, above the one in question

_MIN_LENGTH = 8
_MIN_ENTROPY = 3.0  # bits a character; of ten different characters it is 3.3, of random hexadecimal 3.5 to 4
_STRONG = ("pass", "pwd", "secret", "private", "credential", "api", "access", "encrypt", "signing", "auth", "account")


class Secrets:
    name = "secrets"
    family: Family = "security"
    languages = frozenset(LANGUAGES)
    is_lasting = True

    def version(self) -> str:
        rules = [(rule.name, rule.pattern.pattern) for rule in (*VENDOR_RULES, *HEADER_RULES, ASSIGNMENT)]
        return version_of("secrets", _RULES, rules, _STANDS_FOR.pattern, _NAMES_SOMETHING.pattern, _MIN_ENTROPY)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread = ask_child(__name__, batch, folder, limits)
        reason = "not applicable: no secret stands in it, which says nothing of the rest"
        return votes_from(batch, findings, unread=unread, unsure=dict.fromkeys(batch["unit"].to_list(), reason))


def inspect(language: str, file: str, content: bytes) -> Seen:
    """Every secret of a file, and what only looks like one; runs in the child."""
    text = content.decode("utf-8", "replace")
    starts = [0, *(at.end() for at in re.finditer("\n", text))]
    found: dict[tuple[int, int], Found] = {}
    for rule, match, (start, end) in secrets_in(text):
        if rule.name in _NOT_IN_CODE:
            continue
        is_secret, why = _weighed(rule.name, match, text[start:end])
        if is_secret and rule.name in _SHOWN and _is_shown(language, file, text, start, end):
            is_secret, why = False, f"{why}, in its documentation, where it is taken for an example"
        if why:
            lines = bisect_right(starts, start), bisect_right(starts, max(start, end - 1))
            # the vendors' forms come first, and say more than the name of a variable
            found.setdefault(
                lines, Found(f"secret-{rule.name}", "high" if is_secret else "low", *lines, why, is_secret)
            )
    return list(found.values()), None


def _weighed(rule: str, match: re.Match[str], value: str) -> tuple[bool, str | None]:
    """Whether what looks like a secret is one, and what is said of it; None if it is not worth a word.

    The secret itself is never told."""
    if rule == "private-key":
        return True, "a private key stands in the source"
    if rule == "url-credentials":
        around = match.string[max(0, match.start() - 20) : match.end() + 40]
        if _LOCAL.search(around) or not _is_random(value):
            return False, None
        return True, "an address with its password stands in the source"
    if rule in {"assignment", "authorization", "bearer"}:
        return _named(rule, match, value)
    is_made_up = rule == "jwt" and _MADE_UP.search(_claims(value)) is not None
    if is_made_up or _stands_for(value) or entropy(value) < _MIN_ENTROPY:
        return False, f"it has the form of a secret ({rule}), and looks like one made up for an example"
    return True, f"a secret stands in the source ({rule})"


def _claims(token: str) -> str:
    """What a JSON Web Token says, as JSON: its second part (RFC 7519); empty where that is none."""
    part = token.split(".")[1]
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
    except ValueError:
        return ""


def _named(rule: str, match: re.Match[str], value: str) -> tuple[bool, str | None]:
    """Of a value that has no form of its own: what it is put into says that it is a secret, and it must look so."""
    if rule == "assignment" and match.group("quoted") is None:
        return False, None  # an expression, a type, a default in prose
    if not _is_random(value):
        return False, None
    if rule != "assignment":
        return True, "a header that proves who one is stands in the source"
    name = match.group("name").lower()
    is_strong = name.startswith(_STRONG) or (len(value) >= 20 and entropy(value) >= 3.5)
    return is_strong, f"{match.group('name')} is given a value that stands in the source"


def _is_random(value: str) -> bool:
    """Whether a person would not have chosen it as a name, a word or an example."""
    return (
        len(value) >= _MIN_LENGTH
        and entropy(value) >= min(_MIN_ENTROPY, math.log2(len(value)) - 0.5)  # a short one cannot have more
        and any(character.isdigit() for character in value)
        and _NAMES_SOMETHING.fullmatch(value) is None
        and not _stands_for(value)
    )


def _stands_for(value: str) -> bool:
    return _STANDS_FOR.search(value) is not None


def _is_shown(language: str, file: str, text: str, start: int, end: int) -> bool:
    """Whether a part of a text stands in a docstring, a doc comment or a comment that speaks of an example."""
    grammar = grammar_of(file) or min(LANGUAGES[language].grammars)
    root = get_parser(grammar).parse(text.encode()).root_node  # type: ignore[arg-type]
    first = len(text[:start].encode())
    node: Node | None = root.descendant_for_byte_range(first, first + len(text[start:end].encode()))
    while node is not None:
        if "comment" in node.type:
            said = node.text.decode() if node.text else ""
            return _DOC_COMMENT.match(said) is not None or _SAYS_EXAMPLE.search(_block(node)) is not None
        if node.type == "string" and language == "python":
            return node.parent is not None and node.parent.type in {"module", "block", "expression_statement"}
        node = node.parent
    return False


def _block(comment: Node) -> str:
    """A comment and those right above it, as one text."""
    lines: list[str] = []
    node = comment
    while len(lines) < _MAX_COMMENTS:
        lines.append(node.text.decode() if node.text else "")
        above = node.prev_sibling
        if above is None or "comment" not in above.type or above.end_point[0] + 1 < node.start_point[0]:
            break
        node = above
    return "\n".join(reversed(lines))
