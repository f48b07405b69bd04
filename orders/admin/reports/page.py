"""The page of reports and its Excel file. Everything is read from the roll-ups (`orders.ops.reports`)."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from oms.kit.admin import charts
from oms.kit.admin.badges import money_text
from oms.kit.admin.base import dress
from oms.kit.admin.export.files import table_file
from oms.kit.admin.filters import day_of
from oms.kit.admin.pages import Page, add
from oms.kit.numbers import grouped, whole_number
from orders.models import ReportDay, ReportState
from orders.ops.reports import report, tables
from orders.ops.reports.period import Period, period_of, presets
from orders.ops.reports.report import Asked, Totals, change

VIEW = "orders.view_reports"
EXPORT = "orders.export_reports"
#: Lines that the page shows; the Excel file has all.
SHOWN = 200
PRESETS = {
    "7": _("7 days"),
    "30": _("30 days"),
    "90": _("90 days"),
    "this_month": _("This month"),
    "last_month": _("Last month"),
    "this_year": _("This year"),
}


class ReportForm(forms.Form):
    """The period and the store."""

    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    store = forms.ChoiceField(label=_("Store"), required=False)

    def __init__(self, asked: Asked) -> None:
        period = asked.period
        super().__init__(initial={"since": period.since, "until": period.until, "store": asked.store or ""})
        stores: Any = self.fields["store"]
        stores.choices = [("", _("All stores")), *Connection.objects.stores().values_list("pk", "name")]


def asked_of(request: HttpRequest) -> Asked:
    """Return what a request asks for; without a period, or with one that is no period, the last 30 days."""
    today = timezone.localdate(timezone=timezone.get_default_timezone())
    period = period_of(day_of(request.GET.get("since", "")), day_of(request.GET.get("until", "")), today)
    return Asked(period, whole_number(request.GET.get("store", "")))


def grouping_of(request: HttpRequest) -> tables.Grouping:
    """Return the grouping of a request; without one, over time."""
    return tables.GROUPINGS.get(request.GET.get("by", ""), tables.GROUPINGS["period"])


class Reports(Page):
    """The figures of a period against the period before: totals, curve and table, each currency by itself."""

    title = _("Sales")
    permission: ClassVar[Any] = VIEW
    template_name = "orders/reports.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked, grouping = asked_of(request), grouping_of(request)
        totals, before = report.totals(asked), report.totals(asked.before)
        curves, curves_before = report.curves(asked), report.curves(asked.before)
        rows = list(islice(grouping.rows(asked), SHOWN + 1))
        labels = [_short(asked.period, start) for start in asked.period.steps()]
        blocks = []
        for currency, one in totals.items():
            blocks.append(
                {
                    "currency": currency,
                    "tiles": tiles(one, before.get(currency, Totals(currency))),
                    "charts": _charts(
                        labels, curves.get(currency, []), curves_before.get(currency, []), currency
                    ),
                    "hours": (one.hours_of(50), one.hours_of(95)),
                }
            )
        return self.render(
            form=dress(ReportForm(asked)),
            grouping=grouping,
            tabs=self._tabs(asked, grouping),
            presets=self._presets(asked, grouping),
            blocks=blocks,
            columns=[tables.COLUMNS[key] for key in grouping.columns],
            rows=[_shown(grouping, row) for row in rows[:SHOWN]],
            is_cut=len(rows) > SHOWN,
            shown=SHOWN,
            period_words=_words(asked.period),
            before_words=_words(asked.period.before),
            export_url=f"{reverse('admin:reports_export')}?{_query(asked, grouping.key)}",
            may_export=request.user.has_perm(EXPORT),
            seen_at=ReportState.objects.values_list("seen_at", flat=True).first(),
            waiting=ReportDay.objects.filter(is_stale=True, built_at=None).count(),
        )

    def _tabs(self, asked: Asked, grouping: tables.Grouping) -> list[Any]:
        return [
            (one.label, f"?{_query(asked, key)}", key == grouping.key, None, "")
            for key, one in tables.GROUPINGS.items()
        ]

    def _presets(self, asked: Asked, grouping: tables.Grouping) -> list[tuple[Any, str, bool]]:
        today = timezone.localdate(timezone=timezone.get_default_timezone())
        return [
            (PRESETS[key], f"?{_query(Asked(period, asked.store), grouping.key)}", period == asked.period)
            for key, period in presets(today).items()
        ]


class ReportsExport(Page):
    """The whole table of a report as Excel."""

    title = _("Reports")
    permission: ClassVar[Any] = VIEW

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied(gettext("Your role does not allow this."))
        asked, grouping = asked_of(request), grouping_of(request)
        name = f"report-{grouping.key}-{asked.period.since}-{asked.period.until}"
        rows = tables.cells(grouping, grouping.rows(asked))
        return table_file(name, tables.headings(grouping), rows)


def tiles(now: Totals, before: Totals) -> list[dict[str, Any]]:
    """Return the figures above the curve, each with its change against the period before."""
    shown: list[tuple[Any, Any, Any, str]] = [
        (gettext("Orders"), now.orders, before.orders, grouped(now.orders)),
        (gettext("Turnover"), now.turnover, before.turnover, money_text(now.turnover, now.currency)),
        (gettext("Turnover per order"), now.average, before.average, money_text(now.average, now.currency)),
        (gettext("Units"), now.units, before.units, grouped(now.units)),
        (gettext("Tax"), now.tax, before.tax, money_text(now.tax, now.currency)),
        (gettext("Discount"), now.discount, before.discount, money_text(now.discount, now.currency)),
        (gettext("Refunded"), now.refunded, before.refunded, money_text(now.refunded, now.currency)),
        (gettext("Postage"), now.postage, before.postage, money_text(now.postage, now.currency)),
        (gettext("Late orders"), now.late, before.late, grouped(now.late)),
        (gettext("Cancelled orders"), now.cancelled, before.cancelled, grouped(now.cancelled)),
    ]
    return [
        {"label": label, "value": text, "change": _change_text(change(value, then))}
        for label, value, then, text in shown
    ]


def _change_text(per_cent: Decimal | None) -> str:
    return "" if per_cent is None else f"{per_cent:+,} %"


def _charts(labels: list[str], values: list[Decimal], before: list[Decimal], currency: str) -> list[Any]:
    label = gettext("Turnover in %s over time. The table below has the figures.") % currency
    return [
        charts.curve(labels, values, before, label, unit=currency, width=width)
        for width in (charts.FULL, charts.NARROW)
    ]


def _shown(grouping: tables.Grouping, row: tables.Row) -> dict[str, Any]:
    """Return one line as the page shows it: (heading, text) of each column."""
    found = []
    for key in grouping.columns:
        heading, kind = tables.COLUMNS[key]
        value = row.values.get(key)
        if value is None:
            text = "–"
        elif kind == "money":
            text = money_text(Decimal(value), row.currency)
        else:
            text = f"{value:+,} %" if kind == "change" else grouped(int(value))
        found.append((heading, text))
    return {"name": row.name, "currency": row.currency, "cells": found}


def _short(period: Period, start: Any) -> str:
    return date_format(start, "M Y" if period.step == "month" else "j M")


def _words(period: Period) -> str:
    return f"{date_format(period.since, 'j M Y')} – {date_format(period.until, 'j M Y')}"


def _query(asked: Asked, by: str) -> str:
    query: dict[str, Any] = {"by": by, "since": asked.period.since, "until": asked.period.until}
    return urlencode({**query, "store": asked.store} if asked.store is not None else query)


add(("reports/", Reports, "reports"), ("reports/export/", ReportsExport, "reports_export"))
