"""What the order page posts: a move, or one of its forms (note, tracking number, SKU of a line, problem)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from catalogue.models import Variant
from catalogue.sku_resolution import variant_with_sku
from oms.kit.admin.actions import ReasonForm
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, is_repeated
from oms.kit.authors.actors import person
from oms.kit.models import Problem
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import NO_ROLE, VIEW, order_crumbs
from orders.domain.moves import BY_NAME, SHIP, WORK, Move
from orders.errors import OrderError
from orders.models import Carrier, Order, OrderLine, Shipment
from orders.services import decisions, moves, problems, tracking
from orders.services.apply_moves import MoveOutcome
from orders.services.corrections import one_parcel, parcels, part_cancel
from orders.services.stock import rerouting, sku_mapping


def page_of(pk: int) -> HttpResponseRedirect:
    """Return to the page of an order."""
    return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))


class OrderMove(Page):
    """Make one move of one order. A move that needs a reason, or that is dangerous, asks first."""

    permission = (WORK, SHIP)

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        return page_of(pk)

    def post(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        move = BY_NAME.get(name)
        if move is None or name not in moves.SERVICES:
            raise Http404(gettext("This move was not found."))
        if not request.user.has_perm(move.permission):
            messages.error(request, str(NO_ROLE))
            return page_of(pk)
        is_answer = "confirmed" in request.POST
        reason = ""
        if move.needs_reason or move.is_dangerous:
            form = ReasonForm(request.POST if is_answer else None) if move.needs_reason else None
            if not is_answer or (form is not None and not form.is_valid()):
                return self._ask(order, move, form)
            reason = form.cleaned_data["reason"] if form is not None else ""
        typed = None
        if "number" in request.POST:  # typed in the form of the shipment, which the main button posts as well
            typed = {order.pk: (key_in(request, "carrier") or None, request.POST["number"].strip())}
        self._report(
            request,
            move,
            moves.make_move(name, [order.pk], by=person(request.user), reason=reason, tracking=typed),
        )
        return page_of(pk)

    def _ask(self, order: Order, move: Move, form: Any) -> HttpResponse:
        self.title = f"{move.label} {order}"
        return self.confirm(
            question=move.question_one or gettext("%(move)s?") % {"move": move.label},
            button=move.label,
            back=reverse("admin:orders_order_change", args=[order.pk]),
            is_dangerous=move.is_dangerous,
            form=dress(form) if form is not None else None,
            lines=[f"{order} · {order.customer_name} · {order.get_status_display()}"],
        )

    @staticmethod
    def _report(request: HttpRequest, move: Move, outcomes: Iterable[MoveOutcome]) -> None:
        for outcome in outcomes:
            if outcome.ok:
                text = f"{move.label}: {moves.moved_text(1)} {outcome.message}"
                messages.success(request, text.strip())
            else:
                messages.error(request, f"#{outcome.number or outcome.order_id}: {outcome.message}")


class OrderAct(Page):
    """The forms of the order page."""

    permission = VIEW
    #: The permissions for each form: one of them is enough.
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "note": (WORK, SHIP),
        "tracking": (SHIP,),
        "map": (WORK,),
        "dismiss": (WORK,),
        "cancel_units": (WORK,),
        "priority": (WORK,),
        "parcel": (SHIP,),
        "one_parcel": (SHIP,),
    }

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return page_of(pk)

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        if what not in self.rights:
            raise Http404(gettext("This action was not found."))
        if not any(request.user.has_perm(name) for name in self.rights[what]):
            messages.error(request, str(NO_ROLE))
            return page_of(pk)
        try:
            text = getattr(self, f"do_{what}")(request, order)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, text)
        return page_of(pk)

    def do_note(self, request: HttpRequest, order: Order) -> str:
        decisions.add_note(order=order, text=request.POST.get("text", ""), by=person(request.user))
        return gettext("Note added.")

    def do_priority(self, request: HttpRequest, order: Order) -> str:
        chosen = whole_number(request.POST.get("priority", ""))
        (outcome,) = rerouting.set_priority(
            [order.pk], priority=-1 if chosen is None else chosen, by=person(request.user)
        )
        if not outcome.ok:
            raise OrderError(outcome.message)
        return outcome.message

    def do_parcel(self, request: HttpRequest, order: Order) -> str:
        units = {pk: key_in(request, f"units-{pk}") for pk in order.lines.values_list("pk", flat=True)}
        with transaction.atomic():
            if is_repeated(request):
                raise OrderError(gettext("This shipment was already split. Nothing was changed again."))
            return parcels.split_parcel(
                order_id=order.pk,
                shipment_id=key_in(request, "shipment"),
                units=units,
                by=person(request.user),
            )

    def do_one_parcel(self, request: HttpRequest, order: Order) -> str:
        others = [pk for key in request.POST.getlist("other") if (pk := whole_number(key)) is not None]
        return one_parcel.ship_in_one_parcel(order_id=order.pk, others=others, by=person(request.user))

    def do_tracking(self, request: HttpRequest, order: Order) -> str:
        shipment = get_object_or_404(Shipment, pk=key_in(request, "shipment"), order=order)
        carrier = Carrier.objects.filter(pk=key_in(request, "carrier")).first()
        outcome = tracking.set_tracking(
            shipment=shipment,
            carrier=carrier,
            number=request.POST.get("number", "").strip(),
            by=person(request.user),
        )
        if not outcome.ok:
            raise OrderError(outcome.message)
        return " ".join(filter(None, [gettext("Carrier and tracking number saved."), outcome.message]))

    def do_map(self, request: HttpRequest, order: Order) -> str:
        line = get_object_or_404(OrderLine, pk=key_in(request, "line"), order=order)
        typed = request.POST.get("sku", "").strip()
        if request.POST.get("variant"):
            variant = Variant.objects.filter(pk=key_in(request, "variant")).first()
        else:
            variant = variant_with_sku(typed)
        if variant is None:
            raise OrderError(
                gettext("No product has the SKU “%s”. Search for another one, or create the product first.")
                % typed
            )
        outcome = sku_mapping.map_line(
            line=line, variant=variant, remember=bool(request.POST.get("remember")), by=person(request.user)
        )
        text = gettext("Line mapped to %(sku)s.") % {"sku": variant.sku}
        return " ".join(filter(None, [text, outcome.message]))

    def do_dismiss(self, request: HttpRequest, order: Order) -> str:
        problem = get_object_or_404(
            Problem,
            pk=key_in(request, "problem"),
            subject_kind="order",
            subject_id=order.pk,
            resolved_at=None,
        )
        problems.dismiss_problem(
            problem=problem, how=request.POST.get("how", "").strip(), by=person(request.user)
        )
        return gettext("Problem dismissed.")

    def do_cancel_units(self, request: HttpRequest, order: Order) -> str:
        units = {pk: key_in(request, f"units-{pk}") for pk in order.lines.values_list("pk", flat=True)}
        with transaction.atomic():
            if is_repeated(request):
                raise OrderError(gettext("These units were already cancelled. Nothing was changed again."))
            text = part_cancel.cancel_units(
                order_id=order.pk,
                units=units,
                reason=request.POST.get("reason", ""),
                by=person(request.user),
            )
        return gettext("Cancelled: %(units)s. Refund them in %(store)s, if that is not done yet.") % {
            "units": text,
            "store": order.connection.name,
        }


def key_in(request: HttpRequest, name: str) -> int:
    """Return the key that a form field holds; 0 for anything else."""
    return whole_number(request.POST.get(name, "")) or 0
