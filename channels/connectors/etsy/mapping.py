"""Etsy's documents <-> our records: pure functions, no I/O (`etsy.md` §2 to §7).

External ids: a listing is its `listing_id`; its SKU is the same id for a listing without variations, else
"<listing_id>-<product_id>".
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from channels.connectors.etsy import carriers, payloads
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
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    RemoteState,
    ShipmentRecord,
)
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import (
    AttributeRecord,
    CategoryRecord,
    ProductKind,
    ProductRecord,
    VariantRecord,
)
from channels.contract.values import text

PERSONALISATION = 54  # the property under which the buyer's own text stands
EARLIEST = 946_684_800  # Etsy refuses filters before the year 2000
#: Words of `refunds[].status` for money that stayed with the seller; Etsy's document names none, so all others count.
NOT_GIVEN = frozenset({"failed", "canceled", "cancelled", "declined", "rejected"})


def money(value: payloads.Money | None) -> Decimal:
    """amount / divisor, exact; raises ValueError when the divisor makes no sense."""
    if value is None:
        return Decimal(0)
    divisor = int(value["divisor"])
    if divisor <= 0:
        raise ValueError(f"the divisor {divisor} of an amount makes no sense")
    places = len(str(divisor)) - 1
    if divisor == 10**places:
        return Decimal(int(value["amount"])).scaleb(-places)
    return Decimal(int(value["amount"])) / divisor


def instant(value: object) -> datetime:
    """Epoch seconds as an aware instant."""
    return datetime.fromtimestamp(int(cast(int, value)), UTC)


def seconds(moment: datetime) -> int:
    """An aware instant as a filter of Etsy: whole seconds, never before 2000."""
    return max(int(moment.timestamp()), EARLIEST)


# ---------------------------------------------------------------- small lists


def categories(
    nodes: Iterable[payloads.TaxonomyNode], path: tuple[str, ...] = ()
) -> Iterable[CategoryRecord]:
    """The seller taxonomy, flat, parents first."""
    for node in nodes:
        names = (*path, text(node["name"]))
        yield CategoryRecord(
            external_id=str(node["id"]),
            name=names[-1],
            path=" > ".join(names),
            parent_external_id=str(node["parent_id"]) if node["parent_id"] else "",
        )
        yield from categories(node["children"], names)


def attribute(row: payloads.TaxonomyProperty, taxonomy_id: int) -> AttributeRecord:
    """A property of one category; the same property of another category has other values."""
    return AttributeRecord(
        external_id=f"{taxonomy_id}:{row['property_id']}",
        name=text(row["display_name"]),
        group=str(taxonomy_id),
        values=tuple(text(value["name"]) for value in row["possible_values"] if value.get("name")),
        is_required=bool(row["is_required"]),
    )


def fields(choices: Mapping[str, Sequence[tuple[str, str]]]) -> Iterable[AttributeRecord]:
    """The fields of every listing that are written like attributes; profiles, policies and sections go by their names."""
    plain: dict[str, tuple[str, ...]] = {
        "tags": (),
        "materials": (),
        "who_made": ("i_did", "someone_else", "collective"),
        "when_made": (),  # its ranges move every January
        "is_supply": ("false", "true"),
    }
    listed = {name: tuple(title for _key, title in rows) for name, rows in choices.items()}
    for name, values in {**plain, **listed}.items():
        yield AttributeRecord(external_id=f"listing:{name}", name=name, values=values)


#: The lists of a shop from which a listing's fields are chosen: field -> address under the shop (`etsy.md` §3).
LISTS = {
    "shipping_profile_id": "shipping-profiles",
    "readiness_state_id": "readiness-state-definitions",
    "return_policy_id": "policies/return",
    "shop_section_id": "sections",
}


def choices(field: str, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(id, name) of each row of one of these lists that is still there; those without a title say what they hold."""
    return [(str(row[field]), _choice(row)) for row in rows if not row.get("is_deleted")]


def _choice(row: Mapping[str, Any]) -> str:
    if row.get("title"):
        return text(row["title"])
    if "readiness_state" in row:
        state = "Made to order" if row["readiness_state"] == "made_to_order" else "Ready to ship"
        return f"{state}, {row['processing_days_display_label'] or row['min_processing_days']}"
    taken = [
        name for name, is_taken in (("returns", row["accepts_returns"]), ("exchanges", row["accepts_exchanges"]))
        if is_taken
    ]  # fmt: skip
    return (
        f"{' and '.join(taken)} within {row['return_deadline']} days".capitalize() if taken else "No returns"
    )


