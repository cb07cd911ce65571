"""The members of the quorum, one module each.

What they have in common lives in `base`; how they are asked, in `stemma.quorum.ask`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the children that members start import this package, and need a second more for these
    from stemma.config import Settings
    from stemma.quorum.members.base import Member
    from stemma.store.postgres import Database


def open_members(settings: Settings | None = None, database: Database | None = None) -> tuple[Member, ...]:
    """Every member that has a seat, in the order in which verdicts name them.

    Args:
        settings: members that are set up there have a seat only with them.
        database: members that look at the history of a text have a seat only where it is kept.
    """
    from stemma.quorum.members.bandit import Bandit
    from stemma.quorum.members.documentation import Documentation
    from stemma.quorum.members.history import History
    from stemma.quorum.members.lizard import Lizard
    from stemma.quorum.members.logic import Logic
    from stemma.quorum.members.mypy import Mypy
    from stemma.quorum.members.packs import Packs
    from stemma.quorum.members.parse import Parse
    from stemma.quorum.members.ruff import Ruff
    from stemma.quorum.members.secrets import Secrets
    from stemma.quorum.members.tests import Tests
    from stemma.quorum.members.vulture import Vulture

    of_text: tuple[Member, ...] = (
        Parse(),
        Ruff(),
        Mypy(),
        Bandit(),
        Packs("security"),
        Secrets(),
        Packs("correctness"),
        Logic(),
        Lizard(),
        Vulture(),
        Documentation(),
    )
    if settings is not None and settings.compliance_packs:
        from stemma.quorum.members.compliance import Compliance

        of_text = (*of_text, Compliance(settings.compliance_packs))
    return of_text if database is None else (*of_text, Tests(database), History(database))
