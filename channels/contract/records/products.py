"""Products, variants and reference data, as a channel reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from channels.contract.records.native import Native, hash_native


class ProductKind(StrEnum):
    """How the channel stores the variants of a product.

    A `COMPLEX` product can be imported, but its stock cannot be sent (`opencart.md` §5.4): `stock_blocked` says why.
    """

    SINGLE = "single"
    GROUP = "group"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True)
class CategoryRecord:
    external_id: str
    name: str
    path: str
    parent_external_id: str = ""
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class BrandRecord:
    external_id: str
    name: str


@dataclass(frozen=True, slots=True)
class AttributeRecord:
    external_id: str
    name: str
    group: str = ""
    values: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """One variant of a product on the channel, with its SKU and stock.

    `external_id` is unique within the store (`<product>:<option value>` or the variant's own id). `price` is the price
    without, `selling_price` the price with the channel's offer; both as the channel sends them. `quantity` is as the channel
    shows it, also below zero (it has sold more than it had); None means that the channel does not track its stock.
    """

    external_id: str
    sku: str
    quantity: int | None
    price: Decimal | None
    selling_price: Decimal | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    image_url: str = ""
    weight_grams: int | None = None


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A product on the channel with all its variants (a single product has exactly one)."""

    external_id: str
    kind: ProductKind
    title: str
    variants: tuple[VariantRecord, ...]
    currency: str
    description: str = ""
    brand: str = ""
    category_external_ids: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    image_urls: tuple[str, ...] = ()
    is_active: bool = True
    url: str = ""
    stock_blocked: str = ""
    changed_at: datetime | None = None
    is_part: bool = False  # it has only some of its variants: the missing ones are not deleted
    warranty: str = ""
    takes_stock: bool = False  # the channel starts to track its stock when it gets a figure
    notes: tuple[str, ...] = ()  # what could not be read and was left empty, for a person
    native: Native = field(default_factory=dict, repr=False)

    def content_hash(self) -> str:
        """Return the hash of the native document; the same hash means that nothing changed since the last import."""
        return hash_native(self.native)
