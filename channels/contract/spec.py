"""What a channel declares: capabilities, streams, credentials, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from channels.contract.errors import NotSupported
from channels.contract.records.orders import (
    FulfilmentEvent,
    RemoteState,
)

if TYPE_CHECKING:
    from channels.contract.adapter import ChannelAdapter
    from channels.models import Connection


class Capability(StrEnum):
    """Everything a channel may be able to do; the rows of the matrix in `requirements.md` (R-CAT-13)."""

    CONNECT_OAUTH = "connect_oauth"
    CONNECT_KEYS = "connect_keys"
    PULL_CATEGORIES = "pull_categories"
    PULL_ATTRIBUTES = "pull_attributes"
    PULL_BRANDS = "pull_brands"
    PULL_CARRIERS = "pull_carriers"
    PULL_PRODUCTS = "pull_products"
    PULL_SINGLE_PRODUCT = "pull_single_product"
    PULL_GROUP_PRODUCT = "pull_group_product"
    AUTO_UPDATE_PRODUCTS = "auto_update_products"
    CREATE_LISTING_SINGLE = "create_listing_single"
    CREATE_LISTING_GROUP = "create_listing_group"
    UPDATE_LISTING = "update_listing"
    SET_LISTING_ACTIVE = "set_listing_active"
    DELETE_LISTING = "delete_listing"
    PUSH_STOCK = "push_stock"
    PUSH_PRICE = "push_price"
    STOCK_LOCATIONS = "stock_locations"
    PULL_ORDERS = "pull_orders"
    PULL_ORDER_UPDATES = "pull_order_updates"
    HISTORY_90_DAYS = "history_90_days"
    PULL_CANCELLATIONS = "pull_cancellations"
    MANUAL_ORDERS = "manual_orders"
    WEBHOOKS = "webhooks"
    PUSH_READY_TO_SHIP = "push_ready_to_ship"
    PUSH_SHIPPED = "push_shipped"
    PUSH_DELIVERED = "push_delivered"
    PUSH_COMPLETED = "push_completed"
    PUSH_SELLER_CANCEL = "push_seller_cancel"
    SPLIT_SHIPMENTS = "split_shipments"
    CHANNEL_SHIPPING = "channel_shipping"
    SELF_SHIPPING = "self_shipping"
    WMS_HANDOVER = "wms_handover"


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a channel can do a thing, whether a store does it unless told otherwise, and why not."""

    supported: bool
    default: bool = True
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.supported and not self.reason:
            raise ValueError("a capability that is not supported needs a reason")
        if not self.supported and self.default:
            object.__setattr__(self, "default", False)


def yes(reason: str = "") -> Support:
    return Support(True, True, reason)


def off(reason: str) -> Support:
    """Supported, but off until the store switches it on."""
    return Support(True, False, reason)


def no(reason: str) -> Support:
    return Support(False, False, reason)


class Stream(StrEnum):
    """Names of everything that is pulled. One `SyncStream` row per store and name."""

    CATEGORIES = "categories"
    BRANDS = "brands"
    ATTRIBUTES = "attributes"
    STATUSES = "statuses"
    PRODUCTS = "products"
    ORDERS_NEW = "orders.new"
    ORDERS_CHANGED = "orders.changed"
    ORDERS_CANCELLED = "orders.cancelled"
    ORDERS_HISTORY = "orders.history"


class Lane(StrEnum):
    """The three worker clusters: orders first, then stock and prices, then everything else."""

    ORDERS = "orders"
    STOCK = "stock"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How a stream is pulled from this channel.

    `period` seconds between runs, None = only at connection or by hand; `lookback` seconds re-read before
    the cursor; `slice_days` cuts a long window; `lane` is the cluster that works it. `option` names a switch among the
    store's settings: while it is on, the stream is pulled every `option_period` seconds.
    """

    name: Stream
    period: int | None
    lane: Lane
    capability: Capability
    lookback: int = 600
    slice_days: int = 7
    option: str = ""
    option_period: int = 0


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One input of the connect form. A secret is stored encrypted and never shown again."""

    name: str
    label: Any
    help_text: Any = ""
    is_secret: bool = False
    is_required: bool = True
    is_url: bool = False


@dataclass(frozen=True, slots=True)
class StoreSetting:
    """A per-store switch that only this channel has, shown on the store's Settings tab."""

    name: str
    label: Any
    kind: str = "bool"  # bool, choice, number, text, remote (one of a list that `pull_choices` reads)
    default: Any = False
    choices: Sequence[tuple[str, Any]] = ()
    help_text: Any = ""


