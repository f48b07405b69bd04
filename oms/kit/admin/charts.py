"""Charts as SVG, drawn on the server: no script, readable by a screen reader through their label and table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 180, 34, 22, 8
COLOURS = 5


def nice_top(value: float) -> int:
    """The round number at or above `value` that an axis ends at: 1, 2, 5 times a power of ten."""
    if value <= 1:
        return 1
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= value:
                return step * power
        power *= 10


def _axis(top: int, unit: str = "") -> SafeString:
    """Two grid lines with their values, and the ground line."""
    parts = []
    for share in (0.5, 1.0):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
        value = top * share
        parts.append((LEFT, y, WIDTH, y, LEFT - 4, y + 4, f"{value:g}{unit}"))
    lines = format_html_join(
        "",
        '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#e6e8ee"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        parts,
    )
    ground = HEIGHT - BOTTOM
    return format_html(
        '{}<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#b9bfcd"/>', lines, LEFT, ground, WIDTH, ground
    )


def hours(today: Sequence[int], last_week: Sequence[int], label: str) -> SafeString:
    """Orders per hour: today's line over last week's dashed one."""
    top = nice_top(max([*today, *last_week, 2]))
    width, height = (WIDTH - LEFT - 8) / 23, HEIGHT - TOP - BOTTOM

    def points(values: Sequence[int]) -> str:
        return " ".join(
            f"{LEFT + i * width:.1f},{TOP + height * (1 - v / top):.1f}" for i, v in enumerate(values)
        )

    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((f"{LEFT + h * width:.1f}", HEIGHT - 6, f"{h:02d}") for h in range(0, 24, 4)),
    )
    now_x, now_y = LEFT + (len(today) - 1) * width, TOP + height * (1 - today[-1] / top)
    return format_html(
        '<svg class="oms-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}'
        '<polyline class="oms-line-last" points="{}"/><polyline class="oms-line-now" points="{}"/>'
        '<circle cx="{}" cy="{}" r="3.5" class="oms-c0"/></svg>',
        WIDTH,
        HEIGHT,
        label,
        _axis(top),
        ticks,
        points(last_week),
        points(today),
        f"{now_x:.1f}",
        f"{now_y:.1f}",
    )


def stacked(
    days: Sequence[str], series: Sequence[Sequence[Decimal]], names: Sequence[str], label: str
) -> SafeString:
    """One bar per day, the stores on top of each other; each part says its store, day and value under the pointer."""
    sums = [sum((float(values[i]) for values in series), 0.0) for i in range(len(days))]
    top, height = nice_top(max([*sums, 1.0])), HEIGHT - TOP - BOTTOM
    slot = (WIDTH - LEFT) / max(len(days), 1)
    parts = []
    for i, day in enumerate(days):
        y = float(HEIGHT - BOTTOM)
        for number, values in enumerate(series):
            tall = height * float(values[i]) / top
            if tall <= 0:
                continue
            y -= tall
            parts.append(
                (
                    min(number, COLOURS - 1),
                    f"{LEFT + i * slot + 1.5:.1f}",
                    f"{y:.1f}",
                    f"{slot - 3:.1f}",
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
        ((f"{LEFT + (i + 1) * slot:.1f}", HEIGHT - 6, days[i]) for i in range(len(days) - 1, -1, -7)),
    )
    return format_html(
        '<svg class="oms-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        _axis(top),
        rects,
        ticks,
    )
