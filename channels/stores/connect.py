"""Connecting a store: a real call first, one account is one store, history comes back with the account.

Nothing of a store is saved before a real call has shown that its credentials work (R-CONN-06); the same account is
refused, naming the store that has it (R-CONN-07).
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import AuthError, ChannelError, Rejected
from channels.contract.records.account import AccountRecord
from channels.contract.records.orders import StatusRecord
from channels.contract.registry import spec_for
from channels.contract.spec import ChannelSpec
from channels.models import Budget, Connection, SyncStream
from channels.models.fields import Secrets
from channels.pull import runner
from channels.stores import first_sync, status_map
from channels.workers import enqueue
from oms.kit.models import Job

log = logging.getLogger(__name__)

SAFETY_NET = timedelta(hours=1)  # regular pulls begin then even if the first sync never ends


class StoreError(Exception):
    """It cannot be done; the text says why and what to do, `field` which input is to blame."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def connect(
    *,
    channel: str,
    name: str,
    credentials: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    author: Any = None,
) -> Connection:
    """Connect a store: verify with a real call, refuse a second one of the same account, start the first sync.

    The store begins read-only. A disconnected store of the same account comes back with its history, under the
    name it had. Raises `StoreError`; nothing is stored then.
    """
    spec = _spec(channel)
    name = name.strip()
    given = _check_credentials(spec, credentials)
    if not name:
        raise StoreError(_("Give the store a name."), field="name")
    account, statuses, given = _ask(spec, name, given)
    known = Connection.objects.filter(channel=channel, fingerprint=account.identity).first()
    if known is not None:
        if known.state != Connection.State.DISCONNECTED:
            raise _already(known)
        return _bring_back(known, given, account, statuses, author=author)
    if Connection.objects.filter(name=name).exists():
        raise StoreError(_("There is a store called “%s” already; choose another name.") % name, field="name")
    try:
        with transaction.atomic():
            connection = Connection(
                channel=channel,
                name=name,
                fingerprint=account.identity,
                credentials=Secrets(given),
                options=checked_options(spec, options or {}),
                webhook_secret=Secrets(secret=secrets.token_hex(32)),
            )
            _take_account(connection, account)
            connection.save(force_insert=True)
            set_up(connection, statuses)
            first_sync.start(connection=connection, author=author)
    except IntegrityError:
        # Somebody connected it while we asked: the constraint decides, the sentence is the same.
        known = Connection.objects.filter(channel=channel, fingerprint=account.identity).first()
        if known is not None:
            raise _already(known) from None
        raise StoreError(
            _("There is a store called “%s” already; choose another name.") % name, field="name"
        ) from None
    return connection


def verify_account(*, channel: str, credentials: Mapping[str, Any], name: str = "") -> AccountRecord:
    """Ask the channel whose account these credentials open; stores nothing. Raises `StoreError`."""
    spec = _spec(channel)
    return _ask(spec, name, _check_credentials(spec, credentials))[0]


def reconnect(*, connection: Connection, credentials: Mapping[str, Any], author: Any = None) -> Connection:
    """Give a store new credentials; they must open the same account. Its history, settings and cursors stay.

    Secret fields that are left empty keep the value that is stored.
    """
    spec = connection.spec
    merged = {**connection.credentials, **{key: value for key, value in credentials.items() if value}}
    given = _check_credentials(spec, merged)
    account, statuses, given = _ask(spec, connection.name, given, connection=connection)
    if account.identity != connection.fingerprint:
        raise StoreError(
            _(
                "These credentials open another account (%(other)s) than the one of “%(store)s”; connect it as a new store."
            )
            % {"other": account.name or account.identity, "store": connection.name}
        )
    return _bring_back(connection, given, account, statuses, author=author)


def _spec(channel: str) -> ChannelSpec:
    try:
        return spec_for(channel)
    except LookupError as error:
        raise StoreError(str(error), field="channel") from error


