"""What the clone benchmark says of its mutants is true of them, and its counting is right."""

from __future__ import annotations

import json
import random
from difflib import SequenceMatcher

import numpy as np
import polars as pl
import pytest

from bench.clones import bigclonebench, edits, fit, layout, renaming, scoring
from bench.clones.detection import Classes, flags
from bench.clones.examples import FEATURES, MADE, NATURAL, Examples
from bench.clones.functions import patterns_of
from bench.clones.sets import FUNCTIONS, PAIRS, CloneSet
from bench.clones.syntax import parse, tokens
from stemma.match.calibration import read_calibration

FUNCTION = {
    "python": b'''def total(orders, rate=2):
    """Sum of what was ordered."""
    # first the open ones
    found = [order for order in orders if order.is_open]
    amount = 0
    for order in found:
        amount += order.price * rate
        if order.price > 100:
            print(f"large {order.name}", "order")
    label = "sum of it"
    result = (label, amount + 17)
    return result
''',
    "java": b"""public class Wrapped {
    int total(List<Order> orders, int rate) {
        // first the open ones
        int amount = 0;
        for (Order order : orders) {
            amount += order.price() * rate;
            if (order.price() > 100) {
                System.out.println("large order");
            }
        }
        String label = "sum of it";
        log(label, amount + 17);
        return amount;
    }
}
""",
    "javascript": b"""function total(orders, rate) {
  // first the open ones
  let amount = 0;
  for (const order of orders) {
    amount += order.price * rate;
    if (order.price > 100) {
      console.log(`large ${order.name}`, "order");
    }
  }
  const label = "sum of it";
  log(label, amount + 17);
  return amount;
}
""",
    "typescript": b"""function total(orders: Order[], rate: number): number {
  // first the open ones
  let amount = 0;
  for (const order of orders) {
    amount += order.price * rate;
    if (order.price > 100) {
      console.log(`large ${order.name}`, "order");
    }
  }
  const label: string = "sum of it";
  log(label, amount + 17);
  return amount;
}
""",
    "go": b"""func total(orders []Order, rate int) int {
	// first the open ones
	amount := 0
	for _, order := range orders {
		amount += order.Price * rate
		if order.Price > 100 {
			fmt.Println("large order", order.Name)
		}
	}
	label := "sum of it"
	log(label, amount+17)
	return amount
}
""",
    "rust": b"""fn total(orders: &[Order], rate: i32) -> i32 {
    // first the open ones
    let mut amount = 0;
    for order in orders {
        amount += order.price * rate;
        if order.price > 100 {
            println!("large {}", order.name);
        }
    }
    let label = "sum of it";
    log(label, amount + 17);
    return amount;
}
""",
    "c": b"""int total(struct order *orders, int rate) {
    /* first the open ones */
    int amount = 0;
    for (int i = 0; i < rate; i++) {
        amount += orders[i].price * rate;
        if (orders[i].price > 100) {
            printf("large order");
        }
    }
    char *label = "sum of it";
    report(label, amount + 17);
    return amount;
}
""",
}
WORDS = [b"alpha", b"beta", b"gamma", b"delta", b"omega", b"Sigma", b"Kappa", b"Lambda", b"Theta", b"Omicron", b"iota"]
BANK = {
    "python": [(b"check(value)", 4), (b"other = start(1, 2)", 8)],
    **{
        name: [(b"check(value);", 5), (b"start(one, 2);", 7)]
        for name in ("java", "javascript", "typescript", "c", "rust")
    },
    "go": [(b"check(value)", 4), (b"start(one, 2)", 6)],
}


def forms(language: str, *texts: bytes) -> pl.DataFrame:
    return patterns_of(dict(enumerate(texts)), language).sort("function_id")


