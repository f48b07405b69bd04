"""Small pieces of HTML that every page shows in the same way: chips, money, times, pictures, bars.

They escape their arguments; their result is safe HTML for a page or an admin column.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from oms.kit.admin.pictures import LARGE, copy_url
from oms.kit.numbers import digits, grouped, quantise

#: The colours of chips. `danger` is only for something late or wrong.
COLOURS = frozenset({"default", "primary", "info", "success", "warning", "danger"})
A_WEEK = timedelta(days=7)
NOTHING = SafeString('<span class="oms-none">–</span>')


def badge(text: object, colour: str = "default", title: object = "") -> SafeString:
    """Return a chip: a word in a colour. The word alone has the whole meaning. `title` is shown on hover."""
    shade = colour if colour in COLOURS else "default"
    if title:
        return format_html('<span class="oms-chip oms-chip-{}" title="{}">{}</span>', shade, title, text)
    return format_html('<span class="oms-chip oms-chip-{}">{}</span>', shade, text)


def number(value: int | None, *, cap: int | None = None) -> SafeString:
    """Return a whole number with thousands separators; above `cap` it is "10,000+"."""
    if value is None:
        return NOTHING
    if cap is not None and value > cap:
        return format_html('<span class="oms-num">{}+</span>', grouped(cap))
    return format_html('<span class="oms-num">{}</span>', grouped(value))


def money_text(amount: Decimal | None, currency: str) -> str:
    """Return `amount` with its currency as plain text, in the form of the language: "1,240.50 GBP"."""
    if amount is None:
        return "–"
    number = number_format(quantise(amount, currency), digits(currency), use_l10n=True, force_grouping=True)
    return f"{number} {currency}".strip()


def money(amount: Decimal | None, currency: str) -> SafeString:
    """Return `amount` with its currency, right-aligned in a column."""
    if amount is None:
        return NOTHING
    return format_html('<span class="oms-num oms-money">{}</span>', money_text(amount, currency))


def span_text(seconds: float) -> str:
    """Return a length of time in at most two units: "4 s", "38 min", "2 h 10 min", "1 day 5 h", "3 days"."""
    whole = round(abs(seconds))
    if whole < 60:
        return _("%d s") % whole
    minutes = whole // 60
    if minutes < 60:
        return _("%d min") % minutes
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": rest} if rest else _("%d h") % hours
    days, hours = divmod(round(minutes / 60), 24)
    if days == 1 and hours:
        return _("1 day %d h") % hours
    days = round(minutes / (24 * 60))
    return ngettext("%d day", "%d days", days) % days


def exact(instant: datetime) -> str:
    """Return the instant in the viewer's time zone, to the second, with the name of the zone."""
    local = timezone.localtime(instant)
    return f"{_day_text(local.date(), 'j M Y', get_language())} {local:%H:%M:%S %Z}"


@lru_cache(maxsize=4096)
def _day_text(day: date, form: str, _language: str | None) -> str:
    """Return a day in the form of the language in use. A list writes the same few days hundreds of times."""
    return date_format(day, form)


def instant_text(instant: datetime) -> str:
    """Return the instant in the viewer's zone as people say it: "today 15:00", "Wed 15:00", "12 Mar 2026 15:00".

    The name of the day is used for six days back and ahead, so it never means two days.
    """
    local = timezone.localtime(instant)
    days = (timezone.localdate() - local.date()).days
    if days == 0:
        return _("today %s") % f"{local:%H:%M}"
    day = _day_text(local.date(), "D" if abs(days) < 7 else "j M Y", get_language())
    return f"{day} {local:%H:%M}"


