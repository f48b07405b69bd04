"""The five roles of R-USE-01 as groups, brought up to date after every migration.

`docs/roles.md` says the same in words. Groups that people made themselves are left alone; the permissions of
these five are set to what is written here, so that an upgrade reaches every installation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps.registry import Apps
from django.db import transaction

VIEW_CATALOGUE = (
    "catalogue.view_brand",
    "catalogue.view_category",
    "catalogue.view_attribute",
    "catalogue.view_product",
    "catalogue.view_variant",
    "catalogue.view_productimage",
    "catalogue.view_listing",
    "catalogue.view_listingvariant",
    "catalogue.view_skualias",
)
VIEW_STOCK = (
    "inventory.view_warehouse",
    "inventory.view_warehousemapping",
    "inventory.view_stockitem",
    "inventory.view_stockmovement",
    "inventory.view_stockpolicy",
    "inventory.view_stockdifference",
)
VIEW_ORDERS = (
    "orders.view_order",
    "orders.view_orderline",
    "orders.view_allocation",
    "orders.view_shipment",
    "orders.view_manifest",
    "orders.view_carrier",
    "orders.view_hold",
    "orders.view_orderevent",
    "orders.view_note",
)
VIEW_STORES = (
    "channels.view_connection",
    "channels.view_syncstream",
    "channels.view_syncrun",
    "channels.view_rejectedrecord",
    "channels.view_outboxmessage",
    "channels.view_statusmapentry",
    "orders.view_carriermap",
    "orders.view_ordersettings",
)
EXPORT_CATALOGUE = ("catalogue.export_product", "catalogue.export_variant", "catalogue.export_listing")
EXPORT_STOCK = ("inventory.export_stockitem", "inventory.export_stockmovement")
VIEW_WORK = ("kit.view_job", "kit.view_problem")
SYNC = (
    "kit.add_job",
    "kit.change_job",
    "channels.change_outboxmessage",
    "channels.change_rejectedrecord",
)

EXPORT_WORK = ("kit.export_job", "channels.export_outboxmessage", "channels.export_rejectedrecord")

OWNER = "Owner"
CATALOGUE_MANAGER = "Catalogue manager"
ORDER_DESK = "Order desk"
WAREHOUSE = "Warehouse"
READ_ONLY = "Read-only"

#: "*" is every permission there is.
ROLES: Mapping[str, tuple[str, ...]] = {
    OWNER: ("*",),
    CATALOGUE_MANAGER: (
        *VIEW_CATALOGUE,
        *VIEW_STOCK,
        *VIEW_ORDERS,
        *VIEW_STORES,
        *VIEW_WORK,
        *SYNC,
        *EXPORT_WORK,
        *EXPORT_CATALOGUE,
        *EXPORT_STOCK,
        "kit.change_problem",
        *(
            f"catalogue.{verb}_{model}"
            for verb in ("add", "change")
            for model in (
                "brand",
                "product",
                "variant",
                "productimage",
                "listing",
                "listingvariant",
                "skualias",
            )
        ),
        "catalogue.delete_productimage",
        "catalogue.delete_skualias",
        "catalogue.delete_listing",
    ),
    ORDER_DESK: (
        *VIEW_CATALOGUE,
        *VIEW_STOCK,
        *VIEW_ORDERS,
        *VIEW_STORES,
        *VIEW_WORK,
        *SYNC,
        *EXPORT_WORK,
        "kit.change_problem",
        "orders.change_order",
        "orders.work_order",
        "orders.export_order",
        "orders.add_note",
        "orders.add_hold",
        "orders.change_hold",
        "orders.add_carrier",
        "orders.change_carrier",
        "catalogue.add_skualias",
        "catalogue.change_skualias",
    ),
    WAREHOUSE: (
        *VIEW_CATALOGUE,
        *VIEW_STOCK,
        *VIEW_ORDERS,
        *VIEW_WORK,
        *EXPORT_STOCK,
        "inventory.change_stockitem",
        "inventory.add_stockitem",
        "orders.ship_order",
        "orders.add_note",
        "orders.add_manifest",
        "orders.change_shipment",
    ),
    READ_ONLY: (*VIEW_CATALOGUE, *VIEW_STOCK, *VIEW_ORDERS, *VIEW_STORES, *VIEW_WORK),
}


@transaction.atomic
def upsert_roles(apps: Apps | None = None) -> None:
    """Make or mend the five groups: four queries for all of them, and one for each that changed."""
    from django.contrib.auth.models import Group, Permission

    every: dict[str, int] = {
        f"{app}.{code}": pk
        for pk, app, code in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    Group.objects.bulk_create([Group(name=name) for name in ROLES], ignore_conflicts=True)
    for group in Group.objects.filter(name__in=ROLES).prefetch_related("permissions"):
        names = ROLES[group.name]
        wanted = set(every.values()) if "*" in names else {every[name] for name in names if name in every}
        if {permission.pk for permission in group.permissions.all()} != wanted:
            group.permissions.set(wanted)


def after_migrate(sender: Any, **kwargs: Any) -> None:
    """Runs once, after the last of our apps (`orders`), whose permissions Django would only make after us."""
    from django.contrib.auth.management import create_permissions

    create_permissions(sender, verbosity=0)
    upsert_roles()
