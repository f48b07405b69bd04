"""The BigCommerce channel: what it supports, and why not where it does not (`bigcommerce.md` §10, R-CAT-13)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.connectors.bigcommerce import listing_bodies
from channels.connectors.bigcommerce.statuses import EVENTS, STATUSES
from channels.contract.personal import PersonalFields
from channels.contract.records.listings import ListingRules
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import (
    AppPages,
    BudgetSpec,
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

SIX_HOURS = 6 * 3600
STOCK_BATCH = 2000
PRICE_BATCH = 250  # SKUs of one send; requests have 10 products or 50 variants each


C = Capability
CAPABILITIES: dict[Capability, Support] = {
    C.CONNECT_OAUTH: yes(),
    C.CONNECT_KEYS: yes(),
    C.PULL_CATEGORIES: yes(),
    C.PULL_ATTRIBUTES: yes(),
    C.PULL_BRANDS: yes(),
    C.PULL_CARRIERS: yes(),
    C.PULL_PRODUCTS: yes(),
    C.PULL_SINGLE_PRODUCT: yes(),
    C.PULL_GROUP_PRODUCT: yes(),
    C.AUTO_UPDATE_PRODUCTS: off(
        _(
            "Off by default. Switch it on in the store's settings: changes made to products in BigCommerce are then imported."
        )
    ),
    C.CREATE_LISTING_SINGLE: yes(),
    C.CREATE_LISTING_GROUP: yes(),
    C.UPDATE_LISTING: yes(),
    C.SET_LISTING_ACTIVE: yes(),
    C.DELETE_LISTING: no(_("Delete a product in BigCommerce itself; Manifold can hide it.")),
    C.PUSH_STOCK: yes(),
    C.PUSH_PRICE: yes(),
    C.STOCK_LOCATIONS: yes(),
    C.PULL_ORDERS: yes(),
    C.PULL_ORDER_UPDATES: yes(),
    C.HISTORY_90_DAYS: yes(),
    C.PULL_CANCELLATIONS: no(_("Cancelled orders are imported with the other changes, within 5 minutes.")),
    C.MANUAL_ORDERS: no(
        _("Orders of this store are placed in BigCommerce; use an offline store for manual orders.")
    ),
    C.WEBHOOKS: yes(),
    C.PUSH_READY_TO_SHIP: yes(),
    C.PUSH_SHIPPED: yes(),
    C.PUSH_DELIVERED: no(
        _("BigCommerce has no status for delivered orders: mark them in BigCommerce yourself.")
    ),
    C.PUSH_COMPLETED: off(
        _("Off by default. Switch it on in the store's settings: BigCommerce completes orders by itself.")
    ),
    C.PUSH_SELLER_CANCEL: yes(),
    C.SPLIT_SHIPMENTS: yes(),
    C.CHANNEL_SHIPPING: no(_("BigCommerce's API has no labels: use your own carriers.")),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

SPEC = ChannelSpec(
    key="bigcommerce",
    label="BigCommerce",
    personal=PersonalFields(
        people=frozenset(
            {
                "billing_address",
                "addresses",
                "shipping_addresses",
                "shipping_address",
                "customer",
                "consignments",
                "form_fields",
            }
        ),
        fields=frozenset(
            {
                "customer_message",
                "staff_notes",
                "ip_address",
                "ip_address_v6",
                "email",
                "phone",
                "comments",
                "geoip_country",
            }
        ),
        options=frozenset({"product_options", "wrapping_message", "gift_wrapping"}),
        leaves=frozenset(
            {"first_name", "last_name", "company", "street_1", "street_2", "city", "zip", "display_value"}
        ),
    ),
    capabilities=CAPABILITIES,
    credential_fields=(
        CredentialField(
            "api_path",
            _("API path"),
            _(
                "Such as https://api.bigcommerce.com/stores/abc123/v3/, shown when the API account is made; the store hash is enough."
            ),
        ),
        CredentialField(
            "access_token",
            _("Access token"),
            _(
                "In BigCommerce: Settings » Store-level API accounts » Create API account. It is shown once, when the account is made."
            ),
            is_secret=True,
        ),
        CredentialField(
            "client_secret",
            _("Client secret"),
            _("Of the same API account. With it, the signature of BigCommerce's webhooks is checked too."),
            is_secret=True,
            is_required=False,
        ),
    ),
    streams=(
        StreamSpec(Stream.CATEGORIES, SIX_HOURS, Lane.DEFAULT, C.PULL_CATEGORIES),
        StreamSpec(Stream.BRANDS, SIX_HOURS, Lane.DEFAULT, C.PULL_BRANDS),
        StreamSpec(Stream.ATTRIBUTES, SIX_HOURS, Lane.DEFAULT, C.PULL_ATTRIBUTES),
        StreamSpec(Stream.STATUSES, SIX_HOURS, Lane.DEFAULT, C.PULL_ORDERS),
        StreamSpec(
            Stream.PRODUCTS,
            None,
            Lane.DEFAULT,
            C.PULL_PRODUCTS,
            lookback=3600,
            slice_days=36_500,
            option="auto_update_products",
            option_period=1800,
        ),
        StreamSpec(Stream.ORDERS_NEW, 300, Lane.ORDERS, C.PULL_ORDERS),
        # The same scan over a longer time: it finds what a short one may have missed.
        StreamSpec(Stream.ORDERS_CHANGED, 1800, Lane.ORDERS, C.PULL_ORDER_UPDATES, lookback=24 * 3600),
        StreamSpec(Stream.ORDERS_HISTORY, None, Lane.DEFAULT, C.HISTORY_90_DAYS, slice_days=100),
    ),
    budget=BudgetSpec(capacity=150, per_second=5),
    adapter="channels.connectors.bigcommerce.adapter.BigCommerceAdapter",
    statuses=STATUSES,
    events=EVENTS,
    held_back={
        FulfilmentEvent.TRACKING: HeldBack(
            "shipping_mode",
            "b",
            _(
                "BigCommerce gets the number with the shipment, at the manifest, as set in the store's settings."
            ),
            until_shipped=True,
        )
    },
    settings=(
        StoreSetting(
            "shipping_mode",
            _("When BigCommerce gets the shipment"),
            kind="choice",
            default="a",
            choices=(
                ("a", _("at ready to ship, with its tracking number; Shipped at the manifest")),
                ("b", _("at the manifest, together with Shipped")),
            ),
            help_text=_(
                "The first may e-mail the customer twice. Where BigCommerce deducts stock at shipping, choose the second."
            ),
        ),
        StoreSetting(
            "location",
            _("Location that gets the stock"),
            kind="remote",
            default="",
            help_text=_(
                "Empty means the default location. The storefront sells only from the default location unless BigCommerce's "
                "support has switched that on."
            ),
        ),
        StoreSetting(
            "track_stock",
            _("Switch on stock tracking of products that have it off"),
            help_text=_("BigCommerce takes stock figures only where tracking is on."),
        ),
        StoreSetting(
            "auto_update_products",
            _("Import product changes made in BigCommerce"),
            help_text=_(
                "Titles and pictures that nobody edited in Manifold: at once by webhook, and every half hour."
            ),
        ),
        StoreSetting(
            "push_completed", _("Complete orders in BigCommerce when they are completed in Manifold")
        ),
    ),
    listing_rules=ListingRules(
        title_length=listing_bodies.NAME,
        many_categories=True,
        free_attributes=True,
        picture_note=_("PNG, JPEG, GIF, BMP or WebP, at most 8 MB each."),
        field_names={
            "name": "title",
            "brand_name": "brand",
            "categories": "category_external_ids",
            "custom_fields": "attributes",
            "images": "image_urls",
            "image_url": "image_urls",
            "option_values": "variants",
            "sale_price": "selling_price",
            "upc": "barcode",
        },
    ),
    batch_sizes={"stock": STOCK_BATCH, "price": PRICE_BATCH},
    intro=_(
        "Create an API account in BigCommerce and copy its path and token. Supported: the United Kingdom and France."
    ),
    orders_deduct_stock=True,
    orders_before_stock=30,
    reference_data=ReferenceData(attributes_with_products=True),
    most_tracking=50,
    sandbox="channels.connectors.bigcommerce.sandbox.make_sandbox",
    app=AppPages(
        urls="channels.connectors.bigcommerce.app.urls",
        instructions="channels.connectors.bigcommerce.app.installs.instructions",
    ),
    has_warranty=True,
    delivered_to_do=_(
        "BigCommerce has no status for delivered orders: note it in BigCommerce, then mark it as noted in Manifold."
    ),
)
