"""What people decided in the SKU inbox (R-PLUS-12)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models.product import Variant
from channels.models import Connection


class SkuDecision(models.Model):
    """One decision about one row of the SKU inbox, so that it is shown and can be undone.

    `kind` and `key` name the row within its store (`catalogue.services.sku_inbox.rows`). Decisions that were made with one
    button have the same `batch` and are undone together. A dismissed row is hidden while `undone_at` is empty.
    """

    class Action(models.TextChoices):
        MAPPED = "mapped", _("Mapped")
        CHOSEN = "chosen", _("Product chosen")
        IMPORTED = "imported", _("Imported")
        CREATED = "created", _("Product created")
        DISMISSED = "dismissed", _("Dismissed")

    kind = models.CharField(_("kind"), max_length=20)
    action = models.CharField(_("decision"), max_length=10, choices=Action.choices)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="+", verbose_name=_("store")
    )
    key = models.CharField(_("row"), max_length=400)
    sku = models.CharField(_("SKU in store"), max_length=255, blank=True)
    title = models.CharField(_("title"), max_length=300, blank=True)
    variant = models.ForeignKey(
        Variant,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("SKU in Manifold"),
    )
    lines = models.JSONField(_("order lines"), default=list, blank=True, editable=False)
    batch = models.CharField(max_length=32, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    at = models.DateTimeField(_("when"), default=timezone.now)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("SKU decision")
        verbose_name_plural = _("SKU decisions")
        # Nobody edits these rows: the inbox asks for the permissions of what it changes.
        default_permissions = ()
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "kind", "key"],
                condition=Q(action="dismissed", undone_at=None),
                name="sku_dismissed_once",
            ),
        )
        indexes = (models.Index(fields=["batch"], name="sku_decision_batch"),)

    def __str__(self) -> str:
        return f"{self.sku or self.title} · {self.get_action_display()}"

    @property
    def can_be_undone(self) -> bool:
        """Whether the inbox can undo it: an imported or created product has a life of its own."""
        return self.undone_at is None and self.action not in {self.Action.IMPORTED, self.Action.CREATED}
