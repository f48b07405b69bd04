"""The menu: what exists, and of that what this person may open. An entry whose page is not there is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from channels.models import OutboxMessage
from oms.kit.models import Problem

SKU_PROBLEMS = ("unknown_sku", "missing_sku", "double_sku", "empty_sku", "duplicate_sku")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `permissions`: one of them is enough; none asks for a sign-in alone."""

    title: Any
    name: str
    icon: str
    permissions: tuple[str, ...] = ()
    count: Callable[[], int] | None = None


def parked_messages() -> int:
    return OutboxMessage.objects.parked().count()


def sku_problems() -> int:
    return Problem.objects.filter(resolved_at=None, code__in=SKU_PROBLEMS).count()


STORE = ("channels.view_connection",)
MENU: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    ("", (Entry(_("Home"), "index", "home"),)),
    (
        _("Orders"),
        (
            Entry(_("Orders"), "orders_order_changelist", "receipt_long", ("orders.view_order",)),
            Entry(_("Shipments"), "orders_shipment_changelist", "package_2", ("orders.view_shipment",)),
            Entry(_("Manifests"), "orders_manifest_changelist", "local_shipping", ("orders.view_manifest",)),
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
                _("Categories"), "catalogue_category_changelist", "account_tree", ("catalogue.view_category",)
            ),
            Entry(_("Brands"), "catalogue_brand_changelist", "workspace_premium", ("catalogue.view_brand",)),
            Entry(_("SKU problems"), "sku_inbox", "rule", ("catalogue.view_product",), sku_problems),
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
        ),
    ),
    (
        _("Integrations"),
        (
            Entry(_("Ecommerce Sales Channels"), "stores", "hub", STORE),
            Entry(_("Jobs"), "jobs", "pending_actions", ("kit.view_job",)),
            Entry(_("Failed messages"), "parked", "mark_email_unread", STORE, parked_messages),
        ),
    ),
    (
        _("Settings"),
        (
            Entry(_("Users"), "auth_user_changelist", "group", ("auth.view_user",)),
            Entry(_("Roles"), "auth_group_changelist", "badge", ("auth.view_group",)),
        ),
    ),
)


def menu_for(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as this person sees it: groups with entries, counts, and where we are."""
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
                    "count": entry.count() if entry.count else 0,
                }
            )
        if shown:
            groups.append({"title": title, "entries": shown})
    return groups
