"""Request the next page while a page is stored (`docs/adr/0005-prefetch.md`).

One thread of the slice makes these calls, one at a time, with its own database connection: it uses the rate limit, renews
tokens and writes the call log like any other call. It stores no records. Its errors are raised when the page is fetched,
after the page before it is stored.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

from channels.contract.records.pages import Page, PullQuery

Pull = Callable[[PullQuery, "str | None"], Page[Any]]


def is_possible() -> bool:
    """Whether a second database connection can be used: not in a transaction, and only with PostgreSQL."""
    return connection.vendor == "postgresql" and not connection.in_atomic_block


class Pages:
    """The pages of one slice, in the order in which they are needed."""

    def __init__(self, pull: Pull, helper: ThreadPoolExecutor | None) -> None:
        self._pull = pull
        self._helper = helper
        self._requested: tuple[PullQuery, str | None, Future[Page[Any]]] | None = None
        self.was_used = False

    @property
    def is_requested(self) -> bool:
        """Whether a page was requested in advance and not fetched yet."""
        return self._requested is not None

    def request(self, query: PullQuery, token: str | None) -> None:
        """Request this page in the background; it should be the one that is fetched next."""
        if self._helper is not None:
            context = contextvars.copy_context()  # with the priority and the call log of this slice
            self._requested = query, token, self._helper.submit(context.run, self._pull, query, token)
            self.was_used = True

    def fetch(self, query: PullQuery, token: str | None) -> Page[Any]:
        """Return this page: the one that was requested in advance, or a new request."""
        requested, self._requested = self._requested, None
        if requested is not None:
            page = requested[2].result()
            if requested[:2] == (query, token):
                return page
        return self._pull(query, token)


@contextmanager
def pages(pull: Pull) -> Iterator[Pages]:
    """Return the pages of a slice. At the end, a page that was requested and not fetched is waited for and dropped."""
    if not is_possible():
        yield Pages(pull, None)
        return
    helper = ThreadPoolExecutor(1, thread_name_prefix="next-page")
    found = Pages(pull, helper)
    try:
        yield found
    finally:
        if found.was_used:
            helper.submit(connections.close_all)  # the connections of the helper's thread
        helper.shutdown()
