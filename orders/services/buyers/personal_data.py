"""One buyer: export what Manifold stores about them, or erase it (R-SEC, the rights of a person under data protection law).

A buyer is named by an e-mail address. Amounts, stock and the timeline stay; see `orders.ops.retention`.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from channels.models import RejectedRecord
from channels.pull.page_writer import packed, unpacked
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.errors import OrderError
from orders.models import NativeOrder, Order
from orders.services.buyers.redaction import redact
from orders.unit_of_work import search_text

FIELDS = (
    "customer_name", "customer_email", "customer_phone", "buyer_note", "gift_message", "ship_to", "bill_to",
)  # fmt: skip


def orders_of(email: str) -> QuerySet[Order]:
    """Return the orders of a buyer, by the e-mail address. Raises `OrderError` for text that is no address."""
    wanted = email.strip()
    if "@" not in wanted or len(wanted) < 5:
        raise OrderError(_("Enter the whole e-mail address of the buyer."))
    return (
        Order.objects.filter(customer_email__iexact=wanted).select_related("connection").order_by("placed_at")
    )


def export(email: str, *, by: Author) -> dict[str, Any]:
    """Return everything that is stored about a buyer, as one JSON object."""
    orders = [_exported(order) for order in orders_of(email)]
    rejected = [
        {"store": str(row.connection), "document": unpacked(row.native)} for row in _rejected_of(email)
    ]
    _record("buyer.exported", email, len(orders), by)
    return {"email": email.strip(), "orders": orders, "rejected_records": rejected}


def _exported(order: Order) -> dict[str, Any]:
    native = NativeOrder.objects.filter(order=order).first()
    return {
        "store": str(order.connection),
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "total": str(order.total),
        "currency": order.currency,
        **{name: getattr(order, name) for name in FIELDS},
        "lines": list(order.lines.values("sku", "title", "quantity", "personalisation")),
        "notes": list(order.notes.values_list("text", flat=True)),
        "returns": list(order.returns.values("number", "state", "reason", "note")),
        "channel_document": json.loads(zlib.decompress(bytes(native.document))) if native else None,
    }


@transaction.atomic
def erase(email: str, *, by: Author) -> int:
    """Remove the personal data of all orders and rejected records of a buyer, whatever their status; return the orders.

    An order that is still to be shipped loses its address too: the caller asks the person first.
    """
    done = []
    for order in orders_of(email).select_for_update(of=("self",)):
        redact(order, _("Personal data was erased at the buyer's request"), by)
        done.append(order.pk)
    search_text.refresh(done)
    rejected = [row.pk for row in _rejected_of(email)]
    RejectedRecord.objects.filter(pk__in=rejected).update(native=packed({}))
    _record("buyer.erased", email, len(done), by)
    return len(done)


def _rejected_of(email: str) -> list[RejectedRecord]:
    """Return the rejected records whose document has this address; their documents are compressed, so each is read."""
    wanted = email.strip().lower()
    rows = RejectedRecord.objects.filter(stream__startswith="orders.").select_related("connection")
    return [
        row
        for row in rows.iterator(chunk_size=200)
        if wanted in json.dumps(unpacked(row.native), ensure_ascii=False, default=str).lower()
    ]


def _record(what: str, email: str, orders: int, by: Author) -> None:
    """Write into the audit log how many orders it was, without the address: the log must not keep what was erased."""
    name, _at, host = email.strip().partition("@")
    audit.record_fact(what, f"{name[:1]}…@{host[:1]}…", {"orders": (None, orders)}, by=by)
