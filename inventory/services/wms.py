"""Warehouse systems (WMS): which one works in a warehouse, its secrets, and the stock that it reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from catalogue.models import Variant, sku_key
from channels.models import Connection
from inventory.errors import StockChanged, StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services.adjust import Adjustment, adjust_many
from oms.kit.actors import Author
from oms.kit.api.models import ApiKey


class NoWms(Exception):
    """No connected warehouse system works in the warehouse of the key."""


class TooOld(StockError):
    """A count is older than the last movement of its SKU."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The WMS of a call, and the warehouse of its key."""

    wms: Connection
    warehouse: Warehouse

    @property
    def author(self) -> Author:
        """The author of what it reports."""
        return Author("wms", None, f"WMS {self.wms.name}"[:60])


@dataclass(frozen=True, slots=True)
class Counted:
    """Units of a SKU: counted, received, or added and removed."""

    sku: str
    units: int
    reason: str = ""


def caller_of(key: ApiKey) -> Caller:
    """Return the WMS that calls with this key. Raises `NoWms` where its warehouse has none that is connected."""
    warehouse = Warehouse.objects.select_related("wms").filter(pk=key.warehouse_id or 0).first()
    if warehouse is None or warehouse.wms is None or warehouse.wms.state == Connection.State.DISCONNECTED:
        raise NoWms(_("No warehouse system is connected with the warehouse of this key."))
    return Caller(warehouse.wms, warehouse)


def secrets_of(key: ApiKey) -> Sequence[str]:
    """Return the secrets of which one must have signed the calls of a key: the present one and the former one."""
    try:
        stored = caller_of(key).wms.credentials
    except NoWms:
        return ()
    return [str(stored[name]) for name in ("secret", "old_secret") if stored.get(name)]


def variants_of(skus: Sequence[str]) -> dict[str, Variant]:
    """Return the SKUs by what they were called. Raises `StockError` for one that does not exist, or is named twice."""
    keys = {sku: sku_key(sku) for sku in skus}
    if len(set(keys.values())) != len(skus):
        raise StockError(_("Name each SKU once."))
    found = {row.sku_key: row for row in Variant.objects.filter(sku_key__in=set(keys.values()))}
    missing = sorted(sku for sku, key in keys.items() if key not in found)
    if missing:
        raise StockError(_("There is no SKU “%s”.") % missing[0])
    return {sku: found[key] for sku, key in keys.items()}


def adjust(*, caller: Caller, lines: Sequence[Counted]) -> list[StockItem]:
    """Add and remove units that the WMS found, lost or threw away; all or none. Raises `StockError`."""
    return _book(caller, lines, StockMovement.Kind.ADJUSTMENT)


def receive(*, caller: Caller, reference: str, lines: Sequence[Counted]) -> list[StockItem]:
    """Book goods that have arrived, all or none. `reference` is the delivery. Raises `StockError`."""
    named = [Counted(line.sku, line.units, line.reason or _("Delivery %s") % reference) for line in lines]
    return _book(caller, named, StockMovement.Kind.RECEIPT)


def _book(caller: Caller, lines: Sequence[Counted], kind: str) -> list[StockItem]:
    variants = variants_of([line.sku for line in lines])
    return adjust_many(
        [
            Adjustment(
                variant_id=variants[line.sku].pk,
                warehouse_id=caller.warehouse.pk,
                delta=line.units,
                reason=line.reason[:200],
                kind=kind,
            )
            for line in lines
            if line.units
        ],
        by=caller.author,
    )


def count(*, caller: Caller, counted_at: datetime, lines: Sequence[Counted]) -> list[StockItem]:
    """Set the units on hand to what the WMS counted at an instant, all or none.

    Raises `TooOld` when one of the SKUs has moved since then: the count does not know of it. Raises `StockError`.
    """
    variants = variants_of([line.sku for line in lines])
    # Nothing is locked yet: `adjust_many` locks orders before stock items. What moves meanwhile is refused by `was`.
    ids = [variant.pk for variant in variants.values()]
    items = StockItem.objects.filter(variant__in=ids, warehouse=caller.warehouse)
    on_hand = dict(items.values_list("variant", "on_hand"))
    moved = StockMovement.objects.filter(stock_item__in=items, at__gt=counted_at)
    newest = moved.select_related("stock_item__variant").order_by("pk").first()
    if newest is not None:
        raise TooOld(_("%s has moved since the count. Count it again.") % newest.stock_item.variant.sku)
    try:
        return adjust_many(
            [
                Adjustment(
                    variant_id=variants[line.sku].pk,
                    warehouse_id=caller.warehouse.pk,
                    set_to=line.units,
                    reason=(line.reason or _("Count by %s") % caller.wms.name)[:200],
                    kind=StockMovement.Kind.COUNT,
                    was=on_hand.get(variants[line.sku].pk, 0),
                )
                for line in lines
            ],
            by=caller.author,
        )
    except StockChanged as error:
        raise TooOld(_("A SKU has moved since the count. Count it again.")) from error
