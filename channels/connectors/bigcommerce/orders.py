# long because: reading an order and mapping it are one subject, and an order has many parts.
"""Orders of BigCommerce: which are read, what belongs to each, and the record that it becomes (`bigcommerce.md` §4).

A scan goes by modification time in ascending ids. Lines beyond 50, addresses, shipments and refunds come from further
calls. An order's external id is its number; a line names its variant by the variant's id.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.core.cache import cache
from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import payloads
from channels.connectors.bigcommerce.client import LIMIT
from channels.connectors.bigcommerce.payloads import LABEL, instant
from channels.connectors.bigcommerce.reference_data import StoreFacts
from channels.connectors.bigcommerce.statuses import (
    AWAITING_PAYMENT,
    COMPLETED,
    INCOMPLETE,
    PARTIALLY_REFUNDED,
    PARTIALLY_SHIPPED,
    REFUNDED,
    SHIPPED,
    STATUSES,
    holds_stock,
)
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.reading import id_slice, mappings, read_rows
from channels.contract.records.native import hash_native
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentState,
    RemoteState,
    ShipmentRecord,
)
from channels.contract.records.pages import Page, PullQuery
from channels.contract.spec import Stream
from channels.contract.validation.record_limits import Unreadable
from channels.contract.validation.schema import Notes, conform
from channels.contract.validation.schema import whole as units
from channels.contract.values import money, optional_money, ordered_units, text
from oms.kit.numbers import is_whole_number

INCLUDE = {"include": "consignments.line_items", "consignment_structure": "object"}
LINES_SHOWN = 50  # lines of a consignment in a list; further lines need a call of their own
AT_ONCE = 10  # orders of one page when they are asked for by number
LONG_AGO = timedelta(hours=1)
OVER = (SHIPPED, COMPLETED, REFUNDED)  # finished: in the history, the shipments of such an order are not read
SHIPMENT_FIELDS = (
    "id", "order_address_id", "date_created", "tracking_number", "shipping_provider", "tracking_carrier",
    "shipping_method", "comments", "items",
)  # fmt: skip
PICKUP_FIELDS = ("pickup_method_display_name", "location")
SHIPMENTS_CACHED = 2 * 3600  # seconds
SETTLED = timedelta(minutes=1)
MARK = "Manifold ref. "  # begins the comment of a shipment that Manifold made
ECHO = 900  # seconds in which Manifold's shipment at ready to ship may show as Shipped before its status is reset
UNTOUCHED = 60  # seconds within which a change of the order is the shipment's own


def when(at: datetime) -> str:
    """Return an aware instant as a filter, with its offset: without one BigCommerce takes another time zone."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What the store's settings and facts say about reading an order.

    `deducts_at_shipping`: BigCommerce deducts stock when an order ships. `ships_early`: Manifold's shipment is made at
    ready to ship. `birthmark` begins the references of the shipments that this installation made. `panel` is the
    address of the store's control panel.
    """

    deducts_at_shipping: bool = False
    ships_early: bool = False
    birthmark: str = ""
    panel: str = ""

    @classmethod
    def of(cls, facts: StoreFacts) -> OrderOptions:
        """Return the options of this store."""
        return cls(
            deducts_at_shipping=facts.deducts_at_shipping,
            ships_early=facts.connection.option("shipping_mode") == "a",
            birthmark=facts.connection.birthmark,
            panel=facts.control_panel,
        )


def _mapped(row: Any, options: OrderOptions, now: datetime) -> OrderRecord:
    """Map a complete order; `now` is when it was read."""
    return order(
        row,
        deducts_at_shipping=options.deducts_at_shipping,
        echo_until=now if options.ships_early else None,
        birthmark=options.birthmark,
        panel=options.panel,
    )


class OrderReader:
    """Reads pages of orders of one store."""

    def __init__(self, facts: StoreFacts) -> None:
        self.facts = facts
        self.client = facts.client

    def pull(self, query: PullQuery, page: str | None) -> Page[OrderRecord]:
        """Return one page of orders; an order that cannot be read is refused by itself."""
        missing: list[str] = []
        rows, next_page, total = self._page(query, page, missing)
        options, now = OrderOptions.of(self.facts) if rows else OrderOptions(), datetime.now(UTC)
        found = read_rows(
            rows,
            lambda row: _mapped(self._complete(row, query), options, now),
            "id",
            LABEL,
            next_page=next_page,
            total=total,
        )
        return replace(found, missing=missing)

    def read(self, native: Any) -> OrderRecord:
        """Map a complete document of an order, as an import stored it."""
        return _mapped(native, OrderOptions.of(self.facts), datetime.now(UTC))

    # ------------------------------------------------ pages
    def _page(
        self, query: PullQuery, token: str | None, missing: list[str]
    ) -> tuple[list[Any], str | None, int | None]:
        """Return rows with their `refunds`, the next token, and the count of all on the first page of a long scan."""
        if query.ids:
            return (*self._by_id(query.ids, token, missing), None)
        total = self._count(query) if query.created and token is None else None
        skew, last = self._position(token)
        params = {
            **INCLUDE,
            **self._window(query, skew),
            "sort": "id:asc",
            "limit": str(LIMIT),
            "min_id": str(last + 1),
        }
        rows = self.client.get("/v2/orders", params) or []
        ids = [number for row in mappings(rows) if (number := units(row.get("id"))) is not None]
        is_full = len(rows) >= LIMIT
        is_repeated = bool(ids) and ids[0] <= last
        if is_repeated or (is_full and (not ids or ids != sorted(ids))):
            raise TemporaryError(_("BigCommerce sent orders in the wrong order. The sync continues later."))
        next_token = f"{skew}:{ids[-1]}" if is_full else None
        return self._with_refunds(self._wanted(rows, query)), next_token, total

    def _count(self, query: PullQuery) -> int:
        """Return how many orders there are to read, for the progress."""
        rows = (self.client.get("/v2/orders/count", self._window(query, 0)) or {}).get("statuses") or ()
        counts = [{"status_id": row.get("id"), "count": row.get("count")} for row in mappings(rows)]
        return sum(units(row["count"]) or 0 for row in self._wanted(counts, query))

    def _position(self, token: str | None) -> tuple[int, int]:
        """Return the seconds by which this machine's clock is ahead of BigCommerce's, and the last id read."""
        if token is not None:
            skew, _colon, last = token.partition(":")
            return int(skew), int(last)
        return max(round(time.time() - int(self.client.get("/v2/time")["time"])), 0), 0

    def _window(self, query: PullQuery, skew: int) -> dict[str, str]:
        """Return the window on BigCommerce's clock.

        A scan of changes that reaches the present has no end: an order that changes meanwhile would drop out of it.
        """
        name = "created" if query.created else "modified"
        start, end = query.window.start, query.window.end
        back = timedelta(seconds=0 if query.created else skew)
        params = {f"min_date_{name}": when(start - back)} if start else {}
        if end and (query.created or end < datetime.now(UTC) - LONG_AGO):
            params[f"max_date_{name}"] = when(end)
        if len(query.statuses) == 1 and query.stream != Stream.ORDERS_NEW:
            params["status_id"] = query.statuses[0]
        return params

    @staticmethod
    def _wanted(rows: Iterable[Any], query: PullQuery) -> list[Any]:
        """Leave out unfinished checkouts. The scheduled scan of new orders takes every change: one scan serves both."""
        is_filtered = query.statuses and query.stream != Stream.ORDERS_NEW
        return [
            row
            for row in rows
            if not isinstance(row, Mapping)  # refused when it is read
            or (
                str(row.get("status_id")) != INCOMPLETE
                and (not is_filtered or str(row.get("status_id")) in query.statuses)
            )
        ]

    def _by_id(
        self, ids: Sequence[str], token: str | None, missing: list[str]
    ) -> tuple[list[Any], str | None]:
        part = id_slice(ids, token, AT_ONCE)
        rows = []
        for number in part.ids:
            if not is_whole_number(number):
                continue
            try:
                rows.append(self.client.get(f"/v2/orders/{number}", INCLUDE))
            except Rejected as error:
                if error.code != "404":
                    raise
                missing.append(number)
        query = PullQuery(ids=tuple(ids))
        return self._with_refunds(self._wanted([row for row in rows if row], query)), part.next_page

    # ------------------------------------------------ the parts of an order
    def _with_refunds(self, rows: list[Any]) -> list[Any]:
        refunds = self._refunds(mappings(rows))
        return [
            {**row, "refunds": found}
            if isinstance(row, Mapping) and (found := refunds.get(units(row.get("id"))))
            else row
            for row in rows
        ]

    def _complete(self, row: Any, query: PullQuery) -> Any:
        """Return the order with its lines, addresses and shipments; what the list left out is read."""
        if not isinstance(row, Mapping) or (number := units(row.get("id"))) is None:
            return row  # refused by the mapping
        order = {name: value for name, value in row.items() if name not in ("consignments", "products")}
        path = f"/v2/orders/{number}"
        parts = row.get("consignments")
        lines, addresses = _of_consignments(parts) if isinstance(parts, dict) else (None, None)
        if not lines:
            lines = self.client.v2_all(f"{path}/products")
        if addresses is None:
            addresses = self.client.v2_all(f"{path}/shipping_addresses")
        order |= {"lines": lines, "addresses": addresses}
        if isinstance(parts, dict) and parts.get("pickups"):
            order["pickups"] = [
                {name: one[name] for name in PICKUP_FIELDS if name in one}
                for one in mappings(parts["pickups"])
            ]
        if units(row.get("items_shipped")) and not (query.created and _is_over(row)):
            order["shipments"] = self._shipments(row)
        return order

    def _shipments(self, row: Mapping[str, Any]) -> list[Any]:
        """Return the order's shipments without the addresses, which the order has itself.

        One call an order. The answer is cached for two hours while the order's own fields show no change.
        """
        version = f"{row['id']}:{row.get('date_modified')}:{row.get('items_shipped')}:{row.get('status_id')}"
        key = f"bigcommerce:{self.client.store_hash}:shipments:{hash_native({'': version})}"
        known: list[Any] | None = cache.get(key)
        if known is None:
            rows = self.client.v2_all(f"/v2/orders/{row['id']}/shipments")
            known = [{name: one[name] for name in SHIPMENT_FIELDS if name in one} for one in mappings(rows)]
            changed = Notes().time(row.get("date_modified"), instant, "date_modified")
            if changed and datetime.now(UTC) - changed > SETTLED:
                cache.set(key, known, SHIPMENTS_CACHED)
        return known

    def _refunds(self, rows: Sequence[Mapping[str, Any]]) -> dict[int | None, list[Any]]:
        """Return the real refunds by order: the orders' own figure is always 0. One call for a page of orders."""
        numbers = [units(row.get("id")) for row in rows if _is_refunded(row)]
        ids = [str(number) for number in numbers if number is not None]
        found: dict[int | None, list[Any]] = {}
        for start in range(0, len(ids), AT_ONCE * 5):
            params = {"order_id:in": ",".join(ids[start : start + AT_ONCE * 5])}
            for refund in self.client.v3_all("/v3/orders/payment_actions/refunds", params, limit=50):
                if isinstance(refund, Mapping):
                    found.setdefault(units(refund.get("order_id")), []).append(refund)
        return found


