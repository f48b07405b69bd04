"""The Offline channel: orders entered by hand, shipped like any other (the matrix of R-CAT-13, R-CONN-05, R-OFF-01)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.contract.personal import PersonalFields
from channels.contract.spec import (
    BudgetSpec,
    Capability,
    ChannelSpec,
    CredentialField,
    StoreSetting,
    Support,
    no,
    yes,
)

C = Capability
NO_SHOP = _("An offline store has no web shop.")
BY_HAND = _("Orders of an offline store are entered by hand, one by one or by Excel.")

CAPABILITIES: dict[Capability, Support] = {
    **dict.fromkeys(
        (C.PULL_CATEGORIES, C.PULL_ATTRIBUTES, C.PULL_BRANDS, C.PULL_PRODUCTS, C.PULL_SINGLE_PRODUCT),
        no(NO_SHOP),
    ),
    **dict.fromkeys((C.PULL_GROUP_PRODUCT, C.AUTO_UPDATE_PRODUCTS, C.WEBHOOKS), no(NO_SHOP)),
    C.CONNECT_OAUTH: no(_("An offline store needs no sign-in: it needs a name and a currency.")),
    C.CONNECT_KEYS: no(_("An offline store needs no keys: it needs a name and a currency.")),
    C.PULL_CARRIERS: no(_("Carriers of an offline store are added by hand.")),
    **dict.fromkeys(
        (
            C.CREATE_LISTING_SINGLE,
            C.CREATE_LISTING_GROUP,
            C.UPDATE_LISTING,
            C.SET_LISTING_ACTIVE,
            C.DELETE_LISTING,
        ),
        no(NO_SHOP),
    ),
    C.PUSH_STOCK: no(NO_SHOP),
    C.PUSH_PRICE: no(NO_SHOP),
    C.STOCK_LOCATIONS: no(
        _("An offline store has no stock of its own: it sells from Manifold's warehouses.")
    ),
    **dict.fromkeys(
        (C.PULL_ORDERS, C.PULL_ORDER_UPDATES, C.HISTORY_90_DAYS, C.PULL_CANCELLATIONS), no(BY_HAND)
    ),
    C.MANUAL_ORDERS: yes(),
    **dict.fromkeys(
        (
            C.PUSH_READY_TO_SHIP,
            C.PUSH_SHIPPED,
            C.PUSH_DELIVERED,
            C.PUSH_COMPLETED,
            C.PUSH_SELLER_CANCEL,
        ),
        no(NO_SHOP),
    ),
    C.SPLIT_SHIPMENTS: yes(),
    C.CHANNEL_SHIPPING: no(_("An offline store has no shipping of its own; use your carriers.")),
    C.SELF_SHIPPING: yes(),
    C.WMS_HANDOVER: yes(),
}

SPEC = ChannelSpec(
    key="offline",
    label="Offline",
    capabilities={capability: CAPABILITIES[capability] for capability in Capability},
    credential_fields=(
        CredentialField("currency", _("Currency"), _("Three letters, such as EUR or GBP.")),
        CredentialField(
            "time_zone", _("Time zone"), _("Such as Europe/London; empty: UTC."), is_required=False
        ),
    ),
    streams=(),
    budget=BudgetSpec(capacity=1, per_second=1),
    intro=_(
        "A store without a web shop, such as a market stall. It sells from the same warehouses as the other stores."
    ),
    settings=(
        StoreSetting(
            "prices_include_tax",
            _("Prices include tax"),
            default=True,
            help_text=_("The tax basis of new orders. It can be changed in each order."),
        ),
        StoreSetting(
            "tax_rate",
            _("Tax rate in %"),
            kind="percent",
            default="0",
            help_text=_("Such as 20. It can be changed in each order."),
        ),
        StoreSetting(
            "number_prefix",
            _("Order numbers begin with"),
            kind="text",
            default="M-",
            help_text=_("The numbers count up: M-1, M-2. Give each offline store a beginning of its own."),
        ),
    ),
    personal=PersonalFields(
        people=frozenset({"ship_to", "bill_to"}),
        fields=frozenset({"customer_name", "customer_email", "customer_phone", "buyer_note", "note"}),
    ),
    orders_deduct_stock=False,
)
