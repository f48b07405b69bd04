"""What carriers say about parcels: the events, and where each parcel is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.choices import ParcelStatus
from orders.models.labels import CarrierAccount
from orders.models.querysets import ParcelQuerySet
from orders.models.shipment import Shipment


class Parcel(models.Model):
    """A shipment as its carrier sees it. `state` is computed from all events, so their sequence makes no difference.

    `poll_at`: when the carrier is asked next. `expected_at`: the day of delivery that the carrier gives. `applied`: the
    state up to which the order was moved.
    """

    shipment = models.OneToOneField(
        Shipment, primary_key=True, on_delete=models.CASCADE, related_name="parcel"
    )
    account = models.ForeignKey(
        CarrierAccount, null=True, blank=True, on_delete=models.SET_NULL, related_name="parcels"
    )
    state = models.CharField(
        _("parcel"), max_length=20, choices=ParcelStatus.choices, default=ParcelStatus.READY
    )
    state_at = models.DateTimeField(_("since"), default=timezone.now)
    applied = models.CharField(max_length=20, blank=True)
    expected_at = models.DateTimeField(_("expected"), null=True, blank=True)
    heard_at = models.DateTimeField(_("last news"), default=timezone.now)
    poll_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ParcelQuerySet.as_manager()

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        ordering = ("-shipment",)
        indexes = (
            models.Index(fields=["poll_at"], name="parcel_poll", condition=Q(poll_at__isnull=False)),
            models.Index(
                fields=["heard_at"],
                name="parcel_under_way",
                condition=~Q(state__in=("delivered", "returned", "lost")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_state_display()}"


class ParcelEvent(models.Model):
    """One event of a parcel; the same event again is stored once."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE, related_name="events", db_index=False)
    code = models.CharField(_("code"), max_length=60)
    state = models.CharField(_("parcel"), max_length=20, choices=ParcelStatus.choices, blank=True)
    at = models.DateTimeField(_("at"))
    text = models.CharField(_("text"), max_length=200, blank=True)
    place = models.CharField(_("place"), max_length=120, blank=True)
    source = models.CharField(_("from"), max_length=60)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("parcel event")
        verbose_name_plural = _("parcel events")
        ordering = ("-at", "-id")
        constraints = (models.UniqueConstraint(fields=["parcel", "code", "at"], name="parcel_event_once"),)

    def __str__(self) -> str:
        return f"{self.code} {self.at:%Y-%m-%d %H:%M}"
