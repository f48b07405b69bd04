"""The problem that an address to ship to is not complete: opened on arrival, on a change and on a correction."""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders import problem_codes
from orders.domain.addresses import faults_of
from orders.unit_of_work.order_state import OrderState

#: The problems about an address that end together.
CODES = (
    problem_codes.ADDRESS_MISSING,
    problem_codes.ADDRESS_WITHHELD,
    problem_codes.ADDRESS_INVALID,
)


def check_parts(order_state: OrderState) -> None:
    """Open the problem that parts of the address are missing or wrong, with their names; close it when none is.

    An address that did not change since it was checked is not checked again: the problem may have been dismissed.
    """
    order = order_state.order
    was = order_state.snapshots.get(id(order))
    if order.shipped_at is not None or (was is not None and was["ship_to"] == order.ship_to):
        return
    faults = faults_of(order.ship_to, name=order.customer_name)
    if order_state.problems or order_state.new_problems:
        order_state.close_problem(
            problem_codes.ADDRESS_INVALID,
            _("The address was changed again.") if faults else _("The address is complete now."),
        )
    if faults:
        order_state.open_problem(
            problem_codes.ADDRESS_INVALID,
            _("%(faults)s Correct the address, or dismiss this problem if it is right.")
            % {"faults": " ".join(faults)},
        )
