"""Store categories, attributes and brands that are imported from a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from catalogue.models import Attribute, Brand, Category, Listing, sku_key
from channels.contract.cleaning import fit
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord
from channels.contract.spec import Stream
from channels.models import Connection, SyncRun, SyncStream
from channels.pull.single_records import request_records
from channels.pull.streams import Counts


def store_categories(connection: Connection, records: Sequence[CategoryRecord], run: SyncRun) -> Counts:
    """Store a page of the store's categories. Two statements; unchanged categories are not written."""
    wanted = {
        record.external_id: {
            "name": record.name[:255],
            "path": record.path[:1000],
            "parent_external_id": record.parent_external_id,
            "is_active": record.is_active,
        }
        for record in records
    }
    return _upsert(Category, connection, wanted)


def store_attributes(connection: Connection, records: Sequence[AttributeRecord], run: SyncRun) -> Counts:
    """Store a page of the attributes that products of the store can have, with their allowed values."""
    return save_attributes(connection, records)


def save_attributes(connection: Connection, records: Sequence[AttributeRecord]) -> Counts:
    """Store these attributes of a store, also outside an import. Two statements; unchanged ones are not written."""
    wanted = {
        record.external_id: {
            "name": record.name[:255],
            "group": record.group[:255],
            "values": list(record.values),
            "is_required": record.is_required,
        }
        for record in records
    }
    return _upsert(Attribute, connection, wanted)


def store_brands(connection: Connection, records: Sequence[BrandRecord], run: SyncRun) -> Counts:
    """Store a page of brands. All stores share the brands: one for each name."""
    names = [record.name for record in records]
    known = set(
        Brand.objects.filter(key__in=[brand_key(name) for name in names]).values_list("key", flat=True)
    )
    made = brands_by_name(names)
    new = len(made.keys() - known)
    nameless = sum(1 for name in names if not brand_key(name))
    return Counts(
        new=new,
        same=len(records) - new - nameless,
        left_out={_("brands without a name"): nameless} if nameless else {},
    )


def brands_by_name(names: Sequence[str]) -> dict[str, Brand]:
    """Return the brands with these names by key; missing ones are created. Two statements at most."""
    wanted = {brand_key(name): name.strip()[:120] for name in reversed(names) if brand_key(name)}
    if not wanted:
        return {}
    found = {brand.key: brand for brand in Brand.objects.filter(key__in=wanted)}
    missing = [Brand(name=name, key=key) for key, name in wanted.items() if key not in found]
    if missing:
        # An upsert, not "ignore": another transaction may have created one meanwhile, and its id is needed.
        Brand.objects.bulk_create(
            missing, update_conflicts=True, unique_fields=["key"], update_fields=["key"]
        )
        found.update({brand.key: brand for brand in missing})
    return found


def brands_in_use(connection: Connection) -> list[str]:
    """Return the names of the brands of products that have a listing on this store."""
    used = Brand.objects.filter(product__listings__connection=connection).order_by("key").distinct()
    return list(used.values_list("name", flat=True))


def categories_in_use(connection: Connection) -> list[str]:
    """Return the channel ids of the categories that this store's listings have."""
    rows = Listing.objects.filter(connection=connection).exclude(category_external_ids=[])
    lists = rows.order_by().values_list("category_external_ids", flat=True).distinct()
    return sorted({external_id for ids in lists for external_id in ids})


def request_attributes(connection: Connection, category_external_ids: Sequence[str]) -> None:
    """Request the import of the attributes of these categories, where the channel has attributes by category.

    Categories whose attributes were imported before are left out.
    """
    stream = SyncStream.objects.filter(connection=connection, name=Stream.ATTRIBUTES).first()
    if stream is None or not connection.spec.listing_rules.by_category:
        return
    known = Attribute.objects.filter(connection=connection)
    new = [
        each
        for each in category_external_ids
        if not known.filter(external_id__startswith=f"{each}:").exists()
    ]
    if new:
        request_records(stream, new)


def brand_key(name: str) -> str:
    """Return the form in which two spellings of a brand are the same."""
    return fit(sku_key(name), 120)


def _upsert(model: type[models.Model], connection: Connection, wanted: dict[str, dict[str, Any]]) -> Counts:
    if not wanted:
        return Counts()
    fields = list(next(iter(wanted.values())))
    rows = model._default_manager.filter(connection=connection, external_id__in=wanted)
    known: dict[str, Any] = {row.external_id: row for row in rows}  # type: ignore[attr-defined]
    write: list[Any] = []
    new = changed = 0
    for external_id, values in wanted.items():
        row = known.get(external_id)
        if row is None:
            new += 1
        elif any(getattr(row, name) != value for name, value in values.items()):
            changed += 1
        else:
            continue
        write.append(model(connection=connection, external_id=external_id, **values))
    if write:
        model._default_manager.bulk_create(
            write,
            update_conflicts=True,
            unique_fields=["connection", "external_id"],
            update_fields=fields,
        )
    return Counts(new=new, changed=changed, same=len(wanted) - new - changed)
