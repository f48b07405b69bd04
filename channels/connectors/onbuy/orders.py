"""Read orders and map them to records (`onbuy.md` §8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, cast

from channels.connectors.onbuy import payloads
from channels.connectors.onbuy.channel import OVERLAP
from channels.connectors.onbuy.client import SITE, OnBuyClient
from channels.connectors.onbuy.payloads import (
    CURRENCY,
    UK,
    flag,
    instant,
    moment,
    number,
    opaque,
    second_before,
    text,
)
from channels.connectors.onbuy.reference_data import LABEL, read_list
from channels.connectors.onbuy.statuses import (
    AFTER_DISPATCH,
    ALL,
    NAMES,
    PARTLY_REFUNDED,
    REFUNDED,
    STATUSES,
    filter_of,
    slug_of,
)
from channels.contract.offset_scan import AnchoredOffsetScan
from channels.contract.reading import absent, id_slice, mappings, read_rows
from channels.contract.record_limits import Unreadable
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentState,
    RemoteState,
    ShipmentRecord,
)
from channels.contract.records.pages import Page, PullQuery
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from channels.contract.values import money, ordered_units

IDS = 40  # orders that are read by number in one call


def pull_orders(client: OnBuyClient, query: PullQuery, page: str | None, zone: tzinfo) -> Page[OrderRecord]:
    """Read orders by the time of their last change; OnBuy has no filter by creation date.

    `zone` is the one in which OnBuy's times are read. A page token is `<status>~<since>~<position>`.
    """
    if query.ids:
        return _by_id(client, query, page, zone)
    slugs = list(dict.fromkeys(filter_of(each) for each in query.statuses))
    slugs = [ALL] if not slugs or ALL in slugs else slugs
    begin = _begin(query)
    first, since, token = (page or f"0~{begin}~0").split("~", 2)
    params = {"filter[status]": slugs[int(first)], "sort[modified]": "asc"}
    if since:
        params["filter[modified_since]"] = since
    found = read_list(client, "/orders", params, token, _key)
    # An earlier row has changed: continue from the time of the last row, whose second OnBuy's filter may leave out.
    stamp = AnchoredOffsetScan.parse(token).anchor.partition("@")[2]
    if found.is_moved and stamp and (later := second_before(stamp)) > since:
        return Page([], f"{first}~{later}~0")
    read = read_rows(found.rows, lambda row: order(row, zone), "order_id", LABEL)
    is_past = not query.created and _is_past(read.records, query.window.end)
    after = f"{first}~{since}~{found.after}" if found.after and not is_past else None
    if after is None and int(first) + 1 < len(slugs):
        after = f"{int(first) + 1}~{begin}~0"
    wanted = [each for each in read.records if _is_wanted(each, query)]
    return Page(wanted, after, read.refused, found.total)


def _begin(query: PullQuery) -> str:
    """Return the time from which changes are requested; "": all."""
    start = query.window.start
    if start is None:
        return ""
    return moment(start - timedelta(seconds=OVERLAP if query.created else 0))


def _by_id(client: OnBuyClient, query: PullQuery, page: str | None, zone: tzinfo) -> Page[OrderRecord]:
    ids, rest = id_slice(query.ids, page, IDS)
    part = [each for each in ids if each and "," not in each]
    if not part:
        return Page([], rest)
    params = {"filter[status]": ALL, "filter[order_ids]": ",".join(part)}
    found = client.rows("/orders", site_id=SITE, **params).rows
    rows = [row for row in mappings(list(found)) if text(row.get("order_id")) in part]
    page_found = read_rows(rows, lambda row: order(row, zone), "order_id", LABEL, next_page=rest)
    return absent(page_found, part, [text(row["order_id"]) for row in rows])


def _key(row: Any) -> str:
    return f"{text(row.get('order_id'))}@{text(row.get('updated_at'))}" if isinstance(row, dict) else "@"


def _is_past(records: Sequence[OrderRecord], end: datetime | None) -> bool:
    return bool(end and records) and records[-1].changed_at >= end + timedelta(seconds=OVERLAP)  # type: ignore[operator]


def _is_wanted(record: OrderRecord, query: PullQuery) -> bool:
    if query.statuses and record.status_id not in query.statuses:
        return False
    begin, end = query.window.start, query.window.end
    if not query.created:
        return True  # OnBuy's filter has checked the time of the change; it also has changes whose time it does not show
    return (begin is None or record.placed_at >= begin) and (end is None or record.placed_at < end)


# ---------------------------------------------------------------- mapping


def status_of(row: payloads.Order) -> tuple[str, RemoteState]:
    """Return the status id and its meaning. That of a refund depends on what had been dispatched.

    A full refund counts as after dispatch when anything was dispatched; a refund of a part only when everything was, since
    the units in the warehouse are still to be sent.
    """
    slug = slug_of(row["status"])
    if slug in (REFUNDED, PARTLY_REFUNDED):
        left = [number(line["quantity"]) - _dispatched_units(line) for line in row["products"]]
        is_begun = any(_dispatched_units(line) for line in row["products"])
        is_flagged = flag(row.get("dispatched", False)) or (bool(row.get("shipped_at")) and not is_begun)
        is_dispatched = is_begun if slug == REFUNDED else is_begun and max(left) <= 0
        if is_flagged or is_dispatched:
            slug += AFTER_DISPATCH
    return slug, STATUSES.get(slug, RemoteState.UNKNOWN)


def _dispatched_units(line: payloads.OrderLine) -> int:
    return number(line.get("quantity_dispatched") or 0)


def order(row: payloads.Order, zone: tzinfo = UTC) -> OrderRecord:
    """Map an order. OnBuy's prices include the tax; orders come paid. Raises `Unreadable` without what an order needs."""
    native, notes = row, Notes()
    row = conform(payloads.Order, row, notes)
    status_id, state = status_of(row)

    def read_time(name: str) -> datetime | None:
        return notes.time(row.get(name), lambda value: instant(value, zone), name)

    placed, updated = read_time("date"), read_time("updated_at")
    if placed is None and updated is None:
        raise Unreadable(_("the order has no date that can be read"))
    placed = placed or cast(datetime, updated)
    lines = tuple(_line(line, place) for place, line in enumerate(row["products"], 1))
    buyer = row.get("buyer") or {}
    taxes = row.get("tax") or {}
    dates = [text(line.get("expected_dispatch_date")) for line in row["products"]]
    is_card, is_paypal = bool(row.get("stripe_transaction_id")), bool(row.get("paypal_capture_id"))
    return OrderRecord(
        external_id=text(row["order_id"]),
        number=text(row["order_id"]),
        status_id=status_id,
        status_name=str(NAMES.get(status_id) or text(row["status"])),
        remote_state=state,
        placed_at=placed,
        changed_at=max(updated or placed, placed),
        currency=text(row.get("currency_code")) or CURRENCY,
        total=money(row.get("price_total") or 0),
        lines=lines,
        items_total=money(row.get("price_subtotal") or 0),
        shipping_total=money(row.get("price_delivery") or 0),
        tax_total=money(taxes.get("tax_total") or 0),
        discount_total=money(row.get("price_discount") or 0),
        prices_include_tax=True,
        is_paid=True,
        payment=PaymentState.PAID,
        customer_name=text(buyer.get("name")),
        customer_email=text(buyer.get("email")),
        customer_phone=text(buyer.get("phone")),
        ship_to=address(row.get("delivery_address") or {}, text(buyer.get("phone"))),
        bill_to=address(row.get("billing_address") or {}),
        payment_method="Stripe" if is_card else "PayPal" if is_paypal else "OnBuy",
        shipping_method=text(row.get("delivery_service")),
        ship_by_at=_ship_by(dates, notes),
        shipments=_shipments(row, read_time("shipped_at")),
        refunded_total=_refunded(row, status_id),
        notes=tuple(notes),
        native=dict(native),
    )


