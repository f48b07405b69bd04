"""The audit page: who changed what, when, from which value to which. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import Product
from channels.admin.store.page import StorePage
from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.admin.badges import ago, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import ChoiceFilter, RowFilter, SinceFilter, TextFilter, UntilFilter
from oms.kit.admin.lists import Empty, ListAdmin
from oms.kit.admin.rows import cell
from oms.kit.authors import audit
from oms.kit.authors.audit import changes_html, changes_text, events_of, history_of, kind_words, who
from oms.kit.models import AuditEntry

VIEW = "kit.view_auditentry"

#: What the log is about; the addresses of these rows are found by the admin's own names.
KINDS = (
    "channels.connection",
    "channels.syncstream",
    "channels.statusmapentry",
    "channels.outboxmessage",
    "channels.rejectedrecord",
    "catalogue.product",
    "catalogue.variant",
    "catalogue.listing",
    "catalogue.listingvariant",
    "inventory.warehouse",
    "inventory.stockdifference",
    "orders.carrier",
    "orders.order",
    "kit.job",
    "auth.user",
    "auth.group",
)


class AuthorFilter(TextFilter):
    title, parameter_name = _("who"), "who"

    def narrow(self, queryset: QuerySet[AuditEntry], value: str) -> QuerySet[AuditEntry]:
        return queryset.filter(author_name__istartswith=value)


class ActionFilter(ChoiceFilter):
    title, parameter_name = _("what"), "what"

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return sorted(audit.ACTIONS.items(), key=lambda item: str(item[1]))

    def narrow(self, queryset: QuerySet[AuditEntry], value: str) -> QuerySet[AuditEntry]:
        return queryset.filter(action=value)


class KindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return [(label, kind_words(label)) for label in KINDS]

    def narrow(self, queryset: QuerySet[AuditEntry], value: str) -> QuerySet[AuditEntry]:
        return queryset.filter(subject_kind=value)


class StoreFilter(RowFilter):
    title, parameter_name, field = _("store"), "store", "connection_id"

    def rows(self) -> QuerySet[Connection]:
        return Connection.objects.order_by("name")


class ChangedSince(SinceFilter):
    title, parameter_name, field = _("from"), "since", "at"


class ChangedUntil(UntilFilter):
    title, parameter_name, field = _("to"), "until", "at"


class AuditResource(ExportResource):
    who = ExportField(column_name=_("who"))
    what = ExportField(column_name=_("what"))
    kind = ExportField(column_name=_("kind"))
    changes = ExportField(column_name=_("old and new values"))

    class Meta:
        model = AuditEntry
        fields = ("at", "who", "what", "kind", "subject_name", "changes")
        export_order = fields

    def dehydrate_who(self, row: AuditEntry) -> str:
        return who(row)

    def dehydrate_what(self, row: AuditEntry) -> str:
        return audit.words_of(row.action)

    def dehydrate_kind(self, row: AuditEntry) -> str:
        return kind_words(row.subject_kind)

    def dehydrate_changes(self, row: AuditEntry) -> str:
        return "\n".join(changes_text(row))


def address_of(label: str, pk: int | None) -> str:
    """Return the page of a row that the log names; "" where it has none."""
    if pk is None:
        return ""
    if label == "channels.connection":
        return reverse("admin:store", args=[pk])
    try:
        return reverse(f"admin:{label.replace('.', '_')}_change", args=[pk])
    except NoReverseMatch:
        return ""


@admin.register(AuditEntry)
class AuditAdmin(ListAdmin):
    """The audit log, newest first."""

    is_read_only = True
    title = _("Audit log")
    address = "settings/audit/"
    list_display = ("when", "who", "what", "subject", "values")
    list_filter: ClassVar[Any] = (
        AuthorFilter,
        ActionFilter,
        KindFilter,
        StoreFilter,
        ChangedSince,
        ChangedUntil,
    )
    search_fields = ("^subject_name",)
    search_help_text = _("Search the start of a name, SKU or title")
    resource_classes = (AuditResource,)

    def get_urls(self) -> list[Any]:
        """Return the addresses of the list: an entry has no page of its own."""
        forms = {self.name_of(name) for name in ("add", "change", "delete", "history")}
        return [one for one in super().get_urls() if one.name not in forms and one.name is not None]

    def row_name(self, row: AuditEntry) -> str:
        return f"{audit.words_of(row.action)}: {row.subject_name}"

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        for row in rows:
            row.url = address_of(row.subject_kind, row.subject_id)
            row.kind_text = kind_words(row.subject_kind)
        return rows

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        return Empty(
            gettext("No changes yet."),
            gettext("Each change of a store, a price, a product, a user or a setting is listed here."),
        )

    @cell("lead nowrap", description=_("when"))
    def when(self, row: AuditEntry) -> SafeString:
        return ago(row.at)

    @cell(description=_("who"))
    def who(self, row: AuditEntry) -> str:
        return who(row)

    @cell(description=_("what"))
    def what(self, row: AuditEntry) -> str:
        return audit.words_of(row.action)

    @cell(description=_("subject"))
    def subject(self, row: Any) -> Any:
        name = f"{row.kind_text}: {row.subject_name}"
        return link(row.url, name) if row.url else name

    @cell(description=_("old → new"))
    def values(self, row: AuditEntry) -> SafeString:
        return changes_html(row)


@panels.tab(Connection, "history", label=_("History"), permission=VIEW, position=120, name="store_history")
class StoreHistory(StorePage):
    """Who changed what in this store."""

    title = _("History")
    tab = "history"
    permission: ClassVar[Any] = VIEW
    template_name = "channels/store_history.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        entries = AuditEntry.objects.filter(connection_id=self.store.pk).order_by("-pk")[:200]
        events = events_of(entries, names_subject=True)
        return self.render(events=events, log=f"{reverse('admin:kit_auditentry_changelist')}?store={pk}")


@panels.panel(
    Product,
    "changes",
    label=_("History"),
    permission=VIEW,
    template="catalogue/parts/history.html",
    position=900,
)
def product_history(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return the latest changes of a product and its SKUs."""
    return {"events": history_of(product, *product.variants.all(), most=10)}
