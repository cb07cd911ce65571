"""What every outside service is asked through: one endpoint with retries, a breaker, and a durable memory.

What is asked, and what an answer means, lives in `embed` and `semantics`.
"""

from __future__ import annotations

from stemma.remote.breakers import Breaker, BreakerState
from stemma.remote.endpoint import AnswerError, Endpoint, LeftAloneError, Patience
from stemma.remote.memory import Memory, open_memory

__all__ = ["AnswerError", "Breaker", "BreakerState", "Endpoint", "LeftAloneError", "Memory", "Patience", "open_memory"]
