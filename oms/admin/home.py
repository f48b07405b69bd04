"""Home: what needs a person first, then how the house stands. Every number leads to its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels.contract.spec import Stream
from channels.models import Connection, LaneBeat, OutboxMessage, RejectedRecord, SyncStream
from channels.stores import run_history
from channels.stores.freshness import stock_of
from channels.stores.health_text import health_of
from oms.admin import home_figures as figures
from oms.kit.admin import charts
from oms.kit.admin.badges import money_text, span_text
from oms.kit.admin.pages import Page, address
from oms.kit.models import Problem
from oms.kit.problems import code_of
from orders.models import Order

LANE_SILENT = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Need:
    """One line of "Needs a person": the sentence, where it is put right, and the words of that link."""

    text: str
    url: str
    action: str
    is_wrong: bool = True


def problem_needs(user: Any) -> list[Need]:
    rows = Problem.objects.filter(resolved_at=None).order_by().values_list("code", "subject_kind")
    needs = []
    for code, kind, count in rows.annotate(n=Count("pk")).order_by("-n"):
        if kind == "order":
            if not user.has_perm("orders.view_order"):
                continue
            url, words = address("orders_order_changelist", tab="problem"), _("Open")
        else:
            if not user.has_perm("catalogue.view_product"):
                continue
            url, words = address("sku_inbox"), _("Solve")
        declared = code_of(code)
        if declared.fix:
            url = address(declared.fix.removeprefix("admin:")) or url
        if code == "unknown_sku":
            url, words = address("sku_inbox") or url, _("Map")
        needs.append(Need(f"{declared.title} ({count:,})", url, words))
    return needs


def store_needs(stores: list[Connection]) -> list[Need]:
    needs = []
    for store in stores:
        health = health_of(store)
        if store.state == Connection.State.NEEDS_SELLER:
            needs.append(
                Need(f"{store}: {health.text}", address("store_reconnect", store.pk), _("Reconnect"))
            )
        elif health.colour == "danger":
            needs.append(Need(f"{store}: {health.text}", address("store", store.pk), _("Open")))
        elif store.state == Connection.State.ACTIVE and store.is_read_only and store.has_wire:
            text = _("%(store)s: nothing is sent yet. Look at the report and switch sending on.") % {
                "store": store
            }
            needs.append(Need(text, address("store_first_sync", store.pk), _("Look"), is_wrong=False))
    return needs


def counted_needs(stores: dict[int, Connection]) -> list[Need]:
    needs = []
    parked = OutboxMessage.objects.parked().order_by().values_list("connection_id")
    for store_id, count in parked.annotate(n=Count("pk")):
        text = ngettext("%(n)s message parked (%(store)s)", "%(n)s messages parked (%(store)s)", count)
        needs.append(
            Need(
                text % {"n": count, "store": stores.get(store_id, "")},
                address("parked", store=store_id),
                _("Open"),
            )
        )
    refused = RejectedRecord.objects.filter(resolved_at=None).order_by().values_list("connection_id")
    for store_id, count in refused.annotate(n=Count("pk")):
        text = ngettext("%(n)s record refused (%(store)s)", "%(n)s records refused (%(store)s)", count)
        needs.append(
            Need(
                text % {"n": count, "store": stores.get(store_id, "")},
                address("store_refused", store_id),
                _("Look"),
            )
        )
    return needs


def delivery_needs(stores: dict[int, Connection]) -> list[Need]:
    """Delivered orders that somebody notes at their channel, because it cannot be told (R-ORD-14)."""
    needs = []
    for store_id, count in (
        Order.objects.filter(delivery_to_do=True)
        .order_by()
        .values_list("connection_id")
        .annotate(n=Count("pk"))
    ):
        text = ngettext(
            "%(n)s delivered order to be noted at %(store)s",
            "%(n)s delivered orders to be noted at %(store)s",
            count,
        )
        url = address("orders_order_changelist", tab="delivery_to_do", store=store_id)
        needs.append(
            Need(text % {"n": count, "store": stores.get(store_id, "")}, url, _("Open"), is_wrong=False)
        )
    return needs


def dispatch_needs(stores: dict[int, Connection]) -> list[Need]:
    """Orders whose tracking somebody enters at their channel, because it takes none from their store (R-SHIP-03)."""
    rows = Order.objects.filter(dispatch_to_do=True).order_by().values_list("connection_id")
    needs = []
    for store_id, count in rows.annotate(n=Count("pk")):
        text = ngettext(
            "%(n)s order whose tracking is to be entered at %(store)s",
            "%(n)s orders whose tracking is to be entered at %(store)s",
            count,
        )
        url = address("orders_order_changelist", tab="dispatch_to_do", store=store_id)
        needs.append(
            Need(text % {"n": count, "store": stores.get(store_id, "")}, url, _("Open"), is_wrong=False)
        )
    return needs


def lane_needs() -> list[Need]:
    now = timezone.now()
    silent = [beat.lane for beat in LaneBeat.objects.all() if now - beat.beat_at > LANE_SILENT]
    return [
        Need(_("The worker of the lane “%s” is silent: restart it.") % lane, "", "")
        for lane in sorted(silent)
    ]


class Home(Page):
    """The first page after signing in."""

    title = gettext_lazy("Home")
    template_name = "oms/home.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        context: dict[str, Any] = {"sees_orders": user.has_perm("orders.view_order")}
        stores: list[Connection] = []
        needs: list[Need] = []
        sees_stores = user.has_perm("channels.view_connection")
        if sees_stores or context["sees_orders"]:
            connected = Connection.objects.stores().connected()
            stores = list(connected)
        names = {store.pk: store for store in stores}
        if sees_stores:
            needs += store_needs(stores) + lane_needs()
            context["streams"] = self.freshness(stores)
            context["stores"] = stores
        needs = problem_needs(user) + needs
        if sees_stores:
            needs += counted_needs(names)
        if context["sees_orders"]:
            context.update(self.orders(names))
            late = sum(state.late for state in context["states"])
            if late:
                text = ngettext("%s order is late", "%s orders are late", late) % f"{late:,}"
                needs.insert(0, Need(text, address("orders_order_changelist", due="late"), _("Open")))
            needs += delivery_needs(names)
            needs += dispatch_needs(names)
        return self.render(needs=needs, sees_stores=sees_stores, **context)

    def freshness(self, stores: list[Connection]) -> list[Any]:
        """Per store its order stream with the tracker, its unsent stock; other streams only where they are late."""
        ids = [store.pk for store in stores]
        streams = list(
            SyncStream.objects.filter(connection__in=ids, period__isnull=False).select_related("connection")
        )
        runs = run_history.recent_runs(ids, [Stream.ORDERS_NEW])
        stock = stock_of(stores)
        rows: dict[int, dict[str, Any]] = {
            store.pk: {"store": store, "late": [], "stock": stock[store.pk]} for store in stores
        }
        for fresh in run_history.freshness(streams, runs):
            row = rows[fresh.stream.connection_id]
            if fresh.stream.name == Stream.ORDERS_NEW:
                row["orders"] = fresh
            elif fresh.is_late:
                row["late"].append(fresh)
        return list(rows.values())

    def orders(self, stores: dict[int, Connection]) -> dict[str, Any]:
        states, oldest = figures.open_states()
        today, last_week, hour = figures.orders_per_hour()
        so_far, then = sum(today), sum(last_week[: hour + 1])
        label = _("Orders per hour: %(today)s today so far, %(then)s by this hour last week.") % {
            "today": so_far,
            "then": then,
        }
        return {
            "states": states,
            "oldest_new": span_text((timezone.now() - oldest).total_seconds()) if oldest else "",
            "buckets": figures.ship_by_buckets(),
            "hours": charts.hours(today, last_week, label),
            "hours_label": label,
            "sales": [self.sales(block, stores) for block in figures.turnover()],
        }

    def sales(self, block: figures.Turnover, stores: dict[int, Connection]) -> dict[str, Any]:
        names = [str(stores.get(pk) or _("a store no longer connected")) for pk in block.stores]
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
        label = (
            _("Turnover of 30 days in %s, by store and day; the table below has the sums.") % block.currency
        )
        return {
            "title": _("Units and turnover, 30 days, %s") % block.currency,
            "rows": rows,
            "since": block.days[0].isoformat(),
            "chart": charts.stacked(days, list(block.stores.values()), names, label),
        }
