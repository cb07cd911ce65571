"""The figures of the clone benchmark as JSON and as Markdown tables. What is measured is said in `scoring`."""

from __future__ import annotations

from typing import Any

from bench import figures
from bench.clones.scoring import CLONES

_MORE = ("by strength", "by operator", "negatives")


def markdown(found: dict[str, Any]) -> str:
    told = found["machine"]
    lines = [
        "Clones found, by type: Stemma beside jscpd 5 and simple baselines, on the same functions in the same run.",
        f"Measured {told['at']} on {told['cores']} cores, load {told['load']}, by `python -m bench.clones FOLDER`. "
        "CPU seconds are of everything the row does; Stemma's are extraction + matching.",
        "",
    ]
    for name, part in found["sets"].items():
        lines += [f"## {name}", "", *_table(part["rows"]), "", *_strengths(part["rows"]), *_negatives(part["rows"])]
    reading = found["reading"]
    lines += ["## Read one by one", "", *reading["said"], ""]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    groups = [name for name in rows[0]["scores"] if name not in _MORE and name != CLONES]
    head = ["detector", "precision", "recall", "F1", *(f"recall {name}" for name in groups), "CPU s"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for row in rows:
        every = row["scores"][CLONES]
        cells = [_cell(every[name]) for name in ("precision", "recall", "f1")]
        cells += [_cell(row["scores"][name]["recall"]) for name in groups]
        lines.append(f"| {row['detector']} | {' | '.join(cells)} | {_cost(row['cpu_s'])} |")
    counts = ", ".join(f"{name} {rows[0]['scores'][name]['pairs']:,}" for name in groups)
    false = ", ".join(f"{name} {value['pairs']:,}" for name, value in rows[0]["scores"]["negatives"].items())
    return [*lines, "", f"Pairs: {counts}; negatives: {false}."]


def _strengths(rows: list[dict[str, Any]]) -> list[str]:
    strengths = list(rows[0]["scores"]["by strength"])
    operators = list(rows[0]["scores"]["by operator"])
    if not strengths:
        return []
    lines = ["Recall by the share of tokens edited, and of Type-2 by what was changed:", ""]
    head = ["detector", *strengths, *operators]
    lines += [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for row in rows:
        by = {**row["scores"]["by strength"], **row["scores"]["by operator"]}
        lines.append(f"| {row['detector']} | {' | '.join(_cell(by[name]['recall']) for name in head[1:])} |")
    return [*lines, ""]


def _negatives(rows: list[dict[str, Any]]) -> list[str]:
    kinds = list(rows[0]["scores"]["negatives"])
    lines = ["Negatives reported:", "", f"| detector | {' | '.join(kinds)} |", f"|---|{'---:|' * len(kinds)}"]
    for row in rows:
        cells = [f"{row['scores']['negatives'][kind]['found']}" for kind in kinds]
        lines.append(f"| {row['detector']} | {' | '.join(cells)} |")
    return [*lines, ""]


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".rstrip("0").rstrip(".").removeprefix("0") or "0"


def _cost(cpu_s: dict[str, float | None]) -> str:
    known = [f"{value:.1f}" for value in cpu_s.values() if value is not None]
    return " + ".join(known) or "–"


def write(found: dict[str, Any]) -> str:
    table = markdown(found)
    figures.write("clones", found, table)
    return table
