"""The order settings and the carrier map of a store."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import Connection
from oms.kit.authors import audit
from orders.choices import LastLook, Routing
from orders.errors import OrderError
from orders.models import Carrier, CarrierMap, OrderSettings

FIELDS = (
    "auto_release",
    "default_carrier",
    "unpaid_hold_hours",
    "action_window_days",
    "ship_within_hours",
    "has_pick_step",
    "routing",
    "weight_tolerance",
    "last_look",
)


@transaction.atomic
def set_order_settings(
    *,
    connection: Connection,
    auto_release: bool,
    default_carrier: Carrier | None,
    unpaid_hold_hours: int,
    action_window_days: int,
    ship_within_hours: int,
    require_tracking: bool = False,
    has_pick_step: bool = True,
    routing: str = Routing.PRIORITY,
    weight_tolerance: int | None = None,
    last_look: str = LastLook.WARN,
) -> OrderSettings:
    """Change the order settings of a store. The dates of orders that were imported before do not change.

    Raises `OrderError` for a carrier that is not active, or a figure below 0.
    """
    if default_carrier is not None and not default_carrier.is_active:
        raise OrderError(_("The carrier “%s” is not active. Choose another one.") % default_carrier)
    if min(unpaid_hold_hours, action_window_days, ship_within_hours) < 0:
        raise OrderError(_("Hours and days must be 0 or more."))
    if weight_tolerance is not None and not 0 <= weight_tolerance <= 100:
        raise OrderError(_("The tolerance of the weight is 0 to 100 %."))
    if routing and routing not in Routing.values:
        raise OrderError(_("Choose the sequence of the warehouses."))
    if last_look and last_look not in LastLook.values:
        raise OrderError(_("Choose what the last look before a manifest does."))
    old = OrderSettings.objects.filter(connection=connection).first() or OrderSettings(connection=connection)
    before = audit.snapshot(old, FIELDS)
    row, _made = OrderSettings.objects.update_or_create(
        connection=connection,
        defaults={
            "auto_release": auto_release,
            "default_carrier": default_carrier,
            "unpaid_hold_hours": unpaid_hold_hours,
            "action_window_days": action_window_days,
            "ship_within_hours": ship_within_hours,
            "require_tracking": require_tracking,
            "has_pick_step": has_pick_step,
            "routing": routing or Routing.PRIORITY,
            "weight_tolerance": weight_tolerance,
            "last_look": last_look or LastLook.WARN,
        },
    )
    if changes := audit.difference(before, audit.snapshot(row, FIELDS)):
        audit.record("store.order_settings", connection, changes)
    return row


@transaction.atomic
def map_carriers(*, connection: Connection, chosen: Mapping[int, int | None]) -> int:
    """Map the carriers of a store to carriers of Manifold; return how many changed.

    `chosen` is id of the row in the carrier map -> carrier id, or None for no carrier.

    Raises `OrderError` for a row of another store or a carrier that does not exist.
    """
    rows = {
        row.pk: row
        for row in CarrierMap.objects.select_for_update(of=("self",)).filter(connection=connection)
    }
    wanted = {carrier for carrier in chosen.values() if carrier is not None}
    if Carrier.objects.filter(pk__in=wanted).count() != len(wanted):
        raise OrderError(_("One of these carriers no longer exists. Reload the page."))
    carriers = dict(Carrier.objects.values_list("pk", "name"))
    changed, changes = [], {}
    for pk, carrier in chosen.items():
        row = rows.get(pk)
        if row is None:
            raise OrderError(_("One of these lines belongs to another store."))
        if row.carrier_id != carrier:
            changes[row.name] = (carriers.get(row.carrier_id or 0), carriers.get(carrier or 0))
            row.carrier_id = carrier
            changed.append(row)
    CarrierMap.objects.bulk_update(changed, ["carrier"])
    if changes:
        audit.record("store.carrier_map", connection, changes)
    return len(changed)