@pytest.mark.parametrize("language", FUNCTION)
def test_every_layout_operator_leaves_the_token_form_as_it_was(language: str) -> None:
    original = FUNCTION[language]
    mutants = [
        changed
        for seed in range(3)
        for operator in layout.OPERATORS.values()
        if (changed := operator(language, original, random.Random(seed))) != original
        and layout.is_type_1(language, original, changed)
    ]
    assert len(mutants) >= 10
    assert forms(language, original, *mutants)["token_hash"].n_unique() == 1


@pytest.mark.parametrize("language", FUNCTION)
def test_a_consistently_renamed_mutant_keeps_its_pattern_id_and_no_name(language: str) -> None:
    original = FUNCTION[language]
    for kind in sorted(renaming.CONSISTENT):
        made = (renaming.rename(language, original, random.Random(seed), WORDS, kind) for seed in range(9))
        mutant = next(filter(None, made))  # Go reads some names otherwise: such a mutant is thrown away
        found = forms(language, original, mutant)
        assert found["pattern_id"].n_unique() == 1, kind
        assert found["token_hash"].n_unique() == 2, kind
        assert kind in (renaming.PARTLY, renaming.LITERALS) or b"amount" not in mutant


def test_a_function_renamed_here_and_there_has_another_pattern_id() -> None:
    mutant = renaming.rename("java", FUNCTION["java"], random.Random(1), WORDS, renaming.ARBITRARY)
    assert mutant is not None
    assert forms("java", FUNCTION["java"], mutant)["pattern_id"].n_unique() == 2


def test_a_changed_token_is_no_type_1_and_a_changed_operator_no_type_2() -> None:
    original = FUNCTION["java"]
    assert not layout.is_type_1("java", original, original.replace(b"17", b"18"))
    assert renaming.is_type_2("java", original, original.replace(b"17", b"18"))
    assert not renaming.is_type_2("java", original, original.replace(b"+ 17", b"- 17"))


@pytest.mark.parametrize("language", FUNCTION)
@pytest.mark.parametrize("level", [0.1, 0.3, 0.5])
def test_an_edited_mutant_differs_by_no_more_than_its_strength(language: str, level: float) -> None:
    original = FUNCTION[language]
    before = [token.text for token in tokens(parse(language, original))]
    n_made = 0
    for seed in range(8):
        edited = edits.edit(language, original, random.Random(seed), level, BANK[language])
        if edited is None:
            continue
        n_made += 1
        after = [token.text for token in tokens(parse(language, edited.text))]
        same = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
        assert abs(edited.strength - level) <= edits.TOLERANCE * level
        # What is touched is taken out, put in, or both; edits inside a statement may add a few tokens to it.
        assert len(before) - same <= edited.strength * len(before) + 1e-9
        assert 0 < len(before) + len(after) - 2 * same <= (2 * edited.strength + 0.2) * len(before)
    assert n_made >= 3


def test_the_strength_of_a_deletion_is_the_share_of_tokens_gone() -> None:
    language, original = "java", FUNCTION["java"]
    n = len(tokens(parse(language, original)))
    for seed in range(60):
        edited = edits.edit(language, original, random.Random(seed), 0.1, BANK[language])
        if edited is not None and edited.operators == (edits.DELETE,):
            assert edited.strength == (n - len(tokens(parse(language, edited.text)))) / n
            return
    pytest.fail("no seed deleted and did nothing else")


