"""Problems of products that could not be imported: their sentence, and the record from which they are imported later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.models import ListingVariant
from catalogue.pictures.lookup import picture_of
from channels.contract.cleaning import fit
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.models import Connection
from oms.kit.models import Problem
from oms.kit.numbers import whole_number
from oms.kit.problems import Fault, ProblemCode

DUPLICATE_SKU = ProblemCode(
    "duplicate_sku",
    gettext_lazy("Duplicate SKU"),
    means=gettext_lazy("Two products of one store have the same SKU. Only the first of them is imported."),
    remedy=gettext_lazy(
        "Change the SKU of one of them in the store, or import it with another SKU (SKU inbox)."
    ),
)
MISSING_SKU = ProblemCode(
    "missing_sku",
    gettext_lazy("Product without a SKU"),
    means=gettext_lazy("A product of the store has no SKU, so it cannot be imported."),
    remedy=gettext_lazy("Add a SKU in the store, or enter one in the SKU inbox."),
)
CODES = (DUPLICATE_SKU, MISSING_SKU)


def natural_key(external_id: str) -> tuple[tuple[int, int, str], ...]:
    """Return the sort key of a channel id: its digits are compared as numbers, so that 9 comes before 10."""
    parts = re.findall(r"\d+|\D+", external_id)
    return tuple(
        (1, 0, part) if (number := whole_number(part)) is None else (0, number, "") for part in parts
    )


def duplicate_sku(
    connection: Connection, record: ProductRecord, variant: VariantRecord, holder: ListingVariant
) -> Fault:
    """Return the problem of a product whose SKU belongs to `holder`, which is first by channel id (R-CAT-02)."""
    message = _duplicate_message(
        record.title, variant.external_id, variant.sku, holder.listing.remote_title or holder.external_id
    )
    return _fault(DUPLICATE_SKU.code, connection, record, variant, message)


def missing_sku(connection: Connection, record: ProductRecord, variant: VariantRecord) -> Fault:
    """Return the problem of a product without a SKU (R-CAT-02)."""
    message = _("“%(title)s” (%(id)s) has no SKU. Add one in the store, or enter one in Manifold.") % {
        "title": record.title[:120],
        "id": variant.external_id,
    }
    return _fault(MISSING_SKU.code, connection, record, variant, message)


def sku_moved(connection: Connection, loser: ListingVariant, winner: ProductRecord) -> Fault:
    """Return the problem of an imported product whose SKU now belongs to `winner`, which has a lower channel id."""
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
    message = _duplicate_message(record.title, variant.external_id, variant.sku, winner.title)
    fault = _fault(DUPLICATE_SKU.code, connection, record, variant, message)
    read = loser.read_at.isoformat() if loser.read_at else ""
    return replace(fault, data={**fault.data, "read_from": read, "read_at": read}) if read else fault


def _duplicate_message(title: str, external_id: str, sku: str, other: str) -> str:
    return _(
        "“%(title)s” (%(id)s) has the same SKU “%(sku)s” as “%(other)s”. "
        "Change the SKU in the store, or enter a new SKU in Manifold."
    ) % {"title": title[:120], "id": external_id, "sku": sku, "other": other[:120]}


def _fault(
    code: str, connection: Connection, record: ProductRecord, variant: VariantRecord, message: str
) -> Fault:
    return Fault(
        code=code,
        subject_kind="connection",
        subject_id=connection.pk,
        key=fit(variant.external_id, 120),
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
    """Return a record as JSON, with its hash instead of the native document, which the rejected record stores."""
    document = asdict(replace(record, native={}, changed_at=None))
    document["hash"] = record.content_hash()
    packed: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return packed


def pictures_of(faults: Iterable[Fault]) -> list[str]:
    """Return the addresses of the pictures of these products, which the SKU inbox shows."""
    return [address for fault in faults if (address := picture_of(fault.data))]


def reading(problem: Problem) -> tuple[datetime, datetime]:
    """Return between which instants the quantity of a problem was last read from the channel.

    Problems of an earlier version do not say it: for them, the minute before the problem was opened.
    """
    times = [problem.data.get(name) for name in ("read_from", "read_at")]
    if not all(times):
        return problem.opened_at - timedelta(minutes=1), problem.opened_at
    start, end = (datetime.fromisoformat(str(one)) for one in times)
    return start, end


def unpacked(document: Mapping[str, Any], sku: str) -> tuple[ProductRecord, str]:
    """Return the record of a problem with `sku` as the SKU of its one variant, and the hash of its native document."""
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
