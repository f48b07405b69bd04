"""Products, variants and their pictures."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models.category import ProductCategory
from catalogue.models.keys import sku_key
from catalogue.models.querysets import ProductQuerySet, VariantQuerySet
from catalogue.models.reference import Brand


class Product(models.Model):
    """A product. A single product has one variant, a group product has several."""

    class Kind(models.TextChoices):
        SINGLE = "single", _("Single")
        GROUP = "group", _("Group")

    title = models.CharField(_("title"), max_length=300)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices, default=Kind.SINGLE)
    description = models.TextField(_("description"), blank=True)
    warranty = models.TextField(_("warranty"), blank=True)
    brand = models.ForeignKey(
        Brand, null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("brand")
    )
    category = models.ForeignKey(
        ProductCategory, null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("category")
    )
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    option_names = models.JSONField(
        _("options"), default=list, blank=True, help_text=_("For example Size, Colour.")
    )
    option_values = models.JSONField(
        _("values of the options"),
        default=dict,
        blank=True,
        help_text=_("Option → its values in their order."),
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    edited_fields = models.JSONField(
        _("fields edited in Manifold"), default=list, blank=True, help_text=_("Imports do not change them.")
    )
    is_archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        permissions = (("export_product", "Can export products"),)
        ordering = ("title", "id")
        indexes = (
            models.Index(fields=["title", "id"], name="product_title"),
            # Counts the products of a brand without reading them.
            models.Index(fields=["brand"], name="product_brand_active", condition=Q(is_archived=False)),
        )

    def __str__(self) -> str:
        return self.title


class Variant(models.Model):
    """A version of a product that has a SKU and stock. Its prices are the default prices for all stores.

    `price` is the regular price, `selling_price` the present price when that is lower; None: not set.
    """

    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="variants", verbose_name=_("product")
    )
    sku = models.CharField(_("SKU"), max_length=255)
    sku_key = models.CharField(_("SKU for comparison"), max_length=255, unique=True, editable=False)
    options = models.JSONField(_("options"), default=dict, blank=True)
    barcode = models.CharField(_("barcode"), max_length=64, blank=True)
    price = models.DecimalField(_("price"), max_digits=18, decimal_places=4, null=True, blank=True)
    selling_price = models.DecimalField(
        _("selling price"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=4, null=True, blank=True)
    weight_grams = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    length_mm = models.PositiveIntegerField(_("length (mm)"), null=True, blank=True)
    width_mm = models.PositiveIntegerField(_("width (mm)"), null=True, blank=True)
    height_mm = models.PositiveIntegerField(_("height (mm)"), null=True, blank=True)
    is_stopped = models.BooleanField(
        _("stop selling"), default=False, help_text=_("All stores are offered 0. The stock stays.")
    )
    is_counted = models.BooleanField(
        _("stock tracked"),
        default=True,
        help_text=_("Off: this SKU has no stock figures, and no stock is allocated or sent."),
    )
    is_kit = models.BooleanField(
        _("kit"),
        default=False,
        editable=False,
        help_text=_("Made of other SKUs: it has no stock of its own."),
    )
    reorder_point = models.PositiveIntegerField(_("reorder point"), null=True, blank=True)
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        verbose_name=_("merged into"),
        help_text=_("The SKU is the same product as this one: it has no stock and no listings of its own."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    search_text = models.TextField(
        _("search text"), blank=True, editable=False, help_text=_("How it is found. Written by the system.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = VariantQuerySet.as_manager()

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        permissions = (("export_variant", "Can export variants"),)
        ordering = ("product", "position", "id")
        constraints = (
            models.CheckConstraint(condition=~Q(sku_key=""), name="variant_has_sku"),
            models.CheckConstraint(
                condition=Q(price=None) | Q(price__gte=0), name="variant_price_not_negative"
            ),
        )
        indexes = (models.Index(fields=["barcode"], name="variant_barcode", condition=~Q(barcode="")),)

    def __str__(self) -> str:
        return self.sku

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.sku_key = sku_key(self.sku)
        super().save(*args, **kwargs)


class ProductImage(models.Model):
    """A picture of a product or of one variant."""

    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="images", verbose_name=_("product")
    )
    variant = models.ForeignKey(
        Variant,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="images",
        verbose_name=_("variant"),
    )
    url = models.CharField(_("address"), max_length=1000)
    alt = models.CharField(
        _("description of the picture"),
        max_length=300,
        blank=True,
        help_text=_("For people who do not see it."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ("product", "position", "id")

    def __str__(self) -> str:
        return self.url
