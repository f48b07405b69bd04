"""Charts as SVG, drawn on the server: no script; screen readers read their label, and the table beside them.

Draw each chart twice: as wide as its card, and `NARROW` for a phone. A drawing that is only scaled down has letters that
nobody can read; CSS shows the one that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

FULL, WIDE, HALF, NARROW = (
    1120,
    640,
    440,
    330,
)  # of a card of the whole page, a wide card, half a page, a phone
HEIGHT, BOTTOM, TOP = 180, 22, 8
COLOURS = 5


def nice_top(value: float) -> int:
    """Return the round number at or above `value` that an axis ends at: 1, 2, 5 times a power of ten."""
    if value <= 1:
        return 1
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= value:
                return step * power
        power *= 10


def marks(top: int) -> list[int]:
    """Return the whole numbers of the grid lines of an axis that ends at `top`."""
    return [top // 2, top] if top % 2 == 0 else list(range(1, top + 1))


def _left(top: int) -> int:
    """Return the width of the axis: that of its longest number, with a small gap."""
    return max(30, round(len(f"{top:,}") * 7.2) + 10)


def _y(value: float, top: int) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _axis(top: int, width: int, unit: str) -> SafeString:
    """The grid lines with their values, the unit under the highest one, and the ground line."""
    left = _left(top)
    lines = format_html_join(
        "",
        '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#e6e8ee"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (left, _y(mark, top), width, _y(mark, top), left - 4, _y(mark, top) + 4, f"{mark:,}")
            for mark in marks(top)
        ),
    )
    ground = HEIGHT - BOTTOM
    return format_html(
        '{}<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#b9bfcd"/><text x="{}" y="{}">{}</text>',
        lines,
        left,
        ground,
        width,
        ground,
        left + 4,
        TOP + 12,
        unit,
    )


def _drawing(width: int, label: str, *parts: SafeString) -> SafeString:
    return format_html(
        '<svg class="oms-chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        "oms-chart-narrow" if width == NARROW else "oms-chart-wide",
        width,
        HEIGHT,
        label,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def hours(
    today: Sequence[int], last_week: Sequence[int], label: str, *, unit: str = "", width: int = WIDE
) -> SafeString:
    """Draw a figure per hour: the line of today over the dashed line of a week ago (24 hours).

    The last value of `today` is of the running hour: its part of the line is dotted and its point is hollow, so that a
    few minutes without an order do not look like a collapse.
    """
    top = nice_top(max([*today, *last_week, 2]))
    left = _left(top)
    step = (width - left - 8) / 23

    def points(values: Sequence[int]) -> str:
        return " ".join(f"{left + i * step:.1f},{_y(value, top):.1f}" for i, value in enumerate(values))

    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((f"{left + hour * step:.1f}", HEIGHT - 6, f"{hour:02d}") for hour in range(0, 24, 4)),
    )
    line = format_html(
        '<polyline class="oms-line-last" points="{}"/><polyline class="oms-line-now" points="{}"/>'
        '<polyline class="oms-line-running" points="{}"/>'
        '<circle cx="{}" cy="{}" r="3.5" class="oms-point-running"><title>{}</title></circle>',
        points(last_week),
        points(today[:-1]),
        " ".join(points(today).split(" ")[-2:]),
        f"{left + (len(today) - 1) * step:.1f}",
        f"{_y(today[-1], top):.1f}",
        _("This hour so far: %s") % f"{today[-1]:,}",
    )
    return _drawing(width, label, _axis(top, width, unit), ticks, line)


def stacked(
    days: Sequence[str],
    series: Sequence[Sequence[Decimal]],
    names: Sequence[str],
    label: str,
    *,
    unit: str = "",
    width: int = WIDE,
) -> SafeString:
    """Draw one bar per day, the stores on top of each other; each part says its store, day and value on hover."""
    sums = [sum((float(values[i]) for values in series), 0.0) for i in range(len(days))]
    top = nice_top(max([*sums, 1.0]))
    left = _left(top)
    slot = (width - left) / max(len(days), 1)
    gap = min(1.5, slot / 6)
    parts = []
    for i, day in enumerate(days):
        y = float(HEIGHT - BOTTOM)
        for number, values in enumerate(series):
            tall = (HEIGHT - TOP - BOTTOM) * float(values[i]) / top
            if tall <= 0:
                continue
            y -= tall
            parts.append(
                (
                    min(number, COLOURS - 1),
                    f"{left + i * slot + gap:.1f}",
                    f"{y:.1f}",
                    f"{slot - 2 * gap:.1f}",
                    f"{tall:.1f}",
                    f"{names[number]}, {day}: {values[i]:,.2f}",
                )
            )
    rects = format_html_join(
        "", '<rect class="oms-c{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', parts
    )
    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        ((f"{left + (i + 1) * slot:.1f}", HEIGHT - 6, days[i]) for i in range(len(days) - 1, -1, -7)),
    )
    return _drawing(width, label, _axis(top, width, unit), rects, ticks)


def curve(
    labels: Sequence[str],
    values: Sequence[Decimal],
    before: Sequence[Decimal],
    label: str,
    *,
    unit: str = "",
    width: int = WIDE,
) -> SafeString:
    """Draw a figure over time: its line over the dashed line of the period before; a point for each value on hover."""
    top = nice_top(float(max([*values, *before, Decimal(2)])))
    left = _left(top)
    step = (width - left - 8) / max(len(labels) - 1, 1)

    def points(row: Sequence[Decimal]) -> str:
        shown = row[: len(labels)]
        return " ".join(f"{left + i * step:.1f},{_y(float(value), top):.1f}" for i, value in enumerate(shown))

    every = max(-(-len(labels) // (width // 100)), 1)
    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (f"{left + i * step:.1f}", HEIGHT - 6, "start" if i == 0 else "middle", labels[i])
            for i in range(0, max(len(labels) - every // 2, 1), every)
        ),
    )
    dots = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="2.5" class="oms-c0"><title>{}</title></circle>',
        (
            (f"{left + i * step:.1f}", f"{_y(float(value), top):.1f}", f"{labels[i]}: {value:,.2f}")
            for i, value in enumerate(values)
        ),
    )
    line = format_html(
        '<polyline class="oms-line-last" points="{}"/><polyline class="oms-line-now" points="{}"/>',
        points(before),
        points(values),
    )
    return _drawing(width, label, _axis(top, width, unit), ticks, line, dots)
