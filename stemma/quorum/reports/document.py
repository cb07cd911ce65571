"""The frame of a page: one file that needs nothing else, runs nothing, and may load nothing.

What stands in it is written in `page` and `chart`; its style is `page.css` beside this.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from stemma.readable import readable

MAX_CHARS = 500


def document(title: str, body: Iterable[str]) -> str:
    """A whole HTML document; `title` is quoted here, and `body` was."""
    style = (files("stemma.quorum.reports") / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        f"<title>{text(title)}</title><style>{style}</style></head><body><main>",
        *body,
        "</main></body></html>\n",
    )
    return "".join(parts)


def text(value: str | None) -> str:
    """Text that is not ours, for an element or an attribute."""
    return escape(readable(value, MAX_CHARS))


def breakable(value: str) -> str:
    """A path or name that may go on on the next line after its parts."""
    return text(value).replace("/", "/<wbr>").replace(".", ".<wbr>").replace("_", "_<wbr>")
