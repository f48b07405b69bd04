"""Which warehouses serve a store (R-INV-03)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import Connection
from inventory.models import Warehouse, WarehouseMapping


def serving_warehouses(connection: Connection) -> list[tuple[int, int, bool]]:
    """(warehouse id, priority, is default) of the active warehouses mapped to this store, nearest first."""
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    return list(rows.order_by("priority", "pk").values_list("warehouse_id", "priority", "is_default"))


def ensure_default_mapping(connection: Connection) -> WarehouseMapping:
    """The store's default mapping; a store without one gets its nearest, or else the first active warehouse.

    An installation without a warehouse gets one called MAIN. Safe to repeat.
    """
    with transaction.atomic():
        Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
        mapped = list(
            WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True).order_by(
                "-is_default", "priority", "pk"
            )
        )
        if mapped and mapped[0].is_default:
            return mapped[0]
        WarehouseMapping.objects.filter(connection=connection, is_default=True).update(is_default=False)
        if mapped:
            mapped[0].is_default = True
            mapped[0].save(update_fields=["is_default"])
            return mapped[0]
        warehouse = Warehouse.objects.filter(is_active=True).order_by("pk").first()
        if warehouse is None:
            warehouse, _made = Warehouse.objects.get_or_create(
                code="MAIN", defaults={"name": _("Main warehouse")}
            )
        mapping, _made = WarehouseMapping.objects.update_or_create(
            connection=connection, warehouse=warehouse, defaults={"is_default": True}
        )
        return mapping
