"""Manifests: the list, the page of a new one, and the page that the driver signs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import FulfilmentEvent
from channels.models import OutboxMessage
from inventory.models import Warehouse
from oms.kit.admin import filters
from oms.kit.admin.badges import ago, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.order_list.filters import CarrierFilter, KeyFilter, WarehouseFilter
from orders.admin.order_page.context import MessageView, message_view
from orders.documents.printing import PRINT
from orders.domain.moves import SHIP
from orders.errors import OrderError
from orders.models import Carrier, ChannelCheck, CloseOut, Manifest, Shipment
from orders.services import tracking
from orders.services.handing_over import close_outs, last_look, manifests

VIEW = ("orders.view_manifest", SHIP)
#: Shipments on one manifest.
AT_MOST = 500


def ready_groups() -> list[Any]:
    """Return the number of shipments that are ready for a manifest, by carrier and warehouse; one statement."""
    ready = Shipment.objects.ready_for_manifest().filter(warehouse__isnull=False)
    rows = ready.values("carrier", "warehouse", "carrier__name", "warehouse__name")
    return list(
        rows.annotate(count=Count("id"), oldest=Min("ready_at")).order_by("carrier__name", "warehouse__name")
    )


class NewManifest(Page):
    """Choose a carrier and a warehouse, then the shipments. Posting creates the manifest and hands them over."""

    title = _("Create manifest")
    permission = SHIP
    template_name = "orders/manifest_new.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Manifests"), reverse("admin:orders_manifest_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        carrier, warehouse = self._chosen(request.GET)
        return self._show(carrier, warehouse)

    def _show(
        self, carrier: Carrier | None, warehouse: Warehouse | None, check: ChannelCheck | None = None
    ) -> HttpResponse:
        """Show the shipments that are ready. After a last look (`check`): also what each channel answered."""
        shipments: list[Shipment] = []
        if carrier and warehouse:
            ready = Shipment.objects.ready_for_manifest().filter(carrier=carrier, warehouse=warehouse)
            shipments = list(
                ready.select_related("order__connection")
                .prefetch_related("lines__line")
                .order_by("ready_at", "id")[: AT_MOST + 1]
            )
        answers = last_look.answers_of(check)
        left_out = last_look.reasons(answers)
        unanswered = {pk for answer in answers for pk in answer.unasked}
        for row in shipments:
            reason = left_out.get(row.order_id, "")
            row.left_out = reason  # type: ignore[attr-defined]
            row.has_no_answer = row.order_id in unanswered  # type: ignore[attr-defined]
        return self.render(
            groups=ready_groups(),
            carrier=carrier,
            warehouse=warehouse,
            shipments=shipments[:AT_MOST],
            has_more=len(shipments) > AT_MOST,
            at_most=AT_MOST,
            check=check,
            answers=last_look.described(answers),
            can_go=sum(not row.left_out for row in shipments[:AT_MOST]),  # type: ignore[attr-defined]
            seconds=int(last_look.TOTAL_SECONDS),
            without_tracking=sum(
                not row.tracking_number and tracking.expects_tracking(row.order.connection, carrier)
                for row in shipments[:AT_MOST]
            ),
        )

    @staticmethod
    def _chosen(data: Any) -> tuple[Carrier | None, Warehouse | None]:
        carrier, warehouse = data.get("carrier", ""), data.get("warehouse", "")
        return (
            Carrier.objects.filter(pk=whole_number(carrier) or 0).first(),
            Warehouse.objects.filter(pk=whole_number(warehouse) or 0).first(),
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        carrier, warehouse = self._chosen(request.POST)
        ids = [pk for each in request.POST.getlist("pick") if (pk := whole_number(each)) is not None][
            :AT_MOST
        ]
        if carrier is None or warehouse is None or not ids:
            messages.warning(request, gettext("Select a carrier, a warehouse and at least one shipment."))
            return HttpResponseRedirect(request.get_full_path())
        author = person(request.user)
        chosen = set(Shipment.objects.filter(pk__in=ids).values_list("order", flat=True))
        check = last_look.recorded(whole_number(request.POST.get("check", "")), carrier, warehouse)
        if check is None or not last_look.covers(check, chosen):
            answers = last_look.look(chosen)
            check = last_look.record(carrier, warehouse, answers, by=author)
            if any(answer.needs_person for answer in answers):
                return self._show(carrier, warehouse, check)
        try:
            made = manifests.create_manifest(
                carrier=carrier,
                warehouse=warehouse,
                shipment_ids=ids,
                by=author,
                left_out=last_look.reasons(last_look.answers_of(check)),
            )
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        if made.manifest is not None:
            last_look.use(check, made.manifest)
        for outcome in [outcome for outcome in made.outcomes if not outcome.ok][:10]:
            messages.error(
                request,
                gettext("Not included: #%(number)s: %(reason)s")
                % {"number": outcome.number, "reason": outcome.message},
            )
        if made.manifest is None:
            return HttpResponseRedirect(request.get_full_path())
        count = sum(outcome.ok for outcome in made.outcomes)
        messages.success(
            request,
            ngettext(
                "%(n)d order was handed over to %(carrier)s.",
                "%(n)d orders were handed over to %(carrier)s.",
                count,
            )
            % {"n": count, "carrier": carrier},
        )
        return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[made.manifest.pk]))


class ManifestPage(Page):
    """A manifest, for the signature of the driver. What each channel was sent is shown, but not printed."""

    permission = VIEW
    template_name = "orders/manifest.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Manifests"), reverse("admin:orders_manifest_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        manifest = get_object_or_404(Manifest.objects.select_related("carrier", "warehouse", "author"), pk=pk)
        self.title = gettext("Manifest %s") % manifest
        if "paper" in request.GET:
            wanted = whole_number(request.GET["paper"]) or 0
            return self._paper(request, get_object_or_404(CloseOut, pk=wanted, manifest=manifest))
        shipments = list(
            manifest.shipments.select_related("order__connection")
            .prefetch_related("lines__line")
            .order_by("order", "number")
        )
        sent: dict[int, list[MessageView]] = defaultdict(list)
        messages_of = OutboxMessage.objects.filter(
            kind="event",
            topic=FulfilmentEvent.SHIPPED,
            group__in={shipment.order_id for shipment in shipments},
        )
        for message in messages_of.order_by("id"):
            sent[message.group or 0].append(message_view(message))
        return self.render(
            manifest=manifest,
            answers=last_look.of_manifest(manifest),
            close_outs=list(manifest.close_outs.select_related("account__connection").order_by("pk")),
            may_hand_over=request.user.has_perm(SHIP),
            may_print=request.user.has_perm(PRINT),
            rows=[
                (shipment, sum(row.quantity for row in shipment.lines.all()), sent[shipment.order_id])
                for shipment in shipments
            ],
            units=sum(row.quantity for shipment in shipments for row in shipment.lines.all()),
        )

    def _paper(self, request: HttpRequest, row: CloseOut) -> HttpResponse:
        """Return the PDF of a carrier's own manifest."""
        try:
            content = close_outs.paper(row)
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[row.manifest_id]))
        answer = HttpResponse(content, content_type="application/pdf")
        answer["Content-Disposition"] = f'inline; filename="manifest-{row.pk}.pdf"'
        return answer

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask a carrier again that refused its own manifest."""
        manifest = get_object_or_404(Manifest, pk=pk)
        if not request.user.has_perm(SHIP):
            raise PermissionDenied
        try:
            close_outs.try_again(manifest=manifest)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("The carrier is asked again for its manifest."))
        return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[pk]))


class ManifestCarrier(CarrierFilter):
    is_more, field = False, "carrier_id"
    narrow = KeyFilter.narrow


class ManifestWarehouse(WarehouseFilter):
    is_more, field = False, "warehouse_id"
    narrow = KeyFilter.narrow


class CreatedSince(filters.SinceFilter):
    title, parameter_name, field, is_more = _("created from"), "since", "created_at", True


class CreatedUntil(filters.UntilFilter):
    title, parameter_name, field, is_more = _("created to"), "until", "created_at", True


@admin.register(Manifest)
class ManifestAdmin(ListAdmin):
    """Manifests, newest first; above them the shipments that are ready for one (R-SHIP-04)."""

    is_read_only = True
    change_list_template = "orders/manifests.html"
    list_display = ("manifest", "carrier", "warehouse", "shipments", "created", "created_by")
    list_filter = (ManifestCarrier, ManifestWarehouse, CreatedSince, CreatedUntil)
    list_select_related = ("carrier", "warehouse", "author")
    search_fields = ("^number",)
    search_help_text = _("Search manifest number")
    object_page = ManifestPage

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return any(request.user.has_perm(name) for name in VIEW)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return queryset.filter(number__startswith=search_term.strip().upper()), False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        counts = Shipment.objects.filter(manifest__in=rows).order_by().values_list("manifest")
        found = dict(counts.annotate(number_of=Count("pk")))
        for manifest in rows:
            manifest.shipment_count = found.get(manifest.pk, 0)
        return rows

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {"ready": ready_groups(), "may_hand_over": request.user.has_perm(SHIP)}

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            _("No manifests."),
            _(
                "Create a manifest when orders are ready to ship. They change to In transit, and their channels are sent:"
                " Shipped."
            ),
        )

    def get_urls(self) -> list[URLPattern]:
        new = NewManifest.as_view(admin_site=self.admin_site)
        return [
            path("add/", self.admin_site.admin_view(new), name="orders_manifest_add"),
            *super().get_urls(),
        ]

    @cell("lead", description=_("number"))
    def manifest(self, manifest: Manifest) -> SafeString:
        return link(f"{manifest.pk}/", manifest.number)

    @cell(description=_("carrier"))
    def carrier(self, manifest: Manifest) -> str:
        return manifest.carrier.name

    @cell(description=_("warehouse"))
    def warehouse(self, manifest: Manifest) -> str:
        return manifest.warehouse.name

    @cell("num", description=_("shipments"))
    def shipments(self, manifest: Any) -> int:
        return int(manifest.shipment_count)

    @cell("nowrap", description=_("created"))
    def created(self, manifest: Manifest) -> SafeString:
        return ago(manifest.created_at)

    @cell(description=_("by"))
    def created_by(self, manifest: Manifest) -> str:
        return str(manifest.author or "–")
