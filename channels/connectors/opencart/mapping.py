"""OpenCart's documents <-> our records: pure functions, no I/O (`contrib/opencart/CONTRACT.md` §4 and §5).

External ids: a product is its `product_id`; its SKU is the child's `key` ("42-31" for a value of the stock-tracked
option, "50" for a variant that is a product of its own), or the `product_id` again for a simple product.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from channels.connectors.opencart import payloads
from channels.connectors.opencart.statuses import PENDING, STATUSES
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    RemoteState,
    StatusRecord,
)
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import (
    AttributeRecord,
    CategoryRecord,
    ProductKind,
    ProductRecord,
    VariantRecord,
)
from channels.contract.values import money, text

COMPLEX = (
    "This product has several options that count stock, or options that are typed in: OpenCart shares one figure "
    "among their combinations, so its stock is not sent."
)
FOUR_PLACES = Decimal("0.0001")  # as many decimals as OpenCart keeps
GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "lb": Decimal("453.59237"), "oz": Decimal("28.349523125")}


# ---------------------------------------------------------------- plain values


def instant(value: object) -> datetime:
    """The shop's UTC time as an aware instant; raises ValueError for any other form."""
    return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def utc(moment: datetime) -> str:
    """An aware instant as the shop wants it, whole seconds, rounded down."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------- small lists


def category(row: payloads.Category) -> CategoryRecord:
    return CategoryRecord(
        external_id=str(row["id"]),
        name=text(row["name"]),
        path=" > ".join(text(name) for name in row["path"]),
        parent_external_id=str(row["parent_id"]) if row["parent_id"] else "",
        is_active=bool(row["status"]),
    )


def attribute(row: payloads.Attribute) -> AttributeRecord:
    return AttributeRecord(
        external_id=str(row["attribute_id"]), name=text(row["attribute_name"]), group=text(row["group_name"])
    )


def status(row: payloads.OrderStatus) -> StatusRecord:
    """A status; stock stays deducted while an order is in the shop's processing or complete list (§4.1)."""
    return StatusRecord(
        str(row["id"]), text(row["name"]), holds_stock=row["in_processing"] or row["in_complete"]
    )


# ---------------------------------------------------------------- products


def parent_sku(rule: str, sku: str, model: str) -> str:
    """The store's SKU rule: `sku_or_model`, `sku_only` or `model`; empty = the product has none."""
    if rule == "model":
        return text(model)
    return text(sku) or (text(model) if rule == "sku_or_model" else "")


def child_sku(rule: str, *, sku: str, model: str, key: str, given: str) -> str:
    """A child's own SKU, else the parent's (by the rule) with the option value's id behind it.

    The extension makes such a default too, from `sku`, else `model`: it is recognised and made anew by the rule.
    A variant (its key has no value id) has its own SKU or none.
    """
    suffix, given = key.partition("-")[2], text(given)
    if not suffix or given not in ("", f"{text(sku) or text(model)}-{suffix}"):
        return given
    base = parent_sku(rule, sku, model)
    return f"{base}-{suffix}" if base else ""


def product(
    row: payloads.Product, *, rule: str, currency: str, base_url: str = "", today: date | None = None
) -> ProductRecord:
    """A product with all its SKUs. A special price counts when it is lower than the price and its days include `today`.

    Complex products have one SKU, their own, and `stock_blocked` says why its stock is not sent.
    """
    product_id = str(row["product_id"])
    kind = {"simple": ProductKind.SINGLE, "complex": ProductKind.COMPLEX}.get(row["kind"], ProductKind.GROUP)
    images = tuple(image for image in (row["image"], *row["images"]) if image)
    return ProductRecord(
        external_id=product_id,
        kind=kind,
        title=text(row["name"]),
        variants=tuple(_children(row, rule, today))
        if kind == ProductKind.GROUP
        else (_alone(row, rule, today),),
        currency=currency,
        description=row["description"] or "",
        brand=text(row["manufacturer"]["name"]) if row["manufacturer"] else "",
        category_external_ids=tuple(str(category_id) for category_id in row["category_ids"]),
        attributes={text(item["name"]): text(item["text"]) for item in row["attributes"]},
        image_urls=images,
        is_active=bool(row["status"]),
        url=f"{base_url}/index.php?route=product/product&product_id={product_id}" if base_url else "",
        stock_blocked=COMPLEX if kind == ProductKind.COMPLEX else "",
        changed_at=instant(row["date_modified"]) if row["date_modified"] else None,
        native=cast(Mapping[str, Any], row),
    )


