# long because: products and orders are made of the same small words.
"""BigCommerce's documents <-> our records: pure functions, no I/O (`bigcommerce.md` §4, §6).

External ids: a product is its id; its SKU is the variant's id, which a simple product has too: the one without options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from email.utils import parsedate_to_datetime
from typing import Any, cast

from channels.connectors.bigcommerce import payloads
from channels.connectors.bigcommerce.statuses import (
    PARTIALLY_REFUNDED,
    PARTIALLY_SHIPPED,
    REFUNDED,
    SHIPPED,
    STATUSES,
)
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    RemoteState,
    ShipmentRecord,
    StatusRecord,
)
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import (
    BrandRecord,
    CategoryRecord,
    ProductKind,
    ProductRecord,
    VariantRecord,
)
from channels.contract.values import money, text

MARK = "Manifold ref. "  # begins the comment of a shipment that we made
ECHO = 900  # seconds that a shipment of ours at ready to ship may look like Shipped before its status is put back
UNTOUCHED = 60  # seconds within which a change of the order is the shipment's own
GRAMS = {
    "kgs": Decimal(1000),
    "kg": Decimal(1000),
    "grams": Decimal(1),
    "g": Decimal(1),
    "lbs": Decimal("453.59237"),
    "ounces": Decimal("28.349523125"),
    "oz": Decimal("28.349523125"),
    "tonnes": Decimal(1_000_000),
}


def whole(value: object) -> int:
    """A number of units, which may be written with a fraction of nothing; raises ValueError when it is none."""
    units = money(value or 0)
    if units != int(units):
        raise ValueError(f"“{value}” is no number of units.")
    return int(units)


def instant(value: object) -> datetime | None:
    """RFC 2822 (v2) or ISO 8601 (v3) as an aware instant; None for "", raises ValueError for anything else."""
    given = str(value or "").strip()
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given) if given[:4].isdigit() else parsedate_to_datetime(given)
    except (TypeError, ValueError):
        raise ValueError(f"“{given}” is not a time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _moment(value: object) -> datetime:
    moment = instant(value)
    if moment is None:
        raise ValueError("A time is missing.")
    return moment


# ---------------------------------------------------------------- small lists


def status(row: Mapping[str, Any], *, deducts_at_shipping: bool) -> StatusRecord:
    """A status under the name that the seller gave it. An order's stock is off from placement or from shipping on."""
    status_id = str(row["id"])
    name = text(row.get("custom_label")) or text(row.get("name"))
    return StatusRecord(status_id, name, holds_stock=holds_stock(status_id, deducts_at_shipping))


def holds_stock(status_id: str, deducts_at_shipping: bool) -> bool:
    if deducts_at_shipping:
        return status_id in (SHIPPED, "10")
    return STATUSES.get(status_id) not in (RemoteState.CANCELLED, RemoteState.IGNORED)


def category(row: Mapping[str, Any], names: Mapping[int, tuple[str, int]]) -> CategoryRecord:
    """A category of a tree; `names` is every category's (name, parent), for the path."""
    path, at, seen = [], int(row["category_id"]), set()
    while at and at in names and at not in seen:
        seen.add(at)
        name, parent = names[at]
        path.append(name)
        at = parent
    return CategoryRecord(
        external_id=str(row["category_id"]),
        name=text(row["name"]),
        path=" > ".join(reversed(path)),
        parent_external_id=str(row["parent_id"]) if row.get("parent_id") else "",
        is_active=bool(row.get("is_visible", True)),
    )


def brand(row: Mapping[str, Any]) -> BrandRecord:
    return BrandRecord(str(row["id"]), text(row["name"]))


# ---------------------------------------------------------------- products


def product(
    row: payloads.Product,
    *,
    currency: str,
    brand_name: str = "",
    stock: Mapping[int, int] | None = None,
    weight_unit: str = "",
    base_url: str = "",
    may_switch_on: bool = False,
) -> ProductRecord:
    """A product with all its SKUs. `stock` is what is on hand at the store's location, by variant id. A group with one
    figure for all its options counts none of its SKUs; `may_switch_on`: told a figure, we have it count them."""
    variants = row.get("variants") or []
    is_group = any(variant.get("option_values") for variant in variants)
    images = sorted(
        row.get("images") or (), key=lambda i: (not i.get("is_thumbnail"), i.get("sort_order") or 0)
    )
    address = text((row.get("custom_url") or {}).get("url"))
    changed = row.get("date_modified")
    return ProductRecord(
        external_id=str(row["id"]),
        kind=ProductKind.GROUP if is_group else ProductKind.SINGLE,
        title=text(row["name"]),
        variants=tuple(
            _variant(row, variant, stock or {}, weight_unit, is_group=is_group)
            for variant in (variants if is_group else variants[:1])
        ),
        currency=currency,
        description=row.get("description") or "",
        brand=text(brand_name),
        category_external_ids=tuple(str(number) for number in row.get("categories") or ()),
        attributes={text(item["name"]): text(item["value"]) for item in row.get("custom_fields") or ()},
        image_urls=tuple(url for image in images if (url := _picture(image))),
        is_active=bool(row.get("is_visible", True)) and row.get("availability", "available") != "disabled",
        url=f"{base_url}{address}" if base_url and address else "",
        changed_at=instant(changed) if changed else None,
        warranty=row.get("warranty") or "",
        takes_stock=may_switch_on,
        native=cast(Mapping[str, Any], row),
    )


