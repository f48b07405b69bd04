"""Queries of orders and shipments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models

from oms.kit.models.leases import LeaseQuerySet
from orders.choices import OPEN_STATUSES, PARCEL_ENDED, HandoverState, LabelState

if TYPE_CHECKING:
    from orders.models import Handover, LabelPurchase, Order, Parcel, Shipment  # noqa: F401


#: A parcel that has left is silent when nothing was heard of it for so long.
SILENT = timedelta(days=4)


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


class ParcelQuerySet(models.QuerySet["Parcel"]):
    """Queries of parcels."""

    def under_way(self) -> Self:
        """Return the parcels that are neither delivered, returned nor lost."""
        return self.exclude(state__in=PARCEL_ENDED)

    def late(self, now: datetime) -> Self:
        """Return the parcels under way whose promised day has passed."""
        return self.under_way().filter(expected_at__lt=now)

    def silent(self, now: datetime) -> Self:
        """Return the parcels that have left and of which nothing was heard for four days."""
        return self.under_way().filter(heard_at__lt=now - SILENT, shipment__state="handed_over")


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
