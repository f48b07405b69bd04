"""What is sold, and what stands on which store.

`Product`, `Variant`, `ProductImage` are ours; `Listing`, `ListingVariant` are the store's view of them.
On the latter, `remote_*` columns belong to the channel (a pull writes them), the others to us: two write
sets, so that a pull never resets what people did here.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.querysets import ListingVariantQuerySet, ProductQuerySet, VariantQuerySet
from channels.models import Connection


def sku_key(sku: str) -> str:
    """The form in which two spellings of one SKU are the same: NFKC, casefolded, outer space stripped."""
    return unicodedata.normalize("NFKC", sku).casefold().strip()


class Brand(models.Model):
    """Who makes a product; two spellings of one name are one brand (`key`)."""

    name = models.CharField(_("name"), max_length=120)
    key = models.CharField(max_length=120, unique=True, editable=False)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.key = sku_key(self.name)[:120]
        super().save(*args, **kwargs)


class Category(models.Model):
    """A category of a store's own tree."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="categories")
    external_id = models.CharField(max_length=60)
    name = models.CharField(_("name"), max_length=255)
    path = models.CharField(_("path"), max_length=1000)
    parent_external_id = models.CharField(max_length=60, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=["connection", "external_id"], name="category_once"),)

    def __str__(self) -> str:
        return self.path or self.name


class Attribute(models.Model):
    """An attribute that a store's products may carry."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="attributes")
    external_id = models.CharField(max_length=60)
    name = models.CharField(_("name"), max_length=255)
    group = models.CharField(_("group"), max_length=255, blank=True)
    values = models.JSONField(_("allowed values"), default=list, blank=True)
    is_required = models.BooleanField(_("required"), default=False)

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        ordering = ("group", "name")
        constraints = (models.UniqueConstraint(fields=["connection", "external_id"], name="attribute_once"),)

    def __str__(self) -> str:
        return f"{self.group} » {self.name}" if self.group else self.name


class Product(models.Model):
    """What is sold in general. A single product has one variant, a group product several."""

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
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    option_names = models.JSONField(
        _("options"), default=list, blank=True, help_text=_("Such as Size, Colour.")
    )
    edited_fields = models.JSONField(
        default=list, blank=True, help_text=_("Fields edited here: no pull changes them.")
    )
    is_archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("title", "id")
        indexes = (models.Index(fields=["title", "id"], name="product_title"),)

    def __str__(self) -> str:
        return self.title


class Variant(models.Model):
    """The stockable version of a product: one SKU. Prices are the house's defaults for every store.

    `price` is the regular, `selling_price` the present price (an offer when lower); None = none.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="variants")
    sku = models.CharField(_("SKU"), max_length=120)
    sku_key = models.CharField(max_length=120, unique=True, editable=False)
    options = models.JSONField(_("options"), default=dict, blank=True)
    barcode = models.CharField(_("barcode"), max_length=64, blank=True)
    price = models.DecimalField(_("price"), max_digits=14, decimal_places=4, null=True, blank=True)
    selling_price = models.DecimalField(
        _("selling price"), max_digits=14, decimal_places=4, null=True, blank=True
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=4, null=True, blank=True)
    weight_grams = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    is_stopped = models.BooleanField(
        _("stop selling"), default=False, help_text=_("Every store is offered 0; the stock stays.")
    )
    is_counted = models.BooleanField(
        _("stock counted"),
        default=True,
        help_text=_("Off: there is always one; no stock is kept, promised or sent of it."),
    )
    reorder_point = models.PositiveIntegerField(_("reorder point"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    objects = VariantQuerySet.as_manager()

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
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
    """A picture of a product, or of one variant of it."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    variant = models.ForeignKey(
        Variant, null=True, blank=True, on_delete=models.CASCADE, related_name="images"
    )
    url = models.CharField(_("address"), max_length=1000)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ("product", "position", "id")

    def __str__(self) -> str:
        return self.url


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
