"""Access tokens that die: one per store, kept encrypted, shared by every worker, renewed by one at a time.

A worker that needs a token takes the stored one; when it is about to die, one worker takes the lease of the row and
asks the channel, the others wait for what it stores. What `refresh` gave is committed before anybody uses it, so that
a refresh token which is spent by using it (Etsy) is never lost between the answer and the database.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from channels.contract.errors import TemporaryError
from channels.models.fields import Secrets

if TYPE_CHECKING:
    from channels.models import Connection, ConnectionToken

LEASE = timedelta(seconds=90)  # longer than one call may take in all
PATIENCE = 30.0  # seconds that a worker waits for another one's refresh
STEP = 0.2
_HELD = "_held_token"

_sleep = time.sleep
_clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Token:
    """What a channel gave: the access token, when it dies, and what renews it (`extra`, e.g. a refresh token)."""

    access: str = field(repr=False)
    expires_at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def lives(self, seconds: float) -> bool:
        """Whether it is still good in `seconds` from now."""
        return self.expires_at > timezone.now() + timedelta(seconds=seconds)


Refresh = Callable[[Token | None], Token]


def get_token(connection: Connection, *, refresh: Refresh, margin_seconds: float = 60) -> str:
    """The store's access token, good for at least `margin_seconds` more.

    `refresh(stored)` asks the channel for the next one; `stored` is the last token that these credentials had (dead
    or not, its `extra` is what counts) or None. It is called under the store's lease, outside of any transaction,
    and what it raises (`AuthError`, `TemporaryError` …) is raised here with nothing changed. Raises `TemporaryError`
    when another worker's refresh takes longer than 30 s. A store that is not saved yet keeps its token in memory.
    """
    if not connection.pk:
        return _in_memory(connection, refresh, margin_seconds)
    until = _clock() + PATIENCE
    while True:
        row = _row(connection)
        token = _read(connection, row)
        if token is not None and not row.is_dead and token.lives(margin_seconds):
            return token.access
        lease = _take_lease(row)
        if lease is not None:
            return _renew(connection, row, lease, refresh).access
        if _clock() >= until:
            raise TemporaryError(
                _("Another worker is signing in to %(store)s; it will be tried again.")
                % {"store": connection.name},
                code="token_busy",
            )
        _sleep(STEP)


def invalidate(connection: Connection, token: str) -> None:
    """The channel refused this access token: the next `get_token` renews it.

    A token that another worker stored meanwhile is left alone, so that many workers with one dead token cause one
    refresh. What renews it is kept.
    """
    if not connection.pk:
        held: Token | None = getattr(connection, _HELD, None)
        if held is not None and held.access == token:
            setattr(connection, _HELD, Token("", timezone.now(), held.extra))
        return
    row = _row(connection)
    stored = _read(connection, row)
    if stored is not None and stored.access == token:
        type(row).objects.filter(pk=row.pk, version=row.version).update(is_dead=True)


def put_token(connection: Connection, token: Token) -> None:
    """Store a token that came another way (the answer of a sign-in); part of the caller's transaction."""
    from channels.models import ConnectionToken

    _row(connection)
    ConnectionToken.objects.filter(pk=connection.pk).update(
        data=_pack(connection, token),
        is_dead=False,
        version=F("version") + 1,
        lease_token="",
        lease_until=None,
    )


def stored_token(connection: Connection) -> Token | None:
    """The token as it is stored (held, of a store that is not saved yet), dead or alive; None without one."""
    if not connection.pk:
        held: Token | None = getattr(connection, _HELD, None)
        return held
    return _read(connection, _row(connection))


def forget(connection: Connection) -> None:
    """Throw the store's token away (disconnected, application removed)."""
    from channels.models import ConnectionToken

    ConnectionToken.objects.filter(pk=connection.pk).delete()


# ---------------------------------------------------------------- the row


def _row(connection: Connection) -> ConnectionToken:
    from channels.models import ConnectionToken

    row = ConnectionToken.objects.filter(pk=connection.pk).first()
    if row is None:
        ConnectionToken.objects.bulk_create([ConnectionToken(connection=connection)], ignore_conflicts=True)
        row = ConnectionToken.objects.get(pk=connection.pk)
    return row


def _mark(connection: Connection) -> str:
    """Names the credentials that a token was made with: other credentials never use it."""
    text = json.dumps(connection.credentials, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _pack(connection: Connection, token: Token) -> Secrets:
    return Secrets(
        access=token.access,
        expires_at=token.expires_at.isoformat(),
        extra=dict(token.extra),
        made_with=_mark(connection),
    )


def _read(connection: Connection, row: ConnectionToken) -> Token | None:
    data = row.data
    if not data or data.get("made_with") != _mark(connection):
        return None
    expires_at = parse_datetime(data["expires_at"])
    assert expires_at is not None
    return Token(data["access"], expires_at, data.get("extra", {}))


def _take_lease(row: ConnectionToken) -> str | None:
    """The right to renew what this row held when it was read; None while another worker has it."""
    return type(row).objects.filter(pk=row.pk, version=row.version).lease(LEASE) or None


def _renew(connection: Connection, row: ConnectionToken, lease: str, refresh: Refresh) -> Token:
    rows = type(row).objects.filter(pk=row.pk)
    try:
        token = refresh(_read(connection, row))
        # Durable: inside another transaction a rollback would lose what cannot be asked for twice.
        with transaction.atomic(durable=True):
            kept = rows.filter(version=row.version).update(
                data=_pack(connection, token), is_dead=False, version=row.version + 1
            )
        if not kept:  # our lease ran out and another worker was first
            newer = _read(connection, _row(connection))
            return newer if newer is not None and newer.lives(0) else token
        return token
    finally:
        rows.release_lease(lease)


# ---------------------------------------------------------------- stores that are not saved yet


def _in_memory(connection: Connection, refresh: Refresh, margin_seconds: float) -> str:
    token: Token | None = getattr(connection, _HELD, None)
    if token is None or not token.lives(margin_seconds):
        token = refresh(token)
        setattr(connection, _HELD, token)
    return token.access
