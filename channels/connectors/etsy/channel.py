"""The Etsy channel: what it can do, and why not where it cannot (`etsy.md` §9, the matrix of R-CAT-13)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.connectors.etsy.statuses import EVENTS, STATUSES
from channels.connectors.etsy.units import MOST
from channels.contract.spec import (
    AppPages,
    BudgetSpec,
    Capability,
    ChannelSpec,
    CredentialField,
    Lane,
    SharedBudget,
    StoreSetting,
    Stream,
    StreamSpec,
    Support,
    no,
    yes,
)

WEEK = 7 * 86_400
ALWAYS = 36_500  # days: one slice, for queues that have no window

#: Etsy's terms want these words wherever the application is shown.
NOTICE = (
    "The term 'Etsy' is a trademark of Etsy, Inc. This Application uses Etsy's API, but is not endorsed or certified "
    "by Etsy."
)


C = Capability
CAPABILITIES: dict[Capability, Support] = {
    C.CONNECT_OAUTH: yes(),
    C.CONNECT_KEYS: no(
        "Etsy has no keys for a shop: its owner signs in at Etsy and allows this application."
    ),
    C.PULL_CATEGORIES: yes(),
    C.PULL_ATTRIBUTES: yes(),
    C.PULL_BRANDS: no("Etsy has no brands: the brand of a product stays free text here."),
    C.PULL_CARRIERS: yes(),
    C.PULL_PRODUCTS: yes(),
    C.PULL_SINGLE_PRODUCT: yes(),
    C.PULL_GROUP_PRODUCT: yes(),
    C.AUTO_UPDATE_PRODUCTS: no(
        "After the first import the product is kept here: Etsy does not tell when a listing changes."
    ),
    C.CREATE_LISTING_SINGLE: yes(),
    C.CREATE_LISTING_GROUP: yes(),
    C.UPDATE_LISTING: yes(),
    C.SET_LISTING_ACTIVE: yes(),
    C.DELETE_LISTING: no(
        "Listings are deleted in Etsy's shop manager; this application does not ask for that right."
    ),
    C.PUSH_STOCK: yes(),
    C.PUSH_PRICE: yes(),
    C.STOCK_LOCATIONS: no("Etsy keeps one stock figure for each variation, not one for each place."),
    C.PULL_ORDERS: yes(),
    C.PULL_ORDER_UPDATES: yes(),
    C.HISTORY_90_DAYS: yes(),
    C.PULL_CANCELLATIONS: yes(),
    C.MANUAL_ORDERS: no(
        "Orders of this store are placed at Etsy; use an offline store for orders made by hand."
    ),
    C.WEBHOOKS: yes(),
    C.PUSH_READY_TO_SHIP: yes(),
    C.PUSH_SHIPPED: no(
        "Etsy's order is complete once it is ready to ship: there is nothing left to be told."
    ),
    C.PUSH_DELIVERED: no("Only Etsy's own tracking marks an order as delivered."),
    C.PUSH_COMPLETED: no("Etsy completes the order by itself when it is put to ready to ship."),
    C.PUSH_SELLER_CANCEL: no(
        "Orders are cancelled in Etsy's shop manager; the cancellation then comes in here."
    ),
    C.SPLIT_SHIPMENTS: no(
        "Etsy completes a whole order with its first parcel; a partial order can be split here, the parts exist here only."
    ),
    C.CHANNEL_SHIPPING: no("Etsy gives no labels over its interface; use your carriers."),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

SPEC = ChannelSpec(
    key="etsy",
    label="Etsy",
    capabilities=CAPABILITIES,
    credential_fields=(
        CredentialField("access_token", _("Access token"), is_secret=True),
        CredentialField("refresh_token", _("Refresh token"), is_secret=True),
        CredentialField("api_url", _("Address of the interface"), is_required=False),
        CredentialField("sign_in_url", _("Address of the sign-in"), is_required=False),
    ),
    streams=(
        StreamSpec(Stream.CATEGORIES, WEEK, Lane.DEFAULT, C.PULL_CATEGORIES),
        StreamSpec(Stream.ATTRIBUTES, WEEK, Lane.DEFAULT, C.PULL_ATTRIBUTES),
        StreamSpec(Stream.PRODUCTS, None, Lane.DEFAULT, C.PULL_PRODUCTS, slice_days=ALWAYS),
        StreamSpec(Stream.ORDERS_NEW, 300, Lane.ORDERS, C.PULL_ORDERS, slice_days=ALWAYS),
        StreamSpec(Stream.ORDERS_CHANGED, 1800, Lane.ORDERS, C.PULL_ORDER_UPDATES, slice_days=ALWAYS),
        StreamSpec(Stream.ORDERS_CANCELLED, 3600, Lane.ORDERS, C.PULL_CANCELLATIONS, slice_days=ALWAYS),
        StreamSpec(Stream.ORDERS_HISTORY, None, Lane.DEFAULT, C.HISTORY_90_DAYS),
    ),
    budget=BudgetSpec(
        capacity=10,
        per_second=10,
        shared=SharedBudget("channels.connectors.etsy.client.app_key", per_second=10, per_day=10_000),
    ),
    adapter="channels.connectors.etsy.adapter.EtsyAdapter",
    statuses=STATUSES,
    events=EVENTS,
    writes_statuses=False,
    settings=(
        StoreSetting(
            "cancel_days",
            _("Look for cancellations among orders of the last … days"),
            kind="number",
            default=5,
            help_text=_(
                "5 as a rule; 90 costs one or two calls an hour more. As many as your oldest open order is old find all."
            ),
        ),
        StoreSetting(
            "renew_sold_out",
            _("Put sold-out listings on sale again when stock comes in"),
            help_text=_("Etsy renews the listing for it and charges its fee each time."),
        ),
        StoreSetting(
            "publish_new",
            _("Put new listings on sale at once"),
            help_text=_("Etsy charges its listing fee; otherwise a new listing stays a draft there."),
        ),
        StoreSetting("taxonomy_id", _("Category of new listings without one"), kind="text", default=""),
        StoreSetting("shipping_profile_id", _("Shipping profile of new listings"), kind="remote", default=""),
        StoreSetting(
            "readiness_state_id", _("Processing profile of new listings"), kind="remote", default=""
        ),
        StoreSetting("return_policy_id", _("Return policy of new listings"), kind="remote", default=""),
        StoreSetting("shop_section_id", _("Shop section of new listings"), kind="remote", default=""),
    ),
    batch_sizes={"stock": 25, "price": 25},
    intro=_("Sign in at Etsy as the owner of the shop and allow this application. Any country; API V3."),
    orders_deduct_stock=True,
    orders_before_stock=30,
    most_units=MOST,
    sale_price=False,
    has_warranty=True,  # at the end of the description
    sandbox="channels.connectors.etsy.sandbox.make_sandbox",
    app=AppPages(
        urls="channels.connectors.etsy.urls",
        sign_in="start",
        unavailable="channels.connectors.etsy.client.why_no_sign_in",
        grant_days=90,
    ),
    notice=NOTICE,
    delivers_alone=_("Etsy alone says when an order was delivered: it comes in by itself."),
)
