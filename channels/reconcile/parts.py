"""The parts that are compared between a store and Manifold. The apps above register one class for each part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from channels.contract.spec import Capability
from channels.models import Connection, Difference
from oms.kit.authors.actors import Author

ORDERS, PRODUCTS = "orders", "products"

#: The repair that every part has: the difference is right as it is, until the store shows another value.
KEEP = "keep"

Kind = Difference.Kind


@dataclass(frozen=True, slots=True)
class Found:
    """One difference that a comparison found; the columns of `Difference`. `data` has what a repair needs of the store."""

    key: str
    kind: str
    name: str
    ours: str = ""
    theirs: str = ""
    field: str = ""
    subject_id: int | None = None
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repair:
    """One way to end differences of these kinds. `needs`: the capability without which the channel cannot be sent it."""

    key: str
    label: Any
    kinds: frozenset[str]
    needs: Capability | None = None

    def off(self, connection: Connection) -> str:
        """Return why this store cannot be repaired this way; "" where it can."""
        return connection.why_not(self.needs) if self.needs is not None else ""


class Part:
    """The base of a part. `stream` names what is read of the channel for it ("" where the imports have it already).

    A page of the channel is compared by `compare_page`, what the whole reading showed by `compare_missing`, and what the
    imports show by `compare_stored`. Each returns what it found in a constant number of statements for each batch.
    """

    key: ClassVar[str]
    title: ClassVar[Any]
    position: ClassVar[int] = 100
    stream: ClassVar[str] = ""
    needs: ClassVar[tuple[Capability, ...]] = ()
    repairs: ClassVar[Sequence[Repair]] = ()
    #: Field -> its name on screens.
    fields: ClassVar[dict[str, Any]] = {}
    #: The name of the page that shows it instead of the common list; "" for the common list.
    page_name: ClassVar[str] = ""
    #: The name of the page of Manifold's row (`subject_id`) of a difference; "" for none.
    link: ClassVar[str] = ""

    def off(self, connection: Connection) -> str:
        """Return why the part cannot be compared for this store; "" where it can (R-CAT-13)."""
        return next((reason for one in self.needs if (reason := connection.why_not(one))), "")

    def compare_page(
        self, connection: Connection, records: Sequence[Any], read_from: datetime
    ) -> list[Found]:
        """Compare one page of the channel, which was requested at `read_from` or later."""
        return []

    def compare_missing(self, connection: Connection, since: datetime, until: datetime) -> list[Found]:
        """Return what Manifold has of this period and the reading (`ReconcileSeen`) has not."""
        return []

    def compare_stored(self, connection: Connection) -> Iterable[list[Found]]:
        """Compare what the imports show with what Manifold has, in batches."""
        return ()

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Repair these open differences; return a sentence for each that was refused."""
        raise NotImplementedError

    def count(self, connection: Connection) -> int:
        """Return how many differences are open, without expected lags."""
        rows = Difference.objects.filter(connection=connection, part=self.key, closed_at=None)
        return rows.exclude(kind=Kind.LAG).count()


#: `function(connection)` returns how many listed SKUs a store has, for the pace of a reading.
Sized = Callable[[Connection], int]

_parts: dict[str, Part] = {}
_sized: list[Sized] = []


def register_size(function: Sized) -> None:
    """Register how many records of a store a reading of its products finds; called at start-up."""
    _sized.append(function)


def size_of(connection: Connection) -> int:
    """Return about how many products a store lists; 0 where no app knows."""
    return sum(function(connection) for function in _sized)


def register(part: Part) -> None:
    """Compare this part; called at start-up. Screens show the parts by `position`."""
    _parts[part.key] = part


def all_parts() -> list[Part]:
    """Return the registered parts, by position."""
    return sorted(_parts.values(), key=lambda part: part.position)


def part_of(key: str) -> Part | None:
    """Return a part by its key; None for an unknown one."""
    return _parts.get(key)


def counts(connection: Connection) -> dict[str, int]:
    """Return how many differences of each part of a store are open. One statement for each part."""
    return {part.key: part.count(connection) for part in all_parts()}
