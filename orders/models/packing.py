"""Orders that somebody is packing right now by scanning their items."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.order import Order

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
