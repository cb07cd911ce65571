"""A report as Markdown (CommonMark with tables), for a pull request or a terminal. What it says in words: `wording`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from stemma.quorum.reports import wording
from stemma.quorum.reports.model import JudgedText, Report
from stemma.readable import readable

MAX_TEXTS = 100
"""Told one by one; hosts cut what is longer than 65,000 characters."""
_MAX_CHARS = 200
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$>])")  # the others mean something only at the beginning of a line


def to_markdown(report: Report) -> str:
    """The report as one document. Whatever a repository says is quoted, so that nothing of it becomes markup."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {_text(wording.title(report))}"
    yield from ("", f"**{wording.headline(report)}**", "", wording.ABOUT, "")
    yield from (f"- {term}: {_text(value)}" for term, value in wording.facts(report))
    yield from _counts(report)
    yield from _gates(report)
    yield from _texts(report)
    yield from _found(report)
    yield from _quorum(report)
    yield from _trends(report)


def _counts(report: Report) -> Iterator[str]:
    counts = report.counts
    yield from ("", "## What came of it", "")
    rows = [
        (_text(row.language), *(f"{n:,}" for n in (row.n_texts, row.n_accept, row.n_reject, row.n_needs_review)))
        for row in counts.languages
    ]
    yield from _table(("Language", "Texts", "Accepted", "Rejected", "Need a review"), rows, numbers=4)
    yield ""
    yield "What may be done with them: " + "; ".join(
        f"{n:,} {wording.DECISIONS[decision]}" for decision, n in counts.decisions.items()
    )
    if counts.unjudged:
        yield ""
    yield from (f"- Without a verdict: {row.n:,} ({_text(row.name)})" for row in counts.unjudged)


def _gates(report: Report) -> Iterator[str]:
    gates = report.gates.value
    if gates is None:
        return
    yield from ("", f"## Gates: {gates.overall}", "")
    rows = [
        (_text(gate.gate), gate.status, "yes" if gate.is_blocking else "no", _text(gate.sentence))
        for gate in gates.results
    ]
    yield from _table(("Gate", "Status", "Blocks", "What it found"), rows)


def _texts(report: Report) -> Iterator[str]:
    for outcome, title in (("reject", "Rejected"), ("needs_review", "For a person to review")):
        texts = [text for text in report.texts if text.outcome == outcome]
        if not texts:
            continue
        yield from ("", f"## {title}", "")
        for text in texts[:MAX_TEXTS]:
            yield from _told(text)
        if len(texts) > MAX_TEXTS:
            yield f"\n{len(texts) - MAX_TEXTS:,} more are in the JSON form of this report."
    if told := wording.left_out(report):
        yield from ("", told)


def _told(text: JudgedText) -> Iterator[str]:
    first = text.places[0]
    where = f"{first.repository} {first.path}:{first.start_line}-{first.end_line}"
    more = f" and {wording.count(text.n_places - 1, 'more place')}" if text.n_places > 1 else ""
    yield f"- **{_text(text.qualified_name)}**, {_text(where)}{more}. {_text(text.reason)}"
    for finding in text.findings:
        place = f"line {finding.line}: {finding.message} ({finding.member} {finding.rule}, {finding.severity})"
        yield f"  - {_text(place)}"
    if text.n_findings > len(text.findings):
        yield f"  - and {wording.count(text.n_findings - len(text.findings), 'more finding')}"


def _found(report: Report) -> Iterator[str]:
    if not report.found:
        return
    yield from ("", "## What was found most", "")
    rows = [(_text(row.rule), _text(row.member), row.severity, f"{row.n_texts:,}") for row in report.found]
    yield from _table(("Rule", "Member", "Severity", "Texts"), rows, numbers=1)


def _quorum(report: Report) -> Iterator[str]:
    quorum = report.quorum
    yield from ("", "## How far to believe it", "", wording.RELIABILITY, "")
    rows = [
        (f"{row.low:.1f}–{row.high:.1f}", f"{row.n:,}", f"{row.mean_probability:.2f}", f"{row.share_fit:.2f}")
        for row in quorum.bins
    ]
    if rows:
        yield from _table(("Stated", "Labelled texts", "Mean stated", "Share fit"), rows, numbers=3)
    else:
        yield "No text with a verdict has a label yet, so nobody knows."
    yield ""
    told = quorum.calibration_error.unknown_reason
    error = f"{wording.number(quorum.calibration_error, 3)}{f' ({told})' if told else ''}"
    yield f"- Expected calibration error: {error}. {wording.CALIBRATION}"
    yield f"- Agreement (alpha): {wording.number(quorum.alpha)}{_reason(report)}. {wording.ALPHA}"
    yield from ("", wording.MEMBERS, "")
    members = [
        (
            _text(f"{row.member} ({row.version})"),
            _text(wording.said(row.family)),
            *(f"{n:,}" for n in (row.n_pass, row.n_fail, row.n_abstain)),
            _text(wording.abstentions(row)),
            _text(wording.confusion(row)),
            wording.number(row.seconds, 1),
        )
        for row in quorum.members
    ]
    heads = ("Member", "Family", "Pass", "Fail", "Abstain", "Abstained because", "On labelled texts", "Seconds")
    yield from _table(heads, members)


def _reason(report: Report) -> str:
    alpha = report.quorum.alpha
    return f" ({alpha.unknown_reason})" if alpha.value is None else f", {wording.agreement(alpha.value)}"


def _trends(report: Report) -> Iterator[str]:
    told = [trend for trend in report.trends if len(trend.points) > 1]
    if not told:
        return
    yield from ("", "## Over time", "")
    rows = [(trend.title, wording.latest(trend), _text(wording.movement(trend))) for trend in told]
    yield from _table(("Figure", "Now", "Trend"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> Iterator[str]:
    """A table whose last columns are numbers."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---'] * (len(heads) - numbers) + ['--:'] * numbers)}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _text(text: str) -> str:
    """Quoted: no markup, no HTML, no link, no mention; on one line, and cut."""
    plain = readable(text, _MAX_CHARS).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", plain).replace("@", "@\u200b").replace("://", ":\u200b//")
