"""A report as a page for a person: one file, no network, no script. What it says in words is in `wording`.

Its diagrams are drawn in `diagrams`; the frame that keeps it from loading or running anything is `document`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stemma.quorum.reports import diagrams, wording
from stemma.quorum.reports.document import breakable, document, text
from stemma.quorum.reports.model import JudgedText, MemberFigures, Report, Trend

MAX_TEXTS = 300
"""Told one by one: the page stays small enough to be opened and mailed."""


def to_page(report: Report) -> str:
    """The report as an HTML document that needs nothing else."""
    return document(wording.title(report), _body(report))


def _body(report: Report) -> Iterator[str]:
    yield f"<header><h1>{breakable(wording.title(report))}</h1>"
    yield f'<p class="headline">{text(wording.headline(report))}</p><p>{wording.ABOUT}</p><dl class="facts">'
    yield from (f"<dt>{term}</dt><dd>{breakable(value)}</dd>" for term, value in wording.facts(report))
    yield "</dl></header>"
    for part in (_counts, _gates, _texts, _found, _quorum, _trends):
        yield from part(report)
    yield "<footer><p>A verdict is an estimate from what programs can see, not a proof. What is unknown is said to be "
    yield "unknown, with the reason. The same report as data: <code>stemma report show "
    yield f"{report.report_id[:12]} --format json</code>, if it was saved.</p></footer>"


def _counts(report: Report) -> Iterator[str]:
    counts = report.counts
    waiting = counts.n_texts - counts.n_judged
    parts = [
        ("accept", "accepted", counts.outcomes["accept"]),
        ("reject", "rejected", counts.outcomes["reject"]),
        ("review", "for a person to review", counts.outcomes["needs_review"]),
        *([("waiting", "without a verdict", waiting)] if waiting else []),
    ]
    yield "<h2>What came of it</h2>"
    if counts.n_texts:
        yield diagrams.shares("Outcomes", parts)
    yield '<ul class="legend">'
    for kind, what, n in parts:
        yield f'<li class="{kind}">{n:,} {what} ({wording.share(n, counts.n_texts)})</li>'
    yield "</ul><p>What a program or an agent may do with them: "
    yield f"{'; '.join(f'{n:,} {wording.DECISIONS[decision]}' for decision, n in counts.decisions.items())}.</p>"
    yield from (f'<p class="note">{row.n:,} without a verdict: {text(row.name)}.</p>' for row in counts.unjudged)
    rows = [
        (
            f'<th scope="row">{text(row.language)}</th>',
            *(_number(f"{n:,}") for n in (row.n_texts, row.n_accept, row.n_reject, row.n_needs_review)),
            _number(wording.number(row.mean_probability)),
        )
        for row in counts.languages
    ]
    heads = ("Language", "Texts", "Accepted", "Rejected", "Need a review", "Mean probability")
    yield from _table("By language", heads, rows, numbers=5)


def _gates(report: Report) -> Iterator[str]:
    gates = report.gates.value
    if gates is None:
        return
    yield f"<h2>Gates: {gates.overall}</h2>"
    rows = [
        (
            f'<th scope="row">{text(gate.gate)}</th>',
            f'<td><span class="badge {gate.status}">{gate.status}</span></td>',
            f"<td>{'yes' if gate.is_blocking else 'no'}</td>",
            f'<td class="wide">{text(gate.sentence)}</td>',
        )
        for gate in gates.results
    ]
    yield from _table("Each gate, and whether it stops what comes after", ("Gate", "Status", "Blocks", "Found"), rows)


def _texts(report: Report) -> Iterator[str]:
    groups = (
        ("reject", "reject", "Rejected", "Do not reuse these. Those least likely to be fit come first."),
        ("needs_review", "review", "For a person to review", "The votes did not suffice to decide on these."),
    )
    for outcome, kind, title, about in groups:
        texts = [judged for judged in report.texts if judged.outcome == outcome]
        if not texts:
            continue
        yield f"<h2>{title}</h2><p>{about}</p>"
        for judged in texts[:MAX_TEXTS]:
            yield from _told(judged, kind)
        if len(texts) > MAX_TEXTS:
            yield f'<p class="note">{len(texts) - MAX_TEXTS:,} more are in the JSON form of this report.</p>'
    if told := wording.left_out(report):
        yield f'<p class="note">{told}</p>'


def _told(judged: JudgedText, kind: str) -> Iterator[str]:
    first = judged.places[0]
    where = f"{first.repository} {first.path}:{first.start_line}"
    yield f'<details><summary><span class="badge {kind}">{breakable(judged.qualified_name)}</span> '
    yield f'<span class="where">{breakable(where)}</span><br>{text(judged.reason)}</summary>'
    yield f"<p>{text(judged.language)} {text(judged.kind)}. Probability of being fit: "
    yield f"{wording.chance(judged.probability)}"
    yield f" ({text(judged.probability.unknown_reason)})" if judged.probability.unknown_reason else ""
    yield f". It {wording.DECISIONS[judged.decision]}."
    yield f" {text(judged.changed)}</p>" if judged.changed else "</p>"
    if judged.findings:
        yield "<ul>"
        for finding in judged.findings:
            held = "" if finding.vote == "fail" else ", not held against it"
            yield f"<li>Line {finding.line:,}: {text(finding.message)} <span class='soft'>({text(finding.member)} "
            yield f"{text(finding.rule)}, {text(finding.severity)}{held})</span></li>"
        yield "</ul>"
    if judged.n_findings > len(judged.findings):
        yield f"<p>And {wording.count(judged.n_findings - len(judged.findings), 'more finding')}.</p>"
    if judged.n_places > 1:
        places = ", ".join(f"{place.repository} {place.path}:{place.start_line}" for place in judged.places[1:])
        more = judged.n_places - len(judged.places)
        yield f"<p>It also stands at {breakable(places)}{f' and {more:,} more' if more else ''}.</p>"
    yield "</details>"


def _found(report: Report) -> Iterator[str]:
    if not report.found:
        return
    rows = [
        (
            f'<th scope="row"><code>{breakable(row.rule)}</code></th>',
            f"<td>{text(row.member)}</td>",
            f"<td>{text(row.severity)}</td>",
            _number(f"{row.n_texts:,}"),
        )
        for row in report.found
    ]
    yield "<h2>What was found most</h2>"
    yield from _table("Rules by the texts they fail", ("Rule", "Member", "Severity", "Texts"), rows, numbers=1)


def _quorum(report: Report) -> Iterator[str]:
    quorum = report.quorum
    yield f"<h2>How far to believe it</h2><p>{wording.RELIABILITY}</p>"
    if quorum.bins:
        yield f"<figure>{diagrams.reliability(quorum.bins)}<figcaption>On "
        yield f"{wording.count(quorum.n_labelled, 'labelled text')}, from all that Stemma reads. "
        yield f"{wording.DIAGRAM}</figcaption></figure>"
        yield "<details><summary>The same as numbers</summary>"
        bins: list[Sequence[str]] = [
            (f'<th scope="row">{row.low:.1f}–{row.high:.1f}</th>', _number(f"{row.n:,}"),
             _number(f"{row.mean_probability:.2f}"), _number(f"{row.share_fit:.2f}"))
            for row in quorum.bins
        ]  # fmt: skip
        heads = ("Stated", "Labelled texts", "Mean stated", "Share fit")
        yield from _table("Bins of the stated probability", heads, bins, numbers=3)
        yield "</details>"
    else:
        yield '<p class="note">No text with a verdict has a label yet, so nobody knows.</p>'
    error, alpha = quorum.calibration_error, quorum.alpha
    yield f"<p>Expected calibration error: <b>{wording.number(error, 3)}</b>"
    yield f" ({text(error.unknown_reason)}). " if error.unknown_reason else ". "
    yield f"{wording.CALIBRATION}</p><p>Agreement: <b>{wording.number(alpha)}</b>"
    yield f" ({text(alpha.unknown_reason if alpha.value is None else wording.agreement(alpha.value))}). "
    yield f"{wording.ALPHA}</p><h3>The members</h3><p>{wording.MEMBERS}</p>"
    yield from _table(
        "Votes on the texts of this report", _MEMBER_HEADS, [_member(member) for member in quorum.members]
    )


_MEMBER_HEADS = (
    *("Member", "Family", "Pass", "Fail", "Abstain", "Abstained because"),
    *("On labelled code", "Worth", "Seconds"),
)


def _member(member: MemberFigures) -> Sequence[str]:
    worth = member.marginal_worth
    told = f"{worth.value:+.3f}" if worth.value is not None else "unknown"
    why = worth.unknown_reason or "log loss that the verdicts gain without it"
    return (
        f'<th scope="row">{text(member.member)}<br><span class="soft">{text(member.version)}</span></th>',
        f"<td>{text(wording.said(member.family))}</td>",
        *(_number(f"{n:,}") for n in (member.n_pass, member.n_fail, member.n_abstain)),
        f'<td class="wide">{text(wording.abstentions(member)) or "–"}</td>',
        f'<td class="wide">{text(wording.confusion(member))}</td>',
        f'<td class="number" title="{text(why)}">{told}</td>',
        _number(wording.number(member.seconds, 1)),
    )


def _trends(report: Report) -> Iterator[str]:
    told = [
        trend for trend in report.trends if len(trend.points) > 1 and any(p.value is not None for p in trend.points)
    ]
    if not told:
        return
    yield "<h2>Over time</h2><p>From saved reports on the same code, one for each commit, oldest first. A figure "
    yield "counts as moved where it changed by more than its margin.</p><div class='figures'>"
    for trend in told:
        yield f"<figure><h3>{text(trend.title)}</h3>{_drawn(trend)}<figcaption>"
        yield f"{wording.latest(trend)}, {text(wording.movement(trend))}</figcaption></figure>"
    yield "</div>"


def _drawn(trend: Trend) -> str:
    points = [(point.at, point.value, (point.commit or point.report_id)[:10]) for point in trend.points]
    return diagrams.over_time(trend.title, points, is_share=trend.is_share)


def _number(told: str) -> str:
    return f'<td class="number">{told}</td>'


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0) -> Iterator[str]:
    """A table that scrolls by itself where the screen is narrow; its last columns are numbers."""
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table>'
    yield f"<caption>{caption}</caption><thead><tr>"
    for place, head in enumerate(heads):
        kind = ' class="number"' if place >= len(heads) - numbers else ""
        yield f'<th scope="col"{kind}>{head}</th>'
    yield "</tr></thead><tbody>"
    yield from (f"<tr>{''.join(row)}</tr>" for row in rows)
    yield "</tbody></table></div>"
