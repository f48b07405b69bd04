"""Orders that somebody is packing right now by scanning their items, and shipments that are picked together."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from orders.models.order import Order
from orders.models.shipment import Shipment

#: A person who has scanned nothing for so long has left the order to others.
IDLE_AFTER = timedelta(minutes=15)


class PackingSession(models.Model):
    """One person who packs one order by scanning. `scanned` is line id -> units; the row is deleted when it is packed."""

    order = models.OneToOneField(
        Order, primary_key=True, on_delete=models.CASCADE, related_name="packing_session"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("packed by")
    )
    scanned = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("packing session")
        verbose_name_plural = _("packing sessions")

    def __str__(self) -> str:
        return f"{self.order_id}: {self.author_id}"

    @property
    def is_idle(self) -> bool:
        """Whether its person has scanned nothing for `IDLE_AFTER`."""
        return timezone.now() - self.seen_at > IDLE_AFTER


class PickWave(models.Model):
    """A set of shipments that are picked together. `zone` is the beginning of the bins that were chosen; "": all."""

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="pick_waves", verbose_name=_("warehouse")
    )
    zone = models.CharField(_("zone"), max_length=60, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("picked by"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("pick wave")
        verbose_name_plural = _("pick waves")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"W{self.pk}"


class WaveTote(models.Model):
    """One shipment of a wave, and the number of the tote that it is picked into. A shipment is in one wave at most."""

    wave = models.ForeignKey(PickWave, on_delete=models.CASCADE, related_name="totes", db_index=False)
    shipment = models.OneToOneField(Shipment, on_delete=models.CASCADE, related_name="wave_tote")
    number = models.PositiveSmallIntegerField(_("tote"))

    class Meta:
        verbose_name = _("tote")
        verbose_name_plural = _("totes")
        ordering = ("wave", "number")
        constraints = (models.UniqueConstraint(fields=["wave", "number"], name="wave_tote_once"),)

    def __str__(self) -> str:
        return f"W{self.wave_id}-{self.number}"
