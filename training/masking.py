"""Code with its names replaced, for training and for measuring what is known of code when its names are gone.

The text stays code of the same language; comments go, for they speak of the names.
"""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["local", "all"]

_PIECE = re.compile(
    r'(?P<text>"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`(?:[^`\\]|\\.)*`)'
    r"|(?P<comment>/\*[\s\S]*?\*/|//[^\n]*)|(?P<hash>\#[^\n]*)|(?P<name>[^\W\d]\w*)"
)


def _distinct(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HASH_COMMENTS = {"python", "ruby", "php"}
_KEPT = _distinct(
    "if else elif for while return break continue try except finally raise def class lambda import from as with "
    "yield await async in is not and or None True False self pass del global nonlocal assert match case function "
    "var let const new this throw catch switch default typeof instanceof null undefined true false of extends "
    "export static super public private protected final void int long short byte char float double boolean bool "
    "unsigned signed struct enum union typedef sizeof goto do interface implements throws package func go defer "
    "chan map range select type fallthrough nil string error fn impl trait pub mut ref move loop use mod where "
    "unsafe crate dyn i8 i16 i32 i64 u8 u16 u32 u64 usize isize f32 f64 str uint8 uint16 uint32 uint64 int8 int16 "
    "int32 int64 float32 float64 rune auto template typename namespace using constexpr virtual override operator "
    "delete nullptr noexcept inline extern volatile register size_t begin end rescue ensure unless until module "
    "require then elsif echo array foreach abstract native synchronized transient number any never unknown "
    "readonly declare include define ifdef endif ifndef print"
)
PREFIXES = ("v", "var", "x", "id", "name", "a", "arg", "ident")


def _folded(name: str) -> str:
    """One name as snake case and as camel case."""
    return name.replace("_", "").lower()


def mask(code: str, language: str, name: str, level: Level, prefix: str = "v") -> str:
    """Rename consistently: at `local` the function's own name, its parameters and variables; at `all` every name.

    A local is told by its place: no member, not called, and not capitalised as types and constants are.
    """
    numbers: dict[str, str] = {}
    own = _folded(name.rsplit(".", 1)[-1].rsplit(":", 1)[-1])

    def replace(found: re.Match[str]) -> str:
        if found["text"]:
            return found["text"]
        if found["comment"] or found["hash"]:
            is_comment = bool(found["hash"]) == (language in _HASH_COMMENTS)
            return " " if is_comment else str(found.group())
        word = found["name"]
        if word in _KEPT:
            return str(word)
        if level == "local" and _folded(word) != own:
            before, after = code[max(0, found.start() - 2) : found.start()], code[found.end() : found.end() + 1]
            if before.endswith((".", "->", "::")) or after == "(" or word[0].isupper():
                return str(word)
        return numbers.setdefault(word, f"{prefix}{len(numbers)}")

    return _PIECE.sub(replace, code)
