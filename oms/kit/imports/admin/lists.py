"""The list of imports, and the addresses of their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.badges import NOTHING, ago, badge, number
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.filters import ChoiceFilter, SinceFilter, TextFilter, UntilFilter
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.paging import CAP
from oms.kit.admin.rows import cell
from oms.kit.imports import kinds
from oms.kit.imports.admin import columns, exports, page, start
from oms.kit.imports.admin.base import ADD, TITLE
from oms.kit.imports.admin.progress import COLOURS
from oms.kit.imports.models import SheetImport

State = SheetImport.State


class KindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return [(one.key, one.label) for one in kinds.every()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(kind=value)


class PersonFilter(TextFilter):
    title, parameter_name, is_more = _("by"), "person", True

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(author__username=value)


class Since(SinceFilter):
    title, parameter_name, field, is_more = _("from"), "since", "created_at", True


class Until(UntilFilter):
    title, parameter_name, field, is_more = _("to"), "until", "created_at", True


@admin.register(SheetImport)
class SheetImportAdmin(ListAdmin):
    """Every file that was given, newest first."""

    address = "catalogue/excel/"
    title = TITLE
    is_read_only = True
    object_page = page.ImportPage
    change_list_template = "oms/imports/list.html"
    tabs = (
        Tab("all", _("All")),
        Tab(
            "open",
            _("To confirm"),
            lambda rows: rows.filter(state=State.CHECKED),
            hint=_("These files are checked and not applied yet."),
        ),
        Tab("done", _("Done"), lambda rows: rows.filter(state=State.DONE)),
        Tab("failed", _("Failed"), lambda rows: rows.filter(state=State.FAILED), is_flag=True),
    )
    list_display = ("file", "what", "state_chip", "created", "updated", "rejected", "person", "asked")
    optional_columns = ("unchanged", "applied")
    list_filter: ClassVar[Any] = (KindFilter, PersonFilter, Since, Until)
    list_select_related: ClassVar[Any] = ("author",)
    default_sort = "-pk"

    def row_name(self, row: SheetImport) -> str:
        return row.file_name

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        found = SheetImport.objects.order_by().aggregate(
            all=Count("pk"),
            open=Count("pk", filter=Q(state=State.CHECKED)),
            done=Count("pk", filter=Q(state=State.DONE)),
            failed=Count("pk", filter=Q(state=State.FAILED)),
        )
        return {key: min(count, CAP + 1) for key, count in found.items()}

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Set the words of kinds and states, made once instead of once per row."""
        names = {one.key: one.label for one in kinds.every()}
        chips = {value: badge(words, COLOURS[State(value)]) for value, words in State.choices}
        for row in rows:
            row.kind_words, row.chip = names.get(row.kind, row.kind), chips[row.state]
        return rows

    # --- columns ---

    @cell("lead", description=_("file"))
    def file(self, row: SheetImport) -> SafeString:
        return format_html('<a class="oms-link" href="{}/">{}</a>', row.pk, row.file_name)

    @cell("nowrap", description=_("kind"))
    def what(self, row: Any) -> str:
        return str(row.kind_words)

    @cell("nowrap", description=_("state"))
    def state_chip(self, row: Any) -> SafeString:
        return SafeString(row.chip)

    @cell("num", description=_("new"))
    def created(self, row: SheetImport) -> SafeString:
        return number(row.count("created"))

    @cell("num", description=_("changed"))
    def updated(self, row: SheetImport) -> SafeString:
        return number(row.count("updated"))

    @cell("num", description=_("unchanged"))
    def unchanged(self, row: SheetImport) -> SafeString:
        return number(row.count("unchanged"))

    @cell("num", description=_("rejected"))
    def rejected(self, row: SheetImport) -> SafeString:
        return number(row.count("rejected"))

    @cell("nowrap", description=_("by"))
    def person(self, row: SheetImport) -> Any:
        return row.author or row.actor

    @cell("nowrap", description=_("uploaded"))
    def asked(self, row: SheetImport) -> SafeString:
        return ago(row.created_at)

    @cell("nowrap", description=_("applied"))
    def applied(self, row: SheetImport) -> Any:
        return ago(row.applied_at) if row.applied_at else NOTHING

    # --- pages ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        view: Any = start.StartPage.as_view(admin_site=self.admin_site)
        answer: HttpResponse = view(request)
        return answer

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            made = view.as_view(admin_site=self.admin_site)
            found: URLPattern = path(route, self.admin_site.admin_view(made), name=name)
            return found

        return [
            at("template/<slug:key>/", start.TemplatePage, "imports_template"),
            at("export/<slug:key>/", start.ExportPage, "imports_export"),
            at("exports/<key:pk>/", exports.ExportJobPage, "imports_export_job"),
            at("exports/<key:pk>/progress.json", exports.ExportProgress, "imports_export_progress"),
            at("exports/<key:pk>/file/", exports.ExportFile, "imports_export_file"),
            at("<key:pk>/progress.json", page.ImportProgress, "imports_progress"),
            at("<key:pk>/file/", page.ResultFile, "imports_file"),
            at("<key:pk>/columns/", columns.ColumnsPage, "imports_columns"),
            *super().get_urls(),
        ]

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {
            "crumbs": [(_("Catalogue"), ""), (self.list_title(), "")],
            "start_url": reverse("admin:imports_sheetimport_add"),
            "may_import": request.user.has_perm(ADD) and bool(kinds.importable(request.user)),
        }

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first or (cl.tab is not None and cl.tab.key != "all"):
            return super().empty(request, cl)
        return Empty(
            gettext("No file was imported yet."),
            gettext("Get a template or an export, change it in Excel, and upload it."),
            reverse("admin:imports_sheetimport_add"),
            gettext("Import a file"),
        )
