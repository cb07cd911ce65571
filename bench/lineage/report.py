"""The figures of the Java oracle as JSON and as Markdown, beside those of the tools that do only this.

The anchors are of MEASURES.md: measured on 140 methods of the oracle, validation half included, on a like machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench import figures
from bench.lineage.scoring import Score, SetScore

ANCHORS = (
    # tool, labels, methods, precision, recall, F1, whole history exact, CPU seconds a method
    ("CodeShovel", "own", 140, 0.993, 0.996, None, 128, "7"),
    ("CodeShovel", "corrected", 140, 0.950, 0.980, None, 87, "7"),
    ("HistoryFinder", "corrected", 140, 0.996, 0.978, 0.987, 133, "6.7"),
    ("git log -L", "corrected", 140, 0.67, 0.71, None, 8, "p50 0.13, p95 3.9"),
)
# Labels that are left as they are, and count as errors, though the diffs say otherwise.
DOUBTED = {
    "commons-lang EqualsBuilder.reflectionAppend": "at 0095d8adf2 the static method became the private one of three "
    "parameters; the labels give its past to the new public overload, whose text came from reflectionEquals",
    "okhttp RealCall.execute": "at 749a65b776 Job.run became Job.execute, and Job.execute Job.getResponse, word for "
    "word; the labels go on along the name execute, and at 37c01895cc, where it was written anew, into Job.sendRequest",
    "checkstyle Checker.process": "at 0e3fe56436 process(String[]) is new and calls process(String), which stays; the "
    "labels take the new one for a method moved from elsewhere",
    "javaparser SourceFileInfoExtractor.solve": "3ba679f8e9 changed solveField and left solve as it was",
    "spring-framework ConfigurationClassPostProcessor.processConfigBeanDefinitions": "at 14bd475519 it was written "
    "anew, with name and comments of the method that its superclass lost; the labels go on along "
    "getConfigurationBeanDefinitions",
    "spring-framework GenericConversionService.getConverter": "7f6fc4e82e took blanks from the ends of its lines",
    "junit4 BlockJUnit4ClassRunner.*": "30f2b16525 reformatted on a branch whose text the merge dc44abf52 dropped",
}


def told(score: SetScore) -> dict[str, Any]:
    """A score as JSON keeps it."""
    return {
        "methods": score.elements,
        "commits": score.commits.told(),
        "introduction exact": score.introductions,
        "whole history exact": score.whole,
        "kinds": {word: each.told() for word, each in score.kinds.items()},
    }


def seconds(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and sum of CPU seconds."""
    ordered = sorted(values)
    last = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"p50": statistics.median(ordered), "p95": last, "sum": sum(ordered)}


def write(found: dict[str, Any]) -> str:
    """Write bench/results/lineage.json and .md; returns the Markdown."""
    text = markdown(found)
    figures.write("lineage", found, text)
    return text


def markdown(found: dict[str, Any]) -> str:
    """Tables of commits, of kinds, and every commit on which labels and finding differ."""
    own = found["scores"]["Stemma, corrected labels"]
    at = found["machine"]
    lines = [
        "# Histories of Java methods",
        "",
        f"{own['methods']} methods of eight repositories; {at['at']}, {at['cores']} cores, load {at['load']}. Micro "
        "figures of (method, commit). Rows of another number of methods are not of this run: they are the anchors.",
        "",
        "| tool | labels | methods | P | R | F1 | introduction exact | whole history exact | CPU s a method |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, score in found["scores"].items():
        tool, labels = name.rsplit(", ", 1)
        spent = found["cpu_s"][tool]
        lines.append(
            f"| {tool} | {labels.removesuffix(' labels')} | {score['methods']} | {_figures(score['commits'])} | "
            f"{score['introduction exact']} | {score['whole history exact']} | p50 {spent['p50']:.2f}, "
            f"p95 {spent['p95']:.2f} |"
        )
    for tool, labels, methods, precision, recall, f1, whole, cpu in ANCHORS:
        shown = " | ".join(_cell(value) for value in (precision, recall, f1))
        lines.append(f"| {tool} | {labels} | {methods} | {shown} | – | {whole} | {cpu} |")
    lines += ["", "## Kinds of change, corrected labels", "", "| kind | right | wrong | missed | P | R | F1 |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for word, each in own["kinds"].items():
        lines.append(f"| {word} | {each['found']} | {each['wrong']} | {each['missed']} | {_figures(each)} |")
    lines += ["", "## Labels in doubt, counted as errors", ""]
    lines += [f"- {name}: {why}." for name, why in DOUBTED.items()]
    lines += ["", "## Every commit that differs", "", "| method | commit | expected | found |", "|---|---|---|---|"]
    for row in found["wrong"]:
        expected, said = (", ".join(row[side]) or "–" for side in ("expected", "found"))
        lines.append(f"| {row['element']} | {row['commit'][:12]} | {expected} | {said} |")
    return "\n".join([*lines, ""])


def _figures(score: dict[str, Any]) -> str:
    return " | ".join(_cell(score[name]) for name in ("precision", "recall", "f1"))


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


__all__ = ["Score", "markdown", "seconds", "told", "write"]
