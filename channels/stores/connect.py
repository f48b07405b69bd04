"""Connect and reconnect stores.

Nothing of a store is saved before a real call has shown that its credentials work (R-CONN-06). An account that is
connected already is refused with the name of its store (R-CONN-07). A disconnected account keeps its history.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal, InvalidOperation
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
from channels.contract.spec import ChannelSpec, StoreSetting
from channels.contract.validation.record_limits import clean_records
from channels.models import Budget, Connection, SyncStream
from channels.models.fields import Secrets
from channels.pull import runner
from channels.stores import first_sync, status_map
from channels.workers import enqueue
from oms.kit.authors import audit
from oms.kit.authors.actors import Author, person
from oms.kit.models import Job

log = logging.getLogger(__name__)

FIRST_SYNC_TIME = timedelta(hours=1)  # scheduled imports start then, also if the first sync has not ended


class StoreError(Exception):
    """The action is not possible; the text says why and what to do, `field` names the wrong input."""

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

    The store is read-only at first. A disconnected store of the same account is connected again, with its history
    and its old name. Raises `StoreError`; nothing is stored then.
    """
    spec = _spec(channel)
    name = name.strip()
    given = _check_credentials(spec, credentials)
    if not name:
        raise StoreError(_("Enter a name for the store."), field="name")
    account, statuses, given = _ask(spec, name, given)
    existing = Connection.objects.filter(channel=channel, fingerprint=account.identity).first()
    if existing is not None:
        if existing.state != Connection.State.DISCONNECTED:
            raise _already_connected(existing)
        return _connect_again(existing, given, account, statuses, author=author)
    if Connection.objects.filter(name=name).exists():
        raise StoreError(_("A store named “%s” already exists. Choose another name.") % name, field="name")
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
            _set_account(connection, account)
            connection.save(force_insert=True)
            set_up(connection, statuses)
            audit.record("store.connected", connection, by=_author(author))
            first_sync.start(connection=connection, author=author)
    except IntegrityError:
        # Another person connected it during the call: the constraint decides, the sentence is the same.
        existing = Connection.objects.filter(channel=channel, fingerprint=account.identity).first()
        if existing is not None:
            raise _already_connected(existing) from None
        raise StoreError(
            _("A store named “%s” already exists. Choose another name.") % name, field="name"
        ) from None
    return connection


def verify_account(*, channel: str, credentials: Mapping[str, Any], name: str = "") -> AccountRecord:
    """Return the account that these credentials open, by a real call; stores nothing. Raises `StoreError`."""
    spec = _spec(channel)
    return _ask(spec, name, _check_credentials(spec, credentials))[0]


