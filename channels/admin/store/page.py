"""The base of every page of one store: the store, its head, its tabs, its breadcrumbs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.spec import Capability
from channels.models import Connection
from channels.stores import webhooks
from channels.stores.health.health_text import healths_of
from channels.stores.health.limits_text import limits_used, tightest_limit
from oms.kit.admin import panels
from oms.kit.admin.pages import Crumb, Page
from oms.kit.numbers import whole_number

VIEW = "channels.view_connection"
CHANGE = "channels.change_connection"
ADD = "channels.add_connection"
SYNC = "kit.add_job"

C = Capability
#: The four syncs of a store (R-INV-02, R-ORD-04), each with the capability that it needs.
SYNCS: tuple[tuple[Any, str, Capability], ...] = (
    (_("Sync Orders"), "store_sync_orders", C.PULL_ORDERS),
    (_("Sync Products"), "store_sync_products", C.PULL_PRODUCTS),
    (_("Sync Stock"), "store_sync_stock", C.PUSH_STOCK),
    (_("Sync Prices"), "store_sync_prices", C.PUSH_PRICE),
)

INTEGRATIONS = _("Integrations")
CHANNELS = _("Ecommerce Sales Channels")

#: The key of the tab that is the store's page itself.
OVERVIEW = "overview"


def go(name: str, *args: Any, query: str = "") -> HttpResponseRedirect:
    """Return a redirect to the page of the admin with this name; `query` starts with "?"."""
    return HttpResponseRedirect(reverse(f"admin:{name}", args=args) + query)


def chosen(request: HttpRequest) -> list[int]:
    """Return the keys of the rows that a form names (`row`)."""
    return [pk for value in request.POST.getlist("row") if (pk := whole_number(value)) is not None]


def needs(capability: Capability) -> Any:
    """Return the `off` function of a tab: it returns why the channel lacks `capability`, "" where it has it."""

    def off(store: Connection) -> str:
        return store.why_not(capability)

    return off


class StoresPage(Page):
    """A page under Integrations » Ecommerce Sales Channels."""

    permission = VIEW
    write_permission: ClassVar[Any] = CHANGE

    def crumbs(self) -> Iterable[Crumb]:
        return ((INTEGRATIONS, ""), (CHANNELS, reverse("admin:stores")))


class StorePage(StoresPage):
    """A page of one store; `tab` is the key of its tab, "" for a page without tabs."""

    tab: str = ""
    store: Connection

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        store = Connection.objects.filter(pk=kwargs["pk"], kind=Connection.Kind.STORE).first()
        if store is None:
            raise Http404(gettext("Store %s was not found.") % kwargs["pk"])
        self.store = store

    def crumbs(self) -> Iterable[Crumb]:
        return (*super().crumbs(), (self.store.name, reverse("admin:store", args=[self.store.pk])))

    def context(self, **extra: Any) -> dict[str, Any]:
        return super().context(**self.store_context(), **extra)

    def store_context(self) -> dict[str, Any]:
        """Return what the head and the tabs of the store's page show."""
        store, user = self.store, self.request.user
        context: dict[str, Any] = {
            "store": store,
            "spec": store.spec,
            "health": healths_of([store])[store.pk],
            "may_sync": user.has_perm(SYNC),
            "may_change": user.has_perm(CHANGE),
            "has_wire": store.has_wire,
        }
        if self.tab:
            limits, reason = limits_used(store), "" if store.may_pull else context["health"].text
            context |= {
                "tabs": self.tabs(),
                "syncs": [
                    (text, f"admin:{name}", store.why_not(needed) or reason) for text, name, needed in SYNCS
                ],
                "limits": limits,
                "limit": tightest_limit(limits),
                "refused_call": webhooks.refused_at(store),
            }
        return context

    def tabs(self) -> list[tuple[Any, str, bool, int | None, str]]:
        """Return the tabs that this person may open: label, address, is current, count, why it is off ("" where it is on)."""
        shown = [
            (one.label, one.url, one.is_current, one.count, one.off)
            for one in panels.tabs_of(self.request, self.store, self.tab)
        ]
        if not self.request.user.has_perm(VIEW):
            return shown
        overview = reverse("admin:store", args=[self.store.pk])
        return [(_("Overview"), overview, self.tab == OVERVIEW, None, ""), *shown]