def _picture(image: payloads.Image) -> str:
    return image.get("url_zoom") or image.get("url_standard") or ""


def _variant(
    row: payloads.Product,
    variant: payloads.Variant,
    stock: Mapping[int, int],
    weight_unit: str,
    *,
    is_group: bool,
) -> VariantRecord:
    """A variant; what it does not have of its own (price, offer, weight) is the product's."""
    own = variant.get("price")
    price = money(row["price"] if own is None else own)
    offer = variant.get("sale_price")
    if offer is None:  # the product's, even beside a price of its own
        offer = row.get("sale_price")
    sale = money(offer) if offer else Decimal(0)
    tracked = row.get("inventory_tracking") in (("variant",) if is_group else ("variant", "product"))
    quantity = stock.get(int(variant["id"]), int(variant.get("inventory_level") or 0))
    return VariantRecord(
        external_id=str(variant["id"]),
        sku=text(variant.get("sku")) or ("" if variant.get("option_values") else text(row.get("sku"))),
        quantity=max(quantity, 0) if tracked else None,
        price=price,
        selling_price=sale if 0 < sale < price else None,
        options={
            text(value["option_display_name"]): text(value["label"])
            for value in variant.get("option_values") or ()
        },
        barcode=text(variant.get("upc") or row.get("upc")),
        image_url=variant.get("image_url") or "",
        weight_grams=_grams(variant.get("weight") or row.get("weight"), weight_unit),
    )


def _grams(weight: object, unit: str) -> int | None:
    factor = GRAMS.get(unit.lower())
    amount = money(weight or 0)
    return int((amount * factor).to_integral_value(ROUND_HALF_UP)) if factor and amount > 0 else None


# ---------------------------------------------------------------- orders


def remote_state(row: payloads.Order) -> RemoteState:
    """Our reading of a status. A refund before anything left is a cancellation, after it a return."""
    status_id, shipped = str(row["status_id"]), whole(row.get("items_shipped"))
    if status_id == REFUNDED and not shipped:
        return RemoteState.CANCELLED
    if status_id == PARTIALLY_REFUNDED and shipped and shipped >= whole(row.get("items_total")):
        return RemoteState.SHIPPED
    return STATUSES.get(status_id, RemoteState.UNKNOWN)


def is_echo(row: payloads.Order, now: datetime, birthmark: str = "") -> bool:
    """Whether “Shipped” is no more than our own shipment of ready to ship, seen before its status was put back.

    Within minutes of it; later, too, where the order has not changed since and the shipments are this house's.
    """
    rows = row.get("shipments") or []
    if str(row["status_id"]) not in (SHIPPED, PARTIALLY_SHIPPED) or not rows:
        return False
    words = [text(one.get("comments")) for one in rows]
    born = [moment for one in rows if (moment := instant(one.get("date_created")))]
    if len(born) < len(rows) or not all(each.startswith(MARK) for each in words):
        return False
    if (now - min(born)).total_seconds() < ECHO:
        return True
    is_own = bool(birthmark) and all(each.startswith(f"{MARK}{birthmark}") for each in words)
    return is_own and abs((_moment(row["date_modified"]) - max(born)).total_seconds()) < UNTOUCHED


