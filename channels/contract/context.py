"""The engine's services for an adapter: memory, locks, and notes on the store.

A connector uses them through its adapter and never uses the engine's tables. The engine's implementation is
`channels.pull.context.StoreContext`; `MemoryContext` is for a store that is not saved yet (while it is connected) and for
tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from channels.contract.records.orders import RemoteState
from channels.contract.spec import Capability


class ConnectorMemory(Protocol):
    """Facts that a connector stores about one store, by name and key: a new kind of fact needs no migration."""

    def get(self, name: str, key: str = "") -> Mapping[str, Any] | None:
        """Return the data stored under this name and key; None without data."""

    def known(self, name: str, keys: Iterable[str]) -> set[str]:
        """Return those of these keys under which data is stored."""

    def put(self, name: str, key: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Store `data` (JSON) under this name and key; it replaces older data."""

    def forget(self, name: str, keys: Sequence[str]) -> None:
        """Delete the data under these keys; unknown keys are ignored."""


class AdapterContext(Protocol):
    """The engine's services for the adapter of one store."""

    @property
    def memory(self) -> ConnectorMemory:
        """The facts that the connector has stored about this store."""

    def exclusive(self, key: str, *, wait_seconds: float | None = None) -> AbstractContextManager[None]:
        """Lock `key` of this store while the block runs, so that no other worker works on it.

        Raises `TemporaryError` (code "busy") when another worker has the lock for longer than `wait_seconds` (None: 15).
        """

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        """Record that the channel permanently refused this store a capability, with the reason."""

    def remote_states(self) -> Mapping[str, RemoteState]:
        """Return the store's own status map, by native status id; empty where it has none."""


class DictMemory:
    """A `ConnectorMemory` that is lost at the end of the process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Mapping[str, Any]] = {}

    def get(self, name: str, key: str = "") -> Mapping[str, Any] | None:
        return self._rows.get((name, key))

    def known(self, name: str, keys: Iterable[str]) -> set[str]:
        return {key for key in keys if (name, key) in self._rows}

    def put(self, name: str, key: str = "", data: Mapping[str, Any] | None = None) -> None:
        self._rows[name, key] = dict(data or {})

    def forget(self, name: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._rows.pop((name, key), None)


class MemoryContext:
    """An `AdapterContext` without a database: for one process and one adapter."""

    def __init__(self) -> None:
        self._memory = DictMemory()

    @property
    def memory(self) -> ConnectorMemory:
        return self._memory

    def exclusive(self, key: str, *, wait_seconds: float | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        return None

    def remote_states(self) -> Mapping[str, RemoteState]:
        return {}
