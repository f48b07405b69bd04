"""Remove old data of ended orders.

Amounts, stock and the timeline are never removed. The channel's document is deleted after `OMS_NATIVE_DAYS`. Names,
addresses, e-mail and phone are removed from the order and the document `OMS_PERSONAL_DATA_DAYS` after the order was
placed, once it has ended. It runs once a day in batches, and is safe to stop and repeat.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import OPEN_STATUSES, OrderStatus
from orders.inbound import contact_changes, lines
from orders.models import NativeOrder, Order, OrderEvent
from orders.unit_of_work import search_text

REMOVED = "removed"
#: Parts of key names of personal data in the documents of the channels.
PERSONAL = (
    "name", "company", "email", "phone", "fax", "address", "street", "line1", "line2", "city", "zip", "postcode",
    "comment", "note", "message", "ip", "customer",
)  # fmt: skip
#: Keys that contain one of these parts but are about goods.
NOT_PERSONAL = ("product_name", "status_name", "zone_name", "method_name", "tax_name", "zip_code_required")
UNFINISHED = (*OPEN_STATUSES, OrderStatus.IN_TRANSIT, OrderStatus.DELIVERED)


@dataclass(frozen=True, slots=True)
class Retained:
    """How many documents were removed and how many orders lost their personal data."""

    documents: int
    orders: int


def retain(*, limit: int = 1000) -> Retained:
    """Delete old documents and remove old personal data, at most `limit` of each. Call again while either is `limit`."""
    now = timezone.now()
    old = NativeOrder.objects.filter(order__placed_at__lt=now - timedelta(days=settings.OMS_NATIVE_DAYS))
    documents = NativeOrder.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
    due = (
        Order.objects.filter(placed_at__lt=now - timedelta(days=settings.OMS_PERSONAL_DATA_DAYS))
        .exclude(status__in=UNFINISHED)
        .exclude(customer_name=REMOVED)
        .order_by("placed_at")
    )
    redacted = []
    with transaction.atomic():
        for order in due.select_for_update(of=("self",)).select_related(None)[:limit]:
            _redact(order)
            redacted.append(order.pk)
        search_text.refresh(redacted)
    return Retained(documents, len(redacted))


def _redact(order: Order) -> None:
    """Remove the personal data of an order and of its document."""
    order.customer_name = REMOVED
    order.customer_email = order.customer_phone = order.buyer_note = order.gift_message = ""
    order.ship_to = {"country": order.country}
    order.bill_to = {}
    order.save(
        update_fields=[
            "customer_name", "customer_email", "customer_phone", "buyer_note", "gift_message", "ship_to", "bill_to",
        ]
    )  # fmt: skip
    order.lines.exclude(personalisation="").update(personalisation="")
    removed = _("Personal data was removed because of its age")
    OrderEvent.objects.filter(order=order, kind__in=(contact_changes.KIND, lines.TEXT_KIND)).update(
        text=removed
    )
    Problem.objects.filter(
        subject_kind=problem_codes.SUBJECT,
        subject_id=order.pk,
        code__in=(problem_codes.ADDRESS_CHANGED, problem_codes.LATE_CHANGE),
    ).update(message=removed, data={})
    native = NativeOrder.objects.filter(order=order).first()
    if native:
        document = json.loads(zlib.decompress(bytes(native.document)))
        native.document = zlib.compress(json.dumps(without_people(document)).encode())
        native.redacted_at = timezone.now()
        native.save(update_fields=["document", "redacted_at"])
    OrderEvent.objects.create(order=order, kind="redacted", text=removed)


def without_people(document: Any, *, key: str = "") -> Any:
    """Return a document with every text under a personal key replaced. Its structure and its numbers do not change."""
    if isinstance(document, dict):
        return {name: without_people(value, key=f"{key}.{name}") for name, value in document.items()}
    if isinstance(document, list):
        return [without_people(value, key=key) for value in document]
    leaf = key.rpartition(".")[2].lower()
    inside_lines = ".lines" in key or ".products" in key
    if (
        isinstance(document, str)
        and document
        and not inside_lines
        and leaf not in NOT_PERSONAL
        and any(part in leaf for part in PERSONAL)
    ):
        return REMOVED
    return document
