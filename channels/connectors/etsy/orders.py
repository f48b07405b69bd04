# long because: which receipts are read and how each is mapped are one subject (`etsy.md` §7).
"""Orders of Etsy, which calls them receipts: which are read and the record that each becomes (`etsy.md` §7, §9).

Etsy refuses an `offset` over 12,000, and rows shift between pages while the shop is busy. So a scan goes by time: the
next page begins with the whole second of the last row, of which a row or two are read again; an offset inside this
second is used only where a page holds nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.connectors.etsy import carriers, payloads
from channels.connectors.etsy.payloads import LABEL, instant, money, seconds
from channels.connectors.etsy.reference_data import ShopFacts
from channels.connectors.etsy.statuses import (
    CANCELED,
    COMPLETED,
    DELIVERED,
    PAID,
    PARTLY_REFUNDED,
    REFUNDED,
    STATUSES,
    UNPAID,
)
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.reading import id_slice, list_in, mappings, read_rows
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
from channels.contract.validation.schema import Notes, conform, whole
from channels.contract.values import ordered_units, text
from oms.kit.numbers import is_whole_number

LIMIT = 100
AT_ONCE = 20  # orders of one page when they are asked for by number
MOST_OFFSET = 12_000
HISTORY = timedelta(days=90)
LONGEST = 3650  # days that a store may look back for cancellations: every order that is open
PERSONALISATION = 54  # the property of the buyer's own text
#: Values of `refunds[].status` for money that the seller kept; Etsy's document names none, so all others count.
NOT_GIVEN = frozenset({"failed", "canceled", "cancelled", "declined", "rejected"})


@dataclass(frozen=True, slots=True)
class Pass:
    """One scan of the list: `by` created or updated, its filters, and whether its rows are delivered."""

    by: str
    filters: Mapping[str, Any]
    is_delivered: bool = False

    @property
    def low(self) -> str:
        return "min_created" if self.by == "created" else "min_last_modified"

    @property
    def stamp(self) -> str:
        return f"{self.by}_timestamp"


def passes(query: PullQuery, *, now: datetime, cancel_days: int) -> Sequence[Pass]:
    """Return the scans that answer a query.

    New orders are all that are paid and not shipped, whatever the window: a receipt that was paid late comes after newer
    ones. Whether one is delivered is only a filter, so changes and history are scanned twice; once a day all delivered
    ones of 90 days are scanned too, for a delivery may not count as a change.
    """
    start, end = query.window.start, query.window.end
    if query.stream == Stream.ORDERS_NEW and not query.created:
        return [Pass("created", {"was_paid": True, "was_shipped": False, "was_canceled": False})]
    if query.stream == Stream.ORDERS_CANCELLED and not query.created:
        since = now - timedelta(days=min(max(cancel_days, 1), LONGEST))
        return [Pass("created", {"was_canceled": True, "min_created": seconds(since)})]
    by = "created" if query.created or start is None else "updated"
    window: dict[str, Any] = {}
    if start is not None:
        window["min_created" if by == "created" else "min_last_modified"] = seconds(start)
    if end is not None:
        window["max_created" if by == "created" else "max_last_modified"] = seconds(end)
    walks = [
        Pass(by, {**window, "was_delivered": False}),
        Pass(by, {**window, "was_delivered": True}, is_delivered=True),
    ]
    is_daily = (
        start is not None and end is not None and start.astimezone(UTC).date() != end.astimezone(UTC).date()
    )
    if query.stream == Stream.ORDERS_CHANGED and is_daily and not query.created:
        since = now - HISTORY
        walks.append(
            Pass("created", {"was_delivered": True, "min_created": seconds(since)}, is_delivered=True)
        )
    return walks


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a scan: which pass, from which second, and how many rows of that second to leave out."""

    walk: int = 0
    since: int = 0
    seen: int = 0

    @classmethod
    def read(cls, page: str | None) -> Place:
        """Return the position of a page token; None is the beginning."""
        return cls(*json.loads(page)) if page else cls()

    def write(self) -> str:
        return json.dumps([self.walk, self.since, self.seen])

    def params(self, walk: Pass) -> dict[str, Any]:
        """Return the query of the next page; raise `TemporaryError` where Etsy would refuse it."""
        if self.seen > MOST_OFFSET:
            raise TemporaryError(_("Etsy has more orders of one second than it lists."), code="offset")
        params = {**walk.filters, "limit": LIMIT, "offset": self.seen}
        if self.since:
            params[walk.low] = self.since
        return {**params, "sort_on": walk.by, "sort_order": "asc"}

    def after(self, rows: Sequence[Mapping[str, Any]], walk: Pass, walks: int) -> Place | None:
        """Return the position after these rows; None = the scan is complete."""
        if len(rows) < LIMIT:
            return Place(self.walk + 1) if self.walk + 1 < walks else None
        stamps = [stamp for row in mappings(rows) if (stamp := whole(row.get(walk.stamp))) is not None]
        if not stamps:
            raise TemporaryError(_("Etsy sent orders without a date. The sync continues later."))
        first, last = stamps[0], stamps[-1]
        if first < last:  # an offset would skip a row, if one that was read has left this second meanwhile
            return Place(self.walk, last)
        return Place(self.walk, last, len(rows) + (self.seen if last == self.since else 0))


