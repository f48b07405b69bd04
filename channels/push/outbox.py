"""The outbox: messages to channels are written in the transaction of the change and sent after its commit.

*State* topics have one row for each (store, topic, subject), whose `wanted` grows with each change. *Event* topics have
one row for each event, sent in the order of their group. Messages have no payload: the handler reads the current data
when it sends. `channels.push.dispatcher` sends them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from django.core.exceptions import EmptyResultSet
from django.db import connection as database
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported
from channels.contract.records.updates import Outcome
from channels.contract.registry import specs
from channels.contract.spec import Capability, Lane
from channels.models import Connection, OutboxMessage
from channels.push.topics import RULES, Rule
from channels.workers import enqueue


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of a preview: `what` it is about, the `old` value in the store, the `new` value, and why."""

    message_id: int
    what: str
    old: str
    new: str
    why: str = ""


class Handler(Protocol):
    """Sends the messages of one topic. It reads the current data; a message has only its subject.

    `send` returns one `Outcome` for each message (`ref = str(message.pk)`) and may raise a `ChannelError` for the whole
    call. A message with `is_uncertain` was perhaps sent before: the handler must check the channel first.
    """

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]: ...

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]: ...


class Sending(Protocol):
    """The data of a claim, read by a handler in advance: `send` sends one batch, `close` stores what was sent."""

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]: ...

    def close(self) -> None: ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A handler of absolute figures: many batches are claimed and read together, and their results are stored together.

    Only for data that may be sent twice: when a worker is killed, the whole claim is sent again.
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
    """Register the handler of a topic. Lane, priority and capability default to `topics.RULES`.

    Raises `LookupError` for a topic without a rule when one of them is missing.
    """
    rule = RULES.get(topic)
    if rule is None and (lane is None or priority is None or capability is None):
        raise LookupError(f"the topic {topic} is new: give its lane, priority and capability")
    if lane is not None or priority is not None or capability is not None:
        RULES[topic] = Rule(
            lane=str(lane if lane is not None else rule.lane if rule else Lane.DEFAULT),
            priority=priority if priority is not None else rule.priority if rule else 50,
            capability=capability or (rule.capability if rule else Capability.UPDATE_LISTING),
            is_event=rule.is_event if rule else False,
        )
    _handlers[str(topic)] = handler


def handler_for(topic: str) -> Handler:
    """Return the handler of a topic; raises `LookupError` when no app has registered one."""
    try:
        return _handlers[topic]
    except KeyError:
        raise LookupError(f"no handler is registered for the topic {topic}") from None


def register_subjects(topic: str, find: Subjects, *, forget: Forget | None = None) -> None:
    """Register how to find the subjects of a topic in a store (of these SKUs, or all).

    `find` writes nothing. `forget` is called before all subjects are sent again, so that none counts as sent already.
    """
    _subjects[str(topic)] = find, forget


def can_send(connection: Connection, topic: str) -> bool:
    """Whether the channel and this account of it support this topic."""
    capability = RULES[topic].capability
    return connection.spec.supports(capability) and capability not in connection.account.get("offered", {})


def _receivers(connection_ids: Iterable[int], topic: str) -> dict[int, Connection]:
    """Return the stores among these that support the topic and are not disconnected, by key."""
    rows = Connection.objects.connected().filter(pk__in=set(connection_ids))
    rows = rows.only("pk", "channel", "state", "is_read_only", "account")
    return {row.pk: row for row in rows if can_send(row, topic)}


