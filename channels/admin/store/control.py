"""Pause, resume, disconnect, read-only and live."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import CHANGE, StorePage, go
from channels.models import OutboxMessage
from channels.stores import connect, services


class Pause(StorePage):
    """Pause or resume, with one button: both can be reversed at once."""

    title = _("Pause")
    permission: ClassVar[Any] = CHANGE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "resume":
                services.resume(connection=self.store)
                messages.success(request, gettext("%s: sync resumed.") % self.store)
            else:
                services.pause(connection=self.store, reason=gettext("Paused by %s.") % request.user)
                messages.success(request, gettext("%s is paused: nothing is imported or sent.") % self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)


class Disconnect(StorePage):
    """Delete the store's keys, after a confirmation."""

    title = _("Disconnect")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        stays = gettext("Its products, orders, stock and history stay in Manifold.")
        if self.store.has_wire:
            lines = [
                gettext("Its keys are deleted. Nothing is imported from it or sent to it any more."),
                stays,
                gettext("Connecting the same account later brings all of it back."),
            ]
        else:
            lines = [
                gettext("It sells nothing any more."),
                stays,
                gettext("Reconnect on its page brings it back."),
            ]
        return self.confirm(
            question=gettext("Disconnect “%s”?") % self.store,
            lines=lines,
            button=gettext("Disconnect %s") % self.store,
            back=reverse("admin:store", args=[pk]),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            services.disconnect(connection=self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
            return go("store", pk)
        messages.success(request, gettext("%s is disconnected. Its history stays in Manifold.") % self.store)
        return go("stores")


class ReadOnly(StorePage):
    """Make a store read-only (at once), or live (after the preview)."""

    title = _("Read-only")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Whoever comes here after signing in again is shown the store."""
        return go("store", pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "on":
                services.switch_on(connection=self.store)
                messages.success(
                    request,
                    gettext("%s is live: stock, prices and order events are sent to it.") % self.store,
                )
                if OutboxMessage.objects.unsent().filter(connection=self.store, is_held=True).exists():
                    messages.warning(
                        request,
                        gettext("Order events were held while it was read-only: send or skip each of them."),
                    )
                    return go("store_messages", pk, query="?show=held")
            else:
                services.set_read_only(connection=self.store)
                messages.success(request, gettext("%s is read-only: nothing is sent to it.") % self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)
