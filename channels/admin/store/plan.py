"""The preview of what will be sent to a store."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import CHANGE, StorePage, chosen, go
from channels.models import OutboxMessage
from channels.push import preview, topics
from channels.push.outbox import PlanLine
from channels.stores import services

#: Lines of a preview that a page shows; the export has all.
PLAN_LINES = 300


def shown_line(topic: str, line: PlanLine) -> dict[str, Any]:
    """Return a line of a preview as its template shows it."""
    return {"topic": topic, "title": topics.title(topic), "line": line}


class Plan(StorePage):
    """What will be sent: old value, new value, reason; values that do not change are only counted. Also as CSV, complete.

    Selected lines are left out, and the rest is sent when the store goes live (R-PLUS-04).
    """

    title = _("Preview")
    template_name = "channels/plan.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.store.has_wire:
            return go("store", pk)  # nothing is sent to an offline store
        topic = request.GET.get("topic", "")
        only = [topic] if topic else None
        if request.GET.get("format") == "csv":
            answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
            answer["Content-Disposition"] = f'attachment; filename="plan-{pk}.csv"'
            text = StringIO()
            preview.write_csv(self.store, text, topics=only)
            answer.write(text.getvalue())
            return answer
        found = preview.summary(self.store, topics=only, show=PLAN_LINES)
        held = OutboxMessage.objects.unsent().filter(connection=self.store, is_held=True).count()
        return self.render(
            lines=[shown_line(name, line) for name, line in found.lines],
            kinds=[(name, topics.title(name)) for name in sorted(preview.counts(self.store))],
            topic=topic,
            total=found.total,
            same=found.same,
            is_whole=found.is_whole,
            compared=preview.MAX_COMPARED,
            limit=PLAN_LINES,
            held=held,
            may_leave_out=request.user.has_perm(CHANGE),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Leave the selected lines out."""
        mine = OutboxMessage.objects.filter(connection=self.store, pk__in=chosen(request))
        count = services.skip(messages=list(mine.values_list("pk", flat=True)))
        if count:
            done = ngettext(
                "%(n)d change is not sent. A later change of the same value is sent again.",
                "%(n)d changes are not sent. A later change of the same values is sent again.",
                count,
            )
            messages.success(request, done % {"n": count})
        else:
            messages.warning(request, gettext("Select at least one change that was not sent yet."))
        topic = request.GET.get("topic", "")
        return go("store_plan", pk, query=f"?topic={topic}" if topic in topics.RULES else "")
