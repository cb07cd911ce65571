"""The members of the quorum, one module each.

What they have in common lives in `base`; how they are asked, in `stemma.quorum.ask`.
"""

from __future__ import annotations

from stemma.quorum.members.base import Member


def open_members() -> tuple[Member, ...]:
    """Every member that has a seat, in the order in which verdicts name them."""
    from stemma.quorum.members.bandit import Bandit
    from stemma.quorum.members.lizard import Lizard
    from stemma.quorum.members.parse import Parse
    from stemma.quorum.members.ruff import Ruff
    from stemma.quorum.members.vulture import Vulture

    return (Parse(), Ruff(), Bandit(), Lizard(), Vulture())
