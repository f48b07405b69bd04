"""Map a SKU to a variant, or unmap it; import a product that had no SKU, or the SKU of another product."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.errors import CatalogueError
from catalogue.inbound import import_problems, products
from catalogue.models import ListingVariant, SkuAlias, Variant, sku_key
from channels.contract.spec import Stream
from channels.models import Connection, RejectedRecord
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.models import Problem


@transaction.atomic
def map_sku(connection: Connection | None, sku: str, variant: Variant, by: Author) -> SkuAlias:
    """Map a channel's SKU (of one store, or of every store: None) to this variant; orders that wait for it continue.

    A SKU that is mapped to another variant is mapped to this one instead. Raise `CatalogueError` when the SKU is empty, is
    the SKU of another variant, or is listed on the store for another variant.
    """
    key = sku_key(sku)
    if not key:
        raise CatalogueError(_("Enter a SKU."))
    own = Variant.objects.filter(sku_key=key).exclude(pk=variant.pk).first()
    if own is not None and connection is None:
        raise CatalogueError(_("“%s” is the SKU of another product. Map it for one store only.") % own.sku)
    if connection is not None:
        listed = (
            ListingVariant.objects.filter(connection=connection, sku_key=key).exclude(variant=variant).first()
        )
        if listed is not None:
            raise CatalogueError(
                _("“%(sku)s” is listed in %(store)s as %(other)s. Merge the two products instead.")
                % {"sku": sku, "store": connection.name, "other": listed.variant.sku}
            )
    before = SkuAlias.objects.filter(connection=connection, sku_key=key).values_list("variant", flat=True)
    changed = {*before, variant.pk}
    alias, _made = SkuAlias.objects.update_or_create(
        connection=connection, sku_key=key, defaults={"variant": variant, "sku": sku.strip()[:255]}
    )
    audit.record(
        "sku.mapped", variant, {"sku": (None, alias.sku)}, by=by, store=connection.pk if connection else None
    )
    search_text.refresh_after(variants=changed)
    callbacks.call_mapped(connection.pk if connection is not None else None, [key])
    return alias


@transaction.atomic
def unmap_sku(connection: Connection | None, sku: str, *, by: Author) -> None:
    """Remove the mapping of a SKU of one store, or of every store (None); nothing when it has none.

    Orders and listings that were imported with it keep their variant.
    """
    rows = SkuAlias.objects.filter(connection=connection, sku_key=sku_key(sku)).select_related("variant")
    for alias in rows:
        audit.record(
            "sku.unmapped",
            alias.variant,
            {"sku": (alias.sku, None)},
            by=by,
            store=connection.pk if connection else None,
        )
        alias.delete()
        search_text.refresh_after(variants=[alias.variant_id])


@transaction.atomic
def give_sku(*, problem: Problem, sku: str, by: Author) -> ListingVariant:
    """Import a product of a problem with this SKU; later imports use it too (R-CAT-02). Return its listed SKU.

    With a SKU that Manifold has, it becomes a listing of that product. Raise `CatalogueError` when the SKU is empty, too
    long or listed on this store already, or the problem is resolved.
    """
    row = Problem.objects.select_for_update(of=("self",)).get(pk=problem.pk)
    if row.resolved_at is not None or row.code not in {code.code for code in import_problems.CODES}:
        raise CatalogueError(_("This problem is already resolved."))
    connection = Connection.objects.get(pk=row.subject_id)
    clean = sku.strip()
    if not sku_key(clean):
        raise CatalogueError(_("Enter a SKU."))
    if len(clean) > 120 or len(sku_key(clean)) > 120:
        raise CatalogueError(_("The SKU “%s…” is longer than 120 characters.") % clean[:40])
    taken = ListingVariant.objects.filter(connection=connection, sku_key=sku_key(clean)).first()
    if taken is not None:
        raise CatalogueError(
            _("%(store)s already has the SKU “%(sku)s” (%(id)s). Enter another SKU.")
            % {"store": connection.name, "sku": clean, "id": taken.external_id}
        )
    record, digest = import_problems.unpacked(row.data["record"], clean)
    read_from, read_at = import_problems.reading(row)
    products.store_page(
        connection,
        [record],
        read_from=read_from,
        read_at=read_at,
        hashes={record.external_id: digest},
        is_part=True,
    )
    now = timezone.now()
    audit.record("sku.imported_with", connection, {"sku": (row.data.get("external_sku"), clean)}, by=by)
    Problem.objects.filter(pk=row.pk).update(
        resolved_at=now, resolution=_("imported with the SKU %s") % clean, resolved_by=by.user_id
    )
    RejectedRecord.objects.filter(
        connection=connection, stream=str(Stream.PRODUCTS), external_id=record.external_id, resolved_at=None
    ).update(resolved_at=now)
    return ListingVariant.objects.get(connection=connection, external_id=row.data["external_id"])
