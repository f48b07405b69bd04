"""The SKU inbox: products and order lines that wait for somebody to say what they are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.errors import CatalogueError
from catalogue.inbound import import_problems
from catalogue.models import Variant, sku_key
from catalogue.services import sku_mapping
from channels.models import Connection
from oms.kit.actors import person
from oms.kit.admin.pages import Page
from oms.kit.models import Problem
from orders.models import OrderLine

SHOWN = 100
OPEN_STATES = ("new", "partial", "draft", "unpaid")
GIVE = "catalogue.add_product"
MAP = "catalogue.add_skualias"


class SkuInbox(Page):
    """Unknown SKUs of orders, gathered by store and SKU; products without a SKU or with a taken one."""

    title = _("SKU problems")
    permission = "catalogue.view_product"
    write_permission = (MAP, GIVE)
    template_name = "catalogue/inbox.html"

    def get(
        self, request: HttpRequest, typed: dict[str, str] | None = None, status: int = 200
    ) -> HttpResponse:
        stores = {store.pk: store for store in Connection.objects.stores().only("pk", "name", "channel")}
        codes = [code.code for code in import_problems.CODES]
        products = list(
            Problem.objects.filter(resolved_at=None, code__in=codes).order_by("connection_id", "-id")[
                : SHOWN + 1
            ]
        )
        user = request.user
        return self.render(
            unknown=self._unknown(stores),
            products=[(row, stores.get(row.connection_id or 0), row.data or {}) for row in products[:SHOWN]],
            more=len(products) > SHOWN,
            may_map=user.has_perm(MAP),
            may_give=user.has_perm(GIVE),
            typed=typed or {},
        )

    @staticmethod
    def _unknown(stores: dict[int, Connection]) -> list[dict[str, Any]]:
        """Order lines with no known SKU, one row per store and SKU, with what each blocks and up to three guesses."""
        lines = OrderLine.objects.filter(
            variant=None, order__status__in=OPEN_STATES, order__problems_open__gt=0
        )
        found = (
            lines.values("order__connection", "sku")
            .annotate(
                orders=Count("order", distinct=True), title=Max("title"), order=Max("order"), line=Max("id")
            )
            .order_by("-orders", "sku")[:SHOWN]
        )
        rows: list[dict[str, Any]] = [
            {**row, "store": stores.get(row["order__connection"]), "guesses": []} for row in found
        ]
        by_title: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_title.setdefault(row["title"].casefold(), []).append(row)
        titles = [row["title"] for row in rows]
        for variant in Variant.objects.filter(product__title__in=titles).select_related("product")[:SHOWN]:
            for row in by_title.get(variant.product.title.casefold(), []):
                if len(row["guesses"]) < 3:
                    row["guesses"].append((variant, _t("same title")))
        return rows

    def post(self, request: HttpRequest) -> HttpResponse:
        what = request.POST.get("what", "")
        if not request.user.has_perm(GIVE if what == "give" else MAP):
            messages.error(request, _t("Your role may not do this."))
            return HttpResponseRedirect(request.path)
        try:
            said = self._give(request) if what == "give" else self._map(request)
        except CatalogueError as error:
            messages.error(request, str(error))
            key = request.POST.get("problem") or request.POST.get("line") or ""
            return self.get(request, typed={key: request.POST.get("sku", "")})
        messages.success(request, said)
        return HttpResponseRedirect(request.path)

    def _give(self, request: HttpRequest) -> str:
        pk = request.POST.get("problem", "")
        problem = get_object_or_404(Problem, pk=int(pk) if pk.isdigit() else 0)
        listed = sku_mapping.give_sku(
            problem=problem, sku=request.POST.get("sku", ""), by=person(request.user)
        )
        return _t("It came in as %s.") % listed.external_sku

    def _map(self, request: HttpRequest) -> str:
        pk, wanted = request.POST.get("line", ""), request.POST.get("sku", "").strip()
        line = get_object_or_404(
            OrderLine.objects.select_related("order__connection"),
            pk=int(pk) if pk.isdigit() else 0,
            variant=None,
        )
        variant = Variant.objects.filter(sku_key=sku_key(wanted)).first() if wanted else None
        if variant is None:
            raise CatalogueError(
                _t("There is no SKU “%s” here: make the product first, or type another.") % wanted
            )
        if not line.sku.strip():
            raise CatalogueError(
                _t("This line has no SKU to remember: say on the order which product it is.")
            )
        waiting = OrderLine.objects.filter(
            variant=None, sku=line.sku, order__connection=line.order.connection_id
        )
        count = waiting.filter(order__status__in=OPEN_STATES).values("order").distinct().count()
        sku_mapping.map_sku(
            connection=line.order.connection, sku=line.sku, variant=variant, by=person(request.user)
        )
        return ngettext(
            "“%(theirs)s” means %(ours)s on %(store)s from now on; %(n)d order goes on.",
            "“%(theirs)s” means %(ours)s on %(store)s from now on; %(n)d orders go on.",
            count,
        ) % {"theirs": line.sku, "ours": variant.sku, "store": line.order.connection.name, "n": count}


ROUTES = [("catalogue/sku-problems/", SkuInbox, "sku_inbox")]
