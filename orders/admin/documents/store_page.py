"""The tab Documents of a store: who sells, VAT, look and paper, with a preview of each document."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import StorePage, go
from channels.models import Connection
from oms.kit.admin import pages, panels
from oms.kit.admin.base import dress
from orders.admin.documents.print_jobs import pdf_answer
from orders.documents import loading, samples, store_settings
from orders.documents.typesetting import render
from orders.errors import OrderError
from orders.models import DocumentSettings

SEE = "orders.view_documentsettings"
CHANGE = "orders.change_documentsettings"

#: Heading and fields of each card of the form.
CARDS = (
    (
        _("Seller"),
        ("seller_name", "seller_address", "country", "contact", "return_address", "company_number", "legal"),
    ),
    (
        _("Invoices"),
        (
            "vat_scheme",
            "vat_number",
            "vat_rate",
            "sterling_rate",
            "invoice_prefix",
            "credit_prefix",
            "terms",
        ),
    ),
    (
        _("Look and paper"),
        ("logo", "remove_logo", "colour", "language", "label_size", "page_size", "slip_prices", "thanks"),
    ),
)


class DocumentsForm(forms.ModelForm):  # type: ignore[type-arg]
    logo = forms.FileField(
        label=_("Logo"), required=False, help_text=_("PNG or JPEG, up to 5 MB. Empty: the present one.")
    )
    remove_logo = forms.BooleanField(label=_("remove the logo"), required=False)

    class Meta:
        model = DocumentSettings
        fields = store_settings.FIELDS
        widgets: ClassVar[Any] = {
            name: forms.Textarea(attrs={"rows": 3})
            for name in ("seller_address", "return_address", "terms", "thanks")
        }


class FormCard:
    """Some fields of the form under one heading, as the template of forms expects them."""

    def __init__(self, form: DocumentsForm, names: tuple[str, ...], *, with_errors: bool) -> None:
        self.visible_fields = [form[name] for name in names]
        self.hidden_fields: list[Any] = []
        self.non_field_errors = form.non_field_errors() if with_errors else ()


@panels.tab(
    Connection, "documents", label=_("Documents"), permission=SEE, position=100, name="store_documents"
)
class StoreDocuments(StorePage):
    """What the store prints on its documents. The previews show what is saved."""

    title = _("Documents")
    tab = "documents"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = CHANGE
    template_name = "orders/store_documents.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(DocumentsForm(instance=self.row()))

    def row(self) -> DocumentSettings:
        """Return the settings of the store, with the defaults where it has none."""
        return loading.settings_of([self.store.pk])[self.store.pk]

    def show(self, form: DocumentsForm) -> HttpResponse:
        """Answer with the form in cards, and the addresses of the previews."""
        dress(form)
        preview = reverse("admin:document_preview", args=[self.store.pk, "label"])
        return self.render(
            cards=[
                (title, FormCard(form, names, with_errors=not at)) for at, (title, names) in enumerate(CARDS)
            ],
            has_logo=bool(self.row().logo),
            previews=[
                (
                    kind.label,
                    preview.replace("/label/", f"/{kind}/"),
                    f"{preview.replace('/label/', f'/{kind}/')}?file=pdf",
                )
                for kind in samples.KINDS
            ],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = DocumentsForm(request.POST, request.FILES, instance=self.row())
        if not form.is_valid():
            return self.show(form)
        logo = form.cleaned_data["logo"]
        try:
            store_settings.save_document_settings(
                connection=self.store,
                values=form.cleaned_data,
                logo=logo.read(store_settings.LARGEST_FILE + 1) if logo else None,
                remove_logo=form.cleaned_data["remove_logo"],
            )
        except store_settings.SettingsError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
            return self.show(form)
        messages.success(request, gettext("Document settings of %s saved.") % self.store)
        return go("store_documents", pk)


class Preview(StorePage):
    """A sample of one document, as a picture or as the PDF file (`file=pdf`)."""

    permission: ClassVar[Any] = SEE

    def get(self, request: HttpRequest, pk: int, kind: str) -> HttpResponseBase:
        if kind not in samples.KINDS:
            raise Http404(gettext("This document was not found."))
        try:
            content = samples.sample(loading.settings_of([pk])[pk], kind)
        except OrderError as error:
            return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
        if request.GET.get("file") == "pdf":
            return pdf_answer(HttpResponse(content))
        answer = HttpResponse(render.picture(content), content_type="image/png")
        answer["Cache-Control"] = "private, no-store"
        return answer


pages.add(
    (
        "integrations/ecommerce-sales-channels/<key:pk>/documents/preview/<slug:kind>/",
        Preview,
        "document_preview",
    )
)
