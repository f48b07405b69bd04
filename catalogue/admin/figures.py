"""Prices and reorder points that are edited in a list, by the services that the product page uses."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError, VariantChanged
from catalogue.models import Variant
from catalogue.pricing import typed_amount
from catalogue.services.selling_prices import edit_price
from catalogue.services.variants import edit_variant
from oms.kit.admin.figures import Edit, Figure, FigureChanged

LABELS = {"price": _("price"), "selling_price": _("selling price"), "reorder_point": _("reorder point")}
SERVICES: dict[str, Callable[..., Variant]] = {
    "price": edit_price,
    "selling_price": edit_price,
    "reorder_point": edit_variant,
}


def typed(value: Decimal | int | None) -> str | int | None:
    """Return a figure as its input field shows it: amounts with two decimals or more."""
    return typed_amount(value) if isinstance(value, Decimal) else value


def figure_of(name: str, *, permission: str, variant_of: Callable[[Any], Variant]) -> Figure:
    """Return how the figure `name` of a SKU is edited; `variant_of(row)` is the SKU of a row.

    The service locks the SKU and compares the figure with what the person saw.
    """

    def read(row: Any) -> Any:
        return typed(getattr(variant_of(row), name))

    def write(row: Any, edit: Edit) -> None:
        try:
            SERVICES[name](variant_of(row), {name: edit.value}, was={name: edit.was})
        except VariantChanged as changed:
            raise FigureChanged(typed(changed.now)) from changed

    return Figure(
        label=LABELS[name],
        permission=permission,
        read=read,
        write=write,
        errors=(CatalogueError,),
        is_checked_by_service=True,
    )
