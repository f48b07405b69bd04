"""What every page of one store shares: the store, its head, its tabs, its breadcrumbs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage, RejectedRecord
from channels.stores import webhooks
from channels.stores.health_text import health_of
from channels.stores.limits_text import limits_used, tightest_limit
from inventory.models import StockDifference
from oms.kit.admin.pages import Crumb, Page

VIEW = "channels.view_connection"
CHANGE = "channels.change_connection"
ADD = "channels.add_connection"
SYNC = "kit.add_job"

C = Capability
#: The four syncs of a store (R-INV-02, R-ORD-04), each with what the channel must be able to do for it.
SYNCS: tuple[tuple[Any, str, Capability], ...] = (
    (_("Sync Orders"), "store_sync_orders", C.PULL_ORDERS),
    (_("Sync Products"), "store_sync_products", C.PULL_PRODUCTS),
    (_("Sync Stock"), "store_sync_stock", C.PUSH_STOCK),
    (_("Sync Prices"), "store_sync_prices", C.PUSH_PRICE),
)

INTEGRATIONS = _("Integrations")
CHANNELS = _("Ecommerce Sales Channels")


def go(name: str, *args: Any, query: str = "") -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"admin:{name}", args=args) + query)


class StoresPage(Page):
    """A page under Integrations » Ecommerce Sales Channels."""

    permission = VIEW
    write_permission: ClassVar[Any] = CHANGE

    def crumbs(self) -> Iterable[Crumb]:
        return ((INTEGRATIONS, ""), (CHANNELS, reverse("admin:stores")))


class StorePage(StoresPage):
    """A page of one store; `tab` is the tab that it stands under."""

    tab: str = ""
    store: Connection

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        store = Connection.objects.filter(pk=kwargs["pk"], kind=Connection.Kind.STORE).first()
        if store is None:
            raise Http404(_t("There is no such store."))
        self.store = store

    def crumbs(self) -> Iterable[Crumb]:
        return (*super().crumbs(), (self.store.name, reverse("admin:store", args=[self.store.pk])))

    def context(self, **extra: Any) -> dict[str, Any]:
        store = self.store
        user = self.request.user
        context = super().context(
            store=store,
            spec=store.spec,
            health=health_of(store),
            may_sync=user.has_perm(SYNC),
            may_change=user.has_perm(CHANGE),
            has_wire=store.has_wire,
            **extra,
        )
        if self.tab:
            limits, stands = limits_used(store), "" if store.may_pull else context["health"].text
            context |= {
                "tabs": self.tabs(),
                "syncs": [
                    (text, f"admin:{name}", store.why_not(needed) or stands) for text, name, needed in SYNCS
                ],
                "limits": limits,
                "limit": tightest_limit(limits),
                "refused_call": webhooks.refused_at(store),
            }
        return context

    def tabs(self) -> list[tuple[Any, str, bool, int | None, str]]:
        """The tabs that this person may open: (words, address, is here, count, why the channel has nothing for it)."""
        store, user = self.store, self.request.user
        refused = RejectedRecord.objects.filter(connection=store, resolved_at=None).count()
        parked = OutboxMessage.objects.parked().filter(connection=store).count()
        differs = StockDifference.objects.filter(connection=store, decided_at=None).count()
        shown: tuple[tuple[Any, str, str, int | None, Capability | None], ...] = (
            (_("Overview"), "store", VIEW, None, None),
            (_("Listings"), "store_listings", "catalogue.view_listing", None, C.PULL_PRODUCTS),
            (
                _("Differences"),
                "store_differences",
                "inventory.view_stockdifference",
                differs or None,
                C.PUSH_STOCK,
            ),
            (_("Refused records"), "store_refused", VIEW, refused or None, C.PULL_ORDERS),
            (_("Messages"), "store_messages", VIEW, parked or None, C.PUSH_STOCK),
            (_("Warehouses"), "store_warehouses", "inventory.view_warehousemapping", None, None),
            (_("Status map"), "store_statuses", "channels.view_statusmapentry", None, C.PULL_ORDERS),
            (_("Carrier map"), "store_carriers", "orders.view_carriermap", None, C.PULL_CARRIERS),
            (_("What this channel can do"), "store_capabilities", VIEW, None, None),
            (_("Calls"), "store_calls", CHANGE, None, C.PULL_ORDERS),
            (_("Settings"), "store_settings", CHANGE, None, None),
        )
        return [
            (
                text,
                reverse(f"admin:{name}", args=[store.pk]),
                name == self.tab,
                count,
                store.why_not(needed) if needed else "",
            )
            for text, name, permission, count, needed in shown
            if user.has_perm(permission)
        ]
