"""Long work: the list, one job with its bar, its progress as JSON for the bar, and cancelling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from channels.models import Connection, SyncRun
from channels.stores import first_sync
from channels.stores.health_text import Health, health_of
from oms.kit import jobs
from oms.kit.admin.badges import span_text
from oms.kit.admin.pages import Crumb, Page
from oms.kit.models import Job
from oms.screens.links import address

COLOURS = {
    Job.State.WAITING: "default",
    Job.State.RUNNING: "info",
    Job.State.DONE: "success",
    Job.State.FAILED: "danger",
    Job.State.CANCELLED: "default",
}


def progress_of(job: Job) -> dict[str, Any]:
    """What the bar of a job shows, in words."""
    figures = jobs.progress(job)
    rate = _t("%s a second") % f"{figures.per_second:,.1f}" if figures.per_second else ""
    if rate and figures.per_second < 1:
        rate = _t("%s a minute") % f"{figures.per_second * 60:,.0f}"
    left = (
        _t("about %s left") % span_text(figures.seconds_left) if figures.seconds_left and job.is_live else ""
    )
    return {
        "job": job,
        "percent": figures.percent,
        "rate": rate if job.is_live else "",
        "left": left,
        "colour": COLOURS[Job.State(job.state)],
        "missing": job.result.get("missing", 0),
        "refused": max(job.refused - job.result.get("missing", 0), 0),
        "asked_to_stop": job.is_live and job.cancel_requested_at is not None,
    }


def standing(job: Job, store: Connection | None) -> Health | None:
    """How the store of live work is where it stands still or has to wait: else the bar would not say why it does not move."""
    if not job.is_live or store is None:
        return None
    health = health_of(store)
    return health if health.colour in ("warning", "danger") else None


class JobsPage(Page):
    permission: ClassVar[Any] = "kit.view_job"
    write_permission: ClassVar[Any] = "kit.change_job"

    def crumbs(self) -> Iterable[Crumb]:
        return ((_("Integrations"), ""), (_("Jobs"), reverse("admin:jobs")))


class Jobs(JobsPage):
    """What runs now, and what ran last."""

    title = _("Jobs")
    template_name = "oms/jobs.html"

    def crumbs(self) -> Iterable[Crumb]:
        return ((_("Integrations"), ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        live = [progress_of(job) for job in Job.objects.live().select_related("author").order_by("id")[:50]]
        ended = Job.objects.exclude(state__in=[Job.State.WAITING, Job.State.RUNNING]).select_related("author")
        before = request.GET.get("before", "")
        if before.isdigit():
            ended = ended.filter(pk__lt=int(before))
        rows = list(ended.order_by("-id")[:51])
        return self.render(
            live=[] if before else live,
            ended=[progress_of(job) for job in rows[:50]],
            older=rows[49].pk if len(rows) > 50 else None,
        )


class JobPage(JobsPage):
    """One job: bar, rate, time left, outcome."""

    title: Any = _("Job")
    template_name = "oms/job.html"
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.job = get_object_or_404(Job.objects.select_related("author"), pk=kwargs["pk"])
        self.title = self.job.title

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.job
        store = None
        if job.subject_kind == "connection":
            store = Connection.objects.filter(pk=job.subject_id or 0).first()
        run = SyncRun.objects.filter(pk=job.result["run"]).first() if job.result.get("run") else None
        if not request.user.has_perm("channels.view_connection"):
            store = None
        if job.kind == "channels.first_sync" and store:
            back: tuple[Any, str] = (_t("To the report"), address("store_first_sync", store.pk))
        elif store:
            back = (_t("To %s") % store, address("store", store.pk))
        else:
            back = (_t("All jobs"), address("jobs"))
        outcomes = job.result.get("outcomes") or job.result.get("refusals") or []
        return self.render(
            job=job,
            progress=progress_of(job),
            stands=standing(job, store),
            run=run,
            back=back,
            store=store,
            outcomes=outcomes[:200],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = jobs.cancel(job=self.job)
        if job.state == Job.State.CANCELLED:
            messages.success(request, _t("Cancelled before it began."))
        elif job.is_live:
            messages.success(
                request, _t("It stops after the page it is working on; what is done stays done.")
            )
        else:
            messages.warning(request, _t("It had ended already."))
        return self.get(request, pk)


class JobProgress(JobsPage):
    """The bar as JSON: `parts` by name, and whether it is over."""

    title = _("Progress")

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = get_object_or_404(Job, pk=pk)
        store = None
        if job.subject_kind == "connection" and request.user.has_perm("channels.view_connection"):
            store = Connection.objects.filter(pk=job.subject_id or 0).first()
        shown = progress_of(job) | {"stands": standing(job, store)}
        parts = {"bar": render_to_string("oms/parts/job.html", shown)}
        if job.kind == "channels.first_sync":
            from oms.screens.stores.first import phases_of

            have = {str(name) for name in job.data.get("phases", {})}
            if store:
                have |= {*first_sync.phases_of(store), "carriers"}
            parts["phases"] = render_to_string("oms/parts/phases.html", {"phases": phases_of(job, have)})
        answer = JsonResponse({"finished": not job.is_live, "state": job.state, "parts": parts})
        answer["Cache-Control"] = "no-store"
        return answer
