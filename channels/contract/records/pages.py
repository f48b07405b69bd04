"""Pages of records of any kind, and the query for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from channels.contract.records.native import Native
from channels.contract.records.products import AttributeRecord

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Window:
    """The period of an import: changed at or after `start`, and before `end`. None = no bound."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class PullQuery:
    """The query of an import: a window, and optionally only some statuses or external ids.

    `created`: records created in the window instead of changed in it (first sync, syncs of a period). `statuses` are
    native status ids, `ids` are external ids; both empty mean "all". `stream` is the name of the stream, for channels
    with a separate call for it (Etsy's cancelled receipts). `by_person`: a person started the import, so the channel may
    do more than at each poll (OpenCart compares its tables).
    """

    window: Window = Window(None, None)
    created: bool = False
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    stream: str = ""
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of records. `next_page` is the token for the next page; None: it is the last page.

    `refused` are native rows that the connector could not read, each with its external id and reason. `total` is the
    channel's own count where it has one (for the progress only). `settled` are ids of rejected records that are resolved,
    although the page has no record of that id. `attributes` are those of its products, where the channel has no list of
    attributes. `left_out` counts rows that are not imported on purpose, by the reason. `missing` are
    requested ids that the channel says it does not have (any more).
    """

    records: Sequence[R]
    next_page: str | None = None
    refused: Sequence[RefusedRow] = ()
    total: int | None = None
    settled: Sequence[str] = ()
    attributes: Sequence[AttributeRecord] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A native row that could not be read, with the reason in one sentence."""

    external_id: str
    reason: str
    native: Native