def _refunded(row: payloads.Order, status_id: str) -> Decimal | None:
    """Return the refunded amount: the total, or the sum of the amounts that OnBuy lists; None when it is not known.

    The form of the list is not documented: an amount that cannot be read does not reject the order.
    """
    if status_id.removesuffix(AFTER_DISPATCH) == REFUNDED:
        return money(row.get("price_total") or 0)
    rows: Any = row.get("refunds")
    rows = list(rows.values()) if isinstance(rows, dict) else rows if isinstance(rows, list) else []
    amounts = [each.get("amount") for each in rows if isinstance(each, dict)]
    try:
        return sum((money(each) for each in amounts), Decimal(0)) if amounts else None
    except ValueError:
        return None


def _reference(row: payloads.OrderLine, place: int) -> str:
    """Return the id of a line: OnBuy's reference, else its SKU or its place in the order."""
    return text(row.get("onbuy_internal_reference")) or text(row["sku"]) or str(place)


def _line(row: payloads.OrderLine, place: int) -> OrderLineRecord:
    title = text(row.get("name")) or text(row["sku"])
    quantity, unit = ordered_units(row["quantity"], title), money(row["unit_price"])
    return OrderLineRecord(
        external_id=_reference(row, place),
        title=title,
        quantity=quantity,
        unit_price=unit,
        total=money(row.get("total_price") or unit * quantity),
        tax=money((row.get("tax") or {}).get("tax_product") or 0),
        sku=text(row["sku"]),
        variant_external_id=opaque(row["sku"]),
    )


def address(row: payloads.Address, phone: str = "") -> AddressRecord:
    """Map an address of an order."""
    rest = [text(row.get("line_2")), text(row.get("line_3"))]
    return AddressRecord(
        name=text(row.get("name")),
        line1=text(row.get("line_1")),
        line2=", ".join(part for part in rest if part),
        city=text(row.get("town")),
        region=text(row.get("county")),
        postcode=text(row.get("postcode")),
        country=text(row.get("country_code")).upper(),
        phone=phone,
    )


def _ship_by(dates: Sequence[str], notes: Notes) -> datetime | None:
    """Return the end of the earliest day (UK time) on which a line is to be dispatched; “0000-00-00” is no day."""
    name = "expected_dispatch_date"
    days = [
        notes.time(value, lambda day: instant(f"{str(day)[:10]} 23:59:59", UK), name)
        for value in dates
        if value.strip("0-: ")
    ]
    return min((day for day in days if day is not None), default=None)


def _shipments(row: payloads.Order, at: datetime | None) -> tuple[ShipmentRecord, ...]:
    """Return the dispatched units as shipments, by carrier and tracking number."""
    shipments: dict[tuple[str, str], dict[str, int]] = {}
    for position, line in enumerate(row["products"], 1):
        if units := _dispatched_units(line):
            tracking: payloads.Tracking = line.get("tracking") or row.get("tracking") or {}
            key = (text(tracking.get("supplier_name")), text(tracking.get("tracking_number")))
            shipments.setdefault(key, {})[_reference(line, position)] = units
    return tuple(
        ShipmentRecord(
            external_id=f"{row['order_id']}-{tracking_number or place}",
            carrier=carrier,
            tracking_number=tracking_number,
            shipped_at=at,
            lines=lines,
        )
        for place, ((carrier, tracking_number), lines) in enumerate(shipments.items(), 1)
    )
