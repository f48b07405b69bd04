"""Checks of the catalogue's data, run by `manage.py doctor`."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from catalogue.models import KitComponent, ListingVariant, SkuAlias, Variant, sku_key
from catalogue.pictures import copies
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


def kits_have_components() -> Finding:
    """Find kits without components, SKUs with components that are not marked as kits, and kits inside kits."""
    parts = Exists(KitComponent.objects.filter(kit=OuterRef("pk")))
    inside = Exists(KitComponent.objects.filter(component=OuterRef("pk")))
    wrong = Variant.objects.filter(Q(parts, is_kit=False) | Q(~parts, is_kit=True) | Q(inside, is_kit=True))
    return _found(
        [f"{row}" for row in wrong.order_by("pk")[:SHOWN]],
        _("a kit has no components, or is in another kit"),
    )


def pictures_are_copied() -> Finding:
    """Say how many pictures have no small copy yet, and how many cannot have one; neither stops any work."""
    waiting, bad = copies.missing()
    if not waiting and not bad:
        return Finding(True)
    return Finding(
        True,
        _(
            "Pictures without a small copy: %(waiting)s are still to be made, %(bad)s cannot be made. "
            "`manage.py doctor --pictures` lists these."
        )
        % {"waiting": f"{waiting:,}", "bad": f"{len(bad):,}"},
    )


def bad_pictures() -> list[str]:
    """Return one line for each picture without a copy: its address, why, when it is tried again."""
    _waiting, bad = copies.missing()
    return [f"{row.address}\t{row.reason}\t{row.due_at:%Y-%m-%d %H:%M}" for row in bad]


def register_checks() -> None:
    """Register the checks of this module."""
    doctor.register("pictures_are_copied", pictures_are_copied)
    doctor.register_list("pictures", bad_pictures, _("list the pictures that have no small copy, and why"))
    doctor.register("kits_have_components", kits_have_components)
    doctor.register("skus_have_their_key", skus_have_their_key)
    doctor.register("listed_skus_in_their_store", listed_skus_stay_in_their_store)
