"""What a channel declares: capabilities, streams, credentials, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from channels.contract.errors import NotSupported
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.translation import gettext as _

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
    """Whether a channel can do a thing, whether a store does it by default, and why not."""

    supported: bool
    default: bool = True
    reason: Any = ""  # translatable: not evaluated before it is shown

    def __post_init__(self) -> None:
        if not self.supported and isinstance(self.reason, str) and not self.reason:
            raise ValueError("a capability that is not supported needs a reason")
        if not self.supported and self.default:
            object.__setattr__(self, "default", False)


def yes(reason: Any = "") -> Support:
    """Supported, and on by default."""
    return Support(True, True, reason)


def off(reason: Any) -> Support:
    """Supported, but off until the store switches it on."""
    return Support(True, False, reason)


def no(reason: Any) -> Support:
    """Not supported, for this reason."""
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
    channel's limit but Manifold's, which spreads the requests; events of orders do not wait for it.
    """

    seconds: int
    limit: int
    method: str = ""
    setting: str = ""
    is_pace: bool = False


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """How many requests a store may make: `capacity` at once, refilled at `per_second`, within all `windows`.

    `shared`: a quota over and above it, which all stores of one application use together.
    """

    capacity: int
    per_second: float
    windows: Sequence[BudgetWindow] = ()
    shared: SharedBudget | None = None


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A quota that all stores of one application use together, over and above each store's own limit.

    `key` is the dotted path of a function (connection) that names the application of a store; where it returns "",
    nothing is counted. `per_day` slides over 24 hours.
    """

    key: str
    per_second: float
    per_day: int

    def key_of(self, connection: Connection) -> str:
        """Return the name of this store's application; empty = none is known."""
        return str(imported(self.key)(connection))


@dataclass(frozen=True, slots=True)
class AppPages:
    """The pages of a channel that is connected by an application: installing it, signing in with it.

    `urls` is a dotted module with `urlpatterns`, mounted under /apps/<key>/ as `channels:<key>:<name>`. `sign_in`
    names the page of them that begins the sign-in; then no keys are typed to connect. `unavailable` is the dotted path
    of a function that returns why nobody can sign in on this installation ("" where one can), `instructions` that of
    a function (store or None) that returns how to connect or reconnect from the channel's own side. A sign-in that is
    not used for `grant_days` ends; 0 = it does not.
    """

    urls: str = ""
    sign_in: str = ""
    unavailable: str = ""
    instructions: str = ""
    grant_days: int = 0


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """How a channel's brands and attributes are read, where it has no list of all of them.

    `brands_by_name`: brands are looked for by name (`find_brands`). `attributes_with_products`: each page of products
    brings its attributes along. `attributes_by_category`: `pull_attributes` takes ids of categories.
    """

    brands_by_name: bool = False
    attributes_with_products: bool = False
    attributes_by_category: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """The declaration of a channel: everything that Manifold needs to know about it without a request."""

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
        True  # a store may choose which status an event writes; False: the call alone decides
    )
    settings: Sequence[StoreSetting] = ()
    batch_sizes: Mapping[str, int] = field(default_factory=dict)  # outbox topic -> items per request
    help_url: str = ""
    intro: Any = ""
    orders_deduct_stock: bool = True
    figures_together: bool = False  # price and stock of a SKU are sent in one call
    reference_data: ReferenceData = ReferenceData()
    shown_after: int = 0  # s until a read shows what was written: what is read earlier says nothing
    orders_before_stock: int = (
        0  # s: stock is computed after new orders that were read so lately; 0 = whenever
    )
    prices_with_tax: bool | None = None  # None: not known, or the account says so itself
    sandbox: str = ""  # dotted path of the function that makes its sandbox
    app: AppPages = AppPages()
    sale_price: bool = (
        True  # False: the channel has one price, the selling price where there is one (R-PRICE-02)
    )
    has_warranty: bool = False  # a listing has a text for it
    most_units: int = 0  # units of one SKU that the channel shows at most; 0 = no limit
    notice: str = ""  # words that the channel's terms want to be shown with its stores
    delivers_alone: Any = (
        ""  # why nobody here says that an order was delivered: the channel alone does (R-ORD-14)
    )
    delivered_to_do: Any = (
        ""  # what a person does on the channel with a delivered order, where the channel takes no such event
    )

    @property
    def has_wire(self) -> bool:
        """Whether its stores have an API: something that is imported from and sent to."""
        return bool(self.adapter)

    def adapter_class(self) -> type[ChannelAdapter]:
        """Import and return the class of its adapter; raises `NotSupported` where the channel has no API."""
        if not self.adapter:
            raise NotSupported(_("%s has no API.") % self.label)
        found: type[ChannelAdapter] = imported(self.adapter)
        return found

    def make_sandbox(self, **options: Any) -> Any:
        """Import and make its sandbox with these options; raises `NotSupported` where it has none."""
        if not self.sandbox:
            raise NotSupported(_("%s has no sandbox.") % self.label)
        return imported(self.sandbox)(**options)

    # ------------------------------------------------ shortcuts into the parts above
    @property
    def urls(self) -> str:
        """The dotted module of its own pages; empty: it has none."""
        return self.app.urls

    @property
    def sign_in(self) -> str:
        """The name of the page that begins a sign-in; empty: keys are typed."""
        return self.app.sign_in

    @property
    def grant_days(self) -> int:
        """After so many days without use a sign-in ends; 0 = never."""
        return self.app.grant_days

    def sign_in_off(self) -> str:
        """Why nobody can sign in on this installation; empty where one can."""
        return str(imported(self.app.unavailable)()) if self.app.unavailable else ""

    def app_words(self, store: Connection | None) -> str:
        """How to connect (None) or reconnect (a store) by the channel's app; empty where that cannot be."""
        return str(imported(self.app.instructions)(store)) if self.app.instructions else ""

    @property
    def finds_brands(self) -> bool:
        """Whether brands are looked for by name (`find_brands`)."""
        return self.reference_data.brands_by_name

    @property
    def attributes_with_products(self) -> bool:
        """Whether each page of products brings its attributes along."""
        return self.reference_data.attributes_with_products

    @property
    def attributes_by_category(self) -> bool:
        """Whether `pull_attributes` takes ids of categories."""
        return self.reference_data.attributes_by_category

    def supports(self, capability: Capability) -> bool:
        return self.capabilities[capability].supported

    def reason(self, capability: Capability) -> str:
        """Why it does not (or not by default) have this capability, in the reader's language."""
        return str(self.capabilities[capability].reason)

    def stream(self, name: str) -> StreamSpec:
        for spec in self.streams:
            if spec.name == name:
                return spec
        raise NotSupported(
            _("%(channel)s has no stream called %(name)s.") % {"channel": self.label, "name": name}
        )

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


def imported(path: str) -> Any:
    """Return what a dotted path such as `package.module.name` names; raises `ImportError`, `AttributeError`."""
    module, _dot, name = path.rpartition(".")
    return getattr(import_module(module), name)


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
