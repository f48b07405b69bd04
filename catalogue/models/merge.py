"""Merged SKUs: two SKUs that are one product (R-CAT-04)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models.product import Variant


class SkuMerge(models.Model):
    """One merge of `source` into `target`, and what it moved, so that it can be undone.

    `moved`: "listed", "listings", "aliases" and "lines" are the ids of the rows that belong to `target` since; "stock" is
    warehouse id -> units on hand; "is_archived" says whether the product of `source` was archived by the merge.
    """

    source = models.ForeignKey(
        Variant, on_delete=models.PROTECT, related_name="merges_away", verbose_name=_("merged SKU")
    )
    target = models.ForeignKey(
        Variant, on_delete=models.PROTECT, related_name="merges", verbose_name=_("merged into")
    )
    moved = models.JSONField(default=dict, blank=True, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    at = models.DateTimeField(_("merged"), default=timezone.now)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("SKU merge")
        verbose_name_plural = _("SKU merges")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=["source"], condition=Q(undone_at=None), name="sku_merged_once"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="sku_merged_into_another"),
        )

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
