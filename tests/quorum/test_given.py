"""Code that was never indexed, judged without a database."""

from __future__ import annotations

from pathlib import Path

from stemma.config import Settings
from stemma.quorum.given import GIVEN_TEXTS, poll_given
from stemma.quorum.poll import SIGNED_VOTES
from tests.quorum.conftest import Stub, function

NO_DATABASE = Settings(data_dir=Path("/nonexistent"), workers=1)


def test_every_definition_is_voted_on_trivial_ones_too() -> None:
    text = function("f") + "\n\ndef tiny():\n    pass\n"
    polled = poll_given([("a.py", text.encode())], NO_DATABASE, [Stub()])
    assert polled.texts.schema == GIVEN_TEXTS
    assert polled.texts.select("name", "is_trivial").rows() == [("f", False), ("tiny", True)]
    assert polled.votes.schema == SIGNED_VOTES
    assert polled.votes["vote"].to_list() == ["pass", "pass"]
    assert polled.seated_votes["family"].unique().to_list() == ["security"]


def test_a_text_in_several_files_is_voted_on_once() -> None:
    member = Stub()
    files = [("b.py", b"x = 1\n\n\n" + function("f").encode()), ("a.py", function("f").encode())]
    polled = poll_given(files, NO_DATABASE, [member])
    assert (len(polled.texts), len(polled.votes), member.asked) == (2, 1, [["f"]])


def test_a_file_that_cannot_be_read_is_named_with_the_reason() -> None:
    files = [("a.py", b"\0\1\2"), ("b.txt", b"hello"), ("c.py", function("f").encode())]
    polled = poll_given(files, NO_DATABASE, [Stub()])
    assert polled.files.rows() == [
        ("a.py", "skipped", "binary"),
        ("b.txt", "unknown", "its name tells no language"),
        ("c.py", "parsed", None),
    ]
    assert polled.texts["name"].to_list() == ["f"]


def test_a_language_can_be_given_where_the_name_tells_none() -> None:
    polled = poll_given([("script", function("f").encode())], NO_DATABASE, [Stub()], grammars={"script": "python"})
    assert polled.votes["vote"].to_list() == ["pass"]


def test_nothing_given_is_nothing_judged() -> None:
    polled = poll_given([], NO_DATABASE, [Stub()])
    assert (len(polled.texts), len(polled.votes), len(polled.seated_votes)) == (0, 0, 0)


def test_many_files_are_put_in_batches() -> None:
    member = Stub()
    files = [(f"{n}.py", function(f"f{n}", n).encode()) for n in range(250)]
    polled = poll_given(files, NO_DATABASE, [member])
    assert [len(names) for names in member.asked] == [100, 100, 50]
    assert polled.votes["vote"].to_list() == ["pass"] * 250
