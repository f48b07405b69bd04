"""OnBuy's documents -> our records: pure functions, no I/O (`onbuy.md` §1, §7, §8).

External ids: a SKU of the seller is its SKU, which is what every call of OnBuy goes by; a row without one is
`listing:<id>`. A group is `group:<group_sku>`, and its record holds those of its SKUs that stand on the same page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels.connectors.onbuy import payloads
from channels.connectors.onbuy.statuses import (
    AFTER_DISPATCH,
    NAMES,
    PARTLY_REFUNDED,
    REFUNDED,
    STATUSES,
    slug_of,
)
from channels.contract.records.orders import (
    AddressRecord,
    CarrierRecord,
    OrderLineRecord,
    OrderRecord,
    RemoteState,
    ShipmentRecord,
)
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import (
    AttributeRecord,
    BrandRecord,
    CategoryRecord,
    ProductKind,
    ProductRecord,
    VariantRecord,
)
from channels.contract.values import money

CURRENCY = "GBP"
GROUP = "group:"
NO_SKU = "listing:"
UK = ZoneInfo("Europe/London")
_SEPARATOR = " - "
_FORMAT = "%Y-%m-%d %H:%M:%S"


# ---------------------------------------------------------------- plain values


def text(value: object) -> str:
    return "" if value is None else str(value).strip()


def opaque(value: object) -> str:
    """A SKU as OnBuy has it, spaces at its ends and all: its calls go by nothing else."""
    return "" if value is None else str(value)


def number(value: object) -> int:
    """A whole number that may come as text; raises ValueError."""
    return int(str(value))


def flag(value: object) -> bool:
    """True, 1 and "1" are yes."""
    return str(value).casefold() in ("1", "true")


def instant(value: object, zone: tzinfo = UTC) -> datetime:
    """OnBuy's time without a zone, read in this one; raises ValueError for any other form."""
    return datetime.strptime(str(value), _FORMAT).replace(tzinfo=zone).astimezone(UTC)


def moment(value: datetime, zone: tzinfo | None = UTC) -> str:
    """An instant as OnBuy takes it; a filter in UTC, which is never later than the United Kingdom's clock."""
    return value.astimezone(zone).strftime(_FORMAT)


def second_before(stamp: str) -> str:
    """A second before one of OnBuy's times, whatever its zone; what is no time stays."""
    try:
        return moment(instant(stamp) - timedelta(seconds=1))
    except ValueError:
        return stamp


def refused(row: Any, key: str, error: Exception) -> RefusedRow:
    """A row that cannot be read, with its id where it has one."""
    native = row if isinstance(row, dict) else {"value": row}
    reason = f"The field {error} is missing." if isinstance(error, KeyError) else str(error)
    return RefusedRow(text(native.get(key)) or "?", reason or type(error).__name__, native)


# ---------------------------------------------------------------- lists


def category(row: payloads.Category) -> CategoryRecord:
    name, tree, parent = text(row["name"]), text(row.get("category_tree")), text(row.get("parent_id"))
    return CategoryRecord(
        external_id=text(row["category_id"]),
        name=name,
        path=f"{tree} > {name}" if tree else name,
        parent_external_id="" if parent == "0" else parent,
        is_active=flag(row.get("can_list_in", True)),
    )


def feature(row: payloads.Feature, category_id: str) -> AttributeRecord:
    """A feature of a category; another category may have it too, with other demands."""
    return AttributeRecord(
        external_id=f"{category_id}:{text(row['feature_id'])}",
        name=text(row["name"]),
        values=tuple(text(option["name"]) for option in row.get("options") or ()),
        is_required=flag(row.get("required", False)),
    )


def technical(group: dict[str, Any], category_id: str) -> list[AttributeRecord]:
    """The technical details of one group of a category."""
    name = text(group.get("group_name"))
    return [
        AttributeRecord(f"{category_id}:detail:{text(row['detail_id'])}", text(row["name"]), group=name)
        for row in group.get("options") or ()
    ]


def brand(row: payloads.Brand) -> BrandRecord:
    return BrandRecord(text(row["brand_id"]), text(row["name"]))


def provider(row: dict[str, Any]) -> CarrierRecord:
    """A carrier of either list: that with tracking ids, or the newer one with codes."""
    return CarrierRecord(
        text(row.get("tracking_id") or row["onbuy_carrier_code"]),
        text(row.get("name") or row.get("carrier_name")),
    )


# ---------------------------------------------------------------- listings


def external_id(row: payloads.Listing) -> str:
    sku = opaque(row.get("sku"))
    return sku if sku.strip() else f"{NO_SKU}{text(row['product_listing_id'])}"


