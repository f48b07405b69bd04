"""Read products of the shop and map them with their SKUs to records (`contrib/opencart/CONTRACT.md` §4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from channels.connectors.opencart import payloads
from channels.connectors.opencart.client import OpenCartClient
from channels.connectors.opencart.payloads import child_sku, instant, parent_sku, utc
from channels.connectors.opencart.reference_data import read_by_ids, read_list
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from channels.contract.values import money, text

GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "lb": Decimal("453.59237"), "oz": Decimal("28.349523125")}


def pull_products(
    client: OpenCartClient, query: PullQuery, page: str | None, *, rule: str, currency: str, zone: str
) -> Page[ProductRecord]:
    """Read products: those with these ids, else those changed since the window began.

    `rule` is the store's SKU rule, `zone` its time zone (empty: UTC), which decides whether a special is in force.
    """
    calendar: tzinfo = ZoneInfo(zone) if zone else UTC
    today = datetime.fromtimestamp(client.clock(), calendar).date()

    def read(row: Any) -> ProductRecord:
        return product(row, rule=rule, currency=currency, base_url=client.base_url, today=today)

    if query.ids:
        return read_by_ids(client, "products", read, "product_id", query.ids, page)
    since = query.window.start if not query.created else None
    params = {"modified_since": utc(since)} if since else {}
    return read_list(client, "products", read, "product_id", page, params)


def product(
    row: payloads.Product, *, rule: str, currency: str, base_url: str = "", today: date | None = None
) -> ProductRecord:
    """Map a product with all its SKUs. A special price counts when it is below the price and its days include `today`.

    Complex products have one SKU; `stock_blocked` is the reason why its stock is not sent.
    """
    native, notes = row, Notes()
    row = conform(payloads.Product, row, notes)
    product_id = str(row["product_id"])
    kind = {"simple": ProductKind.SINGLE, "complex": ProductKind.COMPLEX}.get(row["kind"], ProductKind.GROUP)
    images = tuple(image for image in (row["image"], *row["images"]) if image)
    return ProductRecord(
        external_id=product_id,
        kind=kind,
        title=text(row["name"]),
        variants=tuple(_children(row, rule, today, notes))
        if kind == ProductKind.GROUP
        else (_alone(row, rule, today, notes),),
        currency=currency,
        description=row["description"] or "",
        brand=text(row["manufacturer"]["name"]) if row["manufacturer"] else "",
        category_external_ids=tuple(str(category_id) for category_id in row["category_ids"]),
        attributes={text(item["name"]): text(item["text"]) for item in row["attributes"]},
        image_urls=images,
        is_active=bool(row["status"]),
        url=f"{base_url}/index.php?route=product/product&product_id={product_id}" if base_url else "",
        stock_blocked=_complex() if kind == ProductKind.COMPLEX else "",
        changed_at=notes.time(row["date_modified"], instant, "date_modified"),
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


def _alone(row: payloads.Product, rule: str, today: date | None, notes: Notes) -> VariantRecord:
    return VariantRecord(
        external_id=str(row["product_id"]),
        sku=parent_sku(rule, row["sku"], row["model"]),
        quantity=row["quantity"] if row["subtract"] else None,
        price=None if row["price"] is None else money(row["price"]),
        selling_price=special_price(row, today, notes),
        barcode=_barcode(row),
        image_url=row["image"] or "",
        weight_grams=_grams(row),
    )


def _children(row: payloads.Product, rule: str, today: date | None, notes: Notes) -> Iterable[VariantRecord]:
    """Return the values of the stock-tracked option, or the variants. A special is the parent's, plus the price difference."""
    special = special_price(row, today, notes)
    for child in row["children"]:
        price = None if child["price"] is None else money(child["price"])
        offer = None
        if special is not None and price is not None:  # the parent has a price, else it had no special
            offer = special + price - money(row["price"])
        yield VariantRecord(
            external_id=child["key"],
            sku=child_sku(rule, sku=row["sku"], model=row["model"], key=child["key"], given=child["sku"]),
            quantity=child["quantity"],
            price=price,
            selling_price=None if row["kind"] == "variants" else offer,
            options={text(name): text(value) for name, value in child["label"].items()},
            image_url=child["image"] or row["image"] or "",
            weight_grams=_grams(row),
        )


def special_price(row: payloads.Product, today: date | None, notes: Notes | None = None) -> Decimal | None:
    """Return the special of the default customer group, if it is below the price and valid on `today` (None: any day).

    OpenCart ends a special at the beginning of its last day.
    """
    if row["special"] is None or row["price"] is None:
        return None
    begins, ends = (_day(row[name], notes or Notes(), name) for name in ("special_from", "special_to"))
    if today and ((begins and today < begins) or (ends and today >= ends)):
        return None
    special = money(row["special"])
    return special if special < money(row["price"]) else None


def _day(value: str | None, notes: Notes, name: str) -> date | None:
    """Return a day; None for none, which OpenCart writes as zeros, and with a note for what is no day."""
    if not value or not value.strip("0-: "):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        notes.add(name, value)
        return None


def _barcode(row: payloads.Product) -> str:
    return next((code for code in (row["ean"], row["upc"], row["jan"], row["isbn"]) if code), "")


def _grams(row: payloads.Product) -> int | None:
    factor, weight = GRAMS.get(row["weight_unit"].lower()), money(row["weight"])
    return int((weight * factor).to_integral_value(ROUND_HALF_UP)) if factor and weight > 0 else None


def _complex() -> str:
    return _(
        "This product has several options with stock, or options with typed text. OpenCart has no stock figure for each "
        "combination, so its stock is not sent."
    )
