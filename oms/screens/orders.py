"""The order desk: the list by state, and moves on many orders at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.kit.admin.paging import CAP
from oms.kit.models import Job
from oms.screens import order_moves
from oms.screens.order_moves import AT_MOST, AT_ONCE, BULK, MOVES, DeskMove
from oms.screens.order_query import PAGE_SIZES, TABS, OrderQuery, tab_counts
from oms.screens.order_rows import filter_choices, rows_of
from orders.choices import STATUS_COLOURS
from orders.errors import OrderError
from orders.models import Order

VIEW = "orders.view_order"
#: Refusals that are shown one by one; the rest are counted.
SHOWN_REFUSALS = 8


def count_text(count: int) -> str:
    return f"{CAP:,}+" if count > CAP else f"{count:,}"


class OrderList(Page):
    title = _("Orders")
    permission = VIEW
    template_name = "orders/list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        query = OrderQuery.read(request.GET)
        counts = tab_counts()
        orders, after, before = query.page()
        user = request.user
        return self.render(
            query=query,
            tabs_of=[
                (
                    tab.label,
                    query.link(tab=tab.key),
                    tab is query.tab,
                    count_text(counts[tab.key]),
                    bool(tab.flag),
                )
                for tab in TABS
                if not tab.is_rare or counts[tab.key] or tab is query.tab
            ],
            is_new_house=not counts["all"],
            rows=rows_of(orders),
            colours=STATUS_COLOURS,
            choices=filter_choices(),
            page_sizes=PAGE_SIZES,
            clear=query.link(q="", **dict.fromkeys(query.FILTERS, "")),
            next_link=query.link(after=after) if after else "",
            previous_link=query.link(before=before) if before else "",
            bulk=[
                (move, "" if user.has_perm(move.permission) else _t("Your role may not do this."))
                for move in BULK
                if move.tab in ("", query.tab.key)
            ],
            may_move=any(user.has_perm(move.permission) for move in BULK),
            at_most=AT_MOST,
        )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("It is kept on the order's timeline.")
    )


class BulkMove(Page):
    """One move on the chosen orders. Up to 50 at once while the person waits, more by a job."""

    title = _("Move orders")
    permission = (order_moves.WORK, order_moves.SHIP)
    template_name = "oms/confirm.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_changelist"))

    def post(self, request: HttpRequest) -> HttpResponse:
        back = (
            reverse("admin:orders_order_changelist")
            + OrderQuery.read(query_of(request.POST.get("list", ""))).link()
        )
        move = MOVES.get(request.POST.get("move", ""))
        if move is None or not move.in_bulk:
            messages.error(request, _t("Choose what to do with the orders."))
            return HttpResponseRedirect(back)
        if not request.user.has_perm(move.permission):
            messages.error(request, _t("Your role may not do this."))
            return HttpResponseRedirect(back)
        ids = self.chosen(request)
        if not ids:
            messages.warning(request, _t("Choose at least one order first."))
            return HttpResponseRedirect(back)
        reason = ""
        if move.needs_reason:
            is_answer = "confirmed" in request.POST
            form = ReasonForm(request.POST if is_answer else None)
            if not is_answer or not form.is_valid():
                return self.ask(request, move, ids, dress(form), back)
            reason = form.cleaned_data["reason"]
        if len(ids) > AT_ONCE:
            job = order_moves.start_job(move=move, order_ids=ids, user=request.user, reason=reason)
            return HttpResponseRedirect(reverse("admin:orders_job", args=[job.pk]))
        tell(request, move, ids, reason)
        return HttpResponseRedirect(back)

    @staticmethod
    def chosen(request: HttpRequest) -> list[int]:
        """The ticked orders, or with `all` every order of the list as it was filtered (at most 2,000)."""
        if request.POST.get("all"):
            query = OrderQuery.read(query_of(request.POST.get("list", "")))
            return list(query.matching().order_by("id").values_list("pk", flat=True)[:AT_MOST])
        return [int(pk) for pk in dict.fromkeys(request.POST.getlist("pick")) if pk.isdigit()][:AT_MOST]

    def ask(
        self, request: HttpRequest, move: DeskMove, ids: Sequence[int], form: forms.Form, back: str
    ) -> HttpResponse:
        self.title = move.label
        shown = list(Order.objects.filter(pk__in=ids[:10]).order_by("id"))
        told = [f"{order} · {order.customer_name} · {order.get_status_display()}" for order in shown]
        if len(ids) > len(shown):
            told.append(_t("and %d more") % (len(ids) - len(shown)))
        return self.confirm(
            question=move.asks,
            button=_t("%(move)s %(count)d") % {"move": move.label, "count": len(ids)},
            back=back,
            lines=told,
            is_dangerous=move.is_dangerous,
            form=form,
            hidden=[
                ("move", move.name),
                ("list", request.POST.get("list", "")),
                *(("pick", pk) for pk in ids),
            ],
        )


def query_of(text: str) -> dict[str, str]:
    """A query string of the list, as the hidden field of its form carries it."""
    from django.http import QueryDict

    return {name: value for name, value in QueryDict(text.lstrip("?")).items() if isinstance(value, str)}


def tell(
    request: HttpRequest,
    move: DeskMove,
    ids: Sequence[int],
    reason: str = "",
    tracking: Mapping[int, tuple[int | None, str]] | None = None,
) -> bool:
    """Make the move and say every outcome; True when none was refused."""
    try:
        outcomes = move.run(ids, by=person(request.user), reason=reason, tracking=tracking)
    except OrderError as error:
        messages.error(request, str(error))
        return False
    refused = [outcome for outcome in outcomes if not outcome.ok]
    done = len(outcomes) - len(refused)
    if done:
        told = sorted({outcome.message for outcome in outcomes if outcome.ok and outcome.message})
        messages.success(request, f"{move.label}: {order_moves.sentence(done)} {' '.join(told[:2])}".strip())
    for outcome in refused[:SHOWN_REFUSALS]:
        messages.error(request, f"#{outcome.number or outcome.order_id}: {outcome.message}")
    if len(refused) > SHOWN_REFUSALS:
        messages.error(request, _t("%d more orders were refused.") % (len(refused) - SHOWN_REFUSALS))
    return not refused


class MoveJob(Page):
    """How far a bulk move is, and what came of each order."""

    title: Any = _("Orders being moved")
    permission = VIEW
    write_permission = (order_moves.WORK, order_moves.SHIP)
    template_name = "orders/job.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = get_object_or_404(Job, pk=pk, kind=order_moves.JOB)
        self.title = job.title
        told: list[list[Any]] = job.result.get("orders", [])
        numbers = dict(Order.objects.filter(pk__in=[row[0] for row in told]).values_list("pk", "number"))
        outcomes = [(order, numbers.get(order, order), ok, text) for order, ok, text in told]
        return self.render(
            job=job,
            refused=[row for row in outcomes if not row[2]],
            moved=[row for row in outcomes if row[2]],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        from oms.kit import jobs

        job = get_object_or_404(Job, pk=pk, kind=order_moves.JOB)
        jobs.cancel(job=job)
        messages.success(request, _t("It stops after the orders that are being moved now."))
        return HttpResponseRedirect(request.path)


ROUTES = [
    ("orders/order/", OrderList, "orders_order_changelist"),
    ("orders/order/move/", BulkMove, "orders_move"),
    ("orders/order/jobs/<int:pk>/", MoveJob, "orders_job"),
]
