"""Set which warehouses a store sells from (R-INV-03)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.spec import Capability
from channels.models import Connection
from channels.push import outbox, topics
from inventory.errors import StockError
from inventory.models import Warehouse, WarehouseMapping
from oms.kit.authors import audit


@dataclass(frozen=True, slots=True)
class Serving:
    """A warehouse that a store sells from; the one with the lowest `priority` is used first.

    `remote_location` is the location of the channel that shows its stock; "" = the default location.
    """

    warehouse_id: int
    priority: int
    is_default: bool = False
    remote_location: str = ""


def locations_of(connection: Connection) -> list[tuple[str, str]]:
    """Return (id, label) of the channel's locations, as imported when the store was connected; [] if it has none."""
    if not connection.spec.supports(Capability.STOCK_LOCATIONS):
        return []
    rows = connection.account.get("extra", {}).get("locations", [])
    return [(str(row["id"]), str(row.get("label") or row["id"])) for row in rows]


@transaction.atomic
def set_warehouses(*, connection: Connection, servings: Sequence[Serving]) -> list[WarehouseMapping]:
    """Set the warehouses that a store sells from, and enqueue its stock; return the mappings, nearest first.

    Opening stock goes to the default warehouse: the one that is marked, otherwise the first by priority. Raises
    `StockError` without a warehouse, for one that is given twice, does not exist or is not active, for an unknown
    location, or for two defaults.
    """
    if not servings:
        raise StockError(_("Choose at least one warehouse. Without one the store is offered nothing."))
    ids = [serving.warehouse_id for serving in servings]
    if len(set(ids)) != len(ids):
        raise StockError(_("A warehouse was chosen twice. Choose each only once."))
    marked = [serving for serving in servings if serving.is_default]
    if len(marked) > 1:
        raise StockError(_("Choose one default warehouse, not several."))
    Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    known = {external_id for external_id, _label in locations_of(connection)}
    if any(serving.remote_location and serving.remote_location not in known for serving in servings):
        raise StockError(_("%s has no such location. Choose one from the list.") % connection)
    if Warehouse.objects.filter(pk__in=ids, is_active=True).count() != len(ids):
        raise StockError(_("One of these warehouses does not exist or is not active. Reload the page."))
    before = _warehouses_text(connection)
    default = (marked or sorted(servings, key=lambda serving: serving.priority))[0].warehouse_id
    mappings = WarehouseMapping.objects.filter(connection=connection)
    mappings.exclude(warehouse__in=ids).delete()
    mappings.update(is_default=False)  # the constraint allows one at any moment
    kept = {mapping.warehouse_id: mapping for mapping in mappings}
    for serving in servings:
        mapping = kept.get(serving.warehouse_id) or WarehouseMapping(
            connection=connection, warehouse_id=serving.warehouse_id
        )
        mapping.priority = serving.priority
        mapping.remote_location = serving.remote_location
        mapping.is_default = serving.warehouse_id == default
        mapping.save()
    if (after := _warehouses_text(connection)) != before:
        audit.record("store.warehouses", connection, {"warehouses": (before, after)})
    outbox.touch_all(connection=connection, topic=topics.Topic.STOCK)
    return list(mappings.order_by("priority", "pk"))


def _warehouses_text(connection: Connection) -> str:
    """Return the warehouses of a store in words, nearest first, for the audit log: "Leeds (10, default), York (20)"."""
    rows = WarehouseMapping.objects.filter(connection=connection).select_related("warehouse")
    return ", ".join(
        f"{row.warehouse.name} ({', '.join([str(row.priority), *_marks(row)])})"
        for row in rows.order_by("priority", "pk")
    )


def _marks(row: WarehouseMapping) -> list[str]:
    return [
        *([_("default")] if row.is_default else []),
        *([row.remote_location] if row.remote_location else []),
    ]


def serving_warehouses(connection: Connection) -> list[tuple[int, int, bool]]:
    """Return (warehouse id, priority, is default) of the active warehouses that a store sells from, nearest first."""
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    return list(rows.order_by("priority", "pk").values_list("warehouse_id", "priority", "is_default"))


def ensure_default_mapping(connection: Connection) -> WarehouseMapping:
    """Return the default mapping of a store; create it if there is none.

    The default becomes its nearest warehouse, otherwise the first active one. An installation without a warehouse gets
    one with the code MAIN. Safe to repeat.
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
        warehouse = Warehouse.objects.filter(is_active=True).order_by("pk").first() or main_warehouse()
        mapping, _made = WarehouseMapping.objects.update_or_create(
            connection=connection, warehouse=warehouse, defaults={"is_default": True}
        )
        return mapping


def main_warehouse() -> Warehouse:
    """Return the warehouse with the code MAIN, created where an installation has no warehouse yet."""
    found, _made = Warehouse.objects.get_or_create(code="MAIN", defaults={"name": _("Main warehouse")})
    return found
