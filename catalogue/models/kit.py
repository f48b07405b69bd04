"""What a kit is made of."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from catalogue.models.product import Variant


class KitComponent(models.Model):
    """Units of a SKU that one kit is made of. `catalogue.services.kits` writes it, together with `Variant.is_kit`."""

    kit = models.ForeignKey(
        Variant, on_delete=models.CASCADE, related_name="components", verbose_name=_("kit"), db_index=False
    )
    component = models.ForeignKey(
        Variant, on_delete=models.PROTECT, related_name="in_kits", verbose_name=_("component")
    )
    quantity = models.PositiveIntegerField(_("units in one kit"))

    class Meta:
        verbose_name = _("component of a kit")
        verbose_name_plural = _("components of kits")
        ordering = ("kit", "id")
        constraints = (
            models.UniqueConstraint(fields=["kit", "component"], name="kit_component_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="kit_component_positive"),
            models.CheckConstraint(condition=~Q(kit=F("component")), name="kit_not_in_itself"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.component}"
