"""While a page is stored, the next one is asked for (`docs/adr/0005-prefetch.md`).

One thread of the slice makes the calls that were asked ahead, one at a time, with a database connection of its own: it
takes turns of the budget, renews tokens and writes the call log like any other call. It stores nothing. What it raises
is raised where the page is wanted, after the page before it is stored.
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
    """Not where a second connection would wait for the first, or could not see what it sees."""
    return connection.vendor == "postgresql" and not connection.in_atomic_block


class Pages:
    """The pages of one slice, in the order in which they are wanted."""

    def __init__(self, pull: Pull, helper: ThreadPoolExecutor | None) -> None:
        self._pull = pull
        self._helper = helper
        self._asked: tuple[PullQuery, str | None, Future[Page[Any]]] | None = None
        self.was_asked = False

    @property
    def is_asked(self) -> bool:
        """Whether a page was asked ahead and not fetched yet."""
        return self._asked is not None

    def ask(self, query: PullQuery, token: str | None) -> None:
        """Have this page on its way; the one that is fetched next should be it."""
        if self._helper is not None:
            context = contextvars.copy_context()  # whose budget is spent, and which log the calls go to
            self._asked = query, token, self._helper.submit(context.run, self._pull, query, token)
            self.was_asked = True

    def fetch(self, query: PullQuery, token: str | None) -> Page[Any]:
        """This page: the one that was asked ahead, or asked for now."""
        asked, self._asked = self._asked, None
        if asked is not None:
            page = asked[2].result()
            if asked[:2] == (query, token):
                return page
        return self._pull(query, token)


@contextmanager
def pages(pull: Pull) -> Iterator[Pages]:
    """Pages of a slice; what was asked ahead and is not wanted any more is waited for and thrown away."""
    if not is_possible():
        yield Pages(pull, None)
        return
    helper = ThreadPoolExecutor(1, thread_name_prefix="next-page")
    found = Pages(pull, helper)
    try:
        yield found
    finally:
        if found.was_asked:
            helper.submit(connections.close_all)  # those of the helper's thread, which ends
        helper.shutdown()
