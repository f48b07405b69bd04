"""The tab Differences of a store: stock and prices of the store that are not Manifold's (R-INV-06)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.models import ListingVariant
from channels.admin.store import report
from channels.admin.store.page import StorePage, chosen, go, needs
from channels.contract.spec import Capability
from channels.models import Connection
from inventory.errors import StockError
from inventory.models import StockDifference
from inventory.services import stock_differences
from oms.kit.actors import person
from oms.kit.admin import panels
from oms.kit.admin.paging import page_of

SEE = "inventory.view_stockdifference"
SHOWN_PRICES = 50


def open_differences(store: Connection) -> int | None:
    """Return how many stock differences of a store are open, None for none: the figure on its tab."""
    return StockDifference.objects.filter(connection=store, decided_at=None).count() or None


@panels.tab(
    Connection,
    "differences",
    label=_("Differences"),
    permission=SEE,
    count=open_differences,
    position=30,
    off=needs(Capability.PUSH_STOCK),
    name="store_differences",
)
class Differences(StorePage):
    """Stock of the store that is not Manifold's: a person chooses one of the figures. Prices are only shown."""

    title = _("Differences")
    tab = "differences"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "inventory.change_stockitem"
    template_name = "inventory/store_differences.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        stock = (
            StockDifference.objects.filter(connection=self.store, decided_at=None)
            .select_related("listing_variant__variant__product")
            .order_by("id")
        )
        return self.render(
            rows=page_of(stock, request), prices=price_differences(self.store.pk)[:SHOWN_PRICES]
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = StockDifference.objects.filter(connection=self.store, decided_at=None, pk__in=chosen(request))
        done = 0
        for row in rows:
            try:
                if request.POST.get("do") == "take":
                    stock_differences.use_store_figure(row, person(request.user))
                else:
                    stock_differences.keep_own_figure(row)
            except StockError as error:
                messages.error(request, f"{row.listing_variant.external_sku}: {error}")
            else:
                done += 1
        if done:
            text = ngettext("%d difference is resolved.", "%d differences are resolved.", done) % done
            messages.success(request, text)
        return go("store_differences", pk)


def price_differences(store_id: int) -> QuerySet[ListingVariant]:
    """Return the listed SKUs whose price in the store, when it was imported, was not Manifold's for this store.

    A price that was imported before the channel shows what was sent is left out.
    """
    store = Connection.objects.get(pk=store_id)
    early = Q(read_at__lt=F("price_sent_at") + timedelta(seconds=store.spec.shown_after))
    return (
        ListingVariant.objects.filter(connection_id=store_id, remote_price__isnull=False)
        .exclude(price=None, variant__price=None)
        .filter(
            Q(price__isnull=False) & ~Q(remote_price=F("price"))
            | Q(price=None) & ~Q(remote_price=F("variant__price"))
        )
        .exclude(early, price_sent_at__isnull=False)
        .select_related("variant__product")
        .order_by("id")
    )


@report.findings(position=30)
def differing(store: Connection) -> Iterable[report.Finding]:
    """Count the SKUs whose stock or price differs."""
    url = reverse("admin:store_differences", args=[store.pk])
    yield report.Finding(
        open_differences(store) or 0,
        _("SKUs whose stock differs"),
        _("Manifold's figure is used until you choose the store's."),
        url,
        _("View"),
    )
    yield report.Finding(
        price_differences(store.pk).count(),
        _("SKUs whose price differs"),
        _("Manifold's price is sent by Sync Prices, or when it next changes."),
        url,
        _("View"),
    )
