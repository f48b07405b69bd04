"""Admin lists of rows that belong to a store: over all stores, and the same list inside the page of one store.

The tab of a store is the list itself with `?store=<pk>` and the head of the store's page: one way to filter, sort, act
and export. Links of the list keep `store`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin import site
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import INTEGRATIONS, StorePage
from channels.models import Connection
from oms.kit.admin.changelist import TAB, VIEW, KeysetChangeList
from oms.kit.admin.filters import RowFilter
from oms.kit.admin.lists import ListAdmin
from oms.kit.admin.rows import cell
from oms.kit.numbers import is_whole_number, whole_number

STORE = "store"


class ConnectionFilter(RowFilter):
    """The store of a row. Every key filters, also one whose name is not in the cached list of names."""

    title, parameter_name, field = _("store"), STORE, "connection_id"
    all_words = _("All stores")

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        if store_of(request) is not None:
            self.kind = "hidden"  # type: ignore[misc]  # the page of a store shows that store

    def rows(self) -> QuerySet[Connection]:
        return Connection.objects.stores().only("pk", "name")

    def value(self) -> str:
        asked = str(self.used_parameters.get(self.parameter_name, "")).strip()
        return asked if is_whole_number(asked) else ""


def store_of(request: HttpRequest) -> Connection | None:
    """Return the store in whose page a list is shown; None for the list over all stores."""
    found: Connection | None = getattr(request, "shown_in_store", None)
    return found


def asked_store(request: HttpRequest) -> int | None:
    """Return the key of the store that `?store=` names."""
    return whole_number(request.GET.get(STORE, ""))


class StoreListAdmin(ListAdmin):
    """The base of lists of rows with a `connection`: store filter, store column, none of Django's forms."""

    is_read_only = True

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the list; rows are changed by services, never by a form."""
        forms = {self.name_of(name) for name in ("add", "change", "delete", "history")}
        return [one for one in super().get_urls() if one.name not in forms and one.name is not None]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with their store, but without its keys: a list does not need them."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("connection").defer(
            "connection__credentials", "connection__webhook_secret"
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = super().get_list_display(request)
        return shown if store_of(request) is None else [name for name in shown if name != "store"]

    def narrowed_to_store(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the store that `?store=` names, for the counts on the tabs."""
        store = asked_store(request)
        return queryset if store is None else queryset.filter(connection=store)

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {"crumbs": [(INTEGRATIONS, ""), (self.list_title(), "")]}

    @cell(description=_("store"))
    def store(self, row: Any) -> SafeString:
        return format_html('<a class="oms-link" href="{}">{}</a>', row.store_url, row.connection.name)

    def with_store_urls(self, rows: list[Any]) -> list[Any]:
        """Set the address of its store on each row (`store_url`); `reverse()` runs once for each store."""
        urls: dict[int, str] = {}
        for row in rows:
            if row.connection_id not in urls:
                urls[row.connection_id] = reverse("admin:store", args=[row.connection_id])
            row.store_url = urls[row.connection_id]
        return rows


class StoreListPage(StorePage):
    """A tab of a store that is an admin list."""

    model: ClassVar[type[Model]]
    template_name = "channels/store_list.html"
    #: The tab of the list that is shown when the address names none; "" is the list's first one.
    first_tab: ClassVar[str] = ""

    def asked(self, request: HttpRequest) -> Any:
        """Return the parameters of the list: those of the address, and this store."""
        asked = request.GET.copy()
        if self.first_tab and not {STORE, TAB, VIEW} & set(asked):
            asked[TAB] = self.first_tab
        asked[STORE] = str(self.store.pk)
        return asked

    def show(self, request: HttpRequest) -> HttpResponse:
        """Answer with the list, or run one of its actions, inside the store's page."""
        request.GET = self.asked(request)
        request.shown_in_store = self.store  # type: ignore[attr-defined]
        model_admin: Any = site.get_model_admin(self.model)
        response: HttpResponse = model_admin.changelist_view(request)
        if "cl" in (getattr(response, "context_data", None) or {}):
            response.template_name = self.template_name  # type: ignore[attr-defined]
            name = model_admin.name_of("changelist")
            response.context_data |= {  # type: ignore[attr-defined]
                **self.store_context(),
                "title": self.title,
                "crumbs": [*self.crumbs(), (self.title, "")],
                "may_write": self.may_write,
                "all_stores": reverse(f"admin:{name}"),
            }
        return response

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(request)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(request)