def _is_over(row: Mapping[str, Any]) -> bool:
    """Whether the order is finished. A change of the last minutes may be only Manifold's shipment at ready to ship."""
    changed = Notes().time(row.get("date_modified"), instant, "date_modified")
    is_old = changed is not None and datetime.now(UTC) - changed > timedelta(seconds=ECHO)
    return is_old and str(row.get("status_id")) in OVER


def _is_refunded(row: Mapping[str, Any]) -> bool:
    """Return whether the order is refunded by its status, or its payment's status where the seller has changed the order's status."""
    is_marked = str(row.get("status_id")) in (REFUNDED, PARTIALLY_REFUNDED)
    return is_marked or "refunded" in str(row.get("payment_status") or "").lower()


def _of_consignments(parts: Mapping[str, Any]) -> tuple[list[Any] | None, list[Any] | None]:
    """Return lines and delivery addresses of consignments; None where they were cut short or are only a link."""
    if "url" in parts and "shipping" not in parts:
        return None, None
    groups = [each for name in ("shipping", "pickups", "downloads") for each in mappings(parts.get(name))]
    mail = parts.get("email")
    groups += mappings(mail.get("gift_certificates")) if isinstance(mail, dict) else []
    addresses = [
        {name: value for name, value in place.items() if name != "line_items"}
        for place in mappings(parts.get("shipping"))
    ]
    lines: list[Any] = []
    for group in groups:
        items = group.get("line_items")
        if not isinstance(items, list) or "__warning__" in group or len(items) >= LINES_SHOWN:
            return None, addresses
        items = mappings(items)
        if any("__warning__" in item or "id" not in item for item in items):
            return None, addresses
        lines += items
    return sorted(lines, key=lambda line: units(line["id"]) or 0), addresses


