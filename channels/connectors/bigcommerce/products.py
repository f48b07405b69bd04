"""Products of BigCommerce: which are read, and the record that each becomes (`bigcommerce.md` §6).

External ids: a product is its id; a SKU is its variant's id, which a single product has too: the variant without options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import payloads
from channels.connectors.bigcommerce.client import LEAN, STOCK_LIMIT
from channels.connectors.bigcommerce.payloads import LABEL, instant
from channels.connectors.bigcommerce.reference_data import StoreFacts
from channels.contract.errors import TemporaryError
from channels.contract.reading import absent, id_slice, mappings, read_rows
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, ProductKind, ProductRecord, VariantRecord
from channels.contract.schema import Notes, conform, whole
from channels.contract.values import money, text
from oms.kit.numbers import is_whole_number

WITH_EVERYTHING = "variants,images,custom_fields"
PAGE_SIZE = 250
AT_ONCE = 100  # products of one page when they are asked for by id
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


class ProductReader:
    """Reads pages of products of one store. It remembers brand names and the attributes that it has returned."""

    def __init__(self, facts: StoreFacts, *, may_switch_on: bool) -> None:
        self.facts = facts
        self.client = facts.client
        self.may_switch_on = may_switch_on
        self._brands: dict[int, str] = {}
        self._seen_attributes: set[str] = set()

    def pull(self, query: PullQuery, page: str | None) -> Page[ProductRecord]:
        """Return products by ascending id, so that one that is added or changed meanwhile is never skipped."""
        params = {"include": WITH_EVERYTHING}
        if query.ids:
            return self._by_id(query.ids, page)
        if query.window.start and not query.created:
            params["date_modified:min"] = query.window.start.astimezone(UTC).isoformat(timespec="seconds")
        rows, next_page, total = self._rows(page, params)
        return self._read(rows, next_page, total if page is None else None)

    def pull_attributes(self, page: str | None) -> Page[AttributeRecord]:
        """Return the attributes that products have (custom fields and options): BigCommerce has no list of them."""
        rows, next_page, _total = self._rows(page, {"include": "variants,custom_fields"})
        if page is None:
            self._seen_attributes.clear()
        return Page(self._new_attributes(mappings(rows)), next_page)

    # ------------------------------------------------ reading
    def _rows(self, page: str | None, params: Mapping[str, str]) -> tuple[list[Any], str | None, int | None]:
        answer = self.client.get(
            "/v3/catalog/products",
            {
                **params,
                **LEAN,
                "sort": "id",
                "direction": "asc",
                "limit": str(PAGE_SIZE),
                **({"id:greater": page} if page else {}),
            },
        )
        rows, total = self.client.v3_rows(answer)
        ids = [number for row in mappings(rows) if (number := whole(row.get("id"))) is not None]
        if page and ids and ids[0] <= int(page):
            raise TemporaryError(_("BigCommerce sent the same page twice. The sync continues later."))
        is_last = len(rows) >= (len(rows) if total is None else total) or not ids
        return rows, None if is_last else str(ids[-1]), total

    def _by_id(self, ids: Sequence[str], page: str | None) -> Page[ProductRecord]:
        part = id_slice(ids, page, AT_ONCE)
        wanted = [i for i in dict.fromkeys(part.ids) if is_whole_number(i)]
        if not wanted:
            return Page([], part.next_page)
        params = {"include": WITH_EVERYTHING, "id:in": ",".join(wanted), **LEAN}
        rows = self.client.v3_all("/v3/catalog/products", params)
        found = self._read(rows, part.next_page)
        return absent(found, wanted, [str(_id(row)) for row in mappings(rows)])

    def _read(
        self, rows: Sequence[Any], next_page: str | None, total: int | None = None
    ) -> Page[ProductRecord]:
        readable = mappings(rows)
        stock = self._stock_of(readable)
        self._learn_brands(readable)
        found = read_rows(
            rows, lambda row: self._record(row, stock), "id", LABEL, next_page=next_page, total=total
        )
        return replace(found, attributes=self._new_attributes(readable))

    def _record(self, row: Any, stock: Mapping[int, int]) -> ProductRecord:
        return product(
            row,
            currency=self.facts.currency,
            brand_name=self._brands.get(_brand_id(row), ""),
            stock=stock,
            weight_unit=str(self.facts.known("weight_units") or ""),
            base_url=self.facts.base_url,
            may_switch_on=self.may_switch_on,
        )

    def _stock_of(self, rows: Sequence[Any]) -> dict[int, int]:
        """Return the units on hand at the store's location by variant id: the catalogue has the default location only.

        It is the figure that is also sent; BigCommerce takes its safety stock off by itself.
        """
        tracked = [row for row in rows if row.get("inventory_tracking", "none") != "none"]
        if not tracked:
            return {}
        location = self.facts.location
        ids = ",".join(str(number) for row in tracked if (number := whole(row.get("id"))) is not None)
        if not ids:
            return {}
        params = {"product_id:in": ids, "location_id:in": str(location)}
        found: dict[int, int] = {}
        if location != self.facts.default_location:  # stock of the default location does not count
            found = {_id(variant): 0 for row in tracked for variant in mappings(row.get("variants"))}
        for item in self.client.v3_all("/v3/inventory/items", params, limit=STOCK_LIMIT):
            identity: Any = item.get("identity") if isinstance(item, Mapping) else None
            for place in mappings(item.get("locations")) if isinstance(identity, Mapping) else ():
                units = whole(place.get("total_inventory_onhand"))
                if whole(place.get("location_id")) == location and units is not None:
                    found[whole(identity.get("variant_id")) or 0] = units
        return found

    def _learn_brands(self, rows: Sequence[Any]) -> None:
        ids = {_brand_id(row) for row in rows} - {0} - set(self._brands)
        if ids:
            params = {"id:in": ",".join(str(number) for number in sorted(ids))}
            for row in self.client.v3_all("/v3/catalog/brands", params):
                if isinstance(row, Mapping):
                    self._brands[_id(row)] = text(row.get("name"))

    def _new_attributes(self, rows: Sequence[Any]) -> list[AttributeRecord]:
        """Return the attributes of these products that were not returned before."""
        found: dict[str, AttributeRecord] = {}
        for row in rows:
            for item in mappings(row.get("custom_fields")):
                name = text(item.get("name"))
                found.setdefault(f"field:{name}", AttributeRecord(f"field:{name}", name, "Custom fields"))
            for variant in mappings(row.get("variants")):
                for value in mappings(variant.get("option_values")):
                    name = text(value.get("option_display_name"))
                    found.setdefault(f"option:{name}", AttributeRecord(f"option:{name}", name, "Options"))
        fresh = [record for key, record in found.items() if key not in self._seen_attributes]
        self._seen_attributes.update(found)
        return fresh


# ---------------------------------------------------------------- mapping


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
    """Return a product with all its SKUs.

    `stock` is what is on hand at the store's location, by variant id. The stock of a group with one figure for all its
    options is not tracked by SKU; `may_switch_on`: before a figure is sent, tracking by SKU is switched on.
    """
    native, notes = row, Notes()
    row = conform(payloads.Product, row, notes)
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
        changed_at=notes.time(changed, instant, "date_modified"),
        warranty=row.get("warranty") or "",
        takes_stock=may_switch_on,
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


def _id(row: Mapping[str, Any]) -> int:
    return whole(row.get("id")) or 0


def _brand_id(row: Mapping[str, Any]) -> int:
    return whole(row.get("brand_id")) or 0


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
    """Return a variant; a price, offer or weight that it does not have of its own is the product's."""
    own = variant.get("price")
    given = row.get("price") if own is None else own
    price = None if given is None else money(given)
    offer = variant.get("sale_price")
    if offer is None:  # the product's, even beside a price of its own
        offer = row.get("sale_price")
    sale = money(offer) if offer else Decimal(0)
    tracked = row.get("inventory_tracking") in (("variant",) if is_group else ("variant", "product"))
    quantity = stock.get(variant["id"], variant.get("inventory_level") or 0)
    return VariantRecord(
        external_id=str(variant["id"]),
        sku=text(variant.get("sku")) or ("" if variant.get("option_values") else text(row.get("sku"))),
        quantity=quantity if tracked else None,
        price=price,
        selling_price=sale if price is not None and 0 < sale < price else None,
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
