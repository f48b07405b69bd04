"""The first sync: its progress while it runs, its report afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.progress import obstacle_of, phases_of, progress_of
from channels.admin.store import report
from channels.admin.store.page import CHANGE, StorePage, go
from channels.stores import first_sync, services
from oms.kit.admin import panels
from oms.kit.authors.actors import person
from oms.kit.models import Job


class FirstSync(StorePage):
    """Progress while it runs, the report when it is done."""

    title = _("First sync")
    template_name = "channels/first_sync.html"
    write_permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.store.has_wire:
            return go("store", pk)  # nothing is imported from an offline store
        job = first_sync.latest(self.store)
        if job is not None and job.is_live:
            return self.render(
                job=job,
                phases=phases_of(job, self.store),
                progress=progress_of(job),
                obstacle=obstacle_of(job, self.store),
            )
        if job is not None and job.state == Job.State.DONE and self.may_write:
            services.mark_report_seen(connection=self.store)  # it is shown now: Go live becomes possible
        figures = report.figures_of(self.store)
        return self.render(
            "channels/first_sync_report.html",
            job=job,
            phases=phases_of(job, self.store) if job else [],
            findings=report.findings_of(self.store),
            figures=figures,
            is_empty=not any(figure.count for figure in figures if figure.is_main),
            panels=panels.panels_of(request, self.store) if self.store.is_read_only else [],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("do") in ("seen", "plan"):
            services.mark_report_seen(connection=self.store)
            return go("store_plan" if request.POST["do"] == "plan" else "store_warehouses", pk)
        try:
            first_sync.start(connection=self.store, author=person(request.user))
        except LookupError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("First sync started again."))
        return go("store_first_sync", pk)
