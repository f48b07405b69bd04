"""The shortest interval of an import: all scheduled imports of a store together use half of its API limit.

The other half is for sending, and for imports that people start. A run counts as many requests as the last run had pages;
a limit that the stores of one application share is divided among them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from channels.http import app_quota, rate_limit
from channels.models import Budget, SyncRun

if TYPE_CHECKING:
    from channels.models import Connection, SyncStream

LEAST = 60  # seconds: the interval of the workers' tick
LONGEST = 24 * 3600  # seconds


def reads_per_second(connection: Connection) -> float:
    """Return the requests per second that this store may use for imports, on average."""
    row = Budget.objects.filter(pk=connection.pk).only("per_second").first()
    rates = [row.per_second if row else connection.spec.budget.per_second]
    rates += [window.limit / window.seconds for window in rate_limit.windows_of(connection, "GET")]
    if (day := app_quota.left(connection)) is not None:
        rates.append(day[1] / app_quota.DAY / max(app_quota.stores_of(connection), 1))
    return min(rates) * app_quota.IMPORT_SHARE


def shortest(stream: SyncStream) -> int:
    """Return the shortest period (seconds, whole minutes) of this stream beside the store's others; a day at most."""
    connection = stream.connection
    others = connection.streams.filter(is_on=True, period__gt=0).exclude(pk=stream.pk)
    used = sum(_requests(other) / (other.period or LONGEST) for other in others)
    free = reads_per_second(connection) - used
    if free <= 0:
        return LONGEST
    return min(max(math.ceil(_requests(stream) / free / 60) * 60, LEAST), LONGEST)


def _requests(stream: SyncStream) -> int:
    """Return the requests of a run of this stream: the pages of the last complete one."""
    last = (
        SyncRun.objects.filter(
            connection_id=stream.connection_id, stream=stream.name, state=SyncRun.State.DONE
        )
        .order_by("-pk")
        .values_list("pages", flat=True)
        .first()
    )
    return max(last or 1, 1)
