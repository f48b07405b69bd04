"""`ListAdmin`: the base of every admin list of staff. `oms.kit.admin` has a complete example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, ClassVar

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from oms.kit.admin import actions, figures, saved_views
from oms.kit.admin.base import ModelAdmin
from oms.kit.admin.changelist import KEPT, TAB, VIEW, KeysetChangeList
from oms.kit.admin.export.resources import ListExportMixin
from oms.kit.admin.job_pages import ListJobFile, ListJobPage, ListJobProgress
from oms.kit.admin.pages import Page
from oms.kit.admin.paging import CAP, CappedCount, capped_count
from oms.kit.admin.rows import Show, context_of, show_of
from oms.kit.authors.audit import Event, history_of

COUNT_MILLISECONDS = 2_000


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of a list. `narrow` returns its rows; None: all rows.

    `hint` is shown above the rows; `is_flag` shows a count above 0 in red; a tab that `is_rare` is shown only when it has
    rows or is open.
    """

    key: str
    label: Any
    narrow: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    hint: Any = ""
    is_flag: bool = False
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """The text in place of an empty list: `title` says that it is empty, `text` and the link what to do next."""

    title: Any
    text: Any = ""
    url: str = ""
    action: Any = ""


class ListAdmin(ListExportMixin, ModelAdmin):
    """An admin class whose list has keyset pages, tabs, filters, columns per person, saved views, actions and export.

    A column is one method with `@cell` and its name in `list_display`. Classes of filters (`oms.kit.admin.filters`)
    are in `list_filter`; `list_editable` is never used, `editable` names the figures that are edited in their cell.
    """

    change_list_template = "oms/list.html"
    list_filter: ClassVar[Any] = ()
    list_select_related: ClassVar[Any] = False
    sortable_by: ClassVar[tuple[str, ...]] = ()
    list_display_links = None
    show_full_result_count = False

    #: The tabs; the first is shown when none is asked for.
    tabs: ClassVar[Sequence[Tab]] = ()
    #: Columns that a person can add to `list_display`.
    optional_columns: ClassVar[Sequence[str]] = ()
    #: "name" or "-name" of a database column; NULLs come last.
    default_sort: ClassVar[str] = "-pk"
    #: Whether search results can be sorted. Off by default: in a large table no index serves both.
    is_search_sortable: ClassVar[bool] = False
    bulk_actions: ClassVar[Sequence[actions.BulkAction]] = ()
    editable: ClassVar[Mapping[str, figures.Figure]] = {}
    #: The page of one row, at `<pk>/` under Django's name `<app>_<model>_change`; None keeps Django's form.
    object_page: ClassVar[type[Page] | None] = None
    title: ClassVar[Any] = ""

    # --- names ---

    def name_of(self, what: str) -> str:
        """Return the name of an address of this list: `name_of("changelist")` -> "inventory_stockitem_changelist"."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{what}"

    @property
    def list_name(self) -> str:
        return self.opts.label_lower

    def list_title(self) -> str:
        """Return the heading of the list."""
        return str(self.title or capfirst(str(self.opts.verbose_name_plural)))

    def row_url(self, row: Any) -> str:
        """Return the address of a row's page, relative to the list."""
        return f"{row.pk}/" if self.object_page is not None else f"{row.pk}/change/"

    def row_name(self, row: Any) -> str:
        """Return the name of a row for check boxes, confirmations and screen readers."""
        return str(row)

    # --- rows ---

    def get_tab(self, request: HttpRequest) -> Tab | None:
        """Return the tab of the request; the first one without it."""
        asked = request.GET.get(TAB, "")
        return next((tab for tab in self.tabs if tab.key == asked), self.tabs[0] if self.tabs else None)

    def in_tab(self, queryset: QuerySet[Any], tab: Tab | None) -> QuerySet[Any]:
        """Return the rows of a tab."""
        return tab.narrow(queryset) if tab is not None and tab.narrow is not None else queryset

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        """Return the rows of each tab, counted to 10,001, in one statement; {} shows no figures."""
        return {}

    def known_count(self, request: HttpRequest, cl: KeysetChangeList) -> CappedCount | None:
        """Return the number of rows where it is known without counting: the tab's count, if no filter is used."""
        counts: Mapping[str, int] = getattr(request, "list_tab_counts", {})
        if cl.is_narrowed or cl.tab is None or cl.tab.key not in counts:
            return None
        return CappedCount(counts[cl.tab.key], CAP)

    def get_default_sort(self, request: HttpRequest, tab: Tab | None) -> str:
        """Return "name" or "-name" of the column that a tab is sorted by."""
        return self.default_sort

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Read related data for the rows of one page, in a fixed number of statements, and set it on them."""
        return rows

    def filtered(self, request: HttpRequest) -> QuerySet[Any]:
        """Return every row of the tab, filters and search of the request, in the list's order, without pages."""
        unpaged = type(
            "Unpaged", (self.get_changelist(request),), {"get_results": lambda self, request: None}
        )
        cl: KeysetChangeList = unpaged(
            request,
            self.model,
            self.list_display,
            None,
            self.get_list_filter(request),
            None,
            self.get_search_fields(request),
            self.get_list_select_related(request),
            self.list_per_page,
            0,
            (),
            self,
            self.get_sortable_by(request),
            self.search_help_text,
        )
        rows: QuerySet[Any] = cl.queryset
        return rows

    # --- what a request may use ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return KeysetChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow only declared filters: Django lets everybody who may view a list filter by any of its columns."""
        return lookup in self.parameter_names()

    def parameter_names(self) -> set[str]:
        """Return the parameters of the declared filters."""
        return {one.parameter_name for one in self.list_filter}

    def get_sortable_by(self, request: HttpRequest) -> Any:
        is_search = bool(request.GET.get(SEARCH_VAR, "").strip())
        return () if is_search and not self.is_search_sortable else self.sortable_by

    def every_column(self) -> list[str]:
        """Return the names of all columns that this list has."""
        return list(dict.fromkeys([*self.list_display, *self.optional_columns]))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns that this person chose, in their order; the list's first column is always first."""
        view = saved_views.view_in_use(request, self.list_name) if request.method == "GET" else None
        chosen = [name for name in (view.columns if view else ()) if name in self.every_column()]
        if not chosen:
            return [str(name) for name in self.list_display]
        lead = str(self.list_display[0])
        return [lead, *(name for name in chosen if name != lead)]

    def shows(self, request: HttpRequest, names: Iterable[str] | None = None) -> dict[str, Show]:
        """Return the functions that write the cells of these columns (None: of the columns that this person sees).

        A figure that the person may edit is a button.
        """
        may = figures.editable_for(self, request)
        found = {}
        for name in names or self.get_list_display(request):
            show = show_of(self, name)
            found[name] = figures.as_button(self, name, may[name], show) if name in may else show
        return found

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions of this tab that this person may do. Other actions are refused when posted."""
        tab = self.get_tab(request)
        return {
            one.name: (actions.django_action(one), one.name, one.label)
            for one in self.bulk_actions
            if (not one.tabs or (tab is not None and tab.key in one.tabs))
            and request.user.has_perm(one.permission)
        }

    def shows_in_bar(self, request: HttpRequest, one: actions.BulkAction) -> bool:
        """Whether an action that this person may do has a button for the selected rows of this tab."""
        return one.in_bar

    def done_text(self, one: actions.BulkAction, count: int) -> str:
        """Return the message after an action: what was done, with how many rows."""
        return f"{one.label}: {actions.rows_done(count)}."

    def start_action_job(
        self, request: HttpRequest, one: actions.BulkAction, ids: Sequence[int], reason: str
    ) -> str:
        """Start a job for more than 50 rows; return the address of its page."""
        return actions.start_job(self, request, one, ids, reason)

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("views/", self._wrap(self.views_view), name=self.name_of("views")),
            path("count/", self._wrap(self.count_view), name=self.name_of("count")),
            path("<key:pk>/set/", self._wrap(self.set_view), name=self.name_of("set")),
            self._page("jobs/<key:pk>/", ListJobPage, "job"),
            self._page("jobs/<key:pk>/progress.json", ListJobProgress, "job_progress"),
            self._page("jobs/<key:pk>/file/", ListJobFile, "job_file"),
        ]
        django: list[URLPattern] = super().get_urls()
        if self.object_page is None:
            return [*own, *django]
        view = self.object_page.as_view(admin_site=self.admin_site)
        own.append(path("<key:pk>/", self.admin_site.admin_view(view), name=self.name_of("change")))
        replaced = {
            self.name_of("change"),
            self.name_of("delete"),
            None,
        }  # None: Django's redirect of `<pk>/`
        return [*own, *(one for one in django if one.name not in replaced)]

    def _wrap(self, view: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return self.admin_site.admin_view(view)(*args, **kwargs)

        return update_wrapper(wrapper, view)

    def _page(self, route: str, page: type[ListJobPage], name: str) -> URLPattern:
        view = page.as_view(admin_site=self.admin_site, model_admin=self)
        return path(route, self.admin_site.admin_view(view), name=self.name_of(name))

    def count_view(self, request: HttpRequest) -> JsonResponse:
        """Answer with the number of rows of the request, counted to 10,001; null after two seconds.

        The page requests it after it is shown.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.filtered(request)
        try:
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute("SET LOCAL statement_timeout = %s", [COUNT_MILLISECONDS])
                return JsonResponse({"count": str(capped_count(rows))})
        except OperationalError:
            return JsonResponse({"count": None})

    def views_view(self, request: HttpRequest) -> HttpResponse:
        """Save, choose, rename, share, order or delete this person's views of the list (`oms.kit.admin.saved_views`)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = reverse(f"admin:{self.name_of('changelist')}")
        if request.method != "POST":
            return HttpResponseRedirect(back)
        shown = request.POST.get(
            "back", ""
        )  # the list may stand inside another page, such as that of a store
        if shown.startswith(reverse("admin:index")) and url_has_allowed_host_and_scheme(shown, None):
            back = shown.partition("?")[0]
        names = {*KEPT, *self.parameter_names()}
        editor = saved_views.ViewEditor(request, self.list_name, self.every_column(), names)
        view = editor.run()
        query = saved_views.cleaned_query(request.POST.get("query", ""), names)
        if view is not None and view.name:
            return HttpResponseRedirect(back + self.view_link(view))
        return HttpResponseRedirect(
            f"{back}?{query}" if query else f"{back}?{VIEW}=0" if view is None else back
        )

    @staticmethod
    def view_link(view: Any) -> str:
        """Return "?…" that shows a saved view."""
        return f"?{view.query}&{VIEW}={view.pk}" if view.query else f"?{VIEW}={view.pk}"

    def set_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Change one figure of one row (`oms.kit.admin.figures`)."""
        return figures.set_figure(self, request, pk)

    def history_events(self, request: HttpRequest, row: Any) -> Iterable[Event]:
        """Return the events of a row; by default what the audit log has about it."""
        return history_of(row)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        events = self.history_events(request, row)
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %s") % self.row_name(row),
            "page": self,
            "crumbs": [
                (self.list_title(), reverse(f"admin:{self.name_of('changelist')}")),
                (self.row_name(row), ""),
            ],
            "events": list(events),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "oms/history.html", context)

    # --- the list ---

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        """Return the text of an empty list."""
        first = cl.get_query_string({TAB: cl.tab.key if cl.tab else None})
        if cl.is_beyond_first:
            return Empty(_("No more rows."), "", first, _("Back to the first page"))
        if cl.is_narrowed:
            return Empty(_("No rows found."), "", self.clear_link(cl), _("Clear filters"))
        return Empty(_("No rows."))

    def clear_link(self, cl: KeysetChangeList) -> str:
        """Return the address of the tab without search, filters and view."""
        tab = cl.tab.key if cl.tab and cl.tab is not self.tabs[0] else ""
        return f"?{TAB}={tab}&{VIEW}=0" if tab else f"?{VIEW}=0"

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        """Return more context for a template that extends `oms/list.html`."""
        return {}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied(_("Your role does not allow this."))
        if request.method == "POST" and request.POST.get("action", "") not in self.get_actions(request):
            # Django would answer with the list, as if no action had been posted.
            raise PermissionDenied(_("Your role does not allow this."))
        if request.method == "GET":
            if not request.GET and (own := saved_views.default_view(request, self.list_name)) and own.query:
                return HttpResponseRedirect(f"{request.path}?{own.query}")
            if self.tabs:
                request.list_tab_counts = self.tab_counts(request)  # type: ignore[attr-defined]
        title = self.list_title()
        response = super().changelist_view(request, {"title": title, **(extra_context or {})})
        context = getattr(response, "context_data", None)
        if context is None or "cl" not in context:
            return response
        context.update(context_of(self, request, context["cl"]))
        return response
