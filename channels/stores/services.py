"""Services of a connected store: pause, resume, disconnect, read-only and live, settings, import schedules, messages.

They raise `StoreError` with a sentence for the person; history always stays. Connecting is in
`channels.stores.connect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.spec import Stream
from channels.models import Connection, OutboxMessage, SyncRun, SyncStream
from channels.models.fields import Secrets
from channels.pull import intervals
from channels.push import outbox
from channels.stores.connect import (
    StoreError,
    checked_options,
    locked,
    resume_streams,
    set_state,
)
from channels.workers import enqueue, failures
from oms.kit.admin.badges import span_text
from oms.kit.authors import audit

# ---------------------------------------------------------------- state


@transaction.atomic
def pause(*, connection: Connection, reason: str = "") -> Connection:
    """Stop imports and sending of a store until it is resumed; a running import stops at its next page."""
    row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if row.state == Connection.State.DISCONNECTED:
        raise StoreError(_("“%s” is disconnected. Connect it again first.") % row.name)
    with audit.watch(row, "state", what="store.paused"):
        set_state(row, Connection.State.PAUSED, reason)
        row.save(update_fields=["state", "state_reason", "state_since"])
    return row


@transaction.atomic
def resume(*, connection: Connection) -> Connection:
    """Resume a paused store; imports continue at their cursors. Raises `StoreError` when it is not paused."""
    row = locked(connection)
    if row.state != Connection.State.PAUSED:
        raise StoreError(_("“%s” is not paused.") % row.name)
    with audit.watch(row, "state", what="store.resumed"):
        set_state(row, Connection.State.ACTIVE, "")
        row.save(update_fields=["state", "state_reason", "state_since"])
    resume_streams(row)
    return row


@transaction.atomic
def disconnect(*, connection: Connection, reason: str = "") -> Connection:
    """Delete a store's credentials and stop everything of it; its products, orders and runs stay.

    When the same account is connected later, the store has all of that again. `reason` is shown on the store; it is
    given where no person in Manifold disconnected it.
    """
    row = locked(connection)
    audit.record(
        "store.disconnected",
        row,
        {"state": (row.state, Connection.State.DISCONNECTED), "credentials": ("", "")},
    )
    set_state(row, Connection.State.DISCONNECTED, reason)
    row.credentials, row.webhook_secret, row.webhooks_at = Secrets(), Secrets(), None
    row.is_read_only, row.pushing_since = True, None
    row.failing_since, row.failure, row.blocked_until, row.is_in_maintenance = None, "", None, False
    row.save()
    SyncStream.objects.filter(connection=row).update(
        lease_token="", lease_until=None, wanted_ids=[], not_before=None, failures=0
    )
    _hold_events(row)
    SyncRun.objects.filter(connection=row, state=SyncRun.State.RUNNING).update(
        state=SyncRun.State.CANCELLED, error=_("The store was disconnected."), finished_at=timezone.now()
    )
    return row


def forget_credentials(pk: int) -> None:
    """Delete the credentials of a store (its key) that cannot be read any more; the store must be reconnected."""
    Connection.objects.filter(pk=pk).update(
        credentials=Secrets(),
        webhook_secret=Secrets(),
        webhooks_at=None,
        state=Connection.State.NEEDS_SELLER,
        state_reason=_("The key of its credentials was lost. Reconnect the store."),
        state_since=timezone.now(),
    )
    audit.record("store.credentials_lost", Connection.objects.get(pk=pk))


# ---------------------------------------------------------------- sending


@transaction.atomic
def set_read_only(*, connection: Connection) -> Connection:
    """Make a store read-only: data is imported, nothing is sent. Its unsent and later order events are held."""
    row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    with audit.watch(row, "is_read_only", what="store.read_only"):
        row.is_read_only, row.pushing_since = True, None
        row.save(update_fields=["is_read_only", "pushing_since"])
    _hold_events(row)
    return row


def _hold_events(connection: Connection) -> None:
    """Hold the order events that were not sent yet: a person sends or skips them when the store is live again."""
    waiting = OutboxMessage.objects.filter(
        connection=connection, kind=OutboxMessage.Kind.EVENT, lease_token=""
    )
    waiting.waiting().update(is_held=True)


@transaction.atomic
def switch_on(*, connection: Connection) -> Connection:
    """Make a store live: stock, prices and listings are sent as they are now; held order events stay held.

    A person sends or skips each of those (`send_held`, `skip`). Raises `StoreError` for a store that is not
    connected.
    """
    row = locked(connection)
    if row.state in (Connection.State.DISCONNECTED, Connection.State.NEEDS_SELLER):
        raise StoreError(_("“%s” is not connected. Reconnect it before you make it live.") % row.name)
    with audit.watch(row, "is_read_only", what="store.live"):
        row.is_read_only = False
        row.pushing_since = row.pushing_since or timezone.now()
        row.report_seen_at = row.report_seen_at or timezone.now()
        row.save(update_fields=["is_read_only", "pushing_since", "report_seen_at"])
    resume_streams(row)
    return row


def mark_report_seen(*, connection: Connection) -> None:
    """Record that a person has seen the first sync report."""
    Connection.objects.filter(pk=connection.pk, report_seen_at=None).update(report_seen_at=timezone.now())


@transaction.atomic
def send_held(*, messages: Sequence[int]) -> int:
    """Send these held order events (ids); return how many were held."""
    rows = OutboxMessage.objects.filter(pk__in=messages).held()
    targets = set(rows.values_list("connection_id", "lane"))
    _record_messages("message.sent", rows)
    count = rows.update(is_held=False)
    for connection_id, lane in targets:
        enqueue.enqueue_push(connection_id, lane)
    return count


@transaction.atomic
def skip(*, messages: Sequence[int]) -> int:
    """Skip these unsent messages (ids): they are not sent; return how many. A later change of a state is sent again."""
    rows = OutboxMessage.objects.filter(pk__in=messages).unsent()
    _record_messages("message.skipped", rows)
    return rows.update(skipped_at=timezone.now(), is_held=False, parked_at=None, not_before=None)


@transaction.atomic
def retry(*, messages: Sequence[int]) -> int:
    """Retry these failed or waiting messages (ids) now; return how many.

    A store that waits after a fault is called immediately: the person may know that it is open.
    """
    rows = OutboxMessage.objects.filter(pk__in=messages).unsent()
    targets = set(rows.values_list("connection_id", "lane"))
    failures.try_at_once({target[0] for target in targets})
    _record_messages("message.retried", rows)
    count = rows.update(parked_at=None, attempts=0, crashes=0, not_before=None)
    for connection_id, lane in targets:
        enqueue.enqueue_push(connection_id, lane)
    return count


def _record_messages(what: str, rows: QuerySet[OutboxMessage]) -> None:
    audit.record_many(what, [(message, {}) for message in rows.select_related("connection")])


@transaction.atomic
def send_now(*, connection: Connection, topic: str, skus: Sequence[str] | None = None) -> int:
    """Enqueue the stock or the prices (`topic`) of these SKUs, or of all of a store; return how many messages."""
    count = outbox.touch_all(connection=connection, topic=topic, skus=skus)
    if count:
        audit.record(f"store.send_{topic}", connection, {"skus": (None, ", ".join(skus))} if skus else {})
    return count


# ---------------------------------------------------------------- settings


@transaction.atomic
def change_settings(
    *, connection: Connection, name: str | None = None, options: Mapping[str, Any] | None = None
) -> Connection:
    """Rename a store, or change settings of its channel; settings that are not named keep their value."""
    row = locked(connection)
    before = audit.snapshot(row, ("name", "options"))
    if name is not None:
        if not name.strip():
            raise StoreError(_("Enter a name for the store."), field="name")
        if Connection.objects.filter(name=name.strip()).exclude(pk=row.pk).exists():
            raise StoreError(
                _("A store named “%s” already exists. Choose another name.") % name.strip(), field="name"
            )
        row.name = name.strip()
    if options:
        was_on = {spec.option: bool(row.option(spec.option)) for spec in row.spec.streams if spec.option}
        row.options = {**row.options, **checked_options(row.spec, options)}
        _switch_streams(row, was_on)
    row.save(update_fields=["name", "options"])
    if changes := audit.difference(before, audit.snapshot(row, ("name", "options"))):
        audit.record("store.settings", row, changes)
    return row


def _switch_streams(connection: Connection, before: Mapping[str, bool]) -> None:
    """Start or stop the streams that a setting switches, when the setting has changed."""
    for spec in connection.spec.streams:
        is_on = bool(spec.option and connection.option(spec.option))
        if not spec.option or is_on == before[spec.option]:
            continue
        period, due_at = (spec.option_period, timezone.now()) if is_on else (spec.period, None)
        rows = SyncStream.objects.filter(connection=connection, name=str(spec.name))
        rows.update(period=period, due_at=due_at)
        for stream in rows if is_on else ():
            enqueue.enqueue_pull(stream.pk, stream.lane)


@transaction.atomic
def change_stream(*, stream: SyncStream, period: int | None = None, is_on: bool | None = None) -> SyncStream:
    """Change the period of a stream (seconds), or switch it on or off (R-USE-04).

    Raises `StoreError` for a shorter period than the channel's limits allow (`intervals.shortest`); the text names
    the shortest one.
    """
    row = SyncStream.objects.select_for_update(of=("self",)).select_related("connection").get(pk=stream.pk)
    before = audit.snapshot(row, ("period", "is_on"))
    if period is not None:
        if period < intervals.LEAST:
            raise StoreError(_("The interval must be 1 minute (60 s) or more."), field="period")
        if period < (row.period or 0) and period < (least := intervals.shortest(row)):
            raise StoreError(
                _(
                    "The API limit of %(channel)s does not allow an import every %(asked)s. "
                    "Choose %(least)s or more, or run another import less often."
                )
                % {
                    "channel": row.connection.spec.label,
                    "asked": span_text(period),
                    "least": span_text(least),
                },
                field="period",
            )
        row.period = period
        row.due_at = min(row.due_at or timezone.now(), timezone.now() + timedelta(seconds=period))
    if is_on is not None:
        spec = row.connection.spec
        capability = spec.stream(row.name).capability
        if is_on and not spec.supports(capability):
            raise StoreError(str(spec.reason(capability)))
        if is_on and not row.is_on and row.period:
            row.due_at = timezone.now()
        row.is_on = is_on
    row.save(update_fields=["period", "due_at", "is_on"])
    if changes := audit.difference(before, audit.snapshot(row, ("period", "is_on"))):
        audit.record("store.schedule", row, changes)
    return row


def run_now(*, connection: Connection, stream: Stream | str) -> str:
    """Start a scheduled import now because a person asks for it; return in one sentence what happens.

    A pause after a fault ends. Raises `StoreError` for a store that imports nothing now.
    """
    store = Connection.objects.get(pk=connection.pk)
    if not store.may_pull:
        raise StoreError(
            store.state_reason
            or _("%(store)s is %(state)s: nothing is imported from it.")
            % {"store": store.name, "state": store.get_state_display().lower()}
        )
    refresh_now(connection=store, stream=stream)
    store.refresh_from_db(fields=["blocked_until"])
    if failures.is_blocked(store) and store.blocked_until:
        wait = span_text((store.blocked_until - timezone.now()).total_seconds())
        return _("The API limit is used up. The import starts in %s.") % wait
    return _("Import started. Its result is shown under “Last run”.")


def refresh_now(*, connection: Connection, stream: Stream | str) -> None:
    """Start a scheduled import now."""
    failures.try_at_once([connection.pk])
    for row in SyncStream.objects.filter(connection=connection, name=str(stream)):
        audit.record("store.import_started", row)
        SyncStream.objects.filter(pk=row.pk).update(due_at=timezone.now(), not_before=None)
        enqueue.enqueue_pull(row.pk, row.lane)
