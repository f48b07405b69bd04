"""Tables of calls to channels and of webhooks from them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.connection import Connection


class WebhookEvent(models.Model):
    """A verified webhook: stored once, answered immediately, worked later."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="webhooks", db_index=False
    )
    event_id = models.CharField(max_length=120)
    topic = models.CharField(max_length=60)
    stream = models.CharField(max_length=30)
    external_id = models.CharField(max_length=120, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=["connection", "event_id"], name="webhook_once"),)
        indexes = (
            models.Index(fields=["connection", "id"], name="webhook_open", condition=Q(handled_at=None)),
            models.Index(
                fields=["handled_at"], name="webhook_handled", condition=Q(handled_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.external_id}"


class CallLog(models.Model):
    """One request to a channel and its answer, without secrets; deleted after `OMS_CALL_LOG_DAYS`."""

    connection = models.ForeignKey(
        Connection, null=True, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=8)
    url = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent = models.TextField(blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        permissions = (("export_calllog", _("Can export calls")),)
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["connection", "-id"], name="call_recent"),
            models.Index(fields=["at"], name="call_at"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.url}"
