"""How verdicts are kept: one more where something changed, with what changed; and how the quorum stands after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl
import pytest

from stemma.config import Settings
from stemma.quorum import sitting
from stemma.quorum.calibration import FILE, packaged, write_calibration
from stemma.quorum.calibrators import Calibrator
from stemma.quorum.evidence import SIGNALS
from stemma.quorum.members.base import Member
from stemma.quorum.rule import Rule
from stemma.quorum.scope import TEXTS_IN_SCOPE
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.thresholds import Thresholds
from stemma.quorum.votes import update_votes
from stemma.quorum.worth import Scale
from stemma.store.postgres import Database
from stemma.tables import labels, polars_schema
from tests.quorum.conftest import Ingest, Stub, function


class Shape(Stub):
    family = "structure"


class Sound(Stub):
    family = "history"


class Judge(Stub):
    family = "judges"


def quorum(vote: str = "pass", tool_version: str = "safe 1.0 (rules 0a)") -> list[Member]:
    """Three families; the one for safety votes as told."""
    return [Stub(f"answer({vote!r})", tool_version, "safe"), Shape(name="shape"), Sound(name="sound")]


@pytest.fixture(autouse=True)
def known(settings: Settings) -> None:
    """A calibration under which three passes accept and one failure is open."""
    scale = Scale(0.5, Calibrator("platt"), {0.01: Thresholds(None, None), 0.05: Thresholds(0.95, 0.001)})
    learned = replace(
        packaged(),
        answers=pl.DataFrame(
            [
                (member, signal, unfit, fit)
                for member in ("safe", "shape", "sound", "judge")
                for signal, unfit, fit in zip(
                    SIGNALS, (4e6, 2e6, 2e6, 1e6, 1e6), (1e5, 1e5, 2e5, 2e6, 8e6), strict=True
                )
            ],
            schema=packaged().answers.schema,
            orient="row",
        ),
        rules=packaged().rules.clear(),
        scale=scale,
        used=scale,
    )
    write_calibration(learned, settings.data_dir / FILE)


def sit(database: Database, settings: Settings, members: list[Member], **options: object) -> dict[str, int]:
    update_votes(database, settings, members)
    return update_verdicts(database, settings, members, **{"judges": [], **options})


def history(database: Database) -> list[tuple[str, str | None]]:
    return database.read("SELECT outcome, changed FROM stemma.verdicts ORDER BY decided_at, exact_hash").rows()


def test_a_verdict_is_added_only_when_something_changed(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("first")})
    assert sit(database, settings, quorum()) == {"n_accept": 1, "n_reject": 0, "n_needs_review": 0, "n_changed": 0}
    assert sum(sit(database, settings, quorum()).values()) == 0
    assert sum(sit(database, settings, quorum(tool_version="safe 1.1 (rules 0a)")).values()) == 0
    changed = sit(database, settings, quorum("fail", "safe 2.0 (rules 0b)"))
    assert changed == {"n_accept": 0, "n_reject": 0, "n_needs_review": 1, "n_changed": 1}
    assert history(database) == [
        ("accept", None),
        ("needs_review", "From accept to needs_review: safe 2.0 now fails it."),
    ]


def test_two_texts_of_one_pattern_are_judged_apart(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("same", 1), "b.py": function("same", 777)})
    members = quorum()
    members[0] = Stub("open('votes.csv', 'w').write('unit,vote\\n' + ''.join(f\"{r['unit']},{'fail' if '777' in r['code'] else 'pass'}\\n\" for r in rows))", name="safe")  # fmt: skip  # noqa: E501
    assert sit(database, settings, members)["n_accept"] == 1
    assert database.read("SELECT count(DISTINCT pattern_id) AS n FROM stemma.verdicts").item() == 1
    assert sorted(outcome for outcome, _ in history(database)) == ["accept", "needs_review"]


def test_a_member_that_takes_or_leaves_its_seat_is_told(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("first")})
    sit(database, settings, quorum())
    sit(database, settings, [*quorum(), Sound(name="mypy", tool_version="mypy 1.0 (rules 0)")])
    sit(database, settings, quorum()[:2])
    assert [changed for _, changed in history(database)] == [
        None,
        "Still accept: mypy 1.0 now passes it.",
        "From accept to needs_review: mypy has no seat any more; sound has no seat any more.",
    ]


def test_another_calibration_adds_a_verdict_where_it_says_something_else(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("first")})
    sit(database, settings, quorum())
    before = database.read("SELECT rule_version, probability FROM stemma.verdicts").row(0)
    now = sitting.calibration_in_force(settings)
    near, far = (replace(now.used, calibrator=Calibrator("platt", offset=offset)) for offset in (0.001, -4.0))
    write_calibration(replace(now, used=near), settings.data_dir / FILE)  # within the same band
    assert sum(sit(database, settings, quorum()).values()) == 0
    after = database.read("SELECT rule_version, probability FROM stemma.verdicts").row(0)
    assert after[0] != before[0]  # confirmed, not added
    assert after[1] > before[1]
    write_calibration(replace(now, used=far), settings.data_dir / FILE)
    assert sit(database, settings, quorum())["n_needs_review"] == 1
    assert history(database)[-1][1] == "From accept to needs_review: another rule, calibration or set of labels."


def test_another_rule_decides_anew(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("first")})
    sit(database, settings, quorum())
    assert sit(database, settings, quorum(), rule=Rule(min_families=4))["n_needs_review"] == 1


def test_slices_together_cover_every_text(
    database: Database, settings: Settings, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest({"a.py": "\n\n".join(function(f"f{n}", n).replace("total", "t" * (n + 1)) for n in range(3))})
    ingest({"b.py": function("other").replace("+=", "*=")})
    monkeypatch.setattr(sitting, "_BOUNDARIES", sitting._BOUNDARIES.replace("% 20000", "% 1"))
    n_texts = database.read(f"SELECT count(*) FROM ({TEXTS_IN_SCOPE}) AS t").item()
    assert n_texts >= 4
    assert sit(database, settings, quorum())["n_accept"] == n_texts


def test_two_sittings_at_once_add_each_verdict_once(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": "\n\n".join(function(f"f{n}", n) for n in range(5))})
    update_votes(database, settings, quorum())

    def run(_: int) -> int:
        with Database(database.url) as own:
            return update_verdicts(own, settings, quorum(), judges=[])["n_accept"]

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, range(2))) == 5
    assert database.read("SELECT count(*) FROM stemma.verdicts").item() == 5


def test_without_a_text_there_is_nothing_to_decide(database: Database, settings: Settings) -> None:
    assert sum(update_verdicts(database, settings, quorum(), judges=[]).values()) == 0
    assert database.read("SELECT count(*) FROM stemma.sittings").item() == 0


# --- judges ----------------------------------------------------------------------------------------------------------


def test_judges_are_asked_only_about_what_a_quorum_left_open(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("clear"), "b.py": function("doubtful").replace("+=", "*=").replace("-=", "//=")})
    members = quorum()
    members[1] = Shape("open('votes.csv', 'w').write('unit,vote\\n' + ''.join(f\"{r['unit']},{'fail' if '//=' in r['code'] else 'pass'}\\n\" for r in rows))", name="shape")  # fmt: skip  # noqa: E501
    judge = Judge(name="judge")
    counts = sit(database, settings, members, judges=[judge])
    assert judge.asked == [["doubtful"]]
    assert counts["n_accept"] >= 1
    last = database.read("SELECT outcome, n_families, changed FROM stemma.verdicts ORDER BY decided_at DESC").row(0)
    assert last[1:] == (4, f"Still {last[0]}: judge (1) now passes it." if last[0] == "needs_review" else last[2])
    assert sit(database, settings, members, judges=[judge])["n_accept"] == 0
    assert judge.asked == [["doubtful"]]


def test_where_no_quorum_was_reached_no_judge_is_asked(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("first")})
    judge = Judge(name="judge")
    sit(database, settings, quorum()[:2], judges=[judge])
    assert judge.asked == []


# --- how the quorum stands -------------------------------------------------------------------------------------------


def label(database: Database, texts: list[tuple[str, str]], is_fit: bool) -> None:
    now = database.read("SELECT clock_timestamp() AS now").item()
    rows = [(f"{n:032x}" if is_fit else f"f{n:031x}", *text, is_fit, "file", "x.csv", None, now) for n, text in enumerate(texts)]  # fmt: skip  # noqa: E501
    database.insert(labels, pl.DataFrame(rows, schema=polars_schema(labels), orient="row"))


def texts_named(database: Database, prefix: str) -> list[tuple[str, str]]:
    return database.read(
        "SELECT DISTINCT pattern_id, exact_hash FROM stemma.snippets WHERE name LIKE $1 || '%' ORDER BY 2", (prefix,)
    ).rows()


BY_NAME = "open('votes.csv', 'w').write('unit,vote\\n' + ''.join(f\"{r['unit']},{'fail' if 'def bad' in r['code'] else 'pass'}\\n\" for r in rows))"  # fmt: skip  # noqa: E501


def test_a_sitting_says_how_the_quorum_stands(database: Database, settings: Settings, ingest: Ingest) -> None:
    """Two good texts, one bad; safe fails the bad one, the others pass all. Nine votes: 8 pass, 1 fail.

    Within the bad text 2 * 2 * 1 / 2 = 2 disagree; expected 2 * 8 * 1 / 8 = 2: alpha 0.
    """
    ingest({"a.py": function("good_a", 1), "b.py": function("good_b", 2), "c.py": function("bad", 3)})
    members = quorum()
    members[0] = Stub(BY_NAME, "safe 1.0 (rules 0a)", "safe")
    label(database, texts_named(database, "good"), is_fit=True)
    label(database, texts_named(database, "bad"), is_fit=False)
    sit(database, settings, members)
    row = database.read("SELECT * FROM stemma.sittings").row(0, named=True)
    assert (row["n_texts"], row["n_decided"], row["n_accept"], row["n_needs_review"]) == (3, 3, 2, 1)
    assert (row["n_changed"], row["n_labelled"], row["calibration_error"]) == (0, 3, None)
    assert row["alpha"] == pytest.approx(0.0, abs=1e-6)
    found = {member["member"]: member for member in database.read("SELECT * FROM stemma.sitting_members").to_dicts()}
    safe, shape = found["safe"], found["shape"]
    assert (safe["n_pass"], safe["n_fail"], safe["n_abstain"], safe["n_no_answer"]) == (2, 1, 0, 0)
    assert (safe["n_true_pass"], safe["n_false_pass"], safe["n_true_fail"], safe["n_false_fail"]) == (2, 0, 1, 0)
    assert (shape["n_true_pass"], shape["n_false_pass"], shape["n_true_fail"], shape["n_false_fail"]) == (2, 1, 0, 0)
    assert safe["sensitivity"] > shape["sensitivity"]
    assert safe["marginal_worth"] is None  # three labels are too few
    # Without safe nobody judges safety; without any other there are two families: all three texts stay open.
    assert (safe["n_decisive"], shape["n_decisive"]) == (2, 2)
    assert safe["seconds"] > 0
    assert safe["cost"] is None


def test_with_enough_labels_a_member_has_a_worth(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({f"{kind}{n}.py": function(f"{kind}{n}", n) for n in range(16) for kind in ("good", "bad")})
    members = quorum()
    members[0] = Stub(BY_NAME, "safe 1.0 (rules 0a)", "safe")
    label(database, texts_named(database, "good"), is_fit=True)
    label(database, texts_named(database, "bad"), is_fit=False)
    sit(database, settings, members)
    worth = dict(database.read("SELECT member, marginal_worth FROM stemma.sitting_members").rows())
    assert worth["safe"] > 0.3  # nats: it alone tells the halves apart
    assert worth["shape"] < 0  # what passes everything only adds false confidence here
    error = database.read("SELECT calibration_error FROM stemma.sittings").item()
    # By odds of 7.69 for a pass and 0.0962 for a failure: .9978 is stated where all are fit, .8505 where none is.
    assert error == pytest.approx((1 - 0.9978 + 0.8505) / 2, abs=0.0002)


def test_a_member_that_gave_no_answer_is_counted_as_silent(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("first")})
    members = [*quorum(), Sound("os.abort()", name="broken")]
    sit(database, settings, members)
    found = database.read(
        "SELECT n_abstain, n_no_answer, sensitivity FROM stemma.sitting_members WHERE member = 'broken'"
    )
    assert found.row(0) == (1, 1, None)


def test_an_opinion_of_no_answer_for_safety_keeps_it_from_being_accepted(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("first")})
    members = [*quorum(), Stub("os.abort()", name="broken")]
    assert sit(database, settings, members)["n_needs_review"] == 1
    assert "broken: no answer: " in database.read("SELECT reason FROM stemma.verdicts").item()
