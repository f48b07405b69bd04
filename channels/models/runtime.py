"""What workers share: limits used, tokens, quotas, wake-ups, heartbeats."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.connection import Connection
from channels.models.fields import EncryptedJSONField
from channels.models.querysets import ConnectionTokenQuerySet, WakeUpQuerySet
from oms.kit.models.leases import Leased


class Budget(models.Model):
    """Requests a store may still make: a bucket shared by every process, corrected by the channel's headers."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="budget"
    )
    tokens = models.FloatField()
    filled_at = models.DateTimeField()
    capacity = models.FloatField()
    per_second = models.FloatField()
    full_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("End of the channel's present window: until then nothing flows in."),
    )
    used_today = models.PositiveIntegerField(default=0)
    day = models.DateField(default=timezone.localdate)
    spent = models.JSONField(
        default=dict, blank=True, help_text=_("Requests per window of the channel's limits and part of it.")
    )

    def __str__(self) -> str:
        return f"{self.tokens:.0f} of {self.capacity:.0f}"


class ConnectionToken(Leased):
    """A store's present access token and what renews it, shared by every worker (`channels.http.oauth_tokens`)."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="token"
    )
    data = EncryptedJSONField()
    is_dead = models.BooleanField(default=False, help_text=_("The channel refused it."))
    version = models.PositiveIntegerField(default=0)

    objects = ConnectionTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"token of {self.connection_id}"


class AppQuota(models.Model):
    """Requests that all stores of one application may still make together: of this second, and of 24 hours."""

    key = models.CharField(max_length=64, primary_key=True, help_text=_("Digest of channel and application."))
    tokens = models.FloatField()
    per_second = models.FloatField()
    left_today = models.FloatField()
    per_day = models.FloatField()
    filled_at = models.DateTimeField()
    version = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.left_today:.0f} of {self.per_day:.0f} today"


class ConnectorState(models.Model):
    """A fact that a connector keeps about a store, such as "listing 42 was taken off sale by Manifold".

    `name` says what kind of fact it is, `key` what it is about (an external id, or empty for the whole store), `data`
    is the connector's own JSON. Connectors use it through `channels.contract.context.ConnectorMemory`.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="connector_states")
    name = models.CharField(max_length=30)
    key = models.CharField(max_length=120, blank=True)
    data = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["connection", "name", "key"], name="connector_state_once"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class WakeUp(Leased):
    """A wake-up of one piece of work: `drain:<store>:<lane>`, `pull:<lane>:<stream>`, `hook:<store>:<lane>`; also the row
    of a lock: a connector's own key, or a seat (`channels.workers.seats`).

    `asked_at` is set while a task for it is in the queue, so that a thousand changes put one task there and not a
    thousand. The lease is the lock of who works on it. A row may be lost or old without harm: a request older than
    a minute counts as lost, and the lane's tick asks again.
    """

    key = models.CharField(max_length=60, primary_key=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    objects = WakeUpQuerySet.as_manager()

    def __str__(self) -> str:
        return self.key


class LaneBeat(models.Model):
    """When a worker of each lane last ran a task: the proof that the lane lives."""

    lane = models.CharField(max_length=20, primary_key=True)
    beat_at = models.DateTimeField()
    ticked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.lane


class HostBeat(models.Model):
    """When a lane of a place (a host, a container) last reached the database, by the database's clock.

    `is_gone`: it has not for so long that the others have taken its work over (`channels.workers.hosts`).
    """

    key = models.CharField(max_length=40, primary_key=True, help_text="place:lane")
    place = models.CharField(max_length=8)
    name = models.CharField(max_length=255)
    beat_at = models.DateTimeField()
    is_gone = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.name} {self.key}"
