"""Rows for tests: stores, warehouses, products, stock. Plain functions with defaults.

leeds = warehouse("leeds")
shop = store("Shop", maps={"leeds": 1})
mug = stocked("MUG", connection=shop, leeds=4)      # 4 on hand in Leeds, listed on the shop
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from catalogue import search_text
from catalogue.models import Listing, ListingVariant, Product, SkuAlias, Variant, sku_key
from channels.models import Connection
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping

_numbers = count(1)


def user(name: str = "anna", **fields: Any) -> Any:
    """Return a staff user, created if it does not exist; password "secret"."""
    found = get_user_model().objects.filter(username=name).first()
    return found or get_user_model().objects.create_user(name, password="secret", is_staff=True, **fields)


def store(
    name: str = "Shop", *, channel: str = "opencart", maps: Mapping[str, int] | None = None, **fields: Any
) -> Connection:
    """Create a connected live store; `maps` is warehouse code -> priority, the lowest is the default."""
    fields.setdefault("fingerprint", f"account-{next(_numbers)}")
    fields.setdefault("currency", "GBP")
    fields.setdefault("url", f"https://{sku_key(name).replace(' ', '-')}.example")
    fields.setdefault("credentials", {"url": fields["url"], "key_id": "k", "secret": "s"})
    fields.setdefault("is_read_only", False)
    fields.setdefault("pushing_since", timezone.now())
    fields.setdefault("report_seen_at", timezone.now())
    connection = Connection.objects.create(name=name, channel=channel, **fields)
    for index, (code, priority) in enumerate(sorted((maps or {}).items(), key=lambda item: item[1])):
        serve(connection, code, priority=priority, is_default=index == 0)
    return connection


def warehouse(code: str = "leeds", **fields: Any) -> Warehouse:
    """Return the warehouse with this code, created if it does not exist."""
    fields.setdefault("name", code.title())
    return Warehouse.objects.get_or_create(code=code, defaults=fields)[0]


def serve(
    connection: Connection, code: str = "leeds", *, priority: int = 10, is_default: bool | None = None
) -> WarehouseMapping:
    """Map a warehouse to the store; the first one is its default."""
    if is_default is None:
        is_default = not WarehouseMapping.objects.filter(connection=connection, is_default=True).exists()
    return WarehouseMapping.objects.get_or_create(
        connection=connection,
        warehouse=warehouse(code),
        defaults={"priority": priority, "is_default": is_default},
    )[0]


def product(*skus: str, title: str = "", **variant_fields: Any) -> Product:
    """Create a product with these SKUs: a single product with one, a group with several. Default price 10.00 GBP."""
    skus = skus or (f"SKU-{next(_numbers)}",)
    kind = Product.Kind.GROUP if len(skus) > 1 else Product.Kind.SINGLE
    made = Product.objects.create(title=title or skus[0].title(), kind=kind)
    variant_fields.setdefault("price", Decimal("10.00"))
    variant_fields.setdefault("currency", "GBP")
    for position, sku in enumerate(skus):
        Variant.objects.create(product=made, sku=sku, position=position, **variant_fields)
    search_text.refresh_after(products=[made.pk])
    return made


def variant(sku: str = "MUG", **fields: Any) -> Variant:
    """Return the variant with this SKU, created as a single product if it does not exist."""
    found = Variant.objects.filter(sku_key=sku_key(sku)).select_related("product").first()
    return found or product(sku, **fields).variants.get()


def listed(
    what: Variant | str, connection: Connection, *, external_id: str = "", **fields: Any
) -> ListingVariant:
    """Create the SKU on a store, in an active listing; channel ids are numbers unless given."""
    of = variant(what) if isinstance(what, str) else what
    number = str(next(_numbers) + 1000)
    listing = Listing.objects.filter(connection=connection, product=of.product).first()
    listing = listing or Listing.objects.create(
        connection=connection,
        product=of.product,
        external_id=external_id.partition(":")[0] or number,
        state=Listing.State.ACTIVE,
        remote_kind="group" if of.product.kind == Product.Kind.GROUP else "single",
        remote_title=of.product.title,
    )
    fields.setdefault("external_sku", of.sku)
    fields.setdefault("sku_key", sku_key(fields["external_sku"]))
    fields.setdefault("external_id", external_id or number)
    row = ListingVariant.objects.create(listing=listing, connection=connection, variant=of, **fields)
    search_text.refresh_listings([listing.pk])
    return row


def shelf(of: Variant, code: str = "leeds", on_hand: int = 0) -> StockItem:
    """Return the stock item of a variant in this warehouse, with movements that add up to `on_hand`."""
    item, _made = StockItem.objects.get_or_create(variant=of, warehouse=warehouse(code))
    change = on_hand - item.on_hand
    if change:
        StockMovement.objects.create(
            stock_item=item,
            kind=StockMovement.Kind.RECEIPT,
            quantity=change,
            before=item.on_hand,
            after=on_hand,
            reason="for the test",
        )
        item.on_hand = on_hand
        item.save()
    return item


def stocked(sku: str = "MUG", *, connection: Connection | None = None, **quantities: int) -> Variant:
    """Return a variant with stock by warehouse code; with `connection` it is listed on the store, which uses these warehouses."""
    of = variant(sku)
    for code, on_hand in quantities.items():
        shelf(of, code, on_hand)
        if connection is not None:
            serve(connection, code)
    if (
        connection is not None
        and not ListingVariant.objects.filter(connection=connection, variant=of).exists()
    ):
        listed(of, connection)
    return of


def alias(sku: str, of: Variant, connection: Connection | None = None) -> SkuAlias:
    """Map a SKU to a variant, for one store or for all."""
    return SkuAlias.objects.create(sku=sku, variant=of, connection=connection)
