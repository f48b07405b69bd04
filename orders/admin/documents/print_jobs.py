"""Print: the answer to a button, the page of a job that prints, its file, the file of an issued document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from oms.kit.admin import pages
from oms.kit.admin.actions import AT_ONCE
from oms.kit.admin.job_pages import bar_of, progress_answer
from oms.kit.admin.pages import Crumb, Page
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.documents import files, printing
from orders.documents.invoice_files import printed_file
from orders.errors import OrderError
from orders.models import Document

VIEW = "orders.view_document"
ANY = (printing.PRINT, printing.ISSUE)


def start_print(
    request: HttpRequest,
    kind: str,
    *,
    orders: Sequence[int] = (),
    shipments: Sequence[int] = (),
    start_at: int = 0,
) -> str:
    """Print now (up to 50) or by a job; return the address of the file, or of the page that says what is missing.

    Raises `OrderError` for too many.
    """
    job = printing.start(
        kind=kind,
        user=request.user,
        orders=orders,
        shipments=shipments,
        start_at=start_at,
        language=get_language() or "en",
    )
    if len(orders) + len(shipments) <= AT_ONCE:
        while job.is_live and jobs.work(job.pk):
            pass
        job.refresh_from_db()
    if printing.file_of(job) is not None and not job.refused and not job.result.get("warnings"):
        return reverse("admin:print_file", args=[job.pk])
    return reverse("admin:print_job", args=[job.pk])


class PrintJobPage(Page):
    """The progress and the result of a job that prints; 404 for everybody except the person who started it."""

    permission = ANY
    template_name = "orders/print_job.html"
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        found = Job.objects.filter(pk=kwargs["pk"], author=request.user.pk, kind=printing.JOB).first()
        if found is None:
            raise Http404
        self.job, self.title = found, found.title

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Orders"), reverse("admin:orders_order_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        has_file = printing.file_of(self.job) is not None
        return self.render(
            **bar_of(self.job),
            progress_url=reverse("admin:print_progress", args=[pk]),
            file_url=reverse("admin:print_file", args=[pk]) if has_file else "",
            is_expired=bool(self.job.result.get("file")) and not has_file,
            days=files.DAYS,
            outcomes=self.job.result.get("outcomes", []),
            warnings=self.job.result.get("warnings", []),
            back=reverse("admin:orders_order_changelist"),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        jobs.cancel(job=self.job)
        messages.success(request, _("The job stops. Finished work is not undone."))
        return HttpResponseRedirect(request.path)


class PrintProgress(PrintJobPage):
    """The bar as JSON, for the script of the page."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return progress_answer(request, self.job)


class PrintFile(PrintJobPage):
    """The file of a finished job, shown in the browser, whose print dialogue prints it."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        path = printing.file_of(self.job)
        printout = printing.PRINTOUTS.get(self.job.params["kind"])
        if path is None or printout is None or not request.user.has_perm(printout.permission):
            raise Http404
        return pdf_answer(FileResponse(path.open("rb"), filename=self.job.result["label"]))


def pdf_answer(answer: Any) -> HttpResponseBase:
    """Return a file as a PDF that only this browser may store: it has names and addresses."""
    answer["Content-Type"] = "application/pdf"
    answer["Cache-Control"] = "private, no-store"
    made: HttpResponseBase = answer
    return made


class DocumentFile(Page):
    """The stored file of an issued document. A GET shows it; the button Print posts, and the print is counted."""

    permission = VIEW
    write_permission = ANY

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return document_answer(request, _document(pk), count=False)

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return document_answer(request, _document(pk), count=True)


def _document(pk: int) -> Document:
    return get_object_or_404(Document.objects.exclude(number=""), pk=pk)


def document_answer(request: HttpRequest, document: Document, *, count: bool) -> HttpResponseBase:
    """Answer with the stored file; on a fault return to the page of the order or manifest with the sentence."""
    try:
        content = printed_file(document, count=count)
    except OrderError as error:
        messages.error(request, f"{document}: {error}")
        if document.manifest_id:
            return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[document.manifest_id]))
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[document.order_id]))
    answer = HttpResponse(content)
    answer["Content-Disposition"] = f'inline; filename="{document.number}.pdf"'
    return pdf_answer(answer)


pages.add(
    ("prints/<key:pk>/", PrintJobPage, "print_job"),
    ("prints/<key:pk>/progress.json", PrintProgress, "print_progress"),
    ("prints/<key:pk>/file/", PrintFile, "print_file"),
    ("documents/<key:pk>/file/", DocumentFile, "document_file"),
)