def is_inside(row: Mapping[str, Any], query: PullQuery) -> bool:
    """Whether a row is before the end of a query's window: Etsy's own upper bound is inclusive."""
    end = query.window.end
    name = "created_timestamp" if query.created else "updated_timestamp"
    at = Notes().time(row.get(name), instant, name)
    return end is None or at is None or at < end


class OrderReader:
    """Reads pages of orders of one shop."""

    def __init__(self, facts: ShopFacts) -> None:
        self.facts = facts
        self.client = facts.client

    def pull(self, query: PullQuery, page: str | None) -> Page[OrderRecord]:
        """Return one page of receipts, by the queue of the stream that asks."""
        if query.ids:
            return self._by_id(query.ids, page)
        days = int(self.facts.connection.option("cancel_days") or 5)
        walks = passes(query, now=timezone.now(), cancel_days=days)
        place: Place | None = Place.read(page)
        while place is not None:
            walk = walks[place.walk]
            rows = list_in(
                self.client.get(self.facts.path("receipts"), **place.params(walk)), "results", LABEL
            )
            place = place.after(rows, walk, len(walks))
            if rows:
                return self._read(rows, walk, query, place.write() if place else None)
        return Page([], None)

    def _read(
        self, rows: Sequence[Any], walk: Pass, query: PullQuery, next_page: str | None
    ) -> Page[OrderRecord]:
        is_queue = query.stream in (Stream.ORDERS_NEW, Stream.ORDERS_CANCELLED) and not query.created

        def read(row: Any) -> OrderRecord | None:
            record = order(row, is_delivered=walk.is_delivered)
            is_wanted = is_queue or not query.statuses or record.status_id in query.statuses
            return record if is_wanted and (is_queue or is_inside(row, query)) else None

        return read_rows(rows, read, "receipt_id", LABEL, next_page=next_page)

    def read(self, native: Any) -> OrderRecord:
        """Map a receipt as an import stored it."""
        return order(native, is_delivered=isinstance(native, Mapping) and bool(native.get("was_delivered")))

    def _by_id(self, ids: Sequence[str], page: str | None) -> Page[OrderRecord]:
        part = id_slice(ids, page, AT_ONCE)
        missing: list[str] = []

        def read(asked: Mapping[str, str]) -> OrderRecord | None:
            try:
                row = self.receipt(asked["receipt_id"])
                return order(row, is_delivered=self._is_delivered(row))
            except Rejected as error:
                if error.code != "not_found":
                    raise
                missing.append(asked["receipt_id"])
                return None

        rows = [{"receipt_id": receipt_id} for receipt_id in part.ids if is_whole_number(receipt_id)]
        found = read_rows(rows, read, "receipt_id", LABEL, next_page=part.next_page)
        return replace(found, missing=missing)

    def receipt(self, receipt_id: str) -> Any:
        """Return one receipt; raise `Rejected` (code "not_found") when Etsy does not have it."""
        return self.client.get(self.facts.path(f"receipts/{receipt_id}"))

    def _is_delivered(self, row: Any) -> bool:
        """Whether it is delivered: a receipt has no field for it, so the list's filter is asked for its second."""
        if not isinstance(row, Mapping) or not row.get("is_shipped"):
            return False
        second = row.get("created_timestamp")
        answer = self.client.get(
            self.facts.path("receipts"),
            was_delivered=True,
            min_created=second,
            max_created=second,
            limit=LIMIT,
        )
        rows = mappings(list_in(answer, "results", LABEL))
        return any(other.get("receipt_id") == row.get("receipt_id") for other in rows)


