"""Brands, categories and attributes."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalogue.models.keys import sku_key
from channels.contract.cleaning import fit
from channels.models import Connection


class Brand(models.Model):
    """A brand, shared by all stores; two spellings of one name are one brand (`key`)."""

    name = models.CharField(_("name"), max_length=120)
    key = models.CharField(_("name for comparison"), max_length=120, unique=True, editable=False)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.key = fit(sku_key(self.name), 120)
        super().save(*args, **kwargs)


class Category(models.Model):
    """A category of a store."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="categories", verbose_name=_("store")
    )
    external_id = models.CharField(_("channel ID"), max_length=255)
    name = models.CharField(_("name"), max_length=255)
    path = models.CharField(_("path"), max_length=1000)
    parent_external_id = models.CharField(_("channel ID of the parent"), max_length=255, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=["connection", "external_id"], name="category_once"),)

    def __str__(self) -> str:
        return self.path or self.name


class Attribute(models.Model):
    """An attribute that products of a store can have."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="attributes", verbose_name=_("store")
    )
    external_id = models.CharField(_("channel ID"), max_length=255)
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
