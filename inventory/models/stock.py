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
    """The stock of a variant in a warehouse. `on_hand` are the usable units; `available = on_hand - allocated`.

    Only `inventory.stock_changes.apply` changes it, under a row lock. The database itself checks that never more is
    allocated than is on hand (R-INV-04).
    """

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="stock_items", db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="stock_items", db_index=False
    )
    on_hand = models.IntegerField(_("on hand"), default=0)
    allocated = models.IntegerField(_("allocated"), default=0)
    unusable = models.PositiveIntegerField(_("unusable"), default=0)
    bin_code = models.CharField(
        _("bin"),
        max_length=60,
        blank=True,
        help_text=_("Where the SKU is in the warehouse. Pick lists are sorted by it."),
    )
    updated_at = models.DateTimeField(auto_now=True)

    #: Only of stock items that were read with `noting_differences`.
    has_difference: bool
    merged_into: str | None
    #: Of stock items that were read with `locked`: whether the variant is a kit, which can get no units, or in one.
    of_kit: bool
    in_kit: bool

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
        """Units on hand that are not allocated."""
        return self.on_hand - self.allocated


class StockMovement(models.Model):
    """One row of the stock history: how `on_hand` changed and why. Rows are never edited or deleted; their sum is `on_hand`."""

    class Kind(models.TextChoices):
        """What caused the change."""

        OPENING = "opening", _("Opening stock")
        RECEIPT = "receipt", _("Receipt")
        SHIPMENT = "shipment", _("Shipment")
        ADJUSTMENT = "adjustment", _("Adjustment")
        COUNT = "count", _("Count")
        RETURN = "return", _("Return")
        TRANSFER = "transfer", _("Transfer")
        IMPORT = "import", _("Import")
        UNUSABLE = "unusable", _("Unusable")

    stock_item = models.ForeignKey(
        StockItem, on_delete=models.PROTECT, related_name="movements", db_index=False
    )
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
        _("by"), max_length=60, default="system", help_text=_("A person, a channel or the system.")
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
            # What was shipped lately, and what has changed since a date.
            models.Index(fields=["at"], name="movement_at"),
        )

    def __str__(self) -> str:
        return f"{self.quantity:+d} {self.reason}"


class OpeningStock(models.Model):
    """Which store the first stock of a SKU was taken from (docs/adr/0003-opening-stock.md); one row per SKU, also for 0.

    `quantity` was imported between `read_from` and `read_at`, with its sign. Units of open orders that the channel had
    deducted by then are added when the orders are imported (R-INV-06). While the figure is below zero they raise it to
    zero first: `absorbed` has these units by the id of their order line.
    """

    variant = models.OneToOneField(
        Variant, primary_key=True, on_delete=models.CASCADE, related_name="opening_stock"
    )
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(_("quantity in the store"))
    absorbed = models.JSONField(default=dict, blank=True)
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

    @property
    def below_zero(self) -> int:
        """Units of orders that still have to be counted before the first one is on hand."""
        absorbed: dict[str, int] = self.absorbed
        return max(-self.quantity - sum(absorbed.values()), 0)


class StockPolicy(models.Model):
    """The limits on what a store is offered: for the whole store, or for one of its listed SKUs.

    `buffer` units are never offered. Of the rest, `percentage` is offered, at most `cap` units. None means the store's
    limit, or no limit. Limits lower only what is offered; an order that was imported can use all units (R-INV-04).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stock_policies")
    listing_variant = models.OneToOneField(
        ListingVariant, null=True, blank=True, on_delete=models.CASCADE, related_name="stock_policy"
    )
    buffer = models.PositiveIntegerField(_("buffer (units)"), null=True, blank=True)
    cap = models.PositiveIntegerField(_("offer at most (units)"), null=True, blank=True)
    percentage = models.PositiveSmallIntegerField(_("percentage offered"), null=True, blank=True)
    is_holiday = models.BooleanField(
        _("holiday mode"), default=False, help_text=_("The store is offered 0 of all SKUs.")
    )
    is_master = models.BooleanField(
        _("Manifold is the master"),
        default=False,
        help_text=_("A quantity that was changed in the store is overwritten at once, without a difference."),
    )

    class Meta:
        verbose_name = _("stock limit")
        verbose_name_plural = _("stock limits")
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
    """A figure of a store that is not Manifold's. `taken_over`: whether the store's figure was used (R-INV-06).

    `ours` is what was available in Manifold, `theirs` what the store showed at `seen_at`. `is_tracking`: Manifold does
    not track the stock of the SKU, and the store has begun to.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stock_differences")
    listing_variant = models.OneToOneField(
        ListingVariant, on_delete=models.CASCADE, related_name="stock_difference"
    )
    ours = models.IntegerField(_("Manifold"))
    theirs = models.IntegerField(_("store"))
    seen_at = models.DateTimeField(default=timezone.now)
    is_tracking = models.BooleanField(default=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    taken_over = models.BooleanField(null=True, blank=True)

    class Meta:
        verbose_name = _("stock difference")
        verbose_name_plural = _("stock differences")
        ordering = ("connection", "id")

    def __str__(self) -> str:
        return f"{self.listing_variant}: {self.ours} / {self.theirs}"
