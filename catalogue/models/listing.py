"""Listings: products on a store, with their SKUs; mapped SKUs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models.keys import sku_key
from catalogue.models.product import Product, Variant
from catalogue.models.querysets import ListingVariantQuerySet
from channels.models import Connection


class Shown(NamedTuple):
    """A figure that a store shows, and since when this is known. `is_sent`: it was sent and accepted, not imported."""

    value: Any
    selling: Any
    at: datetime | None
    is_sent: bool = False


class Listing(models.Model):
    """A product on a store."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Not sent yet")
        PENDING = "pending", _("Being created")
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Inactive")
        REMOVED = "removed", _("Deleted")

    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="listings", verbose_name=_("product"), db_index=False
    )
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="listings", verbose_name=_("store")
    )
    external_id = models.CharField(_("channel ID"), max_length=255, blank=True)
    state = models.CharField(_("status"), max_length=8, choices=State.choices, default=State.DRAFT)
    remote_kind = models.CharField(_("kind in store"), max_length=10, blank=True)
    remote_title = models.CharField(_("title in store"), max_length=300, blank=True)
    remote_image = models.CharField(_("picture in store"), max_length=1000, blank=True)
    remote_text = models.CharField(
        _("hash of the description in store"), max_length=32, blank=True, editable=False
    )
    remote_hash = models.CharField(_("hash of the last import"), max_length=32, blank=True)
    url = models.CharField(_("address in store"), max_length=500, blank=True)
    stock_blocked = models.CharField(
        _("stock not sent because"),
        max_length=300,
        blank=True,
        help_text=_("Empty when stock is sent."),
    )
    category_external_ids = models.JSONField(_("categories in store"), default=list, blank=True)
    own_title = models.CharField(
        _("title of this listing"),
        max_length=300,
        blank=True,
        help_text=_("Empty: the title of the product."),
    )
    own_attributes = models.JSONField(
        _("attributes of this listing"),
        default=dict,
        blank=True,
        help_text=_("Sent in place of the product's attributes of the same name."),
    )
    refusal = models.CharField(
        _("refused because"), max_length=500, blank=True, help_text=_("In the words of the channel.")
    )
    refusal_field = models.CharField(_("refused field"), max_length=120, blank=True)
    changed_fields = models.JSONField(
        _("fields to send"), default=list, blank=True, help_text=_("Edited in Manifold and not sent yet.")
    )
    import_notes = models.TextField(
        _("not imported"), blank=True, help_text=_("Values of the last import that could not be used.")
    )
    read_at = models.DateTimeField(_("imported"), null=True, blank=True)
    search_text = models.TextField(
        _("search text"), blank=True, editable=False, help_text=_("How it is found. Written by the system.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

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
        indexes = (
            models.Index(fields=["product"], name="listing_product"),
            # The few that their store does not have any more, for the SKU inbox.
            models.Index(fields=["connection", "id"], name="listing_removed", condition=Q(state="removed")),
        )

    def __str__(self) -> str:
        return f"{self.remote_title or self.product_id} · {self.connection}"


class ListingVariant(models.Model):
    """One SKU of a listing: what the last import showed, what was sent and when, and the channel's answer.

    `price` and `selling_price` are used in this store instead of the variant's (R-PRICE-01).
    """

    listing = models.ForeignKey(
        Listing, on_delete=models.CASCADE, related_name="variants", verbose_name=_("listing")
    )
    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="listing_variants",
        verbose_name=_("store"),
        db_index=False,
    )
    variant = models.ForeignKey(
        Variant,
        on_delete=models.PROTECT,
        related_name="listing_variants",
        verbose_name=_("variant"),
        db_index=False,
    )
    external_id = models.CharField(_("channel ID"), max_length=255, blank=True)
    external_sku = models.CharField(_("SKU in store"), max_length=255)
    sku_key = models.CharField(_("SKU for comparison"), max_length=255)
    price = models.DecimalField(
        _("price in this store"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    selling_price = models.DecimalField(
        _("selling price in this store"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    sale_from = models.DateTimeField(_("sale starts"), null=True, blank=True)
    sale_until = models.DateTimeField(_("sale ends"), null=True, blank=True)
    is_stopped = models.BooleanField(_("stop selling in this store"), default=False)
    is_removed = models.BooleanField(
        _("removed from this listing"),
        default=False,
        help_text=_("Deleted in the store, or offered 0 where the channel deletes no SKU of a group."),
    )
    own_attributes = models.JSONField(
        _("attributes of this SKU in the listing"),
        default=dict,
        blank=True,
        help_text=_("Sent for this SKU in place of the listing's attributes of the same name."),
    )
    remote_price = models.DecimalField(
        _("imported price"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    remote_selling_price = models.DecimalField(
        _("imported selling price"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    remote_quantity = models.IntegerField(_("quantity in store"), null=True, blank=True)
    read_at = models.DateTimeField(_("imported"), null=True, blank=True)
    sent_quantity = models.IntegerField(_("offered"), null=True, blank=True)
    sent_at = models.DateTimeField(_("stock sent"), null=True, blank=True)
    sent_price = models.DecimalField(_("sent price"), max_digits=18, decimal_places=4, null=True, blank=True)
    sent_selling_price = models.DecimalField(
        _("sent selling price"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    price_sent_at = models.DateTimeField(_("price sent"), null=True, blank=True)
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    exposure_log = models.TextField(
        blank=True, default="", editable=False, help_text=_("What the exposure meter has not read yet.")
    )

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
        indexes = (
            models.Index(fields=["variant", "connection"], name="listing_variant_variant"),
            models.Index(fields=["id"], name="listing_exposed", condition=~Q(exposure_log="")),
        )

    def __str__(self) -> str:
        return f"{self.external_sku} · {self.connection}"

    def is_newest_sent(self, sent_at: datetime | None) -> bool:
        """Return whether what was sent and accepted at this time is newer than what the last import can have seen."""
        if sent_at is None:
            return False
        visible_from = sent_at + timedelta(seconds=self.connection.spec.shown_after)
        return self.read_at is None or self.read_at < visible_from

    @property
    def shown_price(self) -> Shown:
        """The price that the store shows, as far as it is known: what was sent last or imported last, with its time."""
        if self.is_newest_sent(self.price_sent_at):
            return Shown(self.sent_price, self.sent_selling_price, self.price_sent_at, is_sent=True)
        return Shown(self.remote_price, self.remote_selling_price, self.read_at)

    @property
    def shown_quantity(self) -> Shown:
        """The quantity that the store shows, as far as it is known: what was sent last or imported last, with its time."""
        if self.is_newest_sent(self.sent_at):
            return Shown(self.sent_quantity, None, self.sent_at, is_sent=True)
        return Shown(self.remote_quantity, None, self.read_at)

    @property
    def differs(self) -> bool:
        """Return whether the store showed another quantity than was sent, when the sent one had time to show."""
        if self.sent_at is None or self.read_at is None:
            return False
        if self.read_at < self.sent_at + timedelta(seconds=self.connection.spec.shown_after):
            return False
        return self.remote_quantity is not None and self.remote_quantity != self.sent_quantity


class SkuAlias(models.Model):
    """A SKU that is mapped to a variant, in one store or (`connection` None) in all stores (R-CAT-04, R-ORD-07)."""

    connection = models.ForeignKey(
        Connection,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("store"),
    )
    sku = models.CharField(_("SKU in store"), max_length=255)
    sku_key = models.CharField(_("SKU for comparison"), max_length=255, editable=False)
    variant = models.ForeignKey(
        Variant, on_delete=models.CASCADE, related_name="aliases", verbose_name=_("variant")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

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
