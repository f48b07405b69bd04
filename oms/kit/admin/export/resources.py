"""Export of a list (django-import-export) as CSV or XLSX: the rows of the tab, the filters and the search.

A list declares `resource_classes = [StockResource]`; the resource names the fields. Up to 5,000 rows are exported in
the request, in the order of the list; more become a job, in the order of the key, which continues after a killed
worker. The permission is `<app>.export_<model>`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.admin import site
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.http import FileResponse, HttpRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin as LibraryMixin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import SelectableFieldsExportForm
from import_export.resources import ModelResource

from oms.kit.admin.base import dress
from oms.kit.admin.export.files import FORMATS, export_folder, plain
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from oms.kit.admin.lists import ListAdmin

    class ExportMixin(ModelAdmin[Any]):
        """What we use of the library's mixin, which has no types."""

        def list_title(self) -> str: ...
        def name_of(self, what: str) -> str: ...
        def filtered(self, request: HttpRequest) -> Any: ...
        def get_export_resource_fields_from_form(self, form: Any) -> list[str] | None: ...
        def choose_export_resource_class(self, form: Any, request: HttpRequest) -> type[ExportResource]: ...
        def get_export_resource_classes(self, request: HttpRequest) -> list[type[ExportResource]]: ...
        def get_export_filename(self, request: HttpRequest, queryset: Any, file_format: Any) -> str: ...
        def get_export_context_data(self, **kwargs: Any) -> dict[str, Any]: ...

else:
    ExportMixin = LibraryMixin

#: More rows than this are exported by a job.
AT_ONCE = 5_000
JOB = "admin.export"
SLICE = 2_000
SECONDS = 40  # length of one slice of a job
#: Days that a file can be downloaded.
DAYS = 7


class ExportField(Field):
    """A field of a resource whose value is exported unchanged: a number is a number. Declare all fields with it.

    `attribute` may cross relations ("variant__sku") or name a method; `column_name` is the heading of the column.
    """

    def __init__(self, attribute: str | None = None, column_name: Any = None, **kwargs: Any) -> None:
        super().__init__(attribute, column_name, **kwargs)  # type: ignore[no-untyped-call]

    def export(self, instance: Any, **kwargs: Any) -> Any:
        return self.get_value(instance)  # type: ignore[no-untyped-call]


class ExportResource(ModelResource):
    """The base of every export. Headings are verbose names, or the `column_name` of a declared field."""

    DEFAULT_RESOURCE_FIELD = ExportField  # type: ignore[assignment]

    @classmethod
    def rows_of(cls, queryset: Any) -> Any:
        """Return the exported rows: the rows of the list, or rows that belong to them (the lines of orders)."""
        return queryset

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        """Return one cell, as `plain` says."""
        return plain(super().export_field(field, instance, **kwargs))  # type: ignore[no-untyped-call]

    def cells(self, row: Any, names: Sequence[str] | None) -> list[Any]:
        """Return the cells of one row; `names` are the chosen fields, None all."""
        cells: list[Any] = self.export_resource(row, names)  # type: ignore[no-untyped-call]
        return cells

    @classmethod
    def label_of(cls: Any, name: str) -> str:
        """Return the heading of a field: its own, else the verbose name of the model's field."""
        field = cls.fields[name]
        if str(field.column_name) != name:
            return str(capfirst(str(field.column_name)))
        try:
            found = get_fields_from_path(cls._meta.model, name)[-1]
            return str(capfirst(str(getattr(found, "verbose_name", name))))
        except FieldDoesNotExist:
            return str(capfirst(name.replace("_", " ")))

    def get_export_headers(self, selected_fields: Iterable[str] | None = None) -> list[str]:
        wanted = set(selected_fields or self.fields)
        order: list[str] = self.get_export_order()  # type: ignore[no-untyped-call]
        return [self.label_of(name) for name in order if name in wanted]


