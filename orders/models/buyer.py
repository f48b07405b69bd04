"""Buyers whose new orders are held."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class BlockedBuyer(models.Model):
    """One e-mail address, phone number, or name with address, whose new orders are put on hold.

    `key` is a hash (`orders.domain.buyer_keys.key_hash`): what identifies a person is not stored here.
    """

    key = models.CharField(max_length=40, unique=True)
    reason = models.CharField(_("reason"), max_length=160)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("blocked buyer")
        verbose_name_plural = _("blocked buyers")

    def __str__(self) -> str:
        return self.reason
