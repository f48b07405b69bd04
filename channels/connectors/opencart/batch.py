"""A batch of `stock_price`: what is sent together, and one outcome for each item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from channels.connectors.opencart.channel import BATCH
from channels.connectors.opencart.client import OpenCartClient, error_of
from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.updates import Outcome


class Batch:
    """Items of one `stock_price` call: one outcome for each ref, in the order they were added."""

    def __init__(self, client: OpenCartClient) -> None:
        self.client = client
        self.refs: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.items: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def add(self, ref: str, make: Callable[[], dict[str, Any]]) -> None:
        """Add what `make` gives; a `Rejected` of it is this item's outcome and is not sent."""
        self.refs.append(ref)
        try:
            self.items.append(((ref,), make()))
        except Rejected as error:
            self.errors[ref] = error

    def add_for(self, refs: Sequence[str], item: dict[str, Any]) -> None:
        """Add an item that belongs to several refs: its failure is theirs."""
        self.items.append((tuple(refs), item))

    def send(self) -> list[Outcome]:
        for start in range(0, len(self.items), BATCH):
            self._send(self.items[start : start + BATCH])
        return [Outcome(ref, self.errors.get(ref)) for ref in self.refs]

    def _send(self, part: Sequence[tuple[tuple[str, ...], dict[str, Any]]]) -> None:
        body = [{"ref": f"i{number}", **item} for number, (_, item) in enumerate(part)]
        results = {
            row.get("ref"): row
            for row in self.client.post("stock_price", {"items": body}, repeatable=True).data
        }
        for number, (refs, _) in enumerate(part):
            result = results.get(f"i{number}")
            if result is None:
                error: ChannelError = TemporaryError("The shop gave no answer for this item.")
            elif result["ok"]:
                continue
            else:
                error = item_error(result["error"])
            for ref in refs:
                self.errors.setdefault(ref, error)


def item_error(error: Mapping[str, Any]) -> ChannelError:
    """The error that one item of a batch answered."""
    return error_of(
        str(error.get("code", "")), str(error.get("message", "")), field=str(error.get("field", ""))
    )
