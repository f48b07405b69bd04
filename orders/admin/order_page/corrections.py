"""The page that corrects an order before it is packed: its address and contact data, and its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import order_crumbs
from orders.domain.moves import WORK
from orders.errors import OrderError
from orders.models import Order, OrderLine
from orders.services.corrections.contact import LONGEST, PARTS, correct_contact
from orders.services.corrections.lines import correct_lines
from orders.services.corrections.seen import contact_seen, lines_seen, reason_against

#: Empty rows for lines to add.
ADDED_ROWS = 3


class ContactForm(forms.Form):
    """The address to ship to, the contact data and the shipping method. The fields of the address begin with `to_`."""

    to_name = forms.CharField(label=_("Name"), required=False)
    to_company = forms.CharField(label=_("Company"), required=False)
    to_line1 = forms.CharField(label=_("Street and number"), required=False)
    to_line2 = forms.CharField(label=_("Second line"), required=False)
    to_postcode = forms.CharField(label=_("Postcode"), required=False)
    to_city = forms.CharField(label=_("Town"), required=False)
    to_region = forms.CharField(label=_("State or province"), required=False)
    to_country = forms.CharField(label=_("Country (two letters)"), required=False)
    to_phone = forms.CharField(label=_("Phone for the carrier"), required=False)
    customer_name = forms.CharField(label=_("Buyer"), required=False)
    customer_email = forms.CharField(label=_("E-mail"), required=False, validators=[validate_email])
    customer_phone = forms.CharField(label=_("Phone"), required=False)
    shipping_method = forms.CharField(label=_("Shipping method"), required=False)
    reason = forms.CharField(label=_("Reason of the correction"), max_length=120)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limits = {**{f"to_{part}": most for part, most in PARTS.items()}, **LONGEST}
        for name, most in limits.items():
            field = self.fields[name]
            field.max_length = most  # type: ignore[attr-defined]
            field.widget.attrs["maxlength"] = most

    @classmethod
    def of(cls, order: Order) -> ContactForm:
        """Return the form with what the order has now."""
        return cls(
            initial={
                **{f"to_{part}": order.ship_to.get(part, "") for part in PARTS},
                **{name: getattr(order, name) for name in LONGEST},
            }
        )

    def changes(self) -> dict[str, Any]:
        """Return the columns of the order that were entered."""
        entered = self.cleaned_data
        return {
            "ship_to": {part: entered[f"to_{part}"] for part in PARTS},
            **{name: entered[name] for name in LONGEST},
        }


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of the form: what it is, and the values of its two fields."""

    line: OrderLine
    units: str
    sku: str


class CorrectOrder(Page):
    """Correct an order: two forms, each with its own reason. The channel is sent nothing."""

    permission = WORK
    template_name = "orders/correct.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        yield from order_crumbs()
        yield f"#{self.order.number}", reverse("admin:orders_order_change", args=[self.order.pk])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.order = get_object_or_404(Order.objects.select_related("connection"), pk=kwargs["pk"])
        self.title = gettext("Correct order %s") % self.order
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._show(ContactForm.of(self.order), QueryDict())

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        is_lines = request.POST.get("what") == "lines"
        form = ContactForm.of(self.order) if is_lines else ContactForm(request.POST)
        if not is_lines and not form.is_valid():
            return self._show(form, QueryDict())
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise OrderError(gettext("This correction was already saved. Nothing was changed again."))
                text = self._correct_lines(request) if is_lines else self._correct_contact(request, form)
        except OrderError as error:
            messages.error(request, str(error))
            return self._show(form, request.POST if is_lines else QueryDict())
        messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def _show(self, form: ContactForm, typed: QueryDict) -> HttpResponse:
        lines = list(self.order.lines.select_related("variant"))
        return self.render(
            order=self.order,
            off=reason_against(self.order),
            form=dress(form),
            rows=[
                LineRow(
                    line,
                    typed.get(f"units-{line.pk}", str(line.quantity - line.cancelled)),
                    typed.get(f"sku-{line.pk}", line.variant.sku if line.variant else ""),
                )
                for line in lines
                if not line.parent_id
            ],
            added=[
                (number, typed.get(f"add-sku-{number}", ""), typed.get(f"add-units-{number}", ""))
                for number in range(1, ADDED_ROWS + 1)
            ],
            reason=typed.get("reason", ""),
            contact_seen=contact_seen(self.order),
            lines_seen=lines_seen(lines),
            form_token=form_token(),
        )

    def _correct_contact(self, request: HttpRequest, form: ContactForm) -> str:
        texts = correct_contact(
            order_id=self.order.pk,
            changes=form.changes(),
            reason=form.cleaned_data["reason"],
            by=person(request.user),
            seen=request.POST.get("seen", ""),
        )
        return " ".join([gettext("Corrected: %s.") % "; ".join(texts), self._not_sent()]).strip()

    def _correct_lines(self, request: HttpRequest) -> str:
        post = request.POST
        lines = list(self.order.lines.values_list("pk", "variant__sku"))
        texts, missing = correct_lines(
            order_id=self.order.pk,
            units={pk: _units(post[f"units-{pk}"]) for pk, _sku in lines if f"units-{pk}" in post},
            skus={
                pk: post[f"sku-{pk}"].strip()
                for pk, sku in lines
                if sku and post.get(f"sku-{pk}", "").strip() not in ("", sku)
            },
            added=[
                (sku, _units(post.get(f"add-units-{number}", "") or "1"))
                for number in range(1, ADDED_ROWS + 1)
                if (sku := post.get(f"add-sku-{number}", "").strip())
            ],
            reason=post.get("reason", "")[:120],
            by=person(request.user),
            seen=post.get("seen", ""),
        )
        return " ".join(
            filter(None, [gettext("Corrected: %s.") % "; ".join(texts), missing, self._not_sent()])
        )

    def _not_sent(self) -> str:
        """Return the sentence that the channel is not sent the correction; "" for a store without a web shop."""
        if not self.order.connection.spec.has_wire:
            return ""
        return gettext("%s was not sent the correction.") % self.order.connection.name


def _units(text: str) -> int:
    """Return a number of units; raises `OrderError` for anything else."""
    number = whole_number(text.strip())
    if number is None:
        raise OrderError(gettext("“%s” is not a number of units.") % text.strip()[:20])
    return number
