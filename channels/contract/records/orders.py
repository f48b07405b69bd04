"""Orders, their lines, addresses, shipments and statuses, as a channel reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from channels.contract.records.native import Native, hash_native


class RemoteState(StrEnum):
    """The state of an order on the channel, in Manifold's terms. `UNKNOWN` opens a problem."""

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


class PaymentState(StrEnum):
    """Whether an order is paid, as the channel says.

    `ON_DELIVERY`: the buyer pays the carrier, `ON_ACCOUNT`: the buyer pays later; nothing is awaited before shipping.
    `PART_PAID`: a part is paid, the rest is awaited.
    """

    UNPAID = "unpaid"
    PAID = "paid"
    PART_PAID = "part_paid"
    ON_ACCOUNT = "on_account"
    ON_DELIVERY = "on_delivery"
    UNKNOWN = "unknown"


class FulfilmentEvent(StrEnum):
    """An event of an order that a channel can be sent. Also the topic of its outbox message."""

    ACCEPTED = "accepted"
    READY_TO_SHIP = "ready_to_ship"
    SHIPPED = "shipped"
    TRACKING = "tracking"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """One status of the channel. `holds_stock`: the channel reserves stock for orders with it."""

    external_id: str
    name: str
    holds_stock: bool | None = None


@dataclass(frozen=True, slots=True)
class CarrierRecord:
    """A carrier as the channel names it."""

    external_id: str
    name: str


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
    """One line as the channel sold it. Amounts are for the whole line unless the name has `unit`.

    `variant_external_id` is the listing variant's external id where the channel has it. Two facts are independent:
    `needs_stock` is False for what takes no stock (services, gift certificates, lines of a deleted product without
    stock), `needs_parcel` for what is not shipped (downloads, tickets). What is not shipped takes stock only if its SKU
    is tracked.
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
    needs_parcel: bool = True
    refunded: int = 0  # units that the channel has refunded; 0 where it names none


@dataclass(frozen=True, slots=True)
class ShipmentRecord:
    """A shipment that the channel already has (created on the channel, or sent by Manifold before).

    It may be in an order of any state: one created on the channel reduces the stock of its lines.
    """

    external_id: str
    carrier: str = ""
    tracking_number: str = ""
    shipped_at: datetime | None = None
    lines: Mapping[str, int] = field(default_factory=dict)  # line external id -> quantity; empty = all


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as the channel sends it; its amounts are never recomputed.

    `remote_state` is the connector's default for `status_id`; the store's own status map has priority. `is_paid` None
    means "the state decides" whether the order waits for its payment; `payment` is what people are shown.
    `storefront` names the shop of a channel account with several. `stock_deducted`: the channel has already subtracted this order's units from the quantity
    that it shows (needed for opening stock, R-INV-06).
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
    payment: PaymentState = PaymentState.UNKNOWN
    storefront: str = ""
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
    refunded_total: Decimal | None = None  # refunded so far; None: the channel does not say
    paid_total: Decimal | None = None  # paid so far; None: the channel does not say
    is_address_withheld: bool = False  # the channel has the address and does not show it (yet)
    is_collected: bool = False  # the buyer collects it: its parcel needs no address
    url: str = ""
    notes: tuple[str, ...] = ()  # what could not be read and was left empty, for a person
    native: Native = field(default_factory=dict, repr=False)

    def content_hash(self) -> str:
        """Return the hash of the native document; the same hash means that nothing changed since the last import."""
        return hash_native(self.native)
