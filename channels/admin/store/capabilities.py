"""What a store's channel can do, from its declaration, which also decides about buttons and commands (R-CAT-13)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import VIEW, StorePage
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin import panels


@panels.tab(
    Connection,
    "capabilities",
    label=_("What this channel can do"),
    permission=VIEW,
    position=90,
    name="store_capabilities",
)
class Capabilities(StorePage):
    """Each capability of the channel with yes or no, and why not."""

    title = _("What this channel can do")
    tab = "capabilities"
    template_name = "channels/store_capabilities.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        spec = self.store.spec
        less = self.store.account.get("offered", {})
        rows = []
        for capability in Capability:
            support = spec.capabilities[capability]
            reason = str(less.get(capability, "") or support.reason)
            word, colour = (_("yes"), "success") if support.supported else (_("no"), "default")
            if support.supported and capability in less:
                word, colour = _("not for this account"), "warning"
            elif support.supported and not support.default:
                word, colour = _("off (can be switched on)"), "info"
            rows.append((WORDS.get(capability, str(capability)), capability, word, colour, reason))
        return self.render(rows=rows)


C = Capability
#: What each capability is called.
WORDS: dict[str, Any] = {
    C.CONNECT_OAUTH: _("Connect by signing in to the channel"),
    C.CONNECT_KEYS: _("Connect with keys"),
    C.PULL_CATEGORIES: _("Import categories"),
    C.PULL_ATTRIBUTES: _("Import attributes"),
    C.PULL_BRANDS: _("Import brands"),
    C.PULL_CARRIERS: _("Import carriers"),
    C.PULL_PRODUCTS: _("Import products"),
    C.PULL_SINGLE_PRODUCT: _("Import a single product on demand"),
    C.PULL_GROUP_PRODUCT: _("Import a group product on demand"),
    C.AUTO_UPDATE_PRODUCTS: _("Import product changes automatically"),
    C.CREATE_LISTING_SINGLE: _("Create a single listing"),
    C.CREATE_LISTING_GROUP: _("Create a group listing"),
    C.UPDATE_LISTING: _("Update a listing"),
    C.SET_LISTING_ACTIVE: _("Activate or deactivate a listing"),
    C.DELETE_LISTING: _("Delete a listing"),
    C.PUSH_STOCK: _("Send stock"),
    C.PUSH_PRICE: _("Send prices"),
    C.STOCK_LOCATIONS: _("Stock at several locations on the channel"),
    C.PULL_ORDERS: _("Import new orders"),
    C.PULL_ORDER_UPDATES: _("Import changed orders"),
    C.HISTORY_90_DAYS: _("Import the orders of 90 days"),
    C.PULL_CANCELLATIONS: _("Import cancellations separately"),
    C.MANUAL_ORDERS: _("Enter orders by hand"),
    C.WEBHOOKS: _("Instant updates (webhooks)"),
    C.PUSH_READY_TO_SHIP: _("Send: Ready to ship, with tracking number"),
    C.PUSH_SHIPPED: _("Send: Shipped"),
    C.PUSH_DELIVERED: _("Send: Delivered"),
    C.PUSH_COMPLETED: _("Send: Completed"),
    C.PUSH_SELLER_CANCEL: _("Send: Cancelled by seller"),
    C.SPLIT_SHIPMENTS: _("Split shipments"),
    C.CHANNEL_SHIPPING: _("Shipping by the channel"),
    C.SELF_SHIPPING: _("Shipping with your carriers"),
    C.WMS_HANDOVER: _("Use a warehouse system"),
}
