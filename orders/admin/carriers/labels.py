"""Labels on the order page: buy, compare prices, cancel, print again; and the page of a job that buys many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.records import MEDIA, LabelFormat, ParcelEventRecord, ParcelState
from channels.contract.errors import ChannelError
from oms.kit.admin.actions import BulkAction
from oms.kit.admin.job_pages import bar_of, progress_answer
from oms.kit.admin.pages import Crumb, Page, add
from oms.kit.admin.panels import panel
from oms.kit.authors.actors import person
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.admin.documents.list_actions import nothing
from orders.choices import LABEL_COLOURS, PARCEL_COLOURS, LabelState, ParcelStatus, ShipmentState
from orders.domain.carriers import is_in_use
from orders.errors import OrderError
from orders.inbound import parcels
from orders.models import LabelPurchase, Order, Parcel, Shipment
from orders.services.labels import bulk, buying, choosing, content, label_files

VIEW = "orders.view_shipment"
BUY = bulk.RIGHT
PRINT = "orders.print_document"
NO_ROLE = _("Your role does not allow this.")


def to_order(pk: int) -> HttpResponseRedirect:
    """Return to the labels of an order."""
    return HttpResponseRedirect(f"{reverse('admin:orders_order_change', args=[pk])}#labels")


@panel(
    Order, "labels", label=_("Labels"), permission=VIEW, template="orders/carriers/panel.html", position=15
)
def labels(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    """Return the shipments of an order with their labels and parcels; no card while nothing can be bought."""
    if not is_in_use():
        return None
    shipments = list(
        Shipment.objects.filter(order=order, is_external=False).select_related("carrier").order_by("number")
    )
    bought = list(
        LabelPurchase.objects.filter(shipment__in=shipments)
        .select_related("account__connection", "author")
        .order_by("-pk")
    )
    found = {row.pk: row for row in Parcel.objects.filter(shipment__in=shipments).prefetch_related("events")}
    known = choosing.accounts() if shipments else []
    if not bought and not known and not found:
        return None
    may_buy = request.user.has_perm(BUY)
    rows = []
    for shipment in shipments:
        own = [row for row in bought if row.shipment_id == shipment.pk]
        for row in own:
            row.colour = LABEL_COLOURS[row.state]  # type: ignore[attr-defined]
        parcel = found.get(shipment.pk)
        off = "" if may_buy else str(NO_ROLE)
        if not known:
            off = gettext("No carrier account is active.")
        has_label = any(row.is_live and not row.is_return for row in own)
        has_return = any(row.is_live and row.is_return for row in own)
        left = shipment.state in (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)
        rows.append(
            {
                "shipment": shipment,
                "labels": own,
                "parcel": parcel,
                "parcel_colour": PARCEL_COLOURS.get(parcel.state, "info") if parcel else "",
                "events": list(parcel.events.all())[:20] if parcel else [],
                "may_buy": not has_label and not left and shipment.state != ShipmentState.CANCELLED,
                "may_return": has_label and not has_return,
                "off": off,
                "may_say": shipment.state in parcels.MOVABLE and request.user.has_perm("orders.ship_order"),
            }
        )
    rows = [row for row in rows if row["labels"] or row["parcel"] or row["may_buy"]]
    return {
        "order": order,
        "rows": rows,
        "statuses": ParcelStatus.choices[1:],
        "may_buy": may_buy,
        "may_print": request.user.has_perm(PRINT),
        "no_role": NO_ROLE,
    }


def say(request: HttpRequest, purchase: LabelPurchase) -> None:
    """Tell the person what became of a purchase."""
    text = bulk.outcome_text(purchase)
    if purchase.state == LabelState.BOUGHT:
        messages.success(request, gettext("Label bought: %s") % text)
    elif purchase.state == LabelState.REFUSED:
        messages.error(request, gettext("The label was refused. %s") % text)
    else:
        messages.warning(request, text)


class BuyLabel(Page):
    """Buy the label of a shipment with the account and the service that the rules choose."""

    permission = BUY

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        shipment = get_object_or_404(Shipment, pk=pk)
        try:
            say(request, buying.buy(shipment_id=pk, by=person(request.user)))
        except OrderError as error:
            messages.error(request, str(error))
        return to_order(shipment.order_id)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return to_order(get_object_or_404(Shipment, pk=pk).order_id)


class LabelPrices(Page):
    """The prices of all services for a shipment, and the button that buys each. `?return=1`: for a return label."""

    permission = BUY
    title = _("Compare prices")
    template_name = "orders/carriers/prices.html"

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def _loaded(self, pk: int) -> Shipment:
        try:
            return content.loaded(pk)
        except content.NotReady:
            raise Http404(gettext("This shipment needs no label.")) from None

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        shipment = self._loaded(pk)
        is_return = request.GET.get("return") == "1"
        prices = choosing.prices_of(shipment, is_return=is_return)
        return self.render(
            shipment=shipment,
            order=shipment.order,
            is_return=is_return,
            prices=prices,
            grams=content.grams_of(shipment, None),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        shipment = self._loaded(pk)
        is_return = request.POST.get("return") == "1"
        chosen = request.POST.get("offer", "")
        prices = choosing.prices_of(shipment, is_return=is_return)
        offer = next((one for one in prices.offers if f"{one.account.pk}/{one.service.code}" == chosen), None)
        if offer is None:
            messages.error(request, gettext("This service is not offered any more. Choose another one."))
            return HttpResponseRedirect(request.path)
        try:
            purchase = buying.buy(
                shipment_id=pk,
                account=offer.account,
                service=offer.service.code,
                offer=offer.service,
                is_return=is_return,
                by=person(request.user),
            )
        except OrderError as error:
            messages.error(request, str(error))
        else:
            say(request, purchase)
        return to_order(shipment.order_id)


class LabelAct(Page):
    """Cancel a label, or say that it was not bought."""

    permission = BUY

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return to_order(get_object_or_404(LabelPurchase, pk=pk).shipment.order_id)

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        purchase = get_object_or_404(LabelPurchase.objects.select_related("shipment"), pk=pk)
        try:
            if what == "cancel":
                row = buying.want_cancel(purchase=purchase, by=person(request.user))
                if row.state == LabelState.CANCELLED:
                    messages.success(request, gettext("The label is cancelled."))
                elif row.error:
                    messages.error(request, gettext("The label is not cancelled. %s") % row.error)
                else:
                    messages.warning(request, gettext("The carrier was asked to cancel the label."))
            elif what == "not-bought":
                buying.say_not_bought(purchase=purchase, by=person(request.user))
                messages.success(request, gettext("Recorded: the label was not bought."))
            else:
                raise Http404(gettext("This action does not exist."))
        except OrderError as error:
            messages.error(request, str(error))
        return to_order(purchase.shipment.order_id)


class ParcelSaid(Page):
    """Record by hand what happened to a parcel."""

    permission = "orders.ship_order"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return to_order(get_object_or_404(Shipment, pk=pk).order_id)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        shipment = get_object_or_404(Shipment, pk=pk)
        status = request.POST.get("status", "")
        try:
            if status not in ParcelStatus.values:
                raise OrderError(gettext("Choose what happened to the parcel."))
            one = ParcelEventRecord(
                f"SAID_{status.upper()}",
                timezone.now(),
                ParcelState(status),
                request.POST.get("text", "").strip()[:200],
            )
            by = person(request.user)
            parcels.record(shipment_id=pk, events=[one], source=by.label, by=by)
            messages.success(request, gettext("Parcel: %s.") % ParcelStatus(status).label)
        except OrderError as error:
            messages.error(request, str(error))
        return to_order(shipment.order_id)


class LabelFile(Page):
    """The file of a label. A GET shows it; the button Print posts, and the print is counted."""

    permission = PRINT

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self._answer(request, pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        answer = self._answer(request, pk)
        if answer.status_code == 200:
            LabelPurchase.objects.filter(pk=pk).update(prints=F("prints") + 1)
        return answer

    def _answer(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        purchase = get_object_or_404(LabelPurchase.objects.select_related("account__connection"), pk=pk)
        try:
            data, form = label_files.file_of(purchase)
        except (OrderError, ChannelError) as error:
            messages.error(request, str(error))
            return to_order(purchase.shipment.order_id)
        answer = HttpResponse(data, content_type=MEDIA[LabelFormat(form)])
        kind = "attachment" if form == LabelFormat.ZPL else "inline"
        answer["Content-Disposition"] = f'{kind}; filename="label-{purchase.tracking_number or pk}.{form}"'
        answer["Cache-Control"] = "private, no-store"
        return answer


def buy_many(of: str) -> Any:
    """Return the function that starts the job for the selected orders or shipments."""

    def respond(model_admin: Any, request: HttpRequest, ids: Any) -> HttpResponse:
        try:
            job = bulk.start(user=request.user, **{of: ids})
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(reverse("admin:label_job", args=[job.pk]))

    return respond


def bulk_action(of: str) -> BulkAction:
    """Return the action “Buy labels” of the list of "orders" or "shipments"."""
    return BulkAction("buy_labels", _("Buy labels"), nothing, BUY, respond=buy_many(of), menu=_("Print"))


class LabelJob(Page):
    """The progress of a job that buys labels, and one outcome for each shipment."""

    permission = BUY
    template_name = "orders/carriers/job.html"
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.job = get_object_or_404(Job, pk=kwargs["pk"], kind=bulk.JOB)
        self.title = self.job.title

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        rows = self.job.result.get("labels", [])
        orders = dict(Shipment.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "order"))
        return self.render(
            **bar_of(self.job),
            outcomes=[(orders.get(key), name, ok, text) for key, name, ok, text in rows],
            bought=[key for key, _name, ok, _text in rows if ok],
            progress_url=reverse("admin:label_progress", args=[pk]),
            back=reverse("admin:orders_order_changelist"),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        jobs.cancel(job=self.job)
        messages.success(request, gettext("The job stops. Labels that were bought stay."))
        return HttpResponseRedirect(request.path)


class LabelProgress(LabelJob):
    """The bar as JSON, for the script of the page."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return progress_answer(request, self.job)


add(
    ("labels/shipment/<key:pk>/buy/", BuyLabel, "label_buy"),
    ("labels/shipment/<key:pk>/prices/", LabelPrices, "label_prices"),
    ("labels/shipment/<key:pk>/said/", ParcelSaid, "parcel_said"),
    ("labels/<key:pk>/file/", LabelFile, "label_file"),
    ("labels/jobs/<key:pk>/", LabelJob, "label_job"),
    ("labels/jobs/<key:pk>/progress.json", LabelProgress, "label_progress"),
    ("labels/<key:pk>/do/<slug:what>/", LabelAct, "label_act"),
)
