"""The engine's services for an adapter (`channels.contract.context`): memory, locks and notes of one saved store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.context import AdapterContext, ConnectorMemory, MemoryContext
from channels.contract.errors import TemporaryError
from channels.contract.records.orders import RemoteState
from channels.contract.spec import Capability
from channels.models import Connection, ConnectorState
from channels.workers import failures, locks

LONGEST_WAIT_SECONDS = 15.0  # that `exclusive` waits for another worker
STEP_SECONDS = 0.1  # between two tries to get a lock
KEY_LENGTH = 60  # characters of a lock's key

_sleep = time.sleep
_clock = time.monotonic


def context_of(connection: Connection) -> AdapterContext:
    """Return the context of this store's adapter; for a store that is not saved yet, one in memory."""
    return StoreContext(connection) if connection.pk else MemoryContext()


class StoredMemory:
    """The facts of a connector about a saved store, in `ConnectorState`."""

    def __init__(self, connection: Connection) -> None:
        self._rows = ConnectorState.objects.filter(connection=connection)
        self._connection = connection

    def get(self, name: str, key: str = "") -> Mapping[str, Any] | None:
        return self._rows.filter(name=name, key=key).values_list("data", flat=True).first()

    def known(self, name: str, keys: Iterable[str]) -> set[str]:
        return set(self._rows.filter(name=name, key__in=list(keys)).values_list("key", flat=True))

    def put(self, name: str, key: str = "", data: Mapping[str, Any] | None = None) -> None:
        fields = {"data": dict(data or {}), "updated_at": timezone.now()}
        ConnectorState.objects.update_or_create(
            connection=self._connection, name=name, key=key, defaults=fields
        )

    def forget(self, name: str, keys: Sequence[str]) -> None:
        self._rows.filter(name=name, key__in=list(keys)).delete()


class StoreContext:
    """The context of a saved store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory = StoredMemory(connection)

    @property
    def memory(self) -> ConnectorMemory:
        return self._memory

    @contextmanager
    def exclusive(self, key: str, *, wait_seconds: float | None = None) -> Iterator[None]:
        """Lock a key of this store; see `AdapterContext.exclusive`."""
        full = f"{self._connection.channel}:{self._connection.pk}:{key}"[:KEY_LENGTH]
        until = _clock() + (LONGEST_WAIT_SECONDS if wait_seconds is None else wait_seconds)
        while (token := locks.acquire(full)) is None:
            if _clock() >= until:
                raise TemporaryError(
                    _("Another worker is changing this listing. Manifold tries again."), code="busy"
                )
            _sleep(STEP_SECONDS)
        try:
            yield
        finally:
            locks.release(full, token)
            locks.remove_idle(full)  # otherwise a row for each key would stay

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        failures.record_not_offered(self._connection, capability, reason)

    def remote_states(self) -> Mapping[str, RemoteState]:
        rows = self._connection.statuses.values_list("external_id", "remote_state")
        return {external_id: RemoteState(state) for external_id, state in rows}