def _check_credentials(spec: ChannelSpec, credentials: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(credentials)
    for field in spec.credential_fields:
        value = given.get(field.name)
        if isinstance(value, str):
            given[field.name] = value = value.strip()
        if field.is_required and not value:
            raise StoreError(_("“%s” is missing.") % field.label, field=field.name)
        if field.is_url and value:
            given[field.name] = _check_url(str(value), field.name)
    return given


def _check_url(value: str, field: str) -> str:
    """The address with a scheme and without query; `StoreError` when it is none."""
    text = value if "://" in value else f"https://{value}"
    try:
        parts = urlsplit(text)
        is_sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or parts.username or parts.password or any(c.isspace() for c in text):
        raise StoreError(
            _("“%s” is not the address of a shop; it looks like https://shop.example.com.") % value,
            field=field,
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _ask(
    spec: ChannelSpec, name: str, credentials: Mapping[str, Any], *, connection: Connection | None = None
) -> tuple[AccountRecord, Sequence[StatusRecord], dict[str, Any]]:
    """The real call that shows whether the credentials work; the store's statuses, and the credentials to keep.

    A channel without a wire has nobody to ask: each of its stores is an account of its own.
    """
    if not spec.has_wire:
        return _alone(spec, name, credentials, connection), (), dict(credentials)
    asking = Connection(
        channel=spec.key,
        name=name or spec.label,
        credentials=Secrets(credentials),
        options=connection.options if connection else {},
        url=next((str(credentials.get(f.name, "")) for f in spec.credential_fields if f.is_url), ""),
    )
    asking.is_being_connected = True
    try:
        adapter = runner.adapter_of(asking)
        account = adapter.verify()
        if not account.identity:
            raise StoreError(_("%s did not say whose account this is.") % spec.label)
        asking.account = {"offered": dict(account.offered), **account.extra}
        asking.currency, asking.time_zone = account.currency, account.time_zone or "UTC"
        return account, adapter.pull_statuses(), {**credentials, **adapter.renewed()}
    except ChannelError as error:
        secret = next((f.name for f in spec.credential_fields if f.is_secret), "")
        field = error.field if isinstance(error, Rejected) else secret if isinstance(error, AuthError) else ""
        raise StoreError(error.message, field=field) from error


def _alone(
    spec: ChannelSpec, name: str, credentials: Mapping[str, Any], connection: Connection | None
) -> AccountRecord:
    """The account of a store that exists here only; its currency and time zone are what people typed."""
    currency = str(credentials.get("currency", "")).upper()
    zone = str(credentials.get("time_zone", "")) or "UTC"
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise StoreError(_("A currency has three letters, such as EUR."), field="currency")
    if zone not in available_timezones():
        raise StoreError(_("“%s” is no time zone; it looks like Europe/London.") % zone, field="time_zone")
    identity = connection.fingerprint if connection else secrets.token_hex(12)
    return AccountRecord(
        identity=identity, name=name or spec.label, url="", currency=currency, time_zone=zone
    )


def _already(known: Connection) -> StoreError:
    return StoreError(_("This account is already connected as “%s”; one account is one store.") % known.name)


def _take_account(connection: Connection, account: AccountRecord) -> None:
    facts = asdict(account)
    extra = facts.pop("extra")
    kept = {
        key: connection.account[key] for key in ("webhook_warning", "choices") if key in connection.account
    }
    connection.account = {**facts, "extra": dict(extra), **kept}
    connection.currency = account.currency[:3]
    connection.time_zone = account.time_zone or "UTC"
    connection.url = account.url[:300]


def set_up(connection: Connection, statuses: Sequence[StatusRecord]) -> None:
    """Budget, streams and status map of a store; what is there already is left as people set it."""
    spec = connection.spec
    now = timezone.now()
    Budget.objects.get_or_create(
        connection=connection,
        defaults={
            "tokens": spec.budget.capacity,
            "capacity": spec.budget.capacity,
            "per_second": spec.budget.per_second,
            "filled_at": now,
        },
    )
    have = set(connection.streams.values_list("name", flat=True))
    offered = connection.account.get("offered", {})
    SyncStream.objects.bulk_create(
        [
            SyncStream(
                connection=connection,
                name=str(stream.name),
                period=stream.period,
                lane=str(stream.lane),
                # Changes from now on are the regular pulls' business, what was before is the first sync's.
                cursor_at=now if stream.name.startswith("orders.") else None,
                due_at=now + SAFETY_NET + timedelta(seconds=random.uniform(0, stream.period))
                if stream.period
                else None,
            )
            for stream in spec.streams
            if stream.name not in have
            and spec.supports(stream.capability)
            and stream.capability not in offered
        ]
    )
    status_map.merge(connection=connection, records=statuses)


def _bring_back(
    connection: Connection,
    credentials: Mapping[str, Any],
    account: AccountRecord,
    statuses: Sequence[StatusRecord],
    *,
    author: Any,
) -> Connection:
    with transaction.atomic():
        row = locked(connection)
        was_gone = row.state == Connection.State.DISCONNECTED
        row.credentials = Secrets(credentials)
        if not row.webhook_secret:
            row.webhook_secret = Secrets(secret=secrets.token_hex(32))
        _take_account(row, account)
        if row.state != Connection.State.PAUSED:
            set_state(row, Connection.State.ACTIVE, "")
        row.failing_since, row.failure, row.blocked_until, row.is_in_maintenance = None, "", None, False
        if was_gone:
            row.is_read_only, row.webhooks_at = True, None
        row.save()
        set_up(row, statuses)
        resume_streams(row)
        first = first_sync.latest(row)
        if was_gone or (first is not None and first.state == Job.State.FAILED):
            first_sync.start(connection=row, author=author)
    return row


def locked(connection: Connection) -> Connection:
    """The store and its streams, locked until the transaction ends; streams first, as a page is stored.

    Else the page that has its stream and wants the store, and whoever has the store and wants its streams, would wait
    for each other.
    """
    rows = SyncStream.objects.select_for_update(of=("self",)).filter(connection=connection)
    list(rows.order_by("pk").values_list("pk", flat=True))
    return Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)


def set_state(connection: Connection, state: str, reason: str) -> None:
    if connection.state != state:
        connection.state_since = timezone.now()
    connection.state, connection.state_reason = state, reason[:500]


def resume_streams(connection: Connection) -> None:
    """Everything of a store that waits may begin now, and what failed last is not left to its next turn."""
    failed = SyncStream.objects.filter(connection=connection, is_on=True, period__gt=0, failures__gt=0)
    failed.update(due_at=timezone.now())
    SyncStream.objects.filter(connection=connection).update(not_before=None, failures=0)
    for stream in connection.streams.filter(period__isnull=False):
        if stream.due_at is not None and stream.due_at <= timezone.now():
            enqueue.enqueue_pull(stream.pk, stream.lane)
    if connection.may_push:
        for lane in enqueue.LANES:
            enqueue.enqueue_push(connection.pk, lane)


def checked_options(spec: ChannelSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    known = {setting.name: setting for setting in spec.settings}
    checked: dict[str, Any] = {}
    for name, value in options.items():
        setting = known.get(name)
        if setting is None:
            raise StoreError(
                _("%(channel)s has no setting “%(name)s”.") % {"channel": spec.label, "name": name}
            )
        if setting.kind == "bool" and not isinstance(value, bool):
            raise StoreError(_("“%s” is either on or off.") % setting.label, field=name)
        if setting.kind == "choice" and value not in [choice for choice, _label in setting.choices]:
            raise StoreError(
                _("“%(value)s” is no choice of “%(name)s”.") % {"value": value, "name": setting.label},
                field=name,
            )
        if setting.kind == "number" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise StoreError(_("“%s” is a whole number, 0 or more.") % setting.label, field=name)
        checked[name] = value
    return checked