def order(
    row: payloads.Order,
    *,
    deducts_at_shipping: bool = False,
    echo_until: datetime | None = None,
    birthmark: str = "",
    panel: str = "",
) -> OrderRecord:
    """An order with the figures as BigCommerce has them, without tax and the tax beside them.

    What lowers the total (discounts, coupons) is the difference between the parts and the total.
    `echo_until`: the present, where our own shipment at ready to ship must not be read as Shipped. `birthmark` begins
    the references of this house's own shipments: they are known here, so only the others are given. `panel` is the
    address of the store's control panel, where a person looks at the order.
    """
    status_id, billing = str(row["status_id"]), row.get("billing_address") or {}
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
    parcels = [(text(one.get("comments")), shipment(one)) for one in row.get("shipments") or ()]
    own = f"{MARK}{birthmark}" if birthmark else ""
    returned = [money(one["total_amount"]) for one in row.get("refunds") or ()]
    return OrderRecord(
        external_id=str(row["id"]),
        number=str(row["id"]),
        status_id=status_id,
        status_name=text(row.get("custom_status")) or text(row.get("status")),
        remote_state=state,
        placed_at=_moment(row["date_created"]),
        changed_at=_moment(row["date_modified"]),
        currency=row.get("default_currency_code") or row.get("currency_code") or "",
        total=total,
        lines=tuple(_line(line) for line in row["lines"]),
        items_total=items,
        shipping_total=postage - min(rest, Decimal(0)),  # fees that have no field of their own
        tax_total=tax,
        discount_total=max(rest, Decimal(0)),
        prices_include_tax=False,
        stock_deducted=holds_stock(status_id, deducts_at_shipping),
        customer_name=full_name(billing),
        customer_email=text(billing.get("email")),
        customer_phone=text(billing.get("phone")),
        customer_external_id=str(row["customer_id"]) if row.get("customer_id") else "",  # 0 is a guest
        ship_to=address(addresses[0]) if addresses else _counter(pickups),
        bill_to=address(billing),
        payment_method=text(row.get("payment_method")),
        shipping_method=method,
        carrier=next((parcel.carrier for _words, parcel in parcels if parcel.carrier), "") or method,
        buyer_note=_note(row, addresses, pickups),
        shipments=tuple(parcel for words, parcel in parcels if not own or not words.startswith(own)),
        own_refs=tuple(words.removeprefix(MARK) for words, _parcel in parcels if words.startswith(MARK)),
        refunded_total=sum(returned, Decimal(0)) if returned else None,
        url=f"{panel}/manage/orders/{row['id']}" if panel else "",
        native=cast(Mapping[str, Any], row),
    )


def _note(row: payloads.Order, addresses: list[payloads.Address], pickups: Sequence[payloads.Pickup]) -> str:
    """The buyer's words; what needs more than one label, or none, is said with them."""
    notes = [text(row.get("customer_message"))]
    if len(addresses) > 1:
        places = "; ".join(
            f"{one.name}, {one.line1}, {one.postcode} {one.city}"
            for one in (address(place) for place in addresses)
        )
        notes.append(f"This order goes to {len(addresses)} addresses: {places}")
    collected = [text(line["name"]) for line in row["lines"] if line.get("order_pickup_method_id")]
    if collected:
        at = ", ".join(dict.fromkeys(_counter([place]).name for place in pickups))
        notes.append(
            f"The buyer collects{f' at {at}' if at else ''}, nothing is sent: {', '.join(collected)}"
        )
    return "\n".join(note for note in notes if note)


def _counter(pickups: Sequence[payloads.Pickup]) -> AddressRecord:
    """Where the buyer collects what is not sent."""
    place = next((one["location"] for one in pickups if one.get("location")), None)
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
    return f"{text(row.get('first_name'))} {text(row.get('last_name'))}".strip()


def method_name(value: object) -> str:
    """The name of a way to ship; an order that has none says “None”."""
    name = text(value)
    return "" if name == "None" else name


def address(row: payloads.Address) -> AddressRecord:
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


def _line(line: payloads.Line) -> OrderLineRecord:
    """A line. A custom item has no product, a download or a gift certificate takes nothing from the shelf."""
    quantity = whole(line["quantity"])
    options, typed = {}, []
    for option in line.get("product_options") or ():
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
            (money(entry.get("amount") or 0) for entry in line.get("applied_discounts") or ()), Decimal(0)
        ),
        sku=text(line.get("sku")),
        variant_external_id=str(line["variant_id"]) if line.get("variant_id") else "",
        product_external_id=str(line["product_id"]) if line.get("product_id") else "",
        options=options,
        personalisation="\n".join(typed),
        needs_stock=line.get("type", "physical") == "physical",
    )


def shipment(row: payloads.Shipment) -> ShipmentRecord:
    carrier = row.get("shipping_provider") or row.get("tracking_carrier") or row.get("shipping_method")
    return ShipmentRecord(
        external_id=str(row["id"]),
        carrier=method_name(carrier),
        tracking_number=text(row.get("tracking_number")),
        shipped_at=instant(row.get("date_created")),
        lines={str(item["order_product_id"]): int(item["quantity"]) for item in row.get("items") or ()},
    )


def refused(row: Mapping[str, Any], key: str, error: Exception) -> RefusedRow:
    """A row that could not be read, so that its neighbours still come in."""
    missing = f"the field {error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
    return RefusedRow(str(row.get(key, "")), f"BigCommerce's data could not be read: {missing}.", row)
