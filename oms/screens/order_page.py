"""One order on one page: what it is, what can be done now, what the channel knows, what happened."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant, sku_key
from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.kit.models import Problem
from oms.screens import order_view
from oms.screens.order_moves import MOVES, SHIP, WORK
from oms.screens.orders import VIEW, ReasonForm, tell
from orders.choices import STATUS_COLOURS
from orders.errors import OrderError
from orders.models import Carrier, NativeOrder, Order, OrderLine, Shipment
from orders.services import decisions, problems, sku_mapping
from orders.services import tracking as tracking_services

NATIVE = "orders.view_nativeorder"
NO_ROLE = _("Your role may not do this.")


def address_lines(address: dict[str, Any]) -> list[str]:
    """A postal address, line by line, as it goes on a label."""
    town = " ".join(str(address[key]) for key in ("postcode", "city") if address.get(key))
    parts = [address.get("name"), address.get("company"), address.get("line1"), address.get("line2"), town]
    parts += [address.get("region"), address.get("country")]
    return [str(part) for part in parts if part]


class OrderMixin:
    """What every page about one order shares."""

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Orders"), reverse("admin:orders_order_changelist")), *self.order_crumb()]

    def order_crumb(self) -> list[tuple[Any, str]]:
        return []


class OrderPage(OrderMixin, Page):
    permission = VIEW
    template_name = "orders/order.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        view = order_view.load(pk)
        if view is None:
            raise Http404(_t("There is no such order."))
        self.title = str(view.order)
        user = request.user
        allowed = {
            move.name: user.has_perm(MOVES[move.name].permission) for move in view.moves if move.name in MOVES
        }
        return self.render(
            view=view,
            order=view.order,
            colours=STATUS_COLOURS,
            desk=MOVES,
            allowed=allowed,
            no_role=NO_ROLE,
            main_off=self._main_off(view, allowed),
            ship_to=address_lines(view.order.ship_to),
            bill_to=address_lines(view.order.bill_to),
            may_work=user.has_perm(WORK),
            may_ship=user.has_perm(SHIP),
            may_see_native=view.native is not None and user.has_perm(NATIVE),
            found=self._found(request.GET.get("sku", "")),
            asked=request.GET.get("sku", ""),
            manifest_link=self._manifest_link(view),
            only_parcel=self._only_parcel(view),
        )

    @staticmethod
    def _main_off(view: order_view.OrderView, allowed: dict[str, bool]) -> str:
        if view.main is None:
            return ""
        if not view.main.enabled:
            return view.main.reason
        return "" if allowed.get(view.main.name, True) else str(NO_ROLE)

    @staticmethod
    def _found(text: str) -> list[Variant]:
        """Up to eight variants whose SKU or title begins with what the person typed."""
        key = sku_key(text)
        if not key:
            return []
        variants = Variant.objects.select_related("product")
        found = list(variants.filter(sku_key__startswith=key).order_by("sku_key")[:8])
        if len(found) < 8:
            more = variants.filter(product__title__istartswith=text.strip()).exclude(
                pk__in=[v.pk for v in found]
            )
            found += list(more[: 8 - len(found)])
        return found

    @staticmethod
    def _only_parcel(view: order_view.OrderView) -> int | None:
        """The one parcel that has not left: what is typed for it goes along with “ready to ship”."""
        still_here = [parcel.pk for parcel in view.shipments if order_view.shipment_is_open(parcel)]
        return still_here[0] if len(still_here) == 1 else None

    @staticmethod
    def _manifest_link(view: order_view.OrderView) -> str:
        ready = next((s for s in view.shipments if s.state == "ready" and s.manifest_id is None), None)
        if ready is None:
            return ""
        return (
            reverse("admin:orders_manifest_add")
            + f"?carrier={ready.carrier_id or ''}&warehouse={ready.warehouse_id or ''}"
        )


class OrderMove(OrderMixin, Page):
    """One move on one order; those that need words or cannot be taken back ask first."""

    permission = (WORK, SHIP)

    def get(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        back = reverse("admin:orders_order_change", args=[pk])
        move = MOVES.get(name)
        if move is None:
            raise Http404(_t("There is no such move."))
        if not request.user.has_perm(move.permission):
            messages.error(request, str(NO_ROLE))
            return HttpResponseRedirect(back)
        is_answer = "confirmed" in request.POST
        reason = ""
        if move.needs_reason or move.is_dangerous:
            form = ReasonForm(request.POST if is_answer else None) if move.needs_reason else None
            if not is_answer or (form is not None and not form.is_valid()):
                self.title = f"{move.label} {order}"
                return self.confirm(
                    question=move.asks_one or _t("%(move)s?") % {"move": move.label},
                    button=move.label,
                    back=back,
                    is_dangerous=move.is_dangerous,
                    form=dress(form) if form is not None else None,
                    lines=[f"{order} · {order.customer_name} · {order.get_status_display()}"],
                )
            reason = form.cleaned_data["reason"] if form is not None else ""
        tracking = None
        if (
            "number" in request.POST
        ):  # typed beside the parcel and not saved before the main button was pressed
            tracking = {order.pk: (_id(request, "carrier") or None, request.POST["number"].strip())}
        tell(request, move, [order.pk], reason, tracking)
        return HttpResponseRedirect(back)


class OrderAct(OrderMixin, Page):
    """The small forms of the order's page: a note, carrier and tracking, a SKU for a line, a problem closed."""

    permission = VIEW

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        acts = {
            "note": (WORK, SHIP),
            "tracking": (SHIP,),
            "map": (WORK,),
            "dismiss": (WORK,),
        }
        if what not in acts:
            raise Http404(_t("There is no such action."))
        if not any(request.user.has_perm(name) for name in acts[what]):
            messages.error(request, str(NO_ROLE))
        else:
            try:
                said = getattr(self, f"do_{what}")(request, order)
            except OrderError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, said)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def do_note(self, request: HttpRequest, order: Order) -> str:
        decisions.add_note(order=order, text=request.POST.get("text", ""), by=person(request.user))
        return _t("Noted.")

    def do_tracking(self, request: HttpRequest, order: Order) -> str:
        shipment = get_object_or_404(Shipment, pk=_id(request, "shipment"), order=order)
        carrier = Carrier.objects.filter(pk=_id(request, "carrier")).first()
        outcome = tracking_services.set_tracking(
            shipment=shipment,
            carrier=carrier,
            number=request.POST.get("number", "").strip(),
            by=person(request.user),
        )
        if not outcome.ok:
            raise OrderError(outcome.message)
        return " ".join(filter(None, [_t("Carrier and tracking number are kept."), outcome.message]))

    def do_map(self, request: HttpRequest, order: Order) -> str:
        line = get_object_or_404(OrderLine, pk=_id(request, "line"), order=order)
        typed = request.POST.get("sku", "").strip()
        if chosen := request.POST.get("variant", ""):
            variant = Variant.objects.filter(pk=int(chosen) if chosen.isdigit() else 0).first()
        else:
            variant = Variant.objects.filter(sku_key=sku_key(typed)).first() if typed else None
        if variant is None:
            raise OrderError(
                _t("There is no SKU “%s” here: search for it, or make the product first.") % typed
            )
        outcome = sku_mapping.map_line(
            line=line, variant=variant, remember=bool(request.POST.get("remember")), by=person(request.user)
        )
        said = _t("%(sku)s is now the SKU of this line.") % {"sku": variant.sku}
        return " ".join(filter(None, [said, outcome.message]))

    def do_dismiss(self, request: HttpRequest, order: Order) -> str:
        problem = get_object_or_404(
            Problem, pk=_id(request, "problem"), subject_kind="order", subject_id=order.pk, resolved_at=None
        )
        problems.dismiss_problem(
            problem=problem, how=request.POST.get("how", "").strip(), by=person(request.user)
        )
        return _t("The problem is closed.")


