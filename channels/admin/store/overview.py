"""The overview of a store: import schedules, running jobs, recent runs. A schedule is run now or changed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.connect import reconnect_words
from channels.admin.store.page import OVERVIEW, SYNC, StorePage, go
from channels.contract.spec import Capability
from channels.models import SyncRun, SyncStream
from channels.pull import streams
from channels.stores import connect, first_sync, services
from channels.stores.health import run_history
from channels.stores.health.freshness import stock_of
from oms.kit.admin import panels
from oms.kit.models import Job
from oms.kit.numbers import whole_number

#: Seconds between two runs that a person can choose.
PERIODS = (60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
SHOWN_RUNS = 10


class Overview(StorePage):
    """The overview of one store: health, import schedules, running jobs, recent runs."""

    template_name = "channels/store_overview.html"
    tab = OVERVIEW

    @property
    def title(self) -> Any:
        return self.store.name

    def crumbs(self) -> Any:
        return tuple(super().crumbs())[:-1]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = list(
            SyncStream.objects.filter(connection=self.store).select_related("connection").order_by("id")
        )
        runs = run_history.recent_runs([pk], [row.name for row in rows])
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
                for one in run_history.freshness(rows, runs)
            ],
            periods=PERIODS,
            jobs=jobs,
            runs=[
                (streams.title(run.stream), run)
                for run in SyncRun.objects.filter(connection=self.store)[:SHOWN_RUNS]
            ],
            first=first,
            now=timezone.now(),
            stock=stock_of([self.store])[pk],
            webhooks_off=self.store.why_not(Capability.WEBHOOKS),
            reconnect_words=reconnect_words(self.store),
            panels=panels.panels_of(request, self.store),
        )


class StreamControl(StorePage):
    """Run an import now, or change its interval. The overview posts to it."""

    write_permission = SYNC
    title = _("Import schedule")

    def post(self, request: HttpRequest, pk: int, stream: int) -> HttpResponse:
        row = get_object_or_404(SyncStream, pk=stream, connection=self.store)
        name = streams.title(row.name)
        try:
            if request.POST.get("do") == "run":
                text = services.run_now(connection=self.store, stream=row.name)
                messages.success(request, f"{name}: {text}")
            else:
                if not request.user.has_perm("channels.change_syncstream"):
                    messages.error(request, gettext("Your role does not allow this."))
                    return go("store", pk)
                every = request.POST.get("every", "")
                services.change_stream(
                    stream=row,
                    period=whole_number(every) or None,
                    is_on=every != "0",
                )
                messages.success(request, gettext("%s: import schedule changed.") % name)
        except connect.StoreError as error:
            messages.error(request, str(error))
        return go("store", pk)
