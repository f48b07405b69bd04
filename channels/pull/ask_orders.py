"""Ask a channel for the present state of some orders, in bounded time, and import what it answers.

Unlike a scheduled import it needs no lease, moves no cursor and tries nothing again: a person waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError
from channels.contract.records.pages import Page, PullQuery
from channels.contract.spec import Stream
from channels.http import call_log, rate_limit
from channels.http.deadline import at_most
from channels.models import Connection, SyncRun, SyncStream
from channels.pull import runner, streams
from channels.pull.page_writer import clean_page, fault_of

log = logging.getLogger(__name__)

#: Orders of one query: what a channel that stops answering has answered before is not lost.
BATCH = 10
#: The most pages of one batch; a channel that never ends its pages is not asked for ever.
MOST_PAGES = 20
#: The priority for the rate limit: like new orders.
PRIORITY = 10

_clock = time.monotonic


@dataclass(slots=True)
class Asked:
    """What a channel answered. `answered` has the ids of orders that it sent or no longer has; `error` says in one
    sentence why the others have no answer, "" where all have one."""

    answered: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    error: str = ""


def why_not_asked(connection: Connection) -> str:
    """Return why the orders of a store cannot be asked for now; "" where they can."""
    if not connection.may_pull:
        return _("The sync of %s is paused or stopped.") % connection.name
    if connection.blocked_until is not None and connection.blocked_until > timezone.now():
        return _("%s has asked Manifold to wait.") % connection.name
    return ""


def ask_orders(connection: Connection, external_ids: Sequence[str], *, seconds: float) -> Asked:
    """Request these orders from the channel and import them, within `seconds`.

    Nothing is raised for a channel that does not answer, answers with something else, or takes too long: `error` says so,
    and the orders without an answer stay as they are. Each answered page is stored in a transaction of its own.
    """
    asked = Asked(error=why_not_asked(connection))
    if asked.error or not external_ids:
        return asked
    until = _clock() + seconds
    ids = list(dict.fromkeys(external_ids))
    with call_log.collecting(), rate_limit.spending(PRIORITY), at_most(seconds):
        try:
            adapter = runner.adapter_of(connection)
            name = _stream_of(connection)
            for start in range(0, len(ids), BATCH):
                if _clock() >= until:
                    asked.error = _too_slow(connection)
                    break
                _ask(connection, adapter, name, ids[start : start + BATCH], asked)
        except ChannelError as error:
            asked.error = _too_slow(connection) if _clock() >= until else error.message
        except (
            Exception
        ) as error:  # an answer that no connector foresaw must not stop the hand-over of other stores
            log.exception("%s: orders could not be asked for", connection)
            asked.error = fault_of(error)
    if not asked.error and asked.answered.issuperset(ids) is False:
        asked.error = _("%s did not answer for all orders.") % connection.name
    return asked


def _too_slow(connection: Connection) -> str:
    return _("%s did not answer in time.") % connection.name


def _stream_of(connection: Connection) -> str:
    """Return the stream of orders through which single orders are requested; the store may have switched it off."""
    names = [str(name) for name in (Stream.ORDERS_CHANGED, Stream.ORDERS_NEW, Stream.ORDERS_HISTORY)]
    known = set(
        SyncStream.objects.filter(connection=connection, name__in=names).values_list("name", flat=True)
    )
    return next((name for name in names if name in known), names[0])


def _ask(connection: Connection, adapter: Any, name: str, ids: list[str], asked: Asked) -> None:
    token: str | None = None
    for _number in range(MOST_PAGES):
        page: Page[Any] = clean_page(
            streams.pull(adapter, name, PullQuery(ids=tuple(ids), stream=name), token), connection.spec.label
        )
        with transaction.atomic():
            streams.vanished(connection, name, page.missing)
            if page.records:
                run = SyncRun(
                    connection=connection, stream=name
                )  # not saved: this is no import of the schedule
                refused = streams.sink_for(name)(connection, page.records, run).refused
            else:
                refused = ()
        bad = {row.external_id for row in (*page.refused, *refused)}
        asked.missing |= set(page.missing)
        asked.answered |= ({record.external_id for record in page.records} | set(page.missing)) - bad
        if page.next_page is None or page.next_page == token:
            return
        token = page.next_page
