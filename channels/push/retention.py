"""Delete messages that were sent long ago. What is not sent stays, however old it is."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from channels.models import OutboxMessage


def prune(limit: int = 5_000) -> int:
    """Delete messages that were sent more than `OMS_SENT_MESSAGE_DAYS` ago, at most `limit`; return how many.

    An event stays while a later event of its order is not sent: it says what the channel knows already. A deleted state
    message is written anew at the next change.
    """
    before = timezone.now() - timedelta(days=settings.OMS_SENT_MESSAGE_DAYS)
    unsent = OutboxMessage.objects.unsent().filter(
        connection_id=OuterRef("connection_id"), kind="event", group=OuterRef("group")
    )
    old = (
        OutboxMessage.objects.filter(sent_at__lt=before, wanted=F("sent"), lease_token="")
        .filter(Q(group=None) | ~Exists(unsent))
        .order_by("sent_at", "id")
    )
    ids = list(old.values_list("pk", flat=True)[:limit])
    if ids:
        # Once more with the condition: a change may have come meanwhile.
        return OutboxMessage.objects.filter(pk__in=ids, wanted=F("sent"), lease_token="").delete()[0]
    return 0
