"""Change one SKU; send, withdraw or archive what belongs to one product."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.errors import CatalogueError, VariantChanged
from catalogue.inbound.matching import lock_new_skus
from catalogue.models import Listing, Product, SkuAlias, Variant, sku_key
from catalogue.pricing import amount, typed_amount
from catalogue.services.details.codes import checked_barcode
from catalogue.services.details.measures import grams, millimetres, size_text
from catalogue.services.details.seen import changed_by
from catalogue.services.listings import require_capability
from catalogue.services.products import FIELDS, checked_sku
from channels.contract.spec import Capability
from channels.models import OutboxMessage
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit
from oms.kit.numbers import whole_number

#: Fields of a SKU that `edit_variant` changes. Prices: `selling_prices.set_price`; stop selling: `listings.stop_selling`.
EDITABLE = ("sku", "barcode", "weight_grams", "dimensions", "reorder_point", "cost")
#: Columns of these fields.
_COLUMNS = ("sku", "barcode", "weight_grams", "length_mm", "width_mm", "height_mm", "reorder_point", "cost")
_MOST = 2_000_000_000


def _count(value: Any, name: str) -> int | None:
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    number = whole_number(text, most=_MOST)
    if number is None:
        raise CatalogueError(
            _("“%(value)s” cannot be used. Enter the %(name)s as a whole number, 0 or more.")
            % {"name": name, "value": text}
        )
    return number


@transaction.atomic
def edit_variant(
    variant: Variant, changes: Mapping[str, Any], *, was: Mapping[str, str] | None = None
) -> Variant:
    """Change fields in `EDITABLE`; the old SKU stays mapped to this variant for all stores. Return the saved row.

    The SKUs on the stores do not change. `was` is what the person saw, as text ("" for none). Raise `VariantChanged` when a
    field has another value now, `CatalogueError` for another field, a SKU that is empty or taken, and text that is no number.
    """
    if unknown := sorted(set(changes) - set(EDITABLE)):
        raise CatalogueError(_("“%s” cannot be edited here.") % unknown[0])
    lock_new_skus()
    row = Variant.objects.select_for_update(of=("self",)).get(pk=variant.pk)
    codes = row.sku, row.barcode
    before = audit.snapshot(row, _COLUMNS)
    for name, seen in (was or {}).items():
        now = shown(row, name)
        if not _is_same(seen, now):
            column = "length_mm" if name == "dimensions" else name
            raise VariantChanged(getattr(row, name, now), by=changed_by(row, column), words=now)
    if "sku" in changes and str(changes["sku"]).strip() != row.sku:
        _rename(row, str(changes["sku"]))
    if "barcode" in changes:
        typed = str(changes["barcode"] or "").strip()[:64]
        # An imported barcode may be wrong; it stays until somebody types another one.
        row.barcode = row.barcode if typed == row.barcode else checked_barcode(typed)
    if "weight_grams" in changes:
        typed_weight = changes["weight_grams"]
        row.weight_grams = grams("" if typed_weight is None else str(typed_weight))
    if "dimensions" in changes:
        row.length_mm, row.width_mm, row.height_mm = millimetres(str(changes["dimensions"] or ""))
    if "reorder_point" in changes:
        row.reorder_point = _count(changes["reorder_point"], _("reorder point"))
    if "cost" in changes:
        row.cost = amount(changes["cost"], _("cost"))
    row.save()
    if edited := audit.difference(before, audit.snapshot(row, _COLUMNS)):
        audit.record("changed", row, edited)
    if (row.sku, row.barcode) != codes:
        search_text.refresh_after(variants=[row.pk])
        callbacks.call_recoded(row.pk)
    return row


def shown(row: Variant, name: str) -> str:
    """Return a field of a SKU as its form shows it."""
    if name == "dimensions":
        return size_text(row.length_mm, row.width_mm, row.height_mm)
    value = getattr(row, name)
    if name == "cost":
        return typed_amount(value)
    return "" if value is None else str(value)


def _is_same(seen: str, now: str) -> bool:
    """Return whether two texts are the same value: 2.50 is 2.5000."""
    if seen == now:
        return True
    try:
        return bool(seen and now) and Decimal(seen) == Decimal(now)
    except InvalidOperation:
        return False


def _rename(row: Variant, wanted: str) -> None:
    old = row.sku
    if sku_key(wanted) == row.sku_key:  # the same SKU in another spelling
        row.sku = wanted.strip()[:255]
        return
    row.sku = checked_sku(wanted)
    SkuAlias.objects.filter(connection=None, sku_key=sku_key(row.sku), variant=row).delete()
    SkuAlias.objects.get_or_create(
        connection=None, sku_key=sku_key(old), defaults={"sku": old, "variant": row}
    )
    callbacks.call_mapped(None, [sku_key(row.sku)])


@transaction.atomic
def send_listing_again(listing: Listing) -> None:
    """Send all details of a product to a store again, edited or not (the button Send again).

    Raise `CatalogueError` with the reason when the channel cannot update listings or the store does not list the product.
    """
    require_capability(listing.connection, Capability.UPDATE_LISTING)
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    if not row.external_id or row.state == Listing.State.REMOVED:
        raise CatalogueError(_("The product is not listed on %s.") % listing.connection.name)
    row.changed_fields = sorted({word for word in FIELDS.values() if word})
    row.save(update_fields=["changed_fields"])
    audit.record("listing.sent_again", row)
    outbox.touch(Topic.LISTING_UPDATE, [(row.connection_id, row.pk)])


@transaction.atomic
def withdraw_listing(listing: Listing) -> None:
    """Withdraw a listing that was not sent to its store yet; this is possible for every channel.

    Raise `CatalogueError` when the store has the listing, or when it was sent and there is no answer yet.
    """
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    if row.external_id or row.state != Listing.State.DRAFT:
        raise CatalogueError(_("“%s” is already on the store, or is being created.") % row)
    message = (
        OutboxMessage.objects.select_for_update()
        .filter(connection_id=row.connection_id, topic=Topic.LISTING_CREATE, subject=row.pk)
        .first()
    )
    if message is not None and (message.lease_token or message.is_uncertain or message.step):
        raise CatalogueError(_("The listing is being created on the store. Wait for its answer."))
    with audit.watch(row, "state", what="listing.withdrawn"):
        row.state = Listing.State.REMOVED
        row.save(update_fields=["state"])


@transaction.atomic
def archive_product(product: Product, *, archived: bool = True) -> None:
    """Hide a product from the lists (`archived`), or show it again; its history, stock and orders stay.

    Raise `CatalogueError` while a store lists it.
    """
    row = Product.objects.select_for_update(of=("self",)).get(pk=product.pk)
    shown = row.listings.exclude(state=Listing.State.REMOVED).select_related("connection").first()
    if archived and shown is not None:
        raise CatalogueError(
            _("The product is listed on %s. Delete that listing first.") % shown.connection.name
        )
    if row.is_archived != archived:
        audit.record("product.archived" if archived else "product.unarchived", row)
    Product.objects.filter(pk=row.pk).update(is_archived=archived)
    product.is_archived = archived
