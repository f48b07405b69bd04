"""Checks of the catalogue's data, run by `manage.py doctor`."""

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
    """Find SKUs whose `sku_key` does not match their spelling."""
    wrong = []
    for rows in (
        Variant.objects.order_by("pk").values_list("sku", "sku_key"),
        ListingVariant.objects.order_by("pk").values_list("external_sku", "sku_key"),
        SkuAlias.objects.order_by("pk").values_list("sku", "sku_key"),
    ):
        wrong += [f"{sku} ({key})" for sku, key in rows.iterator() if sku_key(sku) != key]
    return _found(wrong, _("key does not match the SKU"))


def listed_skus_stay_in_their_store() -> Finding:
    """Find listed SKUs that are of another store than their listing."""
    wrong = ListingVariant.objects.exclude(connection=F("listing__connection")).order_by("pk")
    return _found(
        [f"{row}" for row in wrong.select_related("connection")[:SHOWN]],
        _("SKU is of another store than its listing"),
    )


def register_checks() -> None:
    """Register the checks of this module."""
    doctor.register("skus_have_their_key", skus_have_their_key)
    doctor.register("listed_skus_in_their_store", listed_skus_stay_in_their_store)
