"""Request a return, for an order or without one; approve or refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import sku_key
from catalogue.sku_resolution import variants_with_skus
from channels.models import Connection
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import ReturnOrigin, ReturnReason, ReturnState
from orders.domain.returned_units import reason_against, returnable
from orders.errors import OrderError
from orders.models import Return, ReturnLine
from orders.services.returns.loading import load_return
from orders.unit_of_work.returns import expected_units, new_return
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Units of one line of a return without an order.
MOST_UNITS = 100_000


def request_return(
    *,
    order_id: int,
    units: Mapping[int, int],
    reason: str,
    by: Author,
    note: str = "",
    origin: str = ReturnOrigin.STAFF,
    tracking_number: str = "",
) -> Return:
    """Request the return of units of an order (line id -> units); return it.

    Only units that were shipped, are not back and are in no open return can be requested. A problem that the order was
    cancelled too late ends, when the whole order has left. The channel is sent nothing.

    Raises `OrderError` without units or for too many, for an unknown reason, and for an order of which nothing was
    shipped or that is completed. Nothing is changed then.
    """
    wanted = {line_id: count for line_id, count in units.items() if count}
    if reason not in ReturnReason.values:
        raise OrderError(_("Choose the reason of the return."))
    if not wanted or min(wanted.values()) < 0:
        raise OrderError(_("Enter how many units of which line come back."))
    with transaction.atomic():
        unit = UnitOfWork.load([order_id])
        if not unit.order_states:
            raise OrderError(_("This order no longer exists."))
        order_state = unit.order_states[0]
        if why := reason_against(order_state):
            raise OrderError(why)
        expected = expected_units([order_id])
        lines = [line for line in order_state.lines if line.pk in wanted]
        for line in lines:
            if order_state.components_of(line):
                raise OrderError(
                    _("%s is a kit. Enter the units of its components that come back.")
                    % (line.sku or line.title)
                )
            if wanted[line.pk] > (most := returnable(line, expected)):
                raise OrderError(
                    _("Only %(units)d units of %(sku)s can come back.")
                    % {"units": most, "sku": line.sku or line.title}
                )
        made = new_return(
            order_state.order,
            [(line, wanted[line.pk]) for line in lines],
            reason=reason,
            origin=origin,
            at=unit.now,
            author_id=by.user_id,
            note=note.strip(),
            tracking_number=tracking_number.strip()[:120],
        )
        text = ", ".join(f"{wanted[line.pk]} × {line.sku or line.title}" for line in lines)
        order_state.add_event(
            "return",
            _("Return %(number)s requested: %(units)s. %(reason)s")
            % {"number": made.number, "units": text[:200], "reason": made.get_reason_display()},
        )
        if order_state.order.shipped_at is not None:
            order_state.close_problem(
                problem_codes.LATE_CANCEL, _("It is handled by return %s.") % made.number
            )
        unit.flush(by)
        audit.record("return.requested", made, by=by)
    return made


def request_without_order(
    *,
    lines: Sequence[tuple[str, int]],
    reason: str,
    by: Author,
    store: Connection | None = None,
    note: str = "",
    tracking_number: str = "",
) -> Return:
    """Request a return of which nobody knows the order: (SKU, units) for each line; return it.

    Raises `OrderError` without lines, for an unknown SKU, reason or an impossible number of units.
    """
    if reason not in ReturnReason.values:
        raise OrderError(_("Choose the reason of the return."))
    if not lines or not all(0 < units <= MOST_UNITS for _sku, units in lines):
        raise OrderError(_("Enter at least one SKU with its units."))
    keys = {sku_key(sku): sku for sku, _units in lines}
    found = variants_with_skus(keys)
    for key, sku in keys.items():
        if key not in found:
            raise OrderError(_("No product has the SKU “%s”.") % sku.strip())
        if found[key].is_kit:
            raise OrderError(_("%s is a kit. Enter its components: they come back.") % found[key].sku)
    with transaction.atomic():
        made = new_return(
            None,
            [],
            reason=reason,
            origin=ReturnOrigin.STAFF,
            at=timezone.now(),
            author_id=by.user_id,
            note=note.strip(),
            tracking_number=tracking_number.strip()[:120],
            store=store,
        )
        ReturnLine.objects.bulk_create(
            [
                ReturnLine(
                    of=made,
                    variant=found[sku_key(sku)],
                    sku=found[sku_key(sku)].sku,
                    title=found[sku_key(sku)].product.title[:300],
                    quantity=units,
                )
                for sku, units in lines
            ]
        )
        audit.record("return.requested", made, by=by)
    return made


def approve(*, return_id: int, by: Author) -> Return:
    """Approve a requested return. Raises `OrderError` for one that was decided before."""
    with transaction.atomic():
        found, unit = load_return(return_id)
        _check_requested(found)
        found.state, found.decided_at = ReturnState.APPROVED, timezone.now()
        found.save(update_fields=["state", "decided_at"])
        _add_event(unit, _("Return %s approved") % found.number, by)
        audit.record("return.approved", found, by=by)
    return found


def refuse(*, return_id: int, reason: str, by: Author) -> Return:
    """Refuse a requested return; its units can be requested again. Raises `OrderError` without a reason."""
    if not reason.strip():
        raise OrderError(_("Enter the reason of the refusal."))
    with transaction.atomic():
        found, unit = load_return(return_id)
        _check_requested(found)
        found.state, found.decided_at = ReturnState.REFUSED, timezone.now()
        found.refusal = reason.strip()[:200]
        found.save(update_fields=["state", "decided_at", "refusal"])
        _add_event(
            unit,
            _("Return %(number)s refused: %(reason)s") % {"number": found.number, "reason": found.refusal},
            by,
        )
        audit.record("return.refused", found, {"refusal": ("", found.refusal)}, by=by)
    return found


def _check_requested(found: Return) -> None:
    if found.state != ReturnState.REQUESTED:
        raise OrderError(
            _("This return is %(status)s. Only a requested return can be decided.")
            % {"status": str(found.get_state_display()).lower()}
        )


def _add_event(unit: UnitOfWork | None, text: str, by: Author) -> None:
    """Add an entry to the timeline of the order, where the return has one."""
    if unit is not None:
        unit.order_states[0].add_event("return", text)
        unit.flush(by)
