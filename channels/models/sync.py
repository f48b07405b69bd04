"""The import schedules of a store, their runs, and the records that could not be imported."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.contract.spec import Lane
from channels.models.connection import Connection
from channels.models.querysets import (
    RejectedRecordQuerySet,
    SyncStreamQuerySet,
)
from oms.kit.models.leases import Leased


class SyncStream(Leased):
    """A kind of record that is imported from a store regularly: its period, its cursor, its lease.

    `cursor_at` is a time of the channel's clock: everything that changed before it is imported. A worker that lost its
    lease (`lease_token` differs) can store nothing.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="streams")
    name = models.CharField(_("stream"), max_length=30)
    period = models.PositiveIntegerField(_("interval (s)"), null=True, blank=True)
    is_on = models.BooleanField(_("on"), default=True)
    lane = models.CharField(max_length=20, default=Lane.DEFAULT)
    cursor_at = models.DateTimeField(_("imported up to"), null=True, blank=True)
    due_at = models.DateTimeField(_("next run"), null=True, blank=True)
    completed_at = models.DateTimeField(_("last run"), null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text=_("Temporary faults in a row."))
    not_before = models.DateTimeField(
        null=True, blank=True, help_text=_("Waits until then after a temporary fault.")
    )
    wanted_ids = models.JSONField(
        default=list, blank=True, help_text=_("Records that a webhook or a person requested.")
    )

    objects = SyncStreamQuerySet.as_manager()

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        ordering = ("connection", "name")
        constraints = (models.UniqueConstraint(fields=["connection", "name"], name="stream_once"),)
        indexes = (models.Index(fields=["lane", "due_at"], name="stream_due", condition=Q(is_on=True)),)

    def __str__(self) -> str:
        return f"{self.connection} · {self.name}"


class SyncRun(models.Model):
    """One import of a stream: its query, its position, and the counts of its records.

    At most one run of a stream is live (a constraint). A run that was interrupted continues at `page` and
    `slice_start`.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("Schedule")
        MANUAL = "manual", _("A person")
        WEBHOOK = "webhook", _("Webhook")
        FIRST = "first", _("First sync")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs", db_index=False)
    stream = models.CharField(_("stream"), max_length=30)
    trigger = models.CharField(
        _("started by"), max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    query = models.JSONField(default=dict, blank=True, help_text=_("created, statuses, ids of the query."))
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    slice_start = models.DateTimeField(null=True, blank=True)
    page = models.TextField(blank=True)
    mark = models.CharField(
        max_length=32,
        blank=True,
        help_text=_("Digest of an earlier page token: if it comes again, the pages repeat."),
    )
    pages = models.PositiveIntegerField(_("pages"), default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    same = models.PositiveIntegerField(_("unchanged"), default=0)
    refused = models.PositiveIntegerField(_("rejected"), default=0)
    left_out = models.JSONField(
        _("left out"), default=dict, blank=True, help_text=_("Records not imported on purpose, by reason.")
    )
    error = models.CharField(_("error"), max_length=500, blank=True)
    job_id = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "stream"], condition=Q(state="running"), name="run_one_live"
            ),
        )
        indexes = (
            models.Index(fields=["connection", "stream", "-id"], name="run_recent"),
            models.Index(fields=["finished_at"], name="run_ended", condition=Q(finished_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.stream} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def seen(self) -> int:
        """The number of records that were worked."""
        return self.new + self.changed + self.same + self.refused + self.left_out_count

    @property
    def left_out_count(self) -> int:
        """The number of records that were not imported on purpose."""
        return sum(self.left_out.values())


class RejectedRecord(models.Model):
    """A record that could not be imported, with its native document and the reason. `resolved_at`: it is imported."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="rejected")
    stream = models.CharField(_("stream"), max_length=30)
    external_id = models.CharField(_("channel ID"), max_length=255)
    reason = models.CharField(_("reason"), max_length=500)
    native = models.BinaryField(help_text=_("zlib-compressed JSON"))
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    first_seen_at = models.DateTimeField(_("first"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    objects = RejectedRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("rejected record")
        verbose_name_plural = _("rejected records")
        permissions = (
            ("export_rejectedrecord", _("Can export rejected records")),
            ("view_rejecteddocument", _("Can see the channel's document of a rejected record")),
        )
        ordering = ("-last_seen_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "stream", "external_id"],
                condition=Q(resolved_at=None),
                name="rejected_open_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.stream} {self.external_id}: {self.reason}"