def _id(request: HttpRequest, name: str) -> int:
    value = request.POST.get(name, "")
    return int(value) if value.isdigit() and len(value) < 19 else 0


class NativePage(OrderMixin, Page):
    """The channel's own document of an order, as it was read last; it holds personal data."""

    permission = NATIVE
    template_name = "orders/native.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        native = get_object_or_404(NativeOrder.objects.select_related("order__connection"), pk=pk)
        self.title = _t("%s as the channel gave it") % native.order
        document = json.loads(zlib.decompress(bytes(native.document)))
        return self.render(
            native=native,
            order=native.order,
            text=json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True),
        )


class ReferencePage(Page):
    """To the order of a line of the ledger: by its parcel, or by its line."""

    permission = VIEW

    def get(self, request: HttpRequest, kind: str, pk: int) -> HttpResponse:
        lookup = {"shipments": pk} if kind == "shipment" else {"lines": pk}
        order = get_object_or_404(Order.objects.only("pk"), **lookup)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))


ROUTES = [
    ("orders/of/<slug:kind>/<int:pk>/", ReferencePage, "order_of"),
    ("orders/order/<int:pk>/", OrderPage, "orders_order_change"),
    ("orders/order/<int:pk>/move/<slug:name>/", OrderMove, "order_move"),
    ("orders/order/<int:pk>/do/<slug:what>/", OrderAct, "order_act"),
    ("orders/order/<int:pk>/native/", NativePage, "order_native"),
]