def variant(row: payloads.Listing, now: datetime, options: dict[str, str] | None = None) -> VariantRecord:
    """One SKU. A sale price counts while it is below the price and `now`, on OnBuy's clock, lies between its dates."""
    price = money(row.get("price") or 0)
    return VariantRecord(
        external_id=external_id(row),
        sku=text(row.get("sku")),
        quantity=max(number(row.get("stock") or 0), 0),
        price=price,
        selling_price=_sale(row, price, now),
        options=options or {},
        barcode=next((text(code) for code in row.get("product_codes") or () if text(code)), ""),
        image_url=text(row.get("image_url")),
    )


def _sale(row: payloads.Listing, price: Decimal, now: datetime) -> Decimal | None:
    if not row.get("sale_price"):
        return None
    sale = money(row["sale_price"])
    if not 0 < sale < price:
        return None
    begin, end, zone = row.get("sale_start_date"), row.get("sale_end_date"), now.tzinfo or UTC
    # Either zone: a sale is not missed for an hour of the summer.
    if begin and instant(begin, zone) > now + timedelta(hours=1, seconds=5):
        return None
    return None if end and instant(end, zone) <= now else sale


def single(row: payloads.Listing, now: datetime) -> ProductRecord:
    image = text(row.get("image_url"))
    return ProductRecord(
        external_id=external_id(row),
        kind=ProductKind.SINGLE,
        title=text(row.get("name")) or text(row.get("sku")) or external_id(row),
        variants=(variant(row, now),),
        currency=CURRENCY,
        image_urls=(image,) if image else (),
        is_active=not text(row.get("suspended_reason")),
        url=text(row.get("product_url")),
        changed_at=_changed([row]),
        native=dict(row),
    )


def group(rows: Sequence[payloads.Listing], now: datetime) -> ProductRecord:
    """A group's SKUs of one page. Options are not in a listing: they are read from the end of its name."""
    key = text(rows[0].get("group_sku"))
    variants = tuple(variant(row, now, options_of(row, key)) for row in rows)
    image = next((text(row.get("image_url")) for row in rows if row.get("image_url")), "")
    return ProductRecord(
        external_id=GROUP + key,
        kind=ProductKind.GROUP,
        title=text(rows[0].get("name")).partition(_SEPARATOR)[0].strip() or key,
        variants=variants,
        currency=CURRENCY,
        image_urls=(image,) if image else (),
        is_active=not all(text(row.get("suspended_reason")) for row in rows),
        url=text(rows[0].get("product_url")),
        changed_at=_changed(rows),
        is_part=True,
        native={"group_sku": key, "listings": [dict(row) for row in rows]},
    )


def options_of(row: payloads.Listing, group_sku: str) -> dict[str, str]:
    """At most two options, from “Hoodie - Red - M”; else the part of the SKU that is its own."""
    parts = [part.strip() for part in text(row.get("name")).split(_SEPARATOR)[1:] if part.strip()]
    if len(parts) == 1:
        return {"Option": parts[0]}
    if parts:
        return {"Option 1": parts[0], "Option 2": _SEPARATOR.join(parts[1:])}
    sku = text(row.get("sku"))
    return {"Option": sku.removeprefix(group_sku).strip("-_ .") or sku or external_id(row)}


