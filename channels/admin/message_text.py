"""The subjects of messages in words, with the page of each: one statement for each kind of subject.

The subjects belong to apps above (orders, SKUs, listings): each registers the names of its kind. `subjects("order")`,
`subjects("shipment")` and `subjects("manifest")` in orders/admin, `subjects("sku")` and `subjects("listing")` in catalogue/admin/store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.contract.records.orders import FulfilmentEvent
from channels.models import OutboxMessage
from channels.push import topics
from channels.push.topics import Topic

EVENTS = frozenset(str(event) for event in FulfilmentEvent)
SKU_TOPICS = frozenset({Topic.STOCK, Topic.PRICE})
ORDER, SKU, LISTING, SHIPMENT = "order", "sku", "listing", "shipment"
MANIFEST = "manifest"

#: Keys -> (text, address of its page or "") of the subjects that exist.
Subjects = Callable[[Collection[int]], Mapping[int, tuple[str, str]]]
_subjects: dict[str, Subjects] = {}


@dataclass(frozen=True, slots=True)
class Described:
    """A message in words: what is sent, its subject, and the address of the subject ("" where it has none)."""

    topic: Any
    subject: str
    url: str

    def __str__(self) -> str:
        return f"{self.topic} {self.subject}"


def subjects(kind: str) -> Callable[[Subjects], Subjects]:
    """Register the function that names subjects of one kind (ORDER, SHIPMENT, MANIFEST, SKU, LISTING); one statement for its keys."""

    def register(find: Subjects) -> Subjects:
        _subjects[kind] = find
        return find

    return register


def described(rows: Iterable[OutboxMessage]) -> dict[int, Described]:
    """Return these messages in words, by key; makes at most five statements."""
    rows = list(rows)
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        wanted[kind_of(row.topic)].add(_key(row))
    names = {kind: _subjects[kind](keys) for kind, keys in wanted.items() if kind in _subjects}
    words: dict[int, Described] = {}
    for row in rows:
        kind, key = kind_of(row.topic), _key(row)
        text, url = names.get(kind, {}).get(key, (f"#{key}" if kind == ORDER else str(key), ""))
        words[row.pk] = Described(topics.title(row.topic), text, url)
    return words


def kind_of(topic: str) -> str:
    """Return the kind of subject of a topic: ORDER, SHIPMENT, MANIFEST, SKU or LISTING."""
    if topic == Topic.CARRIER_CLOSE_OUT:
        return MANIFEST
    if topic in (Topic.WMS_SHIPMENT, Topic.CARRIER_LABEL, Topic.CARRIER_TRACKING):
        return SHIPMENT
    return ORDER if topic in EVENTS else SKU if topic in SKU_TOPICS else LISTING


def _key(row: OutboxMessage) -> int:
    return row.group or 0 if row.topic in EVENTS else row.subject
