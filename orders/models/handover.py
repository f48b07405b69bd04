"""Shipments that a warehouse system (WMS) works on, and the facts that it reported."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from orders.choices import HandoverState, Recall
from orders.models.querysets import HandoverQuerySet
from orders.models.shipment import Shipment


class Handover(models.Model):
    """A shipment that is handed over to a WMS (R-WMS-01): how far it is there, and what the WMS was sent.

    `state` only moves forward. `version` counts the contents that the WMS could see; `digest` is that of the newest.
    `offered_at`: from then on the WMS may know the shipment, so it must agree before it is cancelled. `sent` is what it
    answered for: "released" and "label" (digests), "recall". `accepted_at`: the channel has accepted “ready to ship”, so
    the WMS may get the tracking number.
    """

    shipment = models.OneToOneField(Shipment, on_delete=models.CASCADE, related_name="handover")
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="handovers", verbose_name=_("warehouse system")
    )
    uuid = models.UUIDField(unique=True, default=uuid4, editable=False)
    state = models.CharField(
        _("status"), max_length=12, choices=HandoverState.choices, default=HandoverState.RELEASED
    )
    recall = models.CharField(_("recall"), max_length=9, choices=Recall.choices, blank=True)
    reference = models.CharField(_("reference"), max_length=120, blank=True)
    version = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=32, blank=True)
    offered_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    sent = models.JSONField(default=dict, blank=True)
    parcels = models.JSONField(_("parcels"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = HandoverQuerySet.as_manager()

    class Meta:
        verbose_name = _("hand-over to a warehouse system")
        verbose_name_plural = _("hand-overs to warehouse systems")
        ordering = ("id",)
        indexes = (
            models.Index(fields=["connection", "id"], name="handover_wms"),
            models.Index(
                fields=["connection", "id"],
                name="handover_open",
                condition=Q(state__in=("released", "received", "allocated", "picking", "picked", "packed")),
            ),
        )

    def __str__(self) -> str:
        return str(self.uuid)

    @property
    def is_open(self) -> bool:
        """Whether the WMS may still work on it."""
        return self.state in HandoverState.open_states()


class WmsEvent(models.Model):
    """A fact that a WMS reported about a shipment, by the id of its call: the same call is stored once."""

    handover = models.ForeignKey(Handover, on_delete=models.CASCADE, related_name="facts")
    key = models.CharField(max_length=120)
    kind = models.CharField(_("event"), max_length=40)
    occurred_at = models.DateTimeField(_("at"))
    data = models.JSONField(default=dict, blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("event of a warehouse system")
        verbose_name_plural = _("events of warehouse systems")
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["handover", "key"], name="wms_event_once"),)

    def __str__(self) -> str:
        return self.kind
