"""The page Personal data: find a buyer by e-mail address, export what is stored, erase it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import person
from orders.choices import OPEN_STATUSES
from orders.errors import OrderError
from orders.services.buyers import personal_data as buyers


class BuyerForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address of the buyer"), max_length=254)


class PersonalData(Page):
    """Export or erase the personal data of one buyer; each asks for the whole address."""

    title = _("Personal data")
    permission: ClassVar[Any] = "orders.erase_buyer"
    template_name = "orders/personal_data.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(form=dress(BuyerForm()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = BuyerForm(request.POST)
        if not form.is_valid():
            return self.render(form=dress(form))
        email, do = form.cleaned_data["email"], request.POST.get("do", "")
        try:
            count = buyers.orders_of(email).count()
            if do == "export":
                return self._file(buyers.export(email, by=person(request.user)))
            if do == "erase" and "confirmed" in request.POST:
                erased = buyers.erase(email, by=person(request.user))
                text = ngettext(
                    "Personal data of %d order was erased.", "Personal data of %d orders was erased.", erased
                )
                messages.success(request, text % erased)
                return HttpResponseRedirect(reverse("admin:personal_data"))
        except OrderError as error:
            form.add_error("email", str(error))
            return self.render(form=dress(form))
        if do == "erase":
            return self._ask(email, count)
        return self.render(form=dress(form), found=count, email=email)

    @staticmethod
    def _file(content: Any) -> HttpResponse:
        answer = HttpResponse(
            json.dumps(content, indent=2, ensure_ascii=False, default=str), content_type="application/json"
        )
        answer["Content-Disposition"] = 'attachment; filename="personal-data.json"'
        answer["Cache-Control"] = "no-store"
        return answer

    def _ask(self, email: str, count: int) -> HttpResponse:
        unfinished = buyers.orders_of(email).filter(status__in=OPEN_STATUSES).count()
        lines = [
            ngettext("%d order loses the buyer's data.", "%d orders lose the buyer's data.", count) % count,
            gettext("Amounts, SKUs, stock and the timeline stay. This cannot be undone."),
        ]
        if unfinished:
            text = ngettext(
                "%d of them is not finished and can no longer be shipped.",
                "%d of them are not finished and can no longer be shipped.",
                unfinished,
            )
            lines.insert(1, text % unfinished)
        return self.confirm(
            question=gettext("Erase the personal data of %s?") % email,
            button=gettext("Erase"),
            back=reverse("admin:personal_data"),
            lines=lines,
            is_dangerous=True,
            hidden=[("email", email), ("do", "erase")],
        )


add(("settings/personal-data/", PersonalData, "personal_data"))