# ---------------------------------------------------------------- products


def variant_id(listing_id: object, product: payloads.Product) -> str:
    """The external id of a SKU: the listing's own where it has no variations."""
    return f"{listing_id}-{product['product_id']}" if product["property_values"] else str(listing_id)


def live(inventory: payloads.Inventory | None) -> list[payloads.Product]:
    """The products of an inventory document that are there."""
    return [product for product in inventory["products"] if not product["is_deleted"]] if inventory else []


def product(row: payloads.Listing, *, ours_at_zero: bool = False) -> ProductRecord:
    """A listing with all its SKUs; `ours_at_zero`: we took it off sale for want of stock, so it shows none and counts as on.

    Etsy has one price: it is read as Price. The first picture is that of the lowest rank.
    """
    listing_id = row["listing_id"]
    products = live(row["inventory"])
    if not products:
        raise ValueError("Etsy gave no inventory for this listing")
    is_group = any(one["property_values"] for one in products)
    images = sorted(row["images"] or (), key=lambda image: image["rank"])
    urls = tuple(image["url_fullxfull"] for image in images)
    return ProductRecord(
        external_id=str(listing_id),
        kind=ProductKind.GROUP if is_group else ProductKind.SINGLE,
        title=text(row["title"]),
        variants=tuple(_variant(one, row, urls, ours_at_zero) for one in products),
        currency=row["price"]["currency_code"],
        description=html.unescape(row["description"] or ""),
        category_external_ids=(str(row["taxonomy_id"]),) if row["taxonomy_id"] else (),
        attributes=_attributes(row),
        image_urls=urls,
        is_active=row["state"] == "active" or (ours_at_zero and row["state"] == "inactive"),
        url=row["url"],
        changed_at=instant(row["updated_timestamp"]),
        native=cast(Mapping[str, Any], row),
    )


def _variant(
    one: payloads.Product, row: payloads.Listing, urls: tuple[str, ...], is_zero: bool
) -> VariantRecord:
    offerings = [offering for offering in one["offerings"] if not offering["is_deleted"]]
    if not offerings:
        raise ValueError(f"the product {one['product_id']} has no offering")
    shown = sum(offering["quantity"] for offering in offerings if offering["is_enabled"])
    return VariantRecord(
        external_id=variant_id(row["listing_id"], one),
        sku=text(one["sku"]),
        quantity=0 if is_zero else max(shown, 0),
        price=money(offerings[0]["price"]),
        options={text(v["property_name"]): ", ".join(map(text, v["values"])) for v in one["property_values"]},
        image_url=urls[0] if urls else "",
        weight_grams=_grams(cast(Mapping[str, Any], row)),
    )


GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")}


def _grams(row: Mapping[str, Any]) -> int | None:
    weight, unit = row.get("item_weight"), row.get("item_weight_unit")
    return int(Decimal(str(weight)) * GRAMS[unit]) if weight and unit in GRAMS else None


def _attributes(row: payloads.Listing) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name in ("who_made", "when_made"):
        if row.get(name):
            plain[name] = str(row[name])
    for name in ("tags", "materials"):
        if row.get(name):
            plain[name] = ", ".join(row[name])  # type: ignore[literal-required]
    if row.get("is_supply") is not None:
        plain["is_supply"] = "true" if row["is_supply"] else "false"
    return plain


# ---------------------------------------------------------------- orders