@dataclass(frozen=True, slots=True)
class BudgetWindow:
    """At most `limit` requests in any `seconds`, of one HTTP `method` or (empty) of all.

    `setting` names the store's setting that holds the limit where an account may have its own. `is_pace`: not the
    channel's limit but ours, which spreads the requests; events of orders do not wait for it.
    """

    seconds: int
    limit: int
    method: str = ""
    setting: str = ""
    is_pace: bool = False


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """How many requests a store may make: `capacity` at once, refilled at `per_second`, within all `windows`."""

    capacity: int
    per_second: float
    windows: Sequence[BudgetWindow] = ()


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A quota that all stores of one application spend together, over and above each store's own bucket.

    `key` names the application of a store ('' = none is known, nothing is counted); `per_day` slides over 24 hours.
    """

    key: Callable[[Connection], str]
    per_second: float
    per_day: int


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """The declaration of a channel: everything the house needs to know about it without asking it."""

    key: str
    label: str
    capabilities: Mapping[Capability, Support]
    credential_fields: Sequence[CredentialField]
    streams: Sequence[StreamSpec]
    budget: BudgetSpec
    adapter: Callable[[Connection], ChannelAdapter] | None = None
    statuses: Mapping[str, RemoteState] = field(default_factory=dict)
    events: Mapping[FulfilmentEvent, str] = field(default_factory=dict)
    writes_statuses: bool = (
        True  # a store may choose which status an event writes; False: the call alone decides
    )
    settings: Sequence[StoreSetting] = ()
    batch_sizes: Mapping[str, int] = field(default_factory=dict)  # outbox topic -> items per request
    help_url: str = ""
    intro: Any = ""
    orders_deduct_stock: bool = True
    figures_together: bool = False  # price and stock of a SKU are told in one call
    finds_brands: bool = False  # it has no list of brands: they are looked for by name (`find_brands`)
    attributes_with_products: bool = False  # it has no list of them: each page of products brings its own
    attributes_by_category: bool = False  # `pull_attributes` takes the ids of categories
    shown_after: int = 0  # s until a read shows what was written: what is read earlier says nothing
    orders_before_stock: int = (
        0  # s: stock is computed after new orders that were read so lately; 0 = whenever
    )
    prices_with_tax: bool | None = None  # None: not known, or the account says so itself
    sandbox: Callable[..., Any] | None = None
    urls: str = ""  # dotted module with `urlpatterns`, mounted under /apps/<key>/ as `channels:<key>:<name>`
    shared_budget: SharedBudget | None = None
    sale_price: bool = (
        True  # False: the channel has one price, the selling price where there is one (R-PRICE-02)
    )
    has_warranty: bool = False  # a listing has a text for it
    most_units: int = 0  # of one SKU that the channel shows at most; 0 = as many as there are
    grant_days: int = 0  # a sign-in that is not used for so long dies; 0 = it does not
    sign_in: str = ""  # name of the page of `urls` that begins the sign-in; then no keys are typed to connect
    sign_in_off: Callable[[], str] | None = (
        None  # why nobody can sign in on this installation; "" where one can
    )
    #: How to connect (None) or reconnect (a store) from the channel's own side, by its app; "" where that cannot be.
    app_words: Callable[[Connection | None], str] | None = None
    notice: str = ""  # words that the channel's terms want to be shown with its stores
    delivers_alone: Any = (
        ""  # why nobody here says that an order was delivered: the channel alone does (R-ORD-14)
    )
    delivered_to_do: Any = (
        ""  # what a person does there with a delivered order that the channel cannot be told of
    )

    @property
    def has_wire(self) -> bool:
        """Whether there is a shop behind its stores that is read and told."""
        return self.adapter is not None

    def supports(self, capability: Capability) -> bool:
        return self.capabilities[capability].supported

    def reason(self, capability: Capability) -> str:
        return self.capabilities[capability].reason

    def stream(self, name: str) -> StreamSpec:
        for spec in self.streams:
            if spec.name == name:
                return spec
        raise NotSupported(f"{self.label} has no stream called {name}.")

    def batch_size(self, topic: str) -> int:
        return self.batch_sizes.get(topic, 1)

    def as_matrix(self) -> dict[str, dict[str, Any]]:
        """The channel's column of the capability matrix, as `manage.py capabilities --json` prints it."""
        column: dict[str, dict[str, Any]] = {}
        for capability in Capability:
            support = self.capabilities[capability]
            cell: dict[str, Any] = {"supported": support.supported, "default": support.default}
            if support.reason:
                cell["reason"] = str(support.reason)
            column[str(capability)] = cell
        return column


#: Which capability a fulfilment event needs.
EVENT_CAPABILITY: Mapping[FulfilmentEvent, Capability] = {
    FulfilmentEvent.ACCEPTED: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.READY_TO_SHIP: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.TRACKING: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.SHIPPED: Capability.PUSH_SHIPPED,
    FulfilmentEvent.DELIVERED: Capability.PUSH_DELIVERED,
    FulfilmentEvent.COMPLETED: Capability.PUSH_COMPLETED,
    FulfilmentEvent.CANCELLED: Capability.PUSH_SELLER_CANCEL,
}
