"""What a store's channel can do, from its declaration: the one source of buttons, commands and this page (R-CAT-13)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from channels.contract.spec import Capability
from oms.screens.stores.base import StorePage


class Capabilities(StorePage):
    """What the channel can do, made from its declaration: the one source of buttons, commands and this page (R-CAT-13)."""

    title = _("What this channel can do")
    tab = "store_capabilities"
    template_name = "oms/stores/capabilities.html"

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
                word, colour = _("off until switched on"), "info"
            rows.append((WORDS.get(capability, str(capability)), capability, word, colour, reason))
        return self.render(rows=rows)


C = Capability
#: The matrix in plain words.
WORDS: dict[str, Any] = {
    C.CONNECT_OAUTH: _("Connect by signing in at the channel"),
    C.CONNECT_KEYS: _("Connect with keys"),
    C.PULL_CATEGORIES: _("Read categories"),
    C.PULL_ATTRIBUTES: _("Read attributes"),
    C.PULL_BRANDS: _("Read brands"),
    C.PULL_CARRIERS: _("Read carriers"),
    C.PULL_PRODUCTS: _("Read products"),
    C.PULL_SINGLE_PRODUCT: _("Read a single product again by hand"),
    C.PULL_GROUP_PRODUCT: _("Read a group product again by hand"),
    C.AUTO_UPDATE_PRODUCTS: _("Take over product changes by itself"),
    C.CREATE_LISTING_SINGLE: _("Put a single product on the channel"),
    C.CREATE_LISTING_GROUP: _("Put a group product on the channel"),
    C.UPDATE_LISTING: _("Update a listing"),
    C.SET_LISTING_ACTIVE: _("Switch a listing on or off"),
    C.DELETE_LISTING: _("Delete a listing"),
    C.PUSH_STOCK: _("Send stock"),
    C.PUSH_PRICE: _("Send prices"),
    C.STOCK_LOCATIONS: _("Stock in several places on the channel"),
    C.PULL_ORDERS: _("Read new orders"),
    C.PULL_ORDER_UPDATES: _("Read changed orders"),
    C.HISTORY_90_DAYS: _("Read the orders of 90 days"),
    C.PULL_CANCELLATIONS: _("Look for cancellations separately"),
    C.MANUAL_ORDERS: _("Enter orders by hand"),
    C.WEBHOOKS: _("Be told at once (webhooks)"),
    C.PUSH_READY_TO_SHIP: _("Tell it: ready to ship, with tracking"),
    C.PUSH_SHIPPED: _("Tell it: shipped"),
    C.PUSH_DELIVERED: _("Tell it: delivered"),
    C.PUSH_COMPLETED: _("Tell it: completed"),
    C.PUSH_SELLER_CANCEL: _("Tell it: cancelled by us"),
    C.SPLIT_SHIPMENTS: _("Several parcels of one order"),
    C.CHANNEL_SHIPPING: _("Shipping by the channel"),
    C.SELF_SHIPPING: _("Shipping with own carriers"),
    C.WMS_HANDOVER: _("Hand over to a warehouse system"),
}
