"""A calibration learned from one's own labels: when, at which share of fit code, and what it then lets pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.quorum import refit
from stemma.quorum.calibration import FILE, calibration_in_force, packaged
from stemma.quorum.evidence import SEATED_VOTES
from stemma.quorum.learning import learn
from stemma.quorum.refit import own_share, recalibrate
from stemma.quorum.rule import Rule
from stemma.quorum.scales import LABELLED
from stemma.quorum.verdicts import decide
from stemma.store.postgres import Database
from stemma.tables import labels, polars_schema, votes
from tests.quorum.conftest import Ingest, Stub, function

SEATS = {"safe": "security", "sound": "correctness", "shape": "structure", "age": "history"}
RULE = Rule(target_error=0.05)


class Sound(Stub):
    family = "correctness"


class Shape(Stub):
    family = "structure"


class Age(Stub):
    family = "history"


@pytest.fixture(autouse=True)
def seated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four members of four families, whose votes are written by hand."""
    members = [Stub(name="safe"), Sound(name="sound"), Shape(name="shape"), Age(name="age")]
    monkeypatch.setattr(refit, "open_members", lambda *_: members)


def drawn(n: int, share: float, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Votes and labels: `safe` and `sound` each fail 9 of 10 unfit texts and 1 of 50 fit ones, `shape` and
    `age` none."""
    random = np.random.default_rng(seed)
    is_fit = random.random(n) < share
    texts = pl.DataFrame({"pattern_id": [f"{seed}-{i:05}" for i in range(n)], "is_fit": is_fit})
    texts = texts.with_columns(exact_hash="pattern_id", group="pattern_id", source=pl.lit("outcome"))
    cast = []
    for member, family in SEATS.items():
        rate = np.where(is_fit, 0.02, 0.9) if member in ("safe", "sound") else 0.0
        fails = pl.Series(random.random(n) < rate)
        cast.append(
            texts.select(
                "pattern_id",
                "exact_hash",
                member=pl.lit(member),
                member_version=pl.lit("1"),
                family=pl.lit(family),
                vote=pl.when(fails).then(pl.lit("fail")).otherwise(pl.lit("pass")),
            )
        )
    told = pl.concat(cast).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in SEATED_VOTES.items() if name not in cast[0].columns
    )
    return told.select(SEATED_VOTES.names()), texts.select(LABELLED.names())


def plant(database: Database, cast: pl.DataFrame, labelled: pl.DataFrame, source: str = "outcome") -> None:
    """Write them as rows."""
    with database.transaction() as transaction, transaction.staged("planted", labelled.select("pattern_id")) as staged:
        transaction.execute(f"""
            INSERT INTO stemma.patterns (pattern_id, language, kind, name, signature, code, n_lines, n_tokens, shingles,
                sub_tokens, is_trivial, n_live, n_repositories, structure, extractor_version)
            SELECT pattern_id, 'python', 'function', 'f', 'f()', 'def f(): ...', 1, 9, '{{}}', '{{}}', false, 1, 1, '',
                '1' FROM {staged}
        """)
    now = datetime.now(UTC)
    database.insert(votes, cast.select(
        "pattern_id", "exact_hash", "member", "member_version", "vote", probability=pl.lit(None, pl.Float32),
        reason=pl.lit(None, pl.String), findings=pl.lit("[]"), seconds=pl.lit(None, pl.Float32),
        cost=pl.lit(None, pl.Float32), voted_at=pl.lit(now),
    ).select(list(polars_schema(votes))))  # fmt: skip
    label(database, labelled, source)


def label(database: Database, labelled: pl.DataFrame, source: str, by: str = "x") -> None:
    rows = labelled.select(
        "pattern_id", "exact_hash", "is_fit", label_id=pl.concat_str(pl.lit(f"{source} {by} "), "exact_hash"),
        source=pl.lit(source), labelled_by=pl.lit(by), reason=pl.lit(None, pl.String),
        labelled_at=pl.lit(datetime.now(UTC)),
    )  # fmt: skip
    database.insert(labels, rows.select(list(polars_schema(labels))))


# --- learned, or not -------------------------------------------------------------------------------------------------


def test_too_few_labels_keep_the_packaged_calibration(database: Database, settings: Settings) -> None:
    plant(database, *drawn(99, 0.5))
    found = recalibrate(database, settings)
    assert (found.is_learned, found.n_labelled) == (False, 99)
    assert found.reason.startswith("Too few labels: 99 texts with votes are labelled")
    assert calibration_in_force(settings) is packaged()


def test_without_any_label_it_says_so(database: Database, settings: Settings) -> None:
    assert recalibrate(database, settings).reason.startswith("Too few labels: 0 texts")


def test_own_outcomes_are_learned_and_let_clean_code_pass(database: Database, settings: Settings) -> None:
    plant(database, *drawn(3000, 0.95))
    clean = drawn(400, 0.95, seed=2)[0].filter((pl.col("vote") == "pass").all().over("pattern_id"))
    found = recalibrate(database, settings)
    assert found.is_learned, found.reason
    assert found.before and found.after and found.after["log_loss"] < found.before["log_loss"]
    known = calibration_in_force(settings)
    assert 0.93 < known.used.prior < 0.95
    assert "Wilson's lower bound" in known.provenance["figures"]["prior"]
    assert (decide(clean, RULE, known)["outcome"] == "accept").all()
    doubted = drawn(400, 0.95, seed=2)[0].filter((pl.col("vote") == "fail").any().over("pattern_id"))
    assert (decide(doubted, RULE, known).filter(pl.col("n_fail") == 2)["outcome"] != "accept").all()


def test_a_file_or_reviews_say_nothing_of_the_share_of_fit_code(database: Database, settings: Settings) -> None:
    plant(database, *drawn(2000, 0.95), source="file")
    assert recalibrate(database, settings).is_learned
    assert calibration_in_force(settings).used.prior == packaged().used.prior


def test_what_could_accept_nothing_does_not_take_the_place_of_what_can(database: Database, settings: Settings) -> None:
    """One in ten is unfit, and the votes do not tell which."""
    cast, labelled = drawn(1000, 0.9)
    plant(database, cast.with_columns(vote=pl.lit("pass")), labelled)
    found = recalibrate(database, settings)
    assert (found.is_learned, calibration_in_force(settings)) == (False, packaged())
    assert "nothing can be shown to be accepted" in found.reason


def test_learned_twice_it_is_the_same_file_also_another_day(database: Database, settings: Settings) -> None:
    plant(database, *drawn(1500, 0.9))
    recalibrate(database, settings)
    file = settings.data_dir / FILE
    first = file.read_text()
    recalibrate(database, settings)
    assert file.read_text() == first
    raw = json.loads(first)
    raw["provenance"]["date"] = "2020-01-01"
    earlier = json.dumps(raw, indent=2) + "\n"
    file.write_text(earlier)
    assert recalibrate(database, settings).is_learned
    assert file.read_text() == earlier


def test_what_is_broken_is_made_again(database: Database, settings: Settings) -> None:
    plant(database, *drawn(1500, 0.9))
    file = settings.data_dir / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff{")
    assert recalibrate(database, settings).is_learned
    assert calibration_in_force(settings).used.prior > 0.8


def test_killed_while_it_writes_the_old_one_stays(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(database, *drawn(1500, 0.9))
    recalibrate(database, settings)
    old = (settings.data_dir / FILE).read_bytes()
    label(database, drawn(1500, 0.9)[1].with_columns(is_fit=pl.col("is_fit") & (pl.int_range(pl.len()) > 15)), "file")

    def killed(path: Path, *_: object, **__: object) -> int:
        path.write_bytes(b'{"prior": ')
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        recalibrate(database, settings)
    assert (settings.data_dir / FILE).read_bytes() == old
    assert [file.name for file in settings.data_dir.iterdir()] == [FILE]


def test_labels_that_contradict_each_other_are_named_and_do_not_count(database: Database, settings: Settings) -> None:
    cast, labelled = drawn(120, 0.5)
    plant(database, cast, labelled, source="review")
    label(database, labelled.head(2).with_columns(~pl.col("is_fit")), "review", by="y")
    found = recalibrate(database, settings)
    assert found.n_labelled == 118
    assert [sentence.split(":")[0] for sentence in found.left_out] == [
        "Text 1-00000 of pattern 1-00000",
        "Text 1-00001 of pattern 1-00001",
    ]


# --- what it lets pass -----------------------------------------------------------------------------------------------


def test_what_is_accepted_at_the_measured_share_keeps_the_target_on_code_drawn_alike() -> None:
    """95 of 100 are fit; of ten draws of labels at two targets at most two may exceed it: confidence 0.9."""
    n_over = n_accepted = 0
    for seed in range(10, 20):
        cast, labelled = drawn(2000, 0.95, seed)
        prior = own_share(labelled["is_fit"]).prior
        known = learn(cast, labelled, prior=prior, provenance={}, base=packaged().answers)
        unseen, truth = drawn(4000, 0.95, seed + 1000)
        for target in (0.01, 0.05):
            verdicts = decide(unseen, Rule(target_error=target), known).filter(pl.col("outcome") == "accept")
            accepted = verdicts.join(truth, on=["pattern_id", "exact_hash"])
            n_accepted += accepted.height
            n_over += bool(accepted.height) and (~accepted["is_fit"]).sum() / accepted.height > target
    assert n_accepted > 10 * 3000
    assert n_over <= 2


@pytest.mark.parametrize(
    ("fit", "unfit", "prior"),
    [(0, 0, packaged().used.prior), (950, 50, 0.9313), (10, 90, 0.5), (100_000, 0, 0.99), (1, 0, 0.5)],
)
def test_the_share_is_the_lower_end_of_wilsons_interval_within_bounds(fit: int, unfit: int, prior: float) -> None:
    """950 of 1000, z 2.3263: (0.95 + 0.002706 - 2.3263 * sqrt(0.0000475 + 0.00000135)) / 1.005412 = 0.9313."""
    assert own_share(pl.Series([True] * fit + [False] * unfit, dtype=pl.Boolean)).prior == pytest.approx(
        prior, abs=1e-4
    )


def test_a_member_that_labels_forbid_to_hear_says_nothing() -> None:
    """Outcomes are read from history: a threshold found without its votes must not be reached by them."""
    cast, labelled = drawn(1000, 0.9)
    known = learn(cast, labelled, prior=0.9, provenance={}, base=packaged().answers)
    assert known.log_odds.filter(pl.col("member") == "age")["log_odds"].to_list() == [0.0] * 5
    alone, both = known.probabilities(cast.filter(pl.col("member") != "age")), known.probabilities(cast)
    assert alone["probability"].to_list() == pytest.approx(both["probability"].to_list())


# --- labels from a file ----------------------------------------------------------------------------------------------


@pytest.fixture
def ids(database: Database, ingest: Ingest) -> dict[str, tuple[str, str]]:
    ingest({"a.py": function("first") + "\n\n" + function("second", 777)})
    return {
        name: (pattern, text)
        for name, pattern, text in database.read("SELECT name, pattern_id, exact_hash FROM stemma.snippets").iter_rows()
    }


def told(database: Database) -> list[tuple[Any, ...]]:
    return database.read(
        "SELECT exact_hash, is_fit, source, labelled_by, reason FROM stemma.labels ORDER BY is_fit, exact_hash"
    ).rows()


def test_a_csv_is_read_and_each_broken_line_named(
    database: Database, settings: Settings, tmp_path: Path, ids: dict[str, tuple[str, str]]
) -> None:
    (pattern, first), (_, second) = ids["first"], ids["second"]
    file = tmp_path / "labels.csv"
    file.write_bytes(
        b"\xef\xbb\xbfpattern,exact_hash,is_fit,reason\n"
        + f'{pattern},{first},TRUE,"sound,\nand\u2028tested"\n{pattern},{second},0,\n'.encode()
        + f"{pattern},{first},perhaps,\n{pattern},{first}\n{pattern},0000000000,true,\n,,true,\n".encode()
        + b"\xff\x00,\xff,true,\n"
    )
    found = recalibrate(database, settings, file)
    assert (found.n_read, found.n_new) == (6, 2)
    assert list(found.left_out) == [
        "Line 5 of labels.csv is left out: is_fit is 'perhaps', neither true nor false.",
        "Line 6 of labels.csv is left out: it has 2 values for 4 columns.",
        f"Line 7 of labels.csv is left out: No text 0000000000 of pattern {pattern[:10]} is known.",
        "Line 8 of labels.csv is left out: it names no place, and no pattern and exact_hash.",
        "Line 9 of labels.csv is left out: No text \ufffd of pattern \ufffd is known.",
    ]
    assert told(database) == [
        (second, False, "file", "labels.csv", None),
        (first, True, "file", "labels.csv", "sound, and tested"),
    ]
    assert recalibrate(database, settings, file).n_new == 0


def test_jsonl_is_read_and_each_broken_line_named(
    database: Database, settings: Settings, tmp_path: Path, ids: dict[str, tuple[str, str]]
) -> None:
    (pattern, first), (_, second) = ids["first"], ids["second"]
    named = {"pattern": pattern, "exact_hash": first}
    lines = [
        json.dumps({**named, "is_fit": True, "labelled_by": "Ann\0\ud800", "reason": 7}),
        json.dumps({"pattern": pattern, "exact_hash": second, "is_fit": "unfit"}),
        "{broken",
        "",
        "[1]",
        "[" * 100_000,
        json.dumps({**named}),
        json.dumps({"place": ["x\0\ud800"], "is_fit": 1}),
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(lines))
    found = recalibrate(database, settings, file)
    assert (found.n_read, found.n_new) == (4, 2)
    said = [sentence.removeprefix("Line ").replace(" of labels.jsonl is left out", "") for sentence in found.left_out]
    assert said[:4] == ["3: it is no JSON.", "5: it is no JSON object.", "6: it is no JSON.", "7: it has no is_fit."]
    assert [said[4][:2], len(said)] == ["8:", 5]
    assert told(database) == [(second, False, "file", "labels.jsonl", None), (first, True, "file", "Ann?", "7")]


def test_lines_that_contradict_each_other_are_named_together(
    database: Database, settings: Settings, tmp_path: Path, ids: dict[str, tuple[str, str]]
) -> None:
    pattern, first = ids["first"]
    file = tmp_path / "labels.csv"
    file.write_text(f"pattern,exact_hash,is_fit\n{pattern},{first},true\n{pattern},{first},false\n")
    found = recalibrate(database, settings, file)
    assert found.left_out == (f"Lines 2 and 3 of labels.csv contradict each other about text {first[:10]}: left out.",)
    assert told(database) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", b""), ("x.csv", b"place,fit\na,true\n"), ("x.jsonl", b"no\nJSON\n"), ("x.csv", None)],
)
def test_a_file_that_holds_no_labels_is_refused(
    database: Database, settings: Settings, tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=str(tmp_path / name)):
        recalibrate(database, settings, tmp_path / name)
