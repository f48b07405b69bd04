"""Roll-ups for reports: the figures of each day, computed from the orders (`orders.ops.reports.rollups`).

A day is the day on which orders were placed, in the time zone of the installation (`TIME_ZONE`). Nothing else writes
these rows; `manage.py doctor` compares them with the orders.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from channels.models import Connection
from inventory.models import Warehouse
from orders.models.order import money_field


class ReportState(models.Model):
    """How far changes of orders were looked at: one row. `event_id`: timeline entries up to it were seen."""

    event_id = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(default=timezone.now)
    time_zone = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.seen_at:%Y-%m-%d %H:%M}"


class ReportDay(models.Model):
    """A day with orders. `is_stale`: an order of the day changed since its figures were computed."""

    day = models.DateField(primary_key=True)
    is_stale = models.BooleanField(default=True)
    built_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=["-day"], name="report_day_stale", condition=Q(is_stale=True)),)

    def __str__(self) -> str:
        return self.day.isoformat()


class DayFigures(models.Model):
    """The orders of one day, store, currency and country.

    `orders`, `units` and the amounts leave cancelled orders out; `cancelled` counts these, `reasons` by their reason.
    `hours` is hours from placing to hand-over -> orders; `late` are those handed over after their ship-by.
    """

    day = models.DateField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3)
    country = models.CharField(max_length=2, blank=True)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    units = models.PositiveBigIntegerField(_("units"), default=0)
    turnover = money_field(_("turnover"))
    tax = money_field(_("tax"))
    discount = money_field(_("discount"))
    refunded = money_field(_("refunded"))
    postage = money_field(_("postage"))
    late = models.PositiveIntegerField(_("late orders"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled orders"), default=0)
    reasons = models.JSONField(default=dict, blank=True)
    hours = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        default_permissions = ()
        permissions = (("view_reports", _("Can see reports")), ("export_reports", _("Can export reports")))
        constraints = (
            models.UniqueConstraint(
                fields=["day", "connection", "currency", "country"], name="day_figures_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.currency}"


class SkuFigures(models.Model):
    """The units of one SKU sold on one day, by store and currency; `sku` is the channel's, of lines without a product.

    `turnover` is the sum of the line totals as the channel gave them; cancelled orders are left out.
    """

    day = models.DateField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3)
    variant = models.ForeignKey(Variant, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sku = models.CharField(max_length=255, blank=True)
    orders = models.PositiveIntegerField(default=0)
    units = models.PositiveBigIntegerField(default=0)
    cancelled = models.PositiveBigIntegerField(default=0)
    turnover = money_field(_("turnover"))

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["day", "connection", "currency", "variant"],
                condition=Q(variant__isnull=False),
                name="sku_figures_once",
            ),
            models.UniqueConstraint(
                fields=["day", "connection", "currency", "sku"],
                condition=Q(variant=None),
                name="unknown_sku_figures_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.variant_id or self.sku}"


class WarehouseFigures(models.Model):
    """What was handed over from one warehouse, of the orders placed on one day, by store and currency."""

    day = models.DateField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3)
    warehouse = models.ForeignKey(
        Warehouse, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    orders = models.PositiveIntegerField(default=0)
    shipments = models.PositiveIntegerField(default=0)
    units = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["day", "connection", "currency", "warehouse"],
                condition=Q(warehouse__isnull=False),
                name="warehouse_figures_once",
            ),
            models.UniqueConstraint(
                fields=["day", "connection", "currency"],
                condition=Q(warehouse=None),
                name="no_warehouse_figures_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.warehouse_id}"
