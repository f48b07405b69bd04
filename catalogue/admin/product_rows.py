"""The SKUs and stores that the list of products shows in each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import DecimalField, F, Value

from catalogue.admin.filters import shown_listings
from catalogue.models import Variant


@dataclass(slots=True)
class SkusAndStores:
    """SKUs and stores of one product.

    An SKU is (primary key, SKU, price, selling price, currency, is stopped); a store is (name, status of the listing).
    """

    skus: list[tuple[int, str, Decimal | None, Decimal | None, str, bool]] = field(default_factory=list)
    stores: list[tuple[str, str]] = field(default_factory=list)

    def ranges(self, place: int) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the lowest and highest amount of each currency: `place` 2 is the price, 3 the selling price."""
        found: dict[str, list[Decimal]] = defaultdict(list)
        for row in self.skus:
            amount = row[2] if place == 2 else row[3]
            if amount is not None:
                found[row[4]].append(amount)
        return {currency: (min(amounts), max(amounts)) for currency, amounts in found.items()}


def skus_and_stores(product_ids: Collection[int]) -> dict[int, SkusAndStores]:
    """Return the SKUs and stores of these products, by product. One statement."""
    none = Value(None, output_field=DecimalField(max_digits=14, decimal_places=4))
    skus = Variant.objects.current().filter(product__in=product_ids).order_by()
    listings = shown_listings().filter(product__in=product_ids).order_by()
    rows = skus.values_list(
        "product_id",
        Value(0),
        F("position"),
        "pk",
        "sku",
        "price",
        "selling_price",
        F("currency"),
        "is_stopped",
    ).union(
        listings.values_list(
            "product_id",
            Value(1),
            Value(0),
            "pk",
            F("connection__name"),
            none,
            none,
            F("state"),
            Value(False),
        ),
        all=True,
    )
    found: dict[int, SkusAndStores] = defaultdict(SkusAndStores)
    for row in sorted(rows, key=lambda row: row[:4]):
        product, is_listing, _position, pk, text, price, selling, short, is_stopped = row
        if is_listing:
            found[product].stores.append((text, short))
        else:
            found[product].skus.append((pk, text, price, selling, short, bool(is_stopped)))
    for one in found.values():
        one.stores.sort()
    return found
