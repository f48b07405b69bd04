"""Home: what needs attention, open orders, the sync of each store, sales. Every number is a link to its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.contract.spec import Stream
from channels.models import Connection, SyncStream
from channels.stores.health import run_history
from channels.stores.health.freshness import Freshness, stock_of
from oms.admin import home_figures, home_needs
from oms.kit.admin import charts
from oms.kit.admin.badges import money_text, span_text
from oms.kit.admin.pages import Page
from oms.kit.numbers import grouped


@dataclass(slots=True)
class StoreRow:
    """One line of the card "Sync status": the import of new orders with its tracker, stock not sent, what is late."""

    store: Connection
    stock: Freshness
    orders: run_history.Freshness | None = None
    late: list[run_history.Freshness] = field(default_factory=list)

    @property
    def stock_waits(self) -> str:
        """How long the oldest stock change has not been sent, in words; "" when everything is sent."""
        if self.stock.since is None:
            return ""
        return span_text((timezone.now() - self.stock.since).total_seconds())


class Home(Page):
    """The first page after signing in."""

    title = gettext_lazy("Home")
    template_name = "oms/home.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        sees_orders = user.has_perm("orders.view_order")
        sees_stores = user.has_perm("channels.view_connection")
        stores: list[Connection] = []
        if sees_stores or sees_orders:
            stores = list(Connection.objects.stores().connected())
        names = {store.pk: store for store in stores}
        context: dict[str, Any] = {}
        needs = home_needs.problem_needs(user)
        if sees_stores:
            needs += home_needs.store_needs(stores) + home_needs.lane_needs()
            needs += home_needs.channel_needs(names)
            context["streams"] = store_rows(stores)
        if sees_orders:
            context.update(order_cards(names))
            late = sum(state.late for state in context["states"])
            if late:
                needs.insert(0, home_needs.late_need(late))
            needs += home_needs.by_hand_needs(names)
        needs += home_needs.alert_needs(user)
        return self.render(needs=needs, sees_orders=sees_orders, sees_stores=sees_stores, **context)


def store_rows(stores: list[Connection]) -> list[StoreRow]:
    """Return the lines of "Sync status"; imports other than of new orders only where they are late."""
    ids = [store.pk for store in stores]
    streams = list(
        SyncStream.objects.filter(connection__in=ids, period__isnull=False).select_related("connection")
    )
    runs = run_history.recent_runs(ids, [Stream.ORDERS_NEW])
    stock = stock_of(stores)
    rows = {store.pk: StoreRow(store, stock[store.pk]) for store in stores}
    for fresh in run_history.freshness(streams, runs):
        row = rows[fresh.stream.connection_id]
        if fresh.stream.name == Stream.ORDERS_NEW:
            row.orders = fresh
        elif fresh.is_late:
            row.late.append(fresh)
    return list(rows.values())


def order_cards(stores: dict[int, Connection]) -> dict[str, Any]:
    """Return the cards of a person who sees orders: by status, by ship-by, by the hour, sales."""
    states, oldest = home_figures.open_states()
    today, last_week, hour = home_figures.orders_per_hour()
    text = _("Orders today: %(today)s. By this time last week: %(then)s.") % {
        "today": grouped(sum(today)),
        "then": grouped(sum(last_week[: hour + 1])),
    }
    return {
        "states": states,
        "oldest_new": span_text((timezone.now() - oldest).total_seconds()) if oldest else "",
        "buckets": home_figures.ship_by_buckets(),
        "hours": [
            charts.hours(today, last_week, text, width=width) for width in (charts.HALF, charts.NARROW)
        ],
        "hours_text": text,
        "sales": [sales_card(block, stores) for block in home_figures.turnover()],
    }


def sales_card(block: home_figures.Turnover, stores: dict[int, Connection]) -> dict[str, Any]:
    """Return the chart and the table of one currency."""
    names = [str(stores.get(pk) or _("a disconnected store")) for pk in block.stores]
    days = [date_format(day, "j M") for day in block.days]
    rows = [
        {
            "store": name,
            "pk": pk if pk in stores else None,
            "colour": min(i, charts.COLOURS - 1),
            "orders": block.orders[pk],
            "units": block.units[pk],
            "money": money_text(block.total(pk), block.currency),
        }
        for i, (pk, name) in enumerate(zip(block.stores, names, strict=True))
    ]
    label = _("Turnover in %s by store and day, 30 days. The table below has the totals.") % block.currency
    series = list(block.stores.values())
    return {
        "title": _("Units and turnover, 30 days, %s") % block.currency,
        "rows": rows,
        "since": block.days[0].isoformat(),
        "charts": [
            charts.stacked(days, series, names, label, unit=block.currency, width=width)
            for width in (charts.WIDE, charts.NARROW)
        ],
    }
