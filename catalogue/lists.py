"""Sinks of what a store's products refer to: categories, attributes, brands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from catalogue.models import Attribute, Brand, Category, sku_key
from channels.models import Connection, SyncRun
from channels.records import AttributeRecord, BrandRecord, CategoryRecord
from channels.streams import Counts


def categories(connection: Connection, records: Sequence[CategoryRecord], run: SyncRun) -> Counts:
    """The store's category tree. Two statements a page; what has not changed is not written."""
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


def attributes(connection: Connection, records: Sequence[AttributeRecord], run: SyncRun) -> Counts:
    """The attributes that the store's products may carry, with their allowed values."""
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


def brands(connection: Connection, records: Sequence[BrandRecord], run: SyncRun) -> Counts:
    """Brands are ours, one by name, whatever the number of stores that name them."""
    names = [record.name for record in records]
    known = set(
        Brand.objects.filter(key__in=[brand_key(name) for name in names]).values_list("key", flat=True)
    )
    made = brands_by_name(names)
    new = len(made.keys() - known)
    return Counts(new=new, same=len(records) - new)


def brands_by_name(names: Sequence[str]) -> dict[str, Brand]:
    """The brands with these names by key, made where they are missing: two statements at most."""
    wanted = {brand_key(name): name.strip()[:120] for name in reversed(names) if brand_key(name)}
    if not wanted:
        return {}
    found = {brand.key: brand for brand in Brand.objects.filter(key__in=wanted)}
    missing = [Brand(name=name, key=key) for key, name in wanted.items() if key not in found]
    if missing:
        # An upsert, not "ignore", because somebody may have made one meanwhile, and its id is needed.
        Brand.objects.bulk_create(
            missing, update_conflicts=True, unique_fields=["key"], update_fields=["key"]
        )
        found.update({brand.key: brand for brand in missing})
    return found


def brand_key(name: str) -> str:
    return sku_key(name)[:120]


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
