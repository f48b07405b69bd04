"""A store: one connected account of a channel."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.contract.registry import spec_for
from channels.contract.spec import Capability, ChannelSpec
from channels.models.fields import EncryptedJSONField
from channels.models.querysets import (
    ConnectionQuerySet,
)

#: Option of a deleted store, whose row stays because orders refer to it.
DELETED = "deleted_at"


class Connection(models.Model):
    """One account of a seller: a store on a channel, a carrier account, or a warehouse system.

    `fingerprint` is the channel's own account identity; it is unique for each `channel`, so that an account is never
    connected twice (R-CONN-07). Credentials are stored encrypted and never shown.
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
        _("account"), default=dict, blank=True, help_text=_("Data of the account, from the channel.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    url = models.CharField(_("address"), max_length=300, blank=True)
    options = models.JSONField(_("settings"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=14, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(_("reason"), max_length=500, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    is_read_only = models.BooleanField(
        _("read-only"), default=True, help_text=_("Data is imported, nothing is sent.")
    )
    pushing_since = models.DateTimeField(_("live since"), null=True, blank=True)
    report_seen_at = models.DateTimeField(_("first report seen"), null=True, blank=True)
    blocked_until = models.DateTimeField(
        null=True, blank=True, help_text=_("The channel asked Manifold to wait until then.")
    )
    failing_since = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    is_in_maintenance = models.BooleanField(
        default=False, help_text=_("The store reports maintenance: no alarm in the first hour.")
    )
    webhook_secret = EncryptedJSONField()
    webhooks_at = models.DateTimeField(_("webhooks registered"), null=True, blank=True)
    created_at = models.DateTimeField(_("connected"), default=timezone.now)

    #: Not saved yet, while its channel is called: its requests count in the quota of its application.
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
        """The declaration of its channel; raises `LookupError` when the channel is not configured."""
        return spec_for(self.channel)

    @property
    def has_wire(self) -> bool:
        """Whether its channel has an API; True for a channel that is not configured."""
        try:
            return self.spec.has_wire
        except LookupError:
            return True

    @property
    def is_deleted(self) -> bool:
        """Whether a person deleted it: only its orders and documents are left."""
        return DELETED in self.options

    @property
    def lacks_credentials(self) -> bool:
        """Whether its channel has credentials and this row has none: it was copied without them (`loaddata`)."""
        try:
            spec = self.spec
        except LookupError:
            return False
        return spec.has_wire and bool(spec.credential_fields) and not self.credentials

    def option(self, name: str) -> Any:
        """Return a setting of this store, or the channel's default; None for an unknown name."""
        if name in self.options:
            return self.options[name]
        return next((setting.default for setting in self.spec.settings if setting.name == name), None)

    def why_not(self, capability: Capability) -> str:
        """Return why the channel or the account lacks a capability; "" where it has it (R-CAT-13)."""
        offered = self.account.get("offered", {})
        if self.spec.supports(capability) and capability not in offered:
            return ""
        return str(offered.get(capability) or self.spec.reason(capability))

    @property
    def prices_with_tax(self) -> bool | None:
        """Whether the prices of the store include tax; None where that is not known."""
        with_tax = self.account.get("extra", {}).get("is_price_entered_with_tax")
        try:
            return self.spec.prices_with_tax if with_tax is None else bool(with_tax)
        except LookupError:
            return None

    @property
    def birthmark(self) -> str:
        """A mark of 8 characters that no other installation's store has; data that Manifold creates on a channel has it."""
        identity = f"{self.pk}:{self.created_at.isoformat()}"
        return hashlib.blake2b(identity.encode(), digest_size=4).hexdigest()

    @property
    def may_pull(self) -> bool:
        """Whether data may be imported from it."""
        return self.state == self.State.ACTIVE

    @property
    def may_push(self) -> bool:
        """Whether messages may be sent to it."""
        return self.state == self.State.ACTIVE and not self.is_read_only
