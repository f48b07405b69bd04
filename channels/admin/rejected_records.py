"""Records of channels that could not be imported: the list, the tab of a store, one record as the channel sent it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.lists import ConnectionFilter, StoreListAdmin, StoreListPage
from channels.admin.store.page import CHANGE, VIEW, StorePage, needs
from channels.contract.spec import Capability
from channels.models import Connection, RejectedRecord
from channels.pull import single_records, streams
from channels.pull.page_writer import unpacked
from oms.kit.admin import panels
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import ago, number
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import ChoiceFilter
from oms.kit.admin.lists import Empty, Tab
from oms.kit.admin.pages import Crumb
from oms.kit.admin.paging import CAP
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author

WRITE = "channels.change_rejectedrecord"
#: Characters of a record that its page shows.
LONGEST_DOCUMENT = 200_000


class StreamFilter(ChoiceFilter):
    title, parameter_name = _("import"), "stream"

    def options(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return [(str(key), title) for key, title in streams.TITLES.items()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(stream=value)


class RejectedRecordResource(ExportResource):
    store = ExportField(attribute="connection__name", column_name=_("store"))

    class Meta:
        model = RejectedRecord
        fields = (
            "store",
            "stream",
            "external_id",
            "reason",
            "attempts",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
        )
        export_order = fields


def record_name(row: RejectedRecord) -> str:
    """Return the name of a record: "Products 42"."""
    return f"{streams.title(row.stream)} {row.external_id}"


def retry(ids: Sequence[int], author: Author, reason: str) -> list[Outcome]:
    """Request these records from their channels again (the bulk action Retry)."""
    rows = list(RejectedRecord.objects.filter(pk__in=ids).defer("native").order_by("pk"))
    outcomes = []
    for row in rows:
        label = record_name(row)
        if row.resolved_at is not None:
            outcomes.append(Outcome(row.pk, False, gettext("The record is already imported."), label))
        else:
            outcomes.append(Outcome(row.pk, True, gettext("It is requested from the channel again."), label))
    single_records.retry_rejected(rejected=[row for row in rows if row.resolved_at is None])
    return outcomes


@admin.register(RejectedRecord)
class RejectedRecordAdmin(StoreListAdmin):
    """Records that could not be imported, with the reason. The next import retries them."""

    title = _("Rejected records")
    tabs = (
        Tab("open", _("Open"), lambda rows: rows.filter(resolved_at=None), is_flag=True),
        Tab("resolved", _("Resolved"), lambda rows: rows.filter(resolved_at__isnull=False)),
    )
    list_display = ("record", "store", "why", "tries", "first", "last")
    list_filter: ClassVar[Any] = (ConnectionFilter, StreamFilter)
    search_fields = ("=external_id",)
    search_help_text = _("Search channel ID")
    default_sort = "-last_seen_at"
    resource_classes: ClassVar[Any] = (RejectedRecordResource,)
    bulk_actions = (BulkAction("retry", _("Retry"), retry, WRITE, tabs=("open",)),)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("native")

    def row_name(self, row: RejectedRecord) -> str:
        return record_name(row)

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        rows = self.narrowed_to_store(request, RejectedRecord.objects.order_by())
        is_open = Q(resolved_at=None)
        found = rows.aggregate(open=Count("pk", filter=is_open), resolved=Count("pk", filter=~is_open))
        return {key: min(count, CAP + 1) for key, count in found.items()}

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        return self.with_store_urls(rows)

    # --- columns ---

    @cell("lead", description=_("record"))
    def record(self, row: Any) -> SafeString:
        url = f"{row.store_url}refused-records/{row.pk}/"
        return format_html('<a class="oms-link" href="{}">{}</a>', url, record_name(row))

    @cell("wide", description=_("reason"))
    def why(self, row: RejectedRecord) -> str:
        return row.reason

    @cell("num", description=_("attempts"))
    def tries(self, row: RejectedRecord) -> SafeString:
        return number(row.attempts)

    @cell("nowrap", description=_("first"))
    def first(self, row: RejectedRecord) -> SafeString:
        return ago(row.first_seen_at)

    @cell("nowrap", description=_("last"), ordering="last_seen_at")
    def last(self, row: RejectedRecord) -> SafeString:
        return ago(row.last_seen_at)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        if cl.tab is not self.tabs[0]:
            return Empty(gettext("No resolved records."))
        return Empty(
            gettext("No rejected records."),
            gettext(
                "Records that could not be imported are listed here with the reason. The next import retries them."
            ),
        )


def rejected_records(store: Connection) -> int | None:
    """Return how many records of a store are rejected, None for none: the figure on its tab."""
    return RejectedRecord.objects.open().filter(connection=store).count() or None


@panels.tab(
    Connection,
    "refused-records",
    label=_("Rejected records"),
    permission=VIEW,
    count=rejected_records,
    position=40,
    off=needs(Capability.PULL_ORDERS),
    name="store_refused",
)
class StoreRejectedRecords(StoreListPage):
    """Records of this store that could not be imported."""

    title = _("Rejected records")
    tab = "refused-records"
    model = RejectedRecord
    write_permission: ClassVar[Any] = (WRITE, CHANGE)


#: Who may see the document itself; the reason is shown to everybody who sees the store.
DOCUMENT = "channels.view_rejecteddocument"


class RejectedRecordPage(StorePage):
    """One rejected record as the channel sent it."""

    title = _("Channel record")
    template_name = "channels/rejected_record.html"

    def crumbs(self) -> Iterable[Crumb]:
        own = reverse("admin:store_refused", args=[self.store.pk])
        return (*super().crumbs(), (_("Rejected records"), own))

    def get(self, request: HttpRequest, pk: int, record: int) -> HttpResponse:
        row = get_object_or_404(RejectedRecord, pk=record, connection=self.store)
        text = ""
        if request.user.has_perm(DOCUMENT):  # it may have the name and the address of a buyer
            text = json.dumps(unpacked(row.native), indent=2, ensure_ascii=False, default=str)
        return self.render(row=row, name=record_name(row), native=text[:LONGEST_DOCUMENT])
