"""Dismiss a problem of an order; apply a changed status map."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.actors import Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.errors import OrderError
from orders.inbound.remap_statuses import remap_all
from orders.unit_of_work.unit_of_work import UnitOfWork


def dismiss_problem(*, problem: Problem, how: str, by: Author) -> None:
    """A person has dealt with a problem of an order outside of here and says how; what it blocked goes on.

    Raises `OrderError` for a problem that only ends with its cause, or without a word of explanation.
    """
    if problem.code not in problem_codes.DISMISSIBLE or problem.subject_kind != problem_codes.SUBJECT:
        raise OrderError(_("This problem ends when its cause is mended: it cannot be put aside."))
    if not how.strip():
        raise OrderError(_("Say how the problem was dealt with."))
    with transaction.atomic():
        work_set = UnitOfWork.load([problem.subject_id])
        for work in work_set.works:
            if work.close_problem(problem.code, how, key=problem.key):
                work.add_event("problem", _("Problem put aside: %(how)s") % {"how": how}, code=problem.code)
        work_set.flush(by)


def apply_status_map(*, connection_id: int, by: Author) -> tuple[int, bool]:
    """After the seller edited the status map: orders that waited for an unknown status are read again by it.

    Returns how many orders found their state, and whether more of them follow as a job. What a state means is the
    same as when the channel says it.
    """

    return remap_all(connection_id, by=by)
