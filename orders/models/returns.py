"""Returns: goods that come back, with the order that they were shipped for or without one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from channels.models import Connection
from inventory.models import Warehouse
from orders.choices import ReturnOrigin, ReturnReason, ReturnState
from orders.models.order import Order, OrderLine, money_field


class Return(models.Model):
    """Goods that a buyer sends back. `orders.services.returns` moves it; no money is moved (R-PLUS-10).

    `refunded_before` is what the channel had refunded of the order when the return was requested, `refund_noted` what
    it reported as refunded between then and the end of the return. None: the channel does not say.
    """

    number = models.CharField(_("number"), max_length=30, unique=True)
    order = models.ForeignKey(
        Order,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="returns",
        verbose_name=_("order"),
    )
    connection = models.ForeignKey(
        Connection,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="returns",
        verbose_name=_("store"),
    )
    state = models.CharField(
        _("status"), max_length=9, choices=ReturnState.choices, default=ReturnState.REQUESTED
    )
    origin = models.CharField(
        _("requested by"), max_length=11, choices=ReturnOrigin.choices, default=ReturnOrigin.STAFF
    )
    reason = models.CharField(_("reason"), max_length=12, choices=ReturnReason.choices)
    note = models.TextField(_("note"), blank=True)
    refusal = models.CharField(_("reason of the refusal"), max_length=200, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=120, blank=True)
    warehouse = models.ForeignKey(
        Warehouse,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="returns",
        verbose_name=_("warehouse"),
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    refunded_before = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    refund_noted = models.DecimalField(_("refunded"), max_digits=18, decimal_places=4, null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(state=ReturnState.REFUSED) | ~Q(refusal=""), name="return_refused_has_reason"
            ),
        )
        indexes = (
            models.Index(fields=["state", "-id"], name="return_state"),
            models.Index(fields=["requested_at", "reason"], name="return_reasons"),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def is_open(self) -> bool:
        """Whether goods of it are still expected."""
        return self.state in (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.RECEIVED)


class ReturnLine(models.Model):
    """Units of one SKU in a return, and how they were graded: together at most `quantity`.

    `usable` units went to the stock on hand, `unusable` ones to the unusable stock, `written_off` ones to neither;
    `missing` ones did not come. `amount` is the part of the order line's total for the units that came back.
    """

    of = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(
        OrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="return_lines"
    )
    variant = models.ForeignKey(
        Variant, null=True, blank=True, on_delete=models.PROTECT, related_name="return_lines"
    )
    sku = models.CharField(_("SKU"), max_length=255, blank=True)
    title = models.CharField(_("title"), max_length=300)
    quantity = models.PositiveIntegerField(_("units"))
    usable = models.PositiveIntegerField(_("usable"), default=0)
    unusable = models.PositiveIntegerField(_("unusable"), default=0)
    written_off = models.PositiveIntegerField(_("written off"), default=0)
    missing = models.PositiveIntegerField(_("missing"), default=0)
    amount = money_field(_("value"))

    class Meta:
        verbose_name = _("returned line")
        verbose_name_plural = _("returned lines")
        ordering = ("of", "id")
        constraints = (
            models.UniqueConstraint(fields=["of", "line"], name="return_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_line_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("usable") + F("unusable") + F("written_off") + F("missing")),
                name="return_line_counters",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku or self.title}"

    @property
    def came_back(self) -> int:
        """Units that came back, in whatever condition."""
        return self.usable + self.unusable + self.written_off

    @property
    def expected(self) -> int:
        """Units that are neither graded nor missing."""
        return self.quantity - self.came_back - self.missing