# ---------------------------------------------------------------- mapping


def remote_state(row: payloads.Order) -> RemoteState:
    """Return the meaning of a status. A refund before anything was shipped is a cancellation, after it a return."""
    status_id, shipped = str(row.get("status_id", "")), row.get("items_shipped", 0)
    if status_id == REFUNDED and not shipped:
        return RemoteState.CANCELLED
    if status_id == PARTIALLY_REFUNDED and shipped and shipped >= row.get("items_total", 0):
        return RemoteState.SHIPPED
    return STATUSES.get(status_id, RemoteState.UNKNOWN)


def is_echo(row: payloads.Order, now: datetime, birthmark: str = "") -> bool:
    """Whether “Shipped” comes only from Manifold's shipment at ready to ship, read before its status was reset.

    True within minutes of it; later, too, where the order has not changed since and this installation made the
    shipments (`birthmark`).
    """
    rows = row.get("shipments") or []
    if str(row.get("status_id")) not in (SHIPPED, PARTIALLY_SHIPPED) or not rows:
        return False
    comments = [text(one.get("comments")) for one in rows]
    made = [made_at for one in rows if (made_at := Notes().time(one.get("date_created"), instant, ""))]
    if len(made) < len(rows) or not all(each.startswith(MARK) for each in comments):
        return False
    if (now - min(made)).total_seconds() < ECHO:
        return True
    is_own = bool(birthmark) and all(each.startswith(f"{MARK}{birthmark}") for each in comments)
    changed = Notes().time(row["date_modified"], instant, "")
    return is_own and changed is not None and abs((changed - max(made)).total_seconds()) < UNTOUCHED


