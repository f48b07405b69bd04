"""The outbox: messages that are to be sent to stores."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.connection import Connection
from channels.models.querysets import (
    OutboxQuerySet,
)
from oms.kit.models.leases import Leased


class OutboxMessage(Leased):
    """A message to a store. It has no payload: the handler reads the current data when it sends.

    *State* topics (stock, price, listing) have one permanent row for each (connection, topic, subject): a change
    increases `wanted`, a finished send sets `sent` to the version that it read; the row is due while they differ.
    *Event* topics (ready to ship, shipped, …) have one row for each event (`key` makes it unique), sent in the order of
    their `group` (the order's id) and never merged; `wanted` is 1.
    """

    class Kind(models.TextChoices):
        STATE = "state", _("State")
        EVENT = "event", _("Event")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    topic = models.CharField(_("topic"), max_length=30)
    lane = models.CharField(max_length=20)
    priority = models.PositiveSmallIntegerField(default=50, help_text=_("Lower numbers are sent first."))
    subject = models.BigIntegerField(help_text=_("Id of the listing variant, listing or shipment."))
    group = models.BigIntegerField(
        null=True, blank=True, help_text=_("Order whose events are sent one after the other.")
    )
    key = models.CharField(max_length=80, blank=True)
    wanted = models.PositiveIntegerField(default=1)
    sent = models.PositiveIntegerField(default=0)
    step = models.CharField(
        max_length=40, blank=True, help_text=_("Finished step of a send with several steps.")
    )
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    crashes = models.PositiveSmallIntegerField(
        default=0, help_text=_("Workers that were killed while they sent it.")
    )
    is_uncertain = models.BooleanField(
        default=False, help_text=_("No answer came: check the channel before sending again.")
    )
    parked_at = models.DateTimeField(_("failed"), null=True, blank=True)
    last_error = models.CharField(_("last answer"), max_length=500, blank=True)
    is_held = models.BooleanField(
        default=False, help_text=_("Recorded while the store was read-only: a person sends or skips it.")
    )
    skipped_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    waiting_since = models.DateTimeField(
        default=timezone.now, help_text=_("The oldest change that is not sent: the oldest is sent first.")
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    is_written = models.BooleanField(
        default=True, help_text=_("Off: nothing was needed on the channel, so nothing was sent.")
    )

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        permissions = (("export_outboxmessage", _("Can export messages")),)
        ordering = ("priority", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "topic", "subject"], condition=Q(kind="state"), name="outbox_state_once"
            ),
            models.UniqueConstraint(
                fields=["connection", "topic", "key"], condition=Q(kind="event"), name="outbox_event_once"
            ),
            models.CheckConstraint(condition=Q(sent__lte=F("wanted")), name="outbox_sent_le_wanted"),
        )
        indexes = (
            models.Index(
                fields=["connection", "lane", "priority", "waiting_since", "id"],
                name="outbox_oldest",
                condition=Q(wanted__gt=F("sent"), parked_at=None, skipped_at=None),
            ),
            models.Index(fields=["connection"], name="outbox_parked", condition=Q(parked_at__isnull=False)),
            models.Index(fields=["group", "id"], name="outbox_group"),
            # What is not sent is few rows, what was sent many: counts of the first, and the age of the second.
            models.Index(
                fields=["connection", "topic"],
                name="outbox_unsent",
                condition=Q(wanted__gt=F("sent"), skipped_at=None),
            ),
            models.Index(fields=["sent_at", "id"], name="outbox_sent", condition=Q(sent_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.subject}"