def _time(instant: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', instant.isoformat(), exact(instant), text)


def ago(instant: datetime | None, *, never: object = "") -> SafeString:
    """Return when something was or will be (`instant_text`), with the exact instant on hover and for machines.

    `never` is shown for None. `age` is for what must be fresh.
    """
    if instant is None:
        return format_html('<span class="oms-none">{}</span>', never or _("never"))
    return _time(instant, instant_text(instant))


def age(instant: datetime | None, *, never: object = "") -> SafeString:
    """Return how long ago something was: "5 min ago". Only for what must be fresh, such as the last import."""
    if instant is None:
        return format_html('<span class="oms-none">{}</span>', never or _("never"))
    seconds = (timezone.now() - instant).total_seconds()
    span = span_text(seconds)
    return _time(instant, _("%s ago") % span if seconds >= 0 else _("in %s") % span)


def due(instant: datetime | None, *, soon: timedelta = timedelta(hours=4)) -> SafeString:
    """Return a deadline as a chip: red and "late" when it has passed, amber within `soon`, grey otherwise.

    Up to a week it is a length of time, beyond a date: nobody knows when "86 days" is.
    """
    if instant is None:
        return NOTHING
    left = instant - timezone.now()
    if abs(left) > A_WEEK:
        day = instant_text(instant).rpartition(" ")[0]
        if left < timedelta(0):
            return badge(_("late since %s") % day, "danger", exact(instant))
        return format_html('<span class="oms-num" title="{}">{}</span>', exact(instant), day)
    if left < timedelta(0):
        return badge(_("late %s") % span_text(left.total_seconds()), "danger", exact(instant))
    if left < soon:
        return badge(span_text(left.total_seconds()), "warning", exact(instant))
    return format_html(
        '<span class="oms-num" title="{}">{}</span>', exact(instant), span_text(left.total_seconds())
    )


def thumb(url: str | None, title: str = "") -> SafeString:
    """Return our small copy of the product's picture at `url`; the initials of its title while there is none.

    The picture has no text for screen readers: its title always stands beside it.
    """
    if copy := copy_url(url):
        return format_html(
            '<img class="oms-thumb" src="{}" alt="" width="40" height="40" loading="lazy">', copy
        )
    return format_html('<span class="oms-thumb oms-no-picture" aria-hidden="true">{}</span>', initials(title))


def picture(url: str, title: str = "", reason: object = "") -> SafeString:
    """Return our larger copy of a picture; without one a placeholder that says why, or that the copy is still made."""
    if copy := copy_url(url, LARGE):
        return format_html('<img class="oms-picture" src="{}" alt="{}" loading="lazy">', copy, title)
    return format_html(
        '<span class="oms-picture oms-no-picture" title="{}">{}</span>',
        url,
        reason or _("The picture follows."),
    )


def initials(title: str) -> str:
    """Return up to two letters for a picture that is missing: "Carbon Steel Wok" is "CS"."""
    return "".join(word[0] for word in title.split() if word[0].isalnum())[:2].upper()


def progress(done: int, total: int | None, label: object = "") -> SafeString:
    """Return a progress bar; without a total it shows the number done and an endless animation."""
    name = label or _("Progress")
    if not total:
        return format_html(
            '<progress class="oms-progress" aria-label="{}"></progress> <span class="oms-num">{}</span>',
            name,
            grouped(done),
        )
    share = min(100, done * 100 // total)
    return format_html(
        '<progress class="oms-progress" max="{}" value="{}" aria-label="{}">{}%</progress>'
        ' <span class="oms-num">{} / {}</span>',
        total,
        min(done, total),
        name,
        share,
        grouped(done),
        grouped(total),
    )


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="oms-link" href="{}">{}</a>', url, text)


def tracker(cells: Iterable[tuple[str, str]], label: object) -> SafeString:
    """Return a row of small bars (colour, title), such as the runs of 24 hours. Screen readers read `label` only."""
    bars = format_html_join("", '<i class="oms-bar oms-bar-{}" title="{}"></i>', cells)
    return format_html('<span class="oms-tracker" role="img" aria-label="{}">{}</span>', label, bars)


def lines(items: Iterable[Any]) -> SafeString:
    """Return several items below each other in one cell."""
    return format_html_join("", '<div class="oms-line">{}</div>', ((item,) for item in items))
