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
    """Pause or resume, without a confirmation: both can be reversed immediately."""

    title = _("Pause")
    permission: ClassVar[Any] = CHANGE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "resume":
                services.resume(connection=self.store)
                messages.success(request, gettext("Sync of %s resumed.") % self.store)
            else:
                services.pause(connection=self.store, reason=gettext("Paused by %s.") % request.user)
                messages.success(request, gettext("%s is paused. Nothing is imported or sent.") % self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)


class Disconnect(StorePage):
    """Delete the store's keys, after a confirmation."""

    title = _("Disconnect")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        stays = gettext("Products, orders, stock and history stay in Manifold.")
        if self.store.has_wire:
            lines = [
                gettext("The keys are deleted. Nothing is imported or sent."),
                stays,
                gettext("If you connect the same account again, the store has all of it."),
            ]
        else:
            lines = [
                gettext("The store sells nothing."),
                stays,
                gettext("You can reconnect it on its page."),
            ]
        return self.confirm(
            question=gettext("Disconnect %s?") % self.store,
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
    """Make a store read-only, or live (after the preview)."""

    title = _("Read-only")
    permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Redirect to the store: a person may arrive here after a new sign-in."""
        return go("store", pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if request.POST.get("do") == "on":
                services.switch_on(connection=self.store)
                messages.success(
                    request,
                    gettext("%s is live. Stock, prices and order events are sent.") % self.store,
                )
                if OutboxMessage.objects.unsent().filter(connection=self.store, is_held=True).exists():
                    messages.warning(
                        request,
                        gettext(
                            "Order messages from the read-only time are on hold. Send or skip each of them."
                        ),
                    )
                    return go("store_messages", pk, query="?show=held")
            else:
                services.set_read_only(connection=self.store)
                messages.success(request, gettext("%s is read-only. Nothing is sent.") % self.store)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)
