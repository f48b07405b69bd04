"""The card Documents of the order page: print buttons, issued documents; and the form of a credit note."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import pages
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Crumb, Page, is_repeated
from oms.kit.admin.panels import panel
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.documents.print_jobs import ANY, VIEW, document_answer, start_print
from orders.choices import NUMBERED, DocumentKind
from orders.documents import issuing, loading, printing, sheets
from orders.documents.wording.formats import money
from orders.errors import OrderError
from orders.models import Document, Manifest, Order

NO_ROLE = _("Your role does not allow this.")


@panel(
    Order,
    "documents",
    label=_("Documents"),
    permission=VIEW,
    template="orders/documents_panel.html",
    position=20,
)
def documents(request: HttpRequest, order: Order) -> dict[str, Any]:
    """Return the buttons that print, each with the reason where it is off, and the documents that were issued."""
    has_shipment = loading.printable().filter(order=order).exists()
    rows = list(Document.objects.filter(order=order).select_related("author", "shipment").order_by("id"))
    prints: dict[str, int] = {}
    for row in rows:
        if row.shipment_id:
            prints[row.kind] = max(prints.get(row.kind, 0), row.prints)
    invoice = next((row for row in rows if row.kind == DocumentKind.INVOICE and not row.is_credited), None)
    buttons = []
    for one in printing.PRINTOUTS.values():
        if one.kind in {DocumentKind.PICK_LIST, DocumentKind.INVOICE}:
            continue
        off = "" if has_shipment else gettext("No shipment to print for. Release the order first.")
        off = off if request.user.has_perm(one.permission) else str(NO_ROLE)
        buttons.append((one.kind, one.kind.label, off, prints.get(one.kind, 0)))
    places = sheets.positions_for("orders", [order.pk])
    return {
        "order": order,
        "buttons": buttons,
        "places": range(places) if places > 1 else (),
        "invoice": invoice,
        "issued": [row for row in rows if row.kind in NUMBERED],
        "may_issue": request.user.has_perm(printing.ISSUE),
        "no_role": NO_ROLE,
    }


class PrintOrder(Page):
    """Print one document of an order. An invoice is issued when it is printed first."""

    permission = ANY

    def get(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        back = reverse("admin:orders_order_change", args=[pk])
        printout = next((one for one in printing.PRINTOUTS.values() if one.kind == kind), None)
        if printout is None:
            raise Http404(gettext("This document was not found."))
        if not request.user.has_perm(printout.permission):
            messages.error(request, str(NO_ROLE))
            return HttpResponseRedirect(back)
        start_at = whole_number(request.POST.get("start", ""), most=3) or 0
        return HttpResponseRedirect(start_print(request, printout.kind, orders=[order.pk], start_at=start_at))


class CreditForm(forms.Form):
    amount = forms.DecimalField(
        label=_("Amount with VAT"),
        required=False,
        max_digits=14,
        decimal_places=2,
        help_text=_("Empty: all that is not credited yet."),
    )
    reason = forms.CharField(label=_("Reason, printed on the credit note"), max_length=200)


class CreditNote(Page):
    """Issue a credit note for the invoice of an order, over a part of it or all that is left."""

    permission = printing.ISSUE
    title = _("Issue credit note")

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        return self.ask(order, CreditForm(initial={"amount": self.suggested(order)}))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        back = HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))
        form = CreditForm(request.POST)
        if not form.is_valid():
            return self.ask(order, form)
        try:
            with transaction.atomic():
                if is_repeated(request):
                    messages.info(request, gettext("The credit note was issued already."))
                    return back
                made = issuing.issue_credit_note(
                    order,
                    amount=form.cleaned_data["amount"],
                    reason=form.cleaned_data["reason"],
                    by=person(request.user),
                )
        except OrderError as error:
            form.add_error("amount", str(error))
            return self.ask(order, form)
        messages.success(request, gettext("%s was issued.") % made)
        return back

    @staticmethod
    def suggested(order: Order) -> Decimal | None:
        """Return the amount that the channel has refunded and that is not credited yet; None when it does not say."""
        invoice = issuing.live_invoice(order.pk)
        if invoice is None or not order.refunded_total:
            return None
        rest = issuing.rest_of(invoice)
        open_refund = order.refunded_total - ((invoice.total or Decimal(0)) - rest)
        return min(open_refund, rest).quantize(Decimal("0.01")) if open_refund > 0 else None

    def ask(self, order: Order, form: CreditForm) -> HttpResponse:
        """Answer with the form; its head says how much is left."""
        back = reverse("admin:orders_order_change", args=[order.pk])
        invoice = issuing.live_invoice(order.pk)
        if invoice is None:
            messages.error(self.request, gettext("The order has no invoice that can be credited."))
            return HttpResponseRedirect(back)
        left = money(issuing.rest_of(invoice), invoice.currency, "en")
        return self.confirm(
            question=gettext("Credit note for %(order)s: invoice %(number)s, %(left)s not credited yet.")
            % {"order": order, "number": invoice.number, "left": left},
            button=self.title,
            back=back,
            form=dress(form),
        )


class PrintManifest(Page):
    """Print a manifest: it is issued the first time, and its stored file is printed afterwards."""

    permission = printing.PRINT

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        manifest = get_object_or_404(Manifest.objects.select_related("carrier", "warehouse"), pk=pk)
        document = issuing.issue_manifest(
            manifest, language=getattr(request, "LANGUAGE_CODE", "en"), by=person(request.user)
        )
        return document_answer(request, document, count=True)


pages.add(
    ("print/order/<key:pk>/credit-note/", CreditNote, "credit_note"),
    ("print/order/<key:pk>/<slug:kind>/", PrintOrder, "print_order"),
    ("print/manifest/<key:pk>/", PrintManifest, "print_manifest"),
)
