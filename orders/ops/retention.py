"""Remove old data of ended orders.

Amounts, stock and the timeline are never removed. The channel's document is deleted after `OMS_NATIVE_DAYS`. Names,
addresses, e-mail and phone are removed from the order and the document `OMS_PERSONAL_DATA_DAYS` after the order was
placed, whatever its status is. It runs once a day in batches, and is safe to stop and repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.personal import REMOVED
from orders.models import NativeOrder, Order
from orders.services.buyers.redaction import redact
from orders.unit_of_work import search_text


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
        .exclude(customer_name=REMOVED)
        .order_by("placed_at")
    )
    redacted = []
    with transaction.atomic():
        for order in due.select_for_update(of=("self",)).select_related(None)[:limit]:
            redact(order, _("Personal data was removed because of its age"))
            redacted.append(order.pk)
        search_text.refresh(redacted)
    return Retained(documents, len(redacted))
