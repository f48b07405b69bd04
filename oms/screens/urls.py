"""Our own pages inside the admin's frame: address, page, name (as `admin:<name>`)."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import URLPattern

from oms.kit.admin.pages import Page, routes
from oms.screens import desk, jobs, parked
from oms.screens.stores import (
    capabilities,
    connect,
    control,
    first,
    listings,
    overview,
    settings,
    sync,
    tabs,
)

STORES = "integrations/ecommerce-sales-channels/"
STORE = STORES + "<int:pk>/"

PAGES: list[tuple[str, type[Page], str]] = [
    (STORES, overview.Stores, "stores"),
    (STORES + "connect/", connect.ChooseChannel, "connect"),
    (STORES + "connect/<slug:channel>/", connect.ConnectChannel, "connect_channel"),
    (STORE, overview.Overview, "store"),
    (STORE + "streams/<int:stream>/", overview.StreamControl, "store_stream"),
    (STORE + "first-sync/", first.FirstSync, "store_first_sync"),
    (STORE + "plan/", control.Plan, "store_plan"),
    (STORE + "sync-orders/", sync.SyncOrders, "store_sync_orders"),
    (STORE + "sync-products/", sync.SyncProducts, "store_sync_products"),
    (STORE + "sync-stock/", sync.SyncStock, "store_sync_stock"),
    (STORE + "sync-prices/", sync.SyncPrices, "store_sync_prices"),
    (STORE + "pause/", control.Pause, "store_pause"),
    (STORE + "read-only/", control.ReadOnly, "store_read_only"),
    (STORE + "reconnect/", connect.Reconnect, "store_reconnect"),
    (STORE + "disconnect/", control.Disconnect, "store_disconnect"),
    (STORE + "listings/", listings.Listings, "store_listings"),
    (STORE + "differences/", tabs.Differences, "store_differences"),
    (STORE + "refused-records/", tabs.Refused, "store_refused"),
    (STORE + "refused-records/<int:record>/", tabs.RefusedOne, "store_refused_one"),
    (STORE + "messages/", tabs.Messages, "store_messages"),
    (STORE + "warehouses/", settings.Warehouses, "store_warehouses"),
    (STORE + "status-map/", settings.StatusMap, "store_statuses"),
    (STORE + "carrier-map/", settings.Carriers, "store_carriers"),
    (STORE + "capabilities/", capabilities.Capabilities, "store_capabilities"),
    (STORE + "calls/", tabs.Calls, "store_calls"),
    (STORE + "calls/<int:call>/", tabs.CallOne, "store_call"),
    (STORE + "settings/", settings.Settings, "store_settings"),
    ("integrations/jobs/", jobs.Jobs, "jobs"),
    ("integrations/jobs/<int:pk>/", jobs.JobPage, "job"),
    ("integrations/jobs/<int:pk>/progress.json", jobs.JobProgress, "job_progress"),
    ("integrations/parked-messages/", parked.Parked, "parked"),
]


def patterns(admin: AdminSite) -> list[URLPattern]:
    return routes(admin, [*PAGES, *desk.PAGES])
