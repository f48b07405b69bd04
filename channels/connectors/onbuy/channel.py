"""The OnBuy channel: what it supports, and why not where it does not (`onbuy.md` §9, the matrix of R-CAT-13)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.connectors.onbuy import listing_bodies
from channels.connectors.onbuy.statuses import EVENTS, STATUSES
from channels.contract.personal import PersonalFields
from channels.contract.records.listings import ListingRules
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import (
    BudgetSpec,
    BudgetWindow,
    Capability,
    ChannelSpec,
    CredentialField,
    HeldBack,
    Lane,
    ReferenceData,
    StoreSetting,
    Stream,
    StreamSpec,
    Support,
    no,
    off,
    yes,
)

HOUR, DAY = 3600, 86_400
SIX_HOURS, WEEK = 6 * HOUR, 7 * DAY
BATCH = 1000  # SKUs that one PUT takes
PRODUCTS = 100  # products of one POST; OnBuy documents no limit, and 500 have worked
SHOWN_AFTER = 300  # s: a change shows after two to three minutes
#: OnBuy's times have no zone, and whether they are UTC or the United Kingdom's is not known: this period is imported again.
OVERLAP = 75 * 60


C = Capability
CAPABILITIES: dict[Capability, Support] = {
    C.CONNECT_OAUTH: no(_("OnBuy has no sign-in for applications: a store is connected with its two keys.")),
    C.CONNECT_KEYS: yes(),
    C.PULL_CATEGORIES: yes(),
    C.PULL_ATTRIBUTES: yes(),
    C.PULL_BRANDS: yes(),
    C.PULL_CARRIERS: yes(),
    C.PULL_PRODUCTS: yes(),
    C.PULL_SINGLE_PRODUCT: yes(),
    C.PULL_GROUP_PRODUCT: yes(),
    C.AUTO_UPDATE_PRODUCTS: yes(),
    C.CREATE_LISTING_SINGLE: yes(),
    C.CREATE_LISTING_GROUP: yes(),
    C.UPDATE_LISTING: yes(),
    C.SET_LISTING_ACTIVE: no(
        _("OnBuy has no switch for a listing: stock 0 hides it, any stock shows it again.")
    ),
    C.DELETE_LISTING: no(
        _("A listing is deleted in OnBuy's seller panel; Manifold can hide it with stock 0.")
    ),
    C.PUSH_STOCK: yes(),
    C.PUSH_PRICE: yes(),
    C.STOCK_LOCATIONS: no(_("OnBuy has one stock figure for each SKU, not one for each location.")),
    C.PULL_ORDERS: yes(),
    C.PULL_ORDER_UPDATES: yes(),
    C.HISTORY_90_DAYS: yes(),
    C.PULL_CANCELLATIONS: no(_("Cancelled orders are imported with the other changes, every 30 minutes.")),
    C.MANUAL_ORDERS: no(
        _("Orders of this store are placed on OnBuy; use an offline store for manual orders.")
    ),
    C.WEBHOOKS: no(_("OnBuy has no webhooks: Manifold imports on a schedule.")),
    C.PUSH_READY_TO_SHIP: yes(),
    C.PUSH_SHIPPED: off(
        _("Off by default. Choose in the store's settings to dispatch at the manifest instead.")
    ),
    C.PUSH_DELIVERED: no(
        _("OnBuy has no status for delivered orders: in Manifold the carrier or a person sets it.")
    ),
    C.PUSH_COMPLETED: no(_("OnBuy's status Complete is not in use, and nothing sets it.")),
    C.PUSH_SELLER_CANCEL: yes(),
    C.SPLIT_SHIPMENTS: yes(),
    C.CHANNEL_SHIPPING: no(_("OnBuy's API has no labels: use your own carriers.")),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

#: Why nothing is sent before the manifest.
AT_MANIFEST = _("the order is dispatched on OnBuy at the manifest, as set in the store's settings.")

SPEC = ChannelSpec(
    key="onbuy",
    label="OnBuy",
    personal=PersonalFields(
        people=frozenset({"buyer", "billing_address", "delivery_address"}),
        fields=frozenset({"ip_address", "stripe_transaction_id", "paypal_capture_id", "email", "phone"}),
        leaves=frozenset({"name", "line_1", "line_2", "line_3", "town", "county", "postcode"}),
    ),
    has_sale_dates=True,
    capabilities=CAPABILITIES,
    credential_fields=(
        CredentialField(
            "consumer_key",
            _("Consumer key"),
            _(
                "OnBuy also calls it the shop key. In the seller panel: Listing » Imports & Integrations » "
                "OnBuy API » Connection Details."
            ),
            is_secret=True,
        ),
        CredentialField(
            "secret_key", _("Secret key"), _("In the seller panel, next to the consumer key."), is_secret=True
        ),
        CredentialField(
            "seller_id",
            _("Seller number"),
            _("Your number on OnBuy, if you know it: two stores with one number are the same account."),
            is_required=False,
        ),
        CredentialField(
            "api_url",
            _("Address of the API"),
            _("Leave it empty. Only a test server has another address."),
            is_required=False,
            is_url=True,
        ),
    ),
    streams=(
        StreamSpec(Stream.CATEGORIES, WEEK, Lane.DEFAULT, C.PULL_CATEGORIES),
        StreamSpec(Stream.BRANDS, WEEK, Lane.DEFAULT, C.PULL_BRANDS),
        StreamSpec(Stream.ATTRIBUTES, WEEK, Lane.DEFAULT, C.PULL_ATTRIBUTES),
        StreamSpec(Stream.STATUSES, WEEK, Lane.DEFAULT, C.PULL_ORDERS),
        StreamSpec(Stream.PRODUCTS, SIX_HOURS, Lane.DEFAULT, C.PULL_PRODUCTS, slice_days=36_500),
        StreamSpec(Stream.ORDERS_NEW, 300, Lane.ORDERS, C.PULL_ORDERS, lookback=OVERLAP),
        StreamSpec(Stream.ORDERS_CHANGED, 1800, Lane.ORDERS, C.PULL_ORDER_UPDATES, lookback=OVERLAP),
        StreamSpec(Stream.ORDERS_HISTORY, None, Lane.DEFAULT, C.HISTORY_90_DAYS, slice_days=100),
    ),
    budget=BudgetSpec(
        capacity=240,  # the windows below are OnBuy's limits; the largest burst is not known
        per_second=20,
        windows=(
            BudgetWindow(HOUR, 600, "GET", "gets_per_hour"),
            BudgetWindow(HOUR, 240, "PUT", "puts_per_hour", is_spread=True),
            BudgetWindow(DAY, 4800, "PUT", "puts_per_day", is_spread=True),
            BudgetWindow(HOUR, 240, "POST", "posts_per_hour"),
            BudgetWindow(DAY, 4800, "POST", "posts_per_day"),
            BudgetWindow(HOUR, 240, "DELETE"),
        ),
    ),
    wants_tracking=True,
    adapter="channels.connectors.onbuy.adapter.OnBuyAdapter",
    statuses=STATUSES,
    events=EVENTS,
    writes_statuses=False,
    held_back={
        FulfilmentEvent.READY_TO_SHIP: HeldBack("push_shipped", True, AT_MANIFEST),
        FulfilmentEvent.TRACKING: HeldBack("push_shipped", True, AT_MANIFEST, until_shipped=True),
    },
    settings=(
        StoreSetting(
            "push_shipped",
            _("Dispatch on OnBuy at the manifest"),
            help_text=_(
                "Off: an order is dispatched on OnBuy when it is ready to ship, with its tracking number."
            ),
        ),
        StoreSetting(
            "uk_times",
            _("OnBuy's times are the United Kingdom's"),
            help_text=_("Off: times are UTC. Switch on if times are wrong by one hour in summer."),
        ),
        StoreSetting(
            "attribute_categories",
            _("More categories whose attributes are imported"),
            kind="text",
            default="",
            help_text=_(
                "Category numbers, separated by commas. The categories of your listings are always included."
            ),
        ),
        StoreSetting(
            "all_brands",
            _("Import all brands of OnBuy"),
            help_text=_("Imports all brands once a week. Uses thousands of requests of your API limit."),
        ),
        StoreSetting(
            "keep_own_names",
            _("Do not import changed titles and pictures"),
            help_text=_("On: titles and pictures that change on OnBuy are not imported."),
        ),
        StoreSetting(
            "figures_alone",
            _("Send stock without price, and price without stock"),
            help_text=_(
                "Switch on if another program changes your prices. Off: stock and price are sent together."
            ),
        ),
        StoreSetting("delivery_template", _("Delivery template of new listings"), kind="remote", default=""),
        StoreSetting("handling_time", _("Handling time of new listings (days)"), kind="number", default=0),
        StoreSetting("gets_per_hour", _("Read requests per hour"), kind="number", default=600),
        StoreSetting(
            "puts_per_hour",
            _("Change requests per hour"),
            kind="number",
            default=240,
            help_text=_(
                "OnBuy's seller panel shows your limits. Other programs that use your account share them."
            ),
        ),
        StoreSetting("puts_per_day", _("Change requests per day"), kind="number", default=4800),
        StoreSetting("posts_per_hour", _("Create requests per hour"), kind="number", default=240),
        StoreSetting("posts_per_day", _("Create requests per day"), kind="number", default=4800),
    ),
    listing_rules=ListingRules(
        title_length=listing_bodies.TITLE,
        needs_category=True,
        needs_brand=True,
        needs_description=True,
        pictures=1 + listing_bodies.IMAGES,
        picture_note=_("OnBuy downloads the pictures: their addresses must be public."),
        options=2,
        by_category=True,
        field_names={
            "product_name": "title",
            "category_id": "category_external_ids",
            "brand_name": "brand",
            "brand_id": "brand",
            "product_codes": "barcode",
            "default_image": "image_urls",
            "additional_images": "image_urls",
            "features": "attributes",
            "technical_detail": "attributes",
        },
    ),
    batch_sizes={"stock": BATCH, "price": BATCH, "listing.create": PRODUCTS, "listing.update": PRODUCTS},
    intro=_(
        "Copy the two keys from OnBuy's seller panel. For the United Kingdom; API V2. OnBuy accepts one IP address only: "
        "all workers of Manifold must use it."
    ),
    orders_deduct_stock=True,
    orders_before_stock=60,
    shown_after=SHOWN_AFTER,
    variants_by_id=True,
    figures_together=True,
    reference_data=ReferenceData(brands_by_name=True, attributes_by_category=True),
    sandbox="channels.connectors.onbuy.sandbox.make_sandbox",
)
