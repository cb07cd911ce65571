"""Diagrams as inline SVG: reliability, a figure over time, shares of a whole, agreement by pairs.

Numbers come in, markup goes out: colours and fonts are the style sheet's, what stands around them is `page`'s and
`chart`'s. Every diagram says in its `<desc>` what it shows, and every mark in its `<title>` what it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count

from stemma.quorum.reports.document import text
from stemma.quorum.reports.model import Bin

_LEFT, _TOP, _SIDE = 62, 12, 380
_PLOT, _COUNTS = 270, 54
_Z = 1.959964  # of a 95 % interval


def reliability(bins: Sequence[Bin]) -> str:
    """The stated probability against the share that was fit, by bin, with its 95 % interval and how many there are."""
    bottom = _TOP + _PLOT
    height = bottom + 40 + _COUNTS + 22
    n = sum(row.n for row in bins)
    desc = f"{n:,} labelled texts in {len(bins)} of 10 bins of the stated probability. " + " ".join(
        f"{row.low:.1f} to {row.high:.1f}: {row.n:,} texts, {row.share_fit:.0%} fit." for row in bins
    )
    return "".join(
        (
            _open(_LEFT + _SIDE + 26, height, "Reliability diagram", desc, kind="reliability"),
            *_grid(bottom),
            *(_bar(row, bottom) for row in bins),
            f'<path class="ideal" d="M{_LEFT} {bottom}L{_LEFT + _SIDE} {_TOP}"/>',
            *(_bin(row, bottom) for row in bins),
            *_histogram(bins, bottom + 40),
            "</svg>",
        )
    )


def _grid(bottom: int) -> Iterator[str]:
    for tick in range(0, 11, 2):
        x, y = _LEFT + _SIDE * tick / 10, bottom - _PLOT * tick / 10
        yield f'<path class="grid" d="M{_LEFT} {y:g}H{_LEFT + _SIDE}M{x:g} {_TOP}V{bottom}"/>'
        yield f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4:g}">{tick * 10} %</text>'
        yield f'<text class="tick" x="{x:g}" y="{bottom + 16}">{tick * 10} %</text>'
    yield f'<text class="axis" x="{_LEFT + _SIDE / 2:g}" y="{bottom + 33}">stated probability of being fit</text>'
    middle = _TOP + _PLOT / 2
    yield f'<text class="axis" transform="translate(13 {middle:g}) rotate(-90)">share that was fit</text>'


def _bar(row: Bin, bottom: int) -> str:
    left, width, height = _LEFT + _SIDE * row.low, _SIDE * (row.high - row.low), _PLOT * row.share_fit
    size = f'width="{width - 2:g}" height="{height:g}"'
    return f'<rect class="bar" x="{left + 1:g}" y="{bottom - height:g}" {size}/>'


def _bin(row: Bin, bottom: int) -> str:
    x, low, high = _LEFT + _SIDE * row.mean_probability, *wilson(row.share_fit, row.n)
    told = (
        f"stated {row.low:.1f} to {row.high:.1f}, on average {row.mean_probability:.2f}: {row.share_fit:.0%} of "
        f"{row.n:,} texts were fit (95 % interval {low:.0%} to {high:.0%})"
    )
    return (
        f"<g><title>{told}</title>"
        f'<path class="interval" d="M{x:g} {bottom - _PLOT * low:g}V{bottom - _PLOT * high:g}"/>'
        f'<circle class="dot" cx="{x:g}" cy="{bottom - _PLOT * row.share_fit:g}" r="5"/></g>'
    )


def _histogram(bins: Sequence[Bin], top: int) -> Iterator[str]:
    """How many labelled texts each bin rests on: a share of three texts is none of three hundred."""
    most = max((row.n for row in bins), default=1)
    for row in bins:
        height = max(1.5, (_COUNTS - 14) * row.n / most)
        left, width = _LEFT + _SIDE * row.low, _SIDE * (row.high - row.low)
        y = top + _COUNTS - height
        yield f'<g><title>{row.n:,} labelled texts</title><rect class="count" x="{left + 1:g}" y="{y:g}" '
        yield f'width="{width - 2:g}" height="{height:g}"/><text class="n" x="{left + width / 2:g}" y="{y - 4:g}">'
        yield f"{_short(row.n)}</text></g>"
    yield f'<path class="frame" d="M{_LEFT} {top + _COUNTS}H{_LEFT + _SIDE}"/>'
    yield f'<text class="axis" x="{_LEFT + _SIDE / 2:g}" y="{top + _COUNTS + 17}">labelled texts in the bin</text>'


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share that was seen on n (Wilson 1927): it stays within 0 and 1, also for small n."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def over_time(title: str, points: Sequence[tuple[datetime, float | None, str]], *, is_share: bool) -> str:
    """A figure by its points in order: when, how much (null: a gap), and what the point is."""
    known = [value for _, value, _ in points if value is not None]
    width, height, left, right, top, bottom = 340, 150, 56, 14, 14, 118
    ticks = _scale(known, is_share=is_share)
    low, high = ticks[0], ticks[-1]
    step = (width - left - right) / max(1, len(points) - 1)

    def spot(place: int, value: float) -> tuple[float, float]:
        return round(left + step * place, 1), round(bottom - (bottom - top) * (value - low) / (high - low), 1)

    spots = [None if value is None else spot(place, value) for place, (_, value, _) in enumerate(points)]
    last = f", the last {_amount(known[-1], is_share=is_share)}" if known else ""
    desc = f"{len(known)} of {len(points)} reports have it{last}."
    parts = [_open(width, height, title, desc, kind="over-time")]
    for tick in ticks:
        y = spot(0, tick)[1]
        parts.append(f'<path class="grid" d="M{left} {y:g}H{width - right}"/>')
        parts.append(f'<text class="tick end" x="{left - 6}" y="{y + 4:g}">{_amount(tick, is_share=is_share)}</text>')
    parts.append(f'<path class="line" d="{_line(spots)}"/>')
    for (when, value, what), at in zip(points, spots, strict=True):
        if at is not None and value is not None:
            told = f"{when:%Y-%m-%d}: {_amount(value, is_share=is_share)} ({what})"
            parts.append(
                f'<circle class="dot" cx="{at[0]:g}" cy="{at[1]:g}" r="4"><title>{text(told)}</title></circle>'
            )
    if points:
        parts.append(f'<text class="tick start" x="{left - 4}" y="{bottom + 20}">{points[0][0]:%Y-%m-%d}</text>')
    if len(points) > 1:
        parts.append(f'<text class="tick end" x="{width - right}" y="{bottom + 20}">{points[-1][0]:%Y-%m-%d}</text>')
    return "".join((*parts, "</svg>"))


def _scale(values: Sequence[float], *, is_share: bool) -> list[float]:
    """Two to five round ticks around the values, with room left, so that small changes look small."""
    if not values:
        return [0.0, 1.0]
    low, high = min(values), max(values)
    room = max((high - low) * 1.1, 0.1 if is_share else 0.1 * max(abs(low), abs(high)) or 1.0)
    middle = (low + high) / 2
    if not is_share and all(value == round(value) for value in values):
        room = max(room, 3.0)  # of what is counted there is no half
    power = 10.0 ** math.floor(math.log10(room / 2))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= room / 3)
    bounds = [round((middle + side * room / 2) / step, 6) for side in (-1, 1)]  # measured in 32 bits
    first, last = math.floor(bounds[0]), math.ceil(bounds[1])
    if low >= 0:  # what is counted or shared is never below nothing, and a share never above all
        first = max(first, 0)
    if is_share and high <= 1:
        last = min(last, math.ceil(1 / step))
    return [step * place for place in range(first, max(last, first + 1) + 1)]


def _line(spots: Sequence[tuple[float, float] | None]) -> str:
    """A path through the points there are; it begins anew after a gap."""
    parts, is_broken = [], True
    for at in spots:
        if at is None:
            is_broken = True
            continue
        parts.append(f"{'M' if is_broken else 'L'}{at[0]:g} {at[1]:g}")
        is_broken = False
    return "".join(parts)


def shares(title: str, parts: Sequence[tuple[str, str, int]]) -> str:
    """A bar of a whole: the class of each part, what it is, and how many."""
    whole = sum(n for _, _, n in parts)
    desc = ", ".join(f"{n:,} {what}" for _, what, n in parts)
    found, x = [_open(1000, 26, title, desc, kind="shares", stretches=True)], 0.0
    for kind, what, n in parts:
        width = 1000 * n / whole if whole else 0.0
        if n:
            found.append(f'<rect class="{kind}" x="{x:.2f}" y="0" width="{width:.2f}" height="26">')
            found.append(f"<title>{text(what)}: {n:,}</title></rect>")
        x += width
    return "".join((*found, "</svg>"))


def agreement(names: Sequence[str], pairs: dict[tuple[str, str], tuple[float | None, str]]) -> str:
    """Agreement of each two beyond chance (Cohen's kappa) as a square of cells; by pair, the value and what it is."""
    cell, left, top = 40, 150, 26
    size = cell * len(names)
    desc = "; ".join(told for _, told in pairs.values())
    parts = [_open(left + size + 8, top + size + 8, "Agreement of the members by pairs", desc, kind="agreement")]
    for number, name in zip(count(1), names):
        y = top + cell * (number - 1) + cell / 2 + 4
        parts.append(f'<text class="name" x="{left - 8}" y="{y:g}">{text(_cut(name))} {number}</text>')
        parts.append(f'<text class="tick" x="{left + cell * (number - 0.5):g}" y="{top - 8}">{number}</text>')
    for row, a in enumerate(names):
        for column, b in enumerate(names):
            x, y = left + cell * column, top + cell * row
            value, told = pairs.get((a, b)) or pairs.get((b, a)) or (None, f"{a} and {b}: they never met")
            if a == b:
                parts.append(f'<rect class="self" x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}"/>')
                continue
            parts.append(f'<g><title>{text(told)}</title><rect class="kappa {_step(value)}" x="{x + 1}" y="{y + 1}" ')
            parts.append(f'width="{cell - 2}" height="{cell - 2}"/><text class="kappa-n {_step(value)}" ')
            parts.append(f'x="{x + cell / 2:g}" y="{y + cell / 2 + 4:g}">{_kappa(value)}</text></g>')
    return "".join((*parts, "</svg>"))


def _step(value: float | None) -> str:
    """Landis and Koch's steps (1977)."""
    if value is None:
        return "none"
    return "k" + str(sum(value > bound for bound in (0.0, 0.2, 0.4, 0.6, 0.8)))


def _kappa(value: float | None) -> str:
    return "–" if value is None else f"{value:z.2f}".replace("0.", ".", 1).replace("-", "−")


def _cut(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def _short(n: int) -> str:
    return f"{n:,}" if n < 10_000 else f"{n / 1_000:.0f}k" if n < 1_000_000 else f"{n / 1_000_000:.1f}M"


def _amount(value: float, *, is_share: bool) -> str:
    if is_share:
        return f"{value * 100:.4g} %"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _open(width: float, height: float, title: str, desc: str, *, kind: str, stretches: bool = False) -> str:
    more = ' preserveAspectRatio="none"' if stretches else ""
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{text(title)}"{more}>'
        f"<desc>{text(desc)}</desc>"
    )
