"""How much of a store the hourly part of a comparison reads: a 24th of it, within a fifth of what the channel allows."""

from __future__ import annotations

from channels.http import rate_limit
from channels.models import Connection
from channels.reconcile import parts

#: The part of the API limit that comparisons may use.
SHARE = 0.2
#: Requests of one page of products at most: the page, and the stock of its products.
CALLS_OF_A_PAGE = 2
HOURS = 24


def calls_of_an_hour(connection: Connection) -> int:
    """Return how many requests the channel allows this store in an hour, by the tightest of its limits."""
    budget = connection.spec.budget
    limits = [budget.per_second * 3600]
    limits += [
        window.limit * 3600 / window.seconds
        for window in rate_limit.all_windows_of(connection)
        if window.method in ("", "GET")
    ]
    if budget.shared is not None:
        limits.append(budget.shared.per_day / 24)
    return int(min(limits))


def pages_of_an_hour(connection: Connection) -> int:
    """Return how many pages of products a comparison may read in an hour."""
    return max(int(calls_of_an_hour(connection) * SHARE / CALLS_OF_A_PAGE), 1)


def records_of_an_hour(connection: Connection) -> int:
    """Return how many products are read in an hour, so that all are read in a day."""
    return max(-(-parts.size_of(connection) // HOURS), 1)
