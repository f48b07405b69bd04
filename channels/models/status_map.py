"""The order statuses of a store and what they mean in Manifold."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import RemoteState
from channels.models.connection import Connection


class StatusMapEntry(models.Model):
    """The Manifold status of one native status of a store. It starts with the channel's default; the seller may edit it.

    `events` are the fulfilment events for which this status is sent (OpenCart sellers create their own statuses); an
    event belongs to one status at most.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="statuses")
    external_id = models.CharField(_("status id"), max_length=60)
    name = models.CharField(_("status on the channel"), max_length=120)
    remote_state = models.CharField(
        _("Manifold status"),
        max_length=12,
        choices=[(str(s), str(s)) for s in RemoteState],
        default=RemoteState.UNKNOWN,
    )
    is_edited = models.BooleanField(_("edited"), default=False)
    holds_stock = models.BooleanField(_("reserves stock in the store"), null=True, blank=True)
    events = models.JSONField(_("set when"), default=list, blank=True)

    class Meta:
        verbose_name = _("status")
        verbose_name_plural = _("status map")
        ordering = ("connection", "external_id")
        constraints = (models.UniqueConstraint(fields=["connection", "external_id"], name="status_once"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"
