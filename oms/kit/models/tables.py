"""Tables: jobs, problems (both name their subject by kind and id), and saved views of lists."""

from __future__ import annotations

import hashlib
from typing import Any, Self

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from oms.kit.models.leases import Leased, LeaseQuerySet


class JobQuerySet(LeaseQuerySet["Job"]):
    def live(self) -> Self:
        return self.filter(state__in=[Job.State.WAITING, Job.State.RUNNING])

    def due(self) -> Self:
        """Return live jobs that are past `not_before` and have no valid lease."""
        return self.live().unleased().filter(Q(not_before=None) | Q(not_before__lte=timezone.now()))


class Job(Leased):
    """Long work: it shows its progress, can be cancelled, and continues after a killed worker.

    A worker takes the lease, works one slice of about a minute with the step registered for `kind` (`oms.kit.background.jobs`),
    stores `data` and ends the lease. The row has the state of the work, the queue does not.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    kind = models.CharField(_("kind"), max_length=40)
    title = models.CharField(_("job"), max_length=200)
    subject_kind = models.CharField(max_length=40, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    params = models.JSONField(default=dict, blank=True)
    data = models.JSONField(
        default=dict, blank=True, help_text=_("The state of the work between two slices.")
    )
    result = models.JSONField(default=dict, blank=True)
    lane = models.CharField(max_length=20, default="default")
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.WAITING)
    message = models.CharField(_("message"), max_length=500, blank=True)
    total = models.PositiveIntegerField(_("total"), null=True, blank=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("rejected"), default=0)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text=_("Slices started since the last one that ended.")
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions = (("export_job", _("Can export jobs")),)
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=["lane", "not_before"], name="job_live", condition=Q(state__in=["waiting", "running"])
            ),
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="job_subject"),
            models.Index(fields=["finished_at"], name="job_ended", condition=Q(finished_at__isnull=False)),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)


class ProblemQuerySet(models.QuerySet["Problem"]):
    def open(self) -> Self:
        return self.filter(resolved_at=None)

    def about(self, kind: str, ids: list[int] | tuple[int, ...]) -> Self:
        return self.filter(subject_kind=kind, subject_id__in=ids)


class Problem(models.Model):
    """A fault that a person must resolve, with its subject.

    `code` is declared in `oms.kit.problems` with the moves that it blocks and the page to resolve it; at most one row
    for each (code, subject, key) is open. Data from a channel is stored also while a problem is open: it blocks only
    the moves that its code names.
    """

    code = models.CharField(_("problem"), max_length=40)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    key = models.CharField(
        max_length=120, blank=True, help_text=_("Distinguishes problems of one code on one subject.")
    )
    connection_id = models.BigIntegerField(
        null=True, blank=True, help_text=_("The store of the problem, if it has one.")
    )
    message = models.CharField(_("problem text"), max_length=500)
    data = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField(_("since"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ProblemQuerySet.as_manager()

    class Meta:
        verbose_name = _("problem")
        verbose_name_plural = _("problems")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["code", "subject_kind", "subject_id", "key"],
                condition=Q(resolved_at=None),
                name="problem_open_once",
            ),
        )
        indexes = (
            models.Index(fields=["subject_kind", "subject_id"], name="problem_subject"),
            models.Index(
                fields=["code", "connection_id"], name="problem_open", condition=Q(resolved_at=None)
            ),
        )

    def __str__(self) -> str:
        return self.message


class AuditEntry(models.Model):
    """One change of a setting, a product, a user, a store: who, when, what, old and new values (`oms.kit.authors.audit`).

    Entries are added and never changed or deleted by Manifold. `changes` is a list of [field, old, new].
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_kind = models.CharField(_("kind of author"), max_length=10, default="system")
    author_name = models.CharField(_("who"), max_length=60)
    action = models.CharField(_("what"), max_length=40)
    subject_kind = models.CharField(_("kind"), max_length=60)
    subject_id = models.BigIntegerField(null=True, blank=True)
    subject_name = models.CharField(_("subject"), max_length=200)
    connection_id = models.BigIntegerField(
        null=True, blank=True, help_text=_("The store of the change, if it has one.")
    )
    changes = models.JSONField(_("old and new values"), default=list, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        permissions = (("export_auditentry", _("Can export the audit log")),)
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="audit_subject"),
            models.Index(fields=["connection_id", "-id"], name="audit_store"),
            models.Index(fields=["author_name", "-id"], name="audit_author"),
            models.Index(fields=["at"], name="audit_at"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.subject_name}"


class UserSession(AbstractBaseSession):
    """One sign-in in one browser. It ends some time after its last request, or when the person ends it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="sessions"
    )
    address = models.CharField(_("address"), max_length=45, blank=True)
    browser = models.CharField(_("browser"), max_length=200, blank=True)
    seen_at = models.DateTimeField(_("last used"), auto_now=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_string("oms.accounts.sessions.SessionStore")

    @property
    def name_in_form(self) -> str:
        """A name for forms and pages, from which the key cannot be found: the key alone signs a person in."""
        return hashlib.sha256(self.session_key.encode()).hexdigest()[:16]

    @property
    def browser_words(self) -> str:
        """The browser and the system in words: "Firefox, Linux"."""
        browsers = (
            ("Edg/", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        )
        systems = (
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS", "Mac"),
            ("Linux", "Linux"),
        )
        found = [
            next((words for mark, words in marks if mark in self.browser), "")
            for marks in (browsers, systems)
        ]
        return ", ".join(filter(None, found)) or self.browser[:40] or str(_("unknown"))


class SecurityPolicy(models.Model):
    """What an owner requires of the people who sign in: one row."""

    class SecondFactor(models.TextChoices):
        NOBODY = "nobody", _("Nobody: each person decides")
        OWNERS = "owners", _("People who manage users and roles")
        EVERYBODY = "everybody", _("Everybody")

    second_factor = models.CharField(
        _("second factor required for"),
        max_length=10,
        choices=SecondFactor.choices,
        default=SecondFactor.NOBODY,
    )

    class Meta:
        verbose_name = _("security policy")
        verbose_name_plural = _("security policies")

    def __str__(self) -> str:
        return str(_("Sign-in"))

    @classmethod
    def current(cls) -> SecurityPolicy:
        """Return the policy; the defaults where none was saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class ListView(models.Model):
    """A saved view of an admin list: filters and sorting (`query`), columns, density.

    The row with an empty name is the default view: the owner sees it when the list is opened. A shared view is shown to
    everybody who may open the list; only its owner can change it.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    list_name = models.CharField(_("list"), max_length=80)
    name = models.CharField(_("name"), max_length=60, blank=True)
    query = models.CharField(_("filters and sorting"), max_length=2000, blank=True)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    is_compact = models.BooleanField(_("compact rows"), default=False)
    is_shared = models.BooleanField(_("shared with the team"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=["owner", "list_name", "name"], name="list_view_once"),)
        indexes = (models.Index(fields=["list_name"], name="list_view_shared", condition=Q(is_shared=True)),)

    def __str__(self) -> str:
        return self.name or str(_("default view"))


class UsedForm(models.Model):
    """A form that was carried out, by its token: the same form sent again changes nothing (`oms.kit.admin.pages`)."""

    token = models.CharField(primary_key=True, max_length=64)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.token
