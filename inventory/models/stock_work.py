"""Documents of stock work: expected deliveries, counts, and transfers between warehouses.

Each has lines, a status, an author and a number. The stock itself is changed by `inventory.stock_changes` only; the
movements name the document as their reference ("delivery", "stock_count", "transfer").
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from inventory.models.suppliers import Supplier
from inventory.models.warehouse import Warehouse


class StockDocument(models.Model):
    """What the three have in common. `number` is made of the key: D12, C12, T12."""

    letter = ""

    note = models.TextField(_("note"), blank=True, max_length=2000)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    actor = models.CharField(_("by"), max_length=60, default="system")
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The number that people use."""
        return f"{self.letter}{self.pk}"


class Delivery(StockDocument):
    """Goods that a supplier sends. `inventory.services.stock_work.deliveries` changes it."""

    letter = "D"

    class State(models.TextChoices):
        """Whether goods of it are still expected."""

        EXPECTED = "expected", _("Expected")
        PART = "part", _("Partly received")
        CLOSED = "closed", _("Received")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (State.EXPECTED, State.PART)

    supplier = models.ForeignKey(
        Supplier, on_delete=models.PROTECT, related_name="deliveries", verbose_name=_("supplier")
    )
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="deliveries", verbose_name=_("warehouse")
    )
    reference = models.CharField(_("reference"), max_length=120, blank=True)
    expected_on = models.DateField(_("expected on"), null=True, blank=True)
    state = models.CharField(_("status"), max_length=9, choices=State.choices, default=State.EXPECTED)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ("-id",)
        indexes = (models.Index(fields=["state", "-id"], name="delivery_state"),)

    @property
    def is_open(self) -> bool:
        """Whether goods can be received."""
        return self.state in self.OPEN


class DeliveryLine(models.Model):
    """Units of a SKU in a delivery. `cost` is that of one unit, in the currency of the SKU; None: the delivery says none.

    `received` may be more than `quantity` (over) or, when the delivery is closed, less (short).
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="lines", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", verbose_name=_("SKU"))
    quantity = models.PositiveIntegerField(_("expected"), default=0)
    received = models.PositiveIntegerField(_("received"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=4, null=True, blank=True)

    class Meta:
        verbose_name = _("line of a delivery")
        verbose_name_plural = _("lines of deliveries")
        constraints = (
            models.UniqueConstraint(fields=["delivery", "variant"], name="delivery_sku_once"),
            models.CheckConstraint(
                condition=Q(cost=None) | Q(cost__gte=0), name="delivery_cost_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.received} / {self.quantity}"

    @property
    def open_units(self) -> int:
        """Units that are expected and have not come."""
        return max(self.quantity - self.received, 0)

    @property
    def over(self) -> int:
        """Units that came and were not expected."""
        return max(self.received - self.quantity, 0)


class StockCount(StockDocument):
    """A count of SKUs in one warehouse. `is_blind`: the sheet does not show the units on hand to whoever counts."""

    letter = "C"

    class State(models.TextChoices):
        """What comes next."""

        OPEN = "open", _("Being counted")
        COUNTED = "counted", _("Waits for approval")
        APPROVED = "approved", _("Approved")
        CANCELLED = "cancelled", _("Cancelled")

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="counts", verbose_name=_("warehouse")
    )
    scope = models.CharField(_("SKUs"), max_length=120)
    is_blind = models.BooleanField(_("blind"), default=False)
    state = models.CharField(_("status"), max_length=9, choices=State.choices, default=State.OPEN)
    approved_by = models.CharField(_("approved by"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("stock count")
        verbose_name_plural = _("stock counts")
        ordering = ("-id",)
        permissions = (("approve_stockcount", "Can approve stock counts"),)
        indexes = (models.Index(fields=["state", "-id"], name="count_state"),)

    @property
    def is_open(self) -> bool:
        """Whether it can be changed."""
        return self.state in (self.State.OPEN, self.State.COUNTED)


class StockCountLine(models.Model):
    """One SKU of a count. `on_hand` are the units that Manifold had at the moment of counting (`counted_at`).

    The difference is `counted - on_hand`, whatever has moved since. `counted` None: not counted, and left as it is.
    """

    of = models.ForeignKey(StockCount, on_delete=models.CASCADE, related_name="lines", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", verbose_name=_("SKU"))
    counted = models.PositiveIntegerField(_("counted"), null=True, blank=True)
    on_hand = models.IntegerField(_("on hand"), null=True, blank=True)
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    counted_by = models.CharField(_("counted by"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("line of a stock count")
        verbose_name_plural = _("lines of stock counts")
        constraints = (
            models.UniqueConstraint(fields=["of", "variant"], name="count_sku_once"),
            models.CheckConstraint(
                condition=Q(counted=None) | Q(on_hand__isnull=False, counted_at__isnull=False),
                name="count_knows_on_hand",
            ),
        )

    def __str__(self) -> str:
        return f"{self.counted}"

    @property
    def difference(self) -> int | None:
        """Units counted beyond those on hand then; None when it is not counted."""
        return None if self.counted is None else self.counted - (self.on_hand or 0)


class Transfer(StockDocument):
    """Units that go from one warehouse to another. Between *shipped* and *received* they are in transit: in no warehouse."""

    letter = "T"

    class State(models.TextChoices):
        """Where the units are."""

        DRAFT = "draft", _("Draft")
        IN_TRANSIT = "transit", _("In transit")
        CLOSED = "closed", _("Received")
        CANCELLED = "cancelled", _("Cancelled")

    source = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="transfers_out", verbose_name=_("from")
    )
    destination = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="transfers_in", verbose_name=_("to")
    )
    state = models.CharField(_("status"), max_length=9, choices=State.choices, default=State.DRAFT)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(source=F("destination")), name="transfer_between_two_warehouses"
            ),
        )
        indexes = (models.Index(fields=["state", "-id"], name="transfer_state"),)

    @property
    def is_open(self) -> bool:
        """Whether it can be changed."""
        return self.state in (self.State.DRAFT, self.State.IN_TRANSIT)


class TransferLine(models.Model):
    """Units of a SKU in a transfer. Of those shipped, some were `received`, some are `lost`, the rest is in transit."""

    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="lines", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", verbose_name=_("SKU"))
    quantity = models.PositiveIntegerField(_("units"))
    received = models.PositiveIntegerField(_("received"), default=0)
    lost = models.PositiveIntegerField(_("lost"), default=0)

    class Meta:
        verbose_name = _("line of a transfer")
        verbose_name_plural = _("lines of transfers")
        constraints = (
            models.UniqueConstraint(fields=["transfer", "variant"], name="transfer_sku_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("received") + F("lost"), quantity__gt=0),
                name="transfer_units_add_up",
            ),
        )

    def __str__(self) -> str:
        return f"{self.received} / {self.quantity}"

    @property
    def open_units(self) -> int:
        """Units that were neither received nor lost."""
        return self.quantity - self.received - self.lost
