"""Questions about orders and shipments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from orders.choices import OPEN_STATUSES

if TYPE_CHECKING:
    from orders.models import Order, Shipment  # noqa: F401


class OrderQuerySet(models.QuerySet["Order"]):
    def open(self) -> Self:
        """Orders on which the desk still has work."""
        return self.filter(status__in=OPEN_STATUSES)


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    def live(self) -> Self:
        return self.exclude(state="cancelled")

    def ready_for_manifest(self) -> Self:
        """Ready, with a carrier, on no manifest yet."""
        return self.filter(state="ready", manifest=None, carrier__isnull=False)
