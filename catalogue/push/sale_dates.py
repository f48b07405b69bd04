"""Send prices when a sale starts or ends. A channel that takes the dates is sent them too: what it shows is confirmed so."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.models import OutboxMessage
from channels.push import outbox
from channels.push.topics import Topic

#: How far back a start or an end is looked for: the longest time without a worker that is made up for.
LOOKED_BACK = timedelta(days=7)


def tick() -> None:
    """Send the prices whose sale started or ended and was not sent since; called each minute. Two statements when none is due."""
    now = timezone.now()
    for boundary in ("sale_from", "sale_until"):
        due = ListingVariant.objects.live().filter(
            Q(price_sent_at=None) | Q(price_sent_at__lt=F(boundary)),
            **{f"{boundary}__gt": now - LOOKED_BACK, f"{boundary}__lte": now},
        )
        written = OutboxMessage.objects.filter(
            connection=OuterRef("connection"),
            topic=Topic.PRICE,
            subject=OuterRef("pk"),
            changed_at__gte=OuterRef(boundary),
        )
        due = due.exclude(Exists(written))
        if due.exists():
            # All SKUs of the listing: some channels have one reduced price for the whole product.
            listings = list(due.order_by().values_list("listing", flat=True).distinct()[:5000])
            outbox.touch_listed(Topic.PRICE, ListingVariant.objects.live().filter(listing__in=listings))
