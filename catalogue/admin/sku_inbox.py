"""The page SKU problems: unknown SKUs of orders, and products of a store that could not be imported.

The app `orders` registers the source of the unknown SKUs (`orders.admin.skus.unknown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.filters import asked_store
from catalogue.errors import CatalogueError
from catalogue.inbound import import_problems
from catalogue.models import Variant
from catalogue.services import sku_mapping
from catalogue.services.sku_problems import SHOWN, UnknownSku, find_unknown, problem_rows, unknown_skus
from catalogue.sku_resolution import variant_with_sku
from channels.models import Connection
from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import person
from oms.kit.models import Problem
from oms.kit.numbers import whole_number
from oms.kit.problems import code_of

GUESSES = 3
GIVE = "catalogue.add_product"
MAP = "catalogue.add_skualias"


class SkuInbox(Page):
    """Unknown SKUs of orders, and products that could not be imported. `?store=` and `?code=` show a part."""

    title = _("SKU problems")
    permission = "catalogue.view_product"
    write_permission = (MAP, GIVE)
    template_name = "catalogue/sku_inbox.html"

    def get(
        self, request: HttpRequest, typed: dict[str, str] | None = None, status: int = 200
    ) -> HttpResponse:
        stores = {store.pk: store for store in Connection.objects.stores().only("pk", "name", "channel")}
        store = asked_store(request)
        rows = problem_rows(store)
        code = request.GET.get("code", "")
        if code in {one.code for one in import_problems.CODES}:
            rows = rows.filter(code=code)
        else:
            code = ""
        products = list(rows.order_by("connection_id", "-id")[: SHOWN + 1])
        user = request.user
        return self.render(
            unknown=[] if code else self._unknown(stores, store, typed or {}),
            code=code_of(code).title if code else "",
            products=[(row, stores.get(row.connection_id or 0), row.data or {}) for row in products[:SHOWN]],
            more=len(products) > SHOWN,
            may_map=user.has_perm(MAP),
            may_give=user.has_perm(GIVE),
        )

    @staticmethod
    def _unknown(
        stores: dict[int, Connection], store: int | None, typed: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Return one row for each store and SKU, with at most three suggested SKUs of products with the same title."""
        rows: list[dict[str, Any]] = [
            {
                **asdict(one),
                "store": stores.get(one.connection_id),
                "value": typed.get(str(one.line), ""),
                "guesses": [],
            }
            for one in unknown_skus(store)
        ]
        by_title: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_title.setdefault(row["title"].casefold(), []).append(row)
        same = Q(product__title__in=[row["title"] for row in rows])
        for variant in Variant.objects.filter(same).select_related("product")[:SHOWN]:
            for row in by_title.get(variant.product.title.casefold(), []):
                if len(row["guesses"]) < GUESSES:
                    row["guesses"].append((variant, gettext("same title")))
                    row["value"] = row["value"] or variant.sku
        return rows

    def post(self, request: HttpRequest) -> HttpResponse:
        what = request.POST.get("what", "")
        if not request.user.has_perm(GIVE if what == "give" else MAP):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(request.path)
        try:
            message = self._give(request) if what == "give" else self._map(request)
        except CatalogueError as error:
            messages.error(request, str(error))
            key = request.POST.get("problem") or request.POST.get("line") or ""
            return self.get(request, typed={key: request.POST.get("sku", "")})
        messages.success(request, message)
        return HttpResponseRedirect(request.path)

    def _give(self, request: HttpRequest) -> str:
        """Import a product of a store with the typed SKU."""
        pk = request.POST.get("problem", "")
        problem = get_object_or_404(Problem, pk=whole_number(pk) or 0)
        listed = sku_mapping.give_sku(
            problem=problem, sku=request.POST.get("sku", ""), by=person(request.user)
        )
        return gettext("Imported with the SKU %s.") % listed.external_sku

    def _map(self, request: HttpRequest) -> str:
        """Map an unknown SKU to the typed SKU."""
        line, wanted = request.POST.get("line", ""), request.POST.get("sku", "").strip()
        unknown = self._find(whole_number(line) or 0)
        variant = variant_with_sku(wanted)
        if variant is None:
            raise CatalogueError(
                gettext("No product has the SKU “%s”. Create the product first, or enter another SKU.")
                % wanted
            )
        if not unknown.sku.strip():
            raise CatalogueError(gettext("This order line has no SKU. Choose its product on the order."))
        store = get_object_or_404(Connection, pk=unknown.connection_id)
        sku_mapping.map_sku(connection=store, sku=unknown.sku, variant=variant, by=person(request.user))
        return ngettext(
            "“%(theirs)s” of %(store)s was mapped to %(ours)s. %(n)d order continues.",
            "“%(theirs)s” of %(store)s was mapped to %(ours)s. %(n)d orders continue.",
            unknown.orders,
        ) % {"theirs": unknown.sku, "ours": variant.sku, "store": store.name, "n": unknown.orders}

    @staticmethod
    def _find(line: int) -> UnknownSku:
        found = find_unknown(line)
        if found is None:
            raise Http404
        return found


add(("catalogue/sku-problems/", SkuInbox, "sku_inbox"))
