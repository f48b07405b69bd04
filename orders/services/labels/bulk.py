"""Buy the labels of many shipments: a job with progress and one outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.kit.authors.actors import person
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.choices import LabelState, ShipmentState
from orders.errors import OrderError
from orders.models import LabelPurchase, Shipment
from orders.services.labels import buying, choosing, content

#: Kind of the jobs that buy labels; it is stored in their rows.
JOB = "orders.buy_labels"
RIGHT = "orders.buy_label"
#: Shipments of one step, and of one job.
BATCH_SIZE = 5
AT_MOST = 2_000
WITHOUT = (ShipmentState.CANCELLED, ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def start(*, user: Any, orders: Sequence[int] = (), shipments: Sequence[int] = ()) -> Job:
    """Start the job that buys the labels of these orders or shipments; pressed twice it is one job.

    Raises `OrderError` without a shipment, or for more than 2,000.
    """
    rows = Shipment.objects.exclude(state__in=WITHOUT).filter(is_external=False)
    rows = rows.filter(order__in=orders) if orders else rows.filter(pk__in=shipments)
    ids = list(rows.order_by("order", "number").values_list("pk", flat=True)[: AT_MOST + 1])
    if not ids:
        raise OrderError(_("None of them has a shipment that needs a label. Release the orders first."))
    if len(ids) > AT_MOST:
        raise OrderError(_("At most %s at once.") % f"{AT_MOST:,}")
    return jobs.start(
        kind=JOB,
        title=_("Buy labels (%s)") % f"{len(ids):,}",
        params={"ids": ids},
        total=len(ids),
        author=user,
    )


def step(job: Job) -> bool:
    """Buy the next labels of a job; return True while more are left. Safe to repeat: no label is bought twice."""
    author = job.author
    if author is None or not author.is_active or not author.has_perm(RIGHT):
        raise jobs.JobFailed(_("Your role does not allow this."))
    ids: list[int] = job.params["ids"]
    rows: list[list[Any]] = job.result.setdefault("labels", [])
    del rows[job.done :]  # rows of this step that a killed worker wrote
    known = choosing.accounts()
    for shipment_id in ids[job.done : job.done + BATCH_SIZE]:
        rows.append(_buy_one(shipment_id, person(author), known))
        refused = sum(1 for row in rows if not row[2])
        jobs.report_or_stop(job, done=len(rows), result=job.result, refused=refused)
    job.message = ngettext("%s label bought.", "%s labels bought.", len(rows) - job.refused) % (
        f"{len(rows) - job.refused:,}"
    )
    return job.done < len(ids)


def _buy_one(shipment_id: int, by: Any, known: Sequence[Any]) -> list[Any]:
    """Buy one label; return [shipment id, its name, whether it has a label, what a person reads]."""
    row = Shipment.objects.select_related("order").filter(pk=shipment_id).first()
    name = f"#{row.order.number} S{row.number}" if row else str(shipment_id)
    try:
        choice = choosing.choice_for(content.loaded(shipment_id), known)
        purchase = buying.buy(shipment_id=shipment_id, account=choice.account, service=choice.service, by=by)
    except OrderError as error:
        return [shipment_id, name, False, str(error)]
    return [shipment_id, name, purchase.state == LabelState.BOUGHT, outcome_text(purchase)]


def outcome_text(purchase: LabelPurchase) -> str:
    """Return what became of a purchase, in one sentence: the number and the price, or the carrier's words."""
    if purchase.state == LabelState.BOUGHT:
        price = f", {purchase.cost} {purchase.currency}" if purchase.cost is not None else ""
        return f"{purchase.carrier_name or purchase.account} {purchase.tracking_number}{price}"
    if purchase.state == LabelState.REFUSED:
        return purchase.error
    words = purchase.error or str(purchase.get_state_display())
    return _("%s Manifold continues by itself.") % words
