"""Which supplier a SKU is bought from."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from inventory.models import Supplier, SupplierSku
from oms.kit.authors import audit
from oms.kit.authors.actors import Author


def set_supplier(variant_ids: Collection[int], supplier: Supplier, *, by: Author) -> int:
    """Make this the supplier of these SKUs, whoever it was before; return how many changed."""
    with transaction.atomic():
        same = set(
            SupplierSku.objects.filter(variant__in=variant_ids, supplier=supplier).values_list(
                "variant", flat=True
            )
        )
        changed = sorted(set(variant_ids) - same)
        SupplierSku.objects.bulk_create(
            [SupplierSku(variant_id=pk, supplier=supplier) for pk in changed],
            update_conflicts=True,
            unique_fields=["variant"],
            update_fields=["supplier"],
        )
        if changed:
            audit.record("supplier.skus", supplier, {"SKUs": ("", len(changed))}, by=by)
    return len(changed)


def note_suppliers(variant_ids: Collection[int], supplier: Supplier) -> None:
    """Make this the supplier of those of these SKUs that have none: a delivery of it names them."""
    SupplierSku.objects.bulk_create(
        [SupplierSku(variant_id=pk, supplier=supplier) for pk in sorted(variant_ids)], ignore_conflicts=True
    )
