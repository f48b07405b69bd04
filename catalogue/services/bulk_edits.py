"""Change many SKUs and products in a constant number of statements, with the rules of the services for one.

`services.products.edit_product`, `services.variants.edit_variant` and `services.selling_prices.set_price` say the rules:
an edited field is not changed by imports of stores again, the change is in the audit log, and it is sent to the stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from catalogue import callbacks, search_text
from catalogue.inbound.reference_data import brand_key, brands_by_name
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.services.products import FIELDS
from catalogue.services.selling_prices import sale_instants
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit
from oms.kit.bulk import among, set_to

#: Fields of a SKU that `edit_variants` sets.
VARIANT_FIELDS = ("barcode", "weight_grams", "cost")
#: Fields of a product that `edit_products` sets; a brand is given by its name.
PRODUCT_FIELDS = ("title", "description", "warranty", "brand")


class Prices(NamedTuple):
    """The prices of a SKU, or of a SKU in one store; None: not set."""

    price: Decimal | None
    selling_price: Decimal | None


def lock_variants(ids: Iterable[int]) -> dict[int, Variant]:
    """Lock SKUs by primary key until the transaction ends, and return them with product and brand.

    Orders that name them can still be imported meanwhile.
    """
    rows = Variant.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.filter(pk__in=among(list(ids))).select_related("product__brand")
    return {row.pk: row for row in rows.order_by("pk")}


@transaction.atomic
def edit_variants(changes: Mapping[int, Mapping[str, Any]], rows: Mapping[int, Variant]) -> None:
    """Set `VARIANT_FIELDS` of locked SKUs (`rows`); `changes` is id → field → checked value."""
    _set(Variant, VARIANT_FIELDS, changes, rows)
    recoded = [pk for pk, fields in changes.items() if "barcode" in fields]
    if recoded:
        search_text.refresh_after(variants=recoded)
        for pk in recoded:
            callbacks.call_recoded(pk)


@transaction.atomic
def edit_products(changes: Mapping[int, Mapping[str, Any]], rows: Mapping[int, Product]) -> None:
    """Set `PRODUCT_FIELDS` of products (`rows`) and send them to the stores that list them."""
    brands = brands_by_name([str(fields["brand"]) for fields in changes.values() if fields.get("brand")])
    wanted = {
        pk: {
            **fields,
            **({"brand": brands.get(brand_key(str(fields["brand"] or "")))} if "brand" in fields else {}),
        }
        for pk, fields in changes.items()
    }
    for pk, fields in wanted.items():
        rows[pk].edited_fields = sorted({*rows[pk].edited_fields, *fields})
    _set(Product, PRODUCT_FIELDS, wanted, rows)
    set_to(Product, ("edited_fields",), {pk: (rows[pk].edited_fields,) for pk in wanted})
    found = [pk for pk, fields in wanted.items() if {"title", "brand"} & set(fields)]
    search_text.refresh_after(products=found)
    _send_details({pk: {FIELDS[name] for name in fields} for pk, fields in wanted.items()})


def _set(
    model: Any, names: Iterable[str], changes: Mapping[int, Mapping[str, Any]], rows: Mapping[int, Any]
) -> None:
    """Set columns of rows, field by field in one statement each, and record the changes."""
    logged = []
    for pk, fields in changes.items():
        row, before = rows[pk], audit.snapshot(rows[pk], fields)
        for name, value in fields.items():
            setattr(row, name, value)
        logged.append((row, audit.difference(before, audit.snapshot(row, fields))))
    for name in names:
        column = "brand_id" if name == "brand" else name
        values = {pk: (getattr(rows[pk], column),) for pk, fields in changes.items() if name in fields}
        set_to(model, (name,), values)
    audit.record_many("changed", logged)


def _send_details(changed: Mapping[int, set[str]]) -> None:
    """Note the changed fields on the listings of products and send them."""
    listed = Listing.objects.filter(product__in=list(changed)).exclude(external_id="")
    listed = listed.exclude(state=Listing.State.REMOVED).select_related("connection").order_by("pk")
    values: dict[int, tuple[list[str]]] = {}
    pairs = []
    for listing in listed:
        fields = changed[listing.product_id]
        wanted = fields if listing.connection.spec.has_warranty else fields - {"warranty"}
        if wanted:
            values[listing.pk] = (sorted({*listing.changed_fields, *wanted}),)
            pairs.append((listing.connection_id, listing.pk))
    set_to(Listing, ("changed_fields",), values)
    outbox.touch(Topic.LISTING_UPDATE, pairs)


@transaction.atomic
def set_prices(wanted: Mapping[int, Prices], rows: Mapping[int, Variant], *, currency: str = "") -> None:
    """Set the default prices of locked SKUs and send them to the stores; `currency` is for SKUs that have none."""
    logged, values = [], {}
    for pk, prices in wanted.items():
        row = rows[pk]
        before = audit.snapshot(row, ("price", "selling_price", "currency"))
        row.price, row.selling_price = prices
        row.currency = row.currency or currency
        values[pk] = (row.price, row.selling_price, row.currency)
        logged.append(
            (row, audit.difference(before, audit.snapshot(row, ("price", "selling_price", "currency"))))
        )
    set_to(Variant, ("price", "selling_price", "currency"), values)
    audit.record_many("sku.price", logged)
    listed = ListingVariant.objects.filter(variant__in=among(list(wanted))).order_by()
    _send_prices(listed.values("listing"))


@transaction.atomic
def set_store_prices(wanted: Mapping[int, Prices], rows: Mapping[int, ListingVariant]) -> None:
    """Set the prices of locked listed SKUs in their stores and send them; no price means the default price."""
    logged, values = [], {}
    for pk, prices in wanted.items():
        row = rows[pk]
        before = audit.snapshot(row, ("price", "selling_price"))
        row.price, row.selling_price = prices
        values[pk] = (row.price, row.selling_price)
        logged.append((row, audit.difference(before, audit.snapshot(row, ("price", "selling_price")))))
    set_to(ListingVariant, ("price", "selling_price"), values)
    audit.record_many("sku.price", logged)
    _send_prices({row.listing_id for row in rows.values()})


@transaction.atomic
def set_sale_days(
    wanted: Mapping[int, tuple[date | None, date | None]], rows: Mapping[int, ListingVariant]
) -> None:
    """Set the first and the last sale day of locked listed SKUs in their stores and send their prices."""
    logged, values = [], {}
    for pk, days in wanted.items():
        row = rows[pk]
        before = audit.snapshot(row, ("sale_from", "sale_until"))
        row.sale_from, row.sale_until = sale_instants(row.connection, *days)
        values[pk] = (row.sale_from, row.sale_until)
        logged.append((row, audit.difference(before, audit.snapshot(row, ("sale_from", "sale_until")))))
    set_to(ListingVariant, ("sale_from", "sale_until"), values)
    audit.record_many("sku.price", logged)
    _send_prices({row.listing_id for row in rows.values()})


def _send_prices(listings: Any) -> None:
    """Send the prices of all SKUs of these listings: some channels have one reduced price for the whole product."""
    outbox.touch_listed(Topic.PRICE, ListingVariant.objects.live().filter(listing__in=listings))
