# long because: the rows of the engine are read together; each model is short.
"""Stores and everything that happens on their wires: pulls, pushes, calls, webhooks."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.base import Capability, ChannelSpec, Lane
from channels.credentials import EncryptedJSONField
from channels.querysets import (
    ConnectionQuerySet,
    OutboxQuerySet,
    RejectedRecordQuerySet,
    SyncStreamQuerySet,
)
from channels.records import RemoteState
from channels.registry import spec_for


class Connection(models.Model):
    """One account of a seller: a store on a channel, a carrier account, or a warehouse system.

    `fingerprint` is the channel's own account identity; together with `channel` it is unique, so that one
    account is never connected twice (R-CONN-07). Credentials are stored encrypted and shown to nobody.
    """

    class Kind(models.TextChoices):
        STORE = "store", _("Store")
        CARRIER = "carrier", _("Carrier")
        WMS = "wms", _("Warehouse system")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        NEEDS_SELLER = "needs_seller", _("Needs reconnecting")
        DISCONNECTED = "disconnected", _("Disconnected")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.STORE)
    channel = models.CharField(_("channel"), max_length=30)
    name = models.CharField(_("name"), max_length=120, unique=True)
    fingerprint = models.CharField(max_length=200)
    credentials = EncryptedJSONField()
    account = models.JSONField(
        _("account"), default=dict, blank=True, help_text=_("What the channel says of itself.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    url = models.CharField(_("address"), max_length=300, blank=True)
    options = models.JSONField(_("settings"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=14, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(_("why"), max_length=500, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    is_read_only = models.BooleanField(
        _("read-only"), default=True, help_text=_("Everything is computed, nothing is sent.")
    )
    pushing_since = models.DateTimeField(_("pushing since"), null=True, blank=True)
    report_seen_at = models.DateTimeField(_("first report seen"), null=True, blank=True)
    blocked_until = models.DateTimeField(
        null=True, blank=True, help_text=_("The channel asked us to wait until then.")
    )
    failing_since = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    is_in_maintenance = models.BooleanField(
        default=False, help_text=_("The shop says so itself: no alarm within the first hour.")
    )
    webhook_secret = EncryptedJSONField()
    webhooks_at = models.DateTimeField(_("webhooks registered"), null=True, blank=True)
    created_at = models.DateTimeField(_("connected"), default=timezone.now)

    #: Not stored yet, and its channel is asked in earnest: its requests count in its application's quota.
    is_being_connected: bool = False

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["channel", "fingerprint"], name="connection_one_per_account"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> ChannelSpec:
        return spec_for(self.channel)

    @property
    def has_wire(self) -> bool:
        """Whether there is a shop behind it that is read and told; a channel that is not installed counts as one."""
        try:
            return self.spec.has_wire
        except LookupError:
            return True

    def option(self, name: str) -> Any:
        """A per-store setting, or the channel's default for it."""
        if name in self.options:
            return self.options[name]
        return next((setting.default for setting in self.spec.settings if setting.name == name), None)

    def why_not(self, capability: Capability) -> str:
        """Why this store cannot do a thing, by its channel or its account; empty when it can (R-CAT-13)."""
        offered = self.account.get("offered", {})
        if self.spec.supports(capability) and capability not in offered:
            return ""
        return str(offered.get(capability) or self.spec.reason(capability))

    @property
    def prices_with_tax(self) -> bool | None:
        """Whether the store keeps its prices with tax; None where neither the channel nor the account says so."""
        said = self.account.get("extra", {}).get("is_price_entered_with_tax")
        try:
            return self.spec.prices_with_tax if said is None else bool(said)
        except LookupError:
            return None

    @property
    def birthmark(self) -> str:
        """Tells this store's row apart from any other installation's: what is written on a channel is marked with it."""
        born = f"{self.pk}:{self.created_at.isoformat()}"
        return hashlib.blake2b(born.encode(), digest_size=4).hexdigest()

    @property
    def may_pull(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def may_push(self) -> bool:
        return self.state == self.State.ACTIVE and not self.is_read_only


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


class ConnectionToken(models.Model):
    """A store's present access token and what renews it, shared by every worker (`channels.tokens`)."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="token"
    )
    data = EncryptedJSONField()
    is_dead = models.BooleanField(default=False, help_text=_("The channel refused it."))
    version = models.PositiveIntegerField(default=0)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

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


class ChannelMark(models.Model):
    """Something that a channel's adapter must remember of one thing on the channel, such as "we took it off sale"."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="marks")
    name = models.CharField(max_length=30)
    external_id = models.CharField(max_length=120)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["connection", "name", "external_id"], name="mark_once"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.external_id}"


