"""The page of one order: its lines, its moves, its problems, what the channel was sent, its timeline."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant, sku_key
from oms.kit.admin import panels
from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.authors.actors import person
from orders.admin.order_page import context
from orders.admin.order_page.context import OrderView
from orders.choices import STATUS_COLOURS
from orders.domain.moves import BY_NAME, SHIP, WORK
from orders.errors import OrderError
from orders.models import NativeOrder, Order
from orders.services import manual_orders
from orders.services.corrections import replay

VIEW = "orders.view_order"
NATIVE = "orders.view_nativeorder"
ENTER = "orders.enter_order"
NO_ROLE = _("Your role does not allow this.")
#: SKUs that the search for an unknown SKU suggests.
SUGGESTED = 8


def address_lines(address: dict[str, Any]) -> list[str]:
    """Return a postal address line by line, as it goes on a label."""
    town = " ".join(str(address[key]) for key in ("postcode", "city") if address.get(key))
    parts = [address.get("name"), address.get("company"), address.get("line1"), address.get("line2"), town]
    parts += [address.get("region"), address.get("country")]
    return [str(part) for part in parts if part]


def order_crumbs() -> Iterable[tuple[Any, str]]:
    """Return the breadcrumbs of every page about one order."""
    return [(_("Orders"), reverse("admin:orders_order_changelist"))]


class OrderPage(Page):
    """The page of one order. Its cards are parts of the template; apps above add cards with `@panel(Order, …)`."""

    permission = VIEW
    template_name = "orders/order.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        view = context.load(pk)
        if view is None:
            raise Http404(gettext("Order %s was not found.") % pk)
        self.title = str(view.order)
        user = request.user
        allowed = {move.name: user.has_perm(BY_NAME[move.name].permission) for move in view.moves}
        return self.render(
            view=view,
            order=view.order,
            colours=STATUS_COLOURS,
            table=BY_NAME,
            allowed=allowed,
            no_role=NO_ROLE,
            main_off=self._main_off(view, allowed),
            ship_to=address_lines(view.order.ship_to),
            bill_to=address_lines(view.order.bill_to),
            may_work=user.has_perm(WORK),
            form_token=form_token(),
            may_copy=user.has_perm(ENTER) and not manual_orders.why_no_orders(view.order.connection),
            may_ship=user.has_perm(SHIP),
            may_see_native=view.native is not None and user.has_perm(NATIVE),
            found=self._found(request.GET.get("sku", "")),
            asked=request.GET.get("sku", ""),
            manifest_link=self._manifest_link(view),
            only_shipment=self._only_shipment(view),
            panels=panels.panels_of(request, view.order),
            tabs=panels.tabs_of(request, view.order),
        )

    @staticmethod
    def _main_off(view: OrderView, allowed: dict[str, bool]) -> str:
        """Return why the main button cannot be used; "" when it can."""
        if view.main is None:
            return ""
        if not view.main.enabled:
            return view.main.reason
        return "" if allowed[view.main.name] else str(NO_ROLE)

    @staticmethod
    def _found(text: str) -> list[Variant]:
        """Return up to eight variants whose SKU or title begins with what the person typed."""
        key = sku_key(text)
        if not key:
            return []
        variants = Variant.objects.select_related("product")
        found = list(variants.filter(sku_key__startswith=key).order_by("sku_key")[:SUGGESTED])
        if len(found) < SUGGESTED:
            by_title = variants.filter(product__title__istartswith=text.strip())
            found += list(by_title.exclude(pk__in=[v.pk for v in found])[: SUGGESTED - len(found)])
        return found

    @staticmethod
    def _only_shipment(view: OrderView) -> int | None:
        """Return the only open shipment (id), if there is one: “Mark ready to ship” also posts what was typed for it."""
        still_open = [row.pk for row in view.shipments if context.is_open(row)]
        return still_open[0] if len(still_open) == 1 else None

    @staticmethod
    def _manifest_link(view: OrderView) -> str:
        """Return the address of the new manifest for the order's ready shipment; "" when none is ready."""
        ready = next((s for s in view.shipments if s.state == "ready" and s.manifest_id is None), None)
        if ready is None:
            return ""
        carrier, warehouse = ready.carrier_id or "", ready.warehouse_id or ""
        return f"{reverse('admin:orders_manifest_add')}?carrier={carrier}&warehouse={warehouse}"


class NativePage(Page):
    """The channel's document of an order, as it was imported last. It contains personal data."""

    permission = NATIVE
    write_permission = "orders.work_order"
    template_name = "orders/native.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        native = get_object_or_404(NativeOrder.objects.select_related("order__connection"), pk=pk)
        self.title = gettext("Channel record of %s") % native.order
        document = json.loads(zlib.decompress(bytes(native.document)))
        found, why_not = self._compare(native.order) if "compare" in request.GET else (None, "")
        return self.render(
            native=native,
            order=native.order,
            text=json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True),
            differences=found,
            why_not=why_not,
            token=form_token(),
        )

    @staticmethod
    def _compare(order: Order) -> tuple[list[replay.Difference] | None, str]:
        """Return what importing the document again would change, or why it cannot be compared."""
        try:
            return replay.differences(order), ""
        except OrderError as error:
            return None, str(error)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Import the stored document again."""
        order = get_object_or_404(Order.objects.select_related("connection"), pk=pk)
        page = reverse("admin:orders_order_change", args=[pk])
        try:
            with transaction.atomic():
                if is_repeated(request):
                    messages.info(
                        request, gettext("This document was imported already. Nothing was changed again.")
                    )
                    return HttpResponseRedirect(page)
                changed = replay.replay(order, by=person(request.user))
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(f"{request.path}?compare=1")
        text = ngettext(
            "Imported again: %d value changed.", "Imported again: %d values changed.", len(changed)
        )
        messages.success(request, text % len(changed) if changed else gettext("Nothing was different."))
        return HttpResponseRedirect(page)