class ExportForm(SelectableFieldsExportForm):
    """Format and fields, with the headings of the file as labels."""

    def __init__(self, formats: Any, resources: Any, **kwargs: Any) -> None:
        super().__init__(formats, resources, **kwargs)  # type: ignore[no-untyped-call]
        self.fields["format"].initial = "0"  # CSV
        dress(self)

    def groups(self) -> list[tuple[str, list[Any]]]:
        """Return the checkboxes of the columns, by the name of their resource."""
        resources: Any = self.resources
        return [
            (
                str(resource.get_display_name()),
                [self[name] for name in self.resource_fields[resource.__name__]],
            )
            for resource in resources
        ]

    def _get_field_label(self, resource: Any, field_name: str) -> str:
        return str(resource.label_of(field_name))


class ListExportMixin(ExportMixin):
    """Export for a `ListAdmin`; every view checks `has_export_permission`, whose default is False."""

    import_export_change_list_template: ClassVar[None] = (
        None  # otherwise the library replaces the list's template
    )
    export_template_name: ClassVar[str] = "oms/export.html"
    export_form_class: ClassVar[Any] = ExportForm
    resource_classes: ClassVar[Sequence[type[ExportResource]]] = ()

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether this person may export the rows: a permission of its own, and the one to view the list."""
        opts = self.opts
        right = f"{opts.app_label}.export_{opts.model_name}"
        return (
            bool(self.resource_classes) and self.has_view_permission(request) and request.user.has_perm(right)
        )

    def get_export_formats(self) -> list[Any]:
        return [CSV, XLSX]

    def get_export_queryset(self, request: HttpRequest) -> Any:
        """Return every row of the tab, filters and search of the request, without pages."""
        return self.filtered(request)

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: Any, export_form: Any = None
    ) -> Any:
        """Answer with the file, or start a job for a long one. The library has no public hook for this (4.4)."""
        fields = self.get_export_resource_fields_from_form(export_form)
        resource = self.choose_export_resource_class(export_form, request)()
        queryset = resource.rows_of(queryset)
        kind = file_format.get_extension()
        if len(queryset.order_by().values_list("pk")[: AT_ONCE + 1]) > AT_ONCE:
            number = self.get_export_resource_classes(request).index(type(resource))
            return redirect_to_job(self, request, kind, fields, number)
        return answer(
            resource, kind, queryset, fields, self.get_export_filename(request, queryset, file_format)
        )

    def get_export_context_data(self, **kwargs: Any) -> dict[str, Any]:
        list_url = reverse(f"admin:{self.name_of('changelist')}")
        return {
            **super().get_export_context_data(**kwargs),
            "page": self,
            "crumbs": [(self.list_title(), list_url), (_("Export"), "")],
            "days": DAYS,
            "at_once": grouped(AT_ONCE),
        }


def answer(resource: ExportResource, kind: str, rows: Any, fields: Sequence[str] | None, name: str) -> Any:
    """Return the file as the answer to a request."""
    writer, folder = FORMATS[kind], export_folder()
    body, file = folder / f"now-{secrets.token_hex(8)}.part", folder / f"now-{secrets.token_hex(8)}.{kind}"
    try:
        with body.open("wb") as out:
            out.write(writer.start(resource.get_export_headers(fields)))
            for row in rows.iterator(chunk_size=SLICE):
                out.write(writer.row(resource.cells(row, fields)))
        writer.finish(body, file)
        opened = file.open("rb")
    finally:
        body.unlink(missing_ok=True)
        file.unlink(missing_ok=True)  # the open handle can still be read
    return FileResponse(opened, as_attachment=True, filename=name, content_type=writer.content_type)


def redirect_to_job(
    model_admin: Any, request: HttpRequest, kind: str, fields: Sequence[str] | None, resource: int
) -> Any:
    """Start the export as a job and redirect to its page. `author` is a parameter: two people never share one file.

    `resource` is the index of the resource in the list's resource classes.
    """
    job = jobs.start(
        kind=JOB,
        title=_("Export: %s") % model_admin.list_title(),
        params={
            "admin": model_admin.opts.label_lower,
            "query": request.GET.urlencode(),
            "fields": list(fields) if fields else None,
            "format": kind,
            "resource": resource,
            "author": request.user.pk,
            "language": get_language() or "",
            "zone": timezone.get_current_timezone_name(),
        },
        author=request.user,
    )
    return HttpResponseRedirect(reverse(f"admin:{model_admin.name_of('job')}", args=[job.pk]))


def file_of(job: Job) -> Path | None:
    """Return the finished file of an export; None when there is none (yet, or any more)."""
    name = job.result.get("file", "")
    path = export_folder() / Path(name).name
    return path if name and path.is_file() else None


def prune() -> int:
    """Delete files of exports older than `DAYS`; return how many."""
    oldest, deleted = time.time() - timedelta(days=DAYS).total_seconds(), 0
    for path in export_folder().iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def as_author(job: Job, model_admin: ListAdmin) -> HttpRequest:
    """Return the request of the person who started the job. Raises `JobFailed` when they no longer have the permission."""
    request = HttpRequest()
    request.method, request.GET, user = "GET", QueryDict(job.params["query"]), job.author
    if user is None or not user.is_active:
        raise jobs.JobFailed(_("The person who started this export is no longer active."))
    request.user = user
    if not model_admin.has_export_permission(request):
        raise jobs.JobFailed(_("Your role does not allow this."))
    return request


def work(job: Job) -> bool:
    """Write one slice of an export; return whether more rows are left.

    `job.data` has the last key and the number of valid bytes. Each slice continues its own copy of the file, so that a
    worker that lost its lease cannot write into the file of the next worker.
    """
    model_admin: Any = site.get_model_admin(apps.get_model(job.params["admin"]))
    with override(job.params["language"] or None), timezone.override(job.params["zone"]):
        request = as_author(job, model_admin)
        resource = model_admin.get_export_resource_classes(request)[job.params.get("resource", 0)]()
        rows = resource.rows_of(model_admin.get_export_queryset(request)).order_by("pk")
        return _write(job, rows, resource, model_admin)


def _write(job: Job, rows: Any, resource: ExportResource, model_admin: Any) -> bool:
    fields, writer, folder = job.params["fields"], FORMATS[job.params["format"]], export_folder()
    if job.total is None:
        job.total = rows.order_by().count()
        if writer.max_rows and job.total > writer.max_rows:
            raise jobs.JobFailed(
                _("An XLSX sheet has at most %s rows. Export as CSV.") % grouped(writer.max_rows)
            )
    data = dict(job.data)
    body = folder / f"{job.pk}-{job.lease_token}.part"
    old = folder / data["part"] if data.get("part") else None
    if old is not None and not old.is_file():
        data, old, job.done = {}, None, 0  # the data folder was emptied: start again
    with body.open("wb") as out:
        if old is None:
            out.write(writer.start(resource.get_export_headers(fields)))
        else:
            with old.open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)
            out.seek(data["bytes"])
            out.truncate()
        data["part"] = body.name
        started = time.monotonic()
        while True:
            part = list(rows.filter(pk__gt=data.get("last", 0))[:SLICE])
            for row in part:
                out.write(writer.row(resource.cells(row, fields)))
            out.flush()
            os.fsync(out.fileno())
            data |= {"bytes": out.tell(), "last": part[-1].pk if part else data.get("last", 0)}
            jobs.report_or_stop(job, done=job.done + len(part), total=job.total, data=dict(data))
            if old is not None:
                old.unlink(missing_ok=True)
                old = None
            if len(part) < SLICE:
                break
            if time.monotonic() - started > SECONDS:
                return True
    stamp = timezone.localtime(job.created_at)
    name = f"{job.pk}-{secrets.token_hex(16)}.{writer.extension}"
    writer.finish(body, folder / name)
    body.unlink(missing_ok=True)
    label = f"{model_admin.opts.model_name}-{stamp:%Y-%m-%d}.{writer.extension}"
    job.result = {"file": name, "label": label}
    job.message = _("%s rows.") % grouped(job.done)
    return False
