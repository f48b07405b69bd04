"""The stores as cards, and the URLs of all pages under Integrations » Ecommerce Sales Channels."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from channels.admin.call_log import CallPage
from channels.admin.rejected_records import RejectedRecordPage
from channels.admin.store import capabilities as _capabilities  # noqa: F401  (a tab registers itself)
from channels.admin.store import connect, control, first_sync, overview, plan, sync_forms
from channels.admin.store import reconcile as _reconcile  # noqa: F401
from channels.admin.store import settings as _settings  # noqa: F401
from channels.admin.store import status_map as _status_map  # noqa: F401
from channels.admin.store.page import ADD, CHANNELS, INTEGRATIONS, StoresPage
from channels.contract.registry import specs
from channels.contract.spec import Stream
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncStream
from channels.stores.health import run_history
from channels.stores.health.freshness import stock_of
from channels.stores.health.health_text import healths_of
from oms.kit.admin import panels
from oms.kit.admin.base import ModelAdmin
from oms.kit.admin.pages import Page, routes


class Stores(StoresPage):
    """All stores as cards, each with its health in one sentence."""

    title = CHANNELS
    template_name = "channels/stores.html"

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        stores = list(Connection.objects.stores())
        ids = [store.pk for store in stores]
        waiting = Q(wanted__gt=F("sent"), skipped_at=None)
        messages_of = {
            row["connection_id"]: row
            for row in OutboxMessage.objects.filter(waiting, connection__in=ids)
            .order_by()
            .values("connection_id")
            .annotate(
                parked=Count("pk", filter=Q(parked_at__isnull=False)),
                open=Count("pk", filter=Q(parked_at=None)),
            )
        }
        refused = dict(
            RejectedRecord.objects.filter(connection__in=ids, resolved_at=None)
            .order_by()
            .values_list("connection_id")
            .annotate(n=Count("pk"))
        )
        orders = SyncStream.objects.filter(connection__in=ids, name=Stream.ORDERS_NEW).select_related(
            "connection"
        )
        runs = run_history.recent_runs(ids, [Stream.ORDERS_NEW])
        stock = stock_of(stores)
        fresh = {one.stream.connection_id: one for one in run_history.freshness(orders, runs)}
        healths = healths_of(stores)
        cards = [
            {
                "store": store,
                "channel": specs()[store.channel].label if store.channel in specs() else store.channel,
                "has_wire": store.has_wire,
                "health": healths[store.pk],
                "fresh": fresh.get(store.pk),
                "stock": stock[store.pk],
                "messages": messages_of.get(store.pk, {}),
                "refused": refused.get(store.pk, 0),
            }
            for store in stores
        ]
        connected = [card for card in cards if card["store"].state != Connection.State.DISCONNECTED]
        # A deleted store is only a name for its orders.
        disconnected = [
            card
            for card in cards
            if card["store"].state == Connection.State.DISCONNECTED and not card["store"].is_deleted
        ]
        return self.render(cards=connected, disconnected=disconnected, may_connect=request.user.has_perm(ADD))


#: Pages by address, under `ConnectionAdmin.address`, and name. Tabs (`panels.tab(Connection, …)`) are added to them.
PAGES: tuple[tuple[str, type[Page], str], ...] = (
    ("", Stores, "stores"),
    ("connect/", connect.ChooseChannel, "connect"),
    ("connect/<slug:channel>/", connect.ConnectChannel, "connect_channel"),
    ("<key:pk>/", overview.Overview, "store"),
    ("<key:pk>/streams/<key:stream>/", overview.StreamControl, "store_stream"),
    ("<key:pk>/first-sync/", first_sync.FirstSync, "store_first_sync"),
    ("<key:pk>/plan/", plan.Plan, "store_plan"),
    ("<key:pk>/sync-orders/", sync_forms.SyncOrders, "store_sync_orders"),
    ("<key:pk>/sync-products/", sync_forms.SyncProducts, "store_sync_products"),
    ("<key:pk>/sync-stock/", sync_forms.SyncStock, "store_sync_stock"),
    ("<key:pk>/sync-prices/", sync_forms.SyncPrices, "store_sync_prices"),
    ("<key:pk>/pause/", control.Pause, "store_pause"),
    ("<key:pk>/read-only/", control.ReadOnly, "store_read_only"),
    ("<key:pk>/reconnect/", connect.Reconnect, "store_reconnect"),
    ("<key:pk>/disconnect/", control.Disconnect, "store_disconnect"),
    ("<key:pk>/refused-records/<key:record>/", RejectedRecordPage, "store_refused_one"),
    ("<key:pk>/calls/<key:call>/", CallPage, "store_call"),
)
#: Django's names for the same pages: breadcrumbs and the log of the admin lead to them.
DJANGO: tuple[tuple[str, type[Page], str], ...] = (
    ("", Stores, "channels_connection_changelist"),
    ("connect/", connect.ChooseChannel, "channels_connection_add"),
    ("<key:pk>/", overview.Overview, "channels_connection_change"),
)


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):
    """The stores, shown as cards. None of Django's forms shows a store's keys."""

    address = "integrations/ecommerce-sales-channels/"
    search_fields = ("^name",)

    def get_urls(self) -> list[URLPattern]:
        """Return the URLs of all pages of stores. A tab checks its own permission only."""
        return [
            *routes(self.admin_site, PAGES),
            *routes(self.admin_site, DJANGO),
            *panels.tab_urls(Connection, self.admin_site, permission=None),
        ]
