# long because: an order and the rows that live and end with it are read together.
"""Orders and what belongs to them: lines, allocations, holds, events, notes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from channels.contract.personal import REMOVED
from channels.contract.records.orders import RemoteState
from channels.models import Connection
from inventory.models import StockItem, Warehouse
from orders.choices import (
    CANCELLED_STATUSES,
    OPEN_STATUSES,
    TO_SHIP_STATUSES,
    Actor,
    AllocationState,
    CancelParty,
    OrderPriority,
    OrderStatus,
    PaymentStatus,
)
from orders.models.carrier import Carrier
from orders.models.querysets import OrderQuerySet

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def money_field(label: StrOrPromise) -> models.DecimalField[Decimal | str | int, Decimal]:
    """Return a column for an amount of money, with four decimals."""
    return models.DecimalField(label, max_digits=18, decimal_places=4, default=0)


class Order(models.Model):
    """One sale. Amounts are the channel's own and are never recalculated; times are UTC."""

    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="orders", verbose_name=_("store"), db_index=False
    )
    external_id = models.CharField(_("channel ID"), max_length=255)
    number = models.CharField(_("number"), max_length=60)
    status = models.CharField(
        _("status"), max_length=26, choices=OrderStatus.choices, default=OrderStatus.NEW
    )

    # Columns that the channel owns; only an import writes them.
    remote_state = models.CharField(max_length=12, choices=[(str(s), str(s)) for s in RemoteState])
    remote_status_id = models.CharField(max_length=60, blank=True)
    remote_status_name = models.CharField(_("channel status"), max_length=120, blank=True)
    remote_changed_at = models.DateTimeField(_("changed on the channel"))
    remote_hash = models.CharField(max_length=32)
    read_at = models.DateTimeField(_("imported"), default=timezone.now)
    url = models.CharField(max_length=500, blank=True)
    placed_at = models.DateTimeField(_("placed"))
    ship_by_at = models.DateTimeField(_("ship by"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    items_total = money_field(_("items"))
    shipping_total = money_field(_("shipping"))
    tax_total = money_field(_("tax"))
    discount_total = money_field(_("discount"))
    total = money_field(_("total"))
    refunded_total = models.DecimalField(
        _("refunded"),
        max_digits=18,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("Refunded so far. Empty: the channel does not say."),
    )
    paid_total = models.DecimalField(
        _("paid so far"),
        max_digits=18,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("Empty: the channel does not say."),
    )
    prices_include_tax = models.BooleanField(default=False)
    customer_name = models.CharField(_("buyer"), max_length=200, blank=True)
    customer_email = models.CharField(_("e-mail"), max_length=254, blank=True)
    customer_phone = models.CharField(_("phone"), max_length=60, blank=True)
    ship_to = models.JSONField(_("ship to"), default=dict, blank=True)
    bill_to = models.JSONField(_("bill to"), default=dict, blank=True)
    is_address_withheld = models.BooleanField(
        default=False, help_text=_("The channel has the address but does not send it.")
    )
    country = models.CharField(_("country"), max_length=2, blank=True)
    storefront = models.CharField(_("web shop"), max_length=120, blank=True)
    payment_method = models.CharField(_("payment"), max_length=200, blank=True)
    shipping_method = models.CharField(_("shipping method"), max_length=200, blank=True)
    buyer_note = models.TextField(_("buyer's note"), blank=True)
    gift_message = models.TextField(_("gift message"), blank=True)
    import_notes = models.TextField(
        _("not imported"), blank=True, help_text=_("Values of the last import that could not be used.")
    )

    corrected = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Columns that staff corrected, with a hash of what the channel had then."),
    )

    # Facts.
    is_history = models.BooleanField(default=False, help_text=_("Shipped or ended before its first import."))
    stock_deducted = models.BooleanField(
        default=True,
        help_text=_("The channel had deducted its units from its own figure at the last import."),
    )
    needs_approval = models.BooleanField(default=False)
    approved_at = models.DateTimeField(null=True, blank=True)
    is_paid = models.BooleanField(
        _("paid"), default=True, help_text=_("Off: the order waits for its payment before it is released.")
    )
    payment_state = models.CharField(
        _("payment status"), max_length=11, choices=PaymentStatus.choices, default=PaymentStatus.UNKNOWN
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    hold_stock_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Unpaid: stock is allocated until then.")
    )
    carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("chosen carrier"),
        help_text=_("Used for its shipments in place of the default carrier of the store."),
    )
    service = models.CharField(
        _("carrier service"), max_length=120, blank=True, help_text=_("Used for its shipments.")
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        choices=OrderPriority.choices,
        default=OrderPriority.NORMAL,
        help_text=_("Orders with a higher priority get stock first."),
    )
    tags = models.CharField(
        _("tags"), max_length=200, blank=True, help_text=_("Each between two bars: “|gift|urgent|”.")
    )
    warehouse = models.ForeignKey(
        Warehouse,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("chosen warehouse"),
        help_text=_("Asked first when stock is allocated."),
        db_index=False,
    )
    warehouse_reason = models.CharField(_("why this warehouse"), max_length=200, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    is_part_released = models.BooleanField(
        default=False,
        help_text=_("The available part was released before the rest arrived; the rest is shipped later."),
    )
    cancel_asked_by = models.CharField(max_length=6, choices=CancelParty.choices, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(_("cancel reason"), max_length=200, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    dispatch_to_do = models.BooleanField(
        _("tracking to enter on the channel"),
        default=False,
        help_text=_(
            "The channel accepts no tracking numbers from Manifold. A person enters them on the channel."
        ),
    )
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivery_to_do = models.BooleanField(
        _("delivery to enter on the channel"),
        default=False,
        help_text=_("Manifold cannot send the delivery. A person enters it on the channel."),
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)

    # Computed from the facts by `orders.unit_of_work.unit_of_work`, checked by `manage.py doctor`.
    allocation = models.CharField(max_length=4, choices=AllocationState.choices, default=AllocationState.NONE)
    holds_open = models.PositiveSmallIntegerField(default=0)
    problems_open = models.PositiveSmallIntegerField(default=0)
    units = models.PositiveIntegerField(_("units"), default=0)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-placed_at", "-id")
        permissions = (
            ("work_order", _("Can release, hold, approve and cancel orders")),
            ("ship_order", _("Can pack, make ready and hand over shipments")),
            ("export_order", _("Can export orders and their lines to a file")),
            ("erase_buyer", _("Can export and erase the personal data of a buyer")),
            ("decide_return", _("Can request, approve and refuse returns")),
            ("receive_return", _("Can receive and grade returned goods")),
            ("enter_order", _("Can enter orders by hand")),
        )
        constraints = (
            models.UniqueConstraint(fields=["connection", "external_id"], name="order_once"),
            models.CheckConstraint(
                condition=Q(cancelled_at=None) | ~Q(cancel_asked_by=""), name="order_cancel_has_party"
            ),
        )
        indexes = (
            models.Index(fields=["-placed_at", "-id"], name="order_recent"),
            models.Index(fields=["status", "-placed_at", "-id"], name="order_status"),
            # The tab Cancelled has four statuses: their orders in one order.
            models.Index(
                fields=["-placed_at", "-id"],
                name="order_cancelled",
                condition=Q(status__in=CANCELLED_STATUSES),
            ),
            # Whose personal data is not removed yet (`orders.ops.retention`).
            models.Index(fields=["placed_at"], name="order_personal", condition=~Q(customer_name=REMOVED)),
            models.Index(
                fields=["status", "ship_by_at", "id"],
                name="order_open",
                condition=Q(status__in=OPEN_STATUSES),
            ),
            models.Index(
                fields=["ship_by_at", "id"], name="order_ship_by", condition=Q(status__in=OPEN_STATUSES)
            ),
            # Each of these sorts a column of the order list; the key makes the pages.
            models.Index(fields=["total", "id"], name="order_total"),
            models.Index(fields=["number", "id"], name="order_number_sorted"),
            models.Index(fields=["country", "-placed_at", "-id"], name="order_country"),
            models.Index(fields=["connection", "-placed_at"], name="order_store"),
            # The reports look for what was imported since they looked last.
            models.Index(fields=["read_at"], name="order_read"),
            # By bytes, so that PostgreSQL finds the beginning of a text whatever its collation.
            models.Index(fields=["number"], name="order_number", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["customer_email"], name="order_email", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["-id"], name="order_problem", condition=Q(problems_open__gt=0)),
            models.Index(fields=["id"], name="order_held", condition=Q(holds_open__gt=0)),
            models.Index(fields=["-id"], name="order_tagged", condition=~Q(tags="")),
            models.Index(fields=["-id"], name="order_delivery_to_do", condition=Q(delivery_to_do=True)),
            models.Index(fields=["-id"], name="order_dispatch_to_do", condition=Q(dispatch_to_do=True)),
        )

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def tag_names(self) -> list[str]:
        """The tags of the order, in the sequence in which it got them."""
        return [tag for tag in self.tags.split("|") if tag]

    @property
    def can_be_late(self) -> bool:
        """Whether the order may be shipped and is not: `orders.domain.ship_by.may_be_shipped` for one row."""
        return self.status in TO_SHIP_STATUSES and not self.holds_open


class NativeOrder(models.Model):
    """The channel's document of an order, compressed, as it was imported last."""

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.CASCADE, related_name="native")
    document = models.BinaryField(help_text=_("zlib-compressed JSON"))
    read_at = models.DateTimeField(default=timezone.now)
    redacted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Document of order {self.order_id}"


class OrderLine(models.Model):
    """One line of an order. `allocated`, `shipped` and `cancelled` are the sums of their rows, together at most `quantity`.

    A line of a kit has the money and takes no stock (`needs_stock` is off); the lines of its components have it as their
    `parent`, no money, and take the stock. The units that such a line was sold with are `kit_units` for each kit; 0: the
    component does not belong to what is sold any more. `orders.domain.kits` keeps them together.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    external_id = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="components",
        db_index=False,
        verbose_name=_("line of the kit"),
    )
    kit_units = models.PositiveIntegerField(_("units in one kit"), default=0)
    variant = models.ForeignKey(
        Variant, null=True, blank=True, on_delete=models.PROTECT, related_name="order_lines"
    )
    variant_external_id = models.CharField(max_length=255, blank=True)
    sku = models.CharField(_("channel SKU"), max_length=255, blank=True)
    title = models.CharField(_("title"), max_length=300)
    options = models.JSONField(default=dict, blank=True)
    personalisation = models.TextField(blank=True)
    needs_stock = models.BooleanField(default=True)
    needs_parcel = models.BooleanField(
        default=True,
        help_text=_("Off: it is not shipped (a download, a ticket). It may take stock all the same."),
    )
    is_counted = models.BooleanField(
        default=True, help_text=_("Off: the stock of its SKU is not tracked, so none is allocated.")
    )
    quantity = models.PositiveIntegerField(_("ordered"))
    allocated = models.PositiveIntegerField(_("allocated"), default=0)
    shipped = models.PositiveIntegerField(_("shipped"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    cancelled_with_order = models.PositiveIntegerField(
        default=0,
        help_text=_("Those of the cancelled units that were cancelled because the whole order was."),
    )
    dropped = models.PositiveIntegerField(
        default=0,
        help_text=_("Those of the cancelled units that staff cancelled; the channel still lists them."),
    )
    refunded = models.PositiveIntegerField(
        _("refunded"), default=0, help_text=_("Units that the channel has refunded, where it says so.")
    )
    returned = models.PositiveIntegerField(
        _("returned"), default=0, help_text=_("Units that came back with a return.")
    )
    is_added = models.BooleanField(
        default=False, help_text=_("Staff added the line; the channel does not list it.")
    )
    is_substituted = models.BooleanField(
        default=False,
        help_text=_("Staff chose another SKU than was sold; the channel deducted the other one."),
    )
    unit_price = money_field(_("price"))
    discount = money_field(_("discount"))
    tax = money_field(_("tax"))
    total = money_field(_("total"))

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ("order", "position", "id")
        constraints = (
            models.UniqueConstraint(fields=["order", "external_id"], name="line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("allocated") + F("shipped") + F("cancelled")),
                name="line_counters",
            ),
            models.CheckConstraint(condition=Q(returned__lte=F("shipped")), name="line_returned_was_shipped"),
        )
        indexes = (
            models.Index(fields=["parent"], name="line_of_kit", condition=Q(parent__isnull=False)),
            models.Index(
                fields=["variant"],
                name="line_waiting",
                condition=Q(needs_stock=True, quantity__gt=F("allocated") + F("shipped") + F("cancelled")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku or self.title}"

    @property
    def is_component(self) -> bool:
        """Whether the line is a component of a kit: the channel and the bill do not know it."""
        return self.parent_id is not None or self._state.fields_cache.get("parent") is not None

    @property
    def missing(self) -> int:
        """Units that are neither allocated, shipped nor cancelled; 0 where no stock is needed or it is not tracked."""
        if not (self.needs_stock and self.is_counted):
            return 0
        return self.quantity - self.allocated - self.shipped - self.cancelled


class Allocation(models.Model):
    """Units of a stock item that are allocated to a line, until they are shipped (consumed) or released."""

    class State(models.TextChoices):
        """How an allocation ended, or that it has not."""

        OPEN = "open", _("Allocated")
        CONSUMED = "consumed", _("Shipped")
        RELEASED = "released", _("Released")

    line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="allocations", db_index=False)
    stock_item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="allocations")
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = (models.CheckConstraint(condition=Q(quantity__gt=0), name="allocation_positive"),)
        indexes = (
            models.Index(fields=["stock_item", "id"], name="allocation_open", condition=Q(state="open")),
            models.Index(fields=["line"], name="allocation_line"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} ({self.state})"


class Hold(models.Model):
    """A person's wish that an order waits. Its stock remains allocated."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    reason = models.CharField(_("reason"), max_length=200)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    placed_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.reason


class OrderEvent(models.Model):
    """One entry of the timeline of an order, and who caused it. Every change of status has one."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=30)
    text = models.CharField(_("event"), max_length=300)
    actor = models.CharField(max_length=8, choices=Actor.choices, default=Actor.SYSTEM)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_name = models.CharField(
        max_length=60, blank=True, help_text=_("The API key or the warehouse system that caused it.")
    )
    from_status = models.CharField(max_length=26, choices=OrderStatus.choices, blank=True)
    to_status = models.CharField(max_length=26, choices=OrderStatus.choices, blank=True)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("order", "id")
        indexes = (models.Index(fields=["order", "id"], name="event_order"),)

    def __str__(self) -> str:
        return self.text


class Note(models.Model):
    """An internal note about an order; the channel is not sent it."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(_("note"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.text[:80]
