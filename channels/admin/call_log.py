"""Requests to channels and their answers, secrets removed: the list, the tab of a store, one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.lists import ConnectionFilter, StoreListAdmin, StoreListPage
from channels.admin.store.page import CHANGE, StorePage, needs
from channels.contract.spec import Capability
from channels.models import CallLog, Connection
from oms.kit.admin import panels
from oms.kit.admin.badges import ago, badge
from oms.kit.admin.changelist import TAB, KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import ChoiceFilter, SinceFilter, TextFilter, UntilFilter
from oms.kit.admin.lists import Empty, Tab
from oms.kit.admin.pages import Crumb
from oms.kit.admin.rows import cell
from oms.kit.numbers import is_whole_number

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def failed(rows: QuerySet[CallLog]) -> QuerySet[CallLog]:
    """Return the calls without an answer, or with an answer of status 400 or above."""
    return rows.filter(Q(status__gte=400) | Q(status=None))


class MethodFilter(ChoiceFilter):
    title, parameter_name = _("method"), "method"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(name, name) for name in METHODS]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(method=value)


class StatusFilter(TextFilter):
    title, parameter_name, size = _("answer"), "status", 4
    placeholder = "429"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        is_status = is_whole_number(value) and len(value) == 3
        return queryset.filter(status=int(value)) if is_status else None


class Since(SinceFilter):
    title, parameter_name, field, is_more = _("from"), "since", "at", True


class Until(UntilFilter):
    title, parameter_name, field, is_more = _("to"), "until", "at", True


class CallResource(ExportResource):
    store = ExportField(attribute="connection__name", column_name=_("store"))

    class Meta:
        model = CallLog
        fields = ("store", "at", "method", "url", "status", "milliseconds", "error")
        export_order = fields


@admin.register(CallLog)
class CallLogAdmin(StoreListAdmin):
    """Every request to a channel in the last two weeks."""

    title = _("Calls")
    tabs = (
        Tab("all", _("All"), hint=_("Keys and passwords are removed before a call is stored.")),
        Tab("failed", _("Failed"), failed),
    )
    list_display = ("call", "store", "answer_chip", "took", "when")
    list_filter: ClassVar[Any] = (ConnectionFilter, MethodFilter, StatusFilter, Since, Until)
    default_sort = "-pk"
    resource_classes: ClassVar[Any] = (CallResource,)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the calls of stores without their bodies; calls made before a store was saved belong to none."""
        return super().get_queryset(request).filter(connection__isnull=False).defer("sent", "answer")

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        return self.with_store_urls(rows)

    # --- columns ---

    @cell("lead", description=_("call"))
    def call(self, row: Any) -> SafeString:
        url = f"{row.store_url}calls/{row.pk}/"
        return format_html('<a class="oms-link oms-break" href="{}">{} {}</a>', url, row.method, row.url)

    @cell("nowrap", description=_("answer"))
    def answer_chip(self, row: CallLog) -> SafeString:
        is_wrong = not row.status or row.status >= 400
        chip = badge(row.status or gettext("none"), "danger" if is_wrong else "success")
        return format_html('{} <span class="small quiet">{}</span>', chip, row.error) if row.error else chip

    @cell("num", description=_("duration"))
    def took(self, row: CallLog) -> str:
        return f"{row.milliseconds:,} ms"

    @cell("nowrap", description=_("when"))
    def when(self, row: CallLog) -> SafeString:
        return ago(row.at)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        return Empty(gettext("No calls."), gettext("Each request to a channel is listed here for two weeks."))


@panels.tab(
    Connection,
    "calls",
    label=_("Calls"),
    permission=CHANGE,
    position=100,
    off=needs(Capability.PULL_ORDERS),
    name="store_calls",
)
class StoreCalls(StoreListPage):
    """The last requests to this store and their answers."""

    title = _("Calls")
    tab = "calls"
    permission: ClassVar[Any] = CHANGE
    model = CallLog

    def asked(self, request: HttpRequest) -> Any:
        asked = super().asked(request)
        if asked.pop("only", [""])[-1] == "failed":  # old addresses of this tab
            asked[TAB] = "failed"
        return asked


class CallPage(StorePage):
    """One call: what was sent, what was answered."""

    title = _("Call")
    permission: ClassVar[Any] = CHANGE
    template_name = "channels/call.html"

    def crumbs(self) -> Iterable[Crumb]:
        return (*super().crumbs(), (_("Calls"), reverse("admin:store_calls", args=[self.store.pk])))

    def get(self, request: HttpRequest, pk: int, call: int) -> HttpResponse:
        row = CallLog.objects.filter(pk=call, connection=self.store).first()
        if row is None:
            raise Http404(gettext("This call was deleted: calls are stored for two weeks."))
        return self.render(row=row)
