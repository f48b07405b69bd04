"""Products of a store that cannot come in as they are: which, why, and what is needed to let them in later."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.models import ListingVariant
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.models import Connection
from oms.kit.models import Problem
from oms.kit.problems import Fault, ProblemCode

DUPLICATE_SKU = ProblemCode("duplicate_sku", gettext_lazy("Two products with one SKU"))
MISSING_SKU = ProblemCode("missing_sku", gettext_lazy("Product without SKU"))
CODES = (DUPLICATE_SKU, MISSING_SKU)


def natural_key(external_id: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a channel id: its numbers count as numbers, so that 9 comes before 10."""
    parts = re.findall(r"\d+|\D+", external_id)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def duplicate_sku(
    connection: Connection, record: ProductRecord, variant: VariantRecord, holder: ListingVariant
) -> Fault:
    """The SKU is taken by a product that comes first by channel id (R-CAT-02)."""
    message = _(
        "“%(title)s” (%(id)s) has the SKU “%(sku)s” of product %(other)s: only the first is synced. "
        "Give it a SKU of its own in the store, or here."
    ) % {
        "title": record.title[:120],
        "id": variant.external_id,
        "sku": variant.sku,
        "other": holder.external_id or "-",
    }
    return _fault(DUPLICATE_SKU.code, connection, record, variant, message)


def missing_sku(connection: Connection, record: ProductRecord, variant: VariantRecord) -> Fault:
    """There is no SKU to know it by (R-CAT-02)."""
    message = _("“%(title)s” (%(id)s) has no SKU: give it one in the store, or here.") % {
        "title": record.title[:120],
        "id": variant.external_id,
    }
    return _fault(MISSING_SKU.code, connection, record, variant, message)


def sku_moved(connection: Connection, loser: ListingVariant, winner: str) -> Fault:
    """A product that was synced stands back, because one with its SKU and a lower channel id has come."""
    record = ProductRecord(
        external_id=loser.listing.external_id,
        kind=ProductKind.SINGLE,
        title=loser.listing.remote_title,
        variants=(),
        currency=connection.currency,
    )
    variant = VariantRecord(
        external_id=loser.external_id,
        sku=loser.external_sku,
        quantity=loser.remote_quantity,
        price=loser.remote_price,
        selling_price=loser.remote_selling_price,
    )
    message = _(
        "“%(title)s” (%(id)s) has the SKU “%(sku)s” of product %(other)s: only the first is synced."
    ) % {
        "title": record.title[:120],
        "id": variant.external_id,
        "sku": variant.sku,
        "other": winner,
    }
    fault = _fault(DUPLICATE_SKU.code, connection, record, variant, message)
    read = loser.read_at.isoformat() if loser.read_at else ""
    return replace(fault, data={**fault.data, "read_from": read, "read_at": read}) if read else fault


def _fault(
    code: str, connection: Connection, record: ProductRecord, variant: VariantRecord, message: str
) -> Fault:
    return Fault(
        code=code,
        subject_kind="connection",
        subject_id=connection.pk,
        key=variant.external_id[:120],
        connection_id=connection.pk,
        message=message,
        data={
            "title": record.title,
            "sku": variant.sku,
            "product_external_id": record.external_id,
            "external_id": variant.external_id,
            "price": None if variant.price is None else str(variant.price),
            "quantity": variant.quantity,
            "options": dict(variant.options),
            "record": _packed(replace(record, variants=(variant,))),
        },
    )


def _packed(record: ProductRecord) -> dict[str, Any]:
    """A record as JSON, with its hash in the place of the native document (which the refused record keeps)."""
    document = asdict(replace(record, native={}, changed_at=None))
    document["hash"] = record.content_hash()
    packed: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return packed


def reading(problem: Problem) -> tuple[datetime, datetime]:
    """Between which instants the figure of a problem was read from the channel, the last time.

    Where that is not told (a row of an earlier version): up to a slice before it was written down, so that orders of
    that minute are in doubt and not counted.
    """
    told = [problem.data.get(name) for name in ("read_from", "read_at")]
    if not all(told):
        return problem.opened_at - timedelta(minutes=1), problem.opened_at
    began, ended = (datetime.fromisoformat(str(one)) for one in told)
    return began, ended


def unpacked(document: Mapping[str, Any], sku: str) -> tuple[ProductRecord, str]:
    """The record of a problem, with the SKU that its one variant was given; and the hash of its native document."""
    row = dict(document)
    digest = str(row.pop("hash"))
    variant = dict(row["variants"][0])
    for name in ("price", "selling_price"):
        if variant[name] is not None:
            variant[name] = Decimal(variant[name])
    row["variants"] = (VariantRecord(**{**variant, "sku": sku}),)
    row["kind"] = ProductKind(row["kind"])
    for name in ("category_external_ids", "image_urls"):
        row[name] = tuple(row[name])
    return ProductRecord(**row), digest