def touch(topic: str, subjects: Iterable[tuple[int, int]]) -> int:
    """Record that these (store id, subject id) pairs have changed and must be sent; return how many.

    It writes state messages in the caller's transaction, with two statements for any number. A failed or skipped message
    is due again, as its subject has changed; one that waits after a fault still waits. Disconnected stores, and stores
    that do not support the topic, are ignored. Workers are woken after the commit.
    """
    pairs = sorted(set(subjects))
    if not pairs:
        return 0
    topic = str(topic)
    receivers = _receivers({pair[0] for pair in pairs}, topic)
    pairs = [pair for pair in pairs if pair[0] in receivers]
    if not pairs:
        return 0
    if database.vendor == "postgresql":
        source = "SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS p(store, item)"
        values: list[Any] = [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    else:
        source = "SELECT json_extract(value, '$[0]') AS store, json_extract(value, '$[1]') AS item FROM json_each(%s)"
        values = [json.dumps(pairs)]
    _upsert(topic, source, values)
    return len(pairs)


def touch_listed(topic: str, rows: QuerySet[Any]) -> None:
    """Record that what `rows` selects has changed and must be sent, like `touch`, with one statement for any number.

    `rows` are of a model with a `connection`: the store; their primary keys are the subjects.
    """
    topic = str(topic)
    capability = RULES[topic].capability
    offering = [key for key, spec in specs().items() if spec.supports(capability)]
    refusal = KeyTextTransform(str(capability), KeyTransform("offered", "connection__account"))
    rows = rows.alias(refusal=refusal).filter(refusal__isnull=True, connection__channel__in=offering)
    rows = rows.exclude(connection__state=Connection.State.DISCONNECTED).order_by()
    pairs = rows.annotate(store=F("connection_id"), item=F("pk")).values_list("store", "item")
    try:
        source, values = pairs.query.get_compiler(using=database.alias).as_sql()
    except EmptyResultSet:
        return
    _upsert(topic, source, values)


_COLUMNS = (
    'connection_id, kind, topic, lane, priority, subject, key, wanted, sent, step, attempts, crashes, is_uncertain, '
    'lease_token, last_error, is_held, is_written, created_at, changed_at, waiting_since'
)  # fmt: skip


def _upsert(topic: str, source: str, values: Sequence[Any]) -> None:
    """Write the rows that the query `source` gives as `store` and `item`, and wake the workers of their stores.

    In the order of (store, subject), so that two changes cannot deadlock.
    """
    rule = RULES[topic]
    quote = database.ops.quote_name
    table, stores = quote(OutboxMessage._meta.db_table), quote(Connection._meta.db_table)
    columns = ", ".join("group" if c == "group" else quote(c.strip()) for c in _COLUMNS.split(","))
    false, true = ("false", "true") if database.vendor == "postgresql" else ("0", "1")
    sql = (
        f"INSERT INTO {table} ({columns}) "  # noqa: S608 (names of models)
        f"SELECT d.store, 'state', %s, %s, %s, d.item, '', 1, 0, '', 0, 0, {false}, '', '', {false}, {true}, %s, %s, %s "
        f"FROM ({source}) AS d WHERE true ORDER BY d.store, d.item "
        f"ON CONFLICT (connection_id, topic, subject) WHERE kind = 'state' DO UPDATE SET "
        f"wanted = {table}.wanted + 1, changed_at = excluded.changed_at, "
        f"waiting_since = CASE WHEN {table}.wanted > {table}.sent AND {table}.skipped_at IS NULL "
        f"THEN {table}.waiting_since ELSE excluded.waiting_since END, "
        f"attempts = CASE WHEN {table}.parked_at IS NULL THEN {table}.attempts ELSE 0 END, "
        f"not_before = CASE WHEN {table}.parked_at IS NULL THEN {table}.not_before END, "
        f"parked_at = NULL, skipped_at = NULL "
        f"RETURNING connection_id, (SELECT is_read_only FROM {stores} s WHERE s.id = connection_id)"
    )
    now = database.ops.adapt_datetimefield_value(timezone.now())
    with transaction.atomic(savepoint=False):
        with database.cursor() as cursor:
            cursor.execute(sql, [topic, str(rule.lane), rule.priority, now, now, now, *values])
            touched = set(cursor.fetchall())
        enqueue.enqueue_pushes([store for store, is_read_only in touched if not is_read_only], rule.lane)


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be sent: `group` is its order, `key` makes it unique for its store and topic."""

    connection: Connection
    topic: str
    subject: int
    group: int
    key: str


def enqueue_event(*, connection: Connection, topic: str, subject: int, group: int, key: str) -> OutboxMessage:
    """Record one event, in the caller's transaction; for a key that exists already, return its message.

    For a read-only store it is held until a person sends or skips it. Raises `NotSupported` when the event cannot be sent
    to the channel.
    """
    return enqueue_events([Event(connection, str(topic), subject, group, key)])[0]


def enqueue_events(events: Sequence[Event]) -> list[OutboxMessage]:
    """Record many events with two statements for each topic; return their messages in the order given."""

    for event in events:
        if not can_send(event.connection, event.topic):
            spec = event.connection.spec
            capability = RULES[event.topic].capability
            offered = event.connection.account.get("offered", {})
            raise NotSupported(
                str(offered.get(capability) or spec.reason(capability))
                or _("“%(event)s” cannot be sent to %(channel)s.")
                % {"event": event.topic, "channel": spec.label}
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
    """The store does not list a requested SKU; the text says which. The apps above raise it."""


def check_listed(*, connection: Connection, topic: str, skus: Sequence[str]) -> None:
    """Raise `NotListed` unless the store lists all of these SKUs."""
    if topic in _subjects:
        _subjects[topic][0](connection, skus)


def subjects_of(*, connection: Connection, topic: str, skus: Sequence[str] | None = None) -> list[int]:
    """Return the subjects of a topic in a store: all, or those of these SKUs. Nothing is written.

    Raises `LookupError` when no app has registered subjects of the topic.
    """
    try:
        find, _forget = _subjects[topic]
    except KeyError:
        raise LookupError(f"no subjects are registered for the topic {topic}") from None
    return list(find(connection, skus))


def touch_all(*, connection: Connection, topic: str, skus: Sequence[str] | None = None) -> int:
    """Send all subjects of a topic in a store again, or those of these SKUs (Sync Stock, Sync Prices); return how many.

    Raises `LookupError` when no app has registered subjects of the topic.
    """
    subjects = subjects_of(connection=connection, topic=topic, skus=skus)
    forget = _subjects[topic][1]
    if forget is not None:
        forget(connection, subjects)
    return touch(topic, [(connection.pk, subject) for subject in subjects])


def save_step(message: OutboxMessage, step: str) -> None:
    """Store the finished step of a send with several steps, so that a repetition continues after it."""
    OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token).update(step=step)
    message.step = step
