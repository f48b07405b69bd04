"""Outgoing webhooks: who is sent what, and each delivery."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.fields import EncryptedJSONField


class HookSubscription(models.Model):
    """An address of the seller's own programs that is sent events (`channels.ops.hooks`).

    `secrets` has the address and the secret. `cursors` is, by source, the key of the last row that was read for certain.
    `failing_since` is set while the newest answers are failures; after three days it is switched off, with `off_reason`.
    """

    name = models.CharField(_("name"), max_length=60, unique=True)
    secrets = EncryptedJSONField()
    events = models.JSONField(_("events"), default=list)
    is_active = models.BooleanField(_("active"), default=True)
    off_reason = models.CharField(_("switched off because"), max_length=300, blank=True)
    cursors = models.JSONField(default=dict, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("outgoing webhook")
        verbose_name_plural = _("outgoing webhooks")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class HookDelivery(models.Model):
    """One event for one subscription. `key` names the event: it exists once, however often the sources are read.

    The content is read when it is sent; `data` has only what the event itself knows (the statuses of a change).
    """

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    subscription = models.ForeignKey(
        HookSubscription, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.CharField(_("event"), max_length=40)
    key = models.CharField(max_length=80)
    subject = models.BigIntegerField()
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("status"), max_length=7, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    occurred_at = models.DateTimeField(_("at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery of a webhook")
        verbose_name_plural = _("deliveries of webhooks")
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=["subscription", "key"], name="hook_delivery_once"),)
        indexes = (
            models.Index(
                fields=["subscription", "id"],
                name="hook_delivery_waiting",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=["occurred_at"], name="hook_delivery_age"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.key}"