def status_id(row: payloads.Receipt, *, is_delivered: bool) -> str:
    """The status as we file it: lower-cased, "delivered" where Etsy's filter says so.

    First match wins (`etsy.md` §9): a refund in full after shipping keeps the state; an unpaid receipt is no order.
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
    """A receipt with the figures as the buyer saw them; `is_delivered` is what the list's filter said."""
    state = status_id(row, is_delivered=is_delivered)
    sums, vat = _sums(row), money(row["total_vat_cost"])
    is_included = vat > 0 and not sums["tax"]  # VAT that is not on top is in the prices
    dates = [date for line in row["transactions"] if (date := line.get("expected_ship_date"))]
    lines = tuple(_line(line) for line in row["transactions"])
    method = next(
        (text(line["shipping_method"]) for line in row["transactions"] if line["shipping_method"]), ""
    )
    upgrade = next(
        (text(line["shipping_upgrade"]) for line in row["transactions"] if line["shipping_upgrade"]), ""
    )
    native = cast(Mapping[str, Any], {**row, "was_delivered": True} if is_delivered else row)
    return OrderRecord(
        external_id=str(row["receipt_id"]),
        number=str(row["receipt_id"]),
        status_id=state,
        status_name=row["status"] if state != DELIVERED else "Delivered",
        remote_state=STATUSES.get(state, RemoteState.UNKNOWN),
        placed_at=instant(row["created_timestamp"]),
        changed_at=max(instant(row["updated_timestamp"]), instant(row["created_timestamp"])),
        currency=row["grandtotal"]["currency_code"],
        total=money(row["grandtotal"]),
        lines=lines,
        items_total=sums["items"],
        shipping_total=sums["shipping"],
        tax_total=vat if is_included else sums["tax"],
        discount_total=sums["discount"],
        prices_include_tax=is_included,
        is_paid=bool(row["is_paid"]),
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
        ship_by_at=instant(min(dates)) if dates else None,
        shipments=tuple(_shipment(shipment) for shipment in row["shipments"]),
        refunded_total=refunded(row),
        is_address_withheld=is_withheld(row),
        url=f"https://www.etsy.com/your/orders/sold?order_id={row['receipt_id']}",
        native=native,
    )


def refunded(row: payloads.Receipt) -> Decimal | None:
    """What the buyer got back so far, in the receipt's currency (`etsy.md` §7); None where Etsy says nothing of it.

    A receipt that is refunded in full and lists no refunds was given back whole.
    """
    if row.get("refunds") is None:
        return None
    given = [one for one in row["refunds"] if str(one.get("status") or "").strip().lower() not in NOT_GIVEN]
    if not given and row["status"].strip().lower() == REFUNDED:
        return money(row["grandtotal"])
    return sum((money(one["amount"]) for one in given), Decimal(0))


def is_withheld(row: payloads.Receipt) -> bool:
    """Whether Etsy keeps the address of an order that must be posted to itself (`etsy.md` §7, restricted countries)."""
    return not row["first_line"] and any(not line["is_digital"] for line in row["transactions"])


def _note(row: payloads.Receipt) -> str:
    """What the buyer wrote, and that a wrapping was paid for: whoever packs must know."""
    wish = "Gift wrap was paid for." if money(row["gift_wrap_price"]) > 0 else ""
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


def _shipment(row: payloads.Shipment) -> ShipmentRecord:
    return ShipmentRecord(
        external_id=str(row["receipt_shipping_id"] or row["tracking_code"]),
        carrier=carriers.name_of(text(row["carrier_name"])),
        tracking_number=text(row["tracking_code"]),
        shipped_at=instant(row["shipment_notification_timestamp"]),
    )


def _line(row: payloads.Transaction) -> OrderLineRecord:
    """A line; it is found by SKU, then by listing and product, either of which Etsy may leave out."""
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
    price = money(row["price"])
    return OrderLineRecord(
        external_id=str(row["transaction_id"]),
        title=text(row["title"]),
        quantity=row["quantity"],
        unit_price=price,
        total=price * row["quantity"],
        sku=text(row["sku"]),
        variant_external_id=variant,
        product_external_id=str(listing_id or ""),
        options=chosen,
        personalisation="\n".join(typed),
        needs_stock=not row["is_digital"],
    )


def _sums(row: payloads.Receipt) -> dict[str, Decimal]:
    """Parts that add up to the grand total.

    Whether VAT and sales tax are inside it depends on where the buyer lives: what Etsy collected and keeps is not,
    and a remainder is counted with the postage or the discount, so that nothing is lost.
    """
    sums = {
        "items": money(row["total_price"]),
        "shipping": money(row["total_shipping_cost"]) + money(row["gift_wrap_price"]),
        "tax": money(row["total_tax_cost"]),
        "discount": money(row["discount_amt"]),
    }
    rest = money(row["grandtotal"]) - (sums["items"] + sums["shipping"] + sums["tax"] - sums["discount"])
    if rest and -rest == sums["tax"]:
        sums["tax"] = Decimal(0)
    elif rest and rest == money(row["total_vat_cost"]):
        sums["tax"] += rest
    elif rest > 0:
        sums["shipping"] += rest
    elif rest < 0:
        sums["discount"] -= rest
    return sums


def refused(row: Mapping[str, Any], key: str, error: Exception) -> RefusedRow:
    """A row that could not be read, so that its neighbours still come in."""
    missing = f"the field {error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
    return RefusedRow(str(row.get(key, "")), f"Etsy's data could not be read: {missing}.", row)
