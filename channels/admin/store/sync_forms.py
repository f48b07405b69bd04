"""Sync Orders, Sync Products, Sync Stock, Sync Prices: one form each, then a job or a preview."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import SYNC, StorePage, go
from channels.admin.store.plan import PLAN_LINES, shown_line
from channels.contract.spec import Capability
from channels.models import Connection, StatusMapEntry
from channels.push import outbox, preview, topics
from channels.stores import pull_jobs, services
from oms.kit.admin.base import dress
from oms.kit.authors.actors import person
from oms.kit.numbers import grouped, whole_number

DRY_RUN = _("Dry run: show the result, change nothing")


def several(text: str) -> list[str]:
    """Return numbers or SKUs from pasted text: separated by commas, semicolons or lines."""
    return [part.strip().removeprefix("#") for part in re.split(r"[,;\n\t]+", text) if part.strip()]


def natural(text: str) -> tuple[int, str]:
    """Return the sort key of a status: whole numbers by value, before words."""
    number = whole_number(text)
    return (1_000_000, text) if number is None else (number, "")


class OrdersForm(forms.Form):
    numbers = forms.CharField(
        label=_("Order number"),
        required=False,
        max_length=4000,
        help_text=_("One or more numbers, separated by commas. Period and status are ignored."),
    )
    since = forms.DateField(
        label=_("Placed from"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("Placed to (inclusive)"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    statuses = forms.MultipleChoiceField(
        label=_("Status on the channel"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=_("Leave empty for all statuses. Hold Ctrl to select several."),
    )
    dry_run = forms.BooleanField(label=DRY_RUN, required=False)

    def __init__(self, store: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = StatusMapEntry.objects.filter(connection=store).values_list("external_id", "name")
        ordered = sorted(rows, key=lambda row: natural(row[0]))
        self.fields["statuses"].choices = [(key, f"{name} ({key})") for key, name in ordered]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The period ends before it starts."))
        if since and since > timezone.localdate():
            self.add_error("since", _("The date is in the future."))
        return cleaned


class IdsForm(forms.Form):
    ids = forms.CharField(
        label=_("Product ID on the channel"),
        required=False,
        max_length=4000,
        help_text=_("One or more IDs, separated by commas. Leave empty for all products of the store."),
    )
    dry_run = forms.BooleanField(label=DRY_RUN, required=False)


class SkusForm(forms.Form):
    skus = forms.CharField(
        label=_("SKU"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One or more SKUs, separated by commas or lines. Leave empty for all SKUs of the store."),
    )
    dry_run = forms.BooleanField(label=_("Dry run: show what would be sent, send nothing"), required=False)


def day_start(day: date | None) -> datetime | None:
    """Return the first instant of a day in the viewer's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


class SyncPage(StorePage):
    """A form that starts a job."""

    permission: ClassVar[Any] = SYNC
    write_permission: ClassVar[Any] = SYNC
    template_name = "channels/sync.html"
    intro: Any = ""
    button: Any = ""
    capability: Capability

    def form(self, data: Any = None) -> forms.Form:
        """Return the form of this sync."""
        raise NotImplementedError

    def run(self, form: forms.Form) -> HttpResponse:
        """Start the sync with the values of the valid form, and answer with the page that shows it."""
        raise NotImplementedError

    @property
    def off(self) -> str:
        """Why this store cannot do this sync; "" when it can."""
        return self.store.why_not(self.capability)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.render(form=dress(self.form()), off=self.off)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = self.form(request.POST)
        if not self.off and form.is_valid():
            try:
                return self.run(form)
            except outbox.NotListed as error:  # a SKU that the store does not list
                form.add_error("skus" if "skus" in form.fields else None, str(error))
            except (pull_jobs.CannotSync, LookupError) as error:
                form.add_error(None, str(error))
        return self.render(form=dress(form), off=self.off)


