"""Times during which a store offered more of a SKU than was available (R-PLUS-02)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant


class Exposure(models.Model):
    """One time from the first change that the store did not know to the figure that it took.

    `shown` is what it offered, less what it sold itself meanwhile; `available` the units when the new figure was sent.
    """

    class Cause(models.TextChoices):
        """Why the store was not sent the figure at once."""

        LIMIT = "limit", _("API limit")
        DOWN = "down", _("Store not reachable")
        PAUSED = "paused", _("Store paused")
        REFUSED = "refused", _("Refused by the store")
        BUSY = "busy", _("Workers busy")
        OUTBOX = "outbox", _("Time of sending")

    listing_variant = models.ForeignKey(
        ListingVariant, on_delete=models.CASCADE, related_name="exposures", db_index=False
    )
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("to"))
    seconds = models.PositiveIntegerField(_("seconds"))
    shown = models.IntegerField(_("offered"))
    available = models.IntegerField(_("available"))
    overlap = models.PositiveIntegerField(_("offered beyond available"))
    cause = models.CharField(_("cause"), max_length=8, choices=Cause.choices)

    class Meta:
        verbose_name = _("exposure")
        verbose_name_plural = _("exposures")
        ordering = ("-ended_at",)
        constraints = (
            models.UniqueConstraint(fields=["listing_variant", "ended_at"], name="exposure_once"),
            models.CheckConstraint(condition=Q(ended_at__gte=F("started_at")), name="exposure_in_order"),
        )
        indexes = (models.Index(fields=["ended_at"], name="exposure_ended"),)

    def __str__(self) -> str:
        return f"{self.seconds} s, {self.overlap}"
