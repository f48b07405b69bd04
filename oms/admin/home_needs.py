"""The card "Needs attention" of Home: one line for each thing that a person must do, the number first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from catalogue.services.sku_inbox import rows as sku_inbox
from channels.models import Alert, Connection, LaneBeat, OutboxMessage, RejectedRecord
from channels.ops.alerts.people import HOME, person_of
from channels.stores import alert_kinds
from channels.stores.health.health_text import health_of
from oms.kit.admin.pages import address
from oms.kit.models import Problem
from oms.kit.numbers import grouped
from oms.kit.problems import code_of
from orders.models import Order

LANE_SILENT = timedelta(minutes=3)
VIEW = gettext_lazy("View")

#: Problem code -> the sentence of how many there are; a code that is not here is shown with its title.
PROBLEMS: Mapping[str, Any] = {
    "unknown_sku": ngettext_lazy(
        "%(n)s order with an unknown SKU", "%(n)s orders with an unknown SKU", "count"
    ),
    "unknown_status": ngettext_lazy(
        "%(n)s order with a status that is not mapped",
        "%(n)s orders with a status that is not mapped",
        "count",
    ),
    "unknown_currency": ngettext_lazy(
        "%(n)s order in another currency than its store",
        "%(n)s orders in another currency than their store",
        "count",
    ),
    "money_mismatch": ngettext_lazy(
        "%(n)s order with totals that do not add up", "%(n)s orders with totals that do not add up", "count"
    ),
    "address_missing": ngettext_lazy(
        "%(n)s order without a delivery address", "%(n)s orders without a delivery address", "count"
    ),
    "address_withheld": ngettext_lazy(
        "%(n)s order with an address that the channel does not show",
        "%(n)s orders with an address that the channel does not show",
        "count",
    ),
    "address_changed": ngettext_lazy(
        "%(n)s order with an address or contact that changed after packing",
        "%(n)s orders with an address or contact that changed after packing",
        "count",
    ),
    "address_invalid": ngettext_lazy(
        "%(n)s order with an address that is not complete",
        "%(n)s orders with an address that is not complete",
        "count",
    ),
    "wms_rejected": ngettext_lazy(
        "%(n)s order that the warehouse system rejected",
        "%(n)s orders that the warehouse system rejected",
        "count",
    ),
    "wms_short_picked": ngettext_lazy(
        "%(n)s order with units that the warehouse did not find",
        "%(n)s orders with units that the warehouse did not find",
        "count",
    ),
    "wms_recall_refused": ngettext_lazy(
        "%(n)s order that the warehouse system does not return",
        "%(n)s orders that the warehouse system does not return",
        "count",
    ),
    "wms_shipped_cancelled": ngettext_lazy(
        "%(n)s cancelled order that the warehouse has shipped",
        "%(n)s cancelled orders that the warehouse has shipped",
        "count",
    ),
    "no_carrier": ngettext_lazy("%(n)s order without a carrier", "%(n)s orders without a carrier", "count"),
    "late_cancel": ngettext_lazy(
        "%(n)s order cancelled after packing", "%(n)s orders cancelled after packing", "count"
    ),
    "late_change": ngettext_lazy(
        "%(n)s order changed on the channel after packing",
        "%(n)s orders changed on the channel after packing",
        "count",
    ),
    "deleted_there": ngettext_lazy(
        "%(n)s packed order deleted on the channel", "%(n)s packed orders deleted on the channel", "count"
    ),
    "refused_there": ngettext_lazy(
        "%(n)s order whose shipping the channel rejected",
        "%(n)s orders whose shipping the channel rejected",
        "count",
    ),
    "shipped_short": ngettext_lazy(
        "%(n)s order shipped with more units than the stock has",
        "%(n)s orders shipped with more units than the stock has",
        "count",
    ),
    "refunded_there": ngettext_lazy(
        "%(n)s order refunded or returned on the channel",
        "%(n)s orders refunded or returned on the channel",
        "count",
    ),
    "partly_refunded": ngettext_lazy(
        "%(n)s order partly refunded: choose what to ship",
        "%(n)s orders partly refunded: choose what to ship",
        "count",
    ),
    "which_sku": ngettext_lazy(
        "%(n)s order with a line of an uncertain product: choose which was sold",
        "%(n)s orders with a line of an uncertain product: choose which was sold",
        "count",
    ),
    "reopened_there": ngettext_lazy(
        "%(n)s cancelled order that is open again on the channel",
        "%(n)s cancelled orders that are open again on the channel",
        "count",
    ),
    "label_refused": ngettext_lazy(
        "%(n)s order whose label the carrier refused",
        "%(n)s orders whose labels the carrier refused",
        "count",
    ),
    "label_unknown": ngettext_lazy(
        "%(n)s order whose label was perhaps bought", "%(n)s orders whose labels were perhaps bought", "count"
    ),
    "label_not_cancelled": ngettext_lazy(
        "%(n)s order whose label was not cancelled", "%(n)s orders whose labels were not cancelled", "count"
    ),
    "parcel_returned": ngettext_lazy(
        "%(n)s parcel returned to the sender", "%(n)s parcels returned to the sender", "count"
    ),
    "parcel_lost": ngettext_lazy("%(n)s lost parcel", "%(n)s lost parcels", "count"),
    "duplicate_sku": ngettext_lazy("%(n)s duplicate SKU", "%(n)s duplicate SKUs", "count"),
    "missing_sku": ngettext_lazy("%(n)s product without a SKU", "%(n)s products without a SKU", "count"),
    "opening_in_doubt": ngettext_lazy(
        "%(n)s SKU with an uncertain opening stock", "%(n)s SKUs with an uncertain opening stock", "count"
    ),
}


@dataclass(frozen=True, slots=True)
class Need:
    """One line: the sentence, the page where it is resolved ("" where there is none), and the words of that link.

    `rows_url` is the list with exactly the rows that the sentence counts, where that is another page than `url`.
    """

    text: str
    url: str
    action: Any = VIEW
    is_wrong: bool = True
    rows_url: str = ""


def problem_text(code: str, count: int) -> str:
    """Return how many open problems of a code there are, in words."""
    sentence = PROBLEMS.get(code)
    if sentence is None:
        return f"{count:,} × {code_of(code).title}"
    return str(sentence % {"n": grouped(count), "count": count})


def problem_needs(user: Any) -> list[Need]:
    """Return the open problems that this person may see, by code, the most frequent first."""
    rows = Problem.objects.filter(resolved_at=None).order_by().values_list("code", "subject_kind")
    needs = []
    for code, kind, count in rows.annotate(n=Count("subject_id", distinct=True)).order_by("-n"):
        if kind != "order" and (source := sku_inbox.source_of(code)) is not None:
            count = source.count(store=None, text="")  # without those that were dismissed
        if not count or not user.has_perm(
            "orders.view_order" if kind == "order" else "catalogue.view_product"
        ):
            continue
        text, fix = problem_text(code, count), code_of(code).fix
        if kind != "order":
            needs.append(
                Need(text, address(fix.removeprefix("admin:")) if fix else address("sku_inbox", code=code))
            )
            continue
        orders = address("orders_order_changelist", problem=code)
        if code == "unknown_sku" and user.has_perm("catalogue.view_product"):
            needs.append(Need(text, address("sku_inbox", code=code), _("Map"), rows_url=orders))
        else:
            needs.append(Need(text, orders))
    return needs


def late_need(late: int) -> Need:
    """Return the line of orders whose ship-by has passed."""
    text = ngettext("%s order is late", "%s orders are late", late) % grouped(late)
    return Need(text, address("orders_order_changelist", due="late"))


def store_needs(stores: list[Connection]) -> list[Need]:
    """Return the stores that need new keys, that have a fault, or to which nothing is sent yet."""
    needs = []
    for store in stores:
        health = health_of(store)
        if store.state == Connection.State.NEEDS_SELLER:
            needs.append(
                Need(f"{store}: {health.text}", address("store_reconnect", store.pk), _("Reconnect"))
            )
        elif health.colour == "danger":
            needs.append(Need(f"{store}: {health.text}", address("store", store.pk)))
        elif store.state == Connection.State.ACTIVE and store.is_read_only and store.has_wire:
            text = _("%(store)s is read-only. Check the first sync report, then go live.") % {"store": store}
            needs.append(Need(text, address("store_first_sync", store.pk), is_wrong=False))
    return needs


def channel_needs(stores: Mapping[int, Connection]) -> list[Need]:
    """Return the failed messages and the rejected records of each store."""
    needs = []
    parked = OutboxMessage.objects.parked().order_by().values_list("connection_id")
    for store_id, count in parked.annotate(n=Count("pk")):
        text = ngettext("%(n)s failed message (%(store)s)", "%(n)s failed messages (%(store)s)", count)
        needs.append(Need(_counted(text, count, stores, store_id), address("parked", store=store_id)))
    rejected = RejectedRecord.objects.filter(resolved_at=None).order_by().values_list("connection_id")
    for store_id, count in rejected.annotate(n=Count("pk")):
        text = ngettext("%(n)s rejected record (%(store)s)", "%(n)s rejected records (%(store)s)", count)
        needs.append(Need(_counted(text, count, stores, store_id), address("store_refused", store_id)))
    return needs


def by_hand_needs(stores: Mapping[int, Connection]) -> list[Need]:
    """Return the orders that a person must finish on the channel, because it takes nothing from Manifold.

    Deliveries (R-ORD-14) and tracking numbers (R-SHIP-03), by store.
    """
    needs = []
    delivered = Order.objects.filter(delivery_to_do=True).order_by().values_list("connection_id")
    for store_id, count in delivered.annotate(n=Count("pk")):
        text = ngettext(
            "%(n)s delivered order: mark it as delivered in %(store)s",
            "%(n)s delivered orders: mark them as delivered in %(store)s",
            count,
        )
        url = address("orders_order_changelist", tab="delivery_to_do", store=store_id)
        needs.append(Need(_counted(text, count, stores, store_id), url, is_wrong=False))
    shipped = Order.objects.filter(dispatch_to_do=True).order_by().values_list("connection_id")
    for store_id, count in shipped.annotate(n=Count("pk")):
        text = ngettext(
            "%(n)s shipped order: enter its tracking number in %(store)s",
            "%(n)s shipped orders: enter their tracking numbers in %(store)s",
            count,
        )
        url = address("orders_order_changelist", tab="dispatch_to_do", store=store_id)
        needs.append(Need(_counted(text, count, stores, store_id), url, is_wrong=False))
    return needs


def lane_needs() -> list[Need]:
    """Return the lanes of the queue whose worker has not reported for three minutes."""
    now = timezone.now()
    silent = [beat.lane for beat in LaneBeat.objects.all() if now - beat.beat_at > LANE_SILENT]
    return [
        Need(_("The worker of the lane “%s” has stopped. Restart it.") % lane, "") for lane in sorted(silent)
    ]


#: Alerts of one kind that have a line each; more are one line.
MOST_ALERTS = 3


def alert_needs(user: Any) -> list[Need]:
    """Return the open alerts that have no other line on Home, of the kinds that this person wants to see here."""
    kinds = {kind.key: kind for kind in alert_kinds.kinds_for(user) if kind.is_on_home}
    rows = Alert.objects.open().filter(kind__in=kinds).order_by().values_list("kind")
    counts = dict(rows.annotate(n=Count("pk")))
    if not counts:
        return []
    person, needs = person_of(user), []
    for key, kind in kinds.items():
        if not (count := counts.get(key, 0)) or HOME not in person.ways(kind):
            continue
        if count > MOST_ALERTS:
            url = address("channels_alert_changelist", kind=key)
            needs.append(Need(f"{count:,} × {kind.label}", url))
            continue
        open_rows = Alert.objects.open().filter(kind=key).order_by("-pk")
        needs += [Need(alert.text, alert.link) for alert in open_rows]
    return needs


def _counted(text: str, count: int, stores: Mapping[int, Connection], store_id: int) -> str:
    return text % {"n": grouped(count), "store": stores.get(store_id, "")}
