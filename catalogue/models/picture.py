"""The small copies of pictures."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class PictureCopy(models.Model):
    """The small copies of the picture at one address: whether they are stored, and when the address is read (again).

    Its files are found by `key` (`oms.kit.admin.pictures`). One row for each address, however many products show it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        STORED = "stored", _("Stored")
        FAILED = "failed", _("Not downloaded")
        UNUSABLE = "unusable", _("Not a usable picture")

    key = models.CharField(_("key"), max_length=32, primary_key=True)
    address = models.CharField(_("address"), max_length=1000)
    host = models.CharField(_("host"), max_length=255, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    due_at = models.DateTimeField(_("due at"))
    claimed_at = models.DateTimeField(_("claimed at"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    etag = models.CharField(_("ETag"), max_length=200, blank=True)
    last_modified = models.CharField(_("last modified"), max_length=60, blank=True)
    content_hash = models.CharField(_("hash of the content"), max_length=32, blank=True)
    stored_at = models.DateTimeField(_("stored at"), null=True, blank=True)

    class Meta:
        verbose_name = _("copy of a picture")
        verbose_name_plural = _("copies of pictures")
        # Nobody edits these rows, so there are no permissions to give.
        default_permissions = ()
        indexes = [
            models.Index(fields=["host", "due_at"], name="picture_copy_due"),
            models.Index(
                fields=["claimed_at"],
                name="picture_copy_claimed",
                condition=models.Q(claimed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.address