def test_the_same_seed_makes_the_same_mutants() -> None:
    made = [
        (
            layout.relayout("go", FUNCTION["go"], random.Random(5)),
            renaming.rename("go", FUNCTION["go"], random.Random(5), WORDS, renaming.BOTH),
            edits.edit("go", FUNCTION["go"], random.Random(5), 0.3, BANK["go"]),
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_pairs_of_odd_ids_and_of_weak_labels_are_not_read() -> None:
    labels = "6\n4,2,1,0\n2,6,1,1\n2,8,1,2\n2,10,1,3\n3,2,1,0\n2,12,0,5\n"
    found = bigclonebench._pairs(labels)
    assert found.select("a", "b", "kind", "is_clone").rows() == [
        (2, 4, "T1", True),
        (2, 6, "T2", True),
        (2, 8, "ST3", True),
        (2, 12, "negative", False),
    ]


def pairs_of(*rows: tuple[int, int, bool, str, float | None]) -> pl.DataFrame:
    filled = [(a, b, is_clone, kind, "", level, level, "p") for a, b, is_clone, kind, level in rows]
    return pl.DataFrame(filled, schema=PAIRS, orient="row")


def test_rates_are_as_counted_by_hand() -> None:
    pairs = pairs_of(
        (1, 2, True, "T1", None), (1, 3, True, "T3", 0.3), (1, 4, True, "T3", 0.5), (1, 5, True, "T3", 0.3),
        (1, 6, False, "random", None), (1, 7, False, "random", None),
    )  # fmt: skip
    found = scoring.scored(pairs, pl.Series([True, True, False, False, True, False]))
    assert found[scoring.CLONES] == {
        "pairs": 4,
        "found": 2,
        "precision": 2 / 3,
        "recall": 0.5,
        "f1": pytest.approx(4 / 7),
    }
    assert found["T3 up to 30 %"]["recall"] == 0.5
    assert found["T3 above 30 %"]["f1"] is None
    assert found["by strength"]["T3 50%"]["recall"] == 0
    assert found["negatives"] == {"random": {"pairs": 2, "found": 1}}


def test_reports_count_in_either_order_and_a_chain_of_them_is_a_class() -> None:
    clones = CloneSet(
        "two", {}, pl.DataFrame(schema=FUNCTIONS), pairs_of((1, 2, True, "T1", None), (1, 3, True, "T1", None))
    )
    assert flags(clones, [(2, 1), (2, 3)]).to_list() == [True, False]
    classes = Classes()
    classes.join(1, 2)
    classes.join(3, 2)
    assert classes.are_one(1, 3)
    assert not classes.are_one(1, 4)
    assert not classes.are_one(8, 9)


def made_up(n: int) -> Examples:
    """Candidates of which those alike are clones, in truth and by design; every feature but the first is noise."""
    rng = np.random.default_rng(3)
    features = rng.random((n, len(FEATURES)))
    is_clone = features[:, 0] + rng.normal(0, 0.01, n) > 0.7
    source = np.where(np.arange(n) % 2 == 0, NATURAL, MADE)
    package = np.array([f"package {i % 20}" for i in range(n)])
    return Examples(
        features, is_clone, np.ones(n), source, np.where(is_clone, "ST3", "other"), package, "prior", ["s"], {}
    )


def test_the_fit_finds_what_tells_clones_and_its_file_is_read() -> None:
    platt = dict.fromkeys("abcde", -1.0)
    rule = {"lexical_below": 0.15, "structural_from": 0.65, "platt": platt, "threshold": 0.999}
    meaning = {"embedder": "x", "platt": dict.fromkeys("abc", -1.0), "threshold": 0.8}
    found = fit.calibration(made_up(4_000), (rule, {"recall": 1.0}), (meaning, {"read": 3}), "command")
    read = read_calibration(json.dumps(found))
    assert read.rule_for("x") is not None
    assert found["provenance"]["figures"]["semantic"] == {"read": 3}
    assert read.renamed.lexical_below == 0.15
    assert found["provenance"]["figures"]["renamed"] == {"recall": 1.0}
    assert sum(read.weights.values()) == pytest.approx(1, abs=1e-3)
    assert min(read.weights.values()) >= 0
    assert read.weights["structural"] > 0.8
    assert found["provenance"]["figures"]["constructed_precision"] >= fit.PRECISION
    assert found["provenance"]["figures"]["expected_calibration_error"] < 0.05


def test_no_package_is_both_learned_from_and_held_out() -> None:
    data = made_up(400)
    folds = data.fold(5)
    assert len(set(folds)) > 1
    for package in set(data.package):
        assert len(set(folds[data.package == package])) == 1
