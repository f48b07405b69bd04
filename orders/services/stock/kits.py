"""Orders that wait for the stock of a SKU which is a kit now: they wait for its components from then on."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Variant
from catalogue.services.kits import components_of
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM, Author
from oms.kit.bulk import among
from orders.domain.allocation import allocate, oldest_first
from orders.domain.kits import add_components
from orders.domain.moves import BEFORE_PACKING
from orders.domain.shipments import cancel_open_shipments
from orders.models import OrderLine
from orders.unit_of_work.order_state import is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Orders that one change of kits may lock, and that one sweep looks at.
MOST_ORDERS = 5_000
BATCH_SIZE = 200


def kits_made(variant_ids: Collection[int], by: Author) -> None:
    """Check that SKUs which become kits have no stock, and give the lines that wait for them their components.

    Registered with `catalogue.callbacks.on_kits_made`. Raises `CatalogueError` where one has units on hand, allocated or
    unusable, or where too many orders wait for them.
    """
    order_ids = _waiting_orders(variant_ids, MOST_ORDERS + 1)
    if len(order_ids) > MOST_ORDERS:
        raise CatalogueError(
            _("More than %d orders wait for this SKU. Cancel or ship some first.") % MOST_ORDERS
        )
    _split(order_ids, by, also=variant_ids)
    units = Q(on_hand__gt=0) | Q(allocated__gt=0) | Q(unusable__gt=0)
    item = StockItem.objects.filter(units, variant__in=among(variant_ids)).select_related(
        "variant", "warehouse"
    )
    if (found := item.first()) is not None:
        raise CatalogueError(
            _(
                "%(sku)s has %(units)d units in %(warehouse)s. A kit has no stock of its own: set them to 0, or move them to"
                " its components, and save the kit again."
            )
            % {
                "sku": found.variant.sku,
                "units": found.on_hand + found.unusable,
                "warehouse": found.warehouse.name,
            }
        )


def split_waiting() -> int:
    """Give lines of kits their components that were stored while the kit was made; return how many orders (a sweep)."""
    kits = list(Variant.objects.filter(is_kit=True).values_list("pk", flat=True)[:10_000])
    order_ids = _waiting_orders(kits, BATCH_SIZE) if kits else []
    return _split(order_ids, SYSTEM) if order_ids else 0


def _waiting_orders(variant_ids: Collection[int], limit: int) -> list[int]:
    """Return the orders before packing with a line of these variants that takes stock itself and has got none."""
    lines = OrderLine.objects.filter(
        variant__in=among(variant_ids),
        needs_stock=True,
        allocated=0,
        shipped=0,
        parent=None,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        order__status__in=BEFORE_PACKING,
    )
    return list(lines.order_by("order").values_list("order", flat=True).distinct()[:limit])


def _split(order_ids: Collection[int], by: Author, also: Collection[int] = ()) -> int:
    with transaction.atomic():
        unit = UnitOfWork.load(order_ids)
        sold = {line.variant_id for each in unit.order_states for line in each.lines if line.variant_id}
        kits = components_of(sold | set(also))
        unit.know_components(kits)
        stock = unit.stock(also=also)
        changed = 0
        for order_state in oldest_first(unit.order_states):
            if not is_before_packing(order_state) or not (lines := add_components(order_state, kits)):
                continue
            changed += 1
            cancel_open_shipments(order_state)
            allocate(order_state, stock, unit.now)
            names = ", ".join(sorted({line.sku or line.title for line in lines}))
            order_state.add_event(
                "kit", _("A kit now: %(names)s. Its components are allocated") % {"names": names}
            )
        unit.flush(by)
    return changed
