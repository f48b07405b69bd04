"""Keys of the API, and the answers that were stored for their idempotency keys."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """A key with which a program calls the API. The key itself is not stored, only its SHA-256 (`digest`).

    `scopes` are names such as "orders:read" (`oms.kit.api.keys.SCOPES`). With a `warehouse_id` it reads and changes the
    stock and the shipments of that warehouse only. `minute` and `calls` count its calls in the present minute.
    """

    name = models.CharField(_("name"), max_length=50, unique=True)
    hint = models.CharField(_("begins with"), max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(_("scopes"), default=list)
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    last_used_from = models.CharField(_("from"), max_length=45, blank=True)
    minute = models.BigIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class StoredAnswer(models.Model):
    """The answer to one write of a key, by its idempotency key; it is kept for 7 days.

    `digest` is the SHA-256 of method, path and body. `message_id` is the id of a signed call (`webhook-id`).
    """

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="answers")
    idempotency_key = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    message_id = models.CharField(max_length=120, blank=True)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("stored answer")
        verbose_name_plural = _("stored answers")
        constraints = (
            models.UniqueConstraint(fields=["key", "idempotency_key"], name="answer_once"),
            models.UniqueConstraint(
                fields=["key", "message_id"], condition=~Q(message_id=""), name="answer_message_once"
            ),
        )

    def __str__(self) -> str:
        return self.idempotency_key
