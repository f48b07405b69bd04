"""Dismiss a problem of an order; apply a changed status map."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.errors import OrderError
from orders.inbound.remap_statuses import remap_all
from orders.unit_of_work.unit_of_work import UnitOfWork


def dismiss_problem(*, problem: Problem, how: str, by: Author) -> None:
    """Dismiss a problem that needs no change of the order; the moves that it blocked become possible. `how` is the reason.

    A changed address needs none: it is only confirmed.

    Raises `OrderError` without a reason, or for a problem that ends only when its cause is resolved.
    """
    if problem.code not in problem_codes.DISMISSIBLE or problem.subject_kind != problem_codes.SUBJECT:
        raise OrderError(_("This problem cannot be dismissed. Resolve its cause."))
    if problem.code in problem_codes.CONFIRMED:
        how = how.strip() or _("The change was confirmed.")
    if not how.strip():
        raise OrderError(_("Enter how the problem was resolved."))
    with transaction.atomic():
        unit = UnitOfWork.load([problem.subject_id])
        for order_state in unit.order_states:
            if order_state.close_problem(problem.code, how, key=problem.key):
                order_state.add_event(
                    "problem", _("Problem dismissed: %(how)s") % {"how": how}, code=problem.code
                )
        unit.flush(by)


def apply_status_map(*, connection_id: int, by: Author) -> tuple[int, bool]:
    """Apply an edited status map to the stored orders of a store, as if they were imported with it.

    Return how many orders changed, and whether a job continues with more.
    """
    return remap_all(connection_id, by=by)