class SyncOrders(SyncPage):
    title = _("Sync Orders")
    intro = _("Import orders now: by period, status or number.")
    button = _("Sync Orders")
    capability = Capability.PULL_ORDERS

    def form(self, data: Any = None) -> forms.Form:
        return OrdersForm(self.store, data)

    def run(self, form: forms.Form) -> HttpResponse:
        given = form.cleaned_data
        until = given["until"] + timedelta(days=1) if given["until"] else None
        job = pull_jobs.ask_orders(
            connection=self.store,
            start=day_start(given["since"]),
            end=day_start(until),
            statuses=given["statuses"],
            numbers=several(given["numbers"]),
            dry_run=given["dry_run"],
            author=person(self.request.user),
        )
        return go("job", job.pk)


class SyncProducts(SyncPage):
    title = _("Sync Products")
    intro = _("Import products now: all products, or single products by ID.")
    button = _("Sync Products")
    capability = Capability.PULL_PRODUCTS

    def form(self, data: Any = None) -> forms.Form:
        return IdsForm(data)

    def run(self, form: forms.Form) -> HttpResponse:
        job = pull_jobs.ask_products(
            connection=self.store,
            ids=several(form.cleaned_data["ids"]),
            dry_run=form.cleaned_data["dry_run"],
            author=person(self.request.user),
        )
        return go("job", job.pk)


class PushPage(SyncPage):
    """The base of Sync Stock and Sync Prices: the messages are enqueued, the workers send them within seconds."""

    topic: str

    def form(self, data: Any = None) -> forms.Form:
        return SkusForm(data)

    def run(self, form: forms.Form) -> HttpResponse:
        pk = self.store.pk
        skus = several(form.cleaned_data["skus"]) or None
        if not self.store.may_pull:
            form.add_error(None, gettext("%s is not active. Resume or reconnect it first.") % self.store)
            return self.render(form=dress(form), off=self.off)
        if form.cleaned_data["dry_run"]:
            return self.preview(skus)
        count = services.send_now(connection=self.store, topic=self.topic, skus=skus)
        if not count:
            form.add_error(
                "skus",
                gettext("This store lists none of these SKUs.")
                if skus
                else gettext("This store lists no SKUs."),
            )
            return self.render(form=dress(form), off=self.off)
        if self.store.is_read_only:
            messages.warning(
                self.request,
                gettext("%s is read-only. This is a preview of what is sent when it is live.") % self.store,
            )
            return go("store_plan", pk, query=f"?topic={self.topic}")
        text = ngettext("%s SKU is being sent.", "%s SKUs are being sent.", count) % grouped(count)
        messages.success(self.request, text)
        return go("store_messages", pk, query=f"?topic={self.topic}")

    def preview(self, skus: list[str] | None) -> HttpResponse:
        """Answer with the preview of a dry run; nothing is sent."""
        lines, total = self.would_send(skus)
        return self.render(
            "channels/plan.html",
            lines=[shown_line(self.topic, line) for line in lines],
            skus=", ".join(skus or ()),
            off=self.off,
            is_whole=True,
            topic=self.topic,
            total=total,
            limit=PLAN_LINES,
            is_dry_run=True,
        )

    def would_send(self, skus: list[str] | None) -> tuple[Sequence[outbox.PlanLine], int]:
        """Return the first lines of the preview of these SKUs (None: all), and how many lines there are."""
        subjects = outbox.subjects_of(connection=self.store, topic=self.topic, skus=skus)
        lines = preview.plan_of(self.store, self.topic, subjects[:PLAN_LINES])
        return list(lines), len(subjects)


class SyncStock(PushPage):
    title = _("Sync Stock")
    intro = _("Send the stock of all SKUs, or of single SKUs, to the store now.")
    button = _("Sync Stock")
    capability = Capability.PUSH_STOCK
    topic = topics.Topic.STOCK


class SyncPrices(PushPage):
    title = _("Sync Prices")
    intro = _("Send prices and sale prices of all SKUs, or of single SKUs, to the store now.")
    button = _("Sync Prices")
    capability = Capability.PUSH_PRICE
    topic = topics.Topic.PRICE
