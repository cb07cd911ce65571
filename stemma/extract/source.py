"""A file's bytes as the parser takes them, and why some files are not parsed at all.

What is done with them lives in `extractor`.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

BINARY_PROBE_BYTES = 8_000  # git's own rule: a NUL among them makes a file binary
MINIFIED_BYTES = 20_000
MINIFIED_BYTES_PER_LINE = 500


@dataclass(frozen=True)
class Source:
    """Text to parse, or the reason not to: `binary`, `minified`, `too_large`, `bad_encoding`."""

    text: bytes
    n_lines: int
    reason: str | None


def prepare(content: bytes, max_bytes: int) -> Source:
    """Make a file's content ready for the parser.

    UTF-16 with a byte order mark becomes UTF-8 (offsets are then those of the UTF-8 text). Bytes that are not UTF-8
    stay as they are: the parser steps over them. A NUL that does not make the file binary becomes a space, as parsers
    take it for the end. A file over 20 kB with more than 500 bytes a line is a build product or data, not source.
    """
    if len(content) > max_bytes:
        return Source(b"", _count_lines(content), "too_large")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeDecodeError:
            return Source(b"", _count_lines(content), "bad_encoding")
    if b"\0" in content[:BINARY_PROBE_BYTES]:
        return Source(b"", _count_lines(content), "binary")
    n_lines = _count_lines(content)
    if len(content) > MINIFIED_BYTES and len(content) > MINIFIED_BYTES_PER_LINE * n_lines:
        return Source(b"", n_lines, "minified")
    return Source(content.replace(b"\0", b" "), n_lines, None)


def _count_lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") if content else 0)
