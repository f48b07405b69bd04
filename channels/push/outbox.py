"""What channels must be told: written in the transaction of the change, drained after its commit.

*State* topics coalesce: one row per (store, topic, subject) whose `wanted` grows with each change; *event* topics
have a row each and keep the order of their group. No payload: the handler reads the truth when it runs. The
draining is in `channels.push.dispatcher`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported
from channels.contract.records.updates import Outcome
from channels.contract.spec import Capability, Lane
from channels.models import Connection, OutboxMessage
from channels.push.topics import RULES, Rule
from channels.workers import enqueue


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that would be sent: `old` as the channel shows it, `new` as we would write it, and why."""

    message_id: int
    what: str
    old: str
    new: str
    why: str = ""


class Handler(Protocol):
    """How one topic is told. Reads the truth now; the messages say only about what.

    `send` returns one `Outcome` per message (`ref = str(message.pk)`) and may raise a `ChannelError` for the
    whole call. A message with `is_uncertain` was perhaps carried out before: look on the channel first.
    """

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]: ...

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]: ...


class Sending(Protocol):
    """What a handler has read for a claim: sends its batches one by one, then writes down what was sent."""

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]: ...

    def close(self) -> None: ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A handler of absolute figures: many batches are claimed and read at once, and what came of them is stored at once.

    Only for what may be sent twice without harm: a worker that dies in the middle leaves the whole claim to be sent again.
    """

    def begin(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sending: ...


Subjects = Callable[[Connection, Sequence[str] | None], Iterable[int]]

Forget = Callable[[Connection, Sequence[int]], None]

_handlers: dict[str, Handler] = {}

_subjects: dict[str, tuple[Subjects, Forget | None]] = {}


def register_handler(
    topic: str,
    handler: Handler,
    *,
    lane: str | None = None,
    priority: int | None = None,
    capability: Capability | None = None,
) -> None:
    """Declare who tells a topic; lane, priority and capability default to the house's table."""
    known = RULES.get(topic)
    if known is None and (lane is None or priority is None or capability is None):
        raise LookupError(f"the topic {topic} is new: say its lane, priority and capability")
    if lane is not None or priority is not None or capability is not None:
        RULES[topic] = Rule(
            lane=str(lane if lane is not None else known.lane if known else Lane.DEFAULT),
            priority=priority if priority is not None else known.priority if known else 50,
            capability=capability or (known.capability if known else Capability.UPDATE_LISTING),
            is_event=known.is_event if known else False,
        )
    _handlers[str(topic)] = handler


def handler_for(topic: str) -> Handler:
    """The handler of a topic; `LookupError` when no app has registered one."""
    try:
        return _handlers[topic]
    except KeyError:
        raise LookupError(f"no handler is registered for the topic {topic}") from None


def register_subjects(topic: str, find: Subjects, *, forget: Forget | None = None) -> None:
    """Declare how to find everything of a store that a topic is about (of these SKUs, or all of it).

    `find` writes nothing. `forget` is called before all of it is sent again: what would count as shown does not.
    """
    _subjects[str(topic)] = find, forget


def can_send(connection: Connection, topic: str) -> bool:
    """Whether the channel, and this account of it, can be told this topic at all."""
    capability = RULES[topic].capability
    return connection.spec.supports(capability) and capability not in connection.account.get("offered", {})


def _listening(connection_ids: Iterable[int], topic: str) -> dict[int, Connection]:
    """The stores among these that can be told the topic and are not disconnected."""
    rows = Connection.objects.connected().filter(pk__in=set(connection_ids))
    rows = rows.only("pk", "channel", "state", "is_read_only", "account")
    return {row.pk: row for row in rows if can_send(row, topic)}


def touch(
    topic: str, subjects: Iterable[tuple[int, int]], *, listening: Mapping[int, bool] | None = None
) -> int:
    """Say that what these (store id, subject id) pairs show on their channel has changed; returns how many.

    State upsert in the caller's transaction: two statements, whatever their number. A message that was parked
    or skipped is due again, since what it was about has changed; one that is waiting after a fault keeps its
    wait. Disconnected stores, and stores that cannot be told the topic, are left out. Rings after the commit.
    A caller that has read the stores says which may be told (id -> read-only), and saves a statement.
    """
    pairs = sorted(set(subjects))
    if not pairs:
        return 0
    topic = str(topic)
    if listening is None:
        listening = {
            pk: row.is_read_only for pk, row in _listening({pair[0] for pair in pairs}, topic).items()
        }
    pairs = [pair for pair in pairs if pair[0] in listening]
    if not pairs:
        return 0
    rule = RULES[topic]
    with transaction.atomic(savepoint=False):
        _upsert(topic, rule, pairs)
        for connection_id in sorted({pair[0] for pair in pairs}):
            if not listening[connection_id]:
                enqueue.enqueue_push(connection_id, rule.lane)
    return len(pairs)


_COLUMNS = (
    'connection_id, kind, topic, lane, priority, subject, key, wanted, sent, step, attempts, crashes, is_uncertain, '
    'lease_token, last_error, is_held, created_at, changed_at'
)  # fmt: skip


