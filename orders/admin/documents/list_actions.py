"""The menu Print of the order list and of the list of shipments: one PDF for the selected rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.actions import BulkAction, Outcome, Respond
from oms.kit.admin.base import dress
from oms.kit.authors.actors import Author
from oms.kit.numbers import whole_number
from orders.admin.documents.print_jobs import start_print
from orders.choices import DocumentKind
from orders.documents import printing, sheets
from orders.errors import OrderError

#: What the list of shipments prints: an invoice is of an order.
OF_SHIPMENTS = tuple(kind for kind in printing.PRINTOUTS if kind != DocumentKind.INVOICE)


class StartForm(forms.Form):
    """Which position of the first sheet is free: a part-used sheet of labels is not thrown away."""

    def __init__(self, positions: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = [(str(at), str(at + 1)) for at in range(positions)]
        self.fields["start"] = forms.ChoiceField(
            label=_("First free label of the sheet"),
            choices=places,
            help_text=_("Counted from the top, left to right."),
        )


def nothing(ids: Sequence[int], by: Author, reason: str) -> Sequence[Outcome]:
    """Return no outcomes: printing answers with a file and changes no row."""
    return []


def responder(kind: DocumentKind, of: str) -> Respond:
    """Return the function that prints `kind` for the selected orders or shipments."""

    def respond(model_admin: Any, request: HttpRequest, ids: Sequence[int]) -> HttpResponse:
        start_at = whole_number(request.POST.get("start", ""), most=3)
        places = sheets.positions_for(of, ids) if kind == DocumentKind.LABEL else 1
        if places > 1 and start_at is None:
            return ask_start(model_admin, request, kind, ids, places)
        subjects = {"orders": ids} if of == "orders" else {"shipments": ids}
        try:
            url = start_print(request, kind, start_at=start_at or 0, **subjects)
        except OrderError as error:
            messages.error(request, str(error))
            url = request.get_full_path()
        return HttpResponseRedirect(url)

    return respond


def ask_start(
    model_admin: Any, request: HttpRequest, kind: DocumentKind, ids: Sequence[int], places: int
) -> HttpResponse:
    """Ask for the first free label of the sheet."""
    is_all = request.POST.get("select_across") == "1"
    label = str(printing.PRINTOUTS[kind].label)
    hidden = [("action", f"print_{kind}"), ("index", "0"), ("select_across", "1" if is_all else "0")]
    hidden += [(helpers.ACTION_CHECKBOX_NAME, str(pk)) for pk in (ids[:1] if is_all else ids)]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": label,
        "page": model_admin,
        "crumbs": [(model_admin.list_title(), request.get_full_path()), (label, "")],
        "question": gettext("Where does the first label go?"),
        "button": label,
        "back": request.get_full_path(),
        "form": dress(StartForm(places)),
        "hidden": hidden,
    }
    return TemplateResponse(request, "oms/confirm.html", context)


def actions(of: str) -> tuple[BulkAction, ...]:
    """Return the actions of the menu Print for a list of "orders" or "shipments"."""
    return tuple(
        BulkAction(
            f"print_{one.kind}",
            one.label,
            nothing,
            one.permission,
            respond=responder(one.kind, of),
            menu=_("Print"),
        )
        for one in printing.PRINTOUTS.values()
        if of == "orders" or one.kind in OF_SHIPMENTS
    )
