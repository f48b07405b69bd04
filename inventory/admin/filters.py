"""Filters that several lists of stock have."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from oms.kit.admin.filters import RowFilter


class WarehouseFilter(RowFilter):
    """Rows of one warehouse; a subclass names the `field` that leads to it."""

    title, parameter_name = _("warehouse"), "warehouse"
    all_words = _("All warehouses")

    def rows(self) -> QuerySet[Warehouse]:
        return Warehouse.objects.all()
