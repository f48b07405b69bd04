"""The page of a job that a list started (an export, a long action): bar, result, file. For its author only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from oms.kit.admin import actions
from oms.kit.admin.badges import span_text
from oms.kit.admin.export import resources as list_exports
from oms.kit.admin.export.files import FORMATS
from oms.kit.admin.pages import Crumb, Page
from oms.kit.background import jobs
from oms.kit.models import Job

if TYPE_CHECKING:
    from oms.kit.admin.lists import ListAdmin


def bar_of(job: Job) -> dict[str, Any]:
    """Return the context of the bar of a job (`oms/parts/list_job.html`): done in percent, and the time that is left."""
    figures = jobs.progress(job)
    seconds = figures.seconds_left if job.is_live else None
    left = _("about %s left") % span_text(seconds) if seconds else ""
    return {"job": job, "percent": figures.percent, "left": left}


def progress_answer(request: HttpRequest, job: Job | None) -> JsonResponse:
    """Answer the script of a page with the bar of its job; without a job it is finished."""
    parts = {"bar": render_to_string("oms/parts/list_job.html", bar_of(job), request)} if job else {}
    answer = JsonResponse({"finished": job is None or not job.is_live, "parts": parts})
    answer["Cache-Control"] = "no-store"
    return answer


class ListJobPage(Page):
    """The progress and the result of a job; 404 for everybody except the person who started it."""

    template_name = "oms/list_job.html"
    model_admin: ListAdmin | None = None
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        found = Job.objects.filter(
            pk=kwargs["pk"], author=request.user.pk, kind__in=[list_exports.JOB, actions.JOB]
        ).first()
        if found is None or found.params.get("admin") != self.list.opts.label_lower:
            raise Http404
        self.job, self.title = found, found.title

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.list.has_view_permission(request):
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    @property
    def list(self) -> ListAdmin:
        assert self.model_admin is not None
        return self.model_admin

    def crumbs(self) -> Iterable[Crumb]:
        return [(self.list.list_title(), reverse(f"admin:{self.list.name_of('changelist')}"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        has_file = self.job.kind == list_exports.JOB and list_exports.file_of(self.job) is not None
        return self.render(
            **bar_of(self.job),
            progress_url=reverse(f"admin:{self.list.name_of('job_progress')}", args=[pk]),
            file_url=reverse(f"admin:{self.list.name_of('job_file')}", args=[pk]) if has_file else "",
            is_expired=self.job.kind == list_exports.JOB
            and self.job.state == Job.State.DONE
            and not has_file,
            days=list_exports.DAYS,
            outcomes=self.job.result.get("outcomes", []),
            back=reverse(f"admin:{self.list.name_of('changelist')}"),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        jobs.cancel(job=self.job)
        messages.success(request, _("The job stops. Finished work is not undone."))
        return HttpResponseRedirect(request.path)


class ListJobProgress(ListJobPage):
    """The bar as JSON, for the script of the page."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return progress_answer(request, self.job)


class ListJobFile(ListJobPage):
    """The file of a finished export."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        path = list_exports.file_of(self.job)
        if path is None or not self.list.has_export_permission(request):
            raise Http404
        answer = FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=self.job.result["label"],
            content_type=FORMATS[self.job.params["format"]].content_type,
        )
        answer["Cache-Control"] = "private, no-store"  # the file has names and addresses
        return answer  # type: ignore[return-value]
