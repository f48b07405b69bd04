"""The stores as cards, and one store's streams, running work and last runs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from channels.contract.registry import specs
from channels.contract.spec import Capability, Stream
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.pull import streams
from channels.stores import connect, first_sync, services
from channels.stores.freshness import stock_of
from channels.stores.health_text import health_of
from oms.kit.models import Job
from oms.screens import figures
from oms.screens.stores.base import ADD, CHANNELS, INTEGRATIONS, SYNC, StorePage, StoresPage, go
from oms.screens.stores.connect import reconnect_words

PERIODS = (60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)


class Stores(StoresPage):
    """All stores as cards, each with its health in one sentence."""

    title = CHANNELS
    template_name = "oms/stores/list.html"

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        stores = list(Connection.objects.stores())
        ids = [store.pk for store in stores]
        waiting = Q(wanted__gt=F("sent"), skipped_at=None)
        messages_of = {
            row["connection_id"]: row
            for row in OutboxMessage.objects.filter(waiting, connection__in=ids)
            .order_by()
            .values("connection_id")
            .annotate(
                parked=Count("pk", filter=Q(parked_at__isnull=False)),
                open=Count("pk", filter=Q(parked_at=None)),
            )
        }
        refused = dict(
            RejectedRecord.objects.filter(connection__in=ids, resolved_at=None)
            .order_by()
            .values_list("connection_id")
            .annotate(n=Count("pk"))
        )
        orders = SyncStream.objects.filter(connection__in=ids, name=Stream.ORDERS_NEW).select_related(
            "connection"
        )
        runs = figures.recent_runs(ids, [Stream.ORDERS_NEW])
        stock = stock_of(stores)
        fresh = {one.stream.connection_id: one for one in figures.freshness(orders, runs)}
        cards = [
            {
                "store": store,
                "channel": specs()[store.channel].label if store.channel in specs() else store.channel,
                "has_wire": store.has_wire,
                "health": health_of(store),
                "fresh": fresh.get(store.pk),
                "stock": stock[store.pk],
                "messages": messages_of.get(store.pk, {}),
                "refused": refused.get(store.pk, 0),
            }
            for store in stores
        ]
        connected = [card for card in cards if card["store"].state != Connection.State.DISCONNECTED]
        gone = [card for card in cards if card["store"].state == Connection.State.DISCONNECTED]
        return self.render(cards=connected, gone=gone, may_connect=request.user.has_perm(ADD))


class Overview(StorePage):
    """One store: how it is, its streams, what is running, the last runs."""

    template_name = "oms/stores/overview.html"
    tab = "store"

    @property
    def title(self) -> Any:
        return self.store.name

    def crumbs(self) -> Any:
        return tuple(super().crumbs())[:-1]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = list(
            SyncStream.objects.filter(connection=self.store).select_related("connection").order_by("id")
        )
        runs = figures.recent_runs([pk], [row.name for row in rows])
        last = {
            run.stream: run
            for run in SyncRun.objects.filter(
                pk__in=SyncRun.objects.filter(connection=self.store)
                .order_by()
                .values("stream")
                .annotate(last=Max("pk"))
                .values("last")
            )
        }
        jobs = list(Job.objects.filter(subject_kind="connection", subject_id=pk).live())
        first = first_sync.latest(self.store)
        return self.render(
            streams=[
                {"fresh": one, "title": streams.title(one.stream.name), "run": last.get(one.stream.name)}
                for one in figures.freshness(rows, runs)
            ],
            periods=PERIODS,
            jobs=jobs,
            runs=SyncRun.objects.filter(connection=self.store)[:10],
            first=first,
            now=timezone.now(),
            stock=stock_of([self.store])[pk],
            webhooks_off=self.store.why_not(Capability.WEBHOOKS),
            reconnect_words=reconnect_words(self.store),
        )


class StreamControl(StorePage):
    """Run a stream now, or change how often it runs. Posted to from the overview."""

    write_permission = SYNC
    title = _("Stream")

    def post(self, request: HttpRequest, pk: int, stream: int) -> HttpResponse:
        row = get_object_or_404(SyncStream, pk=stream, connection=self.store)
        name = streams.title(row.name)
        try:
            if request.POST.get("do") == "run":
                services.refresh_now(connection=self.store, stream=row.name)
                messages.success(request, _t("%s will be read within seconds.") % name)
            else:
                if not request.user.has_perm("channels.change_syncstream"):
                    messages.error(request, _t("Your role does not allow this."))
                    return go("store", pk)
                every = request.POST.get("every", "")
                services.change_stream(
                    stream=row,
                    period=int(every) if every.isdigit() and every != "0" else None,
                    is_on=every != "0",
                )
                messages.success(request, _t("%s: the period is changed.") % name)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)
