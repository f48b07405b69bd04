"""Which orders the desk asks for: the tab, the filters, the search and the place in the list.

No page of this list costs more than its first: pages are keyset pages, nothing counts all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant, sku_key
from orders.choices import OPEN_STATUSES, OrderStatus
from orders.models import Allocation, Order, OrderLine, Shipment

#: A count stops here: past it the tab says “10,000+”.
CAP = 10_000
PAGE_SIZES = (50, 100, 200)
#: Orders that a search by number, e-mail or tracking may find before it asks for more letters.
FOUND = 500


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the list. `is_open`: sorted by ship-by, the others by the day they were placed.

    `flag`: the orders of which this is so, whatever their state. `is_rare`: the tab is there only when it has orders.
    """

    key: str
    label: Any
    statuses: tuple[str, ...] = ()
    is_open: bool = False
    flag: str = ""
    is_rare: bool = False
    hint: Any = ""  # what is done with the orders of the tab, where its name cannot say it

    @property
    def lookup(self) -> dict[str, Any]:
        return {self.flag: True} if self.is_rare else {f"{self.flag}__gt": 0}

    @property
    def condition(self) -> str:
        """The flag as SQL."""
        name = connection.ops.quote_name(self.flag)
        return name if self.is_rare else f"{name} > 0"


S = OrderStatus
TABS: tuple[Tab, ...] = (
    Tab("all", _("All")),
    Tab("unpaid", S.UNPAID.label, (S.UNPAID,), True),
    Tab("draft", S.DRAFT.label, (S.DRAFT,), True),
    Tab("new", S.NEW.label, (S.NEW,), True),
    Tab("partial", S.PARTIAL.label, (S.PARTIAL,), True),
    Tab("rfp", S.READY_FOR_FULFILMENT.label, (S.READY_FOR_FULFILMENT,), True),
    Tab("packed", S.PACKED.label, (S.PACKED,), True),
    Tab("rts", S.READY_TO_SHIP.label, (S.READY_TO_SHIP,), True),
    Tab(
        "dispatch_to_do",
        _("To enter at the channel"),
        flag="dispatch_to_do",
        is_rare=True,
        hint=_(
            "These channels took no tracking from here. Enter carrier and number there, then choose the orders and "
            "press “Entered at the channel”."
        ),
    ),
    Tab("in_transit", S.IN_TRANSIT.label, (S.IN_TRANSIT,)),
    Tab("delivered", S.DELIVERED.label, (S.DELIVERED,)),
    Tab(
        "delivery_to_do",
        _("To note as delivered"),
        flag="delivery_to_do",
        is_rare=True,
        hint=_(
            "Delivered, and these channels cannot be told. Note it there, then choose the orders and press “Noted at "
            "the channel”."
        ),
    ),
    Tab("completed", S.COMPLETED.label, (S.COMPLETED,)),
    Tab(
        "cancelled",
        S.CANCELLED.label,
        (S.CANCEL_IN_PROCESS, S.CANCELLED, S.SELLER_CANCEL_IN_PROCESS, S.CANCELLED_BY_SELLER),
    ),
    Tab("returned", S.RETURNED.label, (S.RETURNED,)),
    Tab("problem", _("Problem"), flag="problems_open"),
    Tab("held", _("On hold"), flag="holds_open"),
)
#: Hours left to ship, from and to, as the cards of Home name them; None = no bound.
DUE: dict[str, tuple[int | None, int | None]] = {
    "late": (None, 0),
    "1h": (0, 1),
    "4h": (1, 4),
    "24h": (4, 24),
    "later": (24, None),
}
BY_KEY = {tab.key: tab for tab in TABS}


