"""Orders are found by the new SKU or barcode of a variant too, after it was changed."""

from __future__ import annotations

from django.utils.translation import gettext as _

from oms.kit.background import jobs
from oms.kit.models import Job
from orders.models import OrderLine
from orders.unit_of_work import search_text

JOB = "orders_search"
#: More orders than this are a job; fewer are written with the change.
AT_ONCE = 200
SLICE = 1_000


def variant_recoded(variant_id: int) -> None:
    """Write the search texts of all orders with this variant: at once, or by a job where they are many."""
    ids = _orders_after(variant_id, 0, AT_ONCE + 1)
    if len(ids) <= AT_ONCE:
        search_text.refresh(ids)
        return
    title = _("Update the search after the change of a SKU")
    jobs.start(kind=JOB, title=title, params={"variant": variant_id})


def work(job: Job) -> bool:
    """Write one slice of the orders; returns whether there are more."""
    ids = _orders_after(job.params["variant"], job.data.get("last", 0), SLICE)
    search_text.refresh(ids)
    if ids:
        job.data["last"] = ids[-1]
        job.done += len(ids)
    return len(ids) == SLICE


def _orders_after(variant_id: int, last: int, limit: int) -> list[int]:
    lines = OrderLine.objects.filter(variant=variant_id, order__gt=last).order_by("order")
    return list(lines.values_list("order", flat=True).distinct()[:limit])
