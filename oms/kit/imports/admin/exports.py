"""The page of an export: bar and file. For its author only."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils.translation import gettext

from oms.kit.admin.job_pages import bar_of, progress_answer
from oms.kit.background import jobs
from oms.kit.imports import exports, kinds, services
from oms.kit.imports.admin.base import LIST, ImportsPage
from oms.kit.imports.admin.start import XLSX
from oms.kit.models import Job


class ExportJobPage(ImportsPage):
    """The progress and the file of an export."""

    template_name = "oms/list_job.html"
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        found = Job.objects.filter(pk=kwargs["pk"], kind=exports.JOB, author=request.user.pk).first()
        if found is None or not kinds.get(found.params["kind"]).allows_export(request.user):
            raise Http404
        self.job, self.title = found, found.title

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        has_file = exports.file_of(self.job) is not None
        return self.render(
            **bar_of(self.job),
            progress_url=reverse("admin:imports_export_progress", args=[pk]),
            file_url=reverse("admin:imports_export_file", args=[pk]) if has_file else "",
            is_expired=self.job.state == Job.State.DONE and not has_file,
            days=services.DAYS,
            outcomes=(),
            back=reverse(LIST),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        jobs.cancel(job=self.job)
        messages.success(request, gettext("The job stops. Finished work is not undone."))
        return HttpResponseRedirect(request.path)


class ExportProgress(ExportJobPage):
    """The bar as JSON."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return progress_answer(request, self.job)


class ExportFile(ExportJobPage):
    """The workbook."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        path = exports.file_of(self.job)
        if path is None:
            raise Http404
        answer = FileResponse(
            path.open("rb"), as_attachment=True, filename=self.job.result["label"], content_type=XLSX
        )
        answer["Cache-Control"] = "private, no-store"
        return answer
