"""How often a stream may be read: all regular pulls of a store together take half of what its channel allows.

The other half is for what must be told, and for people who ask. A run counts as many requests as the last one had
pages; a limit that the stores of one application share is divided among them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from channels.http import app_quota, rate_limit
from channels.models import Budget, SyncRun

if TYPE_CHECKING:
    from channels.models import Connection, SyncStream

LEAST = 60  # seconds: the workers' own tick
LONGEST = 24 * 3600


def reads_per_second(connection: Connection) -> float:
    """Requests that this store may spend on reading, as an average over its longest limit."""
    row = Budget.objects.filter(pk=connection.pk).only("per_second").first()
    rates = [row.per_second if row else connection.spec.budget.per_second]
    rates += [
        window.limit / window.seconds
        for window in rate_limit.windows_of(connection, "GET")
        if not window.is_pace
    ]
    if (day := app_quota.left(connection)) is not None:
        rates.append(day[1] / app_quota.DAY / max(app_quota.stores_of(connection), 1))
    return min(rates) * app_quota.IMPORT_SHARE


def shortest(stream: SyncStream) -> int:
    """The shortest period (seconds, whole minutes) of this stream beside the store's other streams; a day at most."""
    connection = stream.connection
    others = connection.streams.filter(is_on=True, period__gt=0).exclude(pk=stream.pk)
    taken = sum(_requests(other) / (other.period or LONGEST) for other in others)
    room = reads_per_second(connection) - taken
    if room <= 0:
        return LONGEST
    return min(max(math.ceil(_requests(stream) / room / 60) * 60, LEAST), LONGEST)


def _requests(stream: SyncStream) -> int:
    """What a run of this stream costs: the pages of the last one that ended well."""
    last = (
        SyncRun.objects.filter(
            connection_id=stream.connection_id, stream=stream.name, state=SyncRun.State.DONE
        )
        .order_by("-pk")
        .values_list("pages", flat=True)
        .first()
    )
    return max(last or 1, 1)