def order(
    row: payloads.Order,
    *,
    deducts_at_shipping: bool = False,
    echo_until: datetime | None = None,
    birthmark: str = "",
    panel: str = "",
) -> OrderRecord:
    """Return the order with BigCommerce's figures, without tax and the tax beside them.

    What lowers the total (discounts, coupons) is the difference between the parts and the total. `echo_until`: the
    present, where Manifold's own shipment at ready to ship must not be read as Shipped. `birthmark` begins the
    references of this installation's shipments, which are left out of the record's shipments. `panel` is the address
    of the store's control panel. Raises `Unreadable` for a row without what an order needs.
    """
    native, notes = row, Notes()
    row = conform(payloads.Order, row, notes)
    created, modified = (notes.time(row[name], instant, name) for name in ("date_created", "date_modified"))
    if created is None and modified is None:
        raise Unreadable(_("the order has no date that can be read"))
    status_id, billing = str(row.get("status_id", "")), row.get("billing_address") or {}
    state = remote_state(row)
    if echo_until is not None and is_echo(row, echo_until, birthmark):
        state = RemoteState.READY
    addresses, pickups = row.get("addresses") or [], row.get("pickups") or []
    items, tax, total = (
        money(row["subtotal_ex_tax"]),
        money(row.get("total_tax") or 0),
        money(row["total_inc_tax"]),
    )
    postage = sum(
        (
            money(row.get(name) or 0)
            for name in ("shipping_cost_ex_tax", "handling_cost_ex_tax", "wrapping_cost_ex_tax")
        ),
        Decimal(0),
    )
    rest = items + postage + tax - total
    methods = dict.fromkeys(method_name(place.get("shipping_method")) for place in addresses)
    method = ", ".join(name for name in methods if name)
    parcels = [(text(one.get("comments")), shipment(one, notes)) for one in row.get("shipments") or ()]
    own = f"{MARK}{birthmark}" if birthmark else ""
    returned = [money(one.get("total_amount", 0)) for one in row.get("refunds") or ()]
    return OrderRecord(
        external_id=str(row["id"]),
        number=str(row["id"]),
        status_id=status_id,
        status_name=text(row.get("custom_status")) or text(row.get("status")),
        remote_state=state,
        placed_at=created or cast(datetime, modified),
        changed_at=modified or cast(datetime, created),
        currency=row.get("default_currency_code") or row.get("currency_code") or "",
        total=total,
        lines=tuple(_line(line, notes) for line in row["lines"]),
        items_total=items,
        shipping_total=postage - min(rest, Decimal(0)),  # fees that have no field of their own
        tax_total=tax,
        discount_total=max(rest, Decimal(0)),
        prices_include_tax=False,
        payment=payment_state(row),
        stock_deducted=holds_stock(status_id, deducts_at_shipping=deducts_at_shipping),
        customer_name=full_name(billing),
        customer_email=text(billing.get("email")),
        customer_phone=text(billing.get("phone")),
        customer_external_id=str(row["customer_id"]) if row.get("customer_id") else "",  # 0 is a guest
        ship_to=address(addresses[0]) if addresses else _pickup_address(pickups),
        is_collected=bool(pickups) and not addresses,
        bill_to=address(billing),
        payment_method=text(row.get("payment_method")),
        shipping_method=method,
        carrier=next((parcel.carrier for _comment, parcel in parcels if parcel.carrier), "") or method,
        buyer_note=_note(row, addresses, pickups),
        shipments=tuple(parcel for comment, parcel in parcels if not own or not comment.startswith(own)),
        own_refs=tuple(
            comment.removeprefix(MARK) for comment, _parcel in parcels if comment.startswith(MARK)
        ),
        refunded_total=sum(returned, Decimal(0)) if returned else None,
        url=f"{panel}/manage/orders/{row['id']}" if panel else "",
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


#: BigCommerce's payment statuses of money that has arrived, and of money that has not.
_PAID = frozenset({"captured", "paid", "partially refunded", "refunded"})
_UNPAID = frozenset({"capture pending", "declined", "pending", "void", "void pending"})
_ON_DELIVERY = ("cash on delivery", "pay on delivery", "cod")


def payment_state(row: payloads.Order) -> PaymentState:
    """Return whether an order is paid, by its payment status; “authorized” and an empty one say nothing."""
    if text(row.get("payment_method")).casefold() in _ON_DELIVERY:
        return PaymentState.ON_DELIVERY
    status = text(row.get("payment_status")).casefold()
    if status in _PAID:
        return PaymentState.PAID
    is_awaited = str(row.get("status_id")) == AWAITING_PAYMENT
    return PaymentState.UNPAID if is_awaited or status in _UNPAID else PaymentState.UNKNOWN


def _note(row: payloads.Order, addresses: list[payloads.Address], pickups: Sequence[payloads.Pickup]) -> str:
    """Return the buyer's words, then what needs more than one label or no label."""
    notes = [text(row.get("customer_message"))]
    if len(addresses) > 1:
        places = "; ".join(
            f"{one.name}, {one.line1}, {one.postcode} {one.city}"
            for one in (address(place) for place in addresses)
        )
        notes.append(
            _("This order goes to %(count)d addresses: %(addresses)s")
            % {"count": len(addresses), "addresses": places}
        )
    collected = ", ".join(text(line["name"]) for line in row["lines"] if line.get("order_pickup_method_id"))
    if collected:
        names = ", ".join(dict.fromkeys(_pickup_address([place]).name for place in pickups))
        notes.append(
            _("The buyer collects at %(place)s, nothing is sent: %(items)s")
            % {"place": names, "items": collected}
            if names
            else _("The buyer collects, nothing is sent: %(items)s") % {"items": collected}
        )
    return "\n".join(note for note in notes if note)


def _pickup_address(pickups: Sequence[payloads.Pickup]) -> AddressRecord:
    """Return the address where the buyer collects the goods."""
    place = next((one["location"] for one in pickups if isinstance(one.get("location"), dict)), None)
    if place is None:
        return AddressRecord()
    return AddressRecord(
        name=text(place.get("name")),
        line1=text(place.get("address_line_1")),
        line2=text(place.get("address_line_2")),
        city=text(place.get("city")),
        region=text(place.get("state")),
        postcode=text(place.get("postal_code")),
        country=text(place.get("country_alpha2")).upper(),
        phone=text(place.get("phone")),
    )


def full_name(row: payloads.Address) -> str:
    """Return the first and the last name of an address."""
    return f"{text(row.get('first_name'))} {text(row.get('last_name'))}".strip()


def method_name(value: object) -> str:
    """Return the name of a shipping method; an order without one says “None”."""
    name = text(value)
    return "" if name == "None" else name


def address(row: payloads.Address) -> AddressRecord:
    """Return a billing or delivery address."""
    return AddressRecord(
        name=full_name(row),
        company=text(row.get("company")),
        line1=text(row.get("street_1")),
        line2=text(row.get("street_2")),
        city=text(row.get("city")),
        region=text(row.get("state")),
        postcode=text(row.get("zip")),
        country=text(row.get("country_iso2")).upper(),
        phone=text(row.get("phone")),
    )


def _line(line: payloads.Line, notes: Notes) -> OrderLineRecord:
    """Return a line. A custom item has no product; a download is not shipped, and takes stock if its product is tracked."""
    quantity = ordered_units(line["quantity"], text(line["name"]))
    options, typed = {}, []
    for option in mappings(line.get("product_options")):
        name = text(option.get("display_name_merchant") or option.get("display_name"))
        value = text(option.get("display_value_merchant") or option.get("display_value"))
        options[name] = value
        if option.get("type") in ("Text field", "Multi-line text field"):
            typed.append(f"{name}: {value}")
    return OrderLineRecord(
        external_id=str(line["id"]),
        title=text(line["name"]),
        quantity=quantity,
        unit_price=money(line["price_ex_tax"]),
        total=money(line["total_ex_tax"]),
        tax=money(line.get("total_tax") or 0),
        discount=sum(
            (
                optional_money(entry.get("amount"), notes, "lines.applied_discounts.amount")
                for entry in mappings(line.get("applied_discounts"))
            ),
            Decimal(0),
        ),
        sku=text(line.get("sku")),
        variant_external_id=str(line["variant_id"]) if line.get("variant_id") else "",
        product_external_id=str(line["product_id"]) if line.get("product_id") else "",
        options=options,
        personalisation="\n".join(typed),
        needs_stock=line.get("type", "physical") in ("physical", "digital"),
        needs_parcel=line.get("type", "physical") == "physical",
        refunded=min(units(line.get("quantity_refunded")) or 0, quantity),
    )


def shipment(row: payloads.Shipment, notes: Notes) -> ShipmentRecord:
    """Return a shipment with its carrier, number, time and units by line. `row` has the form of its schema."""
    carrier = row.get("shipping_provider") or row.get("tracking_carrier") or row.get("shipping_method")
    return ShipmentRecord(
        external_id=str(row.get("id") or text(row.get("tracking_number")) or "?"),
        carrier=method_name(carrier),
        tracking_number=text(row.get("tracking_number")),
        shipped_at=notes.time(row.get("date_created"), instant, "shipments.date_created"),
        lines={
            str(item["order_product_id"]): item["quantity"]
            for item in row.get("items") or ()
            if "order_product_id" in item and "quantity" in item
        },
    )
