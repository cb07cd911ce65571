"""`stemma doctor` shows which outside services are left alone, and lets them be asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemma.remote import Breaker, Memory
from stemma.remote.memory import FILE
from tests.cli.conftest import Stemma


class NoAnswerError(Exception):
    pass


def test_an_open_breaker_is_shown_and_reset(stemma: Stemma, tmp_path: Path) -> None:
    def fail() -> None:
        raise NoAnswerError("answered 503: overloaded")

    breaker = Breaker(Memory(tmp_path / "data" / FILE, 1 << 20), "analyser http://h/x", NoAnswerError, failures=1)
    with pytest.raises(NoAnswerError):
        breaker.call(fail)
    shown = " ".join(stemma("doctor").out.split())
    assert "breaker of analyser http://h/x: open since" in shown
    assert "answered 503: overloaded Mend the service, then: stemma doctor --reset-breakers" in shown
    found = stemma("doctor", "--json", "--reset-breakers").json
    assert not [finding for finding in found if finding["what"].startswith("breaker")]
    assert breaker.look().state == "closed"
