"""The OpenCart channel: what it supports, and why not where it does not (`opencart.md` §7, the matrix of R-CAT-13)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.connectors.opencart import listing_bodies
from channels.connectors.opencart.statuses import EVENTS, STATUSES
from channels.contract.personal import PersonalFields
from channels.contract.records.listings import ListingRules
from channels.contract.spec import (
    BudgetSpec,
    Capability,
    ChannelSpec,
    CredentialField,
    Lane,
    StoreSetting,
    Stream,
    StreamSpec,
    Support,
    no,
    off,
    yes,
)

SIX_HOURS = 6 * 3600
BATCH = 100  # items that the extension takes in one call (contract v1, §5.2)


C = Capability
CAPABILITIES: dict[Capability, Support] = {
    C.CONNECT_OAUTH: no(
        _("OpenCart has no sign-in for applications: a shop is connected with its secret key.")
    ),
    C.CONNECT_KEYS: yes(),
    C.PULL_CATEGORIES: yes(),
    C.PULL_ATTRIBUTES: yes(),
    C.PULL_BRANDS: no(
        _("Brands of OpenCart are not imported: the brand of a product is free text in Manifold.")
    ),
    C.PULL_CARRIERS: yes(),
    C.PULL_PRODUCTS: yes(),
    C.PULL_SINGLE_PRODUCT: yes(),
    C.PULL_GROUP_PRODUCT: no(
        _("Group products are imported when the store is connected; they cannot be imported again by hand.")
    ),
    C.AUTO_UPDATE_PRODUCTS: no(
        _(
            "After the first import, products are edited in Manifold: changes made in OpenCart are not imported."
        )
    ),
    C.CREATE_LISTING_SINGLE: yes(),
    C.CREATE_LISTING_GROUP: yes(),
    C.UPDATE_LISTING: yes(),
    C.SET_LISTING_ACTIVE: no(_("A product can only be enabled or disabled in OpenCart's own admin.")),
    C.DELETE_LISTING: yes(),
    C.PUSH_STOCK: yes(),
    C.PUSH_PRICE: yes(),
    C.STOCK_LOCATIONS: no(_("OpenCart has one stock figure for each product, not one for each location.")),
    C.PULL_ORDERS: yes(),
    C.PULL_ORDER_UPDATES: yes(),
    C.HISTORY_90_DAYS: yes(),
    C.PULL_CANCELLATIONS: no(_("Cancelled orders are imported with the other changes, every 30 minutes.")),
    C.MANUAL_ORDERS: no(
        _("Orders of this store are placed in OpenCart; use an offline store for manual orders.")
    ),
    C.WEBHOOKS: yes(),
    C.PUSH_READY_TO_SHIP: yes(),
    C.PUSH_SHIPPED: yes(),
    C.PUSH_DELIVERED: no(_("OpenCart has no status for delivered orders.")),
    C.PUSH_COMPLETED: yes(),
    C.PUSH_SELLER_CANCEL: off(
        _(
            "Off by default. Switch it on in the store's settings: OpenCart then returns the units to its stock."
        )
    ),
    C.SPLIT_SHIPMENTS: no(
        _("OpenCart has one status for an order and no shipments, so an order is shipped as a whole.")
    ),
    C.CHANNEL_SHIPPING: yes(),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

SPEC = ChannelSpec(
    key="opencart",
    label="OpenCart",
    personal=PersonalFields(
        people=frozenset({"address", "custom_field"}),
        fields=frozenset(
            {
                "firstname",
                "lastname",
                "company",
                "email",
                "telephone",
                "fax",
                "comment",
                "ip",
                "forwarded_ip",
                "user_agent",
            }
        ),
        options=frozenset({"options"}),
        leaves=frozenset({"address_1", "address_2", "city", "postcode", "zone"}),
    ),
    has_sale_dates=True,
    capabilities=CAPABILITIES,
    credential_fields=(
        CredentialField(
            "domain_url",
            _("Domain URL"),
            _(
                "The address of the shop's front page, for example https://shop.example.com or https://example.com/shop."
            ),
            is_url=True,
        ),
        CredentialField(
            "secret_key",
            _("Secret key"),
            _("In the shop's admin: Extensions » Extensions » Modules » Manifold OMS Connect » Edit."),
            is_secret=True,
        ),
    ),
    streams=(
        StreamSpec(Stream.CATEGORIES, SIX_HOURS, Lane.DEFAULT, C.PULL_CATEGORIES),
        StreamSpec(Stream.ATTRIBUTES, SIX_HOURS, Lane.DEFAULT, C.PULL_ATTRIBUTES),
        StreamSpec(Stream.STATUSES, SIX_HOURS, Lane.DEFAULT, C.PULL_ORDERS),
        StreamSpec(Stream.PRODUCTS, None, Lane.DEFAULT, C.PULL_PRODUCTS, slice_days=36_500),
        StreamSpec(Stream.ORDERS_NEW, 300, Lane.ORDERS, C.PULL_ORDERS),
        StreamSpec(Stream.ORDERS_CHANGED, 1800, Lane.ORDERS, C.PULL_ORDER_UPDATES),
        # The API has no end date for the day an order was placed: each slice would read all later orders again.
        StreamSpec(Stream.ORDERS_HISTORY, None, Lane.DEFAULT, C.HISTORY_90_DAYS, slice_days=36_500),
    ),
    budget=BudgetSpec(capacity=20, per_second=10),
    adapter="channels.connectors.opencart.adapter.OpenCartAdapter",
    statuses=STATUSES,
    events=EVENTS,
    settings=(
        StoreSetting(
            "sku_rule",
            _("SKU of a product"),
            kind="choice",
            default="sku_or_model",
            choices=(
                ("sku_or_model", _("the SKU, or the model where there is none")),
                ("sku_only", _("the SKU only")),
                ("model", _("the model")),
            ),
            help_text=_("Products without a SKU are listed in the SKU inbox, where you can enter one."),
        ),
        StoreSetting(
            "pending_as_unpaid",
            _("Import Pending as Unpaid"),
            help_text=_("Switch it on for shops where an order stays Pending until it is paid."),
        ),
        StoreSetting(
            "push_seller_cancel",
            _("Cancel orders in OpenCart when they are cancelled in Manifold"),
            help_text=_("OpenCart then returns the units to its stock."),
        ),
        StoreSetting(
            "notify_customer",
            _("OpenCart sends the customer an e-mail at each status"),
        ),
    ),
    listing_rules=ListingRules(
        title_length=listing_bodies.NAME,
        many_categories=True,
        picture_note=_("JPEG, PNG, GIF or WebP, at most 5 MB each. The shop downloads them."),
        no_removed_skus=_("The extension deletes no option value of a product."),
        field_names={
            "name": "title",
            "descriptions": "title",
            "manufacturer": "brand",
            "category_ids": "category_external_ids",
            "image": "image_urls",
            "images": "image_urls",
            "children": "variants",
            "special": "selling_price",
            "model": "sku",
        },
    ),
    batch_sizes={"stock": BATCH, "price": BATCH},
    intro=_(
        "Install the extension “Manifold OMS Connect” in the shop first, then enter its secret key. "
        "Any country; API V1."
    ),
    orders_deduct_stock=True,
    orders_before_stock=30,
    prices_with_tax=False,  # opencart.md §4.2
    sandbox="channels.connectors.opencart.sandbox.make_sandbox",
)
