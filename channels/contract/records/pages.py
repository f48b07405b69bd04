"""A page of records of any kind, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from channels.contract.records.native import Native
from channels.contract.records.products import AttributeRecord

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open time a pull asks for: changed at or after `start`, before `end`. None = no bound."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class PullQuery:
    """What to pull: a window, and optionally only some statuses, external ids or one order number.

    `created` asks for records created in the window instead of changed in it (first sync, period syncs).
    `statuses` are native status ids; `ids` are external ids; both empty mean "all". `stream` names the stream
    that asks, for channels that have a call of its own for it (Etsy's cancelled receipts).
    """

    window: Window = Window(None, None)
    created: bool = False
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of records. `next_page` is the channel's opaque token; None ends the scan.

    `refused` are native rows that the mapping itself could not read, each with its external id and reason.
    `total` is the channel's own count where it gives one (progress only). `settled` are ids of earlier refusals that
    hold no longer, though no record of that id is here. `attributes`: those that its products brought along, where the
    channel has no list of them.
    """

    records: Sequence[R]
    next_page: str | None = None
    refused: Sequence[RefusedRow] = ()
    total: int | None = None
    settled: Sequence[str] = ()
    attributes: Sequence[AttributeRecord] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A native row that could not become a record, with the reason in one sentence."""

    external_id: str
    reason: str
    native: Native
