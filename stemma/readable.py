"""Text of a repository made fit to be shown: on one line, cut, without what cannot be seen or turns writing round.

How it is then quoted, for HTML, Markdown or a graph's language, is known where that is written.
"""

from __future__ import annotations

import re

MAX_CHARS = 120
# Control characters, and those that turn the direction of writing round (CVE-2021-42574): in a picture or on a page,
# as on a terminal, they would let code read as what it is not. Half a surrogate pair is no text that can be written.
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def readable(text: str | None, max_chars: int = MAX_CHARS) -> str:
    """The text on one line, what cannot be seen replaced; nothing of it is quoted yet."""
    plain = _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", (text or "").replace("\n", " ").replace("\t", " "))
    return plain if len(plain) <= max_chars else plain[: max_chars - 1] + "…"
