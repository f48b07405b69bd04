"""Data that is sent to a channel: stock, prices, listings, shipments; and the outcome of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.products import ProductKind


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """The quantity that a listing variant should show. `ref` is returned with its outcome.

    `price` is sent with it where the channel needs both (`ChannelSpec.figures_together`); `is_price_new`: it is not sent yet.
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
    """The price and the selling price (None: no offer) that a listing variant should show, in the store's currency and tax basis."""

    ref: str
    listing_external_id: str
    external_id: str
    sku: str
    price: Decimal
    selling_price: Decimal | None
    currency: str
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    quantity: int | None = None  # sent with it where the channel needs both


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant as it should be on the channel; without `external_id` it is new there. `is_removed`: it is to be deleted there."""

    ref: str
    sku: str
    price: Decimal
    selling_price: Decimal | None
    quantity: int
    options: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    image_url: str = ""
    external_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_removed: bool = False


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
    """The created listing: its id on the channel, and the external id of each variant by `VariantDraft.ref`.

    `is_pending`: accepted, but not created yet; `listing_progress` continues it from `step` (at most 40 characters) after
    `wait` seconds. `is_active` False: the channel created a draft.
    """

    external_id: str
    variant_external_ids: Mapping[str, str]
    url: str = ""
    is_pending: bool = False
    is_active: bool = True
    step: str = ""
    wait: float = 60.0
    was_there: bool = False  # found after a missing answer: its content is not known


@dataclass(frozen=True, slots=True)
class ListingJob:
    """A listing to be created, with the `step` of the last answer; `is_uncertain`: an earlier try had no answer."""

    draft: ListingDraft
    step: str = ""
    is_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class ShipmentUpdate:
    """A fulfilment event of an order, to be sent to its channel.

    `ref` identifies Manifold's event and is the same when it is sent again: a channel that stores it can refuse a second
    copy, and the adapter searches for it first (`look_up`).
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
    leaves_rest: bool = False  # other parts of the order are not shipped yet


@dataclass(frozen=True, slots=True)
class Notice:
    """A signed call to a warehouse system. `ref` is the same when it is sent again."""

    ref: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one item of a batch. `error` None = done. `external_id`: the id of what the channel created.

    `wait` above 0: accepted, but not done; it continues from `step` in so many seconds. `is_price_told`: the price of a
    stock update was sent too. `moves_stock`: with this event the channel changes its own stock figure, so Manifold's must
    be sent again. `is_written` False: nothing was sent, because nothing was needed; `note` says why.
    """

    ref: str
    error: Exception | None = None
    external_id: str = ""
    note: str = ""
    wait: float = 0.0
    step: str = ""
    moves_stock: bool = False
    is_price_told: bool = False
    is_written: bool = True

    @property
    def ok(self) -> bool:
        """Whether it was sent."""
        return self.error is None
