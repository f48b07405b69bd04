"""Products on a store, SKU by SKU."""

from __future__ import annotations

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
    """A product on a store."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Not sent yet")
        PENDING = "pending", _("Being made")
        ACTIVE = "active", _("On the store")
        INACTIVE = "inactive", _("Switched off")
        REMOVED = "removed", _("Deleted there")

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="listings")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="listings")
    external_id = models.CharField(_("channel id"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT)
    remote_kind = models.CharField(max_length=10, blank=True)
    remote_title = models.CharField(_("title there"), max_length=300, blank=True)
    remote_image = models.CharField(max_length=1000, blank=True)
    remote_hash = models.CharField(max_length=32, blank=True)
    url = models.CharField(max_length=500, blank=True)
    stock_blocked = models.CharField(
        _("why stock is not sent"),
        max_length=300,
        blank=True,
        help_text=_("Set when the channel cannot take it."),
    )
    category_external_ids = models.JSONField(default=list, blank=True)
    changed_fields = models.JSONField(default=list, blank=True, help_text=_("Edited here, to be sent."))
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
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
    """One SKU on one store: what the channel showed when read, what we offered, when, and its answer.

    `price`, `selling_price` here override the variant's for this store (R-PRICE-01).
    """

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="variants")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="listing_variants")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="listing_variants")
    external_id = models.CharField(_("channel id"), max_length=120, blank=True)
    external_sku = models.CharField(_("SKU there"), max_length=120)
    sku_key = models.CharField(max_length=120)
    price = models.DecimalField(_("price here"), max_digits=14, decimal_places=4, null=True, blank=True)
    selling_price = models.DecimalField(
        _("selling price here"), max_digits=14, decimal_places=4, null=True, blank=True
    )
    sale_from = models.DateTimeField(null=True, blank=True)
    sale_until = models.DateTimeField(null=True, blank=True)
    is_stopped = models.BooleanField(_("stop selling here"), default=False)
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


class SkuAlias(models.Model):
    """Another spelling of a master SKU: on one store, or (no store) everywhere (R-CAT-04, R-ORD-07)."""

    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    sku = models.CharField(_("SKU there"), max_length=120)
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