def tab_counts() -> dict[str, int]:
    """Orders per tab, in one statement: exact for the open states (one group over the partial index), for
    the others at most `CAP` + 1."""
    table = connection.ops.quote_name(Order._meta.db_table)
    marks = ", ".join(["%s"] * len(OPEN_STATUSES))
    parts = [f"SELECT status, COUNT(*) FROM {table} WHERE status IN ({marks}) GROUP BY status"]  # noqa: S608
    params: list[Any] = [str(status) for status in OPEN_STATUSES]
    for tab in TABS:
        where, values = "", list(tab.statuses)
        if tab.is_open:
            continue
        if tab.flag:
            where = f" WHERE {tab.condition}"
        elif values:
            where = f" WHERE status IN ({', '.join(['%s'] * len(values))})"
        parts.append(
            f"SELECT %s, COUNT(*) FROM (SELECT 1 AS one FROM {table}{where} LIMIT {CAP + 1}) t_{tab.key}"  # noqa: S608
        )
        params += [f"tab:{tab.key}", *(str(value) for value in values)]
    # The first part's column is a status, the others' a literal: the cast makes them one type everywhere.
    sql = " UNION ALL ".join(parts).replace("SELECT %s, COUNT", "SELECT CAST(%s AS varchar(30)), COUNT")
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: dict[str, int] = dict(cursor.fetchall())
    return {
        tab.key: sum(found.get(str(status), 0) for status in tab.statuses)
        if tab.is_open
        else found.get(f"tab:{tab.key}", 0)
        for tab in TABS
    }


def ship_by_between(start: int | None, end: int | None) -> Q:
    """Orders that must ship in `start` to `end` hours from now; without an end, those without a deadline too."""
    now = timezone.now()
    bounds = {"ship_by_at__gte": start, "ship_by_at__lt": end}
    within = Q(**{name: now + timedelta(hours=hours) for name, hours in bounds.items() if hours is not None})
    return within if end is not None else within | Q(ship_by_at=None)


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """What the address of the list asks for. Anything unreadable in it counts as not asked."""

    tab: Tab = TABS[0]
    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    rows: int = PAGE_SIZES[0]
    after: str = ""
    before: str = ""

    FILTERS = ("store", "warehouse", "carrier", "country", "sku", "since", "until", "due")

    @classmethod
    def read(cls, get: Mapping[str, str]) -> OrderQuery:
        rows = get.get("rows", "")
        return cls(
            tab=BY_KEY.get(get.get("tab", "all"), TABS[0]),
            search=get.get("q", "").strip()[:120],
            filters={
                name: get.get(name, "").strip()[:120] for name in cls.FILTERS if get.get(name, "").strip()
            },
            rows=int(rows) if rows.isdigit() and int(rows) in PAGE_SIZES else PAGE_SIZES[0],
            after=get.get("after", ""),
            before=get.get("before", ""),
        )

    def link(self, **changes: str) -> str:
        """The query string of this list with some of its parts changed; a change starts on the first page."""
        words = {"tab": self.tab.key, "q": self.search, **self.filters}
        if self.rows != PAGE_SIZES[0]:
            words["rows"] = str(self.rows)
        words.update(changes)
        return "?" + urlencode({name: value for name, value in words.items() if value and value != "all"})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.filters)

    def matching(self) -> QuerySet[Order]:
        """The orders of the tab under the filters, in no order yet."""
        orders = Order.objects.all()
        if self.tab.statuses:
            orders = orders.filter(status__in=self.tab.statuses)
        elif self.tab.flag:
            orders = orders.filter(**self.tab.lookup)
        if self.search:
            orders = orders.filter(pk__in=ids_found_by(self.search))
        return self._filtered(orders)

    def _filtered(self, orders: QuerySet[Order]) -> QuerySet[Order]:
        wanted = self.filters
        if (store := wanted.get("store", "")).isdigit():
            orders = orders.filter(connection_id=int(store))
        if (bounds := DUE.get(wanted.get("due", ""))) is not None:
            orders = orders.filter(ship_by_between(*bounds), status__in=OPEN_STATUSES)
        if country := wanted.get("country"):
            orders = orders.filter(country=country.upper()[:2])
        shipments = Shipment.objects.filter(order=OuterRef("pk")).exclude(state="cancelled")
        if (carrier := wanted.get("carrier", "")).isdigit():
            orders = orders.filter(Exists(shipments.filter(carrier_id=int(carrier))))
        if (warehouse := wanted.get("warehouse", "")).isdigit():
            held = Allocation.objects.filter(
                line__order=OuterRef("pk"), state="open", stock_item__warehouse_id=int(warehouse)
            )
            orders = orders.filter(Exists(shipments.filter(warehouse_id=int(warehouse))) | Exists(held))
        if sku := wanted.get("sku"):
            orders = orders.filter(Exists(self._lines_with(sku)))
        if day := parse_date_or_none(wanted.get("since", "")):
            orders = orders.filter(placed_at__gte=start_of(day))
        if day := parse_date_or_none(wanted.get("until", "")):
            orders = orders.filter(placed_at__lt=start_of(day) + timedelta(days=1))
        return orders

    @staticmethod
    def _lines_with(sku: str) -> QuerySet[OrderLine]:
        lines = OrderLine.objects.filter(order=OuterRef("pk"))
        variants = Variant.objects.filter(sku_key=sku_key(sku)).values("pk")
        return lines.filter(Q(variant__in=variants) | Q(variant=None, sku__iexact=sku))

    @property
    def sorts_by_ship_by(self) -> bool:
        return self.tab.is_open or self.filters.get("due", "") in DUE

    def page(self) -> tuple[list[Order], str, str]:
        """The orders of this page with the cursors of the next and the previous one ('' where there is none)."""
        orders = self.matching().select_related("connection")
        backwards = bool(self.before) and not self.after
        place = Place.read(self.before if backwards else self.after, by_ship_by=self.sorts_by_ship_by)
        if place:
            orders = orders.filter(place.beyond(backwards=backwards))
        orders = orders.order_by(*ordering(by_ship_by=self.sorts_by_ship_by, backwards=backwards))
        found = list(orders[: self.rows + 1])
        more = len(found) > self.rows
        found = found[: self.rows]
        if backwards:
            found.reverse()
        has_next = more if not backwards else True
        has_previous = (place is not None) if not backwards else more
        after = Place.of(found[-1], self.sorts_by_ship_by).text if found and has_next else ""
        before = Place.of(found[0], self.sorts_by_ship_by).text if found and has_previous else ""
        return found, after, before


