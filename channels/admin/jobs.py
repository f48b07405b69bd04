"""Jobs: the list, one job with its bar, its progress as JSON for the bar, and cancelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.progress import COLOURS, missing_of, obstacle_of, phases_of, progress_of, refused_of
from channels.admin.store.lists import ConnectionFilter
from channels.admin.store.page import INTEGRATIONS, VIEW
from channels.models import Connection, SyncRun
from channels.stores import first_sync
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import NOTHING, ago, badge, number
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import SinceFilter, TextFilter, UntilFilter
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.pages import Crumb, Page
from oms.kit.admin.paging import CAP
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author
from oms.kit.background import jobs
from oms.kit.models import Job

SEE = "kit.view_job"
WRITE = "kit.change_job"
#: The kind of subject of a job that works for one store.
STORE = "connection"
SHOWN_OUTCOMES = 200


class JobStoreFilter(ConnectionFilter):
    """The store that a job works for."""

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(subject_kind=STORE, subject_id=int(value))


class PersonFilter(TextFilter):
    title, parameter_name, is_more = _("started by"), "person", True

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(author__username=value)


class Since(SinceFilter):
    title, parameter_name, field, is_more = _("from"), "since", "created_at", True


class Until(UntilFilter):
    title, parameter_name, field, is_more = _("to"), "until", "created_at", True


class JobResource(ExportResource):
    author = ExportField(attribute="author__username", column_name=_("started by"))

    class Meta:
        model = Job
        fields = (
            "title",
            "state",
            "done",
            "total",
            "refused",
            "message",
            "author",
            "created_at",
            "started_at",
            "finished_at",
        )
        export_order = fields


def cancel(ids: Sequence[int], author: Author, reason: str) -> list[Outcome]:
    """Cancel these jobs: one that waits ends immediately, one that runs at its next safe point."""
    outcomes = []
    for job in Job.objects.filter(pk__in=ids).order_by("pk"):
        if not job.is_live:
            outcomes.append(Outcome(job.pk, False, gettext("The job has finished already."), job.title))
            continue
        jobs.cancel(job=job)
        outcomes.append(Outcome(job.pk, True, label=job.title))
    return outcomes


class JobsPage(Page):
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = WRITE

    def crumbs(self) -> Iterable[Crumb]:
        return ((INTEGRATIONS, ""), (_("Jobs"), reverse("admin:jobs")))

    def store_of(self, job: Job) -> Connection | None:
        """Return the store that a job works for, if this person may see stores."""
        if job.subject_kind != STORE or not self.request.user.has_perm(VIEW):
            return None
        return Connection.objects.filter(pk=job.subject_id or 0).first()


class JobPage(JobsPage):
    """One job: bar, rate, time left, result."""

    title: Any = _("Job")
    template_name = "channels/job.html"
    job: Job

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.job = get_object_or_404(Job.objects.select_related("author"), pk=kwargs["pk"])
        self.title = self.job.title

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job, store = self.job, self.store_of(self.job)
        run = SyncRun.objects.filter(pk=job.result["run"]).first() if job.result.get("run") else None
        if job.kind == first_sync.KIND and store:
            back = (gettext("View report"), reverse("admin:store_first_sync", args=[store.pk]))
        elif store:
            back = (gettext("Back to %s") % store, reverse("admin:store", args=[store.pk]))
        else:
            back = (gettext("All jobs"), reverse("admin:jobs"))
        outcomes = job.result.get("outcomes") or job.result.get("refusals") or []
        return self.render(
            job=job,
            progress=progress_of(job),
            obstacle=obstacle_of(job, store),
            run=run,
            back=back,
            store=store,
            outcomes=outcomes[:SHOWN_OUTCOMES],
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = jobs.cancel(job=self.job)
        if job.state == Job.State.CANCELLED:
            messages.success(request, gettext("Job cancelled before it started."))
        elif job.is_live:
            messages.success(
                request, gettext("The job stops after the current page. Finished work is not undone.")
            )
        else:
            messages.warning(request, gettext("The job has finished already."))
        return self.get(request, pk)


class JobProgress(JobsPage):
    """The bar as JSON: its `parts` by name, and whether the job has finished."""

    title = _("Progress")

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = get_object_or_404(Job, pk=pk)
        store = self.store_of(job)
        shown = progress_of(job) | {"obstacle": obstacle_of(job, store)}
        parts = {"bar": render_to_string("channels/parts/job_bar.html", shown)}
        if job.kind == first_sync.KIND:
            parts["phases"] = render_to_string(
                "channels/parts/phases.html", {"phases": phases_of(job, store)}
            )
        answer = JsonResponse({"finished": not job.is_live, "state": job.state, "parts": parts})
        answer["Cache-Control"] = "no-store"
        return answer


def live(rows: Any) -> Any:
    """Return the jobs that wait or run."""
    return rows.live()


@admin.register(Job)
class JobAdmin(ListAdmin):
    """Syncs, imports, exports and bulk actions, with their results."""

    address = "integrations/jobs/"
    title = _("Jobs")
    is_read_only = True
    object_page = JobPage
    tabs = (
        Tab("all", _("All")),
        Tab("live", _("Running and waiting"), live),
        Tab("failed", _("Failed"), lambda rows: rows.filter(state=Job.State.FAILED), is_flag=True),
        Tab("done", _("Done"), lambda rows: rows.filter(state=Job.State.DONE)),
        Tab("cancelled", _("Cancelled"), lambda rows: rows.filter(state=Job.State.CANCELLED), is_rare=True),
    )
    list_display = ("what", "state_chip", "records", "refused_records", "outcome", "person", "asked", "ended")
    optional_columns = ("missing_records", "started")
    list_filter: ClassVar[Any] = (JobStoreFilter, PersonFilter, Since, Until)
    list_select_related: ClassVar[Any] = ("author",)
    default_sort = "-pk"
    resource_classes: ClassVar[Any] = (JobResource,)
    bulk_actions = (
        BulkAction("cancel", _("Cancel job"), cancel, WRITE, tabs=("all", "live"), is_dangerous=True),
    )

    def row_name(self, row: Job) -> str:
        return row.title

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        is_live = Q(state__in=[Job.State.WAITING, Job.State.RUNNING])
        found = Job.objects.order_by().aggregate(
            all=Count("pk"),
            live=Count("pk", filter=is_live),
            failed=Count("pk", filter=Q(state=Job.State.FAILED)),
            done=Count("pk", filter=Q(state=Job.State.DONE)),
            cancelled=Count("pk", filter=Q(state=Job.State.CANCELLED)),
        )
        return {key: min(count, CAP + 1) for key, count in found.items()}

    # --- columns ---

    @cell("lead", description=_("job"))
    def what(self, job: Job) -> SafeString:
        return format_html('<a class="oms-link" href="{}/">{}</a>', job.pk, job.title)

    @cell("nowrap", description=_("state"))
    def state_chip(self, job: Job) -> SafeString:
        chip = badge(job.get_state_display(), COLOURS[Job.State(job.state)])
        if not job.is_live or not job.total:
            return chip
        share = min(100, job.done * 100 // job.total)
        bar = '{} <progress class="oms-progress" style="width:5rem" max="100" value="{}" aria-label="{}">{}%</progress>'
        return format_html(bar, chip, share, job.title, share)

    @cell("num", description=_("records"))
    def records(self, job: Job) -> SafeString:
        if not job.is_live or not job.total:
            return number(job.done)
        return format_html("{} / {}", number(job.done), number(job.total))

    @cell("num", description=_("rejected"))
    def refused_records(self, job: Job) -> SafeString:
        return number(refused_of(job))

    @cell("num", description=_("not on the channel"))
    def missing_records(self, job: Job) -> SafeString:
        return number(missing_of(job))

    @cell("wide", description=_("result"))
    def outcome(self, job: Job) -> Any:
        return job.message or NOTHING

    @cell("nowrap", description=_("started by"))
    def person(self, job: Job) -> Any:
        return job.author or gettext("system")

    @cell("nowrap", description=_("created"))
    def asked(self, job: Job) -> SafeString:
        return ago(job.created_at)

    @cell("nowrap", description=_("started"))
    def started(self, job: Job) -> SafeString:
        return ago(job.started_at)

    @cell("nowrap", description=_("finished"))
    def ended(self, job: Job) -> SafeString:
        return ago(job.finished_at) if job.finished_at else NOTHING

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("", self._wrap(self.changelist_view), name="jobs"),
            path("<key:pk>/", site.admin_view(JobPage.as_view(admin_site=site)), name="job"),
            path(
                "<key:pk>/progress.json",
                site.admin_view(JobProgress.as_view(admin_site=site)),
                name="job_progress",
            ),
            *super().get_urls(),
        ]

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            gettext("No jobs."), gettext("Syncs, imports, exports and bulk actions are listed here.")
        )

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {"crumbs": [(INTEGRATIONS, ""), (self.list_title(), "")]}
