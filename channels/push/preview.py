"""The preview of what would be sent to a store: old value, new value, reason. For pages, dry runs and the export."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from django.db.models import Count
from django.utils.translation import gettext as _

from channels.models import Connection, OutboxMessage
from channels.push.outbox import PlanLine, can_send, handler_for

CHUNK = 200
MAX_COMPARED = 2_000  # messages that are compared for a page


@dataclass(slots=True)
class Summary:
    """The preview of a store, counted: messages that change something in the store, and those that do not.

    `lines` are the first changes, each with its topic. `is_whole` False: more messages wait than were compared.
    """

    lines: list[tuple[str, PlanLine]] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    same: int = 0
    is_whole: bool = True

    @property
    def total(self) -> int:
        """How many messages change something."""
        return self.changes.total()


def plan(
    connection: Connection,
    *,
    topics: list[str] | None = None,
    limit: int | None = None,
) -> Iterator[tuple[str, PlanLine]]:
    """Yield (topic, line) for every waiting message, also on hold, in the order of sending; read in chunks.

    Topics without a handler, or which the channel does not support, have no lines. `limit` is for the messages.
    """
    waiting = OutboxMessage.objects.filter(connection=connection).waiting()
    if topics is not None:
        waiting = waiting.filter(topic__in=topics)
    seen = 0
    present = sorted(set(waiting.order_by().values_list("priority", "topic").distinct()))
    for _priority, topic in present:
        if not can_send(connection, topic):
            continue
        try:
            handler = handler_for(topic)
        except LookupError:
            continue
        last = 0
        while limit is None or seen < limit:
            size = CHUNK if limit is None else min(CHUNK, limit - seen)
            messages = list(waiting.filter(topic=topic, pk__gt=last).order_by("pk")[:size])
            if not messages:
                break
            last = messages[-1].pk
            seen += len(messages)
            for line in handler.plan(connection, messages):
                yield topic, line


def plan_of(connection: Connection, topic: str, subjects: Sequence[int]) -> Iterator[PlanLine]:
    """Yield the preview of these subjects; nothing is enqueued, written or locked."""
    if not can_send(connection, topic):
        return
    handler = handler_for(topic)
    for at in range(0, len(subjects), CHUNK):
        unsaved = [
            OutboxMessage(pk=subject, connection=connection, topic=topic, subject=subject)
            for subject in subjects[at : at + CHUNK]
        ]
        yield from handler.plan(connection, unsaved)


def summary(
    connection: Connection, *, topics: list[str] | None = None, show: int = 300, limit: int = MAX_COMPARED
) -> Summary:
    """Return the preview of a store, counted: the changes of each topic, and the first `show` of them."""
    found, compared = Summary(), 0
    for topic, line in plan(connection, topics=topics, limit=limit + 1):
        compared += 1
        if compared > limit:
            found.is_whole = False
            break
        if line.old == line.new:
            found.same += 1
            continue
        found.changes[topic] += 1
        if len(found.lines) < show:
            found.lines.append((topic, line))
    return found


def counts(connection: Connection) -> dict[str, int]:
    """Return how many messages of each topic wait."""
    waiting = OutboxMessage.objects.filter(connection=connection).waiting()
    return dict(waiting.order_by().values("topic").annotate(n=Count("pk")).values_list("topic", "n"))


def write_csv(connection: Connection, out: TextIO, *, topics: list[str] | None = None) -> int:
    """Write the preview as CSV; return how many lines. Text that is a formula is escaped."""
    writer = csv.writer(out)
    writer.writerow([_("Type"), _("Subject"), _("In the store"), _("New value"), _("Why")])
    number = 0
    for topic, line in plan(connection, topics=topics):
        writer.writerow([_cell(value) for value in (topic, line.what, line.old, line.new, line.why)])
        number += 1
    return number


def _cell(value: str) -> str:
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(value) else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
