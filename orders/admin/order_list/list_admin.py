"""The order list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.admin.actions import BulkAction
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.job_pages import ListJobPage
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.authors.audit import Event
from oms.kit.models import Job
from orders.admin.carriers import labels
from orders.admin.documents import list_actions
from orders.admin.new_order import page as new_order
from orders.admin.order_list.bulk_moves import BULK_ACTIONS, MOVE_OF_ACTION, shown_on
from orders.admin.order_list.columns import OrderColumns, Words
from orders.admin.order_list.exports import OrderLineResource, OrderResource
from orders.admin.order_list.filters import FILTERS
from orders.admin.order_list.move_job import MoveJob
from orders.admin.order_list.tabs import TABS, OrderTab, tab_counts
from orders.admin.order_page.actions import OrderAct, OrderMove
from orders.admin.order_page.corrections import CorrectOrder
from orders.admin.order_page.page import NativePage, OrderPage
from orders.admin.order_page.warehouse import MoveWarehouse
from orders.admin.order_rows import accepted_events, beside
from orders.domain import ship_by
from orders.models import Order, OrderEvent
from orders.services import moves
from orders.unit_of_work.search_text import search_orders

#: Columns that only one cell or the order page needs; they are read only where they are shown.
LARGE = {
    "ship_to": "town",
    "bill_to": "",
    "buyer_note": "",
    "gift_message": "",
    "corrected": "",
    "import_notes": "",
    # Of the store a row shows the name. Its credentials would be decrypted anew for each row.
    **{
        f"connection__{field.name}": ""
        for field in Connection._meta.concrete_fields
        if field.name not in ("id", "name")
    },
}


@admin.register(Order)
class OrderAdmin(OrderColumns, ListAdmin):
    """Orders by status, with filters, search, moves on many orders, and export (R-ORD-09)."""

    is_read_only = True
    change_list_template = "orders/list.html"
    tabs = TABS
    list_display = ("order", "ship_by", "buyer", "items", "total", "warehouse", "carrier", "state")
    optional_columns = (
        "placed",
        "store",
        "country",
        "town",
        "email",
        "phone",
        "units",
        "shipping_method",
        "payment",
        "channel_status",
    )
    sortable_by = ("order", "ship_by", "total", "placed")
    list_filter = FILTERS
    list_select_related = ("connection",)
    search_fields = ("=number",)  # shows the box; `search_orders` decides what it means
    search_help_text = _("Number, name, e-mail, phone, postcode, town, tracking number, SKU or title")
    resource_classes: ClassVar[Any] = (OrderResource, OrderLineResource)
    bulk_actions = (*BULK_ACTIONS, *list_actions.actions("orders"), labels.bulk_action("orders"))
    object_page = OrderPage

    # --- rows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        columns = self.get_list_display(request)
        unread = [name for name, column in LARGE.items() if column not in columns]
        return super().get_queryset(request).defer(*unread)

    def in_tab(self, queryset: QuerySet[Any], tab: Tab | None) -> QuerySet[Any]:
        return tab.rows(queryset) if isinstance(tab, OrderTab) else queryset

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        return tab_counts()

    def get_default_sort(self, request: HttpRequest, tab: Tab | None) -> str:
        return "ship_by_at" if self._is_by_ship_by(request, tab) else "-placed_at"

    @staticmethod
    def _is_by_ship_by(request: HttpRequest, tab: Tab | None) -> bool:
        return (isinstance(tab, OrderTab) and tab.is_open) or request.GET.get("due") in ship_by.RANGES

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Ship-by is sorted where its partial index of open orders answers, not over all orders."""
        names = super().get_sortable_by(request)
        if self._is_by_ship_by(request, self.get_tab(request)):
            return names
        return [name for name in names if name != "ship_by"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_orders(queryset, search_term), False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        found, words = beside([order.pk for order in rows]), Words()
        sent = accepted_events(rows) if "channel_status" in self.get_list_display(request) else {}
        for order in rows:
            order.beside, order.words = found[order.pk], words
            order.sent_event = sent.get(order.pk)
        return rows

    def row_name(self, row: Order) -> str:
        return f"#{row.number}"

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        if cl.tab is TABS[0]:
            return Empty(
                _("No orders."), _("Orders are imported every five minutes when a store is connected.")
            )
        return Empty(
            gettext("No orders in “%(tab)s”.") % {"tab": cl.tab.label if cl.tab else ""},
            _("Orders appear here when they reach this status."),
        )

    # --- moves ---

    def shows_in_bar(self, request: HttpRequest, one: BulkAction) -> bool:
        tab = self.get_tab(request)
        return bool(one.menu) or (
            one.in_bar and tab is not None and shown_on(MOVE_OF_ACTION[one.name], tab.key)
        )

    def done_text(self, one: BulkAction, count: int) -> str:
        return f"{one.label}: {moves.moved_text(count)}"

    def start_action_job(self, request: HttpRequest, one: BulkAction, ids: Sequence[int], reason: str) -> str:
        """Move more than 50 orders by a job of the orders' own queue."""
        move = MOVE_OF_ACTION[one.name]
        job = moves.start_job(move=move, order_ids=ids, user=request.user, reason=reason)
        return reverse("admin:orders_job", args=[job.pk])

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            pattern: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
            return pattern

        own = [
            page("jobs/<key:pk>/", self.job_view, "orders_job"),
            page("<key:pk>/move/<slug:name>/", OrderMove.as_view(admin_site=self.admin_site), "order_move"),
            page("<key:pk>/do/<slug:what>/", OrderAct.as_view(admin_site=self.admin_site), "order_act"),
            page("<key:pk>/warehouse/", MoveWarehouse.as_view(admin_site=self.admin_site), "order_warehouse"),
            page("<key:pk>/correct/", CorrectOrder.as_view(admin_site=self.admin_site), "order_correct"),
            page("<key:pk>/native/", NativePage.as_view(admin_site=self.admin_site), "order_native"),
        ]
        own += [
            page(route, view.as_view(admin_site=self.admin_site), name)
            for route, view, name in new_order.PAGES
        ]
        tabs = panels.tab_urls(Order, self.admin_site, permission="orders.view_order")
        return [*own, *tabs, *super().get_urls()]

    def job_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show a job of this list: moves of orders, else what every list starts (exports)."""
        if Job.objects.filter(pk=pk, kind=moves.JOB).exists():
            return MoveJob.as_view(admin_site=self.admin_site)(request, pk=pk)
        return ListJobPage.as_view(admin_site=self.admin_site, model_admin=self)(request, pk=pk)

    def history_events(self, request: HttpRequest, row: Order) -> Iterable[Event]:
        events = OrderEvent.objects.filter(order=row).select_related("author").order_by("-id")[:500]
        return [
            Event(event.at, str(event.author or event.actor_name or event.get_actor_display()), event.text)
            for event in events
        ]
