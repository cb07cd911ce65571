"""What a pattern is about: concepts, themes and domains, by an analyser behind one protocol.

What patterns are lives in `extract`; how alike two of them are, in `match`.
"""

from __future__ import annotations

from stemma.semantics.base import Analyser
from stemma.semantics.patterns import update_semantics

__all__ = ["Analyser", "update_semantics"]
