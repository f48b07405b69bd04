"""Queries of orders and shipments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from oms.kit.models.leases import LeaseQuerySet
from orders.choices import OPEN_STATUSES, HandoverState, LabelState

if TYPE_CHECKING:
    from orders.models import Handover, LabelPurchase, Order, Shipment  # noqa: F401


class OrderQuerySet(models.QuerySet["Order"]):
    """Queries of orders."""

    def open(self) -> Self:
        """Return the orders that need work."""
        return self.filter(status__in=OPEN_STATUSES)


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    """Queries of shipments."""

    def live(self) -> Self:
        """Return the shipments that are not cancelled."""
        return self.exclude(state="cancelled")

    def ready_for_manifest(self) -> Self:
        """Return the shipments that are ready, have a carrier and are on no manifest."""
        return self.filter(state="ready", manifest=None, carrier__isnull=False)


class HandoverQuerySet(models.QuerySet["Handover"]):
    """Queries of hand-overs to warehouse systems."""

    def open(self) -> Self:
        """Return those on which the warehouse system may still work."""
        return self.filter(state__in=HandoverState.open_states())


class LabelPurchaseQuerySet(LeaseQuerySet["LabelPurchase"]):
    """Queries of labels."""

    def live(self) -> Self:
        """Return the labels that a shipment has, or may have."""
        return self.filter(state__in=LabelState.live())
