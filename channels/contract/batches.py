"""Items that go to a channel in one call, with one outcome for each update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from channels.contract.errors import Rejected
from channels.contract.records.updates import Outcome

Item = dict[str, Any]
#: Sends items in one call; returns one error (None: done) for each item, in the order given.
SendItems = Callable[[Sequence[Item]], Sequence[Exception | None]]


class ItemBatch:
    """Collects the items of many updates, sends them in calls of at most `size`, returns one outcome for each ref.

    `send` makes one call. When it raises, the whole batch ends with that error, as the rest was not sent.
    With `halve`, a call that is refused as a whole (`Rejected`) is made again in halves, until the item that causes the
    refusal is alone.
    """

    def __init__(self, send: SendItems, size: int, *, halve: bool = False) -> None:
        self._send_items = send
        self._size = size
        self._halve = halve
        self._refs: list[str] = []
        self._errors: dict[str, Exception] = {}
        self._items: list[tuple[tuple[str, ...], Item]] = []

    def add(self, ref: str, make: Callable[[], Item]) -> None:
        """Add the item that `make` returns. When it raises `Rejected`, that is the outcome and nothing is sent."""
        self._refs.append(ref)
        try:
            self._items.append(((ref,), make()))
        except Rejected as error:
            self._errors[ref] = error

    def add_for(self, refs: Sequence[str], item: Item) -> None:
        """Add an item that belongs to several refs, which were added before: its error is theirs."""
        self._items.append((tuple(refs), item))

    def send(self) -> list[Outcome]:
        """Send everything; return one outcome for each ref, in the order in which they were added."""
        for start in range(0, len(self._items), self._size):
            self._send(self._items[start : start + self._size])
        return [Outcome(ref, self._errors.get(ref)) for ref in self._refs]

    def _send(self, part: Sequence[tuple[tuple[str, ...], Item]]) -> None:
        try:
            errors = self._send_items([item for _refs, item in part])
        except Rejected as error:
            if not self._halve:
                raise
            if len(part) > 1:
                middle = len(part) // 2
                self._send(part[:middle])
                self._send(part[middle:])
                return
            errors = [error]
        for (refs, _item), failed in zip(part, errors, strict=True):
            for ref in refs if failed is not None else ():
                self._errors.setdefault(ref, failed)  # type: ignore[arg-type]
