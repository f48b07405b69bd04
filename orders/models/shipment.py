"""Shipments and the manifests that hand them over."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from oms.kit.numbers import is_web_address
from orders.choices import ShipmentState
from orders.models.carrier import Carrier
from orders.models.order import Order, OrderLine
from orders.models.querysets import ShipmentQuerySet


class Manifest(models.Model):
    """The list with which shipments of one warehouse are handed over to one carrier (R-SHIP-04)."""

    number = models.CharField(_("number"), max_length=30, unique=True)
    carrier = models.ForeignKey(
        Carrier, on_delete=models.PROTECT, related_name="manifests", verbose_name=_("carrier")
    )
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="manifests", verbose_name=_("warehouse")
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("manifest")
        verbose_name_plural = _("manifests")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.number


class ChannelCheck(models.Model):
    """What the channels answered to the last look before a manifest (R-PLUS-09). `manifest` None: none was created yet.

    `answers` has one entry for each store; `orders.services.handing_over.last_look` writes and reads them.
    """

    carrier = models.ForeignKey(Carrier, on_delete=models.CASCADE, related_name="+")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.CASCADE, related_name="+")
    manifest = models.OneToOneField(
        Manifest, null=True, blank=True, on_delete=models.CASCADE, related_name="channel_check"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    answers = models.JSONField(default=list)

    class Meta:
        verbose_name = _("last look")
        verbose_name_plural = _("last looks")

    def __str__(self) -> str:
        return f"{self.carrier}, {self.warehouse}"


class Shipment(models.Model):
    """Goods of an order that leave one warehouse together. `is_external`: the channel shipped them, not Manifold."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments", db_index=False)
    number = models.PositiveSmallIntegerField(_("number"), default=1)
    warehouse = models.ForeignKey(
        Warehouse,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="shipments",
        verbose_name=_("warehouse"),
    )
    state = models.CharField(
        _("status"), max_length=11, choices=ShipmentState.choices, default=ShipmentState.PLANNED
    )
    carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="shipments",
        verbose_name=_("carrier"),
    )
    service = models.CharField(_("service"), max_length=120, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=120, blank=True)
    is_external = models.BooleanField(default=False)
    external_id = models.CharField(max_length=120, blank=True)
    manifest = models.ForeignKey(
        Manifest,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="shipments",
        verbose_name=_("manifest"),
    )
    created_at = models.DateTimeField(default=timezone.now)
    packed_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    handed_over_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        ordering = ("order", "number")
        constraints = (models.UniqueConstraint(fields=["order", "number"], name="shipment_number_once"),)
        indexes = (
            models.Index(
                fields=["carrier", "warehouse"],
                name="shipment_ready",
                condition=Q(state="ready", manifest=None),
            ),
            models.Index(
                fields=["state", "-id"],
                name="shipment_open",
                condition=Q(state__in=("planned", "packed", "ready")),
            ),
            models.Index(
                fields=["tracking_number"],
                name="shipment_tracking",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(tracking_number=""),
            ),
        )

    def __str__(self) -> str:
        return f"S{self.number} of {self.order}"

    @property
    def promised_on(self) -> date | None:
        """The day by which the carrier delivers: by its cut-off time, the days on which it collects, its days to deliver.

        Of a parcel that has not left, it is the day if it is handed over with the next collection. None where the carrier
        or its days to deliver are not known.
        """
        if self.carrier is None:
            return None
        if self.handed_over_at is not None:
            return self.carrier.due_on(timezone.localtime(self.handed_over_at).date())
        return self.carrier.due_on(self.carrier.leaves_on(timezone.localtime(timezone.now())))

    @property
    def tracking_link(self) -> str:
        """The address of the carrier's tracking page for this shipment; "" where it is not known."""
        if self.carrier and self.carrier.tracking_url and self.tracking_number:
            link = self.carrier.tracking_url.replace("{number}", quote(self.tracking_number, safe=""))
            return link if is_web_address(link) else ""
        return ""


class ShipmentLine(models.Model):
    """Units of an order line in a shipment."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines", db_index=False)
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="shipment_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["shipment", "line"], name="shipment_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_positive"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"