# ---------------------------------------------------------------- mapping


def status_id(row: payloads.Receipt, *, is_delivered: bool) -> str:
    """Return the status id: lower-cased, "delivered" where Etsy's filter says so.

    The first match wins (`etsy.md` §9): a full refund after shipping changes nothing; an unpaid receipt is no order yet.
    """
    native = row["status"].strip().lower()
    if native not in STATUSES or native == CANCELED:
        return native
    if native == REFUNDED and not row["is_shipped"]:
        return native
    if not row["is_paid"]:
        return native if native in UNPAID else "open"
    if row["is_shipped"]:
        return DELIVERED if is_delivered else COMPLETED
    return PARTLY_REFUNDED if native == PARTLY_REFUNDED else PAID


def order(row: payloads.Receipt, *, is_delivered: bool = False) -> OrderRecord:
    """Return a receipt with the figures that the buyer saw; `is_delivered` comes from the list's filter.

    Raises `Unreadable` for a row without what an order needs.
    """
    native, notes = row, Notes()
    row = conform(payloads.Receipt, row, notes)
    state = status_id(row, is_delivered=is_delivered)
    sums, vat = _sums(row, notes), money(row["total_vat_cost"], notes, "total_vat_cost")
    is_included = vat > 0 and not sums["tax"]  # VAT that is not on top is in the prices
    created = notes.time(row["created_timestamp"], instant, "created_timestamp")
    updated = notes.time(row["updated_timestamp"], instant, "updated_timestamp")
    if created is None and updated is None:
        raise Unreadable(_("the order has no date that can be read"))
    placed = created or cast(datetime, updated)
    dates = [
        date
        for line in row["transactions"]
        if (date := notes.time(line["expected_ship_date"], instant, "expected_ship_date"))
    ]
    lines = tuple(_line(line, notes) for line in row["transactions"])
    method = next(
        (text(line["shipping_method"]) for line in row["transactions"] if line["shipping_method"]), ""
    )
    upgrade = next(
        (text(line["shipping_upgrade"]) for line in row["transactions"] if line["shipping_upgrade"]), ""
    )
    native = cast(payloads.Receipt, {**native, "was_delivered": True} if is_delivered else native)
    return OrderRecord(
        external_id=str(row["receipt_id"]),
        number=str(row["receipt_id"]),
        status_id=state,
        status_name=row["status"] if state != DELIVERED else "Delivered",
        remote_state=STATUSES.get(state, RemoteState.UNKNOWN),
        placed_at=placed,
        changed_at=max(updated or placed, placed),
        currency=row["grandtotal"]["currency_code"],
        total=money(row["grandtotal"], notes, "grandtotal"),
        lines=lines,
        items_total=sums["items"],
        shipping_total=sums["shipping"],
        tax_total=vat if is_included else sums["tax"],
        discount_total=sums["discount"],
        prices_include_tax=is_included,
        is_paid=bool(row["is_paid"]),
        payment=PaymentState.PAID if row["is_paid"] else PaymentState.UNPAID,
        stock_deducted=bool(row["is_paid"]),
        customer_name=text(row["name"]),
        customer_email=text(row["buyer_email"]),
        customer_external_id=str(row["buyer_user_id"]) if row["buyer_user_id"] else "",
        ship_to=_address(row),
        bill_to=_address(row),
        payment_method=text(row["payment_method"]),
        shipping_method=upgrade or method,
        carrier=carriers.name_of(text(row["shipments"][0]["carrier_name"])) if row["shipments"] else "",
        buyer_note=_note(row),
        gift_message=text(row["gift_message"]),
        ship_by_at=min(dates) if dates else None,
        shipments=tuple(_shipment(shipment, notes) for shipment in row["shipments"]),
        refunded_total=refunded(row, notes),
        is_address_withheld=is_withheld(row),
        url=f"https://www.etsy.com/your/orders/sold?order_id={row['receipt_id']}",
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


def refunded(row: payloads.Receipt, notes: Notes) -> Decimal | None:
    """Return what was refunded so far, in the receipt's currency (`etsy.md` §7); None where Etsy does not say.

    A receipt that is fully refunded and lists no refunds counts with its whole total.
    """
    refunds = row["refunds"]
    if refunds is None:
        return None
    given = [one for one in refunds if str(one.get("status") or "").strip().lower() not in NOT_GIVEN]
    if not given and row["status"].strip().lower() == REFUNDED:
        return money(row["grandtotal"], notes, "grandtotal")
    return sum((money(one["amount"], notes, "refunds.amount") for one in given), Decimal(0))


def is_withheld(row: payloads.Receipt) -> bool:
    """Whether Etsy does not give the address of an order that must be posted (`etsy.md` §7, restricted countries)."""
    return not row["first_line"] and any(not line["is_digital"] for line in row["transactions"])


def _note(row: payloads.Receipt) -> str:
    """Return what the buyer wrote, and that gift wrap was paid for: the person who packs must know."""
    wish = _("Gift wrap was paid for.") if money(row["gift_wrap_price"], Notes()) > 0 else ""
    return "\n".join(part for part in (text(row["message_from_buyer"]), wish) if part)


def _address(row: payloads.Receipt) -> AddressRecord:
    if not row["first_line"]:
        return AddressRecord()
    return AddressRecord(
        name=text(row["name"]),
        line1=text(row["first_line"]),
        line2=text(row["second_line"]),
        city=text(row["city"]),
        region=text(row["state"]),
        postcode=text(row["zip"]),
        country=text(row["country_iso"]).upper(),
    )


def _shipment(row: payloads.Shipment, notes: Notes) -> ShipmentRecord:
    return ShipmentRecord(
        external_id=str(row["receipt_shipping_id"] or row["tracking_code"] or "?"),
        carrier=carriers.name_of(text(row["carrier_name"])),
        tracking_number=text(row["tracking_code"]),
        shipped_at=notes.time(row["shipment_notification_timestamp"], instant, "shipments.timestamp"),
    )


def _line(row: payloads.Transaction, notes: Notes) -> OrderLineRecord:
    """Return a line, with SKU, listing and product id, each of which Etsy may leave out."""
    chosen: dict[str, str] = {}
    typed: list[str] = []
    for variation in row["variations"]:
        name, value = text(variation["formatted_name"]), text(variation["formatted_value"])
        if variation["property_id"] == PERSONALISATION or variation["question_id"]:
            typed.append(value if name.lower() == "personalization" else f"{name}: {value}")
        else:
            chosen[name] = value
    listing_id, product_id = row["listing_id"], row["product_id"]
    variant = f"{listing_id}-{product_id}" if chosen and product_id else str(listing_id or "")
    price, quantity = money(row["price"], notes, "price"), ordered_units(row["quantity"], text(row["title"]))
    return OrderLineRecord(
        external_id=str(row["transaction_id"]),
        title=text(row["title"]),
        quantity=quantity,
        unit_price=price,
        total=price * quantity,
        sku=text(row["sku"]),
        variant_external_id=variant,
        product_external_id=str(listing_id or ""),
        options=chosen,
        personalisation="\n".join(typed),
        needs_stock=not row["is_digital"],
        needs_parcel=not row["is_digital"],
    )


def _sums(row: payloads.Receipt, notes: Notes) -> dict[str, Decimal]:
    """Return parts that add up to the grand total.

    Whether VAT and sales tax are inside it depends on where the buyer lives: a tax that Etsy collects and pays is not.
    A remainder is added to the postage or the discount.
    """

    def amount(name: str) -> Decimal:
        return money(row[name], notes, name)  # type: ignore[literal-required]

    sums = {
        "items": amount("total_price"),
        "shipping": amount("total_shipping_cost") + amount("gift_wrap_price"),
        "tax": amount("total_tax_cost"),
        "discount": amount("discount_amt"),
    }
    rest = amount("grandtotal") - (sums["items"] + sums["shipping"] + sums["tax"] - sums["discount"])
    if rest and -rest == sums["tax"]:
        sums["tax"] = Decimal(0)
    elif rest and rest == amount("total_vat_cost"):
        sums["tax"] += rest
    elif rest > 0:
        sums["shipping"] += rest
    elif rest < 0:
        sums["discount"] -= rest
    return sums
