"""Warehouses, and which stores sell from them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models import Connection


class Warehouse(models.Model):
    """A place with stock. Stores sell only from active warehouses."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120)
    address = models.JSONField(_("address"), default=dict, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    serves_countries = models.CharField(
        _("serves countries"),
        max_length=200,
        blank=True,
        help_text=_("Codes, separated by commas: GB, IE. It serves its own country too."),
    )
    serves_postcodes = models.CharField(
        _("serves postcodes"),
        max_length=300,
        blank=True,
        help_text=_("Beginnings or ranges, separated by commas: LS, BD, 10000-19999. In its own country."),
    )
    latitude = models.DecimalField(_("latitude"), max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(_("longitude"), max_digits=8, decimal_places=5, null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    wms = models.ForeignKey(
        Connection,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="warehouses",
        limit_choices_to={"kind": Connection.Kind.WMS},
        verbose_name=_("warehouse system"),
        help_text=_("It picks and packs the shipments of this warehouse."),
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class WarehouseMapping(models.Model):
    """A store sells the stock of a warehouse; the one with the lowest priority is used first (R-INV-03)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="warehouse_mappings")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.CASCADE, related_name="mappings")
    priority = models.PositiveSmallIntegerField(_("priority"), default=10)
    is_default = models.BooleanField(_("default"), default=False, help_text=_("Opening stock goes here."))
    remote_location = models.CharField(_("location on the channel"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("warehouse of a store")
        verbose_name_plural = _("warehouses of stores")
        ordering = ("connection", "priority", "id")
        constraints = (
            models.UniqueConstraint(fields=["connection", "warehouse"], name="mapping_once"),
            models.UniqueConstraint(
                fields=["connection"], condition=Q(is_default=True), name="mapping_one_default"
            ),
        )

    def __str__(self) -> str:
        return f"{self.connection} ← {self.warehouse}"
