"""Installations of Manifold's app on a channel, before a store is connected."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.fields import EncryptedJSONField


class AppInstall(models.Model):
    """An installation of Manifold's application on an account of a channel, started on the channel.

    It exists before the store (`Connection`), which a signed-in person connects from it, and after it: `details` has the
    granted permissions, the user who granted them, and the tickets that were used.
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
