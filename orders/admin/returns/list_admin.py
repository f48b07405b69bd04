"""The list of returns, with a field for scanned numbers and the reasons of the last 90 days above it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import filters
from oms.kit.admin.badges import NOTHING, ago, badge, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from orders.admin.order_list.filters import StoreFilter
from orders.admin.returns.page import VIEW, ReturnPage
from orders.admin.returns.start import ReturnWithoutOrder
from orders.choices import RETURN_COLOURS, ReturnReason, ReturnState
from orders.models import Order, Return, ReturnLine
from orders.unit_of_work.returns import OPEN

#: Days whose reasons are counted above the list.
REASON_DAYS = 90


class ReturnStore(StoreFilter):
    field = "connection_id"


class ReasonFilter(filters.ChoiceFilter):
    title, parameter_name = _("reason"), "reason"
    all_words = _("All reasons")

    def options(self, request: HttpRequest) -> Any:
        return ReturnReason.choices

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(reason=value)


class RequestedSince(filters.SinceFilter):
    title, parameter_name, field, is_more = _("requested from"), "since", "requested_at", True


class RequestedUntil(filters.UntilFilter):
    title, parameter_name, field, is_more = _("requested to"), "until", "requested_at", True


def _tab(state: ReturnState) -> Tab:
    return Tab(state.value, state.label, lambda rows: rows.filter(state=state.value))


class ScanReturn(Page):
    """Find the return of a scanned number: of the return, of its parcel, or of an order."""

    permission = VIEW

    def get(self, request: HttpRequest) -> HttpResponse:
        code = request.GET.get("code", "").strip().lstrip("#")[:120].replace("\x00", "")
        back = reverse("admin:orders_return_changelist")
        if not code:
            return HttpResponseRedirect(back)
        found = (
            Return.objects.filter(Q(number__iexact=code) | Q(tracking_number=code)).order_by("-pk").first()
        )
        if found is not None:
            return HttpResponseRedirect(reverse("admin:orders_return_change", args=[found.pk]))
        orders = list(Order.objects.filter(number=code).only("pk")[:2])
        if len(orders) > 1:
            messages.warning(
                request,
                gettext("Several orders have the number %s. Open the right one from the order list.") % code,
            )
            return HttpResponseRedirect(f"{reverse('admin:orders_order_changelist')}?q={code}")
        if orders:
            expected = Return.objects.filter(order=orders[0], state__in=OPEN).order_by("pk").first()
            if expected is not None:
                return HttpResponseRedirect(reverse("admin:orders_return_change", args=[expected.pk]))
            return HttpResponseRedirect(reverse("admin:order_return", args=[orders[0].pk]))
        messages.error(request, gettext("No return, parcel or order has the number “%s”.") % code)
        return HttpResponseRedirect(back)


@admin.register(Return)
class ReturnAdmin(ListAdmin):
    """Returns, newest first. They are started on the page of their order, or here without one."""

    is_read_only = True
    change_list_template = "orders/returns.html"
    tabs = (Tab("all", _("All")), *(_tab(state) for state in ReturnState))
    list_display = ("return_number", "state", "order", "reason", "units", "value", "requested")
    optional_columns = ("store", "requested_by", "tracking", "refunded", "received", "closed")
    list_filter = (ReturnStore, ReasonFilter, RequestedSince, RequestedUntil)
    list_select_related = ("order", "connection")
    search_fields = ("^number",)
    search_help_text = _("Search return number, order number or tracking number")
    object_page = ReturnPage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Return]:
        return super().get_queryset(request).defer("order__ship_to", "order__bill_to")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        orders = Order.objects.filter(number=term).values("pk")
        return queryset.filter(
            Q(number__startswith=term.upper()) | Q(tracking_number=term) | Q(order__in=orders)
        ), False

    def tab_counts(self, request: HttpRequest) -> dict[str, int]:
        """Return the open returns by status; ended ones are not counted."""
        rows = Return.objects.filter(state__in=OPEN).order_by().values_list("state")
        return {str(state): 0 for state in OPEN} | dict(rows.annotate(count=Count("pk")))

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        back = Sum(F("usable") + F("unusable") + F("written_off"))
        sums = (
            ReturnLine.objects.filter(of__in=rows)
            .order_by()
            .values("of")
            .annotate(asked=Sum("quantity"), back=back, value=Sum("amount"))
        )
        found = {each["of"]: (each["asked"], each["back"], each["value"]) for each in sums}
        for row in rows:
            row.units_asked, row.units_back, row.amount = found.get(row.pk, (0, 0, 0))
        return rows

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        since = timezone.now() - timedelta(days=REASON_DAYS)
        rows = Return.objects.filter(requested_at__gte=since).order_by().values_list("reason")
        labels = dict(ReturnReason.choices)
        reasons = [(value, labels[value], count) for value, count in rows.annotate(count=Count("pk"))]
        return {
            "reasons": sorted(reasons, key=lambda row: (-row[2], row[0])),
            "reason_days": REASON_DAYS,
            "may_decide": ReturnWithoutOrder.allows(request.user),
        }

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            _("No returns."),
            _("Start a return on the page of its order, or scan an order number above."),
        )

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: type[Page], name: str) -> URLPattern:
            return path(
                route, self.admin_site.admin_view(view.as_view(admin_site=self.admin_site)), name=name
            )

        return [
            page("scan/", ScanReturn, "return_scan"),
            page("without-order/", ReturnWithoutOrder, "return_without_order"),
            *super().get_urls(),
        ]

    @cell("lead", description=_("number"))
    def return_number(self, row: Return) -> SafeString:
        return link(f"{row.pk}/", row.number)

    @cell("state", description=_("status"))
    def state(self, row: Return) -> SafeString:
        return badge(row.get_state_display(), RETURN_COLOURS[row.state])

    @cell("nowrap", description=_("order"))
    def order(self, row: Return) -> Any:
        if row.order is None:
            return NOTHING
        return format_html(
            '<a href="{}">#{}</a>',
            reverse("admin:orders_order_change", args=[row.order_id]),
            row.order.number,
        )

    @cell(description=_("reason"))
    def reason(self, row: Return) -> str:
        return row.get_reason_display()

    @cell("num", description=_("back / expected"))
    def units(self, row: Any) -> str:
        return f"{row.units_back:,} / {row.units_asked:,}"

    @cell("num", description=_("value"))
    def value(self, row: Any) -> Any:
        return f"{row.amount:,.2f} {row.currency}" if row.amount else NOTHING

    @cell("nowrap", description=_("requested"))
    def requested(self, row: Return) -> Any:
        return ago(row.requested_at)

    @cell(description=_("store"))
    def store(self, row: Return) -> Any:
        return row.connection.name if row.connection else NOTHING

    @cell(description=_("requested by"))
    def requested_by(self, row: Return) -> str:
        return row.get_origin_display()

    @cell("nowrap", description=_("tracking number"))
    def tracking(self, row: Return) -> Any:
        return row.tracking_number or NOTHING

    @cell("num", description=_("refunded"))
    def refunded(self, row: Return) -> Any:
        return NOTHING if row.refund_noted is None else f"{row.refund_noted:,.2f} {row.currency}"

    @cell("nowrap", description=_("received"))
    def received(self, row: Return) -> Any:
        return ago(row.received_at) if row.received_at else NOTHING

    @cell("nowrap", description=_("closed"))
    def closed(self, row: Return) -> Any:
        return ago(row.closed_at) if row.closed_at else NOTHING