def _alone(row: payloads.Product, rule: str, today: date | None) -> VariantRecord:
    return VariantRecord(
        external_id=str(row["product_id"]),
        sku=parent_sku(rule, row["sku"], row["model"]),
        quantity=max(row["quantity"], 0) if row["subtract"] else None,
        price=money(row["price"]),
        selling_price=special_price(row, today),
        barcode=_barcode(row),
        image_url=row["image"] or "",
        weight_grams=_grams(row),
    )


def _children(row: payloads.Product, rule: str, today: date | None) -> Iterable[VariantRecord]:
    """The values of the stock-tracked option, or the variants. A special is the parent's: differences come on top."""
    special = special_price(row, today)
    for child in row["children"]:
        price = money(child["price"])
        offer = None if special is None else special + price - money(row["price"])
        yield VariantRecord(
            external_id=child["key"],
            sku=child_sku(rule, sku=row["sku"], model=row["model"], key=child["key"], given=child["sku"]),
            quantity=max(child["quantity"], 0),
            price=price,
            selling_price=None if row["kind"] == "variants" else offer,
            options={text(name): text(value) for name, value in child["label"].items()},
            image_url=child["image"] or row["image"] or "",
            weight_grams=_grams(row),
        )


def special_price(row: payloads.Product, today: date | None) -> Decimal | None:
    """The special of the default customer group, if it is an offer at all and in force on `today` (None: any day).

    OpenCart ends a special at the beginning of its last day.
    """
    if row["special"] is None:
        return None
    begins, ends = row["special_from"], row["special_to"]
    if today and (
        (begins and today < date.fromisoformat(begins)) or (ends and today >= date.fromisoformat(ends))
    ):
        return None
    special = money(row["special"])
    return special if special < money(row["price"]) else None


def _barcode(row: payloads.Product) -> str:
    return next((code for code in (row["ean"], row["upc"], row["jan"], row["isbn"]) if code), "")


def _grams(row: payloads.Product) -> int | None:
    factor, weight = GRAMS.get(row["weight_unit"].lower()), money(row["weight"] or 0)
    return int((weight * factor).to_integral_value(ROUND_HALF_UP)) if factor and weight > 0 else None


# ---------------------------------------------------------------- orders


def order(
    row: payloads.Order, *, rule: str, pending_as_unpaid: bool, holding: Collection[str] | None
) -> OrderRecord:
    """An order with the figures as the buyer saw them.

    OpenCart keeps amounts in the shop's currency and the order's rate: both are multiplied, kept to 4 places.
    Fees that are no goods, postage or tax (handling, low order) are counted with the postage; what lowers the
    total (coupon, voucher, credit, reward) is the discount, so that the parts add up to the total.
    `holding` are the status ids in which the shop keeps stock deducted; None = not known.
    """
    rate, state = money(row["currency_value"]), str(row["status"]["id"])
    payment, shipping = row["payment"], row["shipping"]
    sums = _sums(row, rate)
    refs = [entry["ref"] for entry in row.get("history", ())] or [row["last_ref"]]
    return OrderRecord(
        external_id=str(row["order_id"]),
        number=str(row["order_id"]),
        status_id=state,
        status_name=text(row["status"]["name"]),
        remote_state=remote_state(state, pending_as_unpaid=pending_as_unpaid),
        placed_at=instant(row["date_added"]),
        changed_at=instant(row["changed_at"]),
        currency=row["currency"],
        total=_shown(row["total"], rate),
        lines=tuple(_line(line, row, rule, rate) for line in row["lines"]),
        items_total=sums["items"],
        shipping_total=sums["shipping"],
        tax_total=sums["tax"],
        discount_total=sums["discount"],
        prices_include_tax=False,
        stock_deducted=True if holding is None else state in holding,
        customer_name=text(f"{row['firstname']} {row['lastname']}"),
        customer_email=text(row["email"]),
        customer_phone=text(row["telephone"]),
        customer_external_id=str(row["customer_id"]) if row["customer_id"] else "",
        ship_to=address(shipping["address"], phone=text(row["telephone"])),
        bill_to=address(payment["address"], phone=text(row["telephone"])),
        payment_method=text(payment["name"]),
        shipping_method=text(shipping["name"]),
        carrier=text(shipping["name"]),  # §7 C4: the shop's shipping method is the carrier
        buyer_note=text(row["comment"]),
        own_refs=tuple(ref for ref in refs if ref),
        native=cast(Mapping[str, Any], row),
    )


