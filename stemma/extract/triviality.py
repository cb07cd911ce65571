"""Which contents are too small or too common a shape for their equality to mean anything.

The shape is the structure of the normal form, so one pattern is trivial wherever it stands; see `normal_form`.
"""

from __future__ import annotations

from stemma.extract.contents import Content

TRIVIAL_TOKENS = 30
"""Below this a pattern is a getter, a setter or a one-liner: too small for its equality to mean anything."""


def trivial_reason(kind: str, content: Content) -> str | None:
    """Why a content of that kind of definition is trivial; None when it is not."""
    if len(content.tokens) < TRIVIAL_TOKENS:
        return "tiny"
    return None
