# long because: every word between mapping and sink stands on one page.
"""Normalised data between a channel's mapping and the sinks: plain, frozen, no I/O, no Django.

Money is `Decimal` with an ISO 4217 currency, instants are aware UTC, quantities are whole units.
Every record keeps `native`, the channel's own document, so that it can be stored, compared and mapped again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

R = TypeVar("R")
Native = Mapping[str, Any]


class RemoteState(StrEnum):
    """What the channel says about an order, in our words. `UNKNOWN` becomes a Problem, never a guess."""

    UNPAID = "unpaid"
    DRAFT = "draft"
    NEW = "new"
    READY = "ready"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class FulfilmentEvent(StrEnum):
    """What we can tell a channel about an order. Also the topic of the outbox message that tells it."""

    ACCEPTED = "accepted"
    READY_TO_SHIP = "ready_to_ship"
    SHIPPED = "shipped"
    TRACKING = "tracking"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ProductKind(StrEnum):
    """How the channel keeps the variations of a product.

    `COMPLEX` can be imported but its stock cannot be pushed (`opencart.md` §5.4): `stock_blocked` says why.
    """

    SINGLE = "single"
    GROUP = "group"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open time a pull asks for: changed at or after `start`, before `end`. None = no bound."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class PullQuery:
    """What to pull: a window, and optionally only some statuses, external ids or one order number.

    `created` asks for records created in the window instead of changed in it (first sync, period syncs).
    `statuses` are native status ids; `ids` are external ids; both empty mean "all". `stream` names the stream
    that asks, for channels that have a call of its own for it (Etsy's cancelled receipts).
    """

    window: Window = Window(None, None)
    created: bool = False
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of records. `next_page` is the channel's opaque token; None ends the scan.

    `refused` are native rows that the mapping itself could not read, each with its external id and reason.
    `total` is the channel's own count where it gives one (progress only). `settled` are ids of earlier refusals that
    hold no longer, though no record of that id is here. `attributes`: those that its products brought along, where the
    channel has no list of them.
    """

    records: Sequence[R]
    next_page: str | None = None
    refused: Sequence[RefusedRow] = ()
    total: int | None = None
    settled: Sequence[str] = ()
    attributes: Sequence[AttributeRecord] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A native row that could not become a record, with the reason in one sentence."""

    external_id: str
    reason: str
    native: Native


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
class StatusRecord:
    """One status that the channel knows. `holds_stock`: the channel keeps stock deducted in it."""

    external_id: str
    name: str
    holds_stock: bool | None = None


@dataclass(frozen=True, slots=True)
class CarrierRecord:
    """A carrier as the channel names it."""

    external_id: str
    name: str


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
    takes_stock: bool = False  # what the channel does not count, it begins to count when it is told a figure
    native: Native = field(default_factory=dict, repr=False)

    def content_hash(self) -> str:
        """Hash of the native document: equal means that nothing changed since we read it last."""
        return hash_native(self.native)


@dataclass(frozen=True, slots=True)
class AddressRecord:
    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OrderLineRecord:
    """One line as the channel sold it. Money is per the whole line unless the name says `unit`.

    `variant_external_id` is the listing variant's external id where the channel tells it;
    `needs_stock` is False for downloads, services and lines of a deleted product without stock.
    """

    external_id: str
    title: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    tax: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    sku: str = ""
    variant_external_id: str = ""
    product_external_id: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    personalisation: str = ""
    needs_stock: bool = True


@dataclass(frozen=True, slots=True)
class ShipmentRecord:
    """A shipment that the channel already knows (made there, or an echo of ours).

    Given in any state of the order: one made there takes its lines' units off our stock, whatever the rest waits for.
    """

    external_id: str
    carrier: str = ""
    tracking_number: str = ""
    shipped_at: datetime | None = None
    lines: Mapping[str, int] = field(default_factory=dict)  # line external id -> quantity; empty = all


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as the channel gives it; the figures are the channel's and are never recomputed.

    `remote_state` is the mapping's default reading of `status_id`; the store's own status map wins.
    `is_paid` None means "the state decides". `stock_deducted`: the channel has already taken this order's
    units off the quantity that it shows (needed for opening stock, R-INV-06).
    """

    external_id: str
    number: str
    status_id: str
    status_name: str
    remote_state: RemoteState
    placed_at: datetime
    changed_at: datetime
    currency: str
    total: Decimal
    lines: tuple[OrderLineRecord, ...]
    items_total: Decimal = Decimal(0)
    shipping_total: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    discount_total: Decimal = Decimal(0)
    prices_include_tax: bool = False
    is_paid: bool | None = None
    stock_deducted: bool = True
    customer_name: str = ""
    customer_email: str = ""
    customer_phone: str = ""
    customer_external_id: str = ""
    ship_to: AddressRecord = AddressRecord()
    bill_to: AddressRecord = AddressRecord()
    payment_method: str = ""
    shipping_method: str = ""
    carrier: str = ""
    buyer_note: str = ""
    gift_message: str = ""
    ship_by_at: datetime | None = None
    shipments: tuple[ShipmentRecord, ...] = ()
    own_refs: tuple[str, ...] = ()
    refunded_total: Decimal | None = None  # money given back so far; None: the channel does not say
    is_address_withheld: bool = False  # the channel has the address and does not show it (yet)
    url: str = ""
    native: Native = field(default_factory=dict, repr=False)

    def content_hash(self) -> str:
        """Hash of the native document: equal means that nothing changed since we read it last."""
        return hash_native(self.native)


def hash_native(native: Native) -> str:
    """Stable 32-hex digest of a native document, whatever the order of its keys."""
    text = json.dumps(native, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


# ---------------------------------------------------------------- what we send


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """Show `quantity` units of one listing variant. `ref` is returned with the item's outcome.

    `price` goes along where the channel takes both (`ChannelSpec.figures_together`); `is_price_new`: it waits to be told.
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
    """A variant as it should stand on the channel."""

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

    `is_pending`: accepted, but not there yet; `step` (at most 40 letters) is what `listing_progress` goes on from,
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
    """Tell the channel about one order's progress.

    `ref` identifies our event and never changes when it is repeated: a channel that keeps it can refuse a
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
    `moves_stock`: at this the channel moves units of the order on its own figure, so ours must be told again.
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


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """Whose store the credentials open; `identity` is the channel's own account identity (R-CONN-07)."""

    identity: str
    name: str
    url: str
    currency: str
    time_zone: str
    country: str = ""
    language: str = ""
    version: str = ""
    currencies: tuple[str, ...] = ()
    product_count: int | None = None
    order_count: int | None = None
    offered: Mapping[str, str] = field(default_factory=dict)  # capability -> reason it is NOT offered here
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A verified call from a channel: which stream to wake, for which record."""

    event_id: str
    topic: str
    stream: str
    external_id: str = ""
