"""What a channel is sent: stock, prices, listings, shipments; and the outcome of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.products import ProductKind


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """Show `quantity` units of one listing variant. `ref` is returned with the item's outcome.

    `price` is sent along where the channel takes both (`ChannelSpec.figures_together`); `is_price_new`: it waits to be sent.
    """

    ref: str
    listing_external_id: str
    external_id: str
    sku: str
    quantity: int
    remote_location: str = ""
    price: PriceUpdate | None = None
    is_price_new: bool = False


@dataclass(frozen=True, slots=True)
class PriceUpdate:
    """Show this price, and this selling price (None ends the offer), in the store's currency, ex/inc tax as the store keeps it."""

    ref: str
    listing_external_id: str
    external_id: str
    sku: str
    price: Decimal
    selling_price: Decimal | None
    currency: str
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    quantity: int | None = None  # goes along where the channel takes both


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant as it should be on the channel."""

    ref: str
    sku: str
    price: Decimal
    selling_price: Decimal | None
    quantity: int
    options: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    image_url: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class ListingDraft:
    """A listing to create or update. With `external_id` set, `changed` names the fields to send."""

    ref: str
    kind: ProductKind
    title: str
    description: str
    currency: str
    variants: tuple[VariantDraft, ...]
    brand: str = ""
    category_external_ids: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    warranty: str = ""
    image_urls: tuple[str, ...] = ()
    external_id: str = ""
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListingResult:
    """What the channel made: its id, and per `VariantDraft.ref` the variant's external id.

    `is_pending`: accepted, but not made yet; `step` (at most 40 letters) is what `listing_progress` continues from,
    after `wait` seconds. `is_active`: it is on sale; False where the channel made a draft of it.
    """

    external_id: str
    variant_external_ids: Mapping[str, str]
    url: str = ""
    is_pending: bool = False
    is_active: bool = True
    step: str = ""
    wait: float = 60.0
    was_there: bool = False  # found after an answer that never came: what it holds is not known


@dataclass(frozen=True, slots=True)
class ListingJob:
    """A listing to be made, and how far it is: `step` of the last answer; `is_uncertain`: a try had no answer."""

    draft: ListingDraft
    step: str = ""
    is_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class ShipmentUpdate:
    """Send the channel one order's progress.

    `ref` identifies Manifold's event and never changes when it is repeated: a channel that keeps it can refuse a
    second copy, and the adapter looks for it before repeating (`look_up`).
    """

    ref: str
    event: FulfilmentEvent
    order_external_id: str
    carrier_name: str = ""
    carrier_code: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    is_whole_order: bool = True
    shipped_at: datetime | None = None
    reason: str = ""
    shipment_external_id: str = ""
    native_status: str = ""  # from the store's own status map
    leaves_rest: bool = False  # other parts of the order are still here


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer for one item of a batch. `error` None = done. `external_id`: what the channel made, if anything.

    `wait` above 0: accepted, but not done; it goes on from `step` in so many seconds. `is_price_told`: of a stock
    update, its price was taken, too.
    `moves_stock`: with this event the channel changes its own stock figure, so Manifold's must be sent again.
    """

    ref: str
    error: Exception | None = None
    external_id: str = ""
    note: str = ""
    wait: float = 0.0
    step: str = ""
    moves_stock: bool = False
    is_price_told: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None
