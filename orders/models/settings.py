"""The order settings of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels.models import Connection

if TYPE_CHECKING:
    pass
from orders.models.carrier import Carrier


class OrderSettings(models.Model):
    """How one store's orders are handled."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="order_settings"
    )
    auto_release = models.BooleanField(_("release by itself"), default=False)
    default_carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("default carrier"),
    )
    unpaid_hold_hours = models.PositiveIntegerField(
        _("hold stock of unpaid orders (h)"), default=48, help_text=_("0: unpaid orders hold no stock.")
    )
    action_window_days = models.PositiveIntegerField(_("action window (days)"), default=14)
    ship_within_hours = models.PositiveIntegerField(_("ship within (h)"), default=48)

    def __str__(self) -> str:
        return f"{self.connection}"
