"""The page of a job that moves many orders: its progress, and the outcome of each order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Page
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.domain.moves import SHIP, WORK
from orders.models import Order
from orders.services import moves


class MoveJob(Page):
    """The progress of a bulk move. Posting cancels it."""

    title: Any = _("Move orders")
    permission = "orders.view_order"
    write_permission = (WORK, SHIP)
    template_name = "orders/job.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = get_object_or_404(Job, pk=pk, kind=moves.JOB)
        self.title = job.title
        rows: list[list[Any]] = job.result.get("orders", [])
        numbers = dict(Order.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "number"))
        outcomes = [(order, numbers.get(order, order), ok, text) for order, ok, text in rows]
        refused = [row for row in outcomes if not row[2]]
        reasons: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in refused:
            reasons[row[3]].append(row)
        return self.render(
            job=job,
            refused=refused,
            reasons=sorted(reasons.items(), key=lambda pair: -len(pair[1])),
            moved=[row for row in outcomes if row[2]],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = get_object_or_404(Job, pk=pk, kind=moves.JOB)
        jobs.cancel(job=job)
        messages.success(request, gettext("The job stops after the current orders."))
        return HttpResponseRedirect(request.path)