def _upsert(topic: str, rule: Rule, pairs: Sequence[tuple[int, int]]) -> None:
    """Rows are written in the order of (store, subject), so that two changes never wait for each other."""
    quote = database.ops.quote_name
    table = quote(OutboxMessage._meta.db_table)
    columns = ", ".join("group" if c == "group" else quote(c.strip()) for c in _COLUMNS.split(","))
    if database.vendor == "postgresql":
        source = "unnest(%s::bigint[], %s::bigint[]) AS d(store, item)"
        values: list[Any] = [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
        false, store, item = "false", "d.store", "d.item"
    else:
        source = "json_each(%s) AS d"
        values = [json.dumps(pairs)]
        false, store, item = "0", "json_extract(d.value, '$[0]')", "json_extract(d.value, '$[1]')"
    sql = (
        f"INSERT INTO {table} ({columns}) "  # noqa: S608 (our own names)
        f"SELECT {store}, 'state', %s, %s, %s, {item}, '', 1, 0, '', 0, 0, {false}, '', '', {false}, %s, %s "
        f"FROM {source} WHERE true "
        f"ON CONFLICT (connection_id, topic, subject) WHERE kind = 'state' DO UPDATE SET "
        f"wanted = {table}.wanted + 1, changed_at = excluded.changed_at, "
        f"attempts = CASE WHEN {table}.parked_at IS NULL THEN {table}.attempts ELSE 0 END, "
        f"not_before = CASE WHEN {table}.parked_at IS NULL THEN {table}.not_before END, "
        f"parked_at = NULL, skipped_at = NULL"
    )
    now = database.ops.adapt_datetimefield_value(timezone.now())
    with database.cursor() as cursor:
        cursor.execute(sql, [topic, str(rule.lane), rule.priority, now, now, *values])


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be told: `group` is the order it belongs to, `key` makes it unique on its store and topic."""

    connection: Connection
    topic: str
    subject: int
    group: int
    key: str


def enqueue_event(*, connection: Connection, topic: str, subject: int, group: int, key: str) -> OutboxMessage:
    """Record one event, in the caller's transaction; the same key again returns the message that is there.

    On a read-only store it is held until the seller sends or skips it. Raises `NotSupported` when the channel
    cannot be told.
    """
    return enqueue_events([Event(connection, str(topic), subject, group, key)])[0]


def enqueue_events(events: Sequence[Event]) -> list[OutboxMessage]:
    """Record many events: two statements per topic; returns their messages in the order given."""

    for event in events:
        if not can_send(event.connection, event.topic):
            spec = event.connection.spec
            capability = RULES[event.topic].capability
            offered = event.connection.account.get("offered", {})
            raise NotSupported(
                str(offered.get(capability) or spec.reason(capability))
                or f"{spec.label} cannot be told “{event.topic}”."
            )
    found: dict[tuple[int, str, str], OutboxMessage] = {}
    by_topic: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_topic[event.topic].append(event)
    with transaction.atomic(savepoint=False):
        for topic, group in by_topic.items():
            rule = RULES[topic]
            OutboxMessage.objects.bulk_create(
                [
                    OutboxMessage(
                        connection_id=event.connection.pk,
                        kind=OutboxMessage.Kind.EVENT,
                        topic=topic,
                        lane=str(rule.lane),
                        priority=rule.priority,
                        subject=event.subject,
                        group=event.group,
                        key=event.key,
                        is_held=event.connection.is_read_only,
                    )
                    for event in group
                ],
                ignore_conflicts=True,
            )
            rows = OutboxMessage.objects.filter(
                kind=OutboxMessage.Kind.EVENT,
                topic=topic,
                connection_id__in={event.connection.pk for event in group},
                key__in={event.key for event in group},
            )
            found.update({(row.connection_id, topic, row.key): row for row in rows})
            for event in group:
                if not event.connection.is_read_only:
                    enqueue.enqueue_push(event.connection.pk, rule.lane)
    return [found[event.connection.pk, event.topic, event.key] for event in events]


class NotListed(Exception):
    """The store does not list something that was asked for by name; the text says what. The apps above raise it."""


def check_listed(*, connection: Connection, topic: str, skus: Sequence[str]) -> None:
    """Raise `NotListed` unless the store lists all of these SKUs."""
    if topic in _subjects:
        _subjects[topic][0](connection, skus)


def subjects_of(*, connection: Connection, topic: str, skus: Sequence[str] | None = None) -> list[int]:
    """Everything of a store that a topic is about, or what is of these SKUs; nothing is written.

    `LookupError` when no app says what the topic is about.
    """
    try:
        find, _forget = _subjects[topic]
    except KeyError:
        raise LookupError(f"no app says what there is to send for {topic}") from None
    return list(find(connection, skus))


def touch_all(*, connection: Connection, topic: str, skus: Sequence[str] | None = None) -> int:
    """Send everything of a store again (or of these SKUs): the Sync Stock and Sync Prices buttons.

    Returns how many subjects were asked for. `LookupError` when no app says what the topic is about.
    """
    subjects = subjects_of(connection=connection, topic=topic, skus=skus)
    forget = _subjects[topic][1]
    if forget is not None:
        forget(connection, subjects)
    return touch(topic, [(connection.pk, subject) for subject in subjects])


def save_step(message: OutboxMessage, step: str) -> None:
    """Keep how far a send of several steps has come, so that a repetition goes on from there."""
    OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token).update(step=step)
    message.step = step
