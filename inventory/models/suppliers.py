"""Suppliers, what each supplies, and how the cost of a SKU changed."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant


class Supplier(models.Model):
    """A company that the seller buys from. `lead_days`: from the order to the delivery; `cover_days`: what one order lasts."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    email = models.EmailField(_("mail address"), blank=True)
    lead_days = models.PositiveSmallIntegerField(
        _("lead time (days)"),
        default=14,
        validators=(MaxValueValidator(730),),
        help_text=_("From the order to the delivery."),
    )
    cover_days = models.PositiveSmallIntegerField(
        _("order for (days)"),
        default=30,
        validators=(MinValueValidator(1), MaxValueValidator(730)),
        help_text=_("How long the units of one order shall last after they have come."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("supplier")
        verbose_name_plural = _("suppliers")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class SupplierSku(models.Model):
    """The supplier of a SKU, and the SKU's name there. A SKU has at most one."""

    variant = models.OneToOneField(
        Variant, primary_key=True, on_delete=models.CASCADE, related_name="supplied"
    )
    supplier = models.ForeignKey(
        Supplier, on_delete=models.PROTECT, related_name="skus", verbose_name=_("supplier")
    )
    code = models.CharField(_("number at the supplier"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("SKU of a supplier")
        verbose_name_plural = _("SKUs of suppliers")

    def __str__(self) -> str:
        return f"{self.variant} · {self.supplier}"


class CostChange(models.Model):
    """The average cost of a SKU before and after a receipt. `before` None: it had no cost."""

    variant = models.ForeignKey(
        Variant, on_delete=models.CASCADE, related_name="cost_changes", db_index=False
    )
    before = models.DecimalField(_("before"), max_digits=18, decimal_places=4, null=True, blank=True)
    after = models.DecimalField(_("after"), max_digits=18, decimal_places=4)
    reference_kind = models.CharField(max_length=30, blank=True)
    reference_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("change of a cost")
        verbose_name_plural = _("changes of costs")
        ordering = ("-id",)
        constraints = (models.CheckConstraint(condition=Q(after__gte=0), name="cost_not_negative"),)
        indexes = (models.Index(fields=["variant", "at"], name="cost_of_variant"),)

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"
