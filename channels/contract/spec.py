"""The declaration of a channel: capabilities, streams, credentials, API limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from channels.contract.errors import NotSupported
from channels.contract.personal import PersonalFields
from channels.contract.records.listings import ListingRules
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.translation import gettext as _

if TYPE_CHECKING:
    from channels.contract.adapter import ChannelAdapter
    from channels.models import Connection


class Capability(StrEnum):
    """The capabilities that a channel may have; the rows of the matrix in `requirements.md` (R-CAT-13)."""

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
    """Whether a channel has a capability, whether a store uses it by default, and why not."""

    supported: bool
    default: bool = True
    reason: Any = ""  # translatable: not evaluated before it is shown

    def __post_init__(self) -> None:
        if not self.supported and isinstance(self.reason, str) and not self.reason:
            raise ValueError("a capability that is not supported needs a reason")
        if not self.supported and self.default:
            object.__setattr__(self, "default", False)


def yes(reason: Any = "") -> Support:
    """Return: supported, and on by default."""
    return Support(True, True, reason)


def off(reason: Any) -> Support:
    """Return: supported, but off until it is switched on for a store."""
    return Support(True, False, reason)


def no(reason: Any) -> Support:
    """Return: not supported, for this reason."""
    return Support(False, False, reason)


class Stream(StrEnum):
    """Names of everything that is imported. One `SyncStream` row for each store and name."""

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
    """The three queues of the workers: orders first, then stock and prices, then everything else."""

    ORDERS = "orders"
    STOCK = "stock"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How a stream is imported from this channel.

    `period`: seconds between runs, None = only at connection or started by a person; `lookback`: seconds before the
    cursor that are imported again; `slice_days` divides a long window; `lane` is the queue of its tasks. `option` names a
    switch among the store's settings: while it is on, the stream is imported every `option_period` seconds.
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
    """One input of the connect form. A secret is stored encrypted and never shown."""

    name: str
    label: Any
    help_text: Any = ""
    is_secret: bool = False
    is_required: bool = True
    is_url: bool = False


@dataclass(frozen=True, slots=True)
class StoreSetting:
    """A setting of a store that only this channel has, shown on the store's Settings tab."""

    name: str
    label: Any
    #: bool, choice, number, percent (kept as text), text, remote (one of a list that `pull_choices` reads)
    kind: str = "bool"
    default: Any = False
    choices: Sequence[tuple[str, Any]] = ()
    help_text: Any = ""


@dataclass(frozen=True, slots=True)
class BudgetWindow:
    """At most `limit` requests in any `seconds`, of one HTTP `method` or (empty) of all.

    `setting` names the store's setting with the limit, where an account may have its own limit. `is_spread`: once a quarter
    of it is used, its requests are spread evenly, so that the next change waits for seconds and not for the window's end; events of
    orders do not wait for that.
    """

    seconds: int
    limit: int
    method: str = ""
    setting: str = ""
    is_spread: bool = False


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """How many requests a store may make: `capacity` at once, refilled at `per_second`, within all `windows`.

    `shared`: an additional quota that all stores of one application use together.
    """

    capacity: int
    per_second: float
    windows: Sequence[BudgetWindow] = ()
    shared: SharedBudget | None = None


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A quota that all stores of one application use together, in addition to each store's own limit.

    `key` is the dotted path of a function (connection) that returns the name of the store's application; with "" nothing
    is counted. `per_day` is for any 24 hours.
    """

    key: str
    per_second: float
    per_day: int

    def key_of(self, connection: Connection) -> str:
        """Return the name of this store's application; "" when it is not known."""
        return str(imported(self.key)(connection))