def remote_state(status_id: str, *, pending_as_unpaid: bool) -> RemoteState:
    """Our reading of a native status; a status that the table does not have is `UNKNOWN`, never guessed."""
    if status_id == PENDING and pending_as_unpaid:
        return RemoteState.UNPAID
    return STATUSES.get(status_id, RemoteState.UNKNOWN)


def address(row: payloads.Address | None, *, phone: str = "") -> AddressRecord:
    """An address of an order; an order of downloads has none."""
    if not row:
        return AddressRecord()
    return AddressRecord(
        name=text(f"{row['firstname']} {row['lastname']}"),
        company=text(row["company"]),
        line1=text(row["address_1"]),
        line2=text(row["address_2"]),
        city=text(row["city"]),
        region=text(row["zone"]),
        postcode=text(row["postcode"]),
        country=text(row["iso2"]).upper(),
        phone=phone,
    )


def _line(line: payloads.Line, row: payloads.Order, rule: str, rate: Decimal) -> OrderLineRecord:
    """A line; its SKU is found by `child_key` or `product_id`, the text is for when the product is gone."""
    key, quantity = line["child_key"], line["quantity"]
    if key:
        sku = child_sku(rule, sku=line["sku"], model=line["model"], key=key, given=line["child_sku"] or "")
    else:
        sku = parent_sku(rule, line["sku"], line["model"])
    chosen, typed = _options(line)
    return OrderLineRecord(
        external_id=str(line["order_product_id"]),
        title=text(line["name"]),
        quantity=quantity,
        unit_price=_shown(line["price"], rate),
        total=_shown(line["total"], rate),
        tax=_shown(money(line["tax"]) * quantity, rate),  # native tax is for each unit
        sku=sku,
        variant_external_id=key or str(line["product_id"]),
        product_external_id=str(line["master_id"] or line["product_id"]),
        options=chosen,
        personalisation="\n".join(typed),
        needs_stock=row["shipping"]["address"] is not None,  # an order without it holds downloads only
    )


def _options(line: payloads.Line) -> tuple[dict[str, str], list[str]]:
    """Options as chosen (a name that comes twice, a checkbox, is joined), and the texts that the buyer typed."""
    chosen: dict[str, str] = {}
    typed = []
    for option in line["options"]:
        name, value = text(option["name"]), text(option["value"])
        chosen[name] = f"{chosen[name]}, {value}" if name in chosen else value
        if option["type"] in ("text", "textarea"):
            typed.append(f"{name}: {value}")
    return chosen, typed


def _sums(row: payloads.Order, rate: Decimal) -> dict[str, Decimal]:
    sums = dict.fromkeys(("items", "shipping", "tax", "discount"), Decimal(0))
    for entry in row["totals"]:
        value, code = _shown(entry["value"], rate), entry["code"]
        if code == "total":
            continue
        if code == "sub_total":
            sums["items"] += value
        elif code == "tax":
            sums["tax"] += value
        elif value < 0:
            sums["discount"] -= value
        else:
            sums["shipping"] += value
    if not any(entry["code"] == "sub_total" for entry in row["totals"]):
        sums["items"] = sum((_shown(line["total"], rate) for line in row["lines"]), Decimal(0))
    return sums


def _shown(value: object, rate: Decimal) -> Decimal:
    """The amount that the buyer saw: as given at a rate of 1, else multiplied and kept to 4 places."""
    amount = money(value)
    return amount if rate == 1 else (amount * rate).quantize(FOUR_PLACES, ROUND_HALF_UP)


def refused(row: Mapping[str, Any], key: str, error: Exception) -> RefusedRow:
    """A row that could not be read, so that its neighbours still come in."""
    missing = f"the field {error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
    return RefusedRow(str(row.get(key, "")), f"The shop's data could not be read: {missing}.", row)
