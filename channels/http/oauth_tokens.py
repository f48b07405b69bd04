"""Access tokens that expire: one for each store, stored encrypted, shared by every worker, renewed by one at a time.

A worker that needs a token uses the stored one. When it expires soon, one worker takes the lease of the row and renews
it; the others wait for the new token. It is committed before anybody uses it, so that a refresh token that can be used
only once (Etsy) is never lost between the answer and the database.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from channels.contract.errors import TemporaryError
from channels.models import Connection, ConnectionToken
from channels.models.fields import Secrets

LEASE = timedelta(seconds=90)  # longer than one call may take in all
LONGEST_WAIT_SECONDS = 30.0  # that a worker waits for the refresh of another one
STEP_SECONDS = 0.2  # between two tries
_UNSAVED = "_unsaved_token"

_sleep = time.sleep
_clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Token:
    """A token from a channel: the access token, when it expires, and what renews it (`extra`, such as a refresh token)."""

    access: str = field(repr=False)
    expires_at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def is_valid_for(self, seconds: float) -> bool:
        """Whether it is still valid in `seconds` from now."""
        return self.expires_at > timezone.now() + timedelta(seconds=seconds)


Refresh = Callable[[Token | None], Token]


def get_token(connection: Connection, *, refresh: Refresh, margin_seconds: float = 60) -> str:
    """Return the store's access token, valid for at least `margin_seconds` more.

    `refresh(stored)` requests a new token from the channel; `stored` is the last token of these credentials (perhaps
    expired; its `extra` is needed), or None. It is called under the store's lease, outside of any transaction; its
    errors (`AuthError`, `TemporaryError`, …) are raised here and nothing is changed. Raises `TemporaryError` when another
    worker's refresh takes longer than 30 s. The token of a store that is not saved yet is in memory.
    """
    if not connection.pk:
        return _in_memory(connection, refresh, margin_seconds)
    until = _clock() + LONGEST_WAIT_SECONDS
    while True:
        row = _row(connection)
        token = _read(connection, row)
        if token is not None and not row.is_dead and token.is_valid_for(margin_seconds):
            return token.access
        lease = _take_lease(row)
        if lease is not None:
            return _renew(connection, row, lease, refresh).access
        if _clock() >= until:
            raise TemporaryError(
                _("Another worker is signing in to %(store)s. Manifold tries again.")
                % {"store": connection.name},
                code="token_busy",
            )
        _sleep(STEP_SECONDS)


def invalidate(connection: Connection, token: str) -> None:
    """Mark this access token as refused by the channel: the next `get_token` renews it. Its `extra` stays.

    A token that another worker has stored in the meantime is not marked, so that many workers with one expired token
    cause one refresh.
    """
    if not connection.pk:
        unsaved: Token | None = getattr(connection, _UNSAVED, None)
        if unsaved is not None and unsaved.access == token:
            setattr(connection, _UNSAVED, Token("", timezone.now(), unsaved.extra))
        return
    row = _row(connection)
    stored = _read(connection, row)
    if stored is not None and stored.access == token:
        type(row).objects.filter(pk=row.pk, version=row.version).update(is_dead=True)


def put_token(connection: Connection, token: Token) -> None:
    """Store a token that `get_token` did not request (that of a sign-in), in the caller's transaction."""

    _row(connection)
    ConnectionToken.objects.filter(pk=connection.pk).update(
        data=_pack(connection, token),
        is_dead=False,
        version=F("version") + 1,
        lease_token="",
        lease_until=None,
    )


def stored_token(connection: Connection) -> Token | None:
    """Return the stored token, valid or not (for a store that is not saved yet: the one in memory); None without one."""
    if not connection.pk:
        unsaved: Token | None = getattr(connection, _UNSAVED, None)
        return unsaved
    return _read(connection, _row(connection))


def forget(connection: Connection) -> None:
    """Delete the store's token (it was disconnected, or the application was removed)."""

    ConnectionToken.objects.filter(pk=connection.pk).delete()


# ---------------------------------------------------------------- the row


def _row(connection: Connection) -> ConnectionToken:

    row = ConnectionToken.objects.filter(pk=connection.pk).first()
    if row is None:
        ConnectionToken.objects.bulk_create([ConnectionToken(connection=connection)], ignore_conflicts=True)
        row = ConnectionToken.objects.get(pk=connection.pk)
    return row


def _mark(connection: Connection) -> str:
    """Return a digest of the credentials: a token is used only with the credentials that it was requested with."""
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
            return newer if newer is not None and newer.is_valid_for(0) else token
        return token
    finally:
        rows.release_lease(lease)


# ---------------------------------------------------------------- stores that are not saved yet


def _in_memory(connection: Connection, refresh: Refresh, margin_seconds: float) -> str:
    token: Token | None = getattr(connection, _UNSAVED, None)
    if token is None or not token.is_valid_for(margin_seconds):
        token = refresh(token)
        setattr(connection, _UNSAVED, token)
    return token.access