def products(rows: Sequence[Any], now: datetime) -> tuple[list[ProductRecord], list[RefusedRow]]:
    """The products of a page of listings, groups put together, in the order of their first rows.

    A row that cannot be read is refused alone, whatever group it belongs to.
    """
    found: dict[str, tuple[ProductRecord, list[Any]]] = {}
    bad: list[RefusedRow] = []
    for row in rows:
        try:
            record, key = single(row, now), text(row.get("group_sku"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            bad.append(refused(row, "sku", error))
        else:
            found.setdefault(GROUP + key if key else record.external_id, (record, []))[1].append(row)
    records = [
        group(each, now) if text(each[0].get("group_sku")) else record for record, each in found.values()
    ]
    return records, bad


def _changed(rows: Sequence[payloads.Listing]) -> datetime | None:
    stamps = [instant(row["updated_at"]) for row in rows if row.get("updated_at")]
    return max(stamps) if stamps else None


# ---------------------------------------------------------------- orders


def status_of(row: payloads.Order) -> tuple[str, RemoteState]:
    """Our status id and what it says. A refund is told apart by what had been dispatched.

    Of a full refund by anything at all; of a part of the money only by everything: what is still here is still sent.
    """
    slug = slug_of(row["status"])
    if slug in (REFUNDED, PARTLY_REFUNDED):
        left = [number(line["quantity"]) - _units_gone(line) for line in row["products"]]
        is_begun = any(_units_gone(line) for line in row["products"])
        is_said = flag(row.get("dispatched", False)) or (bool(row.get("shipped_at")) and not is_begun)
        is_gone = is_begun if slug == REFUNDED else is_begun and max(left) <= 0
        if is_said or is_gone:
            slug += AFTER_DISPATCH
    return slug, STATUSES.get(slug, RemoteState.UNKNOWN)


def _units_gone(line: payloads.OrderLine) -> int:
    return number(line.get("quantity_dispatched") or 0)


def order(row: payloads.Order, zone: tzinfo = UTC) -> OrderRecord:
    """An order. OnBuy's prices hold the tax; orders come paid."""
    status_id, state = status_of(row)
    placed = instant(row["date"], zone)
    lines = tuple(_line(line) for line in row["products"])
    buyer = row.get("buyer") or {}
    taxes = row.get("tax") or {}
    dates = [text(line.get("expected_dispatch_date")) for line in row["products"]]
    is_card, is_paypal = bool(row.get("stripe_transaction_id")), bool(row.get("paypal_capture_id"))
    return OrderRecord(
        external_id=text(row["order_id"]),
        number=text(row["order_id"]),
        status_id=status_id,
        status_name=NAMES.get(status_id) or text(row["status"]),
        remote_state=state,
        placed_at=placed,
        changed_at=max(instant(row["updated_at"], zone), placed) if row.get("updated_at") else placed,
        currency=text(row.get("currency_code")) or CURRENCY,
        total=money(row.get("price_total") or 0),
        lines=lines,
        items_total=money(row.get("price_subtotal") or 0),
        shipping_total=money(row.get("price_delivery") or 0),
        tax_total=money(taxes.get("tax_total") or 0),
        discount_total=money(row.get("price_discount") or 0),
        prices_include_tax=True,
        is_paid=True,
        customer_name=text(buyer.get("name")),
        customer_email=text(buyer.get("email")),
        customer_phone=text(buyer.get("phone")),
        ship_to=address(row.get("delivery_address") or {}, text(buyer.get("phone"))),
        bill_to=address(row.get("billing_address") or {}),
        payment_method="Stripe" if is_card else "PayPal" if is_paypal else "OnBuy",
        shipping_method=text(row.get("delivery_service")),
        ship_by_at=_ship_by(dates),
        shipments=_shipments(row, zone),
        refunded_total=_refunded(row, status_id),
        native=dict(row),
    )


def _refunded(row: payloads.Order, status_id: str) -> Decimal | None:
    """Money given back: all of it, or the amounts that OnBuy lists. Their shape is not known: what cannot be read is no
    answer, and no reason to refuse the order."""
    if status_id.removesuffix(AFTER_DISPATCH) == REFUNDED:
        return money(row.get("price_total") or 0)
    rows: Any = row.get("refunds")
    rows = list(rows.values()) if isinstance(rows, dict) else rows if isinstance(rows, list) else []
    amounts = [each.get("amount") for each in rows if isinstance(each, dict)]
    try:
        return sum((money(each) for each in amounts), Decimal(0)) if amounts else None
    except ValueError:
        return None


def _line(row: payloads.OrderLine) -> OrderLineRecord:
    quantity, unit = number(row["quantity"]), money(row["unit_price"])
    return OrderLineRecord(
        external_id=text(row["onbuy_internal_reference"]),
        title=text(row.get("name")) or text(row["sku"]),
        quantity=quantity,
        unit_price=unit,
        total=money(row.get("total_price") or unit * quantity),
        tax=money((row.get("tax") or {}).get("tax_product") or 0),
        sku=text(row["sku"]),
        variant_external_id=opaque(row["sku"]),
    )


def address(row: payloads.Address, phone: str = "") -> AddressRecord:
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


def _ship_by(dates: Sequence[str]) -> datetime | None:
    """The end of the earliest day, in Britain, on which a line is expected to leave."""
    days = [value[:10] for value in dates if re.match(r"\d{4}-\d{2}-\d{2}", value)]
    return instant(f"{min(days)} 23:59:59", UK) if days else None


def _shipments(row: payloads.Order, zone: tzinfo) -> tuple[ShipmentRecord, ...]:
    """What has left: the dispatched units, by tracking number."""
    parcels: dict[tuple[str, str], dict[str, int]] = {}
    for line in row["products"]:
        if units := _units_gone(line):
            tracking = line.get("tracking") or row.get("tracking") or {}
            key = (text(tracking.get("supplier_name")), text(tracking.get("tracking_number")))
            parcels.setdefault(key, {})[text(line["onbuy_internal_reference"])] = units
    at = instant(row["shipped_at"], zone) if row.get("shipped_at") else None
    return tuple(
        ShipmentRecord(
            external_id=f"{row['order_id']}-{tracking_number or place}",
            carrier=carrier,
            tracking_number=tracking_number,
            shipped_at=at,
            lines=lines,
        )
        for place, ((carrier, tracking_number), lines) in enumerate(parcels.items(), 1)
    )
