"""Differences between a store and Manifold, what a running comparison has seen, and the trend (R-PLUS-05)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.connection import Connection


class Difference(models.Model):
    """One thing that is not the same in the store and in Manifold. It is open while `closed_at` is empty.

    `part` says what was compared (`channels.reconcile.parts`), `key` is the channel id of the record, `field` the field that
    differs ("" for the whole record), `subject_id` Manifold's row. A row is opened again when the difference is found again.
    """

    class Kind(models.TextChoices):
        MISSING_HERE = "missing_here", _("Missing in Manifold")
        MISSING_THERE = "missing_there", _("Missing in the store")
        DIFFERS = "differs", _("Differs")
        LAG = "lag", _("Expected lag")

    class End(models.TextChoices):
        AGREES = "agrees", _("Agrees again")
        REPAIRED = "repaired", _("Repaired")
        KEPT = "kept", _("Kept")

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="differences",
        verbose_name=_("store"),
        db_index=False,
    )
    part = models.CharField(_("part"), max_length=12)
    key = models.CharField(_("channel ID"), max_length=255)
    field = models.CharField(_("field"), max_length=20, blank=True)
    kind = models.CharField(_("class"), max_length=13, choices=Kind.choices)
    name = models.CharField(_("what"), max_length=300, blank=True)
    ours = models.CharField(_("Manifold"), max_length=300, blank=True)
    theirs = models.CharField(_("store"), max_length=300, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True, help_text=_("The store's value, for accepting it."))
    found_at = models.DateTimeField(_("since"), default=timezone.now)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    ended = models.CharField(_("how it ended"), max_length=8, choices=End.choices, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        default_permissions = ("view", "change")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["connection", "part", "key", "field"], name="difference_once"),
        )
        indexes = (
            models.Index(
                fields=["connection", "part", "kind", "id"],
                name="difference_open",
                condition=Q(closed_at=None),
            ),
            models.Index(
                fields=["closed_at"], name="difference_closed", condition=Q(closed_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.name or self.key


class ReconcileSeen(models.Model):
    """A record of the channel that the running comparison of a store has read. Deleted when the comparison ends."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    stream = models.CharField(max_length=12)
    key = models.CharField(max_length=255)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["connection", "stream", "key"], name="reconcile_seen_once"),
        )

    def __str__(self) -> str:
        return self.key


class DifferenceDay(models.Model):
    """How many differences of a part of a store were open at the last comparison of a day."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    part = models.CharField(max_length=12)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["connection", "day", "part"], name="difference_day_once"),
        )

    def __str__(self) -> str:
        return f"{self.day}: {self.count}"
