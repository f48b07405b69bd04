"""The order settings of a store."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from orders.choices import LastLook, Routing
from orders.models.carrier import Carrier


class OrderSettings(models.Model):
    """How the orders of one store are handled."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="order_settings"
    )
    auto_release = models.BooleanField(_("release orders automatically"), default=False)
    default_carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("default carrier"),
    )
    unpaid_hold_hours = models.PositiveIntegerField(
        _("allocate stock to unpaid orders for (hours)"),
        default=48,
        help_text=_("0: no stock is allocated to unpaid orders."),
    )
    action_window_days = models.PositiveIntegerField(
        _("action window (days)"),
        default=14,
        help_text=_("Delivered orders are completed after these days."),
    )
    ship_within_hours = models.PositiveIntegerField(
        _("ship within (hours)"),
        default=48,
        help_text=_("For orders whose channel gives no time to ship by."),
    )
    require_tracking = models.BooleanField(
        _("require a tracking number"),
        default=False,
        help_text=_("An order without a tracking number cannot be marked ready to ship."),
    )

    routing = models.CharField(
        _("sequence of the warehouses"),
        max_length=8,
        choices=Routing.choices,
        default=Routing.PRIORITY,
        help_text=_("A warehouse that has the whole order serves it before the order is split."),
    )
    has_pick_step = models.BooleanField(
        _("items are picked before packing"),
        default=True,
        help_text=_(
            "Off: New orders are on the ship station too. It releases, packs and marks them ready to ship at once."
        ),
    )
    weight_tolerance = models.PositiveSmallIntegerField(
        _("weight check: tolerance (%)"),
        null=True,
        blank=True,
        help_text=_(
            "Pack by scanning asks for the weight of the parcel and compares it with the weights of the SKUs. Empty: no"
            " weight is asked for."
        ),
    )
    last_look = models.CharField(
        _("last look before a manifest"),
        max_length=5,
        choices=LastLook.choices,
        default=LastLook.WARN,
        help_text=_(
            "The channel is asked for orders that were cancelled or changed. Those are not handed over in any case."
        ),
    )
    has_carrier_rules = models.BooleanField(
        default=False, editable=False, help_text=_("Whether the store has a table of carriers.")
    )
    last_number = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("The last number that an order entered by hand got.")
    )

    def __str__(self) -> str:
        return f"{self.connection}"
