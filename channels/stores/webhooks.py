"""Webhooks: calls from channels are verified, stored once, answered immediately, and worked later.

A webhook only starts the import of one record; the scheduled import stays the source of the data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from channels.contract.cleaning import clean_text, fit
from channels.contract.errors import ChannelError, NotSupported
from channels.contract.spec import Capability
from channels.models import Connection, SyncStream, WebhookEvent
from channels.pull import runner, single_records
from channels.workers import enqueue

log = logging.getLogger(__name__)

STORED_FOR = timedelta(days=30)
SHOWN_FOR = timedelta(days=1)  # that a refused call is shown on the page of its store
RECORDED_EVERY = 60  # seconds: refused calls are recorded once in this time, because anybody can make them
FORGED_WINDOW = 60  # seconds
MOST_FORGED = 20  # forged calls of one address in this time
MAX_EVENTS = 500  # that one call of `handle` works


#: What a carrier's webhooks do: called with the account and the tracking numbers, in the transaction that ends the events.
_parcel_sinks: list[Callable[[Connection, list[str]], None]] = []


def register_parcel_sink(sink: Callable[[Connection, list[str]], None]) -> None:
    """Register the function that is called with the parcels that have news."""
    _parcel_sinks.append(sink)


class Forged(Exception):
    """The call does not come from the store's channel: its signature is wrong."""


def receive(*, connection: Connection, headers: Mapping[str, str], body: bytes, secret: str = "") -> int:
    """Store the events of a call; return how many are new. Raises `Forged` when the call is not genuine.

    `secret` is the application's secret, where the channel has one; otherwise the store's own is used. An event that
    comes again (a replay, a retry of the channel) is stored once and does nothing more.
    """
    secret = secret or str(connection.webhook_secret.get("secret", ""))
    if not secret:
        raise Forged
    try:
        records = runner.adapter_of(connection).read_webhook(headers, body, secret)
    except ChannelError as error:
        raise Forged from error
    wanted = {fit(clean_text(record.event_id), 120): record for record in records}
    if not wanted:
        return 0
    with transaction.atomic():
        stored = set(
            WebhookEvent.objects.filter(connection=connection, event_id__in=wanted).values_list(
                "event_id", flat=True
            )
        )
        fresh = [record for event_id, record in wanted.items() if event_id not in stored]
        if not fresh:
            return 0
        WebhookEvent.objects.bulk_create(
            [
                WebhookEvent(
                    connection=connection,
                    event_id=fit(clean_text(record.event_id), 120),
                    topic=record.topic[:60],
                    stream=record.stream[:30],
                    external_id=fit(record.external_id, 120),
                )
                for record in fresh
            ],
            ignore_conflicts=True,
        )
        enqueue.enqueue_webhooks(connection.pk)
    return len(fresh)


def note_refused(connection: Connection) -> None:
    """Record on the store that a call in the channel's name was refused; at most once a minute."""
    if not cache.add(f"refused-call-{connection.pk}", 1, RECORDED_EVERY):
        return
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        row.account = {**row.account, "refused_call": timezone.now().isoformat()}
        row.save(update_fields=["account"])


def is_limited(request: HttpRequest) -> bool:
    """Whether the caller's address sent too many forged calls in the last minute: it is answered before any work."""
    return int(cache.get(_forged_key(request), 0)) >= MOST_FORGED


def count_forged(request: HttpRequest) -> None:
    """Count a forged call of an address."""
    key = _forged_key(request)
    cache.add(key, 0, FORGED_WINDOW)
    with suppress(ValueError):  # it ended between the two statements
        cache.incr(key)


def _forged_key(request: HttpRequest) -> str:
    # The project knows which proxies are ours; this app does not import the project.
    address: str = import_string(settings.AXES_CLIENT_IP_CALLABLE)(request)
    return f"forged-webhooks:{address}"


def refused_at(connection: Connection) -> datetime | None:
    """Return when a call in the channel's name was last refused; None after a day."""
    at = parse_datetime(str(connection.account.get("refused_call", "")))
    return at if at is not None and timezone.now() - at < SHOWN_FOR else None


def handle(connection_id: int) -> list[int]:
    """Request the records that the open events of this store name; return the keys of their streams, to be imported now.

    Works up to 500 open events of the store, so that one task is enough for many events. Safe to call twice.
    """
    connection = Connection.objects.filter(pk=connection_id).first()
    if connection is None or not connection.may_pull:
        return []  # the events of a paused store are worked when it is resumed
    woken: list[int] = []
    with transaction.atomic():
        rows = list(
            WebhookEvent.objects.select_for_update()
            .filter(connection=connection, handled_at=None)
            .order_by("id")[:MAX_EVENTS]
        )
        ids: dict[str, list[str]] = {}
        for row in rows:
            ids.setdefault(row.stream, []).append(row.external_id)
        if connection.kind == Connection.Kind.CARRIER:
            for sink in _parcel_sinks:
                sink(connection, [row.external_id for row in rows if row.external_id])
        streams = {
            stream.name: stream
            for stream in SyncStream.objects.filter(connection=connection, name__in=ids).order_by("pk")
        }
        for name, stream in streams.items():
            wanted = [external_id for external_id in ids[name] if external_id]
            if wanted:
                single_records.request_records(stream, wanted, is_worked_now=True)
            else:
                SyncStream.objects.filter(pk=stream.pk, is_on=True).update(due_at=timezone.now())
            woken.append(stream.pk)
        WebhookEvent.objects.filter(pk__in=[row.pk for row in rows]).update(handled_at=timezone.now())
        if len(rows) == MAX_EVENTS:
            enqueue.enqueue_webhooks(connection_id)
    return woken


def prune(limit: int = 5000) -> int:
    """Delete handled events older than 30 days, at most `limit` at a time; return how many."""
    old = WebhookEvent.objects.filter(handled_at__lt=timezone.now() - STORED_FOR).order_by("handled_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    if ids:
        WebhookEvent.objects.filter(pk__in=ids).delete()
    return len(ids)


def register_webhooks(*, connection: Connection) -> bool:
    """Ask the channel to call Manifold. A refusal becomes a warning on the store; the tick tries again later."""
    if not settings.OMS_PUBLIC_URL or not connection.spec.supports(Capability.WEBHOOKS):
        return False
    if Capability.WEBHOOKS in connection.account.get("offered", {}):
        return False
    url = f"{settings.OMS_PUBLIC_URL}/hooks/{connection.channel}/{connection.pk}/"
    warning = ""
    try:
        runner.adapter_of(connection).register_webhooks(url, str(connection.webhook_secret.get("secret", "")))
    except NotSupported:
        return False
    except ChannelError as error:
        log.warning("webhooks of %s: %s %s", connection, error.message, error.detail)
        warning = (
            _("Instant updates (webhooks) could not be set up. Orders are imported on schedule. Reason: %s")
            % error.message
        )
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        row.account = {key: value for key, value in row.account.items() if key != "webhook_warning"}
        if warning:
            row.account["webhook_warning"] = warning[:500]
        row.webhooks_at = None if warning else timezone.now()
        row.save(update_fields=["account", "webhooks_at"])
    connection.account, connection.webhooks_at = row.account, row.webhooks_at
    return not warning
