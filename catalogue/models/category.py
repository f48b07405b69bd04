"""Manifold's own categories of products, their categories in each store, and remembered values of new listings."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalogue.models.keys import sku_key
from channels.contract.cleaning import fit
from channels.models import Connection

#: Between the names of a path.
ARROW = " > "


def path_key(path: str) -> str:
    """Return the form in which two spellings of one path are equal."""
    return fit(sku_key(path), 255)


class ProductCategory(models.Model):
    """A category of products in Manifold. A child has its parent's categories in the stores, unless it has its own."""

    name = models.CharField(_("name"), max_length=120)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
        verbose_name=_("parent"),
    )
    path = models.CharField(_("path"), max_length=1000, editable=False)
    key = models.CharField(_("path for comparison"), max_length=255, unique=True, editable=False)

    class Meta:
        verbose_name = _("product category")
        verbose_name_plural = _("product categories")
        ordering = ("path",)

    def __str__(self) -> str:
        return self.path or self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.path = f"{self.parent.path}{ARROW}{self.name}" if self.parent else self.name
        self.key = path_key(self.path)
        super().save(*args, **kwargs)


class CategoryMapping(models.Model):
    """The categories of one store in which products of a category are listed."""

    category = models.ForeignKey(
        ProductCategory, on_delete=models.CASCADE, related_name="mappings", verbose_name=_("product category")
    )
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="category_mappings", verbose_name=_("store")
    )
    category_external_ids = models.JSONField(_("categories in store"), default=list)

    class Meta:
        verbose_name = _("category mapping")
        verbose_name_plural = _("category mappings")
        constraints = (
            models.UniqueConstraint(fields=["category", "connection"], name="category_mapping_once"),
        )

    def __str__(self) -> str:
        return f"{self.category} → {self.connection}"


class ListingDefaults(models.Model):
    """The attributes of the last listing in one category of a store: a new listing begins with them."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="listing_defaults", verbose_name=_("store")
    )
    category_external_id = models.CharField(_("category in store"), max_length=255, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict)

    class Meta:
        verbose_name = _("remembered values of listings")
        verbose_name_plural = _("remembered values of listings")
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "category_external_id"], name="listing_defaults_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.connection}: {self.category_external_id}"