class AppInstall(models.Model):
    """An installation of our application on an account of a channel, made from the channel's side.

    It comes before the store (`Connection`), which a signed-in person makes of it, and outlives it: `details` holds
    what was granted, by whom, and which tickets were used.
    """

    channel = models.CharField(_("channel"), max_length=30)
    account = models.CharField(_("account"), max_length=200)
    credentials = EncryptedJSONField()
    details = models.JSONField(default=dict, blank=True)
    installed_at = models.DateTimeField(default=timezone.now)
    uninstalled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["channel", "account"], name="app_install_once"),)

    def __str__(self) -> str:
        return f"{self.channel} {self.account}"


class SyncStream(models.Model):
    """Something that is pulled from a store again and again: its period, its cursor, its lease.

    `cursor_at` is the channel's clock: everything changed before it is stored here. The lease is fenced:
    a worker that lost it (`lease_token` differs) can store nothing any more.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="streams")
    name = models.CharField(_("stream"), max_length=30)
    period = models.PositiveIntegerField(_("every (s)"), null=True, blank=True)
    is_on = models.BooleanField(_("on"), default=True)
    lane = models.CharField(max_length=20, default=Lane.DEFAULT)
    cursor_at = models.DateTimeField(_("read up to"), null=True, blank=True)
    due_at = models.DateTimeField(_("next"), null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(_("last complete"), null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text=_("Passing faults in a row."))
    not_before = models.DateTimeField(null=True, blank=True, help_text=_("Waiting after a passing fault."))
    wanted_ids = models.JSONField(
        default=list, blank=True, help_text=_("Records that a webhook or a person asked for.")
    )

    objects = SyncStreamQuerySet.as_manager()

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        ordering = ("connection", "name")
        constraints = (models.UniqueConstraint(fields=["connection", "name"], name="stream_once"),)
        indexes = (models.Index(fields=["lane", "due_at"], name="stream_due", condition=Q(is_on=True)),)

    def __str__(self) -> str:
        return f"{self.connection} · {self.name}"


class SyncRun(models.Model):
    """One pull of a stream: what was asked, how far it got, what came of each record.

    At most one run per connection and stream is live (the constraint says so). `page` and `slice_start`
    are where a crashed run goes on.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("Schedule")
        MANUAL = "manual", _("By hand")
        WEBHOOK = "webhook", _("Webhook")
        FIRST = "first", _("First sync")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    stream = models.CharField(_("stream"), max_length=30)
    trigger = models.CharField(
        _("asked by"), max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    query = models.JSONField(default=dict, blank=True, help_text=_("created, statuses, ids as asked."))
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    slice_start = models.DateTimeField(null=True, blank=True)
    page = models.TextField(blank=True)
    mark = models.CharField(
        max_length=32,
        blank=True,
        help_text=_("Digest of an earlier page token: seen again, the scan goes in a circle."),
    )
    pages = models.PositiveIntegerField(_("pages"), default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    same = models.PositiveIntegerField(_("same"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    job_id = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "stream"], condition=Q(state="running"), name="run_one_live"
            ),
        )
        indexes = (models.Index(fields=["connection", "stream", "-id"], name="run_recent"),)

    def __str__(self) -> str:
        return f"{self.stream} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def seen(self) -> int:
        return self.new + self.changed + self.same + self.refused


class RejectedRecord(models.Model):
    """A record that could not be stored: the native document and the reason, until it goes in."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="rejected")
    stream = models.CharField(_("stream"), max_length=30)
    external_id = models.CharField(_("channel id"), max_length=120)
    reason = models.CharField(_("reason"), max_length=500)
    native = models.BinaryField(help_text=_("zlib-compressed JSON"))
    attempts = models.PositiveIntegerField(_("tries"), default=1)
    first_seen_at = models.DateTimeField(_("first"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last"), default=timezone.now)
    resolved_at = models.DateTimeField(_("solved"), null=True, blank=True)

    objects = RejectedRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("refused record")
        verbose_name_plural = _("refused records")
        ordering = ("-last_seen_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "stream", "external_id"],
                condition=Q(resolved_at=None),
                name="rejected_open_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.stream} {self.external_id}: {self.reason}"


class OutboxMessage(models.Model):
    """Something a channel must be told. No payload: the handler reads the truth when it runs.

    *State* topics (stock, price, listing) have one permanent row per (connection, topic, subject): a change
    bumps `wanted`, a finished send sets `sent` to the version that it read; due while they differ.
    *Event* topics (ready to ship, shipped ...) have one row each (`key` makes it unique), sent in order per
    `group` (the order's id) and never coalesced; `wanted` is 1.
    """

    class Kind(models.TextChoices):
        STATE = "state", _("State")
        EVENT = "event", _("Event")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    topic = models.CharField(_("topic"), max_length=30)
    lane = models.CharField(max_length=20)
    priority = models.PositiveSmallIntegerField(default=50, help_text=_("Lower goes first."))
    subject = models.BigIntegerField(help_text=_("Id of the listing variant, listing or shipment."))
    group = models.BigIntegerField(null=True, blank=True, help_text=_("Order whose events stay in order."))
    key = models.CharField(max_length=80, blank=True)
    wanted = models.PositiveIntegerField(default=1)
    sent = models.PositiveIntegerField(default=0)
    step = models.CharField(
        max_length=40, blank=True, help_text=_("How far a send in several steps has come.")
    )
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    crashes = models.PositiveSmallIntegerField(default=0, help_text=_("Workers that died while sending it."))
    is_uncertain = models.BooleanField(
        default=False, help_text=_("An answer never came: look before repeating.")
    )
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    parked_at = models.DateTimeField(_("parked"), null=True, blank=True)
    last_error = models.CharField(_("last answer"), max_length=500, blank=True)
    is_held = models.BooleanField(
        default=False, help_text=_("Made while the store was read-only: the seller sends or skips it.")
    )
    skipped_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("priority", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "topic", "subject"], condition=Q(kind="state"), name="outbox_state_once"
            ),
            models.UniqueConstraint(
                fields=["connection", "topic", "key"], condition=Q(kind="event"), name="outbox_event_once"
            ),
            models.CheckConstraint(condition=Q(sent__lte=F("wanted")), name="outbox_sent_le_wanted"),
        )
        indexes = (
            models.Index(
                fields=["connection", "lane", "priority", "id"],
                name="outbox_due",
                condition=Q(wanted__gt=F("sent"), parked_at=None, skipped_at=None),
            ),
            models.Index(fields=["connection"], name="outbox_parked", condition=Q(parked_at__isnull=False)),
            models.Index(fields=["group", "id"], name="outbox_group"),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.subject}"


class StatusMapEntry(models.Model):
    """What one native status of a store means here. Starts from the channel's table; the seller may edit it.

    `events` names the fulfilment events for which this status is written (OpenCart sellers invent statuses);
    the service keeps each event on one status at most.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="statuses")
    external_id = models.CharField(_("status id"), max_length=60)
    name = models.CharField(_("status on the channel"), max_length=120)
    remote_state = models.CharField(
        _("means"),
        max_length=12,
        choices=[(str(s), str(s)) for s in RemoteState],
        default=RemoteState.UNKNOWN,
    )
    is_edited = models.BooleanField(_("edited here"), default=False)
    holds_stock = models.BooleanField(_("the channel holds stock in it"), null=True, blank=True)
    events = models.JSONField(_("written for"), default=list, blank=True)

    class Meta:
        verbose_name = _("status")
        verbose_name_plural = _("status map")
        ordering = ("connection", "external_id")
        constraints = (models.UniqueConstraint(fields=["connection", "external_id"], name="status_once"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class WebhookEvent(models.Model):
    """A verified call from a channel: stored once, answered at once, worked later."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="webhooks")
    event_id = models.CharField(max_length=120)
    topic = models.CharField(max_length=60)
    stream = models.CharField(max_length=30)
    external_id = models.CharField(max_length=120, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=["connection", "event_id"], name="webhook_once"),)
        indexes = (
            models.Index(fields=["connection", "id"], name="webhook_open", condition=Q(handled_at=None)),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.external_id}"


class CallLog(models.Model):
    """One request to a channel and its answer, secrets removed; kept for `OMS_CALL_LOG_DAYS`."""

    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="calls")
    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=8)
    url = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent = models.TextField(blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["connection", "-id"], name="call_recent"),
            models.Index(fields=["at"], name="call_at"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class Bell(models.Model):
    """The doorbell of one piece of work (`drain:<store>:<lane>`, `pull:<stream>`): rung or not, answered by whom.

    It keeps a thousand changes from leaving a thousand rings in the queue. It may be lost or stale without
    harm: a ring older than a minute counts as lost, and the sweep rings again.
    """

    key = models.CharField(max_length=60, primary_key=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=32, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key


class LaneBeat(models.Model):
    """When a worker of each lane last ran a task: the proof that the lane lives."""

    lane = models.CharField(max_length=20, primary_key=True)
    beat_at = models.DateTimeField()
    ticked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.lane
