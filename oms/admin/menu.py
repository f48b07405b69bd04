"""The menu: the pages that exist and that this person may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from catalogue.services.sku_inbox.rows import count_rows
from channels.models import OutboxMessage, RejectedRecord

COUNTED_FOR = 10  # seconds


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `permissions`: one of them is enough; none means everybody who is signed in.

    `count` is the red figure beside it; it is read once in `COUNTED_FOR` seconds, not for every page.
    """

    title: Any
    name: str
    icon: str
    permissions: tuple[str, ...] = ()
    count: Callable[[], int] | None = None


def parked_messages() -> int:
    """Return how many messages failed and wait for a person."""
    return OutboxMessage.objects.parked().count()


def rejected_records() -> int:
    """Return how many records of channels could not be imported and wait for a person."""
    return RejectedRecord.objects.open().count()


STORE = ("channels.view_connection",)
MENU: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry(_("Home"), "index", "home"),
            Entry(_("Alerts"), "channels_alert_changelist", "notifications", ("channels.view_alert",)),
        ),
    ),
    (
        _("Orders"),
        (
            Entry(_("Orders"), "orders_order_changelist", "receipt_long", ("orders.view_order",)),
            Entry(_("Customers"), "customers", "contacts", ("orders.view_order",)),
            Entry(_("Ship station"), "ship_station", "barcode_scanner", ("orders.ship_order",)),
            Entry(_("Shipments"), "orders_shipment_changelist", "package_2", ("orders.view_shipment",)),
            Entry(_("Parcels"), "orders_parcel_changelist", "travel_explore", ("orders.view_parcel",)),
            Entry(_("Manifests"), "orders_manifest_changelist", "local_shipping", ("orders.view_manifest",)),
            Entry(_("Returns"), "orders_return_changelist", "assignment_return", ("orders.view_return",)),
            Entry(_("Carriers"), "orders_carrier_changelist", "conveyor_belt", ("orders.view_carrier",)),
        ),
    ),
    (
        _("Catalogue"),
        (
            Entry(_("Products"), "catalogue_product_changelist", "sell", ("catalogue.view_product",)),
            Entry(_("SKUs"), "catalogue_variant_changelist", "barcode", ("catalogue.view_variant",)),
            Entry(_("Listings"), "catalogue_listing_changelist", "storefront", ("catalogue.view_listing",)),
            Entry(
                _("Product categories"),
                "catalogue_productcategory_changelist",
                "folder_open",
                ("catalogue.view_productcategory",),
            ),
            Entry(
                _("Categories"), "catalogue_category_changelist", "account_tree", ("catalogue.view_category",)
            ),
            Entry(_("Brands"), "catalogue_brand_changelist", "workspace_premium", ("catalogue.view_brand",)),
            Entry(_("Excel"), "imports_sheetimport_changelist", "table_view", ("imports.view_sheetimport",)),
            Entry(_("SKU inbox"), "sku_inbox", "rule", ("catalogue.view_product",), count_rows),
        ),
    ),
    (
        _("Inventory"),
        (
            Entry(_("Stock"), "inventory_stockitem_changelist", "inventory_2", ("inventory.view_stockitem",)),
            Entry(
                _("Warehouses"), "inventory_warehouse_changelist", "warehouse", ("inventory.view_warehouse",)
            ),
            Entry(
                _("Movements"),
                "inventory_stockmovement_changelist",
                "swap_vert",
                ("inventory.view_stockmovement",),
            ),
            Entry(_("Deliveries"), "inventory_delivery_changelist", "input", ("inventory.view_delivery",)),
            Entry(
                _("Counts"), "inventory_stockcount_changelist", "fact_check", ("inventory.view_stockcount",)
            ),
            Entry(_("Transfers"), "inventory_transfer_changelist", "moving", ("inventory.view_transfer",)),
            Entry(_("Suppliers"), "inventory_supplier_changelist", "factory", ("inventory.view_supplier",)),
        ),
    ),
    (
        _("Reports"),
        (
            Entry(_("Sales"), "reports", "monitoring", ("orders.view_reports",)),
            Entry(_("Low stock"), "low_stock", "production_quantity_limits", ("inventory.view_stockitem",)),
            Entry(_("Reorder"), "reorder", "shopping_cart", ("inventory.view_stockitem",)),
            Entry(_("Stock value"), "stock_value", "account_balance", ("inventory.view_stockitem",)),
            Entry(_("Stock ageing"), "stock_ageing", "hourglass", ("inventory.view_stockitem",)),
            Entry(_("Exposure"), "exposure", "timer", ("inventory.view_stockitem",)),
        ),
    ),
    (
        _("Integrations"),
        (
            Entry(_("Ecommerce Sales Channels"), "stores", "hub", STORE),
            Entry(_("Carrier accounts"), "carrier_accounts", "local_post_office", STORE),
            Entry(_("Warehouse systems"), "wms_list", "forklift", STORE),
            Entry(_("Outgoing webhooks"), "hooks", "webhook", ("channels.change_connection",)),
            Entry(_("Jobs"), "jobs", "pending_actions", ("kit.view_job",)),
            Entry(_("Failed messages"), "parked", "mark_email_unread", STORE, parked_messages),
            Entry(
                _("Rejected records"),
                "channels_rejectedrecord_changelist",
                "report",
                STORE,
                rejected_records,
            ),
        ),
    ),
    (
        _("Settings"),
        (
            Entry(_("Rules"), "orders_orderrule_changelist", "rule_settings", ("orders.view_orderrule",)),
            Entry(_("Users"), "auth_user_changelist", "group", ("auth.view_user",)),
            Entry(_("Roles"), "auth_group_changelist", "badge", ("auth.view_group",)),
            Entry(_("Personal data"), "personal_data", "shield_person", ("orders.erase_buyer",)),
            Entry(_("Sign-in rules"), "security", "lock", ("auth.change_group",)),
            Entry(_("API keys"), "api_keys", "key", ("api.view_apikey",)),
            Entry(_("Audit log"), "kit_auditentry_changelist", "history", ("kit.view_auditentry",)),
            Entry(_("System"), "system", "dns", ("auth.change_group",)),
        ),
    ),
)


def count_of(entry: Entry) -> int:
    """Return the figure beside an entry, 0 where it has none; at most `COUNTED_FOR` seconds old."""
    if entry.count is None:
        return 0
    return cache.get_or_set(f"menu.{entry.name}", entry.count, COUNTED_FOR) or 0


def forget_counts() -> None:
    """Count again for the next page: a person has changed something. Other web processes follow in `COUNTED_FOR` seconds."""
    cache.delete_many([f"menu.{entry.name}" for _title, entries in MENU for entry in entries if entry.count])


def menu_for(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu of this person: groups of entries with their counts, and which entry is open."""
    user, groups = request.user, []
    for title, entries in MENU:
        shown = []
        for entry in entries:
            if entry.permissions and not any(user.has_perm(name) for name in entry.permissions):
                continue
            try:
                url = reverse(f"admin:{entry.name}")
            except NoReverseMatch:
                continue
            is_here = request.path == url if entry.name == "index" else request.path.startswith(url)
            shown.append(
                {
                    "title": entry.title,
                    "url": url,
                    "icon": entry.icon,
                    "is_current": is_here,
                    "count": count_of(entry),
                }
            )
        if shown:
            groups.append({"title": title, "entries": shown})
    return groups
