"""Pause, resume, disconnect, read-only, and the first push as a plan."""

from __future__ import annotations

from io import StringIO
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from channels.models import OutboxMessage
from channels.push import preview
from channels.stores import connect, services
from oms.screens.stores.base import CHANGE, StorePage, go

PLAN_LINES = 300


class Pause(StorePage):
    """Pause or resume, in one press: both can be taken back at once."""

    title = _("Pause")
    permission: ClassVar[Any] = CHANGE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "resume":
                services.resume(connection=self.store)
                messages.success(request, _t("%s goes on from where it stood.") % self.store)
            else:
                services.pause(connection=self.store, reason=_t("Paused by %s.") % request.user)
                messages.success(request, _t("%s is paused: nothing is read or sent.") % self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)


class Disconnect(StorePage):
    """Forget the store's credentials, after asking."""

    title = _("Disconnect")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        stays = _t("Its products, orders, stock and history stay here.")
        if self.store.has_wire:
            lines = [
                _t("Its keys are forgotten; nothing is read from it or sent to it any more."),
                stays,
                _t("Connecting the same account later brings it back with all of that."),
            ]
        else:
            lines = [_t("It sells nothing any more."), stays, _t("Reconnect on its page brings it back.")]
        return self.confirm(
            question=_t("Disconnect “%s”?") % self.store,
            lines=lines,
            button=_t("Disconnect %s") % self.store,
            back=reverse("admin:store", args=[pk]),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            services.disconnect(connection=self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
            return go("store", pk)
        messages.success(request, _t("%s is disconnected; its history stays.") % self.store)
        return go("stores")


class ReadOnly(StorePage):
    """Stop sending (at once) or begin to send (after the plan was looked at)."""

    title = _("Read-only")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Whoever comes here after signing in again lands on the store."""
        return go("store", pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "on":
                services.switch_on(connection=self.store)
                messages.success(
                    request, _t("From now on stock, prices and order events are sent to %s.") % self.store
                )
                if OutboxMessage.objects.unsent().filter(connection=self.store, is_held=True).exists():
                    messages.warning(
                        request, _t("Order events were held meanwhile: send or skip each of them.")
                    )
                    return go("store_messages", pk, query="?show=held")
            else:
                services.set_read_only(connection=self.store)
                messages.success(
                    request, _t("%s is read-only: everything is computed, nothing is sent.") % self.store
                )
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)


class Plan(StorePage):
    """What would be sent now: old, new, why; what the store shows already is only counted. Also as CSV, whole."""

    title = _("What would be sent")
    template_name = "oms/stores/plan.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.store.has_wire:
            return go("store", pk)  # nobody is told anything: there is no plan, and no sending to switch on
        topic = request.GET.get("topic", "")
        topics = [topic] if topic else None
        if request.GET.get("format") == "csv":
            answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
            answer["Content-Disposition"] = f'attachment; filename="plan-{pk}.csv"'
            text = StringIO()
            preview.write_csv(self.store, text, topics=topics)
            answer.write(text.getvalue())
            return answer
        found = preview.summary(self.store, topics=topics, show=PLAN_LINES)
        held = OutboxMessage.objects.unsent().filter(connection=self.store, is_held=True).count()
        return self.render(
            lines=[{"topic": name, "line": line} for name, line in found.lines],
            kinds=sorted(preview.counts(self.store)),
            topic=topic,
            total=found.total,
            same=found.same,
            is_whole=found.is_whole,
            looked_at=preview.LOOKED_AT,
            limit=PLAN_LINES,
            held=held,
        )
