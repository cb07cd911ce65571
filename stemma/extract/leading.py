"""The comments of a file: what stands before a definition and belongs to it, with its attributes; what is inside it.

What they say is read in `documentation`; the docstrings of Python are found in `definitions`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from tree_sitter import Node

from stemma.extract.documentation import NOTHING, Said, in_comments
from stemma.languages import NEVER

_LINE_BYTES = 1_000
_INNER_COMMENTS = (b"//!", b"/*!<", b"///<", b"#!")  # they speak of what is around or before them
_BEFORE_COMMENTS = (b"#[", b"@", b"{")  # an attribute, or the bracket that opens a list


class Leading:
    """The comments and attributes of a file, by where they end; and the remarks, strings that are comments."""

    def __init__(self, nodes: list[Node], remarks: list[Node], source: bytes, lead_in: re.Pattern[str]) -> None:
        nodes.sort(key=lambda node: node.end_byte)
        comments = [node for node in nodes if "comment" in node.type]
        self._spans = sorted([(node.start_byte, node.end_byte) for node in (*comments, *remarks)])
        self._span_starts = [start for start, _ in self._spans]
        self._nodes = nodes
        self._ends = [node.end_byte for node in nodes]
        self._source = source
        self._lead_in = lead_in

    def before(self, start: int) -> tuple[list[Node], list[Node]]:
        """The attributes that belong to the definition that starts there, and the comments right before it."""
        start = self._anchor(start)
        attributes: list[Node] = []
        comments: list[Node] = []
        position = bisect_right(self._ends, start) - 1
        while position >= 0:
            candidate = self._nodes[position]
            if not self._stands_before(candidate, start):
                break
            (attributes if "comment" not in candidate.type else comments).append(candidate)
            start = candidate.start_byte
            position -= 1
        return attributes[::-1], comments[::-1]

    def without_comments(self, start: int, end: int) -> bytes:
        """The source from `start` to `end`, each comment in it a space."""
        parts: list[bytes] = []
        for position in range(bisect_right(self._ends, start), len(self._ends)):
            node = self._nodes[position]
            if node.start_byte >= end:
                break
            if node.start_byte >= start and "comment" in node.type:
                parts += [self._source[start : node.start_byte], b" "]
                start = min(node.end_byte, end)
        return b"".join([*parts, self._source[start:end]])

    def inside(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where the comments and remarks from `start` to `end` begin and end, in order."""
        return self._spans[bisect_left(self._span_starts, start) : bisect_left(self._span_starts, end)]

    def said(self, comments: list[Node]) -> Said:
        """What the comments say together."""
        if not comments:
            return NOTHING
        return in_comments([self._source[node.start_byte : node.end_byte].rstrip() for node in comments])

    def _stands_before(self, node: Node, start: int) -> bool:
        """Alone on its lines, and with no blank line between it and `start`."""
        if start - node.end_byte > _LINE_BYTES:
            return False
        tail = self._source[max(node.end_byte - 2, node.start_byte) : node.end_byte]  # some end with their line's end
        gap = tail[len(tail.rstrip()) :] + self._source[node.end_byte : start]
        if gap.strip() or gap.count(b"\n") > 1 or self._source.startswith(_INNER_COMMENTS, node.start_byte):
            return False
        before = self._line_before(node.start_byte).strip()
        return not before or before.startswith(_BEFORE_COMMENTS)

    def _anchor(self, start: int) -> int:
        if self._lead_in.pattern == NEVER:
            return start
        lead = self._lead_in.search(self._line_before(start).decode("utf-8", "replace"))
        return start - len(lead.group().encode()) if lead else start

    def _line_before(self, start: int) -> bytes:
        """The line up to `start`: at most a thousand bytes of it, for a file may be one line."""
        reach = max(0, start - _LINE_BYTES)
        return self._source[max(self._source.rfind(b"\n", reach, start) + 1, reach) : start]
