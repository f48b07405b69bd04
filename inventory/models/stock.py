"""Stock of a SKU in a warehouse, its movements, limits and differences."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant, Variant
from channels.models import Connection
from inventory.models.querysets import StockItemQuerySet
from inventory.models.warehouse import Warehouse


class StockItem(models.Model):
    """A variant in a warehouse. `on_hand` counts usable units; `available = on_hand - allocated`.

    Changed only by `inventory.services.adjust.adjust`, under a row lock taken in pk order. The CHECK makes overselling
    impossible whatever the code does (R-INV-04).
    """

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="stock_items")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="stock_items")
    on_hand = models.IntegerField(_("on hand"), default=0)
    allocated = models.IntegerField(_("held"), default=0)
    unusable = models.PositiveIntegerField(_("unusable"), default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects = StockItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("stock item")
        permissions = (("export_stockitem", "Can export stock"),)
        verbose_name_plural = _("stock")
        ordering = ("variant", "warehouse")
        constraints = (
            models.UniqueConstraint(fields=["variant", "warehouse"], name="stock_once"),
            models.CheckConstraint(condition=Q(allocated__gte=0), name="stock_allocated_not_negative"),
            models.CheckConstraint(condition=Q(allocated__lte=F("on_hand")), name="stock_never_sold_twice"),
        )
        indexes = (models.Index(fields=["warehouse", "variant"], name="stock_warehouse"),)

    def __str__(self) -> str:
        return f"{self.variant} in {self.warehouse}"

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


class StockMovement(models.Model):
    """One line of the ledger: why `on_hand` changed. Never edited, never deleted; the shelf is their sum."""

    class Kind(models.TextChoices):
        OPENING = "opening", _("Opening stock")
        RECEIPT = "receipt", _("Receipt")
        SHIPMENT = "shipment", _("Shipment")
        ADJUSTMENT = "adjustment", _("Adjustment")
        COUNT = "count", _("Count")
        RETURN = "return", _("Return")
        TRANSFER = "transfer", _("Transfer")
        IMPORT = "import", _("Import")

    stock_item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    quantity = models.IntegerField(_("change"))
    before = models.IntegerField(_("before"))
    after = models.IntegerField(_("after"))
    reason = models.CharField(_("reason"), max_length=200)
    reference_kind = models.CharField(max_length=30, blank=True)
    reference_id = models.BigIntegerField(null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    actor = models.CharField(
        _("by"), max_length=60, default="system", help_text=_("person, channel or system")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("movement")
        permissions = (("export_stockmovement", "Can export movements"),)
        verbose_name_plural = _("movements")
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(after=F("before") + F("quantity")), name="movement_adds_up"),
            models.CheckConstraint(condition=~Q(quantity=0), name="movement_moves"),
        )
        indexes = (
            models.Index(fields=["stock_item", "-id"], name="movement_item"),
            models.Index(fields=["reference_kind", "reference_id"], name="movement_reference"),
        )

    def __str__(self) -> str:
        return f"{self.quantity:+d} {self.reason}"


class OpeningStock(models.Model):
    """Where a SKU's first stock came from, once per SKU, also when it was nothing (docs/adr/0003-opening-stock.md).

    The channel's `quantity` was read between `read_from` and `read_at`; open orders that the channel had deducted
    by then are added to the shelf when they come in (R-INV-06).
    """

    variant = models.OneToOneField(
        Variant, primary_key=True, on_delete=models.CASCADE, related_name="opening_stock"
    )
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity there"))
    read_from = models.DateTimeField()
    read_at = models.DateTimeField()

    class Meta:
        verbose_name = _("opening stock")
        verbose_name_plural = _("opening stock")
        constraints = (
            models.CheckConstraint(condition=Q(read_from__lte=F("read_at")), name="opening_read_in_order"),
        )

    def __str__(self) -> str:
        return f"{self.variant}: {self.quantity} · {self.connection}"


class StockPolicy(models.Model):
    """How much of the available stock a store is offered: for the whole store, or for one listed SKU of it.

    `buffer` units are kept back, then `percentage` of the rest is offered, then at most `cap`. None = the
    store's value, or no limit. These only lower an offer; an order that has arrived may use all (R-INV-04).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stock_policies")
    listing_variant = models.OneToOneField(
        ListingVariant, null=True, blank=True, on_delete=models.CASCADE, related_name="stock_policy"
    )
    buffer = models.PositiveIntegerField(_("buffer"), null=True, blank=True)
    cap = models.PositiveIntegerField(_("cap"), null=True, blank=True)
    percentage = models.PositiveSmallIntegerField(_("percentage"), null=True, blank=True)
    is_holiday = models.BooleanField(
        _("holiday"), default=False, help_text=_("The store is offered 0 of everything.")
    )

    class Meta:
        verbose_name = _("stock policy")
        verbose_name_plural = _("stock policies")
        constraints = (
            models.UniqueConstraint(
                fields=["connection"], condition=Q(listing_variant=None), name="policy_one_per_store"
            ),
            models.CheckConstraint(
                condition=Q(percentage=None) | Q(percentage__gte=0, percentage__lte=100),
                name="policy_percentage",
            ),
        )

    def __str__(self) -> str:
        return f"{self.listing_variant or self.connection}"


class StockDifference(models.Model):
    """What the channel showed for a SKU that we knew already: taken over or not, a line of the report (R-INV-06)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stock_differences")
    listing_variant = models.OneToOneField(
        ListingVariant, on_delete=models.CASCADE, related_name="stock_difference"
    )
    ours = models.IntegerField(_("ours"))
    theirs = models.IntegerField(_("theirs"))
    seen_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    taken_over = models.BooleanField(null=True, blank=True)

    class Meta:
        verbose_name = _("stock difference")
        verbose_name_plural = _("stock differences")
        ordering = ("connection", "id")

    def __str__(self) -> str:
        return f"{self.listing_variant}: {self.ours} / {self.theirs}"
