"""What a report says in words, for a reader who never heard of a quorum; the same in Markdown and on the page.

Nothing here is quoted for either: that is done where it is written, in `markdown` and `page`.
"""

from __future__ import annotations

from collections.abc import Iterator

from stemma.quorum.reports.model import Known, MemberFigures, Report, Trend

DECISIONS = {
    "auto_apply": "may be used as it is",
    "suggest": "may be suggested",
    "review": "is for a person to review",
    "refuse": "must not be reused",
}
MOVEMENTS = {"improving": "↗ improving", "declining": "↘ declining", "rising": "↑ rising", "falling": "↓ falling"}

ABOUT = (
    "Several independent programs looked at each piece of code (a function, method or class: a text, counted once "
    "however often it is copied) and voted on whether it is fit to be reused. A verdict needs votes that see with "
    "different eyes: on structure, correctness, security and more. Where they do not suffice nothing is guessed, and "
    "the piece is left for a person."
)
RELIABILITY = (
    "Each verdict states a probability that the code is fit to be reused. Where people, or what became of the code, "
    "have said how it really was (a label), the two can be held together. If the probabilities mean what they say, "
    "then of code said to be fit with 80\u00a0%, four in five pieces are."
)
DIAGRAM = (
    "The points should lie on the dashed line. The bar through a point is its 95 % interval (Wilson): with few labels "
    "it is long, and the point says little."
)
ALPHA = (
    "Krippendorff's alpha tells how far the members agree: 1 is full agreement, 0 what chance alone would give, and "
    "below 0 they contradict each other. Members are chosen to see different things, so it need not be near 1."
)
CALIBRATION = (
    "The expected calibration error is the mean distance between the stated probability and the share that really was "
    "fit, over ten groups of equal size; 0 is best."
)
MEMBERS = (
    "Members of one family see with the same eyes, and count once. An abstention is no vote: a member that cannot read "
    "a language, or gave no answer, says so. On labelled code: passed rightly and wrongly, failed rightly and wrongly."
)


def title(report: Report) -> str:
    subject = report.subject
    return f"Is the code of {subject.name} fit to be reused?"


def headline(report: Report) -> str:
    """The whole report in a sentence."""
    counts = report.counts
    if not counts.n_texts:
        return "There is no code here to judge."
    if not counts.n_judged:
        return f"None of {count(counts.n_texts, 'piece')} of code has been judged yet."
    outcomes = counts.outcomes
    accepted, rejected, open_ = outcomes["accept"], outcomes["reject"], outcomes["needs_review"]
    told = (
        f"Of {count(counts.n_judged, 'judged piece')} of code, {accepted:,} ({share(accepted, counts.n_judged)}) "
        f"{'is' if accepted == 1 else 'are'} accepted, {rejected:,} ({share(rejected, counts.n_judged)}) rejected, and "
        f"{open_:,} ({share(open_, counts.n_judged)}) {'needs' if open_ == 1 else 'need'} a person's review."
    )
    waiting = counts.n_texts - counts.n_judged
    return told if not waiting else f"{told} {waiting:,} more {'has' if waiting == 1 else 'have'} no verdict yet."


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """What was judged, when and by which rule: term and value."""
    subject = report.subject
    yield "Judged", subject.name if subject.kind == "all" else f"{subject.kind} {subject.name}"
    if subject.location:
        yield "Read from", subject.location
    yield "Commit", said(subject.commit)
    if subject.committed_at.value:
        yield "Committed", f"{subject.committed_at.value:%Y-%m-%d %H:%M} UTC"
    yield "Branch", said(subject.branch)
    first, last = report.judged_from.value, report.judged_until.value
    if first is None or last is None:
        yield "Verdicts dated", f"unknown: {report.judged_from.unknown_reason}"
    else:
        until = "" if first.date() == last.date() else f" to {last:%Y-%m-%d}"
        yield "Verdicts dated", f"{first:%Y-%m-%d}{until}"
    if report.rules:
        yield "Decided by rule", ", ".join(f"{rule.name} ({count(rule.n, 'text')})" for rule in report.rules)
    yield "Report made", f"{report.created_at:%Y-%m-%d %H:%M} UTC by Stemma {report.stemma_version}"
    yield "Report id", report.report_id


def left_out(report: Report) -> str:
    """How many texts the report counts and does not show; empty where it shows all."""
    words = {"reject": "rejected", "needs_review": "for a person to review"}
    parts = [f"{n:,} {words[outcome]}" for outcome, n in sorted(report.n_left_out.items(), reverse=True) if n]
    return f"Not told one by one, but counted: {' and '.join(parts)}." if parts else ""


def agreement(alpha: float) -> str:
    """What a value of alpha is called; the bounds 0.8 and 0.667 are Krippendorff's own (2004, ch. 11)."""
    if alpha >= 0.8:
        return "reliable agreement"
    if alpha >= 0.667:
        return "agreement enough for tentative conclusions"
    return "members see different things" if alpha > 0 else "no agreement beyond chance"


def confusion(member: MemberFigures) -> str:
    cells = member.confusion.value
    if cells is None:
        return f"unknown: {member.confusion.unknown_reason}"
    if not cells.n_true_pass + cells.n_false_pass + cells.n_true_fail + cells.n_false_fail:
        return "none of its votes is on a labelled text"
    return (
        f"{cells.n_true_pass:,} right and {cells.n_false_pass:,} wrong passes, "
        f"{cells.n_true_fail:,} right and {cells.n_false_fail:,} wrong fails"
    )


def abstentions(member: MemberFigures) -> str:
    told = [f"{reason.n:,} × {reason.name}" for reason in member.abstentions]
    return "; ".join([*told, *([f"{member.n_not_asked:,} × not asked"] if member.n_not_asked else [])])


def latest(trend: Trend) -> str:
    """The last known figure of a trend."""
    value = next((point.value for point in reversed(trend.points) if point.value is not None), None)
    if value is None:
        return "unknown"
    return f"{value:.1%}".replace("%", " %") if trend.is_share else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def movement(trend: Trend) -> str:
    return f"{MOVEMENTS.get(trend.movement, trend.movement)} ({trend.reason})"


def said(value: Known[str]) -> str:
    return value.value if value.value is not None else f"unknown: {value.unknown_reason}"


def number(value: Known[float], digits: int = 2) -> str:
    return f"{value.value:.{digits}f}" if value.value is not None else "unknown"


def chance(value: Known[float]) -> str:
    """A probability in whole percent, and never 0 or 100, for nothing is certain."""
    if value.value is None:
        return "unknown"
    if 0 < value.value < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < value.value < 1 else f"{value.value:.0%}".replace("%", " %")


def share(n: int, of: int) -> str:
    return f"{n / of:.1%}".replace("%", " %") if of else "–"


def count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
