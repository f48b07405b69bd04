"""A list of jobs on a site of its own: what the tests of `oms.kit.admin` look at. Used as ROOT_URLCONF."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path

from oms.admin.site import ManifoldAdminSite
from oms.kit.admin import filters, panels
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.figures import Edit, Figure, LastChange
from oms.kit.admin.lists import ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author
from oms.kit.authors.audit import Event
from oms.kit.models import Job

CALLS: list[tuple[str, list[int], str, str]] = []


class LaneFilter(filters.ChoiceFilter):
    title, parameter_name = "lane", "lane"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("default", "Default"), ("orders", "Orders")]

    def narrow(self, queryset: QuerySet[Job], value: str) -> QuerySet[Job]:
        return queryset.filter(lane=value)


class AuthorFilter(filters.RowFilter):
    title, parameter_name, field = "author", "author", "author_id"

    def rows(self) -> QuerySet[Any]:
        return get_user_model().objects.order_by("pk")


class KindFilter(filters.TextFilter):
    title, parameter_name = "kind", "kind_is"

    def narrow(self, queryset: QuerySet[Job], value: str) -> QuerySet[Job]:
        return queryset.filter(kind=value)


class LongFilter(filters.FlagFilter):
    title, parameter_name, is_more = "long", "long", True

    def narrow(self, queryset: QuerySet[Job], value: str) -> QuerySet[Job]:
        return queryset.filter(total__gt=100)


class Since(filters.SinceFilter):
    title, parameter_name, field = "from", "since", "created_at"


class Until(filters.UntilFilter):
    title, parameter_name, field = "to", "until", "created_at"


class JobResource(ExportResource):
    author = ExportField(attribute="author__username", column_name="person")

    class Meta:
        model = Job
        fields = ("title", "total", "created_at", "author")
        export_order = fields


def run(state: str, *, only_from: str = "") -> Any:
    """An action that sets the state, as a service with one outcome a row would."""

    def act(ids: Any, by: Author, reason: str) -> list[Outcome]:
        CALLS.append((state, list(ids), by.label, reason))
        outcomes = []
        for job in Job.objects.filter(pk__in=ids).order_by("pk"):
            if only_from and job.state != only_from:
                outcomes.append(Outcome(job.pk, False, f"It is {job.state}.", job.title))
                continue
            Job.objects.filter(pk=job.pk).update(state=state)
            outcomes.append(Outcome(job.pk, True, label=job.title))
        return outcomes

    return act


class BadTotal(Exception):
    pass


def write_total(job: Job, edit: Edit) -> None:
    if not edit.value.isdigit():
        raise BadTotal(f"“{edit.value}” is not a whole number.")
    Job.objects.filter(pk=job.pk).update(total=int(edit.value), message=f"{edit.by.label}: {edit.reason}")


def last_change(job: Job) -> LastChange | None:
    return LastChange("Ann", job.created_at) if job.title == "Ann’s" else None


class JobPage(Page):
    title = "One job"
    permission = "kit.view_job"

    def get(self, request: HttpRequest, pk: int) -> Any:
        job = Job.objects.get(pk=pk)
        return self.render(shown=panels.panels_of(request, job), links=panels.tabs_of(request, job))


class JobList(ListAdmin):
    tabs = (
        Tab("all", "All"),
        Tab("waiting", "Waiting", lambda rows: rows.filter(state="waiting"), hint="These wait."),
        Tab("done", "Done", lambda rows: rows.filter(state="done"), is_flag=True),
        Tab("failed", "Failed", lambda rows: rows.filter(state="failed"), is_rare=True),
    )
    list_display = ("what", "lane", "size", "who")
    optional_columns = ("started",)
    sortable_by = ("what", "size", "who", "created_at", "started")
    list_filter = (LaneFilter, AuthorFilter, KindFilter, LongFilter, Since, Until)
    list_select_related = ("author",)
    list_per_page = 50
    search_fields = ("=title",)
    resource_classes = (JobResource,)
    object_page = JobPage
    bulk_actions = (
        BulkAction(
            "finish",
            "Finish",
            run("done", only_from="waiting"),
            "kit.change_job",
            goes_to="done",
            undo="reopen",
        ),
        BulkAction("reopen", "Reopen", run("waiting"), "kit.change_job", goes_to="waiting", in_bar=False),
        BulkAction("stop", "Stop", run("failed"), "kit.delete_job", needs_reason=True, is_dangerous=True),
        BulkAction("again", "Again", run("waiting"), "kit.change_job", tabs=("done",), question="Again?"),
    )
    editable = {
        "size": Figure(
            label="size",
            permission="kit.change_job",
            read=lambda job: job.total,
            write=write_total,
            errors=(BadTotal,),
            reason="Measured",
            last_change=last_change,
        )
    }

    def tab_counts(self, request: HttpRequest) -> dict[str, int]:
        states = list(Job.objects.values_list("state", flat=True))
        return {"all": len(states), **{key: states.count(key) for key in ("waiting", "done", "failed")}}

    def row_name(self, row: Job) -> str:
        return row.title

    @cell("lead", description="what", ordering="title")
    def what(self, job: Job) -> str:
        return job.title

    @cell("num", description="size", ordering="total")
    def size(self, job: Job) -> Any:
        return "–" if job.total is None else job.total

    @cell(description="who", ordering="author__username")
    def who(self, job: Job) -> str:
        return job.author.username if job.author else "–"

    @cell(description="started", ordering="started_at")
    def started(self, job: Job) -> str:
        return str(job.started_at or "")

    def history_events(self, request: HttpRequest, row: Job) -> list[Event]:
        return [Event(row.created_at, "system", "Asked for.")] if row.kind == "told" else []


site = ManifoldAdminSite(name="admin")
site.register(Job, JobList)
urlpatterns = [path("admin/", site.urls)]
