"""What the engine gives an adapter besides the connection: memory, one writer at a time, and notes on the store.

A connector uses these through its adapter and never touches the engine's tables. The engine's own implementation is
`channels.pull.context.StoreContext`; `MemoryContext` serves a store that is not saved yet (while it is connected) and
tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from channels.contract.records.orders import RemoteState
from channels.contract.spec import Capability


class ConnectorMemory(Protocol):
    """Facts that a connector keeps about one store, by name and key: no migration is needed for a new one."""

    def get(self, name: str, key: str = "") -> Mapping[str, Any] | None:
        """Return what was kept under this name and key; None when there is nothing."""

    def known(self, name: str, keys: Iterable[str]) -> set[str]:
        """Return those of these keys under which something is kept."""

    def put(self, name: str, key: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Keep `data` (JSON) under this name and key; it replaces what was there."""

    def forget(self, name: str, keys: Sequence[str]) -> None:
        """Delete what is kept under these keys; nothing happens for keys that are not known."""


class AdapterContext(Protocol):
    """The engine's side of an adapter, for one store."""

    @property
    def memory(self) -> ConnectorMemory:
        """What the connector keeps about this store."""

    def exclusive(self, key: str, *, patience: float | None = None) -> AbstractContextManager[None]:
        """Be the only worker of this store that works on `key`, while the block runs.

        Raises `TemporaryError` (code "busy") when another worker does for longer than `patience` seconds (None: 15).
        """

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        """Write down that the channel refused this store one of its abilities for good, with the reason."""

    def remote_states(self) -> Mapping[str, RemoteState]:
        """Return the store's own reading of native statuses, by status id; empty where it has none."""


class DictMemory:
    """A `ConnectorMemory` that ends with the process."""

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

    def exclusive(self, key: str, *, patience: float | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        return None

    def remote_states(self) -> Mapping[str, RemoteState]:
        return {}
