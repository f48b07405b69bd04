"""The Etsy channel: what it supports, and why not where it does not (`etsy.md` §9, the matrix of R-CAT-13)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.connectors.etsy import listing_bodies
from channels.connectors.etsy.payloads import MOST_UNITS
from channels.connectors.etsy.statuses import EVENTS, STATUSES
from channels.contract.personal import PersonalFields
from channels.contract.records.listings import ListingField, ListingRules
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

#: Etsy's terms require these words wherever the application is shown; they are not translated.
NOTICE = (
    "The term 'Etsy' is a trademark of Etsy, Inc. This Application uses Etsy's API, but is not endorsed or certified "
    "by Etsy."
)


C = Capability
CAPABILITIES: dict[Capability, Support] = {
    C.CONNECT_OAUTH: yes(),
    C.CONNECT_KEYS: no(
        _("Etsy has no keys for a shop: its owner signs in at Etsy and allows this application.")
    ),
    C.PULL_CATEGORIES: yes(),
    C.PULL_ATTRIBUTES: yes(),
    C.PULL_BRANDS: no(_("Etsy has no brands: the brand of a product is free text in Manifold.")),
    C.PULL_CARRIERS: yes(),
    C.PULL_PRODUCTS: yes(),
    C.PULL_SINGLE_PRODUCT: yes(),
    C.PULL_GROUP_PRODUCT: yes(),
    C.AUTO_UPDATE_PRODUCTS: no(
        _(
            "After the first import the product is edited in Manifold: Etsy does not report changes of listings."
        )
    ),
    C.CREATE_LISTING_SINGLE: yes(),
    C.CREATE_LISTING_GROUP: yes(),
    C.UPDATE_LISTING: yes(),
    C.SET_LISTING_ACTIVE: yes(),
    C.DELETE_LISTING: no(
        _("Listings are deleted in Etsy's shop manager; this application does not ask for that right.")
    ),
    C.PUSH_STOCK: yes(),
    C.PUSH_PRICE: yes(),
    C.STOCK_LOCATIONS: no(_("Etsy has one stock figure for each variation, not one for each location.")),
    C.PULL_ORDERS: yes(),
    C.PULL_ORDER_UPDATES: yes(),
    C.HISTORY_90_DAYS: yes(),
    C.PULL_CANCELLATIONS: yes(),
    C.MANUAL_ORDERS: no(
        _("Orders of this store are placed at Etsy; use an offline store for manual orders.")
    ),
    C.WEBHOOKS: yes(),
    C.PUSH_READY_TO_SHIP: yes(),
    C.PUSH_SHIPPED: no(_("Etsy's order is complete when it is ready to ship: nothing more is sent.")),
    C.PUSH_DELIVERED: no(_("Only Etsy's own tracking marks an order as delivered.")),
    C.PUSH_COMPLETED: no(_("Etsy completes the order by itself when it is set to ready to ship.")),
    C.PUSH_SELLER_CANCEL: no(
        _("Orders are cancelled in Etsy's shop manager; Manifold then imports the cancellation.")
    ),
    C.SPLIT_SHIPMENTS: no(
        _(
            "Etsy completes an order with its first shipment. You can split a partial order in Manifold; Etsy does not show the parts."
        )
    ),
    C.CHANNEL_SHIPPING: no(_("Etsy's API has no labels: use your own carriers.")),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

SPEC = ChannelSpec(
    key="etsy",
    label="Etsy",
    personal=PersonalFields(
        fields=frozenset(
            {
                "name",
                "first_line",
                "second_line",
                "city",
                "state",
                "zip",
                "formatted_address",
                "buyer_email",
                "payment_email",
                "message_from_buyer",
                "message_from_seller",
                "message_from_payment",
                "gift_message",
                "gift_sender",
                "note_from_issuer",
            }
        ),
        options=frozenset({"variations"}),
        leaves=frozenset({"formatted_value"}),
    ),
    capabilities=CAPABILITIES,
    credential_fields=(
        CredentialField("access_token", _("Access token"), is_secret=True),
        CredentialField("refresh_token", _("Refresh token"), is_secret=True),
        CredentialField("api_url", _("Address of the API"), is_required=False),
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
    wants_tracking=True,
    first_part_completes=True,
    adapter="channels.connectors.etsy.adapter.EtsyAdapter",
    statuses=STATUSES,
    events=EVENTS,
    writes_statuses=False,
    settings=(
        StoreSetting(
            "cancel_days",
            _("Check cancellations of orders of the last … days"),
            kind="number",
            default=5,
            help_text=_(
                "More days use more requests: 90 days use one or two more each hour. Enter the age of your oldest open order."
            ),
        ),
        StoreSetting(
            "renew_sold_out",
            _("Activate sold-out listings again when stock arrives"),
            help_text=_("Etsy then renews the listing and charges its fee each time."),
        ),
        StoreSetting(
            "publish_new",
            _("Activate new listings at once"),
            help_text=_("Etsy charges its listing fee; otherwise a new listing stays a draft at Etsy."),
        ),
        StoreSetting("taxonomy_id", _("Category of new listings without one"), kind="text", default=""),
        StoreSetting("shipping_profile_id", _("Shipping profile of new listings"), kind="remote", default=""),
        StoreSetting(
            "readiness_state_id", _("Processing profile of new listings"), kind="remote", default=""
        ),
        StoreSetting("return_policy_id", _("Return policy of new listings"), kind="remote", default=""),
        StoreSetting("shop_section_id", _("Shop section of new listings"), kind="remote", default=""),
    ),
    listing_rules=ListingRules(
        title_length=listing_bodies.TITLE,
        needs_category=True,
        pictures=listing_bodies.MOST_IMAGES,
        picture_note=_("A listing that is on sale needs at least one picture."),
        options=2,
        by_category=True,
        fields=(
            ListingField("shipping_profile_id", _("Shipping profile"), True, "shipping_profile_id"),
            ListingField("readiness_state_id", _("Processing profile"), True, "readiness_state_id"),
            ListingField("return_policy_id", _("Return policy"), setting="return_policy_id"),
            ListingField("shop_section_id", _("Shop section"), setting="shop_section_id"),
            ListingField("who_made", _("Who made it"), values=("i_did", "someone_else", "collective")),
            ListingField(
                "when_made", _("When it was made"), help_text=_("Etsy's value, such as made_to_order.")
            ),
            ListingField("is_supply", _("Is a supply or tool"), values=("false", "true")),
            ListingField(
                "tags",
                _("Tags"),
                help_text=_("Up to 13, separated by commas, each of at most 20 characters."),
            ),
            ListingField("materials", _("Materials"), help_text=_("Separated by commas.")),
        ),
        field_names={
            "taxonomy_id": "category_external_ids",
            "image": "image_urls",
            "images": "image_urls",
            "property_values": "variants",
            "shipping_profile_id": "attribute:shipping_profile_id",
            "readiness_state_id": "attribute:readiness_state_id",
            "return_policy_id": "attribute:return_policy_id",
            "shop_section_id": "attribute:shop_section_id",
            "who_made": "attribute:who_made",
            "when_made": "attribute:when_made",
            "tags": "attribute:tags",
            "materials": "attribute:materials",
        },
    ),
    batch_sizes={"stock": 25, "price": 25},
    intro=_("Sign in at Etsy as the owner of the shop and allow this application. Any country; API V3."),
    orders_deduct_stock=True,
    orders_before_stock=30,
    most_units=MOST_UNITS,
    sale_price=False,
    has_warranty=True,  # at the end of the description
    sandbox="channels.connectors.etsy.sandbox.make_sandbox",
    app=AppPages(
        urls="channels.connectors.etsy.app.urls",
        sign_in="start",
        unavailable="channels.connectors.etsy.client.why_no_sign_in",
        grant_days=90,
    ),
    notice=NOTICE,
    delivers_alone=_("Only Etsy reports when an order was delivered: Manifold imports it."),
)