def reconnect(*, connection: Connection, credentials: Mapping[str, Any], author: Any = None) -> Connection:
    """Replace the credentials of a store; they must open the same account. History, settings and cursors stay.

    Secret fields that are empty keep their stored value. Raises `StoreError`; nothing is stored then.
    """
    spec = connection.spec
    merged = {**connection.credentials, **{key: value for key, value in credentials.items() if value}}
    given = _check_credentials(spec, merged)
    account, statuses, given = _ask(spec, connection.name, given, connection=connection)
    if account.identity != connection.fingerprint:
        raise StoreError(
            _(
                "These keys belong to another account (%(other)s), not to the account of “%(store)s”. "
                "Connect it as a new store."
            )
            % {"other": account.name or account.identity, "store": connection.name}
        )
    return _connect_again(connection, given, account, statuses, author=author)


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
    """Return the address with a scheme and without a query; raises `StoreError` when it is no address."""
    text = value if "://" in value else f"https://{value}"
    try:
        parts = urlsplit(text)
        is_sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or parts.username or parts.password or any(c.isspace() for c in text):
        raise StoreError(
            _("“%s” is not the address of a store. Example: https://shop.example.com.") % value,
            field=field,
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _ask(
    spec: ChannelSpec, name: str, credentials: Mapping[str, Any], *, connection: Connection | None = None
) -> tuple[AccountRecord, Sequence[StatusRecord], dict[str, Any]]:
    """Make the real call that shows whether the credentials work; return account, statuses, credentials to store.

    A channel without an API is not called: each of its stores is an account of its own.
    """
    if not spec.has_wire:
        return _offline_account(spec, name, credentials, connection), (), dict(credentials)
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
            raise StoreError(_("%s did not return the identity of this account. Try again.") % spec.label)
        asking.account = {"offered": dict(account.offered), **account.extra}
        asking.currency, asking.time_zone = account.currency, account.time_zone or "UTC"
        return account, clean_records(adapter.pull_statuses()), {**credentials, **adapter.renewed()}
    except ChannelError as error:
        secret = next((f.name for f in spec.credential_fields if f.is_secret), "")
        field = error.field if isinstance(error, Rejected) else secret if isinstance(error, AuthError) else ""
        raise StoreError(error.message, field=field) from error


def _offline_account(
    spec: ChannelSpec, name: str, credentials: Mapping[str, Any], connection: Connection | None
) -> AccountRecord:
    """Return the account of a store without an API, with the currency and time zone that a person entered."""
    currency = str(credentials.get("currency", "")).upper()
    zone = str(credentials.get("time_zone", "")) or "UTC"
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise StoreError(_("Enter a currency with three letters, such as EUR."), field="currency")
    if zone not in available_timezones():
        raise StoreError(_("“%s” is not a time zone. Example: Europe/London.") % zone, field="time_zone")
    identity = connection.fingerprint if connection else secrets.token_hex(12)
    return AccountRecord(
        identity=identity, name=name or spec.label, url="", currency=currency, time_zone=zone
    )


def _already_connected(existing: Connection) -> StoreError:
    words = _("This account is already connected as “%s”. An account can be connected once.")
    return StoreError(words % existing.name)


def _set_account(connection: Connection, account: AccountRecord) -> None:
    facts = asdict(account)
    extra = facts.pop("extra")
    own = {
        key: connection.account[key] for key in ("webhook_warning", "choices") if key in connection.account
    }
    connection.account = {**facts, "extra": dict(extra), **own}
    connection.currency = account.currency[:3]
    connection.time_zone = account.time_zone or "UTC"
    connection.url = account.url[:300]


def set_up(connection: Connection, statuses: Sequence[StatusRecord]) -> None:
    """Create the API limit, streams and status map of a store; rows that exist already are not changed."""
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
                # Scheduled imports bring the changes from now on, the first sync brings what was before.
                cursor_at=now if stream.name.startswith("orders.") else None,
                due_at=now + FIRST_SYNC_TIME + timedelta(seconds=random.uniform(0, stream.period))
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


def _connect_again(
    connection: Connection,
    credentials: Mapping[str, Any],
    account: AccountRecord,
    statuses: Sequence[StatusRecord],
    *,
    author: Any,
) -> Connection:
    with transaction.atomic():
        row = locked(connection)
        was_disconnected = row.state == Connection.State.DISCONNECTED
        row.credentials = Secrets(credentials)
        if not row.webhook_secret:
            row.webhook_secret = Secrets(secret=secrets.token_hex(32))
        _set_account(row, account)
        if row.state != Connection.State.PAUSED:
            set_state(row, Connection.State.ACTIVE, "")
        row.failing_since, row.failure, row.blocked_until, row.is_in_maintenance = None, "", None, False
        if was_disconnected:
            row.is_read_only, row.webhooks_at = True, None
        row.save()
        audit.record("store.reconnected", row, {"credentials": ("", "")}, by=_author(author))
        set_up(row, statuses)
        resume_streams(row)
        first = first_sync.latest(row)
        if was_disconnected or (first is not None and first.state == Job.State.FAILED):
            first_sync.start(connection=row, author=author)
    return row


def _author(given: Any) -> Author | None:
    """Return the author that a caller gave, as a user or an author; None: the author of the request."""
    return given if given is None or isinstance(given, Author) else person(given)


def locked(connection: Connection) -> Connection:
    """Lock the store and its streams until the transaction ends; return the store as it is in the database.

    Streams are locked first, as when a page is stored: in another order the two could wait for each other.
    """
    rows = SyncStream.objects.select_for_update(of=("self",)).filter(connection=connection)
    list(rows.order_by("pk").values_list("pk", flat=True))
    return Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)


def set_state(connection: Connection, state: str, reason: str) -> None:
    """Set state and reason on the instance, and the time of the change when the state is another; saves nothing."""
    if connection.state != state:
        connection.state_since = timezone.now()
    connection.state, connection.state_reason = state, reason[:500]


def resume_streams(connection: Connection) -> None:
    """Start everything of a store that waits: due streams, streams whose last run failed, and unsent messages."""
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
    """Return these settings of a channel, checked; raises `StoreError` for an unknown setting or a wrong value."""
    declared = {setting.name: setting for setting in spec.settings}
    checked: dict[str, Any] = {}
    for name, value in options.items():
        setting = declared.get(name)
        if setting is None:
            raise StoreError(
                _("%(channel)s has no setting “%(name)s”.") % {"channel": spec.label, "name": name}
            )
        if setting.kind == "bool" and not isinstance(value, bool):
            raise StoreError(_("“%s” must be on or off.") % setting.label, field=name)
        if setting.kind == "choice" and value not in [choice for choice, _label in setting.choices]:
            raise StoreError(
                _("“%(value)s” is not a choice of “%(name)s”.") % {"value": value, "name": setting.label},
                field=name,
            )
        if setting.kind == "number" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise StoreError(_("“%s” must be a whole number, 0 or more.") % setting.label, field=name)
        checked[name] = _percent(setting, value) if setting.kind == "percent" else value
    return checked


def _percent(setting: StoreSetting, value: Any) -> str:
    """Return a percentage as text, "0" for an empty one; raises `StoreError` when it is not a number from 0 to 100."""
    try:
        found = Decimal(str(value).strip().replace(",", ".") or "0")
    except InvalidOperation:
        found = Decimal(-1)
    if not 0 <= found <= 100 or found != round(found, 3):
        raise StoreError(
            _("“%s” must be a number from 0 to 100, such as 20 or 5.5.") % setting.label, field=setting.name
        )
    return f"{found.normalize():f}"