def ordering(*, by_ship_by: bool, backwards: bool) -> list[Any]:
    if by_ship_by:
        if backwards:
            return [F("ship_by_at").desc(nulls_first=True), "-id"]
        return [F("ship_by_at").asc(nulls_last=True), "id"]
    return ["placed_at", "id"] if backwards else ["-placed_at", "-id"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the sorted list: the sort key of one order and its id."""

    at: datetime | None
    pk: int
    by_ship_by: bool

    @classmethod
    def of(cls, order: Order, by_ship_by: bool) -> Place:
        return cls(order.ship_by_at if by_ship_by else order.placed_at, order.pk, by_ship_by)

    @classmethod
    def read(cls, text: str, *, by_ship_by: bool) -> Place | None:
        at, _sep, pk = text.rpartition("~")
        if not pk.isdigit():
            return None
        try:
            instant = parse_datetime(at)
        except ValueError:
            return None
        if instant is None and not by_ship_by:
            return None
        return cls(instant, int(pk), by_ship_by)

    @property
    def text(self) -> str:
        return f"{self.at.isoformat() if self.at else ''}~{self.pk}"

    def beyond(self, *, backwards: bool) -> Q:
        """The rows after this place (before it when `backwards`)."""
        if not self.by_ship_by:
            if backwards:
                return Q(placed_at__gt=self.at) | Q(placed_at=self.at, pk__gt=self.pk)
            return Q(placed_at__lt=self.at) | Q(placed_at=self.at, pk__lt=self.pk)
        if self.at is None:  # those without a ship-by stand last
            if backwards:
                return Q(ship_by_at__isnull=False) | Q(ship_by_at=None, pk__lt=self.pk)
            return Q(ship_by_at=None, pk__gt=self.pk)
        if backwards:
            return Q(ship_by_at__lt=self.at) | Q(ship_by_at=self.at, pk__lt=self.pk)
        return Q(ship_by_at__gt=self.at) | Q(ship_by_at=self.at, pk__gt=self.pk) | Q(ship_by_at=None)


def ids_found_by(text: str) -> list[int]:
    """Ids of orders by number, e-mail or tracking number: whole ones first, else those that begin so.

    Three look-ups in three indexes, because one OR over two tables could use none of them.
    """
    text = text.strip().lstrip("#")
    if not text:
        return []
    for how in ("", "__startswith"):
        found: set[int] = set()
        for field_name, value in (("number", text), ("customer_email", text.lower())):
            found.update(
                Order.objects.filter(**{field_name + how: value}).values_list("pk", flat=True)[:FOUND]
            )
        parcels = Shipment.objects.exclude(tracking_number="").filter(**{"tracking_number" + how: text})
        found.update(parcels.values_list("order_id", flat=True)[:FOUND])
        if found:
            return sorted(found)
    return []


def parse_date_or_none(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime.combine(day, time.min) if day else None


def start_of(day: datetime) -> datetime:
    """The instant when this day begins where the seller is."""
    return timezone.make_aware(day)
