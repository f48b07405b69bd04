"""Parked messages of all stores: what a channel refused, in its own words, to be tried again or given up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from channels.models import Connection, OutboxMessage
from oms.kit.admin.pages import Crumb, Page
from oms.screens.messages import described
from oms.screens.stores.base import CHANGE, INTEGRATIONS, VIEW, go
from oms.screens.stores.tabs import act_on_messages, ask_to_give_up, page_of


class Parked(Page):
    title = _("Parked messages")
    permission: ClassVar[Any] = VIEW
    write_permission: ClassVar[Any] = ("channels.change_outboxmessage", CHANGE)
    template_name = "oms/parked.html"

    def crumbs(self) -> Iterable[Crumb]:
        return ((INTEGRATIONS, ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = OutboxMessage.objects.parked().select_related("connection").order_by("-parked_at", "-id")
        store = request.GET.get("store", "")
        if store.isdigit():
            rows = rows.filter(connection=int(store))
        page = page_of(rows, request)
        return self.render(
            rows=page,
            words=described(page.object_list),
            stores=list(Connection.objects.stores().connected()),
            store=store,
            show="parked",
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        if asked := ask_to_give_up(self, OutboxMessage.objects.parked(), request.path):
            return asked
        act_on_messages(request, OutboxMessage.objects.parked())
        return go("parked")
