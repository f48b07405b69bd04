"""Invariants of the catalogue, checked in the data (`manage.py doctor`)."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, SkuAlias, Variant, sku_key
from oms.kit import doctor
from oms.kit.doctor import Finding

SHOWN = 5


def _found(wrong: list[str], what: str) -> Finding:
    return Finding(not wrong, f"{what}: {', '.join(wrong[:SHOWN])}" if wrong else "")


def skus_have_their_key() -> Finding:
    """The key by which a SKU is unique is made of the SKU as it is written."""
    wrong = []
    for rows in (
        Variant.objects.order_by("pk").values_list("sku", "sku_key"),
        ListingVariant.objects.order_by("pk").values_list("external_sku", "sku_key"),
        SkuAlias.objects.order_by("pk").values_list("sku", "sku_key"),
    ):
        wrong += [f"{sku} ({key})" for sku, key in rows.iterator() if sku_key(sku) != key]
    return _found(wrong, _("the key of a SKU is not its own"))


def listed_skus_stay_in_their_store() -> Finding:
    """A listed SKU belongs to the store of its listing."""
    wrong = ListingVariant.objects.exclude(connection=F("listing__connection")).order_by("pk")
    return _found(
        [f"{row}" for row in wrong.select_related("connection")[:SHOWN]],
        _("listed under another store than its listing"),
    )


def register_checks() -> None:
    doctor.register("skus_have_their_key", skus_have_their_key)
    doctor.register("listed_skus_in_their_store", listed_skus_stay_in_their_store)
