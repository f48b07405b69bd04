"""The stock part of a store's Reconcile tab: quantities of the store that are not Manifold's (R-INV-06)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.services.reconcile import PricesPart
from channels.admin.store import report
from channels.admin.store.page import StorePage, chosen, go
from channels.admin.store.reconcile import navigation
from channels.models import Connection
from inventory.errors import StaleFigure, StockError
from inventory.models import StockDifference
from inventory.services import difference_decisions
from inventory.services.difference_decisions import Choice
from oms.kit.admin.pages import add
from oms.kit.admin.paging import page_of
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number

SEE = "inventory.view_stockdifference"


def open_differences(store: Connection) -> int | None:
    """Return how many stock differences of a store are open, None for none: the figure on its tab."""
    return StockDifference.objects.filter(connection=store, decided_at=None).count() or None


class Differences(StorePage):
    """Stock of the store that is not Manifold's: a person chooses one of the figures."""

    title = _("Reconcile: stock")
    tab = "reconcile"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "inventory.change_stockitem"
    template_name = "inventory/store_differences.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        keys = list(page_of(self._open().order_by("id").values_list("pk", flat=True), request))
        difference_decisions.refresh(self.store, keys)
        stock = self._open().select_related("listing_variant__variant__product", "connection").order_by("id")
        rows = page_of(stock, request)
        return self.render(
            rows=rows,
            choices=difference_decisions.choices(self.store, list(rows)),
            nav=navigation(self.store, "stock"),
        )

    def _open(self) -> QuerySet[StockDifference]:
        return StockDifference.objects.filter(connection=self.store, decided_at=None)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = list(
            self._open().filter(pk__in=chosen(request)).select_related("listing_variant", "connection")
        )
        if request.POST.get("do") != "take":
            for row in rows:
                difference_decisions.keep_own_figure(row)
            self._report(request, len(rows))
        elif "confirmed" in request.POST:
            self._take(request, rows)
        elif found := self._usable(request, rows):
            return self._ask(found)
        return go("store_differences", pk)

    def _usable(self, request: HttpRequest, rows: Sequence[StockDifference]) -> list[Choice]:
        """Return the choices whose figure can be used now; the others are imported again, and a message says why."""
        found = difference_decisions.choices(self.store, rows)
        refused = [one for one in found if one.refusal]
        for one in refused:
            messages.warning(request, one.refusal)
        if refused and not difference_decisions.read_again(self.store, [one.difference for one in refused]):
            messages.error(
                request, gettext("%s cannot be imported from now. Resume the store first.") % self.store
            )
        return [one for one in found if not one.refusal]

    def _ask(self, found: Sequence[Choice]) -> HttpResponse:
        lines = []
        for one in found:
            text = gettext("%(sku)s: %(was)d → %(becomes)d on hand") % {
                "sku": one.difference.listing_variant.external_sku,
                "was": one.was,
                "becomes": one.becomes,
            }
            if one.difference.is_tracking:
                text = gettext("%s, and its stock is tracked from now on") % text
            lines.append(text)
        return self.confirm(
            question=gettext("Use the figures of %s?") % self.store,
            button=gettext("Use the store's figures"),
            back=reverse("admin:store_differences", args=[self.store.pk]),
            lines=lines,
            hidden=[
                ("do", "take"),
                *(("row", one.difference.pk) for one in found),
                *((f"figures-{one.difference.pk}", f"{one.was} {one.becomes}") for one in found),
            ],
        )

    def _take(self, request: HttpRequest, rows: Sequence[StockDifference]) -> None:
        done = 0
        for row in rows:
            figures = request.POST.get(f"figures-{row.pk}", "").split()
            was, becomes = (whole_number(one) for one in (*figures, "", "")[:2])
            try:
                difference_decisions.use_store_figure(row, person(request.user), was=was, becomes=becomes)
            except StaleFigure as error:
                difference_decisions.read_again(self.store, [row])
                messages.warning(request, str(error))
            except StockError as error:
                messages.error(request, f"{row.listing_variant.external_sku}: {error}")
            else:
                done += 1
        self._report(request, done)

    @staticmethod
    def _report(request: HttpRequest, done: int) -> None:
        if done:
            text = ngettext("%d difference is resolved.", "%d differences are resolved.", done) % done
            messages.success(request, text)


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
        PricesPart().count(store),
        _("SKUs whose price differs"),
        _("Send Manifold's prices, or use the store's, on the tab Reconcile."),
        f"{reverse('admin:store_reconcile', args=[store.pk])}?part=prices",
        _("View"),
    )


add(("integrations/ecommerce-sales-channels/<key:pk>/differences/", Differences, "store_differences"))
