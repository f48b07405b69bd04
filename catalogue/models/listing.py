"""Products in a store, SKU by SKU."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models.keys import sku_key
from catalogue.models.product import Product, Variant
from catalogue.models.querysets import ListingVariantQuerySet
from channels.models import Connection


class Listing(models.Model):
    """A product in a store."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Not sent yet")
        PENDING = "pending", _("Being created")
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Inactive")
        REMOVED = "removed", _("Deleted")

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="listings")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="listings")
    external_id = models.CharField(_("channel id"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT)
    remote_kind = models.CharField(max_length=10, blank=True)
    remote_title = models.CharField(_("title in store"), max_length=300, blank=True)
    remote_image = models.CharField(max_length=1000, blank=True)
    remote_hash = models.CharField(max_length=32, blank=True)
    url = models.CharField(max_length=500, blank=True)
    stock_blocked = models.CharField(
        _("why stock is not sent"),
        max_length=300,
        blank=True,
        help_text=_("Set when the channel cannot receive it."),
    )
    category_external_ids = models.JSONField(default=list, blank=True)
    changed_fields = models.JSONField(
        default=list, blank=True, help_text=_("Edited in Manifold, to be sent.")
    )
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        permissions = (("export_listing", "Can export listings"),)
        ordering = ("connection", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "external_id"], condition=~Q(external_id=""), name="listing_once"
            ),
        )
        indexes = (models.Index(fields=["product"], name="listing_product"),)

    def __str__(self) -> str:
        return f"{self.remote_title or self.product_id} · {self.connection}"


class ListingVariant(models.Model):
    """One SKU in one store: what the channel showed when it was imported, what was offered, when, and its answer.

    `price` and `selling_price` replace the variant's in this store (R-PRICE-01).
    """

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="variants")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="listing_variants")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="listing_variants")
    external_id = models.CharField(_("channel id"), max_length=120, blank=True)
    external_sku = models.CharField(_("SKU in store"), max_length=120)
    sku_key = models.CharField(max_length=120)
    price = models.DecimalField(
        _("price in this store"), max_digits=14, decimal_places=4, null=True, blank=True
    )
    selling_price = models.DecimalField(
        _("selling price in this store"), max_digits=14, decimal_places=4, null=True, blank=True
    )
    sale_from = models.DateTimeField(null=True, blank=True)
    sale_until = models.DateTimeField(null=True, blank=True)
    is_stopped = models.BooleanField(_("stop selling in this store"), default=False)
    remote_price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    remote_selling_price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    remote_quantity = models.IntegerField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    sent_quantity = models.IntegerField(_("offered"), null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    sent_selling_price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    price_sent_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(_("answer"), max_length=300, blank=True)

    objects = ListingVariantQuerySet.as_manager()

    class Meta:
        verbose_name = _("listed SKU")
        verbose_name_plural = _("listed SKUs")
        ordering = ("connection", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "external_id"],
                condition=~Q(external_id=""),
                name="listing_variant_once",
            ),
            models.UniqueConstraint(fields=["connection", "sku_key"], name="listing_variant_sku_once"),
        )
        indexes = (models.Index(fields=["variant", "connection"], name="listing_variant_variant"),)

    def __str__(self) -> str:
        return f"{self.external_sku} · {self.connection}"

    @property
    def differs(self) -> bool:
        """Whether the store shows another quantity than it was sent, read after the sending could be seen there."""
        if self.sent_at is None or self.read_at is None:
            return False
        if self.read_at < self.sent_at + timedelta(seconds=self.connection.spec.shown_after):
            return False
        return self.remote_quantity is not None and self.remote_quantity != self.sent_quantity


class SkuAlias(models.Model):
    """Another spelling of a SKU: in one store, or (no store) in every store (R-CAT-04, R-ORD-07)."""

    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    sku = models.CharField(_("SKU in store"), max_length=120)
    sku_key = models.CharField(max_length=120, editable=False)
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("SKU mapping")
        verbose_name_plural = _("SKU mappings")
        constraints = (
            models.UniqueConstraint(fields=["connection", "sku_key"], name="alias_once_per_store"),
            models.UniqueConstraint(
                fields=["sku_key"], condition=Q(connection=None), name="alias_once_everywhere"
            ),
        )

    def __str__(self) -> str:
        return f"{self.sku} → {self.variant}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.sku_key = sku_key(self.sku)
        super().save(*args, **kwargs)