@dataclass(frozen=True, slots=True)
class AppPages:
    """The pages of a channel that is connected with an application: to install it, to sign in with it.

    `urls` is a dotted module with `urlpatterns`, mounted under /apps/<key>/ as `channels:<key>:<name>`. `sign_in` names
    the page that starts the sign-in; then a person enters no keys. `unavailable` is the dotted path of a function that
    returns why nobody can sign in on this installation ("" where one can), `instructions` that of a function (store or
    None) that returns how to connect or reconnect on the channel. A sign-in that is not used for `grant_days` ends; 0 = it
    does not end.
    """

    urls: str = ""
    sign_in: str = ""
    unavailable: str = ""
    instructions: str = ""
    grant_days: int = 0


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """How brands and attributes are imported from a channel that has no list of all of them.

    `brands_by_name`: brands are searched by name (`find_brands`). `attributes_with_products`: each page of products
    includes its attributes. `attributes_by_category`: `pull_attributes` needs ids of categories.
    """

    brands_by_name: bool = False
    attributes_with_products: bool = False
    attributes_by_category: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An event that is not sent while a setting of the store has this value; `reason` is a sentence.

    `until_shipped`: it is sent again from the moment when the shipment has left.
    """

    setting: str
    value: Any
    reason: Any
    until_shipped: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """The declaration of a channel: everything that Manifold must know about it without a request."""

    key: str
    label: str
    capabilities: Mapping[Capability, Support]
    credential_fields: Sequence[CredentialField]
    streams: Sequence[StreamSpec]
    budget: BudgetSpec
    adapter: str = ""  # dotted path of the adapter's class; empty: the channel has no API
    statuses: Mapping[str, RemoteState] = field(default_factory=dict)
    events: Mapping[FulfilmentEvent, str] = field(default_factory=dict)
    writes_statuses: bool = (
        True  # a store may choose which status is sent for an event; False: the channel sets it itself
    )
    settings: Sequence[StoreSetting] = ()
    #: Events that a setting of the store holds back. This is the only place: no adapter drops an event silently.
    held_back: Mapping[FulfilmentEvent, HeldBack] = field(default_factory=dict)
    batch_sizes: Mapping[str, int] = field(default_factory=dict)  # outbox topic -> items per request
    help_url: str = ""
    intro: Any = ""
    orders_deduct_stock: bool = True
    variants_by_id: bool = (
        False  # a variant of a group is asked for by its own id (OnBuy: its SKU), not by its group's
    )
    figures_together: bool = False  # price and stock of a SKU are sent in one call
    reference_data: ReferenceData = ReferenceData()
    listing_rules: ListingRules = field(default_factory=ListingRules)
    shown_after: int = 0  # seconds until an import shows sent data; an earlier import may show older data
    #: Seconds: stock is sent only after an import of new orders that is not older; 0 = at any time.
    orders_before_stock: int = 0
    prices_with_tax: bool | None = None  # None: not known, or it depends on the account
    sandbox: str = ""  # dotted path of the function that makes its sandbox
    app: AppPages = AppPages()
    sale_price: bool = (
        True  # False: the channel has one price, the selling price where there is one (R-PRICE-02)
    )
    has_sale_dates: bool = False  # the channel starts and ends a sale by itself, by dates that it is sent
    wants_tracking: bool = False  # the channel expects a tracking number with each shipment
    first_part_completes: bool = False  # the channel takes no parts: its order is complete with the first
    most_tracking: int = 0  # characters of a tracking number that the channel takes at most; 0 = no limit
    has_warranty: bool = False  # a listing has a warranty text
    most_units: int = 0  # units of one SKU that the channel shows at most; 0 = no limit
    notice: str = ""  # a text that the channel's terms require on pages of its stores
    personal: PersonalFields | None = None  # where its orders have personal data
    #: Why Manifold does not send that an order was delivered: the channel sets it itself (R-ORD-14).
    delivers_alone: Any = ""
    #: What a person does on the channel with a delivered order, where Manifold cannot send that event.
    delivered_to_do: Any = ""

    @property
    def has_wire(self) -> bool:
        """Whether its stores have an API: data is imported from them and sent to them."""
        return bool(self.adapter)

    def adapter_class(self) -> type[ChannelAdapter]:
        """Return the class of its adapter; raises `NotSupported` where the channel has no API."""
        if not self.adapter:
            raise NotSupported(_("%s has no API.") % self.label)
        found: type[ChannelAdapter] = imported(self.adapter)
        return found

    def make_sandbox(self, **options: Any) -> Any:
        """Return a new sandbox with these options; raises `NotSupported` where the channel has none."""
        if not self.sandbox:
            raise NotSupported(_("%s has no sandbox.") % self.label)
        return imported(self.sandbox)(**options)

    # ------------------------------------------------ shortcuts into the parts above
    @property
    def urls(self) -> str:
        """The dotted module of its own pages; "" without pages."""
        return self.app.urls

    @property
    def sign_in(self) -> str:
        """The name of the page that starts a sign-in; "": a person enters keys."""
        return self.app.sign_in

    @property
    def grant_days(self) -> int:
        """Days without use after which a sign-in ends; 0 = never."""
        return self.app.grant_days

    def sign_in_off(self) -> str:
        """Return why nobody can sign in on this installation; "" where one can."""
        return str(imported(self.app.unavailable)()) if self.app.unavailable else ""

    def app_words(self, store: Connection | None) -> str:
        """Return how to connect (None) or reconnect (a store) with the channel's app; "" without an app."""
        return str(imported(self.app.instructions)(store)) if self.app.instructions else ""

    @property
    def finds_brands(self) -> bool:
        """Whether brands are searched by name (`find_brands`)."""
        return self.reference_data.brands_by_name

    @property
    def attributes_with_products(self) -> bool:
        """Whether each page of products includes its attributes."""
        return self.reference_data.attributes_with_products

    @property
    def attributes_by_category(self) -> bool:
        """Whether `pull_attributes` needs ids of categories."""
        return self.reference_data.attributes_by_category

    def supports(self, capability: Capability) -> bool:
        """Whether the channel has this capability."""
        return self.capabilities[capability].supported

    def reason(self, capability: Capability) -> str:
        """Return why it lacks this capability, or has it off by default, in the reader's language."""
        return str(self.capabilities[capability].reason)

    def stream(self, name: str) -> StreamSpec:
        """Return the declaration of a stream; raises `NotSupported` when the channel does not have it."""
        for spec in self.streams:
            if spec.name == name:
                return spec
        raise NotSupported(_("%(channel)s has no import “%(name)s”.") % {"channel": self.label, "name": name})

    def batch_size(self, topic: str) -> int:
        """Return how many messages of a topic are sent in one request."""
        return self.batch_sizes.get(topic, 1)

    def as_matrix(self) -> dict[str, dict[str, Any]]:
        """Return the channel's column of the capability matrix, as `manage.py capabilities --json` prints it."""
        column: dict[str, dict[str, Any]] = {}
        for capability in Capability:
            support = self.capabilities[capability]
            cell: dict[str, Any] = {"supported": support.supported, "default": support.default}
            if support.reason:
                cell["reason"] = str(support.reason)
            column[str(capability)] = cell
        return column


def imported(path: str) -> Any:
    """Return the object with this dotted path (`package.module.name`); raises `ImportError`, `AttributeError`."""
    module, _dot, name = path.rpartition(".")
    return getattr(import_module(module), name)


#: The capability that each fulfilment event needs.
EVENT_CAPABILITY: Mapping[FulfilmentEvent, Capability] = {
    FulfilmentEvent.ACCEPTED: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.READY_TO_SHIP: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.TRACKING: Capability.PUSH_READY_TO_SHIP,
    FulfilmentEvent.SHIPPED: Capability.PUSH_SHIPPED,
    FulfilmentEvent.DELIVERED: Capability.PUSH_DELIVERED,
    FulfilmentEvent.COMPLETED: Capability.PUSH_COMPLETED,
    FulfilmentEvent.CANCELLED: Capability.PUSH_SELLER_CANCEL,
}
