"""Products, variants and reference data, as a channel reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from channels.contract.records.native import Native, hash_native


class ProductKind(StrEnum):
    """How the channel keeps the variations of a product.

    `COMPLEX` can be imported but its stock cannot be pushed (`opencart.md` §5.4): `stock_blocked` says why.
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
    """One stockable SKU of a product on the channel.

    `external_id` is unique within the store for listing variants (`<product>:<option value>` or the
    variant's own id). `price` is before, `selling_price` after the channel's offer; both as given.
    `quantity` None means that the channel does not track stock for it.
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
    is_part: bool = False  # only some of its variants are here: those that are missing are not gone
    warranty: str = ""
    takes_stock: bool = False  # what the channel does not count, it begins to count when it is sent a figure
    native: Native = field(default_factory=dict, repr=False)

    def content_hash(self) -> str:
        """Hash of the native document: equal means that nothing changed since the last import."""
        return hash_native(self.native)
